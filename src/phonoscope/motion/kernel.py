"""The pass over the pixels: every cell's weighted sums of a frame, at the speed of memory."""

from collections.abc import Sequence
from typing import Any, cast

import numba
import numpy as np
from numpy.typing import NDArray

from phonoscope.types import Float32, Float64, Luma

CHANNELS = 3
"""What a cell listens to: motion along x, motion along y, gain."""

_FRAMES_AT_ONCE = 4
_ROWS_AT_ONCE = 16


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
    for first in range(0, len(frames), _FRAMES_AT_ONCE):
        some = frames[first : first + _FRAMES_AT_ONCE]
        missing = _FRAMES_AT_ONCE - len(some)
        if missing:  # compiled for one number of frames only
            padded = np.empty((_FRAMES_AT_ONCE, *sums.shape[1:]), np.float32)
            _project((*some, *[some[-1]] * missing), weights, x_edges, y_edges, padded)
            sums[first:] = padded[: len(some)]
        else:
            own = sums[first : first + _FRAMES_AT_ONCE]
            _project(tuple(some), weights, x_edges, y_edges, own)


@numba.njit(nogil=True, cache=True, fastmath=True)
def _project(
    frames: tuple[Luma, ...], weights: Float32, x_edges: NDArray[np.int64],
    y_edges: NDArray[np.int64], sums: Float32,
) -> None:  # fmt: skip
    columns = len(x_edges) - 1
    width = x_edges[-1]
    # Accumulating along rows, one accumulator a column, keeps the loop free of horizontal sums. A
    # row of weights, six times as many bytes as those of the frame, is fetched once for all frames.
    shape = (len(frames), width)
    along_x, along_y, gain = (
        np.empty(shape, np.float32), np.empty(shape, np.float32), np.empty(shape, np.float32),
    )  # fmt: skip
    for r in range(len(y_edges) - 1):
        along_x[:] = 0
        along_y[:] = 0
        gain[:] = 0
        for y in range(y_edges[r], y_edges[r + 1]):
            for f in range(len(frames)):
                _add_row(along_x, along_y, gain, weights, frames[f], f, y, width)
        for f in range(len(frames)):
            for c in range(columns):
                total_x, total_y, total_gain = np.float32(0), np.float32(0), np.float32(0)
                for x in range(x_edges[c], x_edges[c + 1]):
                    total_x += along_x[f, x]
                    total_y += along_y[f, x]
                    total_gain += gain[f, x]
                sums[f, 0, r * columns + c] = total_x
                sums[f, 1, r * columns + c] = total_y
                sums[f, 2, r * columns + c] = total_gain


@numba.njit(nogil=True, cache=True, fastmath=True)
def _add_row(
    along_x: Float32, along_y: Float32, gain: Float32, weights: Float32, rows: Luma,
    f: int, y: int, width: int,
) -> None:  # fmt: skip
    # Whole arrays and numbers of rows: slices would cost a reference count each.
    for x in range(width):
        value = np.float32(rows[y, x])
        along_x[f, x] += weights[0, y, x] * value
        along_y[f, x] += weights[1, y, x] * value
        gain[f, x] += weights[2, y, x] * value


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
