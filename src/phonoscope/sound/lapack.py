"""Triangular factors without Python's lock, so that two threads may solve side by side.

SciPy's own wrappers of LAPACK hold the lock while they calculate. Here the same routines are called
through the addresses that SciPy exports for compiled code (`scipy.linalg.cython_lapack`). BLAS must
be held to one thread by the caller.
"""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np

from phonoscope.types import Float32, Float64

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


def inverse_diagonal(factor: Float64) -> Float64:
    """Return the diagonal of the inverse of a matrix of which this is the lower factor.

    To single precision, which is enough for variances, and in two halves: LAPACK inverts a large
    triangle slowly.
    """
    half = len(factor) // 2
    first, last = _inverse(factor[:half, :half]), _inverse(factor[half:, half:])
    between = last @ factor[half:, :half].astype(np.float32) @ first
    left = np.einsum("ij,ij->j", first, first) + np.einsum("ij,ij->j", between, between)
    return np.concatenate([left, np.einsum("ij,ij->j", last, last)]).astype(np.float64)


def _inverse(factor: Float64) -> Float32:
    result = np.array(factor, np.float32, order="F")
    _routine("strtri", "ccnani")(b"L", b"N", len(result), result, len(result))
    return result


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
