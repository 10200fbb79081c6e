"""Edges between clear and dark, line by line, to a small part of a pixel.

The sum of a line's transmission would take the noise of all of its pixels. What is far from an edge
says nothing of it: an edge's place is fitted by its known shape, which reaches the Cramér-Rao
bound.
"""

import numpy as np
from numpy.typing import NDArray

from phonoscope.types import Float64

Noise = tuple[float, float, float]
WHITE: Noise = (1.0, 1.0, 0.0)  # until it is known
_REACH = 4  # px to either side of an edge
_COVERED = 5.0  # standard deviations off
_LEAST_TOLD = 0.05  # of the information of one pixel's noise; a whole edge has 0.28
_STEPS = 8
_LONGEST = 2.5  # px that a fit may move from where it began


def crossings(share: Float64) -> tuple[NDArray[np.int64], NDArray[np.int64], Float64]:
    """Return line, column and direction of where lines cross half transmission.

    Parameters
    ----------
    share
        ``(line, column)`` transmission between dark (0) and clear (1).

    Returns
    -------
    line, column
        ``(crossing,)``; columns are those before the crossing, -1 where a line begins clear, the
        last where it ends so.
    rising
        1 from dark to clear, -1 back.
    """
    padded = np.pad(share, ((0, 0), (1, 1)), mode="edge")
    # A little smoother, so that grain crosses seldom, and a bar of 2 px still shows.
    smooth = 0.1 * padded[:, :-2] + 0.8 * padded[:, 1:-1] + 0.1 * padded[:, 2:]
    clear = np.pad(smooth > 0.5, ((0, 0), (1, 1))).astype(np.int8)
    step = np.diff(clear, axis=1)
    line, column = np.nonzero(step)
    return line, column - 1, step[line, column].astype(np.float64)


def counted(line: NDArray[np.int64], lines: int) -> NDArray[np.int64]:
    """Return how many crossings each line has."""
    return np.bincount(line, minlength=lines)


def without_specks(
    line: NDArray[np.int64], column: NDArray[np.int64], count: int, lines: int
) -> NDArray[np.bool_]:
    """Return which crossings to keep: of lines with too many, the closest pairs are left out."""
    keep = np.ones(len(line), bool)
    own = counted(line, lines)
    start = np.concatenate([[0], np.cumsum(own)])
    for row in np.flatnonzero(own > count):
        left = list(range(start[row], start[row + 1]))
        while len(left) > count:
            gaps = np.diff(column[left])
            closest = int(np.argmin(gaps))
            keep[left[closest : closest + 2]] = False
            del left[closest : closest + 2]
    return keep


def refined(
    share: Float64,
    line: NDArray[np.int64],
    column: NDArray[np.int64],
    rising: Float64,
    blur_px: float,
    noise: Noise = WHITE,
    usable: NDArray[np.bool_] | None = None,
) -> tuple[Float64, Float64, Float64]:
    """Return each crossing's place to a part of a pixel, its variance, and how badly it fits.

    Parameters
    ----------
    share, line, column, rising
        As in `crossings`.
    blur_px
        Standard deviation of the edge's blur.
    noise
        Variance of a pixel in the dark, in the clear, and how much more it is halfway: the last
        times 4 m (1 - m) at transmission m.
    usable
        ``(column,)`` which columns to go by; None for all.

    Returns
    -------
    place
        ``(crossing,)`` px; those at the ends of lines stay there, and are NaN where too little of
        the edge is on usable columns.
    variance
        ``(crossing,)`` of the place by the noise, px^2.
    misfit
        ``(crossing,)`` mean square of what is left, covered or not, in units of the noise.
    """
    from scipy.special import ndtr

    width = share.shape[1]
    offset = np.arange(-_REACH, _REACH + 2)
    at = column[:, None] + offset
    inside = (at >= 0) & (at < width)
    value = share[line[:, None], at.clip(0, width - 1)]
    value = np.where(rising[:, None] > 0, value, 1 - value)
    # Of two edges each has the pixels up to the middle between them.
    same = np.diff(line) == 0
    middle = (column[1:] + column[:-1] + 1) / 2
    after = np.append(np.where(same, middle, np.inf), np.inf)
    before = np.insert(np.where(same, middle, -np.inf), 0, -np.inf)
    inside &= (at > before[:, None]) & (at <= after[:, None])
    if usable is not None:
        inside &= usable[at.clip(0, width - 1)]
    whole = inside.copy()
    place = np.zeros(len(line)) + 0.5  # after `column`
    variance = np.ones(())
    told = np.zeros(())
    beyond = np.zeros_like(value)
    for number in range(_STEPS):
        u = (offset - place[:, None]) / blur_px
        model = ndtr(u) + _neighbours(at, column + place, same, blur_px)
        slope = np.exp(-0.5 * u**2) / (np.sqrt(2 * np.pi) * blur_px)
        variance = spread_of(noise, np.where(rising[:, None] > 0, model, 1 - model))
        beyond = np.where(whole, value - model, 0)
        left = np.where(inside, beyond, 0)
        if number == _STEPS - 3 and noise != WHITE:
            # What a speck covers says nothing; the rest of the edge still does.
            inside &= left**2 < _COVERED**2 * variance
            left = np.where(inside, left, 0)
        weight = np.where(inside, slope / variance, 0)
        told = (weight * slope).sum(axis=1)
        step = (weight * left).sum(axis=1) / np.maximum(told, 1e-6)
        place = (place - step).clip(0.5 - _LONGEST, 0.5 + _LONGEST)
    misfit = (beyond**2 / variance).sum(axis=1) / np.maximum(whole.sum(axis=1) - 1, 1)
    ends = (column < 0) | (column >= width - 1)
    place = np.where(told * spread_of(noise, np.array(0.5)) < _LEAST_TOLD / blur_px, np.nan, place)
    place = np.where(ends, 0.5, place)
    return column + place, 1 / np.maximum(told, 1e-9), np.where(ends, 0, misfit)


def spread_of(noise: Noise, share: Float64) -> Float64:
    dark, clear, more = noise
    share = share.clip(0, 1)
    return dark + (clear - dark) * share + more * 4 * share * (1 - share)


def _neighbours(
    at: NDArray[np.int64], place: Float64, same: NDArray[np.bool_], blur_px: float
) -> Float64:
    """Return what the edges before and after in the same line add to each edge's shape."""
    from scipy.special import ndtr

    added = np.zeros(at.shape)
    near = np.flatnonzero(same & (np.diff(place) < _REACH + 4 * blur_px))
    added[near] -= ndtr((at[near] - place[near + 1, None]) / blur_px)
    added[near + 1] += 1 - ndtr((at[near + 1] - place[near, None]) / blur_px)
    return added
