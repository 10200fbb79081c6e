"""A segment: consecutive frames that are measured by themselves.

Where a video is cut into segments depends on nothing but its frames, and each is begun anew from
the reference, so that the result is the same in whatever order, by however many threads or
machines, and after however many interruptions they are measured. Only where the picture cannot be
found from the reference does a segment ask where the one before it last saw it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from phonoscope.motion.cells import Grid
from phonoscope.motion.engine import Engine
from phonoscope.motion.reference import Reference
from phonoscope.motion.track import GROUP, Piece, Posed, Solving, Tracker, home, posed
from phonoscope.types import Float32, Float64, Frame, Luma, MotionBlock

BLOCK_SAMPLES = 256
"""Frames in a stored block: a multiple of the tracker's group."""

_PIXELS = 2**28
_MOST_BLOCKS = 8

Poses = Sequence[NDArray[Any]]
"""Where the picture was last seen: ``(rows, columns, 2)`` in px for each region. Of speckle, all
that trackers need to go on."""


def segment_frames(width: int, height: int) -> int:
    """Return how many frames of that size a segment has: what one is short of, little is lost."""
    return BLOCK_SAMPLES * int(
        np.clip(_PIXELS // (width * height * BLOCK_SAMPLES), 1, _MOST_BLOCKS)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """What became of the frames of a segment.

    Attributes
    ----------
    number
        In the order of time, from 0.
    blocks
        The motion; none where no frame of the segment could be read.
    lost
        Indices of the frames that moved too far to be followed.
    poses
        Where the picture was last seen.
    """

    number: int
    blocks: Sequence[MotionBlock]
    lost: Sequence[int]
    poses: Poses

    @property
    def samples(self) -> int:
        return sum(len(block.time_s) for block in self.blocks)


class Target(Protocol):
    """What is measured, segment by segment; it can be sent to other processes."""

    @property
    def beginning(self) -> Poses:
        """Where the picture is taken to be before the first segment."""

    def measure(
        self, number: int, frames: Iterator[Frame], before: Poses | None,
        told: Callable[[int], None],
    ) -> Segment | None:  # fmt: skip
        """Measure the frames of one segment.

        Parameters
        ----------
        number
            Of the segment.
        frames
            All of its own.
        before
            Where the segment before it last saw the picture, or None if that is not known yet.
        told
            Called with the number of frames measured, after each few.

        Returns
        -------
        Segment or None
            None if `before` is needed to find the picture, and is not known.
        """


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """What is measured: each region's cells, its reference, and that as it is, linearised."""

    grids: Sequence[Grid]
    references: Sequence[Reference]
    homes: Sequence[Posed]
    engine: Engine

    @classmethod
    def of(
        cls, grids: Sequence[Grid], references: Sequence[Reference], engine: Engine
    ) -> "Subject":
        homes = [home(r, g, engine) for r, g in zip(references, grids, strict=True)]
        return cls(grids, references, homes, engine)

    def __reduce__(self) -> tuple[Any, ...]:
        # What is linearised is four times as large as what it is made from, in a moment.
        return Subject.of, (self.grids, self.references, self.engine)

    def trackers(self, poses: Poses | None = None, group: int = GROUP) -> list[Tracker]:
        abouts = self.homes if poses is None else [
            posed(r, g, pose, self.engine) if pose.any() else h
            for r, g, h, pose in zip(self.references, self.grids, self.homes, poses, strict=True)
        ]  # fmt: skip
        return [
            Tracker(r, g, self.engine, about, group)
            for r, g, about in zip(self.references, self.grids, abouts, strict=True)
        ]

    @property
    def beginning(self) -> Poses:
        """The pose that the reference has."""
        return [about.pose for about in self.homes]

    def measure(
        self, number: int, frames: Iterator[Frame], before: Poses | None,
        told: Callable[[int], None],
    ) -> Segment | None:  # fmt: skip
        """Measure the frames of one segment: see `Target.measure`."""
        first = list(islice(frames, GROUP))
        if not first:
            return Segment(number, (), (), self.beginning)
        trackers = self.trackers()
        pieces = _measured(trackers, first)
        if not _found(pieces):
            if before is None:
                return None
            if any(pose.any() for pose in before):
                trackers = self.trackers(before)
                pieces = _measured(trackers, first)
        times, lost = _times(first), _lost(first, pieces[0])
        del first  # the frames themselves would be held to the segment's end
        told(len(times))
        return _followed(number, times, lost, pieces, frames, trackers, told)


def measure_group(frames: Sequence[Frame], trackers: Sequence[Tracker]) -> MotionBlock:
    """Measure frames that follow those which the trackers had before, at most `GROUP`."""
    return _block(_times(frames), _measured(trackers, frames))


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What is kept of a piece until its block is full: a quarter of its bytes."""

    start: int
    stop: int
    motion: Float32
    gain: Float32
    information: Float64
    within_reach: bool


def _measured(trackers: Sequence[Tracker], frames: Sequence[Frame]) -> list[list[_Part]]:
    lumas = [frame.luma for frame in frames]
    return [_lean(tracker.measure(lumas)) for tracker in trackers]


def _lean(pieces: Iterable[Piece]) -> list["_Part"]:
    return [
        _Part(
            p.start, p.stop, p.motion.astype(np.float32), p.gain.astype(np.float32),
            p.about.information, p.within_reach,
        )
        for p in pieces
    ]  # fmt: skip


def _found(pieces: Sequence[Sequence[_Part]]) -> bool:
    return all(own[0].within_reach for own in pieces)


def _followed(
    number: int, first: Float64, lost: list[int], pieces: list[list[_Part]],
    frames: Iterator[Frame], trackers: Sequence[Tracker], told: Callable[[int], None],
) -> Segment:  # fmt: skip
    blocks: list[MotionBlock] = []
    times = [first]
    group = _Group.of(frames, trackers)
    while group.frames or times:
        if sum(map(len, times)) >= BLOCK_SAMPLES or not group.frames:
            blocks.append(_block(np.concatenate(times), pieces))
            times, pieces = [], [[] for _ in trackers]
            continue
        # What has begun goes on while the next frames are read. What has not is done first: the
        # fewer frames are held, the sooner their memory is used again, while it is near.
        ahead = any(group.solving)
        following = _Group.of(frames, trackers) if ahead else None
        times.append(_times(group.frames))
        for tracker, solving, own in zip(trackers, group.solving, pieces, strict=True):
            own += _lean(tracker.measure(group.lumas, solving))
        lost += _lost(group.frames, pieces[0])
        told(len(group.frames))
        del group
        group = _Group.of(frames, trackers) if following is None else following
    return Segment(number, blocks, lost, [tracker.about.pose for tracker in trackers])


@dataclass(frozen=True, slots=True)
class _Group:
    """Consecutive frames, with which every tracker has begun if that needs no waiting."""

    frames: Sequence[Frame]
    lumas: Sequence[Luma]
    solving: Sequence[Solving | None]

    @classmethod
    def of(cls, frames: Iterator[Frame], trackers: Sequence[Tracker]) -> "_Group":
        group = list(islice(frames, GROUP))
        lumas = [frame.luma for frame in group]
        begun = [tracker.begin_ahead(lumas) if group else None for tracker in trackers]
        return cls(group, lumas, begun)


def _times(group: Sequence[Frame]) -> Float64:
    return np.array([float(frame.time_s) for frame in group])


def _lost(group: Sequence[Frame], pieces: Sequence[_Part]) -> list[int]:
    if all(piece.within_reach for piece in pieces):
        return []
    first = pieces[-1].stop - len(group)
    return [
        group[t - first].index
        for piece in pieces
        if not piece.within_reach
        for t in range(max(piece.start, first), piece.stop)
    ]


def _block(time_s: Float64, parts: Sequence[Sequence[_Part]]) -> MotionBlock:
    # One region after the other along the cells, one piece after the other in time.
    return MotionBlock(
        time_s=time_s,
        motion=np.concatenate([np.concatenate([p.motion for p in own]) for own in parts], axis=1),
        gain=np.concatenate([np.concatenate([p.gain for p in own]) for own in parts], axis=1),
        information=np.concatenate([_mean_information(own) for own in parts]),
        lost=_lost_samples(parts),
    )


def _lost_samples(parts: Sequence[Sequence[_Part]]) -> tuple[int, ...]:
    # A frame that one region lost counts as lost: its picture is another.
    first = parts[0][0].start
    missed = (p for pieces in parts for p in pieces if not p.within_reach)
    return tuple(sorted({t - first for p in missed for t in range(p.start, p.stop)}))


def _mean_information(pieces: Sequence[_Part]) -> Float64:
    total = sum((p.stop - p.start) * p.information for p in pieces)
    return np.asarray(total / sum(p.stop - p.start for p in pieces))
