"""Measure a camera's noise from the video itself: temporal residual against pixel value."""

import itertools
import warnings
from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import NDArray

from phonoscope.types import Float32, Float64, Luma, NoiseModel

_MOST_BINS = 24
_VALUES_PER_BIN = 20_000
_OUTLIER = 2.0
_LEAST_VARIANCE = 1 / 12  # rounding to whole values; a noiseless rendering still has that


def first_guess(frames: Sequence[Luma]) -> NoiseModel:
    """Return a flat noise model from neighbouring frames, before anything is known of motion."""
    sparse = [frame[::3, ::3].astype(np.float32) for frame in frames[:17]]
    squares = [np.median(np.abs(b - a)) for a, b in itertools.pairwise(sparse)]
    variance = float(np.median(squares) / 0.6745) ** 2 / 2
    return NoiseModel(np.array([0.0]), np.array([max(variance, _LEAST_VARIANCE)]))


@numba.njit(nogil=True, cache=True, fastmath=True)
def residual_energy(
    rows: Luma, image: Float32, slopes: Float32, weight: Float32, bin_of: NDArray[np.int32],
    motion: Float64, strain: Float32, gain: Float64, x_edges: NDArray[np.int64],
    y_edges: NDArray[np.int64], energy: Float64,
) -> None:  # fmt: skip
    """Add one frame's squared residuals from the cells' fits to `energy`.

    Parameters
    ----------
    rows, image, weight, bin_of
        ``(height, width)`` the frame, the reference in its pose, pixel weights (0: not used) and
        the noise bin of each pixel, over the grid's region.
    slopes
        ``(5, height, width)`` first (x, y) and second (xx, xy, yy) derivatives of `image`.
    motion, gain
        ``(cell, 2)`` and ``(cell,)`` of this frame.
    strain
        ``(2, height, width)`` how far each pixel moves beyond its cell, px.
    energy
        ``(cell, bin, 2)`` to which squared residuals and their number are added.
    """
    columns, width = len(x_edges) - 1, x_edges[-1]
    tallest = np.diff(y_edges).max()
    residual = np.empty((tallest, width), np.float32)
    # Each pixel's share of its cell's motion and gain, a row at a time: see `project`.
    u, v, g = (
        np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32),
    )  # fmt: skip
    for r in range(len(y_edges) - 1):
        top, bottom = y_edges[r], y_edges[r + 1]
        for c in range(columns):
            u[x_edges[c] : x_edges[c + 1]] = motion[r * columns + c, 0]
            v[x_edges[c] : x_edges[c + 1]] = motion[r * columns + c, 1]
            g[x_edges[c] : x_edges[c + 1]] = gain[r * columns + c]
        for y in range(top, bottom):
            for x in range(width):
                p, q = u[x] + strain[0, y, x], v[x] + strain[1, y, x]
                # R(x - u) to second order
                model = image[y, x] - p * slopes[0, y, x] - q * slopes[1, y, x]
                model += p * p * np.float32(0.5) * slopes[2, y, x] + p * q * slopes[3, y, x]
                model += q * q * np.float32(0.5) * slopes[4, y, x]
                residual[y - top, x] = np.float32(rows[y, x]) - g[x] * model
        for c in range(columns):
            cell = energy[r * columns + c]
            total, norm = 0.0, 0.0
            for y in range(top, bottom):
                for x in range(x_edges[c], x_edges[c + 1]):
                    total += weight[y, x] * residual[y - top, x]
                    norm += weight[y, x]
            if norm == 0:
                continue
            offset = total / norm
            for y in range(top, bottom):
                for x in range(x_edges[c], x_edges[c + 1]):
                    if weight[y, x] > 0:
                        rest = residual[y - top, x] - offset
                        cell[bin_of[y, x], 0] += rest * rest
                        cell[bin_of[y, x], 1] += 1


def bins(image: Float32, used: NDArray[np.bool_], frames: int) -> tuple[Float64, NDArray[np.int32]]:
    """Sort the used pixels by value into bins of about equally many.

    Returns
    -------
    ``(bin,)`` mean value of each and ``(height, width)`` the bin of each pixel.
    """
    values = image[used]
    count = int(np.clip(values.size * frames // _VALUES_PER_BIN, 1, _MOST_BINS))
    sample = values[:: max(1, values.size // _VALUES_PER_BIN)]
    edges = np.unique(np.quantile(sample, np.linspace(0, 1, count + 1)[1:-1]))
    # A table over whole pixel values: as fine as the noise ever needs, and quicker than a search.
    whole = np.maximum(np.rint(image), 0).astype(np.int32)
    table = np.searchsorted(edges, np.arange(int(whole.max()) + 1), side="right").astype(np.int32)
    bin_of = table[whole]
    number = np.bincount(bin_of[used], minlength=len(edges) + 1)
    total = np.bincount(bin_of[used], weights=values, minlength=len(edges) + 1)
    level = np.where(number > 0, total / np.maximum(number, 1), 0)
    return level, bin_of


def fit(
    energy: Float64, level: Float64, rank: Float64, frames: int, averaged: float
) -> tuple[NoiseModel, Float64]:
    """Return the noise model and how much each cell exceeds it.

    Parameters
    ----------
    energy
        ``(cell, bin, 2)`` squared residuals and their number, from `residual_energy`.
    level
        ``(bin,)`` mean pixel value of each bin.
    rank
        ``(cell,)`` number of parameters that each cell fitted to each frame.
    frames
        Number of frames in `energy`.
    averaged
        Number of frames in the reference, of which the measured ones are part.

    Returns
    -------
    The model, and ``(cell,)`` inflation factors (1 where the model holds).
    """
    number = energy[:, :, 1]
    pixels = number.sum(axis=1) / frames
    freedom = np.maximum(1 - rank / np.maximum(pixels, 1), 0.05)
    freedom *= max(1 - 1 / averaged, 0.5)  # the reference has taken its share of their noise
    expected_number = number * freedom[:, None]
    # Cells in which something else moves leave the fit; the median cell is none of them.
    own = np.where(expected_number > 0, energy[:, :, 0] / np.maximum(expected_number, 1e-9), np.nan)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # bins that no cell has seen
        variance = np.nanmedian(own, axis=0)
    variance = np.maximum(_filled(variance), _LEAST_VARIANCE)
    good = np.zeros(len(energy), np.bool_)
    for step in range(3):
        if step:
            total, seen = energy[good, :, 0].sum(axis=0), expected_number[good].sum(axis=0)
            variance = np.where(seen > 0, total / np.maximum(seen, 1e-9), np.nan)
            variance = np.maximum(_filled(variance), _LEAST_VARIANCE)
        expected = expected_number @ variance
        seen_any = expected > 0
        excess = np.where(
            seen_any, energy[:, :, 0].sum(axis=1) / np.where(seen_any, expected, 1), 1
        )
        good = seen_any & (excess < _OUTLIER * max(1.0, float(np.median(excess[seen_any]))))
    tolerance = 4 * np.sqrt(2 / np.maximum(expected_number.sum(axis=1), 1))
    return NoiseModel(level, variance), np.where(excess > 1 + tolerance, excess, 1.0)


def _filled(values: Float64) -> Float64:
    known = np.isfinite(values)
    if not known.any():
        return np.full_like(values, _LEAST_VARIANCE)
    return np.interp(np.arange(len(values)), np.flatnonzero(known), values[known])
