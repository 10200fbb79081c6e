"""What a person sees in the terminal: progress, a summary, warnings."""

import math
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from phonoscope.batch import source_path, version_path

if TYPE_CHECKING:
    from phonoscope.pipeline.shutter import LampBands
    from phonoscope.sound import Response
    from phonoscope.types import Inspection, MotionField, Sound, VideoFacts

_EXPLAINED = 0.5


@contextmanager
def progress_bar(
    quiet: bool,
    doing: str = "measuring",
    *,
    before: str = "learning the picture (20 s the first time)",
    after: str = "listening",
) -> Iterator[Callable[[int, int | None], None] | None]:
    """Yield a function that shows progress on a terminal, or None where nobody looks.

    `before` is said until the first frame is done (the very first run compiles), `after` when the
    last one is.
    """
    if quiet or not on_terminal():
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
        task = bar.add_task(before, total=None, rate="")

        def told(done: int, total: int | None) -> None:
            shown = bar.tasks[0]
            if shown.description == before:
                bar.reset(task, total=total)  # the rate is that of the frames alone
            speed = shown.finished_speed or shown.speed
            bar.update(
                task,
                description=after if done == total else doing,
                completed=done,
                total=total,
                rate=f"{speed:,.0f} frames/s" if speed else "",
            )

        yield told


def on_terminal() -> bool:
    """Return whether somebody sees progress."""
    return sys.stderr.isatty()


def print_sound(sound: "Sound", target: Path) -> None:
    """Print what was heard and where it was written."""
    low, high = sound.band_hz
    record, verdict = sound.record, sound.verdict
    if verdict is None:
        heard = "by the pyramid method, which has no verdict"
    elif verdict.heard_hz is None:
        heard = f"nothing above the noise floor of {sound.noise_floor_px:.2g} px"
    else:
        heard = (
            f"{sound.motion_rms_px:.2g} px RMS at {verdict.heard_hz[0]:.4g} to "
            f"{verdict.heard_hz[1]:.4g} Hz, {sound.snr_db:.1f} dB over the error"
        )
    beside: list[tuple[str, str]] = []
    if sound.equalized is not None:
        beside.append(("equalized", str(version_path(target, "equalized"))))
    if sound.enhanced is not None:
        beside.append(("enhanced", str(version_path(target, "enhanced"))))
    if len(sound.sources) > 1:
        beside += [
            (f"source {number}", f"{source_path(target, number)}, {one.motion_rms_px:.2g} px RMS")
            for number, one in enumerate(sound.sources, 1)
        ]
    elif sound.sources:
        beside.append(("sources", "one; there is nothing to separate"))
    print_facts(
        ("sound", str(target)),
        *beside,
        ("length", f"{record['duration_s']:.3f} s, {record['frames']:,} frames"),
        (
            "capture rate",
            _rate_text(
                record["capture_fps"], record["capture_fps_source"], record.get("frames_shown", 1)
            ),
        ),
        *_shutter(record.get("shutter", {})),
        ("band", f"{low:.4g} to {high:.4g} Hz"),
        ("heard", heard),
    )
    print_warnings(sound.warnings)


def print_inspection(found: "Inspection", picture: Path | None) -> None:
    """Print what a look at a video has found, and advice."""
    from phonoscope.pipeline.record import shutter_facts

    facts, (low, high) = found.facts, found.band_hz
    size = "" if found.size_bytes is None else f", {found.size_bytes / 1e6:,.1f} MB"
    textured = sum(math.isfinite(noise) for noise in found.cell_noise_px)
    length = "unknown: the file does not say how many frames it has"
    if found.samples is not None:
        length = f"{found.samples / float(facts.capture_rate):.3f} s, {found.samples:,} frames"
    flicker = "no lamp's found"
    if found.flicker is not None:
        flicker = f"{found.flicker.lamp_hz:g} Hz, {found.flicker.depth:.2g} of the light"
    takes = f"{found.memory_bytes / 2**20:,.0f} MB at most"
    if found.seconds is not None:
        takes = f"{time_text(found.seconds)}, {takes}"
    print_facts(
        ("file", f"{facts.codec}, {facts.width} x {facts.height}, {facts.bits} bit{size}"),
        ("length", length),
        *_rates(facts),
        *([("camera", facts.camera)] if facts.camera else []),
        *(_shutter(shutter_facts(facts)) or [("shutter", _global(facts))]),
        *([("exposure", _exposure(facts.exposure_s))] if facts.exposure_s else []),
        ("band", f"{low:.4g} to {high:.4g} Hz"),
        ("noise floor", f"{found.noise_px:.2g} px RMS, of the whole picture in that band"),
        ("detectable", f"{found.detectable_px:.2g} px RMS, in the band and common to the picture"),
        ("microphones", f"{textured:,} of {len(found.cells):,} cells have texture"),
        ("flicker", flicker),
        ("recover takes", takes),
        *([("picture", str(picture))] if picture is not None else []),
    )
    typer.echo()
    for sentence in found.advice:
        typer.echo(f"- {sentence}")
    print_warnings(found.warnings)


def print_motion(field: "MotionField", target: Path) -> None:
    """Print what was measured and where it was written."""
    facts = field.facts
    hearing = int((field.information[:, :2, :2].trace(axis1=1, axis2=2) > 0).sum())
    cell_px = field.parameters["cell_px"]
    print_facts(
        ("motion", f"{target} ({target.stat().st_size / 1e6:.1f} MB)"),
        ("length", f"{float(field.samples / facts.capture_rate):.3f} s, {field.samples:,} frames"),
        ("capture rate", _rate_text(float(facts.capture_rate), facts.capture_rate_source)),
        ("cells", f"{len(field.cells):,} of {cell_px} px, {hearing:,} with texture"),
        ("measured on", str(field.parameters["device"])),
    )
    print_warnings(field.warnings)


def print_response(response: "Response", target: Path) -> None:
    """Print what a calibration has measured and where it was written."""
    counted = response.coherence > _EXPLAINED
    heard = response.frequency_hz[counted]
    clear = f"{heard[0]:.4g} to {heard[-1]:.4g} Hz" if len(heard) else "nowhere"
    print_facts(
        ("response", str(target)),
        ("shapes", f"{response.response.shape[1]} in which the object moves"),
        ("clear", f"{clear} (the known sound explains more than {_EXPLAINED:.0%} of the motion)"),
    )
    if not len(heard):
        print_warnings(
            ("the known sound explains little of the motion: is it the one that was played?",)
        )


def print_shutter(bands: "LampBands", *, quiet: bool = False) -> None:
    """Print a rolling shutter as a lamp has shown it; the line delay alone if `quiet`."""
    delay, doubt = 1e6 * bands.line_delay_s, 1e6 * bands.uncertainty_s
    places = max(1, 1 - math.floor(math.log10(max(doubt, 1e-9))))
    measured = f"{delay:.{places}f} µs"
    if quiet:
        typer.echo(measured)
        return
    directions = {
        "down": "down (the top row is read first)",
        "up": "up (the bottom row is read first)",
        None: "cannot be told (the bands stand nearly still)",
    }
    print_facts(
        ("line delay", f"{measured}, ± {doubt:.{places}f}"),
        ("direction", directions[bands.direction]),
        ("read-out", f"{1e3 * bands.readout_s:.4g} ms for {bands.rows:,} rows"),
        ("lamp", f"{bands.lamp_hz:.6g} Hz, {bands.depth:.2g} of the light"),
    )
    print_warnings(bands.warnings)


def print_facts(*rows: tuple[str, str], err: bool = False) -> None:
    """Print names and values in two columns; on the error stream if `err`."""
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        typer.echo(f"{name:>{width}}  {value}", err=err)


def print_warnings(warnings: tuple[str, ...]) -> None:
    """Print warnings on the error stream."""
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)


def time_text(seconds: float) -> str:
    """Return a time in words, in the unit that fits."""
    if seconds < 90:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _rates(facts: "VideoFacts") -> list[tuple[str, str]]:
    """Return the capture rate, and every rate that was found, with its source."""
    text = _rate_text(float(facts.capture_rate), facts.capture_rate_source, float(facts.shown))
    slower = float(facts.slower)
    if not math.isclose(slower, 1, rel_tol=1e-3):
        text += f"; it plays {max(slower, 1 / slower):.4g} times "
        text += "slower than life" if slower > 1 else "faster than life"
    found = [
        f"{float(one.rate):.6g}: {one.where}" + ", a hint only" * (one.source == "hint")
        for one in facts.rates
    ]
    told = len(found) > 1 or facts.capture_rate_source == "file"
    return [("capture rate", text), *[("", one) for one in found if told]]


def _global(facts: "VideoFacts") -> str:
    told = {"user": "as given", "assumed": "as the file says nothing of it"}
    return f"global, {told.get(facts.shutter.source, 'from the file')}"


def _exposure(exposure_s: float) -> str:
    return (
        f"{1e6 * exposure_s:.4g} µs, from the file; it leaves no sound at {1 / exposure_s:.4g} Hz"
    )


def _shutter(shutter: Mapping[str, Any]) -> list[tuple[str, str]]:
    if shutter.get("kind") != "rolling":
        return []
    where = {
        "user": "as given",
        "file": "from the file",
        "table": "from the table of cameras",
        "lamp": "from a lamp's bands",
    }
    delay, readout = shutter["line_delay_s"] * 1e6, shutter["readout_s"] * 1e3
    text = f"rolling, {shutter['direction']}, {delay:.4g} µs a row, {readout:.4g} ms a frame"
    return [("shutter", f"{text}, {where[shutter['source']]}")]


def _rate_text(rate: float, source: str, shown: float = 1.0) -> str:
    where = {
        "user": "as given",
        "file": "at which the camera recorded, says the file",
        "sidecar": "at which the camera recorded, says the file beside it",
        "container": "the playback rate: nothing tells how fast the camera recorded",
    }
    if shown != 1:
        return f"{rate:.6g} frames/s without copies; {rate * shown:.6g} with them, {where[source]}"
    return f"{rate:.6g} frames/s, {where[source]}"
