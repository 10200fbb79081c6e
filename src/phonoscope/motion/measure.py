"""Frames to motion: the first look, then one pass."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError
from phonoscope.motion.cells import Grid, places
from phonoscope.motion.look import first_look, frames_to_look_at
from phonoscope.motion.reference import Reference
from phonoscope.motion.track import GROUP, Piece, Solving, Tracker
from phonoscope.types import GLOBAL, Cells, Float64, Frame, Luma, MotionBlock, NoiseModel, Shutter

BLOCK_SAMPLES = 256
"""Frames in a stored block: a multiple of the tracker's group."""

_FEWEST_FRAMES = 4
_LARGEST_PICTURE = 1_000_000  # pixels


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """A measurement under way: what is known after the first look, and the blocks to come.

    Attributes
    ----------
    cells, noise
        As in `phonoscope.types.MotionField`.
    reference_frames
        Number of frames whose mean is the reference.
    picture
        As in `phonoscope.types.MotionField`.
    blocks
        Generator of the motion, block by block, that reads the frames as it goes.
    lost
        Filled as the blocks are read: indices of frames that moved too far to be followed.
    """

    cells: Cells
    noise: NoiseModel
    reference_frames: int
    picture: NDArray[np.uint8]
    blocks: Iterator[MotionBlock]
    lost: list[int]


def measure_frames(
    frames: Iterable[Frame],
    grids: Sequence[Grid],
    *,
    bits: int,
    shutter: Shutter = GLOBAL,
    progress: Callable[[int], None] | None = None,
) -> Measurement:
    """Measure how each cell of `grids` moves through `frames`.

    The first frames, as many as fit 64 MB, are held to learn the reference and the noise; the
    rest stream by. Memory does not grow with the length of the video.

    Parameters
    ----------
    frames
        In order, all of one size.
    grids
        From `phonoscope.motion.cut`, or `cut_rows` for a rolling shutter.
    bits
        Significant bits of a pixel.
    shutter
        How the sensor is read.
    progress
        Called with the number of frames measured so far.

    Raises
    ------
    InputError
        If there are fewer than 4 frames, or nothing in them shows motion.
    """
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        raise InputError("there are no frames in the chosen range; choose another range.")
    height, width = first.luma.shape
    count = frames_to_look_at(width, height, first.luma.itemsize)
    held = [_own(frame) for frame in chain([first], islice(stream, count - 1))]
    if len(held) < _FEWEST_FRAMES:
        raise InputError(
            f"there {'is 1 frame' if len(held) == 1 else f'are {len(held)} frames'} only, and "
            f"motion needs at least {_FEWEST_FRAMES}; give a longer video or range."
        )
    lumas = [frame.luma for frame in held]
    references = [first_look(lumas, grid, 2**bits - 1) for grid in grids]
    lost: list[int] = []
    return Measurement(
        cells=places(grids, shutter, height),
        noise=_mean_noise(references),
        reference_frames=int(min(reference.averaged for reference in references)),
        picture=_for_people(lumas[0], bits),
        blocks=_blocks(_release(held, stream), grids, references, progress, lost),
        lost=lost,
    )


def _for_people(luma: Luma, bits: int) -> NDArray[np.uint8]:
    factor = math.ceil(math.sqrt(luma.size / _LARGEST_PICTURE))
    height, width = (side // factor * factor for side in luma.shape)
    blocks = luma[:height, :width].reshape(height // factor, factor, width // factor, factor)
    grey = blocks.mean(axis=(1, 3)) * (255 / (2**bits - 1))
    return np.asarray((grey + 0.5).astype(np.uint8))


def _own(frame: Frame) -> Frame:
    # A copy of the luma alone lets the decoder have its frame, chroma and all, back.
    return Frame(frame.index, frame.time_s, frame.luma.copy())


def _release(held: list[Frame], stream: Iterator[Frame]) -> Iterator[Frame]:
    held.reverse()
    while held:
        yield held.pop()
    yield from stream


def _mean_noise(references: Sequence[Reference]) -> NoiseModel:
    level = np.unique(np.concatenate([r.noise.level for r in references]))
    return NoiseModel(level, np.mean([r.noise.at(level) for r in references], axis=0))


def _blocks(
    frames: Iterator[Frame],
    grids: Sequence[Grid],
    references: Sequence[Reference],
    progress: Callable[[int], None] | None,
    lost: list[int],
) -> Iterator[MotionBlock]:
    trackers = [Tracker(r, grid) for r, grid in zip(references, grids, strict=True)]
    done = 0
    times: list[Float64] = []
    parts: list[list[Piece]] = [[] for _ in trackers]
    group = _Group.begun(list(islice(frames, GROUP)), trackers)
    while group.frames:
        following = _Group.begun(list(islice(frames, GROUP)), trackers)
        times.append(np.array([float(frame.time_s) for frame in group.frames]))
        for tracker, solving, pieces in zip(trackers, group.solving, parts, strict=True):
            pieces += tracker.measure(group.lumas, solving)
        lost += _lost(group.frames, parts[0])
        done += len(group.frames)
        if progress:
            progress(done)
        group = following
        if sum(map(len, times)) >= BLOCK_SAMPLES or not group.frames:
            yield _block(np.concatenate(times), parts)
            times, parts = [], [[] for _ in trackers]


@dataclass(frozen=True, slots=True)
class _Group:
    """Consecutive frames with which every tracker has begun."""

    frames: Sequence[Frame]
    lumas: Sequence[Luma]
    solving: Sequence[Solving]

    @classmethod
    def begun(cls, frames: Sequence[Frame], trackers: Sequence[Tracker]) -> "_Group":
        lumas = [frame.luma for frame in frames]
        return cls(frames, lumas, [tracker.begin(lumas) for tracker in trackers if lumas])


def _lost(group: Sequence[Frame], pieces: Sequence[Piece]) -> list[int]:
    if all(piece.within_reach for piece in pieces):
        return []
    first = pieces[-1].stop - len(group)
    return [
        group[t - first].index
        for piece in pieces
        if not piece.within_reach
        for t in range(max(piece.start, first), piece.stop)
    ]


def _block(time_s: Float64, parts: Sequence[Sequence[Piece]]) -> MotionBlock:
    return MotionBlock(
        time_s=time_s,
        motion=np.concatenate(
            [np.concatenate([p.motion for p in pieces]) for pieces in parts],
            axis=1,
            dtype=np.float32,
        ),
        gain=np.concatenate(
            [np.concatenate([p.gain for p in pieces]) for pieces in parts], axis=1, dtype=np.float32
        ),
        information=np.concatenate([_mean_information(pieces) for pieces in parts]),
        lost=_lost_samples(parts),
    )


def _lost_samples(parts: Sequence[Sequence[Piece]]) -> tuple[int, ...]:
    # A frame that one region lost counts as lost: its picture is another.
    first = parts[0][0].start
    missed = (p for pieces in parts for p in pieces if not p.within_reach)
    return tuple(sorted({t - first for p in missed for t in range(p.start, p.stop)}))


def _mean_information(pieces: Sequence[Piece]) -> Float64:
    total = sum((p.stop - p.start) * p.about.information for p in pieces)
    return np.asarray(total / sum(p.stop - p.start for p in pieces))
