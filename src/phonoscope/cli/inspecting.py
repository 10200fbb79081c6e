"""Before the long run: the command `inspect`."""

from pathlib import Path
from typing import Annotated

import typer

from phonoscope.cli import options
from phonoscope.cli.console import print_inspection, progress_bar
from phonoscope.cli.outputs import STREAM, check_outputs, write_facts


def inspect(
    source: options.Source,
    fps: options.Fps = None,
    region: options.Regions = None,
    band: options.Band = None,
    cell: options.Cell = None,
    start: options.Start = 0.0,
    duration: options.Duration = None,
    shutter: options.Shutter = None,
    line_delay: options.LineDelay = None,
    readout: options.Readout = None,
    direction: options.ReadingDirection = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            help="Draw which parts of the frame are good microphones (.png, .svg, .pdf).",
            metavar="FILE",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    json_file: options.Json = None,
    quiet: options.Quiet = False,
) -> None:
    """Look at the beginning of a video: what can be heard in it, and what that will take."""
    from phonoscope.pipeline import inspect as run
    from phonoscope.pipeline import inspection_record

    check_outputs(source, picture, json_file=json_file)
    if picture is not None:
        from phonoscope.report import check_picture, draw_microphones

        check_picture(picture)
    with progress_bar(quiet, after="weighing") as progress:
        found = run(
            source, fps=fps, region=region or (), band=band, cell=cell, start=start,
            duration=duration, shutter=shutter, line_delay=line_delay, readout=readout,
            direction=direction, progress=progress,
        )  # fmt: skip
    if picture is not None:
        draw_microphones(found, picture)
    write_facts(json_file, inspection_record(found))
    if not quiet and json_file != STREAM:
        print_inspection(found, picture)
