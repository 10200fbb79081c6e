"""Triangular factors without Python's lock, so that two threads may solve side by side.

SciPy's own wrappers of LAPACK hold the lock while they calculate. Here the same routines are called
through the addresses that SciPy exports for compiled code (`scipy.linalg.cython_lapack`), and what
they do slowly is compiled. BLAS must be held to one thread by the caller.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np

from phonoscope.types import Float32, Float64

_SMALL = 16  # rows of a triangle that is inverted directly


def cholesky(precision: Float64, root: Float64, jitter: float) -> tuple[Float32, bool]:
    """Return the lower factor of ``1 + root precision root``, and whether there is one.

    Parameters
    ----------
    precision
        ``(n, n)`` symmetric.
    root
        ``(n,)`` diagonal of a matrix.
    jitter
        Share of the product's largest diagonal element that is added to the diagonal.

    Returns
    -------
    The factor, in Fortran's order, zero above the diagonal.
    """
    matrix = np.empty(precision.shape, np.float32)
    _scale(precision, root, jitter, matrix)
    factor = matrix.T
    info = _routine("lapack", "spotrf", "cnani")(b"L", len(factor), factor, len(factor))
    return factor, info == 0


def solve(factor: Float32, right: Float32 | Float64) -> Float32:
    """Return the solution for ``(n,)`` or ``(n, k)`` right sides, given a lower factor."""
    result = np.array(right, np.float32, order="F")
    size = len(factor)
    if result.ndim == 1:  # LAPACK's own takes four times as long for one
        for turned in (b"N", b"T"):
            _routine("blas", "strsv", "cccnanan")(b"L", turned, b"N", size, factor, size, result, 1)
    else:
        _routine("lapack", "spotrs", "cnnanani")(
            b"L", size, result.shape[1], factor, size, result, size
        )
    return result


@numba.njit(nogil=True, cache=True)
def inverse_diagonal(factor: Float32) -> Float64:
    """Return the diagonal of the inverse of a matrix of which this is the lower factor.

    LAPACK inverts a triangle slowly: here small ones on the diagonal are inverted, and joined in
    pairs until there is one.
    """
    size, count = len(factor), 1
    while size > _SMALL * count:
        count *= 2
    edges = [size * i // count for i in range(count + 1)]
    inverse = np.zeros((size, size), np.float32)
    for at in range(count):
        _invert(factor, inverse, edges[at], edges[at + 1])
    step = 1
    while step < count:
        for at in range(0, count, 2 * step):
            a, b, c = edges[at], edges[at + step], edges[at + 2 * step]
            # A part of Fortran's order, turned, is contiguous once copied: so are both products.
            above = np.dot(
                np.ascontiguousarray(inverse[a:b, a:b].T), np.ascontiguousarray(factor[b:c, a:b].T)
            )
            below = np.dot(above, np.ascontiguousarray(inverse[b:c, b:c].T))
            for i in range(b, c):
                for j in range(a, b):
                    inverse[i, j] = -below[j - a, i - b]
        step *= 2
    result = np.zeros(size)
    for i in range(size):
        row = inverse[i]
        for j in range(i + 1):
            result[j] += row[j] * row[j]
    return result


@numba.njit(nogil=True, cache=True)
def _invert(factor: Float32, inverse: Float32, first: int, end: int) -> None:
    for i in range(first, end):
        inverse[i, i] = 1 / factor[i, i]
        for k in range(first, i):
            share = factor[i, k] * inverse[i, i]
            for j in range(first, k + 1):
                inverse[i, j] -= share * inverse[k, j]


@numba.njit(nogil=True, cache=True)
def _scale(precision: Float64, root: Float64, jitter: float, result: Float32) -> None:
    size = len(root)
    largest = 0.0
    for i in range(size):
        largest = max(largest, precision[i, i] * root[i] * root[i])
    for i in range(size):
        at, row, scaled = root[i], precision[i], result[i]
        for j in range(i):
            scaled[j] = 0.0
        for j in range(i, size):
            scaled[j] = at * row[j] * root[j]
        scaled[i] += 1 + jitter * largest


@cache
def _routine(library: str, name: str, form: str) -> Callable[..., int]:
    """Return a function that takes what Fortran is told: c letters, n numbers, a arrays, i info."""
    import scipy.linalg.cython_blas
    import scipy.linalg.cython_lapack  # noqa: F401 - the addresses are of what is loaded
    from numba.extending import get_cython_function_address

    real = ctypes.POINTER(ctypes.c_float)
    number = ctypes.POINTER(ctypes.c_int)
    types: dict[str, Any] = {"c": ctypes.c_char_p, "n": number, "a": real, "i": number}
    address = get_cython_function_address(f"scipy.linalg.cython_{library}", name)
    routine = ctypes.CFUNCTYPE(None, *(types[letter] for letter in form))(address)

    def call(*arguments: Any) -> int:
        info = ctypes.c_int(0)
        told = [ctypes.byref(info)] if form.endswith("i") else []  # BLAS tells nothing
        given = [
            ctypes.byref(ctypes.c_int(argument))
            if isinstance(argument, int)
            else argument.ctypes.data_as(real)
            if isinstance(argument, np.ndarray)
            else argument
            for argument in arguments
        ]
        routine(*given, *told)
        return info.value

    return call
