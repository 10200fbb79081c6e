"""Move the pixels of a frame further along a bend, so that its motion is as large as is asked."""

import numba
import numpy as np

from phonoscope.motion.threads import shared_out
from phonoscope.types import Float32, Float64, Luma

_ROUNDS = 12  # of the search for the place at rest; it converges where nothing folds
_CLOSE_PX = 1e-3


def magnified(frame: Luma, bend: Float32, gain: float, bits: int) -> Luma:
    """Return a frame in which what has moved by `bend` has moved `gain` times as far.

    Parameters
    ----------
    frame
        ``(height, width)`` uint8 or uint16.
    bend
        ``(2, height, width)`` displacement (x, y) of each place at rest, px.
    gain
        1 leaves the frame as it is, 0 takes the motion out.
    bits
        Significant bits of the frame's samples.

    Notes
    -----
    A place that rests at X is seen at X + u(X), and is to be shown at X + gain u(X). For each pixel
    of the result X is searched by iteration; it is found if gain times the bend's slope stays
    below 1. The frame is interpolated by cubic B-splines (Unser, doi:10.1109/79.799930).
    """
    if gain == 1 or not bend.any():
        return frame
    from scipy.ndimage import spline_filter  # slow to import

    splines = spline_filter(frame, order=3, output=np.float32, mode="mirror")
    result = np.empty_like(frame)
    top = float(2**bits - 1)
    shared_out(
        lambda rows: _warp(splines, bend, gain, top, rows.start, rows.stop, result), len(frame)
    )
    return result


@numba.njit(nogil=True, cache=True, fastmath=True)
def _warp(
    splines: Float32, bend: Float32, gain: float, top: float, first: int, last: int, result: Luma
) -> None:  # fmt: skip
    height, width = splines.shape
    weight_x, weight_y = np.empty(4), np.empty(4)
    for row in range(first, last):
        for column in range(width):
            ux, uy = float(bend[0, row, column]), float(bend[1, row, column])
            for _ in range(_ROUNDS):
                x = min(max(column - gain * ux, 0.0), width - 1.0)
                y = min(max(row - gain * uy, 0.0), height - 1.0)
                i, j = min(int(x), width - 2), min(int(y), height - 2)
                a, b = x - i, y - j
                vx = (1 - b) * ((1 - a) * bend[0, j, i] + a * bend[0, j, i + 1]) + b * (
                    (1 - a) * bend[0, j + 1, i] + a * bend[0, j + 1, i + 1]
                )
                vy = (1 - b) * ((1 - a) * bend[1, j, i] + a * bend[1, j, i + 1]) + b * (
                    (1 - a) * bend[1, j + 1, i] + a * bend[1, j + 1, i + 1]
                )
                moved = gain * max(abs(vx - ux), abs(vy - uy))
                ux, uy = vx, vy
                if moved < _CLOSE_PX:
                    break
            x = min(max(column - (gain - 1) * ux, 0.0), width - 1.0)
            y = min(max(row - (gain - 1) * uy, 0.0), height - 1.0)
            i, j = int(x), int(y)
            _weights(x - i, weight_x)
            _weights(y - j, weight_y)
            value = 0.0
            for n in range(4):
                r = _mirrored(j + n - 1, height)
                line = 0.0
                for m in range(4):
                    line += weight_x[m] * splines[r, _mirrored(i + m - 1, width)]
                value += weight_y[n] * line
            result[row, column] = int(min(max(value, 0.0), top) + 0.5)


@numba.njit(nogil=True, cache=True)
def _weights(t: float, into: Float64) -> None:
    s = 1 - t
    into[0] = s * s * s / 6
    into[1] = 2 / 3 - t * t * (2 - t) / 2
    into[2] = 2 / 3 - s * s * (2 - s) / 2
    into[3] = t * t * t / 6


@numba.njit(nogil=True, cache=True)
def _mirrored(n: int, length: int) -> int:
    if n < 0:
        return min(-n, length - 1)
    return n if n < length else max(2 * length - 2 - n, 0)
