"""What is not sound and can be taken off: uneven light, scratches, dust, the turn of the scan."""

import numpy as np
from numpy.typing import NDArray

from phonoscope.types import Float64

_OUTLIER = 5.0


def smooth_down(values: Float64, weights: Float64) -> Float64:
    """Return a parabola through values down the frame; 1 where there is nothing to go by."""
    y = np.linspace(-1, 1, len(values))
    known = weights > 0
    if known.sum() < 8:
        return np.ones(len(values))
    terms = np.polynomial.polynomial.polyfit(y[known], values[known], 2, w=np.sqrt(weights[known]))
    return np.asarray(np.polynomial.polynomial.polyval(y, terms))


def filled(values: Float64, known: NDArray[np.bool_]) -> Float64:
    """Return values with straight lines across those that are not known."""
    if known.all() or not known.any():
        return values
    at = np.arange(len(values))
    return np.asarray(np.interp(at, at[known], values[known]))


def bridged(picture: Float64, worn: NDArray[np.bool_]) -> Float64:
    """Return a picture ``(line, column)`` with straight lines across some columns."""
    good = np.flatnonzero(~worn)
    column = np.flatnonzero(worn)
    after = np.searchsorted(good, column)
    right = good[after.clip(0, len(good) - 1)]
    left = good[(after - 1).clip(0, len(good) - 1)]
    part = ((column - left) / np.maximum(right - left, 1)).clip(0, 1)
    result = picture.copy()
    result[:, column] = (1 - part) * picture[:, left] + part * picture[:, right]
    return result


def moved_across(picture: Float64, shift_px: float) -> Float64:
    """Return a picture ``(line, column)`` at ``x + shift_px``; its borders are continued."""
    if shift_px == 0:
        return picture
    whole = int(np.floor(shift_px))
    column = np.arange(picture.shape[-1])
    weights = _cubic(np.asarray(shift_px - whole))
    parts = [
        weight * picture[..., (column + whole + step).clip(0, len(column) - 1)]
        for step, weight in zip(range(-1, 3), weights, strict=True)
    ]
    return np.asarray(sum(parts))


def sheared(picture: Float64, lines_a_px: float) -> Float64:
    """Return a picture each of whose columns is moved up by its distance from the middle.

    Parameters
    ----------
    picture
        ``(line, column)``.
    lines_a_px
        How much later a column is than the one before it.
    """
    if lines_a_px == 0:
        return picture
    shift = lines_a_px * (np.arange(picture.shape[1]) - (picture.shape[1] - 1) / 2)
    # The content of a column lies `shift` lines higher than that of the middle.
    whole = np.floor(-shift).astype(np.int64)
    part = -shift - whole
    line = np.arange(len(picture))
    result = np.zeros_like(picture)
    for step, weight in zip(range(-1, 3), _cubic(part), strict=True):
        at = (line[:, None] + whole + step).clip(0, len(picture) - 1)
        result += weight * np.take_along_axis(picture, at, axis=0)
    return result


def _cubic(part: Float64) -> tuple[Float64, Float64, Float64, Float64]:
    """Return the weights of four neighbours, by Keys's cubic convolution."""
    t = part
    return (
        -0.5 * t + t**2 - 0.5 * t**3,
        1 - 2.5 * t**2 + 1.5 * t**3,
        0.5 * t + 2 * t**2 - 1.5 * t**3,
        -0.5 * t**2 + 0.5 * t**3,
    )


def robust_lines(picture: Float64, profile: Float64, variance: Float64) -> Float64:
    """Return the brightness of each line that all of its columns have in common.

    Least squares by the profile, twice: pixels that lie far off the first are left out.

    Parameters
    ----------
    picture
        ``(line, column)`` of light.
    profile
        ``(line, column)`` what a line of brightness 1 would show.
    variance
        ``(column,)`` of the noise.
    """
    weight = profile / variance
    total = np.maximum((weight * profile).sum(axis=1), 1e-12)
    first = (weight * picture).sum(axis=1) / total
    left = picture - first[:, None] * profile
    # The middle of a line is not moved by specks, but its mean is.
    middle = np.median(left, axis=1, keepdims=True)
    spread = 1.4826 * np.median(np.abs(left - middle), axis=1, keepdims=True)
    spread = np.maximum(spread, np.median(spread))
    good = np.abs(left - middle) < _OUTLIER * np.maximum(spread, 1e-9)
    weight = np.where(good, weight, 0)
    total = (weight * profile).sum(axis=1)
    known = total > 0
    return filled((weight * picture).sum(axis=1) / np.where(known, total, 1), known)
