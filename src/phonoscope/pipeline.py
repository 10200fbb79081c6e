"""The whole way, from a video to its sound: the only file that knows the order of the rooms."""

import hashlib
import importlib.metadata
import math
import os
import platform
import tempfile
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import phonoscope
from phonoscope.errors import UsageError
from phonoscope.files import replace_when_done
from phonoscope.motion import (
    Measurement,
    cut,
    default_cell_px,
    finish_motion,
    is_motion_file,
    measure_frames,
    open_motion,
    write_motion,
)
from phonoscope.sound import listen, select
from phonoscope.types import MotionBlock, MotionField, Region, Sound
from phonoscope.video import Video, open_video, parse_rate, prefetch

Rate = int | float | str | Fraction
AnyRegion = Region | str | Sequence[int]
Progress = Callable[[int, int | None], None]
"""Called with the number of frames measured and the number expected (None if unknown)."""

_HASH_CHUNK = 1 << 20


def measure(
    source: Any,
    *,
    output: str | os.PathLike[str] | None = None,
    fps: Rate | None = None,
    region: AnyRegion | Sequence[AnyRegion] = (),
    cell: int | None = None,
    start: float = 0.0,
    duration: float | None = None,
    progress: Progress | None = None,
) -> MotionField:
    """Measure how every part of a video moves: the costly pass, done once.

    Parameters
    ----------
    source
        A video file, a folder or glob of images, a multi-page TIFF, a ``.npy`` file, an array
        ``(frame, height, width)`` or an iterable of frames.
    output
        Motion file to write. The field is then read from it as needed, and memory does not grow
        with the length of the video. Without it the field is kept in memory.
    fps
        True capture rate in frames/s, where the file does not say it (slow motion plays at 30 what
        was shot at 2200). Images and arrays need it.
    region
        One or several rectangles ``"x,y,width,height"`` in px to which measuring is confined.
    cell
        Edge of a cell in px; 16 by default, more for frames beyond a megapixel.
    start, duration
        Range of capture time to measure, s.
    progress
        Called as frames are measured.

    Returns
    -------
    MotionField

    Raises
    ------
    UsageError
        If an argument has a value that cannot be right.
    InputError
        If nothing can be measured from the source.
    OutputError
        If `output` cannot be written.
    """
    if output is None:
        return _measure_in_memory(source, fps, region, cell, start, duration, progress)
    _keep_apart(source, output)
    with replace_when_done(output) as part:
        _measure_to_file(part, source, fps, region, cell, start, duration, progress)
    return open_motion(output)


def recover(
    source: Any,
    *,
    fps: Rate | None = None,
    region: AnyRegion | Sequence[AnyRegion] = (),
    band: tuple[float, float] | str | None = None,
    cell: int | None = None,
    start: float = 0.0,
    duration: float | None = None,
    progress: Progress | None = None,
) -> Sound:
    """Recover the sound that a video has seen.

    Parameters
    ----------
    source
        Anything that `measure` takes, or a motion file, or a `MotionField`: then there is no video
        to go through, and the sound comes in a moment.
    band
        Lowest and highest frequency to keep, Hz: ``(80, 1000)`` or ``"80,1000"``. By default from
        20 Hz to half the capture rate.
    fps, region, cell, start, duration, progress
        As in `measure`. The cell of a motion field was chosen when it was measured.

    Returns
    -------
    Sound
        As measured: nothing is enhanced. Its `record` holds every fact of the result.

    Raises
    ------
    UsageError, InputError
        As in `measure`; also if the band is not within 0 Hz and half the capture rate.
    """
    chosen = _band(band)
    if isinstance(source, MotionField):
        return _sound(source, fps, region, chosen, cell, start, duration)
    if isinstance(source, str | os.PathLike) and is_motion_file(source):
        return _sound(open_motion(source), fps, region, chosen, cell, start, duration)
    with tempfile.TemporaryDirectory(prefix="phonoscope-") as folder:
        path = Path(folder) / "clip.motion"
        _measure_to_file(path, source, fps, region, cell, start, duration, progress)
        field = open_motion(path)
        sound = listen(field, band=chosen)
        return replace(sound, record=_record(field, sound))


def _sound(
    field: MotionField,
    fps: Rate | None,
    region: AnyRegion | Sequence[AnyRegion],
    band: tuple[float, float] | None,
    cell: int | None,
    start: float,
    duration: float | None,
) -> Sound:
    if cell is not None:
        raise UsageError(
            f"cell {cell} cannot be chosen any more: the motion field is measured already; "
            "leave it out or measure the video again."
        )
    regions = _regions(region)
    narrowed = select(
        field,
        fps=None if fps is None else parse_rate(fps),
        regions=regions,
        start=start,
        duration=duration,
    )
    sound = listen(narrowed, band=band)
    heard_in = {"region": [str(r) for r in regions], "start_s": start, "duration_s": duration}
    return replace(sound, record=_record(narrowed, sound, listened=heard_in))


def _measure_in_memory(
    source: Any,
    fps: Rate | None,
    region: AnyRegion | Sequence[AnyRegion],
    cell: int | None,
    start: float,
    duration: float | None,
    progress: Progress | None,
) -> MotionField:
    with _measuring(source, fps, region, cell, start, duration, progress) as (video, m, parameters):
        blocks: tuple[MotionBlock, ...] = tuple(m.blocks)
        return MotionField(
            facts=video.facts,
            cells=m.cells,
            noise=m.noise,
            samples=sum(len(block.time_s) for block in blocks),
            blocks=blocks,
            parameters=parameters(),
            warnings=_warnings(video, m),
        )


def _measure_to_file(
    path: Path,
    source: Any,
    fps: Rate | None,
    region: AnyRegion | Sequence[AnyRegion],
    cell: int | None,
    start: float,
    duration: float | None,
    progress: Progress | None,
) -> None:
    with _measuring(source, fps, region, cell, start, duration, progress) as (video, m, parameters):
        samples = 0
        writing = write_motion(path, m.blocks, facts=video.facts, cells=m.cells, noise=m.noise)
        with closing(writing) as counts:
            for samples in counts:  # noqa: B007 - the last count is the total
                pass
        finish_motion(
            path, samples=samples, parameters=parameters(), warnings=_warnings(video, m)
        )


@contextmanager
def _measuring(
    source: Any,
    fps: Rate | None,
    region: AnyRegion | Sequence[AnyRegion],
    cell: int | None,
    start: float,
    duration: float | None,
    progress: Progress | None,
) -> Iterator[tuple[Video, Measurement, Callable[[], dict[str, Any]]]]:
    regions = _regions(region)
    with (
        open_video(source, fps=fps, start=start, duration=duration) as video,
        ThreadPoolExecutor(1) as background,
    ):
        facts = video.facts
        # The fingerprint is taken while the pixels are measured: the file is read twice at once.
        fingerprint = background.submit(_sha256, source)
        edge = default_cell_px(facts.width, facts.height) if cell is None else cell
        grids = cut(facts.width, facts.height, regions, edge)
        total = _expected(video, start, duration)

        def told(done: int) -> None:
            if progress:
                progress(done, total)

        with closing(prefetch(video)) as frames:
            m = measure_frames(frames, grids, bits=facts.bits, progress=told)

            def parameters() -> dict[str, Any]:
                return {
                    "cell_px": edge,
                    "region": [str(r) for r in regions],
                    "start_s": start,
                    "duration_s": duration,
                    "reference_frames": m.reference_frames,
                    "input_sha256": _result(fingerprint),
                    "versions": _versions(),
                }

            yield video, m, parameters


def _expected(video: Video, start: float, duration: float | None) -> int | None:
    rate = video.facts.capture_rate
    in_range = None if duration is None else math.ceil(duration * rate)
    if video.facts.frames is None:
        return in_range
    left = max(0, video.facts.frames - math.ceil(start * rate))
    return left if in_range is None else min(left, in_range)


def _warnings(video: Video, measurement: Measurement) -> tuple[str, ...]:
    lost = measurement.lost
    if not lost:
        return video.warnings
    return (
        *video.warnings,
        f"{len(lost)} frames (the first is {lost[0]}) moved too far from their neighbours to be "
        "followed; expect clicks there, or choose a steadier range.",
    )


def _record(field: MotionField, sound: Sound, **more: Any) -> dict[str, Any]:
    facts, parameters = field.facts, dict(field.parameters)
    return {
        "input": facts.name,
        "input_sha256": parameters.pop("input_sha256", None),
        "capture_fps": float(facts.capture_rate),
        "capture_fps_exact": str(facts.capture_rate),
        "capture_fps_source": facts.capture_rate_source,
        "container_fps": None if facts.container_rate is None else float(facts.container_rate),
        "variable_rate": facts.variable_rate,
        "frames": field.samples,
        "frames_in_file": facts.frames,
        "width": facts.width,
        "height": facts.height,
        "bits": facts.bits,
        "codec": facts.codec,
        "pixel_format": facts.pixel_format,
        "cells": len(field.cells),
        "regions": parameters.pop("region", []),
        "sample_rate_hz": float(sound.rate_hz),
        "duration_s": field.samples / float(sound.rate_hz),
        "band_hz": list(sound.band_hz),
        "snr_db": sound.snr_db if math.isfinite(sound.snr_db) else None,
        "noise_floor_px": sound.noise_floor_px,
        "motion_rms_px": sound.motion_rms_px,
        "versions": parameters.pop("versions", _versions()),
        "parameters": {**parameters, **more},
        "warnings": list(sound.warnings),
    }


def _versions() -> dict[str, str]:
    packages = ("av", "numba", "numpy", "scipy", "tifffile")
    return {
        "phonoscope": phonoscope.__version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
    }


def _regions(region: AnyRegion | Sequence[AnyRegion]) -> list[Region]:
    if isinstance(region, Region | str) or (region and isinstance(region[0], int)):
        region = [region]  # type: ignore[list-item]
    return [_region(one) for one in region]  # type: ignore[arg-type]


def _region(region: AnyRegion) -> Region:
    if isinstance(region, Region):
        return region
    return Region.parse(region if isinstance(region, str) else ",".join(map(str, region)))


def _band(band: tuple[float, float] | str | None) -> tuple[float, float] | None:
    if band is None:
        return None
    try:
        low, high = (float(part) for part in (band.split(",") if isinstance(band, str) else band))
    except (TypeError, ValueError):
        raise UsageError(f"band {band!r} is not low,high in Hz, such as 80,1000.") from None
    return low, high


def _keep_apart(source: Any, output: str | os.PathLike[str]) -> None:
    if isinstance(source, str | os.PathLike) and Path(source).exists():
        if Path(output).exists() and Path(source).samefile(output):
            raise UsageError(f"the output {output} is the input itself; choose another name.")


def _sha256(source: Any) -> str | None:
    """Return the SHA-256 of a file; of a folder or glob, that of its ``sha256sum`` listing."""
    if not isinstance(source, str | os.PathLike):
        return None
    path = Path(source)
    if path.is_file():
        return _file_sha256(path)
    files = sorted(path.iterdir()) if path.is_dir() else sorted(path.parent.glob(path.name))
    return _listing_sha256(file for file in files if file.is_file())


def _listing_sha256(files: Iterable[Path]) -> str:
    lines = (f"{_file_sha256(file)}  {file.name}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _file_sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _result(fingerprint: "Future[str | None]") -> str | None:
    return fingerprint.result()
