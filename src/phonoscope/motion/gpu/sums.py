"""The linear pass on a device: every cell's weighted sums, as one product of matrices a cell."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from phonoscope.motion.cells import Grid
from phonoscope.motion.engine import Summed
from phonoscope.motion.gpu.lane import Lane, values
from phonoscope.motion.kernel import CHANNELS
from phonoscope.motion.threads import shared_out
from phonoscope.types import Float32, Luma

_SENT_BYTES = 2**25
_MOST_FRAMES = 16


class TorchProjector:
    """See `phonoscope.motion.engine.Projector`.

    Parameters
    ----------
    lane
        Returns the calling thread's lane.
    weights
        ``(3, height, width)`` weight images over the grid's region.
    grid
        The cells. Where they are not all of one size, the smaller ones are filled up with pixels
        that weigh nothing.
    """

    def __init__(self, lane: Callable[[], Lane], weights: Float32, grid: Grid) -> None:
        self._lane, self._window = lane, grid.window
        self._shape = grid.rows, grid.columns
        self._tall, down, real_down = _places(grid.y_edges)
        self._wide, along, real_along = _places(grid.x_edges)
        own = lane()
        with own.within_memory(*weights.shape[1:]):
            self._even = bool(real_down.all() and real_along.all())
            self._down, self._along = own.put(down), own.put(along)
            tiles = self._tiles(own.put(weights))  # (row, column, channel, tall, wide)
            real = own.put((real_down[:, None] & real_along)[None].astype(np.float32))
            tiles *= self._cut(real)
            self._weights = tiles.reshape(grid.cells, CHANNELS, -1).transpose(1, 2)

    def begin(self, frames: Sequence[Luma], then: Summed) -> Sequence["_Coming"]:
        lane = self._lane()
        rows = [frame[self._window] for frame in frames]
        together = max(1, min(_MOST_FRAMES, _SENT_BYTES // rows[0].nbytes))
        parts = []
        with lane.within_memory(*rows[0].shape):
            for first in range(0, len(rows), together):
                sums = self.sums(lane.send(rows[first : first + together]))
                parts.append(_Coming(first, lane.fetch(sums), then))
        return parts

    def sums(self, frames: torch.Tensor) -> torch.Tensor:
        """Return ``(frame, 3, cell)`` sums of frames that are on the device."""
        tiles = self._tiles(frames).reshape(self._weights.shape[0], len(frames), -1)
        return torch.bmm(tiles, self._weights).permute(1, 2, 0).contiguous()

    def _tiles(self, images: torch.Tensor) -> torch.Tensor:
        # (image, height, width) of any type to (row, column, image, tall, wide) in float32.
        if not self._even:
            images = images.index_select(1, self._down).index_select(2, self._along)
        return values(self._cut(images))

    def _cut(self, images: torch.Tensor) -> torch.Tensor:
        rows, columns = self._shape
        cut = images.view(len(images), rows, self._tall, columns, self._wide)
        return cut.permute(1, 3, 0, 2, 4)


class _Coming:
    """Sums on their way from the device."""

    def __init__(self, first: int, wait: Callable[[], NDArray[Any]], then: Summed) -> None:
        self._first, self._wait, self._then = first, wait, then

    def result(self) -> None:
        sums = self._wait()

        def some(own: slice) -> None:
            self._then(slice(self._first + own.start, self._first + own.stop), sums[own])

        shared_out(some, len(sums))


def _places(
    edges: NDArray[np.int64],
) -> tuple[int, NDArray[np.int64], NDArray[np.bool_]]:
    """Return the largest cell's length, which pixel each place of so long cells holds, and whether
    that is one of its own: shorter cells are filled up with their last one.
    """
    start, length = edges[:-1] - edges[0], np.diff(edges)
    longest = int(length.max())
    place = np.arange(longest)
    pixels = start[:, None] + np.minimum(place, length[:, None] - 1)
    return longest, pixels.ravel(), (place < length[:, None]).ravel()
