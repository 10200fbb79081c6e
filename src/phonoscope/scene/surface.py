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

    def moved(self, shift: Float64, order: int, *, whole: bool = False) -> Float32:
        """Return ``(term, height, width)`` derivative images of the surface moved by (x, y) px.

        They are as large as the frame, or as the `whole` torus.
        """
        from scipy.fft import irfft2

        wx, wy = frequencies(*self.shape)
        moved = self.spectrum * np.exp(-1j * (wx * shift[0])) * np.exp(-1j * (wy * shift[1]))
        part = (slice(None), slice(None)) if whole else self.frame
        terms = [
            irfft2((1j * wx) ** i * (1j * wy) ** j * moved, self.shape)[part]
            for i, j in exponents_of(order)
        ]
        return np.ascontiguousarray(np.array(terms), dtype=np.float32)

    def moved_by_rows(self, shift: Float64, order: int) -> Float32:
        """Return the same, as large as the frame, if its rows show it moved by ``(row, 2)`` px."""
        from scipy.fft import irfft

        (height, width), (rows, columns) = self.shape, self.frame
        wx, wy = frequencies(height, width)
        # Rows lie anywhere, so that no fast transform gives them; along a row there is one.
        place = np.arange(rows.start, rows.stop) - shift[:, 1]
        waves = np.exp(1j * np.outer(place, wy)) / height
        along = np.exp(-1j * (shift[:, :1] * wx))
        down = [along * (waves @ ((1j * wy) ** j * self.spectrum)) for j in range(order + 1)]
        terms = [irfft((1j * wx) ** i * down[j], width)[:, columns] for i, j in exponents_of(order)]
        return np.ascontiguousarray(np.array(terms), dtype=np.float32)


def exponents_of(order: int) -> NDArray[np.int64]:
    """Return ``(term, 2)`` exponents (x, y) of the Taylor series, (0, 0) first."""
    return np.array([(n - j, j) for n in range(order + 1) for j in range(n + 1)])


@numba.njit(nogil=True, cache=True, fastmath=True)
def paint(
    derivatives: Float32, exponents: NDArray[np.int64], origin: tuple[int, int], far: bool,
    shapes: Float32, responses: Float32, courses: Float32, rest: Float32, moved: Float32,
    box: tuple[float, float, float, float], canvas: Float32,
) -> None:  # fmt: skip
    """Paint a moved surface on the canvas.

    A pixel shows the surface at ``x - d``: `rest` ``(height, 2)`` plus `shapes` ``(mode, 2, height,
    width)`` times `courses` ``(mode, height)``. Its brightness changes by the share `responses`
    ``(mode or 0, height, width)`` times `courses`. `derivatives` ``(term, rows, columns)`` hold the
    frame from row and column `origin` on, and have each row `moved` ``(height, 2)`` already; only
    where `far` may d reach beyond a pixel, and they wrap round. What lies outside the `box` (left,
    top, right, bottom), moved as the surface is, leaves the canvas as it was; its edges are those
    of `share_inside`.
    """
    terms, tall, wide = derivatives.shape
    height, width = canvas.shape
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
            from_x, from_y = x - u - moved[y, 0], y - v - moved[y, 1]
            cover = np.float32(
                share_inside(from_x - box[0]) * share_inside(box[2] - from_x)
                * share_inside(from_y - box[1]) * share_inside(box[3] - from_y)
            )  # fmt: skip
            if cover == 0:
                continue
            row, column = origin[0] + y, origin[1] + x
            if far:
                whole_x, whole_y = np.rint(u), np.rint(v)
                u -= whole_x
                v -= whole_y
                row = (row - int(whole_y)) % tall
                column = (column - int(whole_x)) % wide
            for n in range(1, largest):
                power_x[n] = power_x[n - 1] * -u
                power_y[n] = power_y[n - 1] * -v
            change = np.float32(0)
            for k in range(1, terms):
                i, j = exponents[k, 0], exponents[k, 1]
                factor = power_x[i] * power_y[j] / (factorial[i] * factorial[j])
                change += factor * derivatives[k, row, column]
            seen = derivatives[0, row, column] + change
            glint = np.float32(1)
            for m in range(responses.shape[0]):
                glint += responses[m, y, x] * courses[m, y]
            if cover == 1:
                canvas[y, x] = seen * glint
            else:
                canvas[y, x] += cover * (seen * glint - canvas[y, x])


@numba.njit(nogil=True, cache=True, inline="always")
def share_inside(distance: float) -> float:
    """Return the share of a pixel inside an edge, by the distance of its centre, px.

    The edge is blurred by three boxes of a pixel each (lens and pixel), hence 3 px wide; so an edge
    that moves changes the sum of the pixels in exact proportion.
    """
    away = abs(distance)
    if away >= 1.5:
        beyond = 0.0
    elif away > 0.5:
        beyond = (1.5 - away) ** 3 / 6
    else:
        beyond = 0.5 - 0.75 * away + away**3 / 3
    return beyond if distance < 0 else 1 - beyond
