"""The filters of a complex steerable pyramid, built once for a size of picture.

They are those of Portilla and Simoncelli, IJCV 40:49 (2000), doi:10.1023/A:1026553619983 (after
Simoncelli and Freeman, ICIP 1995, doi:10.1109/ICIP.1995.537667), with the negative half of each
band's frequencies left out, so that coefficients are complex and have a phase.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import UsageError
from phonoscope.types import Float32, Float64, Luma

Complex64 = NDArray[np.complex64]

_TAPER_PX = 8


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """One band: an octave and an orientation, on its own support in the frequency domain.

    Attributes
    ----------
    scale
        Octave, 0 for the finest.
    orientation_rad
        Direction to which it is tuned, from x towards y.
    window
        Rows and columns that it occupies of a spectrum with its zero frequency in the middle.
    response
        Its filter there, real; 0 on one half of the frequency plane.
    samples
        Height and width of its coefficients, fast to transform.
    """

    scale: int
    orientation_rad: float
    window: tuple[slice, slice]
    response: Float32
    samples: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Pyramid:
    """Filters for one size of picture.

    Attributes
    ----------
    shape
        Height and width of the picture.
    padded
        Height and width of its spectrum, even and fast to transform.
    taper
        ``(height, width)`` falls to 0 at the picture's edges, where the spectrum would see the
        opposite edge beside them.
    bands
        Finest scale first; orientations within it.
    """

    shape: tuple[int, int]
    padded: tuple[int, int]
    taper: Float32
    bands: tuple[Band, ...]


def frequencies(padded: tuple[int, int]) -> tuple[Float64, Float64]:
    """Return the angular frequencies, rad/px, of a spectrum's rows and of its columns."""
    height, width = (2 * np.pi * np.arange(-n // 2, n // 2) / n for n in padded)
    return height, width


def lowpass(radius: Float64) -> Float64:
    """Return the radial low-pass at `radius` rad/px: 1 below π/4, 0 above π/2."""
    return np.asarray(np.cos(np.pi / 2 * _octaves_above(radius, np.pi / 4)))


def highpass(radius: Float64) -> Float64:
    """Return its complement: squares of the two add up to 1."""
    return np.asarray(np.sin(np.pi / 2 * _octaves_above(radius, np.pi / 4)))


def _octaves_above(radius: Float64, start: float) -> Float64:
    return np.clip(np.log2(np.maximum(radius, 1e-9) / start), 0, 1)


def angular(angle: Float64, index: int, orientations: int) -> Float64:
    """Return the one-sided angular filter of an orientation at `angle` rad from x towards y.

    The squares of all orientations, on both sides, add up to 4: the real part of the coefficients
    is then the real pyramid's.
    """
    order = orientations - 1
    # Portilla and Simoncelli's alpha; for one orientation it is 1.
    norm = 2**order * math.factorial(order)
    norm /= math.sqrt(orientations * math.factorial(2 * order))
    cosine = np.cos(angle - np.pi * index / orientations)
    return np.where(cosine > 0, 2 * norm * np.maximum(cosine, 0) ** order, 0)


def build_pyramid(width: int, height: int, *, scales: int = 4, orientations: int = 2) -> Pyramid:
    """Return the filters for a size of picture.

    Parameters
    ----------
    width, height
        Of the picture, px; any sizes, odd ones too.
    scales
        Number of octaves; the finest is centred on half of Nyquist's frequency.
    orientations
        Number of directions, evenly spread over half a turn from x on.

    Raises
    ------
    UsageError
        If a number is not positive, or the scales do not fit into the picture.
    """
    from scipy.fft import next_fast_len  # slow to import

    if scales < 1 or not 1 <= orientations <= 16:
        raise UsageError(
            f"{scales} scales and {orientations} orientations make no pyramid; "
            "give at least 1 scale, and 1 to 16 orientations."
        )
    most = int(math.log2(min(width, height))) - 2
    if scales > most:
        fewer = f"give at most {most} scales, or" if most > 0 else "choose"
        raise UsageError(
            f"{scales} scales need at least {2.0 ** min(scales + 2, 1000):.10g} px each way, and "
            f"the picture has {width} x {height}; {fewer} a larger region."
        )
    padded = tuple(2 * next_fast_len(math.ceil(n / 2), real=True) for n in (height, width))
    wy, wx = frequencies((padded[0], padded[1]))
    radius, angle = np.hypot(wx, wy[:, None]), np.arctan2(wy[:, None], wx)
    passed = lowpass(radius / 2)
    bands = []
    for scale in range(scales):
        ring = passed * highpass(radius * 2**scale)
        for index in range(orientations):
            response = ring * angular(angle, index, orientations)
            bands.append(_band(scale, math.pi * index / orientations, response))
        passed = passed * lowpass(radius * 2**scale)
    taper = np.outer(_taper(height), _taper(width)).astype(np.float32)
    return Pyramid((height, width), (padded[0], padded[1]), taper, tuple(bands))


def _band(scale: int, orientation_rad: float, response: Float64) -> Band:
    # Coefficients need no more samples than their spectrum occupies: that is the decimation. Its
    # place in the spectrum only turns all phases alike, frame and reference.
    from scipy.fft import next_fast_len  # slow to import

    occupied = np.abs(response) > 1e-6 * response.max()
    window = []
    for axis in (1, 0):
        (there,) = np.nonzero(occupied.any(axis=axis))
        window.append(slice(int(there[0]), int(there[-1]) + 1))
    rows, columns = window
    cut = response[rows, columns]
    return Band(
        scale, orientation_rad, (rows, columns), np.ascontiguousarray(cut, np.float32),
        (next_fast_len(cut.shape[0]), next_fast_len(cut.shape[1])),
    )  # fmt: skip


def _taper(size: int) -> Float64:
    distance = np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5
    return np.asarray(np.sin(np.pi / 2 * np.clip(distance / _TAPER_PX, 0, 1)) ** 2)


def spectrum(pyramid: Pyramid, image: Luma | Float32) -> Complex64:
    """Return the spectrum of ``(height, width)`` grey values, zero frequency in the middle.

    The mean is taken off and the edges are tapered.
    """
    from scipy import fft  # slow to import

    values = image.astype(np.float32)
    values -= np.float32(np.vdot(values, pyramid.taper) / pyramid.taper.sum())
    values *= pyramid.taper
    return np.asarray(fft.fftshift(fft.fft2(values, s=pyramid.padded)), np.complex64)


def coefficients(band: Band, whole: Complex64) -> Complex64:
    """Return a band's ``band.samples`` complex coefficients from the picture's spectrum."""
    from scipy import fft  # slow to import

    part = whole[band.window] * band.response
    return np.asarray(fft.ifft2(part, s=band.samples, overwrite_x=True))
