"""Numbers for other tools: the command `export`."""

from pathlib import Path
from typing import Annotated

import typer

from phonoscope.cli import options
from phonoscope.cli.console import print_facts, print_warnings, progress_bar
from phonoscope.cli.outputs import check_outputs
from phonoscope.errors import UsageError


def export(
    source: options.SourceOrMotion,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o",
            help="File to write: .csv, .mat (MATLAB), .npz (NumPy), .h5 (HDF5), .uff or .unv "
            "(modal analysis).",
            show_default=False,
            metavar="FILE",
            rich_help_panel=options.OUTPUT,
        ),
    ],
    fps: options.Fps = None,
    at: Annotated[
        str | None,
        typer.Option(
            help="Point of the picture, in px: the cell that holds it.",
            show_default="the whole picture",
            metavar="X,Y",
        ),
    ] = None,
    region: Annotated[
        str | None,
        typer.Option(
            help="Rectangle of the picture, in px: the mean of its cells, weighted by what each "
            "can tell.",
            metavar="X,Y,WIDTH,HEIGHT",
        ),
    ] = None,
    scale: Annotated[
        float | None,
        typer.Option(
            help="Size of a pixel on the object in µm, for motion in µm rather than px.",
            metavar="UM",
        ),
    ] = None,
    spectrum: Annotated[
        bool,
        typer.Option("--spectrum", help="Write the spectrum rather than the motion itself."),
    ] = False,
    resolution: Annotated[
        float | None,
        typer.Option(
            help="Of the spectrum: how near two lines may lie and still be told apart.",
            show_default="windows of an eighth of the clip",
            metavar="HZ",
        ),
    ] = None,
    cell: options.Cell = None,
    start: options.Start = 0.0,
    duration: options.Duration = None,
    shutter: options.Shutter = None,
    line_delay: options.LineDelay = None,
    readout: options.Readout = None,
    direction: options.ReadingDirection = None,
    pattern: options.Seen = "texture",
    device: options.Device = "cpu",
    quiet: options.Quiet = False,
) -> None:  # fmt: skip
    """Write how a point or a region moved, or its spectrum, as numbers for other tools."""
    from phonoscope.report import check_numbers, write_numbers

    place = None if at is None else _point(at)
    if resolution is not None and not spectrum:
        raise UsageError("a resolution is of a spectrum; give --spectrum with it.")
    check_numbers(output)
    check_outputs(source, output)
    from phonoscope.pipeline import motion_field
    from phonoscope.sound import displacement, displacement_spectrum

    with (
        progress_bar(quiet) as progress,
        motion_field(
            source, fps=fps, cell=cell, start=start, duration=duration, shutter=shutter,
            line_delay=line_delay, readout=readout, direction=direction, pattern=pattern,
            device=device, progress=progress,
        ) as field,
    ):  # fmt: skip
        motion = displacement(field, at=place, region=region, scale=scale)
        warnings = field.warnings
    if spectrum:
        write_numbers(output, displacement_spectrum(motion, resolution_hz=resolution))
    else:
        write_numbers(output, motion)
    if not quiet:
        x, y = motion.covariance.diagonal() ** 0.5
        print_facts(
            ("numbers", str(output)),
            ("of", f"{motion.cells:,} cells, {len(motion.time_s):,} frames"),
            ("error", f"{x:.2g} {motion.unit} along x, {y:.2g} {motion.unit} along y, a frame"),
        )
        print_warnings(warnings)


def _point(text: str) -> tuple[float, float]:
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"point {text!r} is not x,y in pixels, such as 120,80.") from None
    return x, y
