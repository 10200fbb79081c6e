"""Derivatives of a sampled picture that are true over the band in which lenses leave texture.

A central difference reads fine texture too low, which would scale every motion wrongly. The taps
here are the least-squares fit of the ideal derivative's response ``j omega`` in the sense of Farid
and Simoncelli (doi:10.1109/TIP.2004.823819): true to 0.2 % up to 0.78 of Nyquist, falling to zero
beyond, where there is more noise than texture.
"""

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from phonoscope.motion.correlate import along_x, along_y
from phonoscope.motion.threads import shared_out
from phonoscope.types import Float32, Float64

REACH_PX = 8
"""How far the first derivative looks to either side."""

# Each derivative image by its order in (x, y). The first three span what a pixel's value says of
# motion; the rest describe how a cell's answer departs from linear in larger motion.
ORDERS = (
    (0, 0), (1, 0), (0, 1),
    (2, 0), (1, 1), (0, 2),
    (3, 0), (2, 1), (1, 2), (0, 3),
)  # fmt: skip


Steps = tuple[tuple[Callable[[Float32, Float32, Float32], None], int, int], ...]
# How the derivatives of each order come from those before: along which axis, of which, to which.
_STEPS: tuple[Steps, ...] = (
    ((along_x, 0, 1), (along_y, 0, 2)),
    ((along_x, 1, 3), (along_x, 2, 4), (along_y, 2, 5)),
    ((along_x, 3, 6), (along_y, 3, 7), (along_x, 5, 8), (along_y, 5, 9)),
)


@cache
def taps() -> Float32:
    """Return the derivative's ``(2 * REACH_PX + 1,)`` taps, to be applied as a correlation."""
    omega = np.linspace(0, np.pi, 1024)[1:]
    k = np.arange(1, REACH_PX + 1)
    # Relative error counts in the pass band, absolute error a little in the stop band; between
    # them the response may fall as it likes.
    passed, stopped = omega <= 0.78 * np.pi, omega >= 0.97 * np.pi
    weight = np.where(passed, 1 / omega, np.where(stopped, 0.01, 0.0))
    basis = 2 * np.sin(omega[:, None] * k)
    # Exact on a linear ramp: the last tap follows from the others by sum(2 k a_k) = 1.
    ramp = basis[:, -1] / (2 * k[-1])
    others = basis[:, :-1] - np.multiply.outer(basis[:, -1], k[:-1] / k[-1])
    target = np.where(passed, omega, 0) - ramp
    half = np.linalg.lstsq(others * weight[:, None], target * weight, rcond=None)[0]
    half = np.append(half, (0.5 - k[:-1] @ half) / k[-1])
    return np.concatenate([-half[::-1], [0], half]).astype(np.float32)


def response(omega: NDArray[np.float64]) -> Float64:
    """Return what the taps make of the ideal ``omega`` (radians per pixel)."""
    k = np.arange(1, REACH_PX + 1)
    result: Float64 = 2 * np.sin(np.multiply.outer(omega, k)) @ taps()[REACH_PX + 1 :]
    return result


@cache
def noise_gram() -> Float64:
    """Return ``(10, 10)`` covariances of the derivative images of unit white noise at a pixel."""
    power = [np.array([1.0]), taps().astype(np.float64)]
    power += [np.convolve(power[1], power[1])]
    power += [np.convolve(power[2], power[1])]
    width = len(power[3])
    padded = [np.pad(h, (width - len(h)) // 2) for h in power]
    one = np.array([[a @ b for b in padded] for a in padded])
    # Second and third derivatives come from correlating again, so signs alternate with order only.
    return np.array([[one[i, k] * one[j, n] for k, n in ORDERS] for i, j in ORDERS])


def derivatives(image: Float32, highest: int = 3) -> Float32:
    """Return the derivative images of `image` to an order, ``(10, height, width)`` to the third.

    They stand in the order of `ORDERS`.
    """
    stack = np.empty((sum(sum(order) <= highest for order in ORDERS), *image.shape), np.float32)
    derive(image, stack)
    return stack


def derive(image: Float32, into: Sequence[Float32] | Float32) -> None:
    """Write the first of the derivative images of `image` into pictures of its size."""
    into[0][:] = image
    for order in _STEPS:
        if order[-1][-1] >= len(into):
            break

        def some(part: slice, steps: Steps = order) -> None:
            for correlate, source, target in steps[part]:
                correlate(into[source], taps(), into[target])

        shared_out(some, len(order))


def gradient(image: Float32) -> Float32:
    """Return the ``(2, height, width)`` first derivatives of `image` along x and y."""
    result = np.empty((2, *image.shape), np.float32)
    along_x(image, taps(), result[0])
    along_y(image, taps(), result[1])
    return result
