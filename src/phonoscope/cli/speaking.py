"""Who speaks: the command `speakers`."""

from pathlib import Path
from typing import Annotated

import typer

from phonoscope.cli import options
from phonoscope.cli.console import print_facts, progress_bar
from phonoscope.cli.outputs import STREAM, check_outputs, write_facts
from phonoscope.errors import SilenceError

KNOWN = "Known people"


def speakers(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Sound file (.wav, .flac ...), motion file, or video.",
            show_default=False,
        ),
    ],
    fps: options.Fps = None,
    band: options.Band = None,
    least: Annotated[
        float,
        typer.Option(
            help="Smallest probability at which to answer woman or man, and how many; 0.5 to 1.",
            metavar="P",
        ),
    ] = 0.8,
    number: Annotated[
        int | None,
        typer.Option(
            help="How many people speak, 1 to 4, if you know.", metavar="N", show_default=False
        ),
    ] = None,
    enrol: Annotated[
        list[str] | None,
        typer.Option(
            help="Clean recordings of somebody to compare with: a sound file, or a folder of them. "
            "May be given several times, also for one name.",
            metavar="NAME=PATH",
            show_default=False,
            rich_help_panel=KNOWN,
        ),
    ] = None,
    encoder: Annotated[
        Path | None,
        typer.Option(
            help="ONNX file of a speaker encoder of your own to compare with.",
            metavar="FILE",
            show_default=False,
            rich_help_panel=KNOWN,
        ),
    ] = None,
    json_file: options.Json = None,
    quiet: options.Quiet = False,
) -> None:
    """Say whether there is speech in a sound, where, and who speaks: how many, and which ones.

    Exits with 1 where there is no speech.
    """
    from phonoscope.pipeline import speakers_in, speakers_record
    from phonoscope.report import told_of

    check_outputs(source, json_file=json_file)
    with progress_bar(quiet) as progress:
        found = speakers_in(
            source, fps=fps, band=band, least=least, number=number, enrol=enrol, encoder=encoder,
            progress=progress,
        )  # fmt: skip
    write_facts(json_file, speakers_record(found))
    if not found.speech.detected:
        raise SilenceError(f"no speech is told in {source}: {found.speech.reason}.")
    if not quiet and json_file != STREAM:
        print_facts(*told_of(found))
