"""From a video to one in which its vibration is large enough to be seen."""

import math
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from phonoscope.errors import InputError, UsageError
from phonoscope.files import of_callers
from phonoscope.motion import (
    Lattice,
    bridged,
    follower,
    merged_bands,
    motion_information,
    passband_taps,
    passed,
)
from phonoscope.pipeline.measuring import motion_of
from phonoscope.pipeline.request import (
    AnyRegion,
    Progress,
    Rate,
    Reading,
    Request,
    parse_band,
)
from phonoscope.types import Float64, Frame, Luma, MotionField, VideoFacts
from phonoscope.video import check_video, open_video, parse_rate, prefetch, writing_video

AnyBand = tuple[float, float] | str
_SWINGS_PER_S = 3.0  # at which the lowest band is seen
_LARGEST_PLAYBACK = Fraction(1000)  # frames/s; no file plays slower than its inverse either
_SLOWEST, _FASTEST = 5, 60  # frames/s of playback
_STEEPEST = 0.8  # change of the magnified motion from px to px; at 1 the picture folds
_LINEAR_PX = 0.3  # motion up to which the estimator is known to be true
_AHEAD = 8
_SAME_FRAME = 0.5  # of the time between frames


@dataclass(frozen=True, slots=True)
class Magnified:
    """What `magnify` wrote.

    Attributes
    ----------
    output
        The video.
    frames, duration_s
        Its frames, and the capture time that they cover.
    bands_hz
        Frequencies that were magnified; those that overlap are one.
    gain
        By how much: what was asked, or less, where more would have folded the picture.
    playback
        Its frames/s of playback.
    slower
        How many times slower than life it plays.
    largest_px
        Largest motion in the bands, before it was magnified, px.
    device
        What bent the frames, and measured them if they were not measured before.
    warnings
        Sentences that the user should read.
    """

    output: Path
    frames: int
    duration_s: float
    bands_hz: tuple[tuple[float, float], ...]
    gain: float
    playback: Fraction
    slower: float
    largest_px: float
    device: str
    warnings: tuple[str, ...] = ()


def magnify(
    source: Any,
    output: str | os.PathLike[str],
    *,
    band: AnyBand | Sequence[AnyBand],
    gain: float = 50.0,
    fps: Rate | None = None,
    region: AnyRegion | Sequence[AnyRegion] = (),
    cell: int | None = None,
    start: float = 0.0,
    duration: float | None = None,
    motion: MotionField | str | os.PathLike[str] | None = None,
    playback: Rate | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Magnified:
    """Write a video in which the vibration of some frequencies is as large as is asked.

    The motion of each cell is filtered without delay, weighed by what the cell knows, spread
    smoothly over the pixels, and each frame is bent by it. What does not stand above the noise is
    not magnified. Memory does not grow with the length of the video.

    Parameters
    ----------
    source
        Any video that `recover` takes, but for an iterator: it is read twice.
    output
        ``.mp4`` (H.264, plays everywhere) or ``.mkv`` (FFV1, lossless). Grey.
    band
        Lowest and highest frequency, Hz: ``(60, 70)`` or ``"60,70"``; or several of them.
    gain
        How many times larger the motion is shown; 1 leaves the picture as it is, 0 takes the
        motion out. It is lowered, and a warning says so, where the picture would fold.
    fps, cell, start, duration
        As in `measure`.
    region
        Rectangles in which motion is magnified; the rest of the picture stays as it is.
    motion
        Motion field or motion file of the same video, if it is measured already.
    playback
        Frames/s at which the video plays. By default the middle of the lowest band is seen at 3
        swings a second, but at 5 to 60 frames/s and never faster than life.
    device
        As in `measure`: it measures and bends the frames.
    progress
        Called as frames are measured, then written: each counts.

    Returns
    -------
    Magnified

    Raises
    ------
    UsageError
        If an argument has a value that cannot be right.
    InputError
        If nothing can be measured from the source, or the motion field is of another video.
    OutputError
        If `output` cannot be written.
    """
    progress = None if progress is None else of_callers(progress)
    request = Request.checked(
        source, fps, region, cell, start, duration, reading=Reading(shutter="global"),
        progress=None if progress is None else _doubled(progress), device=device,
    )  # fmt: skip
    bands = _bands(band)
    if not 0 <= gain < math.inf:
        raise UsageError(f"gain {gain!r} is no factor; give 0 or more, such as 50.")
    given = None if playback is None else _shown_rate(playback)
    _check_ends(request, Path(output))
    with ExitStack() as stack:
        opened = open_video(source, fps=request.fps, start=start, duration=duration)
        video = stack.enter_context(opened)
        _check_bands(bands, video.facts)
        field = stack.enter_context(_field(request, motion))
        _check_same(field, video.facts)
        plan = _Plan.of(field, bands, gain)
        shown = given or _playback(bands, video.facts.capture_rate)
        frames = stack.enter_context(closing(prefetch(video, depth=_AHEAD)))
        write = stack.enter_context(writing_video(output, video.facts, shown))
        count = 0
        bent = request.engine.bender(plan.lattice, plan.gain, video.facts.bits)
        for luma in bent(_with_bends(plan, field, frames, video.facts)):
            write(luma)
            count += 1
            if progress is not None:
                progress(field.samples + count, 2 * field.samples)
        short = () if next(frames, None) is None else (_ends_early(count),)
        rate = video.facts.capture_rate
        return Magnified(
            output=Path(output), frames=count, duration_s=float(count / rate),
            bands_hz=tuple(merged_bands(bands)), gain=plan.gain, playback=shown,
            slower=float(rate / shown), largest_px=plan.largest_px, device=request.engine.name,
            warnings=tuple(dict.fromkeys((*field.warnings, *plan.warnings(gain), *short))),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Plan:
    """How motion becomes a bend, the same for all frames."""

    taps: Float64
    lattice: Lattice
    likeliest: Callable[[Float64], Iterator[Float64]]
    gain: float
    largest_px: float
    bands: tuple[tuple[float, float], ...]

    @classmethod
    def of(cls, field: MotionField, bands: Sequence[tuple[float, float]], gain: float) -> "_Plan":
        rate = float(field.rate_hz)
        taps = passband_taps(bands, rate, field.samples)
        passing = float(taps @ taps)  # share of white noise that is left
        facts = field.facts
        lattice = Lattice.over(field.cells, facts.width, facts.height, field.picture)
        information = motion_information(field) / passing
        freedoms = max(passing * field.samples, 1.0)
        likeliest = follower(
            lattice, field.cells, lambda: _filtered(field, taps), information, freedoms
        )
        plan = cls(taps, lattice, likeliest, gain, 0.0, tuple(merged_bands(bands)))
        largest, steepest = 0.0, 0.0
        for nodes in plan.nodes(field):
            largest = max(largest, float(np.hypot(*nodes).max()))
            steepest = max(steepest, _slope(nodes, lattice.pitch_px))
        allowed = _STEEPEST / steepest if steepest > 0 else math.inf
        return cls(taps, lattice, likeliest, min(gain, allowed), largest, plan.bands)

    def nodes(self, field: MotionField) -> Generator[Float64, None, None]:
        for motion in _filtered(field, self.taps):
            yield from self.likeliest(motion)

    def warnings(self, asked: float) -> Iterator[str]:
        shown = " and ".join(f"{low:g} to {high:g} Hz" for low, high in self.bands)
        if self.largest_px == 0:
            yield (
                f"nothing moves above the noise at {shown}, so the picture is left as it is; try "
                "another band, or phonoscope report, which shows where there is sound."
            )
        if self.gain < asked:
            yield (
                f"the gain is {self.gain:.3g} instead of {asked:g}, as the picture would fold "
                "where neighbouring parts move apart; larger cells bend it less."
            )
        if self.largest_px > _LINEAR_PX:
            yield (
                f"the motion at {shown} reaches {self.largest_px:.2g} px, beyond the "
                f"{_LINEAR_PX:g} px up to which it is measured truly; it may be shown too small."
            )


def _filtered(field: MotionField, taps: Float64) -> Iterator[Float64]:
    return passed(bridged(field.blocks), taps)


def _slope(nodes: Float64, pitch_px: tuple[float, float]) -> float:
    """Return the largest change of motion from node to node, px a px."""
    along = (np.diff(nodes, axis=2) / pitch_px[0], np.diff(nodes, axis=1) / pitch_px[1])
    return max(float(np.hypot(*each).max(initial=0.0)) for each in along)


def _bands(band: AnyBand | Sequence[AnyBand]) -> list[tuple[float, float]]:
    single = isinstance(band, str) or (
        len(band) == 2 and not any(isinstance(part, str | Sequence) for part in band)
    )
    several: Any = [band] if single else band
    bands = [parse_band(one) for one in several]
    if not bands:
        raise UsageError("there is no band to magnify; give low,high in Hz, such as 60,70.")
    return bands


def _check_bands(bands: Sequence[tuple[float, float]], facts: VideoFacts) -> None:
    half = float(facts.capture_rate) / 2
    for low, high in bands:
        if not 0 < low < high <= half:
            raise UsageError(
                f"band {low:g},{high:g} Hz cannot be magnified at {float(facts.capture_rate):g} "
                f"frames/s; give frequencies that rise, above 0 and up to {half:g}."
            )


def _check_ends(request: Request, output: Path) -> None:
    source = request.source
    if request.stored or isinstance(source, MotionField):
        raise UsageError(
            "a motion field holds no frames to bend; give the video, and the field as motion."
        )
    paths = isinstance(source, str | os.PathLike)
    if not paths and not isinstance(source, np.ndarray):
        raise UsageError(
            f"a {type(source).__name__} can be read only once, and frames are needed twice; give "
            "a file, a folder or an array."
        )
    check_video(output)
    if paths and output.exists() and Path(source).exists() and output.samefile(source):
        raise UsageError(f"the output {output} is the input itself; choose another name.")


def _field(request: Request, motion: MotionField | str | os.PathLike[str] | None) -> Any:
    if motion is None:
        return motion_of(request)
    stored = Request.checked(
        motion, request.fps, request.regions, request.cell, request.start, request.duration
    )
    if not (stored.stored or isinstance(motion, MotionField)):
        raise InputError(f"{motion} is no motion file; make one with phonoscope measure.")
    return motion_of(stored)


def _check_same(field: MotionField, facts: VideoFacts) -> None:
    was = field.facts
    if field.facts.shutter.rolling:
        raise InputError(
            "the motion field holds the rows of a rolling shutter, which do not bend a picture; "
            "leave it out, and the video is measured anew."
        )
    if (was.width, was.height, was.capture_rate) != (facts.width, facts.height, facts.capture_rate):
        raise InputError(
            f"the motion field is of a video of {was.width} x {was.height} px at "
            f"{float(was.capture_rate):g} frames/s, and {facts.name} has {facts.width} x "
            f"{facts.height} px at {float(facts.capture_rate):g}; measure this video."
        )


def _with_bends(
    plan: _Plan, field: MotionField, frames: Iterable[Frame], facts: VideoFacts
) -> Iterator[tuple[Luma, Float64]]:
    for number, (nodes, frame) in enumerate(zip(plan.nodes(field), frames, strict=False)):
        if number == 0:
            _check_begins(field, frame, facts)
        yield frame.luma, nodes


def _check_begins(field: MotionField, frame: Frame, facts: VideoFacts) -> None:
    begins, first = float(field.blocks[0].time_s[0]), float(frame.time_s)
    if abs(begins - first) * float(facts.capture_rate) > _SAME_FRAME:
        raise InputError(
            f"the motion field begins at {begins:.4g} s and the frames at {first:.4g} s; measure "
            "the whole video, or the same stretch of it."
        )


def _ends_early(count: int) -> str:
    return (
        f"the motion field ends after {count:,} frames, and so does the magnified video; measure "
        "the whole video to see the rest."
    )


def _shown_rate(playback: Rate) -> Fraction:
    rate = parse_rate(playback)
    if not 1 / _LARGEST_PLAYBACK <= rate <= _LARGEST_PLAYBACK:
        raise UsageError(
            f"playback {playback!r} is not a rate at which videos play; give frames/s, such as 30."
        )
    return rate.limit_denominator(1000)


def _playback(bands: Sequence[tuple[float, float]], rate: Fraction) -> Fraction:
    low, high = merged_bands(bands)[0]
    wanted = round(_SWINGS_PER_S * float(rate) / ((low + high) / 2))
    return min(Fraction(min(max(wanted, _SLOWEST), _FASTEST)), rate)


def _doubled(progress: Progress) -> Progress:
    return lambda done, total: progress(done, None if total is None else 2 * total)
