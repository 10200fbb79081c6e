"""Move the pixels of a frame further along a bend, so that its motion is as large as is asked."""

import numba
import numpy as np

from phonoscope.motion.spline import coefficients, warp
from phonoscope.motion.threads import shared_out
from phonoscope.types import Float32, Luma

ROUNDS = 12  # of the search for the place at rest; it converges where nothing folds
CLOSE_PX = 1e-3


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
    below 1. Texture as fine as the pixels must move as far as the rest, even by a tenth of a pixel:
    splines on the pixels themselves would leave it behind.
    """
    if gain == 1 or not bend.any():
        return frame
    fine = coefficients(frame.astype(np.float32))
    top = np.float32(2**bits - 1)
    result = np.empty_like(frame)

    def work(rows: slice) -> None:
        moved = np.empty((2, rows.stop - rows.start, frame.shape[1]), np.float32)
        _seek(bend, gain, rows.start, moved)
        # Rows count from the first of the slice.
        shown = warp(fine, moved[0], moved[1] - rows.start)[0]
        result[rows] = np.clip(shown, 0, top) + np.float32(0.5)

    shared_out(work, len(frame))
    return result


@numba.njit(nogil=True, cache=True, fastmath=True)
def _seek(bend: Float32, gain: float, first: int, moved: Float32) -> None:
    """Find by how much further than it was filmed each pixel of some rows is to show its place."""
    height, width = bend.shape[1:]
    for row in range(first, first + moved.shape[1]):
        for column in range(width):
            ux, uy = float(bend[0, row, column]), float(bend[1, row, column])
            for _ in range(ROUNDS):
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
                moving = gain * max(abs(vx - ux), abs(vy - uy))
                ux, uy = vx, vy
                if moving < CLOSE_PX:
                    break
            moved[0, row - first, column] = (gain - 1) * ux
            moved[1, row - first, column] = (gain - 1) * uy
