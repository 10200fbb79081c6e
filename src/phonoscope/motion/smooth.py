"""From the motion of cells to that of a lattice: the likeliest smooth bend of the picture.

Each cell saw its mean over the cell's pixels, with its own error. A node's own power, and how much
neighbours move apart, are measured over the whole clip and known beforehand. The most probable
nodes are the solution of one sparse linear system, the same for all frames: so cells that know much
are followed, cells that know little, or one direction only, follow their neighbours, what moves as
one is averaged as one, and where nothing moves beyond the noise, nothing is moved. There is no seam
between cells and none between frames.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phonoscope.motion.common import Blocks, Common
from phonoscope.motion.lattice import Lattice
from phonoscope.types import Cells, Float64, MotionField

_SPREAD_NODES = 0.7  # over which the power of neighbours is averaged
_SPREAD_PAIRS = 1.0  # over which it is averaged how much they move apart
_OWN_SHARE = 0.1  # how much less sure it is that a node rests than that neighbours move alike
_LEAST_SHARE = 1e-8  # of the largest node's power: below, a node rests
_KNOWN_SHARE = 0.05  # of the best node's weight: below, nothing is known of a node, and it rests
_SURELY = 2.0  # standard errors by which power must exceed the noise's
_AROUND = 4 * np.pi * _SPREAD_PAIRS**2  # pairs that an average takes in


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """How far cells, and the differences of neighbours, move over a clip.

    Attributes
    ----------
    power
        ``(cell, 2, 2)`` mean square of the motion, px².
    pairs
        For neighbours along x and those along y: ``(row, column, 2)`` numbers of the two cells, -1
        where a node of the lattice has none.
    apart
        For both: ``(row, column, 2, 2)`` mean square of the difference of a pair, px².
    """

    power: Float64
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]]
    apart: tuple[Float64, Float64]

    @classmethod
    def of(cls, motion: Iterable[Float64], lattice: Lattice, cells: Cells) -> "Moments":
        """Go through ``(sample, cell, 2)`` blocks."""
        pairs = _neighbours(lattice, cells)
        power = np.zeros((len(cells), 2, 2))
        apart = tuple(np.zeros((*each.shape[:2], 2, 2)) for each in pairs)
        samples = 0
        for block in motion:
            power += np.einsum("tci,tcj->cij", block, block)
            for each, total in zip(pairs, apart, strict=True):
                off = block[:, each[..., 0]] - block[:, each[..., 1]]
                total += np.einsum("tyxi,tyxj->yxij", off, off, optimize=True)
            samples += len(block)
        along_x, along_y = (total / max(samples, 1) for total in apart)
        return cls(power / max(samples, 1), pairs, (along_x, along_y))


def _neighbours(lattice: Lattice, cells: Cells) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    rows, columns = lattice.shape
    x = (cells.x_px + cells.width_px / 2) / lattice.pitch_px[0]
    y = (cells.y_px + cells.height_px / 2) / lattice.pitch_px[1]
    number = np.full(lattice.shape, -1, np.int64)
    at = (y.astype(int).clip(0, rows - 1), x.astype(int).clip(0, columns - 1))
    number[at] = np.arange(len(cells))
    return (
        np.stack([number[:, :-1], number[:, 1:]], axis=-1),
        np.stack([number[:-1], number[1:]], axis=-1),
    )


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


def follower(
    lattice: Lattice, cells: Cells, blocks: Blocks, information: Float64, freedoms: float
) -> Callable[[Float64], Iterator[Float64]]:
    """Return what yields the likeliest ``(2, row, column)`` nodes of ``(sample, cell, 2)`` motion.

    What all cells have in common is smoothed by itself: it is known with much less noise. What is
    left, a small part that moves by itself, say, is smoothed as each cell knows it.

    Parameters
    ----------
    lattice, cells
        See there.
    blocks
        The whole filtered motion.
    information
        ``(cell, 2, 2)`` of one sample of it, px⁻².
    freedoms
        Independent samples in it.
    """
    common = Common.of(blocks, information, freedoms)
    together = Moments.of((common(block) for block in blocks()), lattice, cells)
    apart = Moments.of((block - common(block) for block in blocks()), lattice, cells)
    surer = information * common.surer
    of_all = smoother(lattice, cells, surer, together, freedoms)
    of_each = smoother(lattice, cells, information, apart, freedoms)

    def nodes(motion: Float64) -> Iterator[Float64]:
        shared = common(motion)
        for one, other in zip(shared, motion - shared, strict=True):
            yield of_all(one) + of_each(other)

    return nodes


def smoother(
    lattice: Lattice, cells: Cells, information: Float64, moments: Moments, freedoms: float
) -> Callable[[Float64], Float64]:
    """Return what makes the likeliest ``(2, row, column)`` nodes of ``(cell, 2)`` motion.

    Parameters
    ----------
    lattice, cells
        See there.
    information
        ``(cell, 2, 2)`` of one sample of the filtered motion, px⁻².
    moments
        Of the filtered motion over the whole clip.
    freedoms
        Independent samples in them.
    """
    from scipy import sparse
    from scipy.sparse.linalg import splu

    means = lattice.at_cells(cells)
    variance = _node_variance(lattice, means, information, moments.power, freedoms)
    if not variance.any():
        return lambda motion: np.zeros((2, *lattice.shape))
    variance = np.maximum(variance, _LEAST_SHARE * variance.max())
    prior = _prior(variance, _apart(information, moments, freedoms))
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


def _apart(information: Float64, moments: Moments, freedoms: float) -> tuple[Float64, Float64]:
    """Return how much neighbours along x, and along y, move apart, px²: infinite where unknown."""
    from scipy.ndimage import gaussian_filter

    # Pooled over both directions: what moves as one does so in both.
    result = []
    for pairs, apart in zip(moments.pairs, moments.apart, strict=True):
        if not pairs.size:
            result.append(np.zeros(pairs.shape[:2]))
            continue
        there: NDArray[np.bool_] = np.all(pairs >= 0, axis=2)[..., None, None]
        one, other = (np.where(there, information[pairs[..., k]], 0) for k in (0, 1))
        # Of a difference; what either of the two cannot tell, it does not tell.
        told = one @ np.linalg.pinv(one + other, rcond=1e-9, hermitian=True) @ other
        sure = np.trace(told, axis1=2, axis2=3)
        excess = np.einsum("yxij,yxji->yx", told, apart)
        known = sure > 0
        noise = 1.0 * np.linalg.matrix_rank(told, rtol=1e-6, hermitian=True)
        spread = [
            np.asarray(gaussian_filter(np.where(known, each, 0.0), _SPREAD_PAIRS, mode="nearest"))
            for each in (excess, noise, sure)
        ]
        error = spread[1] / np.sqrt(max(freedoms, 1.0) * _AROUND)
        least = np.maximum(spread[0] - spread[1], error)
        result.append(
            np.where(spread[2] > 0, least / np.where(spread[2] > 0, spread[2], 1), np.inf)
        )
    return result[0], result[1]


def _prior(variance: Float64, apart: tuple[Float64, Float64]) -> Any:
    """Return the sparse precision of nodes: each is small, and neighbours are alike."""
    from scipy import sparse

    number = np.arange(variance.size).reshape(variance.shape)
    pairs = [
        (number[:, :-1].ravel(), number[:, 1:].ravel()),
        (number[:-1].ravel(), number[1:].ravel()),
    ]
    flat = variance.ravel()
    a, b = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
    # In a lattice each pair is held together by the ways around it, too, about as much again.
    measured = 0.5 / np.concatenate([each.ravel() for each in apart])
    rigid = np.maximum(2 / (flat[a] + flat[b]), measured)
    edges = sparse.coo_matrix((rigid, (a, b)), (flat.size, flat.size))
    edges = edges + edges.T
    whole = np.asarray(edges.sum(axis=1)).ravel() + _OWN_SHARE / flat
    return sparse.diags(whole) - edges
