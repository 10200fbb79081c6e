"""From the frames of a file to those that a camera took, each at its own time.

Three things stand between the two. A file shows a frame several times, because it was brought to a
faster rate: the copies are left out, and the rate is that of the others. A frame was dropped and a
copy put in its place, or it moved too far to be followed: there is no sample then. Or a frame was
dropped and the times of the others leave a gap.

Which of the first two it is, copies tell by themselves. Where they come as evenly as they can, so
that the count of the other frames never departs by more than a frame from a straight line, all was
brought from another rate. By chance eight or more copies do not come so; any others fill gaps.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from phonoscope.blocks import LazyBlocks, on_lines, samples_of
from phonoscope.errors import InputError
from phonoscope.sound.repeats import copies, news_of
from phonoscope.sound.verdict import predicting
from phonoscope.types import Float64, MotionBlock, MotionField, VideoFacts

_Indices = NDArray[np.int64]
_JITTER = 0.2  # of a period, peak to peak: more is no clock's unrest, and no grid
_SURELY_A_GAP = 1.75  # of the usual one, where times lie on no grid
_NEAR = Fraction(1, 100)  # of a rate that is told, what the times say is that rate
_EVENLY = 1.25  # frames, peak to peak; exactly evenly is below 1
_FEWEST_COPIES = 8
_LARGEST_DENOMINATOR = 1200
_MOST_MISSING = 10  # for each frame
_AT_ONCE = 4096  # samples, where much is filled in


def in_true_time(field: MotionField) -> MotionField:
    """Return a field of the frames that the camera took, at the times at which it took them.

    Its facts have the true rate. With a global shutter what is missing is filled in by straight
    lines, which `MotionField.measured` marks. Rows that are read one after the other need no even
    times: there it is left out. A field that needs none of this comes back as it is.

    Raises
    ------
    InputError
        If the gaps are far longer than all the frames.
    """
    if field.measured is not None or field.repeated or field.samples < 2:
        return field
    seen = _Seen.of(field)
    copied, clock = seen.copied, _Clock.of(seen.time_s, field.facts)
    taken = np.flatnonzero(~copied)  # some of which may be lost
    places, shown = _true_places(clock.places[taken], int(copied.sum()))
    chosen = ~seen.lost[taken]
    frames, places = taken[chosen], places[chosen]
    if len(frames) < 2:
        return field
    places -= places[0]
    missing = int(places[-1]) + 1 - len(frames)
    if not (missing or copied.any() or field.facts.variable_rate):
        return field
    if missing > _MOST_MISSING * len(frames):
        raise InputError(
            f"the {len(frames)} frames of {field.facts.name} are spread over a time that has room "
            f"for {len(frames) + missing}; choose a range without pauses with start and duration "
            "(--start, --duration)."
        )
    filled = bool(missing) and not field.facts.shutter.rolling
    rate = clock.rate / shown
    time = seen.time_s[frames]
    if clock.even:
        time = time[0] + places / float(rate)
    if filled:
        time = np.interp(np.arange(places[-1] + 1), places, time)
    else:
        places = np.arange(len(frames))
    even = clock.even and (filled or not missing)
    if not even and not field.facts.shutter.rolling:
        span = Fraction(float(time[-1] - time[0])).limit_denominator(10**9)
        rate = (len(time) - 1) / span
    measured = np.zeros(len(time), np.bool_)
    measured[places] = True
    said = (
        *_of_copies(copied, clock.rate, shown, even=shown != 1),
        *_of_gaps(missing, time, measured if filled else None),
    )
    return replace(
        field,
        facts=replace(field.facts, capture_rate=rate, variable_rate=not even, shown=shown),
        samples=len(time),
        blocks=_blocks(field, frames, places, time),
        measured=measured if filled else None,
        repeated=int(copied.sum()),
        warnings=tuple(dict.fromkeys((*field.warnings, *said))),  # rows may come here twice
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Each frame's time, whether it was too far away to be followed, and whether it is a copy."""

    time_s: Float64
    lost: NDArray[np.bool_]
    copied: NDArray[np.bool_]

    @classmethod
    def of(cls, field: MotionField) -> "_Seen":
        times: list[Float64] = []
        lost: list[NDArray[np.bool_]] = []

        def passing() -> Iterator[MotionBlock]:  # once: to read a block takes time
            for block in field.blocks:
                times.append(block.time_s)
                lost.append(np.isin(np.arange(len(block.time_s)), block.lost))
                yield block

        news = news_of(passing(), field.cells)
        copied = copies(news, field.noise, predicted=predicting(field.facts))
        return cls(np.concatenate(times), np.concatenate(lost), np.append(False, copied))


@dataclass(frozen=True, slots=True, eq=False)
class _Clock:
    """The places of frames on a grid in time, of a `rate`; they lie on none if not `even`."""

    places: _Indices
    rate: Fraction
    even: bool

    @classmethod
    def of(cls, time_s: Float64, facts: VideoFacts) -> "_Clock":
        time = time_s - time_s[0]
        if not facts.variable_rate:
            rate = facts.capture_rate
            return cls(np.rint(time * float(rate)).astype(np.int64), rate, even=True)
        gaps = np.diff(time) / float(np.median(np.diff(time)))
        steps = np.maximum(np.rint(gaps), 1)
        places = np.append(0, np.cumsum(steps)).astype(np.int64)
        period, first = (float(value) for value in np.polyfit(places, time, 1))
        if np.ptp(time - first - period * places) < _JITTER * period:
            return cls(places, _told(facts, Fraction(1 / period)), even=True)
        steps[gaps < _SURELY_A_GAP] = 1
        places = np.append(0, np.cumsum(steps)).astype(np.int64)
        return cls(places, facts.capture_rate, even=False)


def _told(facts: VideoFacts, rate: Fraction) -> Fraction:
    # The rate that somebody tells, if that is what the times say.
    faster = Fraction(1)
    if facts.meant_rate is not None and facts.container_rate is not None:
        faster = facts.meant_rate / facts.container_rate
    near = [told for told in (facts.capture_rate, facts.capture_rate * faster)
            if abs(told / rate - 1) < _NEAR]  # fmt: skip
    return min(near, key=lambda told: abs(told / rate - 1), default=rate.limit_denominator(10**6))


def _true_places(places: _Indices, copied: int) -> tuple[_Indices, Fraction]:
    """Return where frames that are no copies belong, and how often the file shows each.

    Places count true periods.
    """
    if copied < _FEWEST_COPIES or len(places) < 2:
        return places, Fraction(1)
    order = np.arange(len(places))
    slope, first = np.polyfit(order, places, 1)
    if np.ptp(places - first - slope * order) <= _EVENLY:
        return order, _simplest(float(slope), places)
    step = int(np.gcd.reduce(np.diff(places)))
    return (places - places[0]) // step, Fraction(step)


def _simplest(slope: float, places: _Indices) -> Fraction:
    # Of the smallest denominator with which places are multiples, rounded in one way.
    order = np.arange(len(places))
    for denominator in range(1, _LARGEST_DENOMINATOR + 1):
        near = Fraction(round(slope * denominator), denominator)
        rest = denominator * places - near.numerator * (denominator // near.denominator) * order
        if np.ptp(rest) < denominator:
            return near
    return Fraction(slope).limit_denominator(10**6)


def _blocks(field: MotionField, frames: _Indices, places: _Indices, time_s: Float64) -> LazyBlocks:
    """Return blocks of the samples at `time_s`.

    Those at `places` are `frames` of the field, and those between are on straight lines.
    """
    edges = np.concatenate([[0], np.cumsum(samples_of(field.blocks))])
    bounds = np.searchsorted(frames, edges)
    ends = np.append(places, len(time_s))
    load = lru_cache(maxsize=2)(lambda number: field.blocks[number])
    pieces = [
        (number, first, min(first + _AT_ONCE, int(ends[b])))
        for number, (a, b) in enumerate(pairwise(bounds))
        if a < b
        for first in range(int(places[a]), int(ends[b]), _AT_ONCE)
    ]

    def read(piece: int) -> MotionBlock:
        number, first, stop = pieces[piece]
        block, (a, b) = load(number), bounds[number : number + 2]
        own, known = frames[a:b] - edges[number], places[a:b]
        motion, gain = block.motion[own], block.gain[own]
        wanted = np.arange(first, stop)
        if stop - 1 > known[-1]:
            after = int(np.searchsorted(edges, frames[b], "right")) - 1
            ahead, place = load(after), int(frames[b] - edges[after])
            motion = np.concatenate([motion, ahead.motion[place : place + 1]])
            gain = np.concatenate([gain, ahead.gain[place : place + 1]])
            known = places[a : b + 1]
        if len(wanted) != len(known) or wanted[0] != known[0]:
            motion, gain = on_lines(wanted, known, motion), on_lines(wanted, known, gain)
        return MotionBlock(time_s[first:stop], motion, gain, block.information)

    return LazyBlocks([stop - first for _, first, stop in pieces], read)


def _of_copies(
    copied: NDArray[np.bool_], rate: Fraction, shown: Fraction, *, even: bool
) -> Iterator[str]:
    if not copied.any():
        return
    text = f"{np.count_nonzero(copied)} of {len(copied)} frames are copies of the one before"
    if even:
        true = f"{float(rate / shown):.6g}"
        yield (
            f"{text}, at even distances: {true} frames/s are shown as {float(rate):.6g}. The "
            f"copies are left out, and the capture rate is {true} frames/s (one that is given with "
            "fps, --fps, is that of all frames, copies too)."
        )
    else:
        yield f"{text}, here and there: each stands for a frame that was dropped, and is left out."


def _of_gaps(missing: int, time_s: Float64, measured: NDArray[np.bool_] | None) -> Iterator[str]:
    if not missing:
        return
    frames = f"{missing} frames are" if missing > 1 else "1 frame is"
    if measured is None:
        yield f"{frames} missing; time runs on, and rows are missing with it."
        return
    first = float(time_s[int(np.argmin(measured))])
    yield (
        f"{frames} missing, the first at {first:.6g} s: time runs on, and the sound is filled "
        "in there, which the result marks (interpolated)."
    )
