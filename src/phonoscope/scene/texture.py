"""Surfaces: continuous, band-limited pictures on a torus, seen through a lens and square pixels.

A surface is drawn four times finer than the camera's pixels, blurred by the lens and by the pixel's
own aperture, and cut off at the camera's Nyquist frequency. What is left is band-limited, so its
value and its derivatives between the pixels are exact.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import UsageError
from phonoscope.scene.checks import check
from phonoscope.types import Float64

Spectrum = NDArray[np.complex128]

_FINER = 4


@dataclass(frozen=True, slots=True)
class Texture:
    """What a surface looks like.

    Attributes
    ----------
    kind
        One of `TEXTURES`.
    blur_px
        Standard deviation of the lens's Gaussian blur, camera pixels.
    mean, contrast
        Mean and standard deviation of the brightness, as shares of the camera's full scale. What
        would leave the range from 0.02 to 0.98 is squeezed by lowering the contrast.
    seed
        Of the surface's details.

    Raises
    ------
    UsageError
        If there is no such kind, or a value cannot be right.
    """

    kind: str = "speckle"
    blur_px: float = 0.8
    mean: float = 0.5
    contrast: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in TEXTURES:
            raise UsageError(
                f"there is no texture {self.kind!r}; choose from {', '.join(TEXTURES)}."
            )
        check("blur_px", self.blur_px, 0)
        check("mean", self.mean, 0, 1)
        check("contrast", self.contrast, 0)
        check("seed", self.seed, 0, whole=True)

    def spectrum(self, height: int, width: int) -> Spectrum:
        """Return the ``rfft2`` of the picture on a torus of `height` by `width` camera pixels."""
        fine = TEXTURES[self.kind](
            height * _FINER, width * _FINER, np.random.default_rng([self.seed, 7])
        )
        spectrum = _seen_by_pixels(np.fft.fft2(fine - fine.mean()), height, width, self.blur_px)
        picture = np.fft.irfft2(spectrum, (height, width))
        picture -= picture.mean()
        scale = self.contrast / max(picture.std(), 1e-12)
        room = min((0.98 - self.mean) / max(picture.max(), 1e-12),
                   (self.mean - 0.02) / max(-picture.min(), 1e-12))  # fmt: skip
        spectrum *= max(0.0, min(scale, room))  # a mean out of that range leaves no room
        spectrum[0, 0] = self.mean * height * width
        return np.asarray(spectrum)


def frequencies(height: int, width: int) -> tuple[Float64, Float64]:
    """Return angular frequencies (rad/px) along x and y of an ``rfft2`` of that size."""
    x, y = np.fft.rfftfreq(width)[None, :], np.fft.fftfreq(height)[:, None]
    return np.asarray(2 * np.pi * x, np.float64), np.asarray(2 * np.pi * y, np.float64)


def _seen_by_pixels(fine: Spectrum, height: int, width: int, blur_px: float) -> Spectrum:
    rows = np.fft.fftfreq(height, 1 / height).astype(int)
    columns = np.arange(width // 2 + 1)
    spectrum = fine[np.ix_(rows, columns)] / _FINER**2
    wx, wy = frequencies(height, width)
    lens = np.exp(-(blur_px**2) * (wx**2 + wy**2) / 2)
    aperture = np.sinc(wx / (2 * np.pi)) * np.sinc(wy / (2 * np.pi))
    # Nyquist itself has no well-defined phase to shift.
    below = (np.abs(wx) < np.pi * 0.999) & (np.abs(wy) < np.pi * 0.999)
    return np.asarray(spectrum * lens * aperture * below)


def _speckle(height: int, width: int, rng: np.random.Generator) -> Float64:
    """Fine grain, as of sandpaper, foam or projected speckle."""
    return smoothed(rng.standard_normal((height, width)), 0.9 * _FINER)


def _foil(height: int, width: int, rng: np.random.Generator) -> Float64:
    """A crumpled, printed chip bag: facets of different brightness, bright edges, print."""
    facets = _facets(height, width, 14 * _FINER, rng)
    creases = _facets(height, width, 14 * _FINER, rng) - _facets(height, width, 6 * _FINER, rng)
    printed = smoothed(rng.standard_normal((height, width)), 3 * _FINER)
    grain = smoothed(rng.standard_normal((height, width)), 0.8 * _FINER)
    return unit(facets) + 0.7 * unit(creases) + 0.6 * np.sign(printed) + 0.5 * unit(grain)


def _fabric(height: int, width: int, rng: np.random.Generator) -> Float64:
    """A plain weave: two sets of threads, uneven in thickness and colour."""
    y, x = np.mgrid[0:height, 0:width]
    warp_threads = max(2, round(width / (6 * _FINER)))
    weft_threads = max(2, round(height / (6 * _FINER)))
    wobble = [2.5 * unit(smoothed(rng.standard_normal((height, width)), 20 * _FINER))
              for _ in range(2)]  # fmt: skip
    along = np.sin(2 * np.pi * warp_threads * x / width + 0.4 * wobble[0])
    across = np.sin(2 * np.pi * weft_threads * y / height + 0.4 * wobble[1])
    fibres = unit(smoothed(rng.standard_normal((height, width)), 0.9 * _FINER))
    return np.asarray(along + across + along * across + 0.6 * fibres)


def _leaves(height: int, width: int, rng: np.random.Generator) -> Float64:
    """A plant: overlapping bright and dark blobs of many sizes."""
    picture = np.zeros((height, width))
    count = max(40, height * width // (60 * _FINER**2))
    for _ in range(min(count, 1500)):
        size = _FINER * rng.uniform(3, 14)
        cy, cx = rng.uniform(0, height), rng.uniform(0, width)
        turn, thin = rng.uniform(0, np.pi), rng.uniform(0.3, 1)
        reach = int(size) + 1
        rows = np.arange(int(cy) - reach, int(cy) + reach + 1)
        columns = np.arange(int(cx) - reach, int(cx) + reach + 1)
        dy, dx = (rows - cy)[:, None], (columns - cx)[None, :]
        a = np.cos(turn) * dx + np.sin(turn) * dy
        b = (np.cos(turn) * dy - np.sin(turn) * dx) / thin
        inside = a * a + b * b < size * size
        patch = np.ix_(rows % height, columns % width)
        picture[patch] = np.where(inside, rng.uniform(-1, 1) + 0.5 * a / size, picture[patch])
    return picture


def _print(height: int, width: int, rng: np.random.Generator) -> Float64:
    """Lines of dark strokes on paper, like small print."""
    picture = np.ones((height, width))
    line = 9 * _FINER
    for top in range(0, height - line + 1, line):
        x = rng.integers(0, 4 * _FINER)
        while x < width - 5 * _FINER:
            stroke = rng.integers(1, 3) * _FINER
            tall = rng.integers(3, 7) * _FINER
            if rng.random() < 0.75:
                start = top + (6 * _FINER - tall)
                picture[start : start + tall, x : x + stroke] = rng.uniform(0, 0.3)
            if rng.random() < 0.5:
                picture[top + 3 * _FINER : top + 4 * _FINER, x : x + 4 * _FINER] = 0.1
            x += int(rng.integers(2, 5) * _FINER)
    paper = unit(smoothed(rng.standard_normal((height, width)), 0.9 * _FINER))
    return picture + 0.05 * paper


def _wood(height: int, width: int, rng: np.random.Generator) -> Float64:
    """Wood grain along x: hardly any texture in that direction."""
    spectrum = np.fft.fft2(rng.standard_normal((height, width)))
    fy, fx = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :]
    along, across = 25 * _FINER, 0.9 * _FINER
    spectrum *= np.exp(-2 * np.pi**2 * ((along * fx) ** 2 + (across * fy) ** 2))
    return np.asarray(np.fft.ifft2(spectrum).real)


TEXTURES: dict[str, Callable[[int, int, np.random.Generator], Float64]] = {
    "speckle": _speckle,
    "foil": _foil,
    "fabric": _fabric,
    "leaves": _leaves,
    "print": _print,
    "wood": _wood,
}
"""The kinds of surface, by name."""


def smoothed(picture: Float64, sigma: float) -> Float64:
    """Return a picture, ``(height, width)`` on a torus, under a Gaussian blur of `sigma` px."""
    fy, fx = np.fft.fftfreq(picture.shape[0])[:, None], np.fft.rfftfreq(picture.shape[1])[None, :]
    spectrum = np.fft.rfft2(picture) * np.exp(-2 * np.pi**2 * sigma**2 * (fx**2 + fy**2))
    return np.asarray(np.fft.irfft2(spectrum, picture.shape))


def _facets(height: int, width: int, size: float, rng: np.random.Generator) -> Float64:
    from scipy.spatial import cKDTree  # slow to import

    count = max(4, round(height * width / size**2))
    centres = rng.uniform(0, 1, (count, 2)) * (height, width)
    y, x = np.mgrid[0:height, 0:width]
    tree = cKDTree(centres, boxsize=(height, width))
    nearest = tree.query(np.column_stack([y.ravel(), x.ravel()]), workers=1)[1]
    shade, slope = rng.uniform(-1, 1, count), rng.normal(0, 0.6 / size, (count, 2))
    dy = (y.ravel() - centres[nearest, 0] + height / 2) % height - height / 2
    dx = (x.ravel() - centres[nearest, 1] + width / 2) % width - width / 2
    picture = shade[nearest] + slope[nearest, 0] * dy + slope[nearest, 1] * dx
    return np.asarray(picture.reshape(height, width))


def unit(picture: Float64) -> Float64:
    """Return a picture shifted and scaled to mean 0 and standard deviation 1."""
    return np.asarray((picture - picture.mean()) / max(picture.std(), 1e-12))
