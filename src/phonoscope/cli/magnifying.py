"""A video in which the vibration is seen: the command `magnify`."""

from pathlib import Path
from typing import Annotated

import typer

from phonoscope.cli import options
from phonoscope.cli.console import print_facts, print_warnings, progress_bar
from phonoscope.cli.outputs import check_outputs


def magnify(
    source: options.Source,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o",
            help="Video to write: .mp4 plays everywhere, .mkv loses nothing.",
            show_default=False,
            metavar="FILE",
            rich_help_panel=options.OUTPUT,
        ),
    ],
    band: Annotated[
        list[str],
        typer.Option(
            help="Frequencies to magnify, Hz. May be given several times.",
            show_default=False,
            metavar="LOW,HIGH",
        ),
    ],
    gain: Annotated[
        float,
        typer.Option(help="How many times larger the motion is shown; 0 takes it out."),
    ] = 50.0,
    fps: options.Fps = None,
    region: Annotated[
        list[str] | None,
        typer.Option(
            help="Magnify only there, in px. May be given several times.",
            metavar="X,Y,WIDTH,HEIGHT",
            rich_help_panel=options.INPUT,
        ),
    ] = None,
    cell: options.Cell = None,
    start: options.Start = 0.0,
    duration: options.Duration = None,
    motion: Annotated[
        Path | None,
        typer.Option(
            help="Motion file of the same video, if it is measured already.",
            metavar="FILE",
            rich_help_panel=options.INPUT,
        ),
    ] = None,
    playback: Annotated[
        str | None,
        typer.Option(
            help="Frames/s at which the video plays.",
            show_default="3 swings a second, at 5 to 60 frames/s",
            metavar="RATE",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    device: options.Device = "cpu",
    quiet: options.Quiet = False,
) -> None:  # fmt: skip
    """Write a video in which the vibration of some frequencies is large enough to be seen."""
    from phonoscope.pipeline import magnify as run

    check_outputs(source, output, read=motion)
    with progress_bar(quiet, "magnifying", after="finishing") as progress:
        done = run(
            source, output, band=band, gain=gain, fps=fps, region=region or (), cell=cell,
            start=start, duration=duration, motion=motion, playback=playback, device=device,
            progress=progress,
        )  # fmt: skip
    if quiet:
        return
    bands = " and ".join(f"{low:g} to {high:g} Hz" for low, high in done.bands_hz)
    print_facts(
        ("video", str(done.output)),
        ("length", f"{done.duration_s:.3f} s, {done.frames:,} frames"),
        ("band", bands),
        ("magnified", f"{done.gain:.4g} times; the largest motion was {done.largest_px:.2g} px"),
        ("playback", f"{float(done.playback):.4g} frames/s, {done.slower:.3g} times slower"),
        ("bent on", done.device),
    )
    print_warnings(done.warnings)
