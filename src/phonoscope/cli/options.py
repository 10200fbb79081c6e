"""Options that several commands share; their names and defaults are those of the functions."""

from pathlib import Path
from typing import Annotated

import typer

INPUT = "Input"
OUTPUT = "Output"
LISTENING = "For listening"
METHOD = "Method"

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="Video file, folder or glob of images, multi-page TIFF, or .npy array.",
        show_default=False,
    ),
]
SourceOrMotion = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="Video file, folder or glob of images, multi-page TIFF, .npy array, or motion file.",
        show_default=False,
    ),
]
Fps = Annotated[
    str | None,
    typer.Option(
        help="True capture rate in frames/s (2200, 30000/1001), where the file does not say it.",
        metavar="RATE",
        rich_help_panel=INPUT,
    ),
]
Regions = Annotated[
    list[str] | None,
    typer.Option(
        help="Listen only there, in px. May be given several times.",
        metavar="X,Y,WIDTH,HEIGHT",
        rich_help_panel=INPUT,
    ),
]
Cell = Annotated[
    int | None,
    typer.Option(
        help="Edge of a cell in px.",
        show_default="16, more for frames beyond a megapixel",
        metavar="PX",
        rich_help_panel=INPUT,
    ),
]
Start = Annotated[
    float,
    typer.Option(
        help="Begin so many seconds of capture time in.", metavar="S", rich_help_panel=INPUT
    ),
]
Duration = Annotated[
    float | None,
    typer.Option(
        help="Take so many seconds of capture time.",
        show_default="to the end",
        metavar="S",
        rich_help_panel=INPUT,
    ),
]
Band = Annotated[
    str | None,
    typer.Option(
        help="Lowest and highest frequency to keep, Hz.",
        show_default="20 Hz to half the capture rate",
        metavar="LOW,HIGH",
    ),
]
Json = Annotated[
    Path | None,
    typer.Option(
        "--json",
        help="Write every fact of the result here.",
        metavar="FILE",
        rich_help_panel=OUTPUT,
    ),
]
Fingerprint = Annotated[
    bool,
    typer.Option(
        "--fingerprint",
        help="Keep the SHA-256 of SOURCE in the record; slows uncompressed video only.",
        rich_help_panel=OUTPUT,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
