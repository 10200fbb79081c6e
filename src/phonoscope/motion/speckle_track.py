"""Follow laser speckle: a pattern that moves far, and becomes another as it moves.

Frames are compared with a template: the best estimate of what the pattern looked like a moment ago,
a Kalman filter in each pixel. What the pattern loses from frame to frame is read from what is left
of each comparison, so the template is a long mean where nothing boils, and the frame before where
all does. It lies on a grid of its own, wider than the picture, that is moved on by whole pixels
when the pattern has drifted far.

In each comparison the pattern is first found as a whole (where it went on to, or by correlation, if
it is not there), then to a fraction of a pixel by weighted least squares, iterated. Each cell then
tells how it differs from the whole. Errors that come with the renewed reference are permanent, and
add up; so each cell keeps count of where it believes its part of the template to be, by its own
measurements alone. Thus cells err independently, as microphones do; and of the camera's noise,
which is in two comparisons with opposite signs, nothing adds up.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phonoscope.motion.cells import Grid
from phonoscope.motion.derivative import gradient
from phonoscope.motion.speckle_fit import Fit, Shifted, overlap
from phonoscope.motion.speckle_kernel import UNKNOWN, boiled, gather, renew, weigh
from phonoscope.motion.speckle_look import SpeckleLook, near_full
from phonoscope.types import Float32, Float64, Luma

MARGIN_PX = 16
"""By how much the template is larger than the picture, to either side."""

STATES = 4
"""Arrays of a tracker's state."""

_NEAR_PX = 0.01
_ITERATIONS = 10
_HALF_PX = 0.7  # of a diagonal: how far the nearest whole pixel may be
_NEAR = 0.75  # of the likeness that would be expected there: else the pattern is sought
_SURE = 6.0  # standard deviations above the correlation of unrelated patterns
_FOUND = 0.7  # of the usual likeness: else the pattern is sought everywhere
_FAR = 0.5  # of a speckle from the whole: no cell is, but a fit may be
_USUAL = 0.1  # of a new value, in what is usual
_OVERLAP = 0.25  # of the picture, that the template must show


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """One frame of speckle.

    Attributes
    ----------
    motion
        ``(cell, 2)`` shift (x, y) since the first frame, px.
    information
        ``(cell, 2, 2)`` of the change since the template, px⁻², if noise were white.
    likeness
        Share of the template's pattern that is still there.
    lost
        Whether the pattern was not found again: what comes after it starts anew where it was.
    """

    motion: Float64
    information: Float64
    likeness: float
    lost: bool


class SpeckleTracker:
    """Follows the speckle of one region through frames, in order.

    Parameters
    ----------
    look
        From `look_at_speckle`.
    grid
        The region's cells.
    state
        What another tracker's `state` returned, to go on from there.
    """

    def __init__(self, look: SpeckleLook, grid: Grid, state: Sequence[NDArray[Any]] = ()) -> None:
        self._look, self._grid = look, grid
        height, width = (edges[-1] - edges[0] for edges in (grid.y_edges, grid.x_edges))
        self._shape = int(height), int(width)
        wide = (self._shape[0] + 2 * MARGIN_PX, self._shape[1] + 2 * MARGIN_PX)
        self._cell_of_row = _cell_of(grid.y_edges - grid.y_edges[0], wide[0])
        self._cell_of_column = _cell_of(grid.x_edges - grid.x_edges[0], wide[1])
        self._sure = min(0.9, _SURE * look.grain_px / math.sqrt(height * width))
        self._near = _NEAR * 0.5 ** ((2 * _HALF_PX / look.grain_px) ** 2)
        if state:
            template, variance, belief, numbers = state
            self._template = template.astype(np.float32)
            self._variance = variance.astype(np.float32)
            self._belief = belief.copy()
            self._at, self._before, self._older = (numbers[n : n + 2].copy() for n in (0, 2, 4))
            self._anchor = numbers[6:8].astype(np.int64)
            self._boil, self._usual = map(float, numbers[8:10])
            return
        self._template = np.zeros(wide, np.float32)
        self._variance = np.full(wide, UNKNOWN)
        self._belief = np.zeros((grid.cells, 2))
        self._at, self._before, self._older = np.zeros(2), np.zeros(2), np.zeros(2)
        self._anchor = np.zeros(2, np.int64)
        self._boil, self._usual = 0.0, 0.0  # usual likeness: 0 before the first frame

    @property
    def state(self) -> list[NDArray[Any]]:
        """What a tracker needs to go on: `STATES` arrays."""
        numbers = [*self._at, *self._before, *self._older, *self._anchor, self._boil, self._usual]
        parts = self._template, self._variance, self._belief, np.array(numbers)
        return [part.copy() for part in parts]

    def follow(self, luma: Luma) -> Followed:
        """Measure the next frame."""
        frame = np.ascontiguousarray(luma[self._grid.window], np.float32)
        blind = near_full(frame, self._look.full_scale, 1)
        if self._usual == 0:
            return self._begin(frame, blind, lost=False)
        place, likeness = self._nearest(frame)
        sought = None
        if likeness < self._near * self._usual:
            sought = self._sought(frame)
            if self._likeness(frame, sought) > likeness:
                place = sought
        fit = self._fitted(frame, blind, place)
        if sought is None and fit.likeness < _FOUND * self._usual:
            other = self._fitted(frame, blind, self._sought(frame))
            fit = max(fit, other, key=lambda one: one.likeness)
        if fit.likeness < self._sure:
            return self._begin(frame, blind, lost=True)
        return self._taken(fit)

    def _begin(self, frame: Float32, blind: NDArray[np.bool_], *, lost: bool) -> Followed:
        self._variance[:] = UNKNOWN
        self._anchor = np.round(self._at).astype(np.int64)
        self._before = self._older = self._at
        self._blend(Shifted.of(frame, blind, self._at), 0.0)
        self._usual = 1.0
        cells = self._grid.cells
        motion = self._at + self._belief
        return Followed(motion, np.zeros((cells, 2, 2)), 0.0, lost)

    def _nearest(self, frame: Float32) -> tuple[Float64, float]:
        # Of where the pattern was, and where it would be if it went on, the likelier; how like.
        one, two = self._at - self._before, self._before - self._older
        places: list[Float64] = [self._at, self._at + one, self._at + 2 * one - two]
        if max(np.abs(one).max(), np.abs(two).max()) < 0.5:
            places = places[:1]
        likeness = [self._likeness(frame, place) for place in places]
        best = int(np.argmax(likeness))
        return places[best], likeness[best]

    def _likeness(self, frame: Float32, place: Float64) -> float:
        # Correlation of every other pixel with the template, to whole pixels.
        whole = np.round(place).astype(np.int64) - self._anchor
        there, own = overlap(whole, self._shape, self._template.shape, MARGIN_PX)
        known = self._variance[there][::2, ::2] < UNKNOWN / 2
        if known.sum() < _OVERLAP * frame.size / 4:
            return -1.0
        seen, model = frame[own][::2, ::2][known], self._template[there][::2, ::2][known]
        seen, model = seen - seen.mean(), model - model.mean()
        return float(seen @ model / max(math.sqrt(float((seen @ seen) * (model @ model))), 1e-9))

    def _sought(self, frame: Float32) -> Float64:
        # Where the picture is most like the template, whole pixels, up to half of it away.
        from scipy.fft import irfft2, next_fast_len, rfft2

        known = self._variance < UNKNOWN / 2
        there = np.where(known, self._template - self._template[known].mean(), 0)
        size = [next_fast_len(n + m // 2, real=True)
                for n, m in zip(there.shape, frame.shape, strict=True)]  # fmt: skip
        cross = rfft2(frame - frame.mean(), size) * np.conj(rfft2(there, size))
        spread = np.abs(cross)
        cross /= np.sqrt(spread + 1e-6 * spread.max())  # sharper, half way to phase correlation
        correlation = irfft2(cross, size)
        limit = [m // 2 for m in frame.shape]
        shift = [(np.arange(n) + n // 2) % n - n // 2 for n in size]
        # The template's corner is MARGIN_PX beyond the picture's.
        y, x = (own + MARGIN_PX for own in shift)
        far = (np.abs(y) > limit[0])[:, None] | (np.abs(x) > limit[1])[None, :]
        correlation[far] = -np.inf
        row, column = np.unravel_index(int(np.argmax(correlation)), correlation.shape)
        found = np.array([x[column], y[row]], np.float64)
        return np.asarray(self._anchor + found)

    def _fitted(self, frame: Float32, blind: NDArray[np.bool_], place: Float64) -> Fit:
        at = place.copy()
        best: Fit | None = None
        for _ in range(_ITERATIONS):
            fit = self._fit(Shifted.of(frame, blind, at), at)
            if best is not None and fit.likeness < best.likeness - 0.02:
                break
            best = fit
            step = fit.step
            if np.abs(step).max() < _NEAR_PX:
                break
            longest = np.abs(step).max()
            at = at + step * min(1.0, 0.5 * self._look.grain_px / longest)
        assert best is not None
        return best

    def _keep_within(self, place: NDArray[np.int64]) -> None:
        # Move the template on by whole pixels when the picture has left it.
        moved = place - self._anchor
        if np.abs(moved).max() <= MARGIN_PX:
            return
        x, y = -moved
        self._template = _moved(self._template, int(x), int(y), np.float32(0))
        self._variance = _moved(self._variance, int(x), int(y), UNKNOWN)
        self._anchor = place

    def _fit(self, shifted: Shifted, at: Float64) -> Fit:
        window, seen = overlap(
            shifted.place - self._anchor, self._shape, self._template.shape, MARGIN_PX
        )
        template = np.ascontiguousarray(self._template[window])
        variance = np.ascontiguousarray(self._variance[window])
        picture = np.ascontiguousarray(shifted.picture[seen])
        blind = np.ascontiguousarray(shifted.blind[seen])
        if picture.size < _OVERLAP * shifted.picture.size:
            return Fit.none(at, self._grid.cells, shifted)
        look = self._look
        weight, noise = np.empty_like(template), np.empty_like(template)
        weigh(blind, template, variance, look.dark, look.slope, self._boil, weight, noise)
        # What is not known yet is taken from the frame, so that there is no edge.
        slopes = gradient(np.where(variance > UNKNOWN / 2, picture, template))
        rows = np.ascontiguousarray(self._cell_of_row[window[0]])
        columns = np.ascontiguousarray(self._cell_of_column[window[1]])
        sums = np.zeros((self._grid.cells, 16))
        gather(picture, template, noise, slopes, weight, rows, columns, self._grid.columns, sums)
        return Fit.of(sums, at, shifted, _FAR * look.grain_px)

    def _taken(self, fit: Fit) -> Followed:
        look, shifted = self._look, fit.shifted
        self._keep_within(shifted.place)
        rows, columns = own = overlap(
            shifted.place - self._anchor, self._shape, self._template.shape, MARGIN_PX
        )[0]
        boil = max(0.0, boiled(
            shifted.picture, shifted.blind, self._template[own], self._variance[own], look.dark,
            look.slope, fit.like, fit.level, self._cell_of_row[rows],
            self._cell_of_column[columns], self._grid.columns,
        ))  # fmt: skip
        self._boil = boil if self._usual == 1.0 else self._boil + 0.5 * (boil - self._boil)
        motion = fit.at + fit.apart + self._belief
        renewed = self._blend(shifted, self._boil)
        self._belief += renewed[:, None] * (motion - fit.at - self._belief)
        self._older, self._before, self._at = self._before, self._at, fit.at
        self._usual += _USUAL * (fit.likeness - self._usual)
        return Followed(motion, fit.information, fit.likeness, False)

    def _blend(self, shifted: Shifted, boil: float) -> Float64:
        # Returns by what share each cell's part of the template was renewed.
        self._variance += np.where(
            self._variance < UNKNOWN / 2, np.float32(boil) * np.maximum(self._template, 0), 0
        )
        renewed = np.zeros((self._grid.cells, 2))
        rows, columns = window = overlap(
            shifted.place - self._anchor, self._shape, self._template.shape, MARGIN_PX
        )[0]
        renew(
            shifted.picture, shifted.blind, self._template[window], self._variance[window],
            self._look.dark, self._look.slope, self._cell_of_row[rows],
            self._cell_of_column[columns], self._grid.columns, renewed,
        )  # fmt: skip
        return np.asarray(renewed[:, 0] / np.maximum(renewed[:, 1], 1e-30))


def _cell_of(edges: NDArray[np.int64], wide: int) -> NDArray[np.int64]:
    place = np.arange(wide) - MARGIN_PX
    return np.clip(np.searchsorted(edges, place, side="right") - 1, 0, len(edges) - 2)


def _moved(image: Float32, x: int, y: int, empty: np.float32) -> Float32:
    """Return what is at ``image[row + y, column + x]``, and `empty` beyond."""
    result = np.full_like(image, empty)
    height, width = image.shape
    if abs(x) >= width or abs(y) >= height:
        return result
    to = (slice(max(0, -y), height - max(0, y)), slice(max(0, -x), width - max(0, x)))
    source = (slice(max(0, y), height - max(0, -y)), slice(max(0, x), width - max(0, -x)))
    result[to] = image[source]
    return result
