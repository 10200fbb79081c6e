"""Cells that are noisier or quieter than they claim: leaves that wave, passers-by, codecs.

What a cell shares with others is sound; what it has for itself is noise. So each cell's channels
are regressed on the virtual channels, its own part in them left out, and what remains is its noise.
It is measured on second differences in time, which leave out sway, drift and waving branches.
"""

import math

import numpy as np

from phonoscope.sound.subspace import span
from phonoscope.sound.whiten import (
    DIFFERENCE_POWER,
    PER_CELL,
    Channels,
    flicker_lag,
    second_differences,
)
from phonoscope.types import Float64

_FEWEST_CELLS = 6
_SURE = 4.0  # standard deviations
_SHARED = 5.0  # relative variance of a variance over that of one sample: differences overlap
_UNEXPLAINED = 0.2
_KNOWN = 1e-9  # of the largest singular value
_LEAST_SHARE = 0.05


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
    ``(cell, 3)``, 1 where a channel is as noisy as it claims, or cannot be told from sound. None if
    no factor matters, or the cells are too few to tell.
    """
    cells = len(channels.root)
    if cells < _FEWEST_CELLS:
        return None
    basis = np.linalg.qr(directions)[0]
    virtual = channels.mix(basis)
    # Where a cell cannot tell a direction (straight edges), its channels share what it can; and the
    # fewer the cells, the more of their gains' noise is taken off with the lamps' light.
    whole, share = _as_claimed(channels, basis)
    most = np.zeros((cells, PER_CELL))
    noisy = share > _LEAST_SHARE
    # At high frequencies, and at low ones, where codecs leave more.
    for lag in {1, flicker_lag(channels.field)}:
        total, rest = _apart(channels, basis, virtual, lag)
        most = np.maximum(most, rest)
        # A cell that moves far beyond its noise, and nearly as others do, is no noisy cell: what is
        # left of it is how its motion departs from theirs.
        noisy &= rest * whole > _UNEXPLAINED * total * share
    if not noisy.any():
        return None
    most = most / np.where(noisy, share, 1)
    # What all have more or less than claimed is for the evidence to say: here it is the odd ones.
    level = float(np.median(most[noisy]))
    factors = np.where(noisy, most / level, 1.0)
    # What may be the estimate's own error would make even channels uneven.
    usual = 1 + _SURE * math.sqrt(_SHARED / len(virtual))
    odd = (factors > usual) | (factors < 1 / usual)
    return np.where(odd, factors, 1.0) if odd.any() else None


def _as_claimed(channels: Channels, basis: Float64) -> tuple[Float64, Float64]:
    """Return what `_apart` does of noise that is as claimed, and from which lamps are taken off.

    The whole is 1 where all three of a cell are known and nothing is taken off.
    """
    root = channels.root
    cells = len(root)
    still = span(channels.deaf)
    known = root @ np.linalg.pinv(root, rcond=_KNOWN)
    own, off = basis.reshape(cells, PER_CELL, -1), still.reshape(cells, PER_CELL, -1)
    within = known - np.einsum("cpk,cqk->cpq", off, off)
    shared = np.einsum("cpq,cqk->cpk", known, own) - off @ (still.T @ basis)
    inner = np.einsum("cpi,cpk->ik", own, shared)
    return _unexplained(own, within, shared, inner)


def _apart(
    channels: Channels, basis: Float64, virtual: Float64, lag: int
) -> tuple[Float64, Float64]:
    # (cell, 3) variance of each channel, and what the other cells do not explain of it.
    cells = len(channels.root)
    (changes,) = second_differences([virtual], lag)
    samples = len(changes) * DIFFERENCE_POWER
    # <D z, D x> is <z, D'D x>: the channels themselves need no filter.
    twice = np.zeros_like(virtual)
    twice[2 * lag :] += changes
    twice[lag:-lag] -= 2 * changes
    twice[: -2 * lag] += changes
    shared = (channels.correlate(twice) / samples).reshape(cells, PER_CELL, -1)
    inner = changes.T @ changes / samples
    own = basis.reshape(cells, PER_CELL, -1)
    return _unexplained(own, _within(channels, cells, lag), shared, inner)


def _unexplained(
    own: Float64, within: Float64, shared: Float64, inner: Float64
) -> tuple[Float64, Float64]:
    # Of covariances within cells, with the virtual channels, and of these.
    cross = np.einsum("cqi,cqj->cij", own, shared)
    others = inner - cross - cross.transpose(0, 2, 1)
    others += np.einsum("cpi,cpq,cqj->cij", own, within, own)
    apart = shared - within @ own
    ridge = 1e-9 * np.trace(inner) * np.eye(len(inner))
    explained = np.einsum(
        "cqi,ciq->cq", apart, np.linalg.solve(others + ridge, apart.transpose(0, 2, 1))
    )
    total = np.diagonal(within, axis1=1, axis2=2)
    return total, total - explained


def _within(channels: Channels, cells: int, lag: int) -> Float64:
    # (cell, 3, 3) covariances of each cell's channels.
    total = np.zeros((cells, PER_CELL, PER_CELL))
    count = 0
    for twice in second_differences(channels, lag):
        changes = twice.reshape(-1, cells, PER_CELL)
        total += np.einsum("tcp,tcq->cpq", changes, changes, optimize=True)
        count += len(changes)
    return total / (max(count, 1) * DIFFERENCE_POWER)
