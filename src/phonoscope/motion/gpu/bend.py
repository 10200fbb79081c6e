"""Magnifying on a device: splines, the search for the place at rest, and the bent frame.

What is computed is `phonoscope.motion.warp.magnified`, for several frames at once.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from phonoscope.motion.correlate import mirror
from phonoscope.motion.gpu.lane import Lane, values
from phonoscope.motion.lattice import Lattice
from phonoscope.motion.spline import FINER, coefficients
from phonoscope.motion.warp import CLOSE_PX, ROUNDS
from phonoscope.types import Float32, Float64, Luma

_BATCH_BYTES = 2**29
_PIXEL_BYTES = 200  # of what a frame passes through
_MOST_FRAMES = 64
_REACH_PX = 28  # of a pixel in its coefficients: they fall by 0.43 every half pixel beyond 14
_BLOCK_PX = 64
_SPLINE = 6  # coefficients that a quintic spline takes along each axis

Framed = tuple[Luma, Float64]


class TorchBender:
    """See `phonoscope.motion.engine.Bender`.

    Parameters
    ----------
    lane
        To the device.
    lattice, gain, bits
        As in `phonoscope.motion.engine.Engine.bender`.
    """

    def __init__(self, lane: Lane, lattice: Lattice, gain: float, bits: int) -> None:
        self._lane, self._gain, self._top = lane, gain, float(2**bits - 1)
        self._shape = height, width = len(lattice.y.node), len(lattice.x.node)
        self.together = max(1, min(_MOST_FRAMES, _BATCH_BYTES // (height * width * _PIXEL_BYTES)))
        with lane.within_memory(height, width):
            self._down = lane.put(lattice.y.matrix.astype(np.float32))
            self._along = lane.put(lattice.x.matrix.astype(np.float32).T)
            self._spread = lane.put(_spread())
            self._rows, self._columns = (lane.put(_mirrored(n)) for n in self._shape)
            self._y = lane.put(np.arange(height)[:, None])
            self._x = lane.put(np.arange(width))

    def __call__(self, frames: Iterable[Framed]) -> Iterator[Luma]:
        stream = iter(frames)
        waiting: Callable[[], Iterable[Luma]] | None = None
        while group := list(islice(stream, self.together)):
            coming = self._begin(group)
            if waiting:  # the next ones are begun before the last are waited for
                yield from waiting()
            waiting = coming
        if waiting:
            yield from waiting()

    def _begin(self, group: Sequence[Framed]) -> Callable[[], Iterable[Luma]]:
        moving = [n for n, (_, nodes) in enumerate(group) if self._gain != 1 and nodes.any()]
        shown = [frame for frame, _ in group]
        if not moving:
            return lambda: shown
        with self._lane.within_memory(*self._shape):
            frames = self._lane.send([shown[n] for n in moving])
            nodes = self._lane.put(np.stack([group[n][1] for n in moving]).astype(np.float32))
            wait = self._lane.fetch(self.bent(frames, nodes))
        kind = shown[0].dtype

        def result() -> Iterable[Luma]:
            for n, frame in zip(moving, wait(), strict=True):
                shown[n] = frame.view(kind)
            return shown

        return result

    def bent(self, frames: torch.Tensor, nodes: torch.Tensor) -> torch.Tensor:
        """Return magnified frames of those that are on the device, and of their bends' nodes.

        Those of 16 bits are int16 with their true bits.
        """
        moved = self._moved(self._down @ nodes @ self._along)
        shown = _warped(self._fine(values(frames)), moved[:, 0], moved[:, 1], self._x, self._y)
        whole = shown.clamp_(0, self._top).add_(0.5)
        if frames.dtype == torch.uint8:
            return whole.to(torch.uint8)
        return whole.to(torch.int32).to(torch.int16)

    def _moved(self, bend: torch.Tensor) -> torch.Tensor:
        """Return by how much further than it was filmed each pixel is to show its place, px."""
        height, width = self._shape
        found = bend
        seeking: torch.Tensor | None = None
        for _ in range(ROUNDS):
            # Places from -1 to 1, as `grid_sample` has them.
            x = (self._x - self._gain * found[:, 0]) * (2 / (width - 1)) - 1
            y = (self._y - self._gain * found[:, 1]) * (2 / (height - 1)) - 1
            better = torch.nn.functional.grid_sample(
                bend, torch.stack([x, y], -1), padding_mode="border", align_corners=True
            )
            far = self._gain * (better - found).abs().amax(1, keepdim=True) >= CLOSE_PX
            if seeking is None:
                found, seeking = better, far
            else:
                found, seeking = torch.where(seeking, better, found), seeking & far
            if not seeking.any():
                break
        return (self._gain - 1) * found

    def _fine(self, images: torch.Tensor) -> torch.Tensor:
        """Return `phonoscope.motion.spline.coefficients` of each image."""
        height, width = self._shape
        reach = _BLOCK_PX + 2 * _REACH_PX
        # Pieces that overlap, all times one matrix: the filters of both steps at once.
        pieces = images.index_select(2, self._columns).unfold(2, reach, _BLOCK_PX)
        wide = (pieces @ self._spread).flatten(2)[..., : FINER * width - 1]
        pieces = wide.index_select(1, self._rows).unfold(1, reach, _BLOCK_PX)
        tall = (pieces @ self._spread).transpose(2, 3).flatten(1, 2)
        return tall[:, : FINER * height - 1].contiguous()


@cache
def _spread() -> Float32:
    """Return the matrix from a piece's pixels, with `_REACH_PX` more at both ends, to its
    coefficients along an axis.
    """
    # A line down a picture: what there is of it far from all edges is the answer to an impulse.
    line = np.zeros((4 * _REACH_PX + 1,) * 2, np.float32)
    line[:, 2 * _REACH_PX] = 1
    middle = FINER * 2 * _REACH_PX
    answer = coefficients(line)[middle, middle - FINER * _REACH_PX : middle + FINER * _REACH_PX + 1]
    pixel = np.arange(_BLOCK_PX + 2 * _REACH_PX)[:, None] - _REACH_PX
    away = np.arange(FINER * _BLOCK_PX) - FINER * pixel + FINER * _REACH_PX
    inside = (away >= 0) & (away < len(answer))
    return np.where(inside, answer[np.clip(away, 0, len(answer) - 1)], 0).astype(np.float32)


def _mirrored(length: int) -> NDArray[np.int64]:
    """Return the pixels of an axis that the pieces take, mirrored beyond its ends."""
    last = -(-length // _BLOCK_PX) * _BLOCK_PX + _REACH_PX
    return np.array([mirror(n, length) for n in range(-_REACH_PX, last)])


def _warped(
    fine: torch.Tensor, dx: torch.Tensor, dy: torch.Tensor, x: torch.Tensor, y: torch.Tensor
) -> torch.Tensor:
    """Return `phonoscope.motion.spline.warp` of each image's coefficients."""
    height, width = fine.shape[1:]
    first_x, rest_x = _split(dx, x, width)
    first_y, rest_y = _split(dy, y, height)
    columns = [_inside(first_x + k - 2, width) for k in range(_SPLINE)]
    along, down = _weights(rest_x), _weights(rest_y)
    flat = fine.flatten(1)
    total = torch.zeros_like(dx)
    for m in range(_SPLINE):
        row = _inside(first_y + m - 2, height) * width
        line = torch.zeros_like(dx)
        for k in range(_SPLINE):
            place = (row + columns[k]).flatten(1)
            line.addcmul_(along[k], flat.gather(1, place).view_as(line))
        total.addcmul_(down[m], line)
    return total


def _split(
    moved: torch.Tensor, pixel: torch.Tensor, length: int
) -> tuple[torch.Tensor, torch.Tensor]:
    # Whole and rest of a place on the finer grid. The rest is that of the motion, which is small:
    # of the place itself single precision would leave too little.
    shift = -FINER * moved
    whole = shift.floor()
    place = FINER * pixel + whole.to(torch.int64)
    outside = (place < 0) | (place >= length - 1)
    return place.clamp_(0, length - 1), (shift - whole).masked_fill_(outside, 0)


def _inside(place: torch.Tensor, length: int) -> torch.Tensor:
    return length - 1 - (length - 1 - place.abs()).abs()


def _weights(t: torch.Tensor) -> list[torch.Tensor]:
    # As in `phonoscope.motion.spline`.
    s = 1 - t
    t2, s2 = t * t, s * s
    return [
        s2 * s2 * s / 120,
        (1 + s * (5 + s * (10 + s * (10 + s * (5 - 5 * s))))) / 120,
        (66 - t2 * (60 - t2 * (30 - 10 * t))) / 120,
        (66 - s2 * (60 - s2 * (30 - 10 * s))) / 120,
        (1 + t * (5 + t * (10 + t * (10 + t * (5 - 5 * t))))) / 120,
        t2 * t2 * t / 120,
    ]
