"""Options that several commands share; their names and defaults are those of the functions."""

from pathlib import Path
from typing import Annotated

import typer

from phonoscope.choices import Direction, Kind, Mains, Pattern, ShutterKind, Speed

INPUT = "Input"
OUTPUT = "Output"
LISTENING = "For listening"
METHOD = "Method"
SHUTTER = "Rolling shutter"
MACHINES = "Many machines"
_VIDEO = (
    "Video file or its address (https://, s3:// ...), folder or glob of images, multi-page TIFF, "
)

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help=_VIDEO + "or .npy array.",
        show_default=False,
    ),
]
SourceOrMotion = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help=_VIDEO + ".npy array, or motion file.",
        show_default=False,
    ),
]
Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE",
        help=_VIDEO + ".npy array, or motion file. "
        "With --out any number of them, also folders of videos, and CSV files with a column source "
        "and columns named as these options.",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Folder for the results of many sources: of each a .wav and a .json; summary.csv of "
        "all. Those done before are skipped.",
        metavar="DIR",
        rich_help_panel=OUTPUT,
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        help="With --out: how many files at a time.",
        show_default="one a core, if there are 2 GiB of memory for each",
        metavar="N",
        min=1,
        rich_help_panel=OUTPUT,
    ),
]
Mux = Annotated[
    Path | None,
    typer.Option(
        help="Also write the clip again with its sound as new tracks, the picture as it is: .mov, "
        ".mp4 or .mkv.",
        metavar="FILE",
        rich_help_panel=OUTPUT,
    ),
]
Timeline = Annotated[
    Path | None,
    typer.Option(
        help="Also write a timeline of the clip and its sound for editors: .otio.",
        metavar="FILE",
        rich_help_panel=OUTPUT,
    ),
]
PlayedAt = Annotated[
    Speed,
    typer.Option(
        "--speed",
        help="Of --mux and --timeline, for slow motion: the sound as slow as the picture; or both "
        "as fast as life.",
        rich_help_panel=OUTPUT,
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
Seen = Annotated[
    Pattern,
    typer.Option(
        "--source",
        help="What the picture shows: texture of surfaces; or a laser's speckle, out of focus, "
        "which is followed from frame to frame. In Python and in tables: pattern.",
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
        show_default="20 Hz to half the capture rate; 80 to 2000 Hz with a slow rolling shutter",
        metavar="LOW,HIGH",
    ),
]
Shutter = Annotated[
    ShutterKind | None,
    typer.Option(
        help="How the sensor is read: all rows at once, or one after the other.",
        show_default="what the file says, else global",
        rich_help_panel=SHUTTER,
    ),
]
LineDelay = Annotated[
    str | None,
    typer.Option(
        help="Of a rolling shutter, time from row to row (16e-6, 16us).",
        show_default="what the file says",
        metavar="S",
        rich_help_panel=SHUTTER,
    ),
]
Readout = Annotated[
    str | None,
    typer.Option(
        help="The same as the time in which all rows are read (11.5ms).",
        metavar="S",
        rich_help_panel=SHUTTER,
    ),
]
ReadingDirection = Annotated[
    Direction | None,
    typer.Option(
        "--direction",
        help="Whether the top row is read first, or the bottom row.",
        show_default="down",
        rich_help_panel=SHUTTER,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        help="What goes over the pixels: cpu; cuda, cuda:1, xpu or mps (PyTorch: pip install "
        "'phonoscope[gpu]'); or auto, one of those if there is one.",
        metavar="NAME",
        rich_help_panel=METHOD,
    ),
]
Exposure = Annotated[
    str | None,
    typer.Option(
        help="How long each frame or row was exposed (1/2000, 0.5ms): what it took from the high "
        "frequencies is given back as far as noise allows, as FILE.equalized.wav.",
        metavar="S",
        rich_help_panel=LISTENING,
    ),
]
Json = Annotated[
    Path | None,
    typer.Option(
        "--json",
        help="Write every fact of the result here; - for standard output, and nothing else goes "
        "there then.",
        metavar="FILE",
        rich_help_panel=OUTPUT,
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        help="Also write a report to this folder: one page with pictures, players and the record.",
        metavar="DIR",
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
Enhance = Annotated[
    Kind | None,
    typer.Option(
        help="Also write a version that is easier to listen to, as FILE.enhanced.wav.",
        rich_help_panel=LISTENING,
    ),
]
MainsHum = Annotated[
    Mains,
    typer.Option(
        "--mains",
        help="Mains hum to remove from that version: what is detected, or of one grid.",
        rich_help_panel=LISTENING,
    ),
]
Dask = Annotated[
    str | None,
    typer.Option(
        help="Measure on this Dask cluster: address of its scheduler (tcp://host:8786), or its "
        "scheduler file.",
        metavar="ADDRESS",
        show_default=False,
        rich_help_panel=MACHINES,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        help="Begin a Dask cluster of so many processes on this machine, and measure there.",
        metavar="N",
        min=1,
        show_default=False,
        rich_help_panel=MACHINES,
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
