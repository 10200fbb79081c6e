"""Correlate a picture with a row of taps along one axis, mirrored at its edges."""

import numba
import numpy as np

from phonoscope.types import Float32


@numba.njit(nogil=True, cache=True, fastmath=True)
def along_x(image: Float32, taps: Float32, result: Float32) -> None:
    height, width = image.shape
    reach = len(taps) // 2
    row = np.empty(width + 2 * reach, np.float32)
    for y in range(height):
        for x in range(-reach, width + reach):
            row[x + reach] = image[y, mirror(x, width)]
        result[y] = 0
        line = result[y]
        for k in range(len(taps)):
            for x in range(width):
                line[x] += taps[k] * row[x + k]


@numba.njit(nogil=True, cache=True, fastmath=True)
def along_y(image: Float32, taps: Float32, result: Float32) -> None:
    height, width = image.shape
    reach = len(taps) // 2
    for y in range(height):
        result[y] = 0
        line = result[y]
        for k in range(len(taps)):
            source = image[mirror(y + k - reach, height)]
            for x in range(width):
                line[x] += taps[k] * source[x]


@numba.njit(nogil=True, cache=True)
def mirror(position: int, length: int) -> int:
    """Return the index inside ``[0, length)`` that `position` is the mirror image of."""
    while position < 0 or position >= length:
        position = -position if position < 0 else 2 * (length - 1) - position
    return position
