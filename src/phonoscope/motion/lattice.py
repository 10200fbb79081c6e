"""From the motion of cells to that of every pixel: the likeliest smooth bend of the picture.

The bend is a cubic (Catmull-Rom) surface over a lattice of nodes, about one a cell. Each cell saw
its mean over the cell's pixels, with its own error; a node's own power, as measured over the whole
clip, and the likeness of neighbours are known beforehand. The most probable nodes are the solution
of one sparse linear system, the same for all frames: so cells that know much are followed, cells
that know little, or one direction only, follow their neighbours, and where nothing moves beyond
the noise, nothing is moved. There is no seam between cells and none between frames.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from phonoscope.types import Cells, Float32, Float64, MotionField

_SPREAD_NODES = 0.7  # over which the power of neighbours is averaged
_OWN_SHARE = 0.1  # how much less sure it is that a node rests than that neighbours move alike
_LEAST_SHARE = 1e-8  # of the largest node's power: below, a node rests
_KNOWN_SHARE = 0.05  # of the best node's weight: below, nothing is known of a node, and it rests
_SURELY = 2.0  # standard errors by which power must exceed the noise's


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """Nodes over a picture, and what they make of its pixels.

    Attributes
    ----------
    along_y, along_x
        ``(height, row)`` and ``(width, column)``: node values times these are pixel values.
    pitch_px
        Distance of nodes (x, y).
    """

    along_y: Float64
    along_x: Float64
    pitch_px: tuple[float, float]

    @classmethod
    def over(cls, cells: Cells, width: int, height: int) -> "Lattice":
        """Return a lattice with about one node a cell."""
        columns = max(1, round(width / float(np.median(cells.width_px))))
        rows = max(1, round(height / float(np.median(cells.height_px))))
        return cls(_cubic(height, rows), _cubic(width, columns), (width / columns, height / rows))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of nodes."""
        return self.along_y.shape[1], self.along_x.shape[1]

    def at_pixels(self, nodes: Float64) -> Float32:
        """Return ``(2, height, width)`` of ``(2, row, column)``."""
        return np.asarray(self.along_y @ nodes @ self.along_x.T, np.float32)

    def at_cells(self, cells: Cells) -> Any:
        """Return the sparse ``(cell, node)`` matrix that makes means over cells of nodes."""
        from scipy import sparse  # slow to import

        y = _means(self.along_y, cells.y_px, cells.height_px)
        x = _means(self.along_x, cells.x_px, cells.width_px)
        rows = [sparse.csr_matrix(np.outer(a, b).reshape(1, -1)) for a, b in zip(y, x, strict=True)]
        return sparse.vstack(rows).tocsr()


def _cubic(length: int, nodes: int) -> Float64:
    """Return ``(pixel, node)`` weights of Catmull-Rom interpolation, constant beyond the ends."""
    at = np.clip((np.arange(length) + 0.5) / length * nodes - 0.5, 0, nodes - 1)
    first = np.floor(at).astype(int)
    t = at - first
    weights = (
        ((-0.5 * t + 1.0) * t - 0.5) * t,
        (1.5 * t - 2.5) * t * t + 1.0,
        ((-1.5 * t + 2.0) * t + 0.5) * t,
        (0.5 * t - 0.5) * t * t,
    )
    result = np.zeros((length, nodes))
    for offset, weight in enumerate(weights, start=-1):
        node = np.clip(first + offset, 0, nodes - 1)
        np.add.at(result, (np.arange(length), node), weight)
    return result


def _means(along: Float64, start: Any, length: Any) -> Float64:
    total = np.vstack([np.zeros(along.shape[1]), np.cumsum(along, axis=0)])
    return np.asarray((total[start + length] - total[start]) / length[:, None])


def motion_information(field: MotionField) -> Float64:
    """Return ``(cell, 2, 2)`` mean information of displacement, px⁻², brightness being unknown."""
    result = np.zeros((len(field.cells), 2, 2))
    samples = 0
    for block in field.blocks:
        full = block.information
        gain = np.where(full[:, 2, 2] > 0, full[:, 2, 2], np.inf)
        lost = full[:, :2, 2, None] * full[:, None, 2, :2] / gain[:, None, None]
        result += (full[:, :2, :2] - lost) * len(block.time_s)
        samples += len(block.time_s)
    return result / max(samples, 1)


def smoother(
    lattice: Lattice, cells: Cells, information: Float64, power: Float64, freedoms: float
) -> Callable[[Float64], Float64]:
    """Return what makes the likeliest ``(2, row, column)`` nodes of ``(cell, 2)`` motion.

    Parameters
    ----------
    lattice, cells
        See there.
    information
        ``(cell, 2, 2)`` of one sample of the filtered motion, px⁻².
    power
        ``(cell, 2, 2)`` mean square of the filtered motion over the whole clip, px².
    freedoms
        Independent samples in that mean.
    """
    from scipy import sparse
    from scipy.sparse.linalg import splu

    means = lattice.at_cells(cells)
    variance = _node_variance(lattice, means, information, power, freedoms)
    if not variance.any():
        return lambda motion: np.zeros((2, *lattice.shape))
    variance = np.maximum(variance, _LEAST_SHARE * variance.max())
    prior = _prior(variance)
    j = [[sparse.diags(information[:, a, b]) for b in (0, 1)] for a in (0, 1)]
    seen = sparse.block_diag([means, means]).tocsr()
    weighted = seen.T @ sparse.bmat(j)
    system = (weighted @ seen + sparse.block_diag([prior, prior])).tocsc()
    solved = splu(system)

    def nodes(motion: Float64) -> Float64:
        return np.asarray(solved.solve(weighted @ motion.T.ravel())).reshape(2, *lattice.shape)

    return nodes


def _node_variance(
    lattice: Lattice, means: Any, information: Float64, power: Float64, freedoms: float
) -> Float64:
    """Return ``(row, column)`` how much power each node's motion has, px²: 0 if it is all noise."""
    from scipy.ndimage import gaussian_filter

    sure = np.trace(information, axis1=1, axis2=2)
    known = sure > 0
    if not known.any():
        return np.zeros(lattice.shape)
    excess = np.einsum("cij,cji->c", information, power)
    noise = 2 * (1 + _SURELY / np.sqrt(max(freedoms, 1.0)))  # two directions of noise 1
    variance = np.where(known, np.maximum(excess - noise, 0) / np.where(known, sure, 1), 0)
    weight = sure / (sure + np.median(sure[known]))

    def spread(values: Float64) -> Float64:
        nodes = (abs(means).T @ values).reshape(lattice.shape)
        return np.asarray(gaussian_filter(nodes, _SPREAD_NODES, mode="nearest"))

    total = spread(weight)
    there = total > _KNOWN_SHARE * total.max()
    return np.where(there, spread(weight * variance) / np.where(there, total, 1), 0)


def _prior(variance: Float64) -> Any:
    """Return the sparse precision of nodes: each is small, and neighbours are alike."""
    from scipy import sparse

    number = np.arange(variance.size).reshape(variance.shape)
    pairs = [
        (number[:, :-1].ravel(), number[:, 1:].ravel()),
        (number[:-1].ravel(), number[1:].ravel()),
    ]
    flat = variance.ravel()
    a, b = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
    rigid = 2 / (flat[a] + flat[b])
    edges = sparse.coo_matrix((rigid, (a, b)), (flat.size, flat.size))
    edges = edges + edges.T
    whole = np.asarray(edges.sum(axis=1)).ravel() + _OWN_SHARE / flat
    return sparse.diags(whole) - edges
