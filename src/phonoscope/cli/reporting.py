"""A page to look at and listen to: the command `report`, and `recover --report`."""

import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phonoscope.cli import options
from phonoscope.cli.console import print_facts, print_warnings, progress_bar

if TYPE_CHECKING:
    from phonoscope.types import MotionField, Sound


def report(
    source: options.SourceOrMotion,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o",
            help="Folder to write: a new or empty one, or one that holds an earlier report.",
            show_default=False,
            metavar="DIR",
            rich_help_panel=options.OUTPUT,
        ),
    ],
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
    at: Annotated[
        list[float] | None,
        typer.Option(
            help="Show how the parts move at this frequency. May be given several times.",
            show_default="the strongest peaks of the sound",
            metavar="HZ",
        ),
    ] = None,
    enhance: options.Enhance = None,
    mains: options.MainsHum = "auto",
    pattern: options.Seen = "texture",
    device: options.Device = "cpu",
    quiet: options.Quiet = False,
) -> None:  # fmt: skip
    """Write what was heard as one page: pictures, players, and the record of how it was made."""
    from phonoscope.pipeline import motion_field, recover
    from phonoscope.report import check_report

    check_report(output)
    with (
        progress_bar(quiet) as progress,
        motion_field(
            source, band=band, fps=fps, region=region or (), cell=cell, start=start,
            duration=duration, shutter=shutter, line_delay=line_delay, readout=readout,
            direction=direction, pattern=pattern, device=device, fingerprint=True,
            progress=progress,
        ) as field,
    ):  # fmt: skip
        sound = recover(field, band=band, enhance=enhance, mains=mains)
        page = write_page(output, field, sound, at or ())
    if not quiet:
        print_facts(("report", str(page)))
        print_warnings(sound.warnings)


def write_page(
    folder: Path, field: "MotionField", sound: "Sound", at: Sequence[float] = ()
) -> Path:
    """Write a report, with the motion at some frequencies (else at the sound's peaks)."""
    from phonoscope.pipeline import speakers_in
    from phonoscope.report import write_report
    from phonoscope.sound import deflection_shapes

    command = shlex.join(["phonoscope", *sys.argv[1:]])
    shapes = deflection_shapes(field, sound, at)
    speakers = speakers_in(sound)
    return write_report(folder, field, sound, shapes=shapes, speakers=speakers, command=command)
