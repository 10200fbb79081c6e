"""The engine that is always there: compiled loops, shared out among the processor's cores."""

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future

import numpy as np

from phonoscope.motion.cells import Grid
from phonoscope.motion.engine import Bender, Summed
from phonoscope.motion.kernel import CHANNELS, contiguous, project
from phonoscope.motion.lattice import Lattice
from phonoscope.motion.phases import phases
from phonoscope.motion.steerable import Complex64, Pyramid
from phonoscope.motion.threads import begun
from phonoscope.motion.warp import magnified
from phonoscope.types import Float32, Float64, Luma

_TOGETHER = os.cpu_count() or 1


class Processor:
    """See `phonoscope.motion.engine.Engine`."""

    name = "cpu"
    apart = False

    def projector(self, weights: Float32, grid: Grid) -> "_Projector":
        return _Projector(weights, grid)

    def comparer(self, pyramid: Pyramid, reference: Sequence[Complex64]) -> "_Comparer":
        return _Comparer(pyramid, reference)

    def bender(self, lattice: Lattice, gain: float, bits: int) -> Bender:
        def bent(frames: Iterable[tuple[Luma, Float64]]) -> Iterator[Luma]:
            for frame, nodes in frames:
                yield magnified(frame, lattice.at_pixels(nodes), gain, bits)

        return bent


PROCESSOR = Processor()


class _Projector:
    def __init__(self, weights: Float32, grid: Grid) -> None:
        self._weights, self._cells = weights, grid.cells
        self._window = grid.window
        self._x_edges = grid.x_edges - grid.x_edges[0]
        self._y_edges = grid.y_edges - grid.y_edges[0]

    def begin(self, frames: Sequence[Luma], then: Summed) -> Sequence[Future[None]]:
        def some(own: slice) -> None:
            rows = [contiguous(frame[self._window]) for frame in frames[own]]
            sums = np.empty((len(rows), CHANNELS, self._cells), np.float32)
            project(rows, self._weights, self._x_edges, self._y_edges, sums)
            then(own, sums)

        return begun(some, len(frames))


class _Comparer:
    def __init__(self, pyramid: Pyramid, reference: Sequence[Complex64]) -> None:
        self._pyramid, self._reference = pyramid, reference
        self.together = _TOGETHER

    def begin(self, images: Sequence[Luma]) -> "_Phases":
        def some(own: slice) -> list[Float64]:
            return [phases(self._pyramid, self._reference, image) for image in images[own]]

        return _Phases(begun(some, len(images)))


class _Phases:
    def __init__(self, parts: Sequence[Future[list[Float64]]]) -> None:
        self._parts = parts

    def result(self) -> Float64:
        return np.array([row for part in self._parts for row in part.result()])
