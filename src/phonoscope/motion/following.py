"""Follow a picture that has no end: samples as soon as they are measured, at even times.

Between frames that are missing, or moved too far to be followed, motion is a straight line, and
marked so.
"""

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from phonoscope.blocks import on_lines
from phonoscope.motion.cells import cut
from phonoscope.motion.look import frames_to_look_at
from phonoscope.motion.measure import Look, look_at
from phonoscope.motion.segment import Subject, measure_group
from phonoscope.motion.track import GROUP
from phonoscope.types import GLOBAL, Frame, MotionBlock

_LOOK_S = 2.0
_LOOK_LEAST = 16  # frames
_GROUP_S = 0.05
_FILLED_AT_ONCE = 256  # samples: a gap may be long

Take = Callable[[int, int], Sequence[Frame]]
"""Returns the next frames, at least and at most so many; fewer, or none, at the end only."""


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """Samples at even times.

    Attributes
    ----------
    first
        Index of the first sample: that of its frame.
    block
        The motion.
    measured
        ``(sample,)`` False where it is filled in.
    """

    first: int
    block: MotionBlock
    measured: NDArray[np.bool_]


def warm_up(bits: int) -> None:
    """Learn a small picture of noise, so that what is compiled is there before frames come."""
    random = np.random.default_rng(0)
    picture = random.uniform(50, 200, (64, 64))
    held: list[Frame] = []
    for number in range(GROUP):
        noisy = picture + random.normal(0, 2, picture.shape)
        luma = noisy.astype(np.uint8) if bits == 8 else noisy.astype(np.uint16)
        held.append(Frame(number, Fraction(number), luma))
    look = look_at(held, cut(64, 64, (), 16), bits, GLOBAL)
    measure_group(held, look.subject.trackers())


def live_look_frames(width: int, height: int, itemsize: int, rate_hz: float) -> int:
    """Return how many frames the first look at a live picture takes."""
    most = frames_to_look_at(width, height, itemsize)
    return int(np.clip(math.ceil(_LOOK_S * rate_hz), _LOOK_LEAST, most))


def follow(
    look: Look[Subject], held: Sequence[Frame], take: Take, rate_hz: float
) -> Iterator[Followed]:
    """Measure frames as they come, until there are no more.

    Parameters
    ----------
    look
        What they are measured against.
    held
        Frames that come before those of `take`.
    take
        Gives frames.
    rate_hz
        Frames a second: a frame of index n is sample n.
    """
    few = int(np.clip(round(_GROUP_S * rate_hz), 1, GROUP))
    trackers = look.subject.trackers(group=few)
    last: tuple[int, MotionBlock] | None = None
    for frames in _grouped(held, take, few):
        block = measure_group(frames, trackers)
        index = np.array([frame.index for frame in frames])
        for followed in _evened(index, block, last, rate_hz):
            yield followed
            last = followed.first + len(followed.measured) - 1, followed.block


def _grouped(held: Sequence[Frame], take: Take, few: int) -> Generator[Sequence[Frame], None, None]:
    for first in range(0, len(held), few):
        yield held[first : first + few]
    while frames := take(few, GROUP):
        yield frames


def _evened(
    index: NDArray[np.int64], block: MotionBlock, last: tuple[int, MotionBlock] | None,
    rate_hz: float,
) -> Iterator[Followed]:  # fmt: skip
    """Yield a sample for each index since the last one, in pieces."""
    good = np.ones(len(index), np.bool_)
    good[list(block.lost)] = False
    if good.all() and (last is None or index[0] == last[0] + 1) and np.ptp(index) < len(index):
        yield Followed(int(index[0]), block, good)
        return
    # What is known: the last sample before, and those of this block that could be followed.
    known, motion, gain = index[good], block.motion[good], block.gain[good]
    begin = int(index[0])
    if last is not None:
        begin = last[0] + 1
        known = np.concatenate([[last[0]], known])
        motion = np.concatenate([last[1].motion[-1:], motion])
        gain = np.concatenate([last[1].gain[-1:], gain])
    if not len(known):  # nothing of the very first frames: the picture as it is
        known, motion, gain = index[:1], 0 * block.motion[:1], 0 * block.gain[:1] + 1
    for first in range(begin, int(index[-1]) + 1, _FILLED_AT_ONCE):
        wanted = np.arange(first, min(first + _FILLED_AT_ONCE, int(index[-1]) + 1))
        filled = replace(
            block,
            time_s=wanted / rate_hz,
            motion=on_lines(wanted, known, motion),
            gain=on_lines(wanted, known, gain),
            lost=(),
        )
        yield Followed(first, filled, np.isin(wanted, index[good]))
