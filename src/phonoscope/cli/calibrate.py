"""What is measured once, for the clips that follow: the commands below `calibrate`."""

from pathlib import Path
from typing import Annotated

import typer

from phonoscope.cli import options
from phonoscope.cli.console import print_response, print_shutter, progress_bar
from phonoscope.cli.outputs import check_outputs, default_output

RESPONSE_EXAMPLES = """[bold]Examples[/bold]: noise.wav was played while calibration.mp4 was filmed

phonoscope calibrate response calibration.mp4 noise.wav --fps 2200 -o bag.response

phonoscope recover clip.mp4 --fps 2200 --equalize bag.response"""

SHUTTER_EXAMPLES = """[bold]Examples[/bold]: two seconds of a plain wall by the light of a lamp

phonoscope calibrate shutter wall.mp4

phonoscope calibrate shutter wall.mp4 --lamp 100 --fps 60000/1001"""

app = typer.Typer(help="Measure once what the clips that follow need.", no_args_is_help=True)


@app.command(epilog=RESPONSE_EXAMPLES)
def response(
    source: options.SourceOrMotion,
    known: Annotated[
        Path,
        typer.Argument(
            metavar="SOUND",
            help="Audio file that was played: noise or a chirp.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o",
            help="File to write.",
            show_default="SOURCE with the suffix .response",
            metavar="FILE",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    fps: options.Fps = None,
    region: options.Regions = None,
    band: options.Band = None,
    cell: options.Cell = None,
    start: options.Start = 0.0,
    duration: options.Duration = None,
    quiet: options.Quiet = False,
) -> None:  # fmt: skip
    """Measure how an object hears, so that recover --equalize can take its colour off."""
    target = default_output(source, ".response") if output is None else output
    check_outputs(source, target, read=known)
    from phonoscope.pipeline import calibrate_response as run

    with progress_bar(quiet) as progress:
        measured = run(
            source, known, fps=fps, region=region or (), band=band, cell=cell, start=start,
            duration=duration, progress=progress,
        )  # fmt: skip
    measured.write(target)
    if not quiet:
        print_response(measured, target)


@app.command(epilog=SHUTTER_EXAMPLES)
def shutter(
    source: options.Source,
    lamp: Annotated[
        float,
        typer.Option(
            help="Frequency at which the lamp's light swells: twice that of the mains, "
            "120 or 100 Hz.",
            metavar="HZ",
            rich_help_panel=options.INPUT,
        ),
    ] = 120.0,
    fps: options.Fps = None,
    start: options.Start = 0.0,
    duration: options.Duration = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the line delay only.")
    ] = False,
) -> None:  # fmt: skip
    """Measure a rolling shutter's line delay from the bands that a flickering lamp makes."""
    from phonoscope.pipeline.shutter import calibrate_shutter

    with progress_bar(quiet, before="opening", after="measuring the bands") as progress:
        bands = calibrate_shutter(
            source, lamp=lamp, fps=fps, start=start, duration=duration, progress=progress
        )
    print_shutter(bands, quiet=quiet)
