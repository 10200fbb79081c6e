"""The command line: each command calls the function of its name and writes what it returns."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import phonoscope
from phonoscope.errors import PhonoscopeError, UsageError
from phonoscope.files import check_writable, replace_when_done

if TYPE_CHECKING:
    from phonoscope.evaluate import Scores
    from phonoscope.types import MotionField, Sound

app = typer.Typer(
    name="phonoscope",
    help="Turns silent video into sound.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

_INPUT = "**Input**"
_OUTPUT = "**Output**"

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="Video file, folder or glob of images, multi-page TIFF, or .npy array.",
        show_default=False,
    ),
]
Fps = Annotated[
    str | None,
    typer.Option(
        help="True capture rate in frames/s (2200, 30000/1001), where the file does not say it.",
        metavar="RATE",
        rich_help_panel=_INPUT,
    ),
]
RegionOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Listen only there, in px. May be given several times.",
        metavar="X,Y,WIDTH,HEIGHT",
        rich_help_panel=_INPUT,
    ),
]
Band = Annotated[
    str | None,
    typer.Option(
        help="Lowest and highest frequency to keep, Hz.  [default: 20 Hz to half the capture rate]",
        metavar="LOW,HIGH",
    ),
]
Cell = Annotated[
    int | None,
    typer.Option(
        help="Edge of a cell in px.  [default: 16, more for frames beyond a megapixel]",
        metavar="PX",
        rich_help_panel=_INPUT,
    ),
]
Start = Annotated[
    float, typer.Option(help="Begin so many seconds of capture time in.", metavar="S",
                        rich_help_panel=_INPUT)
]  # fmt: skip
Duration = Annotated[
    float | None,
    typer.Option(help="Take so many seconds of capture time.", metavar="S", rich_help_panel=_INPUT),
]
Json = Annotated[
    Path | None,
    typer.Option("--json", help="Write every fact of the result here.", rich_help_panel=_OUTPUT),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"phonoscope {phonoscope.__version__}")
        raise typer.Exit


@app.command(
    epilog="""**Examples**

`phonoscope recover clip.mp4 --fps 2200`: the sound is written to clip.wav

`phonoscope recover clip.mp4 -o out.flac --region 120,80,300,200 --band 80,1000 --json out.json`

`phonoscope recover clip.motion -o out.wav`: from a motion file, in a moment"""
)
def recover(
    source: Source,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o",
            help="WAV or FLAC file to write.  [default: SOURCE with the suffix .wav]",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    fps: Fps = None,
    region: RegionOption = None,
    band: Band = None,
    cell: Cell = None,
    start: Start = 0.0,
    duration: Duration = None,
    rate: Annotated[
        str,
        typer.Option(
            help="Sample rate of the file in Hz; 'native' for the capture rate, unresampled.",
            metavar="HZ",
            rich_help_panel=_OUTPUT,
        ),
    ] = "48000",
    json_file: Json = None,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Recover the sound that a video has seen, from a video or a motion file."""
    file_rate = _file_rate(rate)
    target = _output(source, output, ".wav")
    _check_outputs(source, target, json_file)
    from phonoscope.pipeline import recover as run

    with _progress(quiet) as progress:
        sound = run(
            source, fps=fps, region=region or (), band=band, cell=cell, start=start,
            duration=duration, progress=progress,
        )  # fmt: skip
    sound.write(target, rate=file_rate)
    if json_file:
        _write_json(json_file, {**sound.record, "output": str(target)})
    if not quiet:
        _print_sound(sound, target)


@app.command(
    epilog="""**Examples**

`phonoscope measure clip.mp4 --fps 2200 -o clip.motion`: the costly pass, once

`phonoscope recover clip.motion --band 80,1000 -o out.wav`: then sound from it, in a moment"""
)
def measure(
    source: Source,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o",
            help="Motion file to write.  [default: SOURCE with the suffix .motion]",
            rich_help_panel=_OUTPUT,
        ),
    ] = None,
    fps: Fps = None,
    region: RegionOption = None,
    cell: Cell = None,
    start: Start = 0.0,
    duration: Duration = None,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Measure how every part of a video moves, and keep it in a motion file."""
    target = _output(source, output, ".motion")
    _check_outputs(source, target, None)
    from phonoscope.pipeline import measure as run

    with _progress(quiet) as progress:
        field = run(
            source, output=target, fps=fps, region=region or (), cell=cell, start=start,
            duration=duration, progress=progress,
        )  # fmt: skip
    if not quiet:
        _print_motion(field, target)


def main() -> None:
    """Run the command line: exit code 0 done, 1 could not be done, 2 wrong usage."""
    try:
        app()
    except UsageError as error:
        _fail(error, 2)
    except (PhonoscopeError, MemoryError) as error:
        _fail(error, 1)
    except OSError as error:  # what no room foresaw still gets a sentence
        _fail(error, 1)


def _fail(error: BaseException, code: int) -> None:
    message = str(error) or "out of memory; choose a smaller region or larger cells."
    print(f"phonoscope: {message}", file=sys.stderr)  # noqa: T201
    sys.exit(code)


def _file_rate(rate: str) -> Any:
    if rate == "native":
        return rate
    try:
        return int(rate)
    except ValueError:
        raise UsageError(
            f"rate {rate!r} is not a sample rate; give Hz, such as 48000, or native."
        ) from None


def _output(source: str, output: Path | None, suffix: str) -> Path:
    if output is not None:
        return output
    if any(c in source for c in "*?["):
        raise UsageError(f"the images {source} have no one name; choose the output with -o.")
    path = Path(source)
    target = path.parent / (path.resolve().name + suffix) if path.is_dir() else path.with_suffix(suffix)
    if target.exists() and not _made_here(target):
        raise UsageError(f"{target} exists and was not made by Phonoscope; choose the output with -o.")
    return target


def _made_here(path: Path) -> bool:
    if path.suffix == ".motion":
        from phonoscope.motion import is_motion_file

        return is_motion_file(path)
    from phonoscope.audio import read_audio

    try:
        return read_audio(path)[2].startswith("Phonoscope")
    except PhonoscopeError:
        return False


def _check_outputs(source: str, target: Path, json_file: Path | None) -> None:
    # Found out now rather than after the long run.
    if json_file is not None and json_file.resolve() == target.resolve():
        raise UsageError(f"sound and JSON cannot both be written to {target}.")
    for path in (target, json_file):
        if path is None:
            continue
        if path.exists() and Path(source).exists() and path.samefile(source):
            raise UsageError(f"the output {path} is the input itself; choose another name.")
        check_writable(path)


def _write_json(path: Path, record: dict[str, Any]) -> None:
    with replace_when_done(path) as part:
        part.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@contextmanager
def _progress(quiet: bool) -> Iterator[Callable[[int, int | None], None] | None]:
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(
            "looking at the first frames (the very first run compiles, ~20 s)", total=None, rate=""
        )

        def told(done: int, total: int | None) -> None:
            speed = bar.tasks[0].finished_speed or bar.tasks[0].speed
            bar.update(
                task,
                description="measuring",
                completed=done,
                total=total,
                rate=f"{speed:,.0f} frames/s" if speed else "",
            )

        yield told


def _print_sound(sound: "Sound", target: Path) -> None:
    low, high = sound.band_hz
    record = sound.record
    heard = (
        f"{sound.motion_rms_px:.2g} px RMS, {sound.snr_db:.1f} dB over the camera noise "
        f"({sound.noise_floor_px:.2g} px)"
        if sound.motion_rms_px
        else f"nothing above the noise floor of {sound.noise_floor_px:.2g} px"
    )
    _print_table(
        ("sound", str(target)),
        ("length", f"{record['duration_s']:.3f} s, {record['frames']:,} frames"),
        ("capture rate", _rate_text(record["capture_fps"], record["capture_fps_source"])),
        ("band", f"{low:.4g} to {high:.4g} Hz"),
        ("heard", heard),
    )
    _print_warnings(sound.warnings)


def _print_motion(field: "MotionField", target: Path) -> None:
    facts = field.facts
    hearing = int((field.information[:, :2, :2].trace(axis1=1, axis2=2) > 0).sum())
    _print_table(
        ("motion", f"{target} ({target.stat().st_size / 1e6:.1f} MB)"),
        ("length", f"{field.samples / facts.capture_rate:.3f} s, {field.samples:,} frames"),
        ("capture rate", _rate_text(float(facts.capture_rate), facts.capture_rate_source)),
        ("cells", f"{len(field.cells):,} of {field.parameters['cell_px']} px, "
                  f"{hearing:,} with texture"),
    )  # fmt: skip
    _print_warnings(field.warnings)


def _rate_text(rate: float, source: str) -> str:
    where = {"user": "as given", "container": "from the file, which may be its playback rate"}
    return f"{rate:.6g} frames/s, {where[source]}"


def _print_table(*rows: tuple[str, str]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        typer.echo(f"{name:>{width}}  {value}")


def _print_warnings(warnings: tuple[str, ...]) -> None:
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)


if __name__ == "__main__":
    main()
