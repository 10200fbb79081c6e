"""One frame of speckle against the template: moved by part of a pixel, and fitted."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from phonoscope.motion.correlate import along_x, along_y
from phonoscope.motion.derivative import noise_gram
from phonoscope.types import Float32, Float64

_HALF_TAPS = 8
_EDGE_PX = 3  # at the picture's edge interpolation and derivatives lack neighbours
_KNOWN_SHARE = 1e-6  # of a cell's best direction that another must have to be told

Window = tuple[slice, slice]
"""Rows and columns."""


@dataclass(frozen=True, slots=True, eq=False)
class Shifted:
    """A frame moved by part of a pixel, so that it lies on the pattern's grid.

    `place` is which whole pixel of the pattern its corner shows.
    """

    picture: Float32
    blind: NDArray[np.bool_]
    place: NDArray[np.int64]

    @classmethod
    def of(cls, frame: Float32, blind: NDArray[np.bool_], at: Float64) -> "Shifted":
        place = np.round(at).astype(int)
        rest = at - place
        across, part = np.empty_like(frame), np.empty_like(frame)
        along_x(frame, _taps(float(rest[0])), across)
        along_y(across, _taps(float(rest[1])), part)
        hidden = blind.copy()
        for edge in (slice(0, _EDGE_PX), slice(-_EDGE_PX, None)):
            hidden[edge] = True
            hidden[:, edge] = True
        return cls(part, hidden, place)


def overlap(
    moved: NDArray[np.int64], shape: tuple[int, int], wide: tuple[int, int], margin: int
) -> tuple[Window, Window]:
    """Return which part of a template, and which of a picture, show the same.

    Parameters
    ----------
    moved
        ``(2,)`` (x, y) by which the pattern has moved in the picture, px.
    shape, wide
        Of the picture and the template, which lies `margin` px beyond it on each side at first.
    """
    there, own = [], []
    for by, n, most in zip(moved[::-1], shape, wide, strict=True):
        first = margin - int(by)
        begin = min(max(first, 0), most)
        end = max(begin, min(first + n, most))
        there.append(slice(begin, end))
        own.append(slice(begin - first, end - first))
    return (there[0], there[1]), (own[0], own[1])


@cache
def _kaiser() -> tuple[Float64, Float64]:
    return np.linspace(-1, 1, 401), np.kaiser(401, 6)


def _taps(shift: float) -> Float32:
    # Correlated with these, a picture gives its value `shift` to the right: a windowed sinc.
    position = np.arange(-_HALF_TAPS, _HALF_TAPS + 1) - shift
    taps = np.sinc(position) * np.interp(position / (_HALF_TAPS + 1), *_kaiser())
    return np.asarray(taps / taps.sum(), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The least squares of a frame against the template.

    `at` is where the whole was taken to be, `step` how far it still is from there, `apart` and
    `information` of each cell, `like` and `level` its share of the template and what is added.
    """

    at: Float64
    step: Float64
    apart: Float64
    information: Float64
    like: Float64
    level: Float64
    likeness: float
    shifted: "Shifted"

    @classmethod
    def none(cls, at: Float64, cells: int, shifted: "Shifted") -> "Fit":
        return cls(at, np.zeros(2), np.zeros((cells, 2)), np.zeros((cells, 2, 2)), np.ones(cells),
                   np.zeros(cells), 0.0, shifted)  # fmt: skip

    @classmethod
    def of(cls, sums: Float64, at: Float64, shifted: "Shifted", far_px: float) -> "Fit":
        """Solve what `phonoscope.motion.speckle_kernel.gather` summed for each cell.

        Of a cell that seems to be further than `far_px` from the whole nothing is known.
        """
        gram = np.empty((len(sums), 5, 5))  # of slopes in x and y, template, 1, and the frame
        gram[:, *np.triu_indices(5)] = sums[:, :15]
        gram[:, *np.triu_indices(5)[::-1]] = sums[:, :15]
        # The template's own noise is no slope and no pattern.
        noise = sums[:, 15]
        gram[:, [0, 1], [0, 1]] -= (noise * _noise_of_slope())[:, None]
        gram[:, 2, 2] -= noise
        # The level is taken out of all, and then the template out of slopes and frame.
        held = gram[:, 3, 3]
        level = gram[:, :, 3] / np.where(held > 0, held, 1)[:, None]
        gram = gram - level[:, :, None] * level[:, None, :] * held[:, None, None]
        power, shared = gram[:, 2, 2], gram[:, 2, 4]
        good = (held > 0) & (power > _KNOWN_SHARE * held * level[:, 2] ** 2)
        safe = np.where(good, power, 1)
        like = np.where(good, shared / safe, 0)
        left = gram - gram[:, :, 2, None] * gram[:, 2, None, :] / safe[:, None, None]
        slope, right = left[:, :2, :2], left[:, :2, 4]
        trace = np.trace(slope, axis1=1, axis2=2)
        known = good & (np.linalg.det(slope) > _KNOWN_SHARE * trace**2) & (trace > 0)
        total = power[good].sum()
        whole = float(shared[good].sum() / total) if total > 0 else 0.0
        seen = float(gram[good, 4, 4].sum())
        likeness = whole * math.sqrt(total / seen) if seen > 0 else 0.0
        if not known.any() or whole <= 0:
            return cls.none(at, len(sums), shifted)
        step = -np.linalg.solve(slope[known].sum(axis=0), right[known].sum(axis=0)) / whole
        apart, information = np.zeros((len(sums), 2)), np.zeros((len(sums), 2, 2))
        apart[known] = -np.linalg.solve(slope[known], right[known][:, :, None])[:, :, 0] / whole
        information[known] = slope[known] * whole**2
        astray = ~known | (np.abs(apart - step).max(axis=1) > far_px)
        apart[astray], information[astray] = step, 0
        rest = level[:, 4] - like * level[:, 2]
        return cls(at, step, apart, information, like, rest, likeness, shifted)


@cache
def _noise_of_slope() -> float:
    return float(noise_gram()[1, 1])
