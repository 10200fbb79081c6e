"""From a video to its motion field: the costly pass, done once."""

import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from phonoscope.choices import Direction, Pattern, ShutterKind
from phonoscope.distributed import Hands
from phonoscope.distributed.segments import spread_over
from phonoscope.errors import InputError, OutputError, UsageError
from phonoscope.files import identity, kept_file, replace_when_complete, sha256, temporary_file
from phonoscope.motion import (
    Measurement,
    MotionWriter,
    PackedSegment,
    Segment,
    Spread,
    cut,
    cut_rows,
    default_cell_px,
    frames_to_look_at,
    look_at,
    measure_frames,
    open_motion,
    speckle_at,
    speckle_cell_px,
    writing_motion,
)
from phonoscope.motion.threads import is_alone
from phonoscope.pipeline.record import versions
from phonoscope.pipeline.request import AnyRegion, Progress, Rate, Reading, Request
from phonoscope.pipeline.shutter import shutter_by_own_lamp
from phonoscope.sound import band_of, in_true_time, select
from phonoscope.types import Frame, MotionField, Shutter, Stretches, VideoFacts
from phonoscope.video import Video, low_rate_warning, open_video, prefetch

Sampled = Callable[[Iterable[Frame], VideoFacts, int], Generator[Frame, None, None]]
"""From the frames, the facts and how many frames are decoded ahead to those that are measured."""
MOTION_SUFFIX = ".motion"
_DECODED_AHEAD_BYTES = 24 * 2**20
_STRETCHES_BYTES = 2**30
_NOT_SPREAD = (
    "other machines cannot enter this source in several places, so it was measured on this one."
)
_HELD_FRAMES = 40  # by a thread: a group that is measured, and those of the decoder


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
    pattern: Pattern = "texture",
    device: str = "cpu",
    fingerprint: bool = False,
    dask: str | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> MotionField:
    """Measure how every part of a video moves: the costly pass, done once.

    Parameters
    ----------
    source
        A video file, or the address of one (``"https://host/clip.mp4"``, ``"s3://bucket/clip.mp4"``
        and whatever else fsspec knows), read by range and not copied; a folder or glob of images, a
        multi-page TIFF, a ``.npy`` file, an array ``(frame, height, width)`` or an iterable of
        frames.
    output
        Motion file to write, ``*.motion``. The field is then read from it as needed, and memory
        does not grow with the length of the video. If this is cut off, by whatever, what was
        measured stays beside it under a hidden name, and the next call with the same arguments
        goes on from there. Without `output` the field is kept in memory.
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
    pattern
        ``"speckle"`` where the picture is the speckle of a laser, out of focus: it is followed from
        frame to frame, however far it goes, and though it boils. Its cells are 32 px wide by
        default; it needs a global shutter, and is measured on this machine's processor. On the
        command line, ``--source``.
    device
        What goes over the pixels: ``"cpu"``, or a device of PyTorch (``"cuda"``, ``"cuda:1"``,
        ``"xpu"``, ``"mps"``; needs ``phonoscope[gpu]``), or ``"auto"`` for one of those if there is
        one. The result is the same to rounding, and its record names the device.
    fingerprint
        Also keep the SHA-256 of the source in the record. Reading it takes as long again as the
        pixels of an uncompressed video, and hardly any time beside a compressed one. Of an address
        the whole file is fetched for it.
    dask
        Address of the scheduler of a Dask cluster (``"tcp://host:8786"``), or its scheduler file,
        on which to measure; the result is the same. Needs the extra ``dask``.
    workers
        Instead: of how many processes a cluster is to be begun on this machine. In a script, call
        this below ``if __name__ == "__main__":``, because they import it.
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
    ClusterError
        If the cluster cannot be used.
    """
    request = Request.checked(
        source, fps, region, cell, start, duration, fingerprint=fingerprint, progress=progress,
        reading=Reading.checked(shutter, line_delay, readout, direction), device=device, dask=dask,
        workers=workers, pattern=pattern,
    )  # fmt: skip
    if request.stored or isinstance(source, MotionField):
        raise InputError(
            f"{source if request.stored else 'this'} is a motion field, measured already; "
            "give it to recover, or give the video."
        )
    if output is None:
        return _measure_to_memory(request)
    _check_target(request, Path(output))
    with replace_when_complete(output) as part:
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
    pattern: Pattern = "texture",
    device: str = "cpu",
    fingerprint: bool = False,
    kept: str | os.PathLike[str] | None = None,
    dask: str | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Iterator[MotionField]:
    """Yield the motion field of a video, measured now, or of a motion file, cut to what is asked.

    It holds the frames that the camera took, each at its own time: see
    `phonoscope.sound.in_true_time`.

    One of a video is in a file until the block ends: `kept`, as in `recover`, or a temporary one.
    The other parameters and the errors are those of `measure`; `band` is checked before anything is
    measured.
    """
    request = Request.checked(
        source, fps, region, cell, start, duration,
        band=band, fingerprint=fingerprint, progress=progress,
        reading=Reading.checked(shutter, line_delay, readout, direction), kept=kept, device=device,
        dask=dask, workers=workers, pattern=pattern,
    )  # fmt: skip
    with motion_in_time(request) as field:
        yield field


@contextmanager
def motion_in_time(request: Request) -> Iterator[MotionField]:
    """Yield what `motion_of` does, of the frames that the camera took, each at its own time."""
    with motion_of(request) as field:
        yield in_true_time(field)


@contextmanager
def motion_of(request: Request) -> Iterator[MotionField]:
    """Yield the motion field of any source; one of a video is kept in a file until the end."""
    source = request.source
    if isinstance(source, MotionField):
        yield _narrowed(request, source)
    elif request.stored:
        yield _narrowed(request, open_motion(source))
    else:
        place = temporary_file("clip" + MOTION_SUFFIX)
        with place if request.kept is None else kept_file(request.kept) as path:
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
        cells = len(run.measurement.cells)
        measured = [
            one if isinstance(one, Segment) else one.unpacked(cells) for one in run.segments()
        ]
        measured.sort(key=lambda segment: segment.number)
        run.conclude()
        blocks = [block for segment in measured for block in segment.blocks]
        return MotionField(
            facts=run.facts,
            cells=run.measurement.cells,
            noise=run.measurement.noise,
            samples=sum(len(block.time_s) for block in blocks),
            blocks=blocks,
            parameters=run.parameters(),
            warnings=run.warnings([index for segment in measured for index in segment.lost]),
            picture=run.measurement.picture,
        )


def _measure_to_file(request: Request, path: Path) -> None:
    """Measure, or measure what is missing if `path` holds the beginning of the same."""
    with measuring(request) as run:
        m = run.measurement
        writing = writing_motion(
            path, facts=run.facts, cells=m.cells, noise=m.noise, picture=m.picture,
            origin=run.origin(),
        )  # fmt: skip
        with _saying_what_is_kept(path), writing as motion:
            if motion.complete:
                return
            with closing(run.segments(motion)) as segments:
                for segment in segments:
                    motion.add(segment)
                    if run.stretches is not None and run.stretches.damaged():
                        # What was amiss is counted once a file, and would be counted anew.
                        motion.give_up_resuming()
            run.conclude()
            motion.finish(run.parameters(), run.warnings(motion.lost))


@contextmanager
def _saying_what_is_kept(path: Path) -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, OutputError, ConnectionError) as error:
        if path.exists():
            error.add_note("what is measured is kept, and the same command goes on from there")
        raise


@dataclass(frozen=True, slots=True)
class Run:
    """A measurement under way, and what is known only when its segments have been measured."""

    request: Request
    video: Video
    facts: VideoFacts
    measurement: Measurement
    stretches: Stretches | None
    fingerprint: "Future[str | None]"
    spread: Spread | None

    def segments(
        self, begun: MotionWriter | None = None
    ) -> Generator[Segment | PackedSegment, None, None]:
        """Measure what is not written yet, and yield it, on a cluster if that is wished."""
        done = {} if begun is None else dict(begun.done)
        more: dict[str, Any] = {"progress": self.told(sum(done.values()))}
        if begun is not None:
            more["known"] = begun.poses
        if self.spread is not None:
            yield from self.measurement.spread(self.spread, done, **more)
        else:
            yield from self.measurement.segments(done, **more)

    def told(self, before: int = 0) -> Callable[[int], None] | None:
        """Return what is to be called as frames are measured, after so many `before`."""
        told = self.request.told(self.facts)
        return None if told is None else lambda done: told(before + done)

    def origin(self) -> dict[str, Any]:
        """Return what tells this measurement from others, ready for JSON."""
        return {
            "source": identity(self.request.source),
            "start_s": self.request.start,
            "duration_s": self.request.duration,
            "fingerprint": self.request.fingerprint,
            "segment_frames": self.measurement.segment_frames,
            "device": self.request.engine.name,
            "pattern": self.request.pattern,
            "versions": versions(),
        }

    def parameters(self) -> dict[str, Any]:
        return {
            "cell_px": int(self.measurement.cells.width_px.max()),
            "region": [str(region) for region in self.request.regions],
            "start_s": self.request.start,
            "duration_s": self.request.duration,
            "reference_frames": self.measurement.reference_frames,
            "device": self.request.engine.name,
            "pattern": self.request.pattern,
            "input_sha256": self.fingerprint.result(),
            "versions": versions(),
        }

    def conclude(self) -> None:
        """Check the end of the video, when all of it has been read."""
        if self.stretches is not None:
            self.stretches.conclude()

    def warnings(self, lost: Sequence[int]) -> tuple[str, ...]:
        known = self.video.warnings
        if self.facts.shutter.rolling:  # it has heard far above half the frame rate
            slow = low_rate_warning(self.facts.capture_rate, self.facts.capture_rate_source)
            known = tuple(warning for warning in known if warning not in slow)
        if self.request.cluster is not None and self.spread is None:
            known = (*known, _NOT_SPREAD)
        if not lost:
            return known
        return (
            *known,
            f"{len(lost)} frame{'s' * (len(lost) > 1)} (the first is {lost[0]}) moved too far from "
            "the others to be followed; choose a steadier range.",
        )


@contextmanager
def measuring(request: Request, sampled: Sampled | None = None) -> Iterator[Run]:
    """Open a source and begin to measure it; `sampled` may let fewer frames pass."""
    with _connected(request) as hands, _opened(request) as video:
        shutter = _shutter(request, video.facts)
        if shutter.rolling and video.facts.interlaced:
            raise InputError(
                f"{video.facts.name} is interlaced, so that a frame's rows are read in two turns "
                "which no line delay tells; record progressive frames, or take the rows as read at "
                "once (--shutter global)."
            )
        facts = replace(video.facts, shutter=shutter)
        band_of(request.band, facts)  # wrong ones fail now, not in the end
        speckle = request.pattern == "speckle"
        if speckle and shutter.rolling:
            raise UsageError(
                f"{facts.name} was filmed with a rolling shutter, which reads the rows of speckle "
                "at different times; film with a global shutter, or give shutter global if the "
                "file is wrong."
            )
        if shutter.rolling:
            grids = cut_rows(facts.width, facts.height, request.regions, request.cell)
        else:
            usual = speckle_cell_px if speckle else default_cell_px
            edge = request.cell or usual(facts.width, facts.height)
            grids = cut(facts.width, facts.height, request.regions, edge)
        ahead = _frames_ahead(facts)
        workers = _workers(facts)
        many = (workers > 1 or hands is not None or is_alone()) and not speckle
        stretches = video.stretches() if sampled is None and many else None
        chosen: Iterable[Frame] = (
            video if stretches is None else stretches.read(stretches.first, None)
        )
        if sampled is not None:
            chosen = sampled(video, facts, ahead)
        most = None
        if stretches is not None and workers > 1:  # what is read while the first ones are looked at
            most = frames_to_look_at(facts.width, facts.height, -(-facts.bits // 8)) + ahead
        with (
            _fingerprinting(request) as fingerprint,
            closing(prefetch(chosen, depth=ahead, most=most)) as frames,
        ):
            measurement = measure_frames(
                frames, grids, bits=facts.bits, shutter=shutter, stretches=stretches,
                workers=workers, engine=request.engine,
                look_at=speckle_at if speckle else look_at,
            )  # fmt: skip
            spread = None
            if hands is not None and stretches is not None and stretches.elsewhere is not None:
                spread = partial(spread_over, hands)
            yield Run(request, video, facts, measurement, stretches, fingerprint, spread)


def _connected(request: Request) -> AbstractContextManager[Hands | None]:
    return nullcontext() if request.cluster is None else request.cluster.connected()


def _opened(request: Request) -> Video:
    return open_video(
        request.source, fps=request.fps, start=request.start, duration=request.duration
    )


def _workers(facts: VideoFacts) -> int:
    """Return how many threads may each decode and measure a stretch of the video by themselves."""
    if is_alone():
        return 1
    return max(
        1, min(os.cpu_count() or 1, _STRETCHES_BYTES // (_HELD_FRAMES * _frame_bytes(facts)))
    )


def _frame_bytes(facts: VideoFacts) -> int:
    return facts.width * facts.height * (1 if facts.bits == 8 else 2) * 3 // 2


def _shutter(request: Request, facts: VideoFacts) -> Shutter:
    if request.reading.lacks_delay(facts):
        measured = shutter_by_own_lamp(request, facts)
        if measured is not None:
            return measured
    return request.reading.shutter_of(facts)


def _frames_ahead(facts: VideoFacts) -> int:
    # Enough that decoding goes on while the first frames are looked at.
    return min(128, max(8, _DECODED_AHEAD_BYTES // _frame_bytes(facts)))


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
