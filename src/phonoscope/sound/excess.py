"""Cells that are noisier than they claim: leaves that wave behind, passers-by, a codec's worst.

What a cell shares with others is sound; what it has for itself is noise. So each cell's channels
are regressed on the virtual channels, its own part in them left out, and what remains is its noise.
It is measured on second differences in time, which leave out sway, drift and waving branches.
"""

import numpy as np

from phonoscope.sound.whiten import DIFFERENCE_POWER, PER_CELL, Channels, second_differences
from phonoscope.types import Float64

_FEWEST_CELLS = 12
_NEGLIGIBLE = 1.5
_UNEXPLAINED = 0.2


def excess(channels: Channels, directions: Float64) -> Float64 | None:
    """Return the factors by which channels are noisier than they claim, or None where none is.

    Parameters
    ----------
    channels
        Whitened by their claims.
    directions
        ``(channel, k)`` of virtual channels in which the cells may have something in common.

    Returns
    -------
    ``(cell, 3)``, 1 or more. None if no factor matters, or the cells are too few to tell.
    """
    cells = len(channels.root)
    if cells < _FEWEST_CELLS:
        return None
    basis = np.linalg.qr(directions)[0]
    virtual = channels.mix(basis)
    changes = np.diff(virtual, 2, axis=0)
    samples = len(changes) * DIFFERENCE_POWER
    # <D z, D x> is <z, D'D x>: the channels themselves need no filter.
    twice = np.zeros_like(virtual)
    twice[:-2] += changes
    twice[1:-1] -= 2 * changes
    twice[2:] += changes
    shared = (channels.correlate(twice) / samples).reshape(cells, PER_CELL, -1)
    inner = changes.T @ changes / samples
    own, within = basis.reshape(cells, PER_CELL, -1), _within(channels, cells)
    cross = np.einsum("cqi,cqj->cij", own, shared)
    others = inner - cross - cross.transpose(0, 2, 1)
    others += np.einsum("cpi,cpq,cqj->cij", own, within, own)
    apart = shared - within @ own
    ridge = 1e-9 * np.trace(inner) * np.eye(len(inner))
    explained = np.einsum(
        "cqi,ciq->cq", apart, np.linalg.solve(others + ridge, apart.transpose(0, 2, 1))
    )
    total = np.diagonal(within, axis1=1, axis2=2)
    rest = total - explained
    # A cell that moves far beyond its noise, and nearly as others do, is no noisy cell: what is
    # left of it is how its motion departs from theirs.
    factors = np.where(rest > _UNEXPLAINED * total, np.maximum(rest, 1), 1.0)
    return factors if (factors > _NEGLIGIBLE).any() else None


def _within(channels: Channels, cells: int) -> Float64:
    # (cell, 3, 3) covariances of each cell's channels.
    total = np.zeros((cells, PER_CELL, PER_CELL))
    count = 0
    for twice in second_differences(channels):
        changes = twice.reshape(-1, cells, PER_CELL)
        total += np.einsum("tcp,tcq->cpq", changes, changes, optimize=True)
        count += len(changes)
    return total / (max(count, 1) * DIFFERENCE_POWER)
