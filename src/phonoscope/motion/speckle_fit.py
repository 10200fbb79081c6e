"""One frame of speckle against the template: moved by part of a pixel, and fitted."""

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from phonoscope.motion.correlate import along_x, along_y
from phonoscope.types import Float32, Float64

_HALF_TAPS = 8
_EDGE_PX = 3  # at the picture's edge interpolation and derivatives lack neighbours
_FEWEST_CELLS = 4  # whose spread tells anything
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

    def against(
        self, anchor: NDArray[np.int64], shape: tuple[int, int], margin: int
    ) -> tuple[Window, Window]:
        """Return which part of a template, and which of the picture, show the same.

        `anchor` is which pixel of the pattern the template shows `margin` px within its corner.
        """
        there, own = [], []
        moves = (self.place - anchor)[::-1]
        for moved, n, most in zip(moves, self.picture.shape, shape, strict=True):
            first = margin - int(moved)
            begin, end = max(first, 0), min(first + n, most)
            end = max(begin, end)
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

    @property
    def spread(self) -> float:
        """Mean square of the cells' departures from the whole, over what they claim; 1 at least."""
        known = self.information.any(axis=(1, 2))
        if known.sum() < _FEWEST_CELLS:
            return 1.0
        own = self.apart[known] - self.step
        square = float(np.einsum("ci,cij,cj->", own, self.information[known], own))
        return max(1.0, square / (2 * (int(known.sum()) - 1)))

    @classmethod
    def none(cls, at: Float64, cells: int, shifted: "Shifted") -> "Fit":
        return cls(at, np.zeros(2), np.zeros((cells, 2)), np.zeros((cells, 2, 2)), np.ones(cells),
                   np.zeros(cells), 0.0, shifted)  # fmt: skip

    @classmethod
    def of(cls, sums: Float64, at: Float64, shifted: "Shifted") -> "Fit":
        # Of each cell: [slope x, slope y, template, 1] and the frame, weighted.
        gram = np.empty((len(sums), 5, 5))
        gram[:, *np.triu_indices(5)] = sums
        gram[:, *np.triu_indices(5)[::-1]] = sums
        rest = gram[:, 2:, 2:]
        # Template and level are taken out of slopes and frame.
        own = rest[:, :2, :2]
        det = own[:, 0, 0] * own[:, 1, 1] - own[:, 0, 1] ** 2
        good = det > 1e-9 * own[:, 0, 0] * own[:, 1, 1] + 1e-30
        inverse = np.zeros_like(own)
        inverse[:, 0, 0], inverse[:, 1, 1] = own[:, 1, 1], own[:, 0, 0]
        inverse[:, 0, 1] = inverse[:, 1, 0] = -own[:, 0, 1]
        inverse *= np.where(good, 1 / np.where(good, det, 1), 0)[:, None, None]
        others = [0, 1, 4]
        cross = gram[:, 2:4][:, :, others]
        left = gram[:, others][:, :, others] - cross.transpose(0, 2, 1) @ inverse @ cross
        left[~good] = 0
        slope, right = left[:, :2, :2], left[:, :2, 2]
        plain = np.einsum("cij,cj->ci", inverse, gram[:, 2:4, 4])
        like, level = plain[:, 0], plain[:, 1]
        total, pull = slope.sum(axis=0), right.sum(axis=0)
        step = -np.linalg.solve(total + 1e-9 * np.trace(total) * np.eye(2) + 1e-30, pull)
        known = np.linalg.det(slope) > _KNOWN_SHARE * np.trace(slope, axis1=1, axis2=2) ** 2
        safe = np.where(known[:, None, None], slope, np.eye(2))
        apart = np.where(known[:, None], -np.linalg.solve(safe, right[:, :, None])[:, :, 0], 0)
        information = np.where(known[:, None, None], slope, 0)
        # Of the pattern's power in frame and template, how much they share.
        spread = own[:, 0, 0] - own[:, 0, 1] ** 2 / np.maximum(own[:, 1, 1], 1e-30)
        seen = gram[:, 4, 4] - gram[:, 3, 4] ** 2 / np.maximum(gram[:, 3, 3], 1e-30)
        shared = gram[:, 2, 4] - gram[:, 2, 3] * gram[:, 3, 4] / np.maximum(gram[:, 3, 3], 1e-30)
        likeness = float(shared.sum() / max(math.sqrt(float(spread.sum() * seen.sum())), 1e-30))
        return cls(at, step, apart, information, like, level, likeness, shifted)
