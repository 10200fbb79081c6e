"""The bend of a picture: a cubic (Catmull-Rom) surface over about one node a cell."""

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from phonoscope.motion.threads import shared_out
from phonoscope.types import Cells, Float32, Float64

_PLAIN = 1e-3  # of the mean square of the picture's gradient: what a pixel without texture counts


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
    weight
        ``(height, width)`` how much each pixel has to say in its cell's motion.
    """

    y: Along
    x: Along
    pitch_px: tuple[float, float]
    weight: Float32

    @classmethod
    def over(
        cls, cells: Cells, width: int, height: int, picture: NDArray[np.uint8] | None = None
    ) -> "Lattice":
        """Return a lattice with about one node a cell.

        The `picture`, reduced by a whole factor or not, tells where cells have their texture;
        without one all pixels count alike.
        """
        columns = max(1, round(width / float(np.median(cells.width_px))))
        rows = max(1, round(height / float(np.median(cells.height_px))))
        pitch = (width / columns, height / rows)
        weight = _texture(picture, width, height)
        return cls(Along.over(height, rows), Along.over(width, columns), pitch, weight)

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
        """Return the sparse ``(cell, node)`` matrix that makes what cells see of nodes.

        A cell sees the mean of its pixels' motion, in which those count that have texture.
        """
        from scipy import sparse  # slow to import

        y, x, rows = self.y.matrix, self.x.matrix, []
        for k in range(len(cells)):
            down = slice(cells.y_px[k], cells.y_px[k] + cells.height_px[k])
            along = slice(cells.x_px[k], cells.x_px[k] + cells.width_px[k])
            weight = self.weight[down, along]
            # Few nodes have a part in it.
            a, b = np.flatnonzero(y[down].any(axis=0)), np.flatnonzero(x[along].any(axis=0))
            share = y[down, a].T @ (weight / weight.sum()) @ x[along, b]
            at = (a[:, None] * self.x.nodes + b).ravel()
            rows.append(
                sparse.csr_matrix(
                    (share.ravel(), at, (0, len(at))), (1, self.y.nodes * self.x.nodes)
                )
            )
        return sparse.vstack(rows).tocsr()


def _texture(picture: NDArray[np.uint8] | None, width: int, height: int) -> Float32:
    """Return ``(height, width)`` squares of the picture's gradient."""
    if picture is None or min(picture.shape) < 2:
        return np.ones((height, width), np.float32)
    down, along = np.gradient(picture.astype(np.float32))
    square = down**2 + along**2
    square += _PLAIN * square.mean() + np.float32(1e-9)
    factor = round(height / len(picture))  # what does not fill a block is cut off
    full = np.repeat(np.repeat(square, factor, axis=0), factor, axis=1)
    missing = max(0, height - full.shape[0]), max(0, width - full.shape[1])
    return np.pad(full, tuple((0, n) for n in missing), mode="edge")[:height, :width]


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
