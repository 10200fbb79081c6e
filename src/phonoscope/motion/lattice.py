"""The bend of a picture: a cubic (Catmull-Rom) surface over about one node a cell."""

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from phonoscope.motion.threads import shared_out
from phonoscope.types import Cells, Float32, Float64

_SPREAD_NODES = 0.7  # over which the power of neighbours is averaged
_OWN_SHARE = 0.1  # how much less sure it is that a node rests than that neighbours move alike
_LEAST_SHARE = 1e-8  # of the largest node's power: below, a node rests
_KNOWN_SHARE = 0.05  # of the best node's weight: below, nothing is known of a node, and it rests
_SURELY = 2.0  # standard errors by which power must exceed the noise's


@dataclass(frozen=True, slots=True, eq=False)
class Along:
    """Which nodes each pixel of one axis takes its value from.

    Attributes
    ----------
    node
        ``(pixel, 4)`` numbers of four neighbours; beyond the ends the last one again.
    weight
        ``(pixel, 4)`` of Catmull-Rom interpolation.
    nodes
        How many there are.
    """

    node: NDArray[np.int64]
    weight: Float32
    nodes: int

    @classmethod
    def over(cls, length: int, nodes: int) -> "Along":
        """Spread nodes evenly over an axis of `length` px; beyond the ends all is constant."""
        at = np.clip((np.arange(length) + 0.5) / length * nodes - 0.5, 0, nodes - 1)
        first = np.floor(at).astype(np.int64)
        t = at - first
        weight = (
            ((-0.5 * t + 1.0) * t - 0.5) * t,
            (1.5 * t - 2.5) * t * t + 1.0,
            ((-1.5 * t + 2.0) * t + 0.5) * t,
            (0.5 * t - 0.5) * t * t,
        )
        node = np.clip(first[:, None] + np.arange(-1, 3), 0, nodes - 1)
        return cls(node, np.stack(weight, axis=1).astype(np.float32), nodes)

    @property
    def matrix(self) -> Float64:
        """``(pixel, node)``: node values times this are pixel values."""
        result = np.zeros((len(self.node), self.nodes))
        np.add.at(result, (np.arange(len(self.node))[:, None], self.node), self.weight)
        return result


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """Nodes over a picture, and what they make of its pixels.

    Attributes
    ----------
    y, x
        Of the picture's rows and of its columns.
    pitch_px
        Distance of nodes (x, y).
    """

    y: Along
    x: Along
    pitch_px: tuple[float, float]

    @classmethod
    def over(cls, cells: Cells, width: int, height: int) -> "Lattice":
        """Return a lattice with about one node a cell."""
        columns = max(1, round(width / float(np.median(cells.width_px))))
        rows = max(1, round(height / float(np.median(cells.height_px))))
        pitch = (width / columns, height / rows)
        return cls(Along.over(height, rows), Along.over(width, columns), pitch)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of nodes."""
        return self.y.nodes, self.x.nodes

    def at_pixels(self, nodes: Float64) -> Float32:
        """Return ``(2, height, width)`` of ``(2, row, column)``."""
        y, x = self.y, self.x
        result = np.empty((2, len(y.node), len(x.node)), np.float32)
        values = nodes.astype(np.float32)
        shared_out(
            lambda rows: _surface(
                values, y.node, y.weight, x.node, x.weight, rows.start, rows.stop, result
            ),
            len(y.node),
        )
        return result

    def at_cells(self, cells: Cells) -> Any:
        """Return the sparse ``(cell, node)`` matrix that makes means over cells of nodes."""
        from scipy import sparse  # slow to import

        y = _means(self.y.matrix, cells.y_px, cells.height_px)
        x = _means(self.x.matrix, cells.x_px, cells.width_px)
        rows = [sparse.csr_matrix(np.outer(a, b).reshape(1, -1)) for a, b in zip(y, x, strict=True)]
        return sparse.vstack(rows).tocsr()


@numba.njit(nogil=True, cache=True, fastmath=True)
def _surface(
    values: Float32, y_node: NDArray[np.int64], y_weight: Float32,
    x_node: NDArray[np.int64], x_weight: Float32, first: int, last: int, result: Float32,
) -> None:  # fmt: skip
    line = np.empty(values.shape[2], np.float32)
    for axis in range(values.shape[0]):
        for row in range(first, last):
            for n in range(len(line)):
                total = np.float32(0)
                for k in range(4):
                    total += y_weight[row, k] * values[axis, y_node[row, k], n]
                line[n] = total
            for column in range(result.shape[2]):
                total = np.float32(0)
                for k in range(4):
                    total += x_weight[column, k] * line[x_node[column, k]]
                result[axis, row, column] = total


def _means(along: Float64, start: Any, length: Any) -> Float64:
    total = np.vstack([np.zeros(along.shape[1]), np.cumsum(along, axis=0)])
    return np.asarray((total[start + length] - total[start]) / length[:, None])
