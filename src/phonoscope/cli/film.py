"""Optical soundtracks of film scans: the command `film`."""

from pathlib import Path
from typing import Annotated

import typer

from phonoscope.choices import FilmKind
from phonoscope.cli import options
from phonoscope.cli.console import print_facts, print_warnings, progress_bar
from phonoscope.cli.outputs import check_outputs, default_output


def film(
    source: options.Source,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o",
            help="WAV file to write; its facts go beside it, as .json.",
            show_default="SOURCE with the suffix .wav",
            metavar="FILE",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    track: Annotated[
        str,
        typer.Option(
            help="Where the track lies: auto, left or right half, or its columns in px.",
            metavar="auto|left|right|FIRST,LAST",
            rich_help_panel=options.INPUT,
        ),
    ] = "auto",
    kind: Annotated[
        FilmKind,
        typer.Option(
            help="Of the track: variable area, or variable density.",
            rich_help_panel=options.INPUT,
        ),
    ] = "auto",
    fps: Annotated[
        str,
        typer.Option(
            help="Frames/s at which the film is to run.",
            metavar="RATE",
            rich_help_panel=options.INPUT,
        ),
    ] = "24",
    advance: Annotated[
        int,
        typer.Option(
            help="Frames by which the sound lies ahead of its picture: 21 on 35 mm prints, 26 on "
            "16 mm. So much silence comes first, and both are in step.",
            metavar="FRAMES",
            rich_help_panel=options.OUTPUT,
        ),
    ] = 0,
    start: options.Start = 0.0,
    duration: options.Duration = None,
    quiet: options.Quiet = False,
) -> None:  # fmt: skip
    """Write the sound of the optical soundtrack that scans of film show."""
    from phonoscope.pipeline import film_track as run
    from phonoscope.pipeline import record_path

    target = default_output(source, ".wav") if output is None else output
    check_outputs(source, target, record_path(target))
    looking = "looking for the track"
    with progress_bar(quiet, "reading", before=looking, after="finishing") as progress:
        done = run(
            source, target, track=track, kind=kind, fps=fps, advance=advance, start=start,
            duration=duration, progress=progress,
        )  # fmt: skip
    if quiet:
        return
    channels = "stereo" if done.channels == 2 else "mono"
    print_facts(
        ("sound", str(done.output)),
        ("length", f"{done.duration_s:.3f} s, {done.frames:,} scans"),
        ("track", f"variable {done.kind}, {channels}, columns {done.first_px} to {done.stop_px}"),
        ("pitch", f"{done.pitch_lines:.3f} lines a frame, {done.shared_lines:.1f} of them shared"),
        ("holds", f"up to {done.highest_hz:,.0f} Hz"),
        ("weave", f"{done.weave_lines:.2g} lines RMS taken off, by {done.joined_by}"),
        ("SNR", f"about {done.snr_db:.1f} dB"),
    )
    print_warnings(done.warnings)
