"""The pass over the pixels: every cell's weighted sums of a frame, at the speed of memory."""

from collections.abc import Sequence
from typing import Any, cast

import numba
import numpy as np
from numpy.typing import NDArray

from phonoscope.motion.vectors import adding
from phonoscope.types import Float32, Float64, Luma

CHANNELS = 3
"""What a cell listens to: motion along x, motion along y, gain."""

_FRAMES_AT_ONCE = 4
_NEAR_BYTES = 2**20
_ROWS_AT_ONCE = 16

_NOTHING = (np.float32(0),) * (_FRAMES_AT_ONCE * CHANNELS)
_with_16, _with_8, _with_1 = adding(16), adding(8), adding(1)


def contiguous(luma: Luma) -> Luma:
    """Return `luma` as whole rows of memory, without a copy where its rows are merely padded.

    The kernel reads C-contiguous rows fastest; a decoder's plane is one if its padding is kept, so
    the result may be wider than `luma`, whose columns come first. It is not to be written to.
    """
    height, width = luma.shape
    step, inner = luma.strides
    rows: NDArray[Any]
    if inner != luma.itemsize or step % luma.itemsize or step < width * luma.itemsize:
        rows = luma.copy()
    elif step == width * luma.itemsize:
        rows = luma.view()
    else:
        # The padding of the last row may lie outside the buffer; the kernel never reads it.
        rows = np.lib.stride_tricks.as_strided(
            luma, (height, step // luma.itemsize), (step, inner), writeable=False
        )
    rows.flags.writeable = False  # the same for all, or compiled code would know several kinds
    return cast(Luma, rows)


def project(
    frames: Sequence[Luma], weights: Float32, x_edges: NDArray[np.int64],
    y_edges: NDArray[np.int64], sums: Float32,
) -> None:  # fmt: skip
    """Sum each cell's pixels of several frames under the three weight images.

    Parameters
    ----------
    frames
        ``(height, at least width)`` each: pixels of the grid's region, C-contiguous.
    weights
        ``(3, height, width)`` weight images.
    x_edges, y_edges
        Cell edges relative to the region, first 0, last its width or height.
    sums
        ``(frame, 3, cell)`` where the sums are put.
    """
    rows = len(y_edges) - 1
    # So few rows at a time that their weights, twelve times as many bytes as a frame's, stay near
    # the processor while all frames pass.
    at_once = max(1, _NEAR_BYTES // (weights[:, 0].nbytes * int(np.diff(y_edges).max())))
    padded = np.empty((_FRAMES_AT_ONCE, *sums.shape[1:]), np.float32)
    for top in range(0, rows, at_once):
        bottom = min(top + at_once, rows)
        for first in range(0, len(frames), _FRAMES_AT_ONCE):
            few = slice(first, first + _FRAMES_AT_ONCE)
            some, own = frames[few], sums[few]
            missing = _FRAMES_AT_ONCE - len(some)
            if missing:  # compiled for one number of frames only
                every = (*some, *[some[-1]] * missing)
                _project(every, weights, x_edges, y_edges, top, bottom, padded)
                own[:] = padded[: len(some)]  # with the rows before, which it kept
            else:
                _project(tuple(some), weights, x_edges, y_edges, top, bottom, own)


@numba.njit(nogil=True, cache=True, fastmath=True)
def _project(
    frames: tuple[Luma, ...], weights: Float32, x_edges: NDArray[np.int64],
    y_edges: NDArray[np.int64], first: int, last: int, sums: Float32,
) -> None:  # fmt: skip
    columns = len(x_edges) - 1
    for r in range(first, last):
        for c in range(columns):
            left, right, top, bottom = x_edges[c], x_edges[c + 1], y_edges[r], y_edges[r + 1]
            # What does not fill vectors of sixteen is left to narrower ones.
            sixteens = left + ((right - left) & -16)
            found = _with_16(_NOTHING, frames, weights, left, sixteens, top, bottom)
            if sixteens < right:
                eights = sixteens + ((right - sixteens) & -8)
                found = _with_8(found, frames, weights, sixteens, eights, top, bottom)
                found = _with_1(found, frames, weights, eights, right, top, bottom)
            cell = r * columns + c
            for f in range(len(frames)):
                for k in range(CHANNELS):
                    sums[f, k, cell] = found[f * CHANNELS + k]


@numba.njit(nogil=True, cache=True, fastmath=True)
def accumulate(total: Float32, rows: Luma, factor: float) -> None:
    """Add `factor` times a frame to `total`, ``(height, width)`` both (rows may be wider)."""
    share = np.float32(factor)
    for y in range(total.shape[0]):
        for x in range(total.shape[1]):
            total[y, x] += share * np.float32(rows[y, x])


@numba.njit(nogil=True, cache=True, fastmath=True)
def cell_gram(
    images: Float32, weight: Float32, left: int,
    x_edges: NDArray[np.int64], y_edges: NDArray[np.int64],
) -> Float64:  # fmt: skip
    """Return each cell's weighted inner products of images.

    Parameters
    ----------
    images
        ``(k, height, width)``.
    weight
        ``(height, width)``.
    left
        How many of the first images stand on the left of a product.

    Returns
    -------
    ``(cell, left, k)`` sums of ``weight * images[i] * images[j]`` over the cell.
    """
    columns = len(x_edges) - 1
    count = images.shape[0]
    result = np.zeros(((len(y_edges) - 1) * columns, left, count))
    # Whole rows at a time, as in `project`; few enough of them for single precision.
    sums = np.empty((left, count, weight.shape[1]), np.float32)
    weighted = np.empty(weight.shape[1], np.float32)
    for r in range(len(y_edges) - 1):
        for top in range(y_edges[r], y_edges[r + 1], _ROWS_AT_ONCE):
            sums[:] = 0
            for y in range(top, min(top + _ROWS_AT_ONCE, y_edges[r + 1])):
                for i in range(left):
                    for x in range(x_edges[0], x_edges[-1]):
                        weighted[x] = weight[y, x] * images[i, y, x]
                    for j in range(i, count):
                        _add_product(sums, weighted, images, i, j, y, x_edges[0], x_edges[-1])
            for c in range(columns):
                for i in range(left):
                    for j in range(i, count):
                        one = 0.0
                        for x in range(x_edges[c], x_edges[c + 1]):
                            one += sums[i, j, x]
                        result[r * columns + c, i, j] += one
    for i in range(left):
        for j in range(i):
            result[:, i, j] = result[:, j, i]
    return result


@numba.njit(nogil=True, cache=True, fastmath=True)
def _add_product(
    sums: Float32, weighted: Float32, images: Float32, i: int, j: int, y: int, first: int, last: int
) -> None:
    for x in range(first, last):
        sums[i, j, x] += weighted[x] * images[j, y, x]


@numba.njit(nogil=True, cache=True, fastmath=True)
def spread(
    images: Float32, weight: Float32, mix: Float64,
    x_edges: NDArray[np.int64], y_edges: NDArray[np.int64],
) -> Float32:  # fmt: skip
    """Return weight images, ``(channel, height, width)``: each cell's own mix of `images`.

    They are ``weight * sum_k mix[cell, :, k] * images[k]``, with `mix` ``(cell, channel, k)`` and
    `images` ``(k, height, width)``.
    """
    columns = len(x_edges) - 1
    channels = mix.shape[1]
    result = np.zeros((channels, *weight.shape), np.float32)
    for r in range(len(y_edges) - 1):
        for y in range(y_edges[r], y_edges[r + 1]):
            for c in range(columns):
                for q in range(channels):
                    for x in range(x_edges[c], x_edges[c + 1]):
                        total = np.float32(0)
                        for k in range(images.shape[0]):
                            total += np.float32(mix[r * columns + c, q, k]) * images[k, y, x]
                        result[q, y, x] = weight[y, x] * total
    return result
