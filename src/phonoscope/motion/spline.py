"""Shift and warp a picture by fractions of a pixel: quintic B-splines on a grid twice as fine.

A spline on the pixels themselves (Unser, Aldroubi and Eden, doi:10.1109/78.193220) would turn the
phase of texture beyond half of Nyquist by more than a thousandth of a pixel, by an amount that
depends on the fraction of the shift: a swaying picture would click. So the picture is first doubled
with a long windowed sinc; then the phase holds to 1e-4 px up to 0.8 of Nyquist.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from phonoscope.motion.correlate import along_x, along_y, mirror
from phonoscope.types import Float32

_POLES = (
    np.sqrt(135 / 2 - np.sqrt(17745 / 4)) + np.sqrt(105 / 4) - 13 / 2,
    np.sqrt(135 / 2 + np.sqrt(17745 / 4)) - np.sqrt(105 / 4) - 13 / 2,
)


FINER = 2
_HALF_TAPS = 14


def coefficients(image: Float32) -> Float32:
    """Return the B-spline coefficients of `image` (mirrored at its edges).

    They are ``(2 height - 1, 2 width - 1)``: those of the picture at every half pixel.
    """
    result = _doubled(image)
    for axis in (0, 1):
        lines = np.ascontiguousarray(np.moveaxis(result, axis, 0))
        for pole in _POLES:
            _prefilter(lines, pole)
        result = np.moveaxis(lines, 0, axis)
    return np.ascontiguousarray(result)


def _doubled(image: Float32) -> Float32:
    # Value at x - 1/2 from the pixels on either side: an ideal delay, windowed after Kaiser.
    position = np.arange(-_HALF_TAPS, _HALF_TAPS) + 0.5
    taps = np.sinc(position) * np.interp(
        position, np.linspace(-_HALF_TAPS, _HALF_TAPS, 201), np.kaiser(201, 8)
    )
    taps = (taps / taps.sum()).astype(np.float32)
    height, width = image.shape
    between = np.empty_like(image)
    along_x(image, taps, between)
    wide = np.empty((height, 2 * width - 1), np.float32)
    wide[:, ::2], wide[:, 1::2] = image, between[:, 1:]
    below = np.empty_like(wide)
    along_y(wide, taps, below)
    fine = np.empty((2 * height - 1, 2 * width - 1), np.float32)
    fine[::2], fine[1::2] = wide, below[1:]
    return fine


def warp(coefficients: Float32, dx: Float32, dy: Float32) -> tuple[Float32, NDArray[np.bool_]]:
    """Move a picture: return ``image(x - dx, y - dy)`` and where that lies inside the picture.

    Parameters
    ----------
    coefficients
        Of a ``(height, width)`` picture, from `coefficients`.
    dx, dy
        ``(height, width)`` displacement of each pixel, px; x to the right, y down.
    """
    result = np.empty_like(dx)
    inside = np.empty(dx.shape, np.bool_)
    _warp(coefficients, dx, dy, result, inside)
    return result, inside


@numba.njit(nogil=True, cache=True, fastmath=True)
def warp_share(mask: NDArray[np.bool_], dx: Float32, dy: Float32) -> Float32:
    """Return how much of each moved pixel is masked: `warp` with straight lines for splines.

    A mask's spline would overshoot, and ring down to numbers so small that they cost ten times as
    much to calculate with.
    """
    height, width = mask.shape
    result = np.empty_like(dx)
    for y in range(height):
        for x in range(width):
            u = min(max(x - dx[y, x], 0.0), width - 1.0)
            v = min(max(y - dy[y, x], 0.0), height - 1.0)
            i, j = min(int(u), width - 2), min(int(v), height - 2)
            right, low = u - i, v - j
            above = (1 - right) * mask[j, i] + right * mask[j, i + 1]
            below = (1 - right) * mask[j + 1, i] + right * mask[j + 1, i + 1]
            result[y, x] = (1 - low) * above + low * below
    return result


@numba.njit(nogil=True, cache=True)
def _prefilter(lines: Float32, pole: float) -> None:
    # Recursive filter along axis 0, all lines at once; the start is summed over the mirrored
    # signal until the pole's powers vanish.
    n = lines.shape[0]
    lines *= np.float32((1 - pole) * (1 - 1 / pole))
    reach = min(n - 1, 40)
    first = lines[0].copy()
    power = 1.0
    for k in range(1, reach + 1):
        power *= pole
        first += power * lines[k]
    lines[0] = first
    for k in range(1, n):
        lines[k] += pole * lines[k - 1]
    if n > 1:
        lines[n - 1] = (pole / (pole * pole - 1)) * (lines[n - 1] + pole * lines[n - 2])
    for k in range(n - 2, -1, -1):
        lines[k] = pole * (lines[k + 1] - lines[k])


@numba.njit(nogil=True, cache=True, fastmath=True)
def _weights(t: float, w: Float32) -> None:
    # Quintic B-spline at distances t + 2, t + 1, t, 1 - t, 2 - t, 3 - t from a point between two
    # pixels at fraction t.
    s = 1 - t
    t2, s2 = t * t, s * s
    w[0] = s2 * s2 * s / 120
    w[5] = t2 * t2 * t / 120
    w[2] = (66 - t2 * (60 - t2 * (30 - 10 * t))) / 120
    w[3] = (66 - s2 * (60 - s2 * (30 - 10 * s))) / 120
    w[1] = (1 + s * (5 + s * (10 + s * (10 + s * (5 - 5 * s))))) / 120
    w[4] = (1 + t * (5 + t * (10 + t * (10 + t * (5 - 5 * t))))) / 120


@numba.njit(nogil=True, cache=True, fastmath=True)
def _warp(c: Float32, dx: Float32, dy: Float32, result: Float32, inside: NDArray[np.bool_]) -> None:
    height, width = c.shape
    rows, columns = dx.shape
    wx = np.empty(6, np.float32)
    wy = np.empty(6, np.float32)
    for y in range(rows):
        for x in range(columns):
            u = FINER * (x - dx[y, x])
            v = FINER * (y - dy[y, x])
            inside[y, x] = 0 <= u <= width - 1 and 0 <= v <= height - 1
            u = min(max(u, 0.0), width - 1.0)
            v = min(max(v, 0.0), height - 1.0)
            i = int(u)
            j = int(v)
            _weights(u - i, wx)
            _weights(v - j, wy)
            total = np.float32(0)
            if 2 <= i < width - 3 and 2 <= j < height - 3:
                for m in range(6):
                    line = np.float32(0)
                    for k in range(6):
                        line += wx[k] * c[j - 2 + m, i - 2 + k]
                    total += wy[m] * line
            else:
                for m in range(6):
                    line = np.float32(0)
                    row = mirror(j - 2 + m, height)
                    for k in range(6):
                        line += wx[k] * c[row, mirror(i - 2 + k, width)]
                    total += wy[m] * line
            result[y, x] = total
