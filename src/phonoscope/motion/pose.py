"""The pose of a picture: how far each part of it has drifted from the reference, smoothly."""

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from phonoscope.motion.cells import Grid
from phonoscope.types import Float32, Float64

_SMOOTHING_CELLS = 1.5
_GAUSSIAN = np.exp(-((np.arange(-8, 9) / _SMOOTHING_CELLS) ** 2) / 2)
_EVERYWHERE = 1e-4  # share of the whole picture in a cell that has no neighbours to ask
_TRUSTED_STD_PX = 0.03
_MOST_PRECISE = 9.0


@dataclass(frozen=True, slots=True, eq=False)
class Smoother:
    """Smooths cell displacements over their neighbourhood, each weighted by what it knows.

    Attributes
    ----------
    grid
        The cells.
    precision
        ``(cell, 2)`` 1 / variance of each component, px⁻², 0 where unknown.
    """

    grid: Grid
    precision: Float64

    @classmethod
    def over(cls, grid: Grid, variance: Float64) -> "Smoother":
        """Return the smoother for claimed variances ``(cell, 2)``, 0 where unknown.

        No cell counts for many times the usual one, lest a single wrong claim lead its neighbours.
        """
        known = variance > 0
        precision = np.where(known, 1 / np.where(known, variance, 1), 0)
        if known.any():
            precision = np.minimum(precision, _MOST_PRECISE * np.median(precision[known]))
        return cls(grid, precision)

    def __call__(self, motion: Float64) -> Float64:
        """Return ``(sample, rows, columns, 2)`` of ``(sample, cell, 2)`` displacements."""
        precision = self._on_grid(self.precision[None])
        weighted = self._blur(precision * self._on_grid(motion))
        return np.asarray(weighted / np.maximum(self._blur(precision), 1e-30))

    def trusted(self, samples: int) -> Float64:
        """Return ``(rows, columns, 2)``: 1 where a mean of `samples` smoothed values is sure."""
        precision = self._blur(self._on_grid(self.precision[None]))[0]
        sure = precision * samples > _TRUSTED_STD_PX**-2
        return np.asarray(sure, np.float64)

    def largest(self, motion: Float64) -> float:
        """Return by how much the largest ``(sample, cell, 2)`` displacement clears its noise."""
        return float(_largest(motion, self.precision))

    def _on_grid(self, values: Float64) -> Float64:
        return values.reshape(len(values), self.grid.rows, self.grid.columns, 2)

    def _blur(self, values: Float64) -> Float64:
        from scipy.ndimage import correlate1d  # slow to import

        near = values
        for axis in (1, 2):
            near = correlate1d(near, _GAUSSIAN, axis, mode="constant")
        return np.asarray(near + _EVERYWHERE * values.mean(axis=(1, 2), keepdims=True))


@numba.njit(nogil=True, cache=True, fastmath=True)
def _largest(motion: Float64, precision: Float64) -> float:
    values, known = motion.reshape((len(motion), precision.size)), precision.ravel()
    noise = np.empty_like(known)
    for c in range(len(known)):
        noise[c] = 4 / np.sqrt(known[c]) if known[c] > 0 else 1e30
    largest = -1e30
    for t in range(len(values)):
        for c in range(len(known)):
            largest = max(largest, abs(values[t, c]) - noise[c])
    return largest


def per_pixel(
    values: Float64, grid: Grid, origin: tuple[int, int], shape: tuple[int, int]
) -> Float32:
    """Interpolate ``(rows, columns)`` values at the cells' centres to the pixels of a picture.

    `origin` is the (x, y) position of the picture of `shape` (height, width) in the frame; beyond
    the outermost centres the values stay the same.
    """
    x, y = (
        grid.centres.reshape(grid.rows, grid.columns, 2)[0, :, 0],
        grid.centres[:: grid.columns, 1],
    )
    along_y = _between(values.astype(np.float32), y, np.arange(shape[0]) + origin[1])
    return np.ascontiguousarray(_between(along_y.T, x, np.arange(shape[1]) + origin[0]).T)


def _between(values: Float32, knots: Float64, position: NDArray[np.int64]) -> Float32:
    """Interpolate ``(knot, ...)`` values, flat beyond the outermost knots."""
    if len(knots) == 1:
        return np.repeat(values, len(position), axis=0)
    left = np.clip(np.searchsorted(knots, position) - 1, 0, len(knots) - 2)
    share = np.clip((position - knots[left]) / (knots[left + 1] - knots[left]), 0, 1)
    right = share.astype(np.float32)[:, None]
    return np.asarray((1 - right) * values[left] + right * values[left + 1])


def global_shift(reference: Float32, frame: Float32) -> tuple[int, int]:
    """Return the whole-pixel shift (x, y) of `frame` against `reference` by phase correlation.

    Kuglin and Hines 1975. For jumps that are too far for a linear model to follow.
    """
    window = np.outer(np.hanning(frame.shape[0]), np.hanning(frame.shape[1]))
    spectra = [np.fft.rfft2(window * (image - image.mean())) for image in (frame, reference)]
    cross = spectra[0] * spectra[1].conj()
    surface = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-12), frame.shape)
    y, x = np.unravel_index(int(np.argmax(surface)), surface.shape)
    height, width = frame.shape
    return int((x + width // 2) % width - width // 2), int((y + height // 2) % height - height // 2)
