"""Cells that are noisier or quieter than they claim: leaves that wave, passers-by, codecs.

What a cell shares with others is sound; what it has for itself is noise. So each cell's channels
are regressed on the virtual channels, its own part in them left out, and what remains is its noise.
It is measured on second differences in time, which leave out sway, drift and waving branches.
"""

import math
from collections.abc import Iterator, Sequence

import numba
import numpy as np

from phonoscope.sound.subspace import span
from phonoscope.sound.whiten import (
    DIFFERENCE_POWER,
    PER_CELL,
    Channels,
    flicker_lag,
)
from phonoscope.types import Float32, Float64

_FEWEST_CELLS = 6
_SURE = 4.0  # standard deviations
_SHARED = 5.0  # relative variance of a variance over that of one sample: differences overlap
_UNEXPLAINED = 0.2
_KNOWN = 1e-9  # of the largest singular value
_RIDGE = 1e-9  # of the sum of all variances
_LEAST_SHARE = 0.05
_AT_ONCE = 1024  # cells


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
    # At high frequencies, and at low ones, where codecs leave more. What adds up is slow, and tells
    # nothing of the noise at other frequencies.
    lags = {1} if channels.field.adds_up else {1, flicker_lag(channels.field)}
    for total, rest in _apart(channels, basis, virtual, sorted(lags)):
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
    channels: Channels, basis: Float64, virtual: Float64, lags: Sequence[int]
) -> Iterator[tuple[Float64, Float64]]:
    # For each lag, (cell, 3) variance of each channel, and what other cells do not explain of it.
    own = basis.reshape(-1, PER_CELL, basis.shape[1])
    for lag, within in zip(lags, _within(channels, lags), strict=True):
        change = virtual[2 * lag :] - 2 * virtual[lag:-lag] + virtual[: -2 * lag]
        samples = len(change) * DIFFERENCE_POWER
        inner = change.T @ change / samples
        # <D z, D x> is <z, D'D x>: the channels themselves need no filter.
        shared = channels.correlate(_differences_back(change, lag)) / samples
        yield _unexplained(own, within, shared.reshape(own.shape), inner)


def _differences_back(changes: Float64, lag: int) -> Float64:
    # What second differences do, turned round.
    samples = len(changes) + 2 * lag
    twice = np.zeros((samples, changes.shape[1]))
    twice[2 * lag :] += changes
    twice[lag:-lag] -= 2 * changes
    twice[: -2 * lag] += changes
    return twice


def _unexplained(
    own: Float64, within: Float64, shared: Float64, inner: Float64
) -> tuple[Float64, Float64]:
    # Of covariances within cells, with the virtual channels, and of these.
    values, vectors = np.linalg.eigh(inner)
    white = vectors / np.sqrt(np.maximum(values, 0) + _RIDGE * max(np.trace(inner), 1e-300))
    explained = [
        _explained(own[few] @ white, within[few], shared[few] @ white)
        for few in (slice(k, k + _AT_ONCE) for k in range(0, len(own), _AT_ONCE))
    ]
    total = np.diagonal(within, axis1=1, axis2=2)
    return total, total - np.concatenate(explained)


def _explained(own: Float64, within: Float64, shared: Float64) -> Float64:
    """Return ``(cell, 3)`` what virtual channels of covariance 1 explain of a cell.

    What is the cell's own in them is left out first, which leaves the covariance ``1 - U' M U``,
    with U of `own` and `shared`; its inverse takes one of 6 x 6 (Woodbury's identity).
    """
    apart = shared - within @ own
    both = np.concatenate([own, shared], axis=1)
    inner = -both @ both.transpose(0, 2, 1)
    inner[:, :PER_CELL, PER_CELL:] += np.eye(PER_CELL)
    inner[:, PER_CELL:, :PER_CELL] += np.eye(PER_CELL)
    inner[:, PER_CELL:, PER_CELL:] += within
    along = both @ apart.transpose(0, 2, 1)
    more = np.einsum("ciq,ciq->cq", along, np.linalg.solve(inner, along))
    return np.asarray(np.einsum("cqi,cqi->cq", apart, apart) + more)


def _within(channels: Channels, lags: Sequence[int]) -> Iterator[Float64]:
    # For each lag, (cell, 3, 3) covariances of each cell's channels.
    totals = np.zeros((len(lags), len(channels.root), PER_CELL, PER_CELL))
    counts = [0] * len(lags)
    before = np.empty((0, PER_CELL * len(channels.root)), np.float32)
    for block in channels:
        joined = np.concatenate([before, block])
        for k, lag in enumerate(lags):
            begun = max(0, len(before) - 2 * lag)
            counts[k] += _add_products(joined[begun:], lag, totals[k])
        before = joined[-2 * max(lags) :]
    for total, count in zip(totals, counts, strict=True):
        upper = total / (max(count, 1) * DIFFERENCE_POWER)
        yield upper + np.triu(upper, 1).transpose(0, 2, 1)


@numba.njit(nogil=True, cache=True, fastmath=True)
def _add_products(channels: Float32, lag: int, total: Float64) -> int:
    # Of second differences, those on and above the diagonal; returns of how many.
    samples = channels.shape[0] - 2 * lag
    change = np.empty(channels.shape[1], np.float32)
    for t in range(samples):
        for k in range(channels.shape[1]):
            ahead, behind = channels[t + 2 * lag, k], channels[t, k]
            change[k] = ahead - np.float32(2) * channels[t + lag, k] + behind
        for c in range(total.shape[0]):
            x, y, z = change[3 * c], change[3 * c + 1], change[3 * c + 2]
            total[c, 0, 0] += x * x
            total[c, 0, 1] += x * y
            total[c, 0, 2] += x * z
            total[c, 1, 1] += y * y
            total[c, 1, 2] += y * z
            total[c, 2, 2] += z * z
    counted: int = max(samples, 0)
    return counted
