"""Edges under specks, from what the lines around foretell and what the pixels still show.

A pixel is of the film, or of a speck. Specks are opaque, often more so than the dark of a track, so
a speck that has swallowed a part of an edge is seen on the dark beside it too. What the pixels of a
line say of an edge is thus a mixture, which is no bell; it is joined with what the lines around
foretell by expectation propagation (Minka, "Expectation propagation for approximate Bayesian
inference", 2001; Rasmussen and Williams, "Gaussian processes for machine learning", 2006, 3.6).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phonoscope.film.edges import Noise, spread_of
from phonoscope.types import Float64

_INSIDE_PX = 4  # from an edge, where clear film shows nothing else
_DARK = 0.3  # of the way from dark to clear: what is darker there is a speck
_FEW = 24  # pixels by which a speck's darkness is told
_UNKNOWN = 0.1  # spread of it, as long as it is not known
_BLOB = 1  # px to either side of a pixel, and lines, that are asked with it
_NATS = 3.0  # by which a speck must be likelier
_NEAR_PX = 7  # of an edge that is seen, where a speck may hide the true one
_REACH, _LEAST_PX = 4.5, 3.0  # standard deviations by which places are tried; px at least
_COARSE_PX, _STEP_PX = 0.25, 0.05  # logarithms are smooth: between places they are interpolated
_TOUCHED = 0.5  # of the lines that are asked
_OTHER = 1e-3  # density of what is neither film nor speck, such as a pinhole
_GREY = 0.2  # of a speck's pixels, of any brightness
_SWEEPS = 6
_DAMPED = 0.7
_WIDE = 1e-6  # px^-2, the least that a line's pixels can say


@dataclass(frozen=True, slots=True)
class Speck:
    """What a pixel shows of a speck, in parts of the way from dark to clear.

    Attributes
    ----------
    on_dark, on_clear
        Mean of it on dark film, below 0 since no speck is clear, and on clear film.
    spread
        Standard deviation.
    """

    on_dark: float = 0.0
    on_clear: float = 0.0
    spread: float = _UNKNOWN

    @classmethod
    def of(cls, shares: Sequence[Float64], places: Sequence[Float64], dark: float) -> "Speck":
        """Return it by what is dark amid clear film.

        Parameters
        ----------
        shares, places
            Of some scans ``(line, column)`` and ``(line, edge)``.
        dark
            Brightness of the dark over that from dark to clear. A speck takes the same part of the
            light of dark and of clear film.
        """
        found = []
        for share, place in zip(shares, places, strict=True):
            column = np.arange(share.shape[1])
            for left, right in zip(place.T[::2], place.T[1::2], strict=True):
                inside = column > left[:, None] + _INSIDE_PX
                inside &= column < right[:, None] - _INSIDE_PX
                found.append(share[inside & (share < _DARK)])
        values = np.concatenate(found)
        if len(values) < _FEW:
            return UNKNOWN
        level = float(np.median(values))
        spread = max(1.4826 * float(np.median(np.abs(values - level))), 1e-3)
        passed = min(max((level + dark) / (1 + dark), 0.0), 1.0)
        return cls((passed - 1) * dark, level, spread)


UNKNOWN = Speck()


def touched(
    share: Float64, place: Float64, rising: float, noise: Noise, speck: Speck,
    usable: NDArray[np.bool_],
) -> NDArray[np.bool_]:  # fmt: skip
    """Return ``(line,)`` where the dark beside an edge is so dark that a speck lies there."""
    from scipy.ndimage import uniform_filter

    more = _log_normal(share, speck.on_dark, noise[0]) - _log_normal(share, 0.0, noise[0])
    more = np.where(usable & (share < _DARK), more, 0)
    size = 2 * _BLOB + 1
    seen = size**2 * uniform_filter(more, size, mode="constant") > _NATS
    step = np.arange(1, _NEAR_PX + 1)
    at = np.rint(np.nan_to_num(place)[:, None] + (-step if rising > 0 else step)).astype(np.int64)
    inside = (at >= 0) & (at < share.shape[1]) & np.isfinite(place)[:, None]
    near = np.take_along_axis(seen, at.clip(0, share.shape[1] - 1), axis=1) & inside
    return np.convolve(near.any(axis=1), np.ones(size), "same") > 0


def behind(
    share: Float64, others: Float64, edge: int, mean: Float64, covariance: Float64,
    blur_px: float, noise: Noise, speck: Speck, usable: NDArray[np.bool_],
) -> tuple[Float64, Float64]:  # fmt: skip
    """Return ``(line,)`` places of an edge on lines that specks touch, and their variances, px^2.

    Parameters
    ----------
    share
        ``(line, column)`` of these lines.
    others
        ``(line, edge)`` places of all edges; of `edge` they do not count.
    edge
        Which.
    mean, covariance
        ``(line,)`` and ``(line, line)`` of what the lines around foretell, px.
    blur_px, noise
        Of edges and pixels, as `refined` takes them.
    speck
        What specks show.
    usable
        ``(column,)`` which columns to go by.
    """
    from scipy.interpolate import CubicSpline

    reach = _LEAST_PX + _REACH * float(np.sqrt(np.diag(covariance).max()))
    reach = min(reach, share.shape[1] / 2)
    coarse = np.arange(-reach, reach + _COARSE_PX, _COARSE_PX)
    fine = np.arange(coarse[0], coarse[-1], _STEP_PX)
    said = _said(share, others, edge, mean[:, None] + coarse, blur_px, noise, speck, usable)
    said = CubicSpline(coarse, said, axis=1)(fine)
    grid = mean[:, None] + fine
    lines = len(mean)
    sure, pull = np.full(lines, _WIDE), np.full(lines, _WIDE) * mean
    place, variance = mean, np.diag(covariance).copy()
    for _ in range(_SWEEPS):
        root = np.sqrt(sure)
        inner = np.eye(lines) + root[:, None] * covariance * root
        gain = covariance * root
        whole = covariance - gain @ np.linalg.solve(inner, gain.T)
        middle = mean + whole @ (pull - sure * mean)
        own = np.maximum(np.diag(whole), 1e-12)
        # Without what the line itself has said: then it is asked anew.
        left = np.maximum(1 / own - sure, 1e-9)
        about = (middle / own - pull) / left
        chance = said - 0.5 * left[:, None] * (grid - about[:, None]) ** 2
        chance = np.exp(chance - chance.max(axis=1, keepdims=True))
        chance /= chance.sum(axis=1, keepdims=True)
        place = (chance * grid).sum(axis=1)
        variance = (chance * (grid - place[:, None]) ** 2).sum(axis=1) + _STEP_PX**2 / 12
        # Two places that are as likely as each other make a line less sure: it then says nothing.
        new = np.maximum(1 / variance - left, _WIDE)
        new_pull = np.where(new > _WIDE, place / variance - left * about, _WIDE * place)
        sure = (1 - _DAMPED) * sure + _DAMPED * new
        pull = (1 - _DAMPED) * pull + _DAMPED * new_pull
    return place, variance


def _said(
    share: Float64, others: Float64, edge: int, grid: Float64,
    blur_px: float, noise: Noise, speck: Speck, usable: NDArray[np.bool_],
) -> Float64:  # fmt: skip
    """Return ``(line, place)`` the log likelihood of a line's pixels if its edge lies there."""
    from scipy.special import ndtr

    width = share.shape[1]
    wide = int(grid[0, -1] - grid[0, 0] + 8 * blur_px + 3)
    first = np.floor(grid[:, 0] - 4 * blur_px).astype(np.int64)
    column = first[:, None] + np.arange(wide)
    inside = (column >= 0) & (column < width)
    near = column.clip(0, width - 1)
    inside &= usable[near]
    value = np.take_along_axis(share, near, axis=1)
    base = np.zeros(column.shape)
    for number, place in enumerate(others.T):
        if number != edge:
            base += (1 - 2 * (number % 2)) * ndtr((column - place[:, None]) / blur_px)
    # A window begins in the clear where edges before it have made it so.
    sign = 1 - 2 * (edge % 2)
    shape = ndtr((column[:, None, :] - grid[:, :, None]) / blur_px)
    model = base[:, None, :] + sign * shape
    film = _log_normal(value[:, None, :], model, spread_of(noise, model))
    level = speck.on_dark + (speck.on_clear - speck.on_dark) * model
    other = _log_normal(value[:, None, :], level, speck.spread**2)
    # The borders of a speck are grey, and some let more light through.
    other = np.logaddexp(np.log(1 - _GREY) + other, np.log(_GREY))
    film = np.logaddexp(film, np.log(_OTHER))
    # A speck is a run of pixels: the likeliest, from any to any, by running sums.
    more = np.where(inside[:, None, :], other - film, 0)
    upto = np.cumsum(more, axis=2)
    before = np.minimum.accumulate(upto - more, axis=2)
    run = (upto - before).max(axis=2) - np.log(wide * (wide + 1) / 2)
    alone = np.where(inside[:, None, :], film, 0).sum(axis=2)
    return np.asarray(alone + np.logaddexp(np.log(1 - _TOUCHED), np.log(_TOUCHED) + run))


def _log_normal(value: Float64, mean: Float64 | float, variance: Float64 | float) -> Float64:
    return np.asarray(-0.5 * ((value - mean) ** 2 / variance + np.log(2 * np.pi * variance)))
