"""From a video to its motion field: the costly pass, done once."""

import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from phonoscope.choices import Direction, ShutterKind
from phonoscope.errors import InputError, UsageError
from phonoscope.files import replace_when_done, sha256, temporary_file
from phonoscope.motion import (
    Measurement,
    cut,
    cut_rows,
    default_cell_px,
    finish_motion,
    measure_frames,
    open_motion,
    write_motion,
)
from phonoscope.pipeline.record import versions
from phonoscope.pipeline.request import AnyRegion, Progress, Rate, Reading, Request
from phonoscope.pipeline.shutter import shutter_by_own_lamp
from phonoscope.sound import band_of, select
from phonoscope.types import Frame, MotionBlock, MotionField, Shutter, VideoFacts
from phonoscope.video import Video, low_rate_warning, open_video, prefetch

Sampled = Callable[[Iterable[Frame], VideoFacts, int], Generator[Frame, None, None]]
"""From the frames, the facts and how many frames are decoded ahead to those that are measured."""
MOTION_SUFFIX = ".motion"
_DECODED_AHEAD_BYTES = 24 * 2**20


def measure(
    source: Any,
    *,
    output: str | os.PathLike[str] | None = None,
    fps: Rate | None = None,
    region: AnyRegion | Sequence[AnyRegion] = (),
    cell: int | None = None,
    start: float = 0.0,
    duration: float | None = None,
    shutter: ShutterKind | None = None,
    line_delay: float | str | None = None,
    readout: float | str | None = None,
    direction: Direction | None = None,
    fingerprint: bool = False,
    progress: Progress | None = None,
) -> MotionField:
    """Measure how every part of a video moves: the costly pass, done once.

    Parameters
    ----------
    source
        A video file, a folder or glob of images, a multi-page TIFF, a ``.npy`` file, an array
        ``(frame, height, width)`` or an iterable of frames.
    output
        Motion file to write, ``*.motion``. The field is then read from it as needed, and memory
        does not grow with the length of the video. Without it the field is kept in memory.
    fps
        True capture rate in frames/s, where the file does not say it (slow motion plays at 30 what
        was shot at 2200). Images and arrays need it.
    region
        One or several rectangles ``"x,y,width,height"`` in px to which measuring is confined.
    cell
        Edge of a cell in px; 16 by default, more for frames beyond a megapixel. With a rolling
        shutter cells are two rows high, and this is their width: by default an eighth of the frame.
    start, duration
        Range of capture time to measure, s.
    shutter
        ``"rolling"`` where the rows of the sensor are read one after the other: each is then
        measured at its own time. By default what the file itself says, else ``"global"``.
    line_delay, readout
        Of a rolling shutter: time between the read-outs of neighbouring rows, or of the whole
        frame, s (or ``"16us"``, ``"11.5ms"``). By default what the file says, if it does.
    direction
        Whether the top row is read first (``"down"``, the default) or the bottom row (``"up"``).
    fingerprint
        Also keep the SHA-256 of the source in the record. Reading it takes as long again as the
        pixels of an uncompressed video, and hardly any time beside a compressed one.
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
    request = Request.checked(
        source, fps, region, cell, start, duration, fingerprint=fingerprint, progress=progress,
        reading=Reading.checked(shutter, line_delay, readout, direction),
    )  # fmt: skip
    if request.stored or isinstance(source, MotionField):
        raise InputError(
            f"{source if request.stored else 'this'} is a motion field, measured already; "
            "give it to recover, or give the video."
        )
    if output is None:
        return _measure_to_memory(request)
    _check_target(request, Path(output))
    with replace_when_done(output) as part:
        _measure_to_file(request, part)
    return open_motion(output)


@contextmanager
def motion_field(
    source: Any,
    *,
    fps: Rate | None = None,
    region: AnyRegion | Sequence[AnyRegion] = (),
    band: tuple[float, float] | str | None = None,
    cell: int | None = None,
    start: float = 0.0,
    duration: float | None = None,
    shutter: ShutterKind | None = None,
    line_delay: float | str | None = None,
    readout: float | str | None = None,
    direction: Direction | None = None,
    fingerprint: bool = False,
    progress: Progress | None = None,
) -> Iterator[MotionField]:
    """Yield the motion field of a video, measured now, or of a motion file, cut to what is asked.

    One of a video is kept in a temporary file until the block ends. Parameters and errors are those
    of `measure`; `band` is checked before anything is measured.
    """
    request = Request.checked(
        source, fps, region, cell, start, duration,
        band=band, fingerprint=fingerprint, progress=progress,
        reading=Reading.checked(shutter, line_delay, readout, direction),
    )  # fmt: skip
    with motion_of(request) as field:
        yield field


@contextmanager
def motion_of(request: Request) -> Iterator[MotionField]:
    """Yield the motion field of any source; one of a video is kept in a file until the end."""
    source = request.source
    if isinstance(source, MotionField):
        yield _narrowed(request, source)
    elif request.stored:
        yield _narrowed(request, open_motion(source))
    else:
        with temporary_file("clip" + MOTION_SUFFIX) as path:
            _measure_to_file(request, path)
            yield open_motion(path)


def _narrowed(request: Request, field: MotionField) -> MotionField:
    if request.cell is not None:
        raise UsageError(
            f"cell {request.cell} cannot be chosen any more: the motion field is measured "
            "already; leave it out or measure the video again."
        )
    return select(
        field,
        fps=request.fps,
        shutter=_told_anew(request, field.facts),
        regions=request.regions,
        start=request.start,
        duration=request.duration,
    )


def _told_anew(request: Request, facts: VideoFacts) -> Shutter | None:
    if request.reading.shutter is None:
        return None
    if (request.reading.shutter == "rolling") != facts.shutter.rolling:
        was = "rolling" if facts.shutter.rolling else "global"
        raise UsageError(
            f"the motion field was measured with a {was} shutter, which cut the picture into "
            "other cells; measure the video again."
        )
    return request.reading.shutter_of(facts)


def _measure_to_memory(request: Request) -> MotionField:
    with measuring(request) as run:
        blocks: tuple[MotionBlock, ...] = tuple(run.measurement.blocks)
        return MotionField(
            facts=run.facts,
            cells=run.measurement.cells,
            noise=run.measurement.noise,
            samples=sum(len(block.time_s) for block in blocks),
            blocks=blocks,
            parameters=run.parameters(),
            warnings=run.warnings(),
            picture=run.measurement.picture,
        )


def _measure_to_file(request: Request, path: Path) -> None:
    with measuring(request) as run:
        m = run.measurement
        writing = write_motion(
            path, m.blocks, facts=run.facts, cells=m.cells, noise=m.noise, picture=m.picture
        )
        samples = 0
        with closing(writing) as counts:
            for samples in counts:  # noqa: B007 - the last count is the total
                pass
        finish_motion(path, samples=samples, parameters=run.parameters(), warnings=run.warnings())


@dataclass(frozen=True, slots=True)
class Run:
    """A measurement under way, and what is known only when its blocks have been read."""

    request: Request
    video: Video
    facts: VideoFacts
    measurement: Measurement
    fingerprint: "Future[str | None]"

    def parameters(self) -> dict[str, Any]:
        return {
            "cell_px": int(self.measurement.cells.width_px.max()),
            "region": [str(region) for region in self.request.regions],
            "start_s": self.request.start,
            "duration_s": self.request.duration,
            "reference_frames": self.measurement.reference_frames,
            "input_sha256": self.fingerprint.result(),
            "versions": versions(),
        }

    def warnings(self) -> tuple[str, ...]:
        lost, known = self.measurement.lost, self.video.warnings
        if self.facts.shutter.rolling:  # it has heard far above half the frame rate
            slow = low_rate_warning(self.facts.capture_rate)
            known = tuple(warning for warning in known if warning not in slow)
        if not lost:
            return known
        return (
            *known,
            f"{len(lost)} frame{'s' * (len(lost) > 1)} (the first is {lost[0]}) moved too far from "
            "the others to be followed; expect clicks there, or choose a steadier range.",
        )


@contextmanager
def measuring(request: Request, sampled: Sampled | None = None) -> Iterator[Run]:
    """Open a source and begin to measure it; `sampled` may let fewer frames pass."""
    opened = open_video(
        request.source, fps=request.fps, start=request.start, duration=request.duration
    )
    with opened as video:
        shutter = _shutter(request, video.facts)
        facts = replace(video.facts, shutter=shutter)
        band_of(request.band, facts)  # wrong ones fail now, not in the end
        if shutter.rolling:
            grids = cut_rows(facts.width, facts.height, request.regions, request.cell)
        else:
            edge = request.cell or default_cell_px(facts.width, facts.height)
            grids = cut(facts.width, facts.height, request.regions, edge)
        ahead = _frames_ahead(facts)
        chosen: Iterable[Frame] = video if sampled is None else sampled(video, facts, ahead)
        with (
            _fingerprinting(request) as fingerprint,
            closing(prefetch(chosen, depth=ahead)) as frames,
        ):
            told = request.told(facts)
            measurement = measure_frames(
                frames, grids, bits=facts.bits, shutter=shutter, progress=told
            )
            yield Run(request, video, facts, measurement, fingerprint)


def _shutter(request: Request, facts: VideoFacts) -> Shutter:
    if request.reading.lacks_delay(facts):
        measured = shutter_by_own_lamp(request, facts)
        if measured is not None:
            return measured
    return request.reading.shutter_of(facts)


def _frames_ahead(facts: VideoFacts) -> int:
    # Enough that decoding goes on while the first frames are looked at.
    size = facts.width * facts.height * (1 if facts.bits == 8 else 2) * 3 // 2
    return min(128, max(8, _DECODED_AHEAD_BYTES // size))


@contextmanager
def _fingerprinting(request: Request) -> Iterator["Future[str | None]"]:
    # Taken while the pixels are measured, so that the file is read only once from the disk.
    stop = threading.Event()
    with ThreadPoolExecutor(1) as background:
        try:
            if request.fingerprint and isinstance(request.source, str | os.PathLike):
                yield background.submit(sha256, request.source, stopped=stop.is_set)
            else:
                yield background.submit(lambda: None)
        finally:
            stop.set()


def _check_target(request: Request, output: Path) -> None:
    if output.suffix.lower() != MOTION_SUFFIX:
        raise UsageError(
            f"cannot write {output}: a motion file ends in {MOTION_SUFFIX}; "
            f"name it {output.with_suffix(MOTION_SUFFIX).name}."
        )
    is_file = isinstance(request.source, str | os.PathLike) and Path(request.source).exists()
    if is_file and output.exists() and output.samefile(request.source):
        raise UsageError(f"the output {output} is the input itself; choose another name.")
