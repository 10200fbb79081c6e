"""Laser speckle, segment by segment, each from where the one before it left the pattern."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from phonoscope.motion.cells import Grid, places
from phonoscope.motion.engine import Engine
from phonoscope.motion.measure import Look, for_people, require_frames
from phonoscope.motion.processor import PROCESSOR
from phonoscope.motion.segment import BLOCK_SAMPLES, Poses, Segment
from phonoscope.motion.speckle_look import SpeckleLook, look_at_speckle
from phonoscope.motion.speckle_track import STATES, Followed, SpeckleTracker
from phonoscope.types import Float64, Frame, MotionBlock, NoiseModel, Shutter

_TOLD = 16  # frames
_KNOWN_SHARE = 0.5  # of the frames of a block
_FEWEST_CELLS = 2  # whose changes differ


@dataclass(frozen=True, slots=True, eq=False)
class SpeckleSubject:
    """What is measured: each region's cells, and what is known of its speckle.

    Attributes
    ----------
    grids, looks
        Of each region.
    """

    grids: Sequence[Grid]
    looks: Sequence[SpeckleLook]

    @property
    def beginning(self) -> Poses:
        """Nothing is known of the pattern before the first frame."""
        return []

    def measure(
        self, number: int, frames: Iterator[Frame], before: Poses | None,
        told: Callable[[int], None],
    ) -> Segment | None:  # fmt: skip
        """Measure the frames of one segment: see `phonoscope.motion.segment.Target.measure`."""
        if before is None:  # what the pattern was like is known to the segment before alone
            return None
        trackers = [
            SpeckleTracker(look, grid, before[STATES * n : STATES * (n + 1)])
            for n, (look, grid) in enumerate(zip(self.looks, self.grids, strict=True))
        ]
        blocks: list[MotionBlock] = []
        lost: list[int] = []
        while own := list(islice(frames, BLOCK_SAMPLES)):
            followed: list[list[Followed]] = []
            for n, frame in enumerate(own, start=1):
                followed.append([tracker.follow(frame.luma) for tracker in trackers])
                if n % _TOLD == 0 or n == len(own):
                    told(n % _TOLD or _TOLD)
            missed = [n for n, each in enumerate(followed) if any(one.lost for one in each)]
            lost += [own[n].index for n in missed]
            blocks.append(_block(own, followed, missed))
        return Segment(number, blocks, lost, [part for one in trackers for part in one.state])


def speckle_at(
    held: Sequence[Frame], grids: Sequence[Grid], bits: int, shutter: Shutter,
    engine: Engine = PROCESSOR,
) -> Look[SpeckleSubject]:  # fmt: skip
    """Learn from the first frames; as `phonoscope.motion.look_at`, of speckle.

    Raises
    ------
    InputError
        If there are fewer than 4 frames, or no speckle in them.
    """
    require_frames(held)
    lumas = [frame.luma for frame in held]
    full_scale = 2**bits - 1
    looks = [look_at_speckle(lumas, grid, full_scale) for grid in grids]
    level = np.array([0.0, full_scale])
    dark, slope = (float(np.mean([getattr(one, k) for one in looks])) for k in ("dark", "slope"))
    return Look(
        cells=places(grids, shutter, lumas[0].shape[0]),
        noise=NoiseModel(level, dark + slope * level),
        reference_frames=1,
        picture=for_people(lumas[0], bits),
        subject=SpeckleSubject(grids, looks),
    )


def _block(
    frames: Sequence[Frame], followed: Sequence[Sequence[Followed]], lost: Sequence[int]
) -> MotionBlock:
    # One region after the other along the cells.
    motion = np.array([np.concatenate([one.motion for one in each]) for each in followed])
    regions = range(len(followed[0]))
    information = np.concatenate([_claimed([each[n] for each in followed]) for n in regions])
    return MotionBlock(
        time_s=np.array([float(frame.time_s) for frame in frames]),
        motion=motion.astype(np.float32),
        gain=np.ones(motion.shape[:2], np.float32),
        information=information,
        lost=tuple(lost),
    )


def _claimed(followed: Sequence[Followed]) -> Float64:
    """Return the ``(cell, 3, 3)`` inverse of the error covariance, without any of gain.

    Half of that of a change from frame to frame, as if noise were white. How errors of different
    frames are related depends on how the pattern boils: in one step or many, and by how much the
    template is renewed. So their size is what the cells' changes differ by from each other, and
    only the share of each cell is what its fit told.
    """
    cells = len(followed[0].motion)
    result = np.zeros((cells, 3, 3))
    told = np.array([one.information for one in followed])
    there = np.linalg.det(told) > 0
    known = there.mean(axis=0) > _KNOWN_SHARE
    if not known.any():
        return result
    inverse = np.linalg.inv(np.where(there[..., None, None], told, np.eye(2)))
    spread = _spread(np.array([one.motion for one in followed]), told, there)
    errors = np.einsum("tc,t,tcij->cij", there, spread, inverse)[known]
    result[known, :2, :2] = np.linalg.inv(errors / there.sum(axis=0)[known, None, None])
    return result


def _spread(motion: Float64, told: Float64, there: NDArray[np.bool_]) -> Float64:
    """Return ``(frame,)`` half of the cells' changes beside the common one, square, over claims.

    1 where a frame's cells are too few to tell.
    """
    both = np.zeros_like(there)
    both[1:] = there[1:] & there[:-1]
    count = both.sum(axis=1)
    enough = count >= _FEWEST_CELLS
    weight = told[enough] * both[enough][..., None, None]
    change = np.diff(motion, axis=0, prepend=motion[:1])[enough]
    total = np.einsum("tcij,tcj->ti", weight, change)[..., None]
    apart = change - np.linalg.solve(weight.sum(axis=1), total).transpose(0, 2, 1)
    square = np.einsum("tci,tcij,tcj->t", apart, weight, apart)
    result = np.ones(len(motion))
    result[enough] = square / (4 * (count[enough] - 1))
    return result
