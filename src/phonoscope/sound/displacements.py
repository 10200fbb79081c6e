"""The motion of a point or a region as numbers: displacement in px or µm, and its spectrum."""

import math

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError, UsageError
from phonoscope.sound.select import select
from phonoscope.sound.whiten import displacement_information
from phonoscope.types import Displacement, Float64, MotionField, Region, Spectrum

_HANN_HALF_POWER = 1.44  # width of its main lobe there, in bins
_HANN_NOISE_BINS = 1.5  # width in bins of the noise that one bin of it lets through
_WINDOWS = 8  # a clip's length over a window's, where no resolution is asked for
_FEWEST_SAMPLES = 16  # of a window
_TOLD = 1e-5  # of the best direction's information: less is none
_BLIND = 1e-3  # share of an axis that lies in a direction nobody can tell


def displacement(
    field: MotionField,
    *,
    at: tuple[float, float] | None = None,
    region: Region | str | None = None,
    scale: float | None = None,
) -> Displacement:
    """Return how a point or a region of the picture moved.

    Cells are weighted by the inverse of their claimed error covariance, which is the estimate of
    least variance if they move alike. Only their own signals are held in memory.

    Parameters
    ----------
    field
        Motion field.
    at
        Point (x, y) in px: the cell that holds it.
    region
        Rectangle ``"x,y,width,height"`` in px: the cells whose centres lie in it. By default, and
        without `at`, all of the picture.
    scale
        Size of a pixel on the object, µm, for displacement in µm; in px without it.

    Returns
    -------
    Displacement

    Raises
    ------
    UsageError
        If both a point and a region are given, no cell lies there, the scale is not a positive
        number, or the cells of a region are read at different times (a rolling shutter's).
    InputError
        If nothing there has texture.
    """
    if at is not None and region is not None:
        raise UsageError("give either a point or a region, not both.")
    if scale is not None and not (math.isfinite(scale) and scale > 0):
        raise UsageError(f"scale {scale:g} is not a size of a pixel in µm; give one above 0.")
    if isinstance(region, str):
        region = Region.parse(region)
    where = "the picture" if region is None else f"region {region}"
    if at is not None:
        where = f"the cell at {at[0]:g},{at[1]:g}"
        region = _cell_at(field, at)
    part = field if region is None else select(field, regions=[region])
    delay = _one_clock(part, where)
    time, signal, covariance = _mean(part)
    if np.isnan(signal).all():
        raise InputError(
            f"{where} has no texture that shows motion along x or y (a slanted edge alone shows it "
            "across itself only); choose another place."
        )
    unit = 1.0 if scale is None else scale
    return Displacement(
        time + delay,
        signal * unit,
        covariance * unit**2,
        "px" if scale is None else "µm",
        float(part.rate_hz),
        len(part.cells),
    )


def displacement_spectrum(motion: Displacement, *, resolution_hz: float | None = None) -> Spectrum:
    """Return the spectrum of a displacement: the mean over half-overlapping Hann windows.

    Welch, IEEE Trans. Audio Electroacoust. 15:70, 1967, doi:10.1109/TAU.1967.1161901. A straight
    line is taken off each window. Uneven times are evened out by a cubic spline first, which
    changes what is near half the rate, the noise too.

    Parameters
    ----------
    motion
        From `displacement`. An axis that could not be told all the time has no spectrum.
    resolution_hz
        How near two lines may lie and still be told apart. By default windows are an eighth of the
        clip, of 256 samples at least: a finer resolution has fewer of them, and a rougher floor.

    Returns
    -------
    Spectrum

    Raises
    ------
    UsageError
        If the clip is too short for the resolution, or the resolution is not positive.
    """
    from scipy.signal import welch  # slow to import

    rate, samples = motion.rate_hz, len(motion.time_s)
    size = min(max(samples // _WINDOWS, 256), samples)
    if resolution_hz is not None:
        if not (math.isfinite(resolution_hz) and resolution_hz > 0):
            raise UsageError(f"resolution {resolution_hz:g} Hz must be above 0; try 1.")
        size = round(_HANN_HALF_POWER * rate / resolution_hz)
    if size > samples:
        raise UsageError(
            f"a resolution of {resolution_hz:g} Hz takes {size / rate:.4g} s, and the clip has "
            f"{samples / rate:.4g} s; give {_HANN_HALF_POWER * rate / samples:.4g} Hz or more."
        )
    if size < _FEWEST_SAMPLES:
        raise UsageError(
            f"a window of {size} samples tells no frequencies apart; take a longer clip, or a "
            f"resolution of {_HANN_HALF_POWER * rate / _FEWEST_SAMPLES:.4g} Hz or less."
        )
    signal = _evened_out(motion)
    known = np.isfinite(signal).all(axis=0)
    density, power = np.full((2, size // 2 + 1, 2), np.nan)
    for axis in np.flatnonzero(known):
        hz, density[:, axis] = welch(signal[:, axis], rate, nperseg=size, detrend="linear")
        power[:, axis] = density[:, axis] * _HANN_NOISE_BINS * hz[1]
    return Spectrum(
        np.asarray(np.fft.rfftfreq(size, 1 / rate), np.float64),
        density,
        np.sqrt(2 * power),
        2 * np.diagonal(motion.covariance) / rate,
        _HANN_HALF_POWER * rate / size,
        motion.unit,
    )


def _cell_at(field: MotionField, at: tuple[float, float]) -> Region:
    cells, (x, y) = field.cells, at
    inside = (cells.x_px <= x) & (x < cells.x_px + cells.width_px)
    inside &= (cells.y_px <= y) & (y < cells.y_px + cells.height_px)
    found = np.flatnonzero(inside)
    if not len(found):
        facts = field.facts
        raise UsageError(
            f"no cell of the motion field holds the point {x:g},{y:g} (the frame has "
            f"{facts.width} x {facts.height} px); choose another."
        )
    n = found[0]
    return Region(
        int(cells.x_px[n]), int(cells.y_px[n]), int(cells.width_px[n]), int(cells.height_px[n])
    )


def _one_clock(part: MotionField, where: str) -> float:
    delays = part.cells.delay_s
    if np.ptp(delays) > 0:
        raise UsageError(
            f"the rows of {where} are read at different times, over {1e3 * np.ptp(delays):.3g} ms "
            "(a rolling shutter); choose a point."
        )
    return float(delays[0])


def _mean(part: MotionField) -> tuple[Float64, Float64, Float64]:
    """Return the times, the weighted mean ``(sample, 2)`` and its mean error covariance."""
    times, signals, first = [], [], 0
    total, told = np.zeros((2, 2)), np.zeros((2, 2))
    for block in part.blocks:
        information = displacement_information(block.information)
        weighted = np.einsum("cij,tcj->ti", information, block.motion.astype(np.float64))
        covariance, known = _inverse(information.sum(axis=0))
        signal = weighted @ covariance
        signal[:, ~known] = np.nan
        count = len(block.time_s)
        # What is filled in was not seen.
        seen = slice(count) if part.measured is None else part.measured[first : first + count]
        first += count
        times.append(block.time_s[seen])
        signals.append(signal[seen])
        both = len(block.time_s) * np.outer(known, known)
        total += both * covariance
        told += both
    mean = total / np.maximum(told, 1)
    mean[np.diag(np.diagonal(told) == 0)] = np.inf
    return np.concatenate(times), np.concatenate(signals), mean


def _inverse(information: Float64) -> tuple[Float64, NDArray[np.bool_]]:
    """Return the covariance of what is known, and whether x and y are."""
    values, vectors = np.linalg.eigh(information)
    told = values > _TOLD * max(values[-1], 1e-30)
    inverse = np.where(told, 1 / np.where(told, values, 1), 0)
    return (vectors * inverse) @ vectors.T, (vectors**2 @ ~told) < _BLIND


def _evened_out(motion: Displacement) -> Float64:
    samples, begun = len(motion.time_s), motion.time_s[0]
    even = begun + np.arange(samples) / motion.rate_hz
    if np.allclose(motion.time_s, even, rtol=0, atol=1e-3 / motion.rate_hz):
        return motion.displacement
    from scipy.interpolate import CubicSpline  # slow to import

    result = np.full_like(motion.displacement, np.nan)
    known = np.isfinite(motion.displacement).all(axis=0)
    result[:, known] = CubicSpline(motion.time_s, motion.displacement[:, known])(even)
    return result
