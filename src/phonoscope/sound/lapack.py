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

_SMALL = 24  # rows of a triangle that is inverted directly
_TYPES = {"s": ctypes.c_float, "d": ctypes.c_double}


def cholesky(precision: Float64, root: Float64, jitter: float) -> tuple[Float64, bool]:
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
    matrix = np.empty_like(precision)
    _scale(precision, root, jitter, matrix)
    factor = matrix.T
    info = _routine("dpotrf", "cnani")(b"L", len(factor), factor, len(factor))
    return factor, info == 0


def solve(factor: Float64 | Float32, right: Float64 | Float32) -> Any:
    """Return the solution for ``(n,)`` or ``(n, k)`` right sides, given a lower factor."""
    name = "spotrs" if factor.dtype == np.float32 else "dpotrs"
    result = np.array(right, factor.dtype, order="F")
    count = 1 if result.ndim == 1 else result.shape[1]
    size = len(factor)
    _routine(name, "cnnanani")(b"L", size, count, factor, size, result, size)
    return result


@numba.njit(nogil=True, cache=True)
def inverse_diagonal(factor: Float64) -> Float64:
    """Return the diagonal of the inverse of a matrix of which this is the lower factor.

    To single precision, which is enough for variances. LAPACK inverts a triangle slowly: here small
    ones on the diagonal are inverted, and joined in pairs until there is one.
    """
    size, count = len(factor), 1
    while size > _SMALL * count:
        count *= 2
    edges = np.array([size * i // count for i in range(count + 1)])
    inverse = np.zeros((size, size), np.float32)
    for at in range(count):
        _invert(factor, inverse, edges[at], edges[at + 1])
    step = 1
    while step < count:
        for at in range(0, count, 2 * step):
            a, b, c = edges[at], edges[at + step], edges[at + 2 * step]
            below = np.empty((c - b, b - a), np.float32)
            for j in range(a, b):
                for i in range(b, c):
                    below[i - b, j - a] = -factor[i, j]
            left = np.ascontiguousarray(inverse[b:c, b:c])
            right = np.ascontiguousarray(inverse[a:b, a:b])
            inverse[b:c, a:b] = np.dot(left, np.dot(below, right))
        step *= 2
    result = np.zeros(size)
    for i in range(size):
        for j in range(i + 1):
            result[j] += inverse[i, j] ** 2
    return result


@numba.njit(nogil=True, cache=True)
def _invert(factor: Float64, inverse: Float32, first: int, end: int) -> None:
    for i in range(first, end):
        inverse[i, i] = 1 / factor[i, i]
        for j in range(first, i):
            total = 0.0
            for k in range(j, i):
                total += factor[i, k] * inverse[k, j]
            inverse[i, j] = -total / factor[i, i]


@numba.njit(nogil=True, cache=True)
def _scale(precision: Float64, root: Float64, jitter: float, result: Float64) -> None:
    size = len(root)
    largest = 0.0
    for i in range(size):
        largest = max(largest, precision[i, i] * root[i] * root[i])
    for i in range(size):
        for j in range(i):
            result[i, j] = 0.0
        for j in range(i, size):
            result[i, j] = root[i] * precision[i, j] * root[j]
        result[i, i] += 1 + jitter * largest


@cache
def _routine(name: str, form: str) -> Callable[..., int]:
    """Return a function that takes what Fortran is told: c letters, n numbers, a arrays, i info."""
    import scipy.linalg.cython_lapack  # noqa: F401 - the addresses are of what is loaded
    from numba.extending import get_cython_function_address

    real = ctypes.POINTER(_TYPES[name[0]])
    number = ctypes.POINTER(ctypes.c_int)
    types: dict[str, Any] = {"c": ctypes.c_char_p, "n": number, "a": real, "i": number}
    address = get_cython_function_address("scipy.linalg.cython_lapack", name)
    routine = ctypes.CFUNCTYPE(None, *(types[letter] for letter in form))(address)

    def call(*arguments: Any) -> int:
        info = ctypes.c_int(0)
        given = [
            ctypes.byref(ctypes.c_int(argument))
            if isinstance(argument, int)
            else argument.ctypes.data_as(real)
            if isinstance(argument, np.ndarray)
            else argument
            for argument in arguments
        ]
        routine(*given, ctypes.byref(info))
        return info.value

    return call
