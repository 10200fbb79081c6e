"""A texture on a torus, moved: exactly by its spectrum, a little more by a Taylor series."""

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from phonoscope.scene.camera import Camera
from phonoscope.scene.texture import Texture, frequencies
from phonoscope.types import Float32, Float64


@dataclass(frozen=True, eq=False)
class Surface:
    """A texture on a torus larger than the frame, ready to be moved."""

    spectrum: NDArray[np.complex128]
    shape: tuple[int, int]
    frame: tuple[slice, slice]

    @classmethod
    def of(cls, texture: Texture, camera: Camera, margin: int) -> "Surface":
        from scipy.fft import next_fast_len  # slow to import

        height, width = (
            next_fast_len(size + 2 * margin, real=True) for size in (camera.height, camera.width)
        )
        frame = (slice(margin, margin + camera.height), slice(margin, margin + camera.width))
        return cls(texture.spectrum(height, width), (height, width), frame)

    def moved(self, shift: Float64, order: int) -> Float32:
        """Return ``(term, height, width)`` derivative images of the surface moved by (x, y) px."""
        from scipy.fft import irfft2

        wx, wy = frequencies(*self.shape)
        moved = self.spectrum * np.exp(-1j * (wx * shift[0])) * np.exp(-1j * (wy * shift[1]))
        terms = [
            irfft2((1j * wx) ** i * (1j * wy) ** j * moved, self.shape)[self.frame]
            for i, j in exponents_of(order)
        ]
        return np.ascontiguousarray(np.array(terms), dtype=np.float32)


def exponents_of(order: int) -> NDArray[np.int64]:
    """Return ``(term, 2)`` exponents (x, y) of the Taylor series, (0, 0) first."""
    return np.array([(n - j, j) for n in range(order + 1) for j in range(n + 1)])


@numba.njit(nogil=True, cache=True, fastmath=True)
def taylor(
    derivatives: Float32, exponents: NDArray[np.int64], shapes: Float32, courses: Float32,
    rest: Float32, result: Float32,
) -> None:  # fmt: skip
    terms, height, width = derivatives.shape
    modes = shapes.shape[0]
    largest = exponents.max() + 1
    power_x = np.ones(largest, np.float32)
    power_y = np.ones(largest, np.float32)
    factorial = np.ones(largest, np.float32)
    for n in range(1, largest):
        factorial[n] = factorial[n - 1] * n
    for y in range(height):
        for x in range(width):
            u, v = rest[y, 0], rest[y, 1]
            for m in range(modes):
                u += shapes[m, 0, y, x] * courses[m, y]
                v += shapes[m, 1, y, x] * courses[m, y]
            for n in range(1, largest):
                power_x[n] = power_x[n - 1] * -u
                power_y[n] = power_y[n - 1] * -v
            change = np.float32(0)
            for k in range(1, terms):
                i, j = exponents[k, 0], exponents[k, 1]
                factor = power_x[i] * power_y[j] / (factorial[i] * factorial[j])
                change += factor * derivatives[k, y, x]
            result[y, x] = derivatives[0, y, x] + change
