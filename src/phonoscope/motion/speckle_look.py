"""The first look at speckle: the camera's noise, and the size of a speckle."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError
from phonoscope.motion.cells import Grid
from phonoscope.motion.correlate import along_x, along_y
from phonoscope.types import Float32, Luma

_DIFFERENCES = np.array([1, -6, 15, -20, 15, -6, 1], np.float32)
_LAGS = 24
_FRAMES = 16
_ROUNDING = 1 / 12
_FEWEST_SPECKLES = 5
_SMALLEST_PX = 24


@dataclass(frozen=True, slots=True, eq=False)
class SpeckleLook:
    """What the first frames tell of speckle.

    Attributes
    ----------
    dark, slope
        Variance of the camera's noise: ``dark + slope * value``.
    grain_px
        Width of the pattern's correlation.
    full_scale
        Largest value of a pixel.
    """

    dark: float
    slope: float
    grain_px: float
    full_scale: int


def look_at_speckle(lumas: Sequence[Luma], grid: Grid, full_scale: int) -> SpeckleLook:
    """Learn the camera's noise and the size of speckles from the first frames.

    Raises
    ------
    InputError
        If there is no pattern that stands out of the noise, or the region is too small for it.
    """
    frames = [np.ascontiguousarray(luma[grid.window], np.float32) for luma in lumas]
    chosen = frames[:: max(1, len(frames) // _FRAMES)]
    dark, slope = min(
        (_noise_in_detail(chosen, full_scale), _noise_in_time(frames, full_scale)),
        key=lambda fit: fit[0] + fit[1] * float(np.mean(chosen[0])),
    )
    mean = float(np.mean([frame.mean() for frame in chosen]))
    contrast = float(np.mean([frame.var() for frame in chosen])) - dark - slope * mean
    if contrast < 4 * (dark + slope * mean) / chosen[0].size ** 0.5:
        raise InputError(
            f"no speckle: the picture is flat (values {lumas[0].min()} to {lumas[0].max()}); "
            "choose a region that the laser lights, or expose for longer."
        )
    grain = _grain_px(chosen, dark + slope * mean)
    height, width = chosen[0].shape
    if min(height, width) < max(_FEWEST_SPECKLES * grain, _SMALLEST_PX):
        raise InputError(
            f"a region of {width} x {height} px is too small for speckles of {grain:.1f} px, which "
            f"become others as they cross it; give one of {_FEWEST_SPECKLES} speckles or more, and "
            f"{_SMALLEST_PX} px at least, to either side."
        )
    return SpeckleLook(dark, slope, grain, full_scale)


def _noise_in_detail(frames: Sequence[Float32], full_scale: int) -> tuple[float, float]:
    # Speckle has no detail finer than the aperture lets through: the finest is noise.
    taps = (_DIFFERENCES / np.linalg.norm(_DIFFERENCES)).astype(np.float32)
    squares, values = [], []
    for frame in frames:
        fine = _both_ways(frame, taps)
        level = _both_ways(frame, taps**2)
        inner = (slice(4, -4), slice(4, -4))
        good = ~near_full(frame, full_scale, 3)[inner]
        squares.append(fine[inner][good] ** 2)
        values.append(level[inner][good])
    return _line(np.concatenate(values), np.concatenate(squares))


def _noise_in_time(frames: Sequence[Float32], full_scale: int) -> tuple[float, float]:
    # Where the pattern hardly moves, what changes is noise.
    changes = [(float(np.mean((b - a) ** 2)), n) for n, (a, b) in enumerate(pairwise(frames))]
    quiet = [n for _, n in sorted(changes)[: max(1, len(changes) // 8)]][:_FRAMES]
    squares, values = [], []
    for n in quiet:
        a, b = frames[n], frames[n + 1]
        good = (a < full_scale) & (b < full_scale)
        squares.append((b - a)[good] ** 2 / 2)
        values.append((a + b)[good] / 2)
    return _line(np.concatenate(values), np.concatenate(squares))


def _line(values: Float32, squares: Float32) -> tuple[float, float]:
    if len(values) < 2 or float(np.ptp(values)) == 0:
        return _ROUNDING, 0.0
    slope, dark = np.polyfit(values.astype(np.float64), squares.astype(np.float64), 1)
    if slope < 0:
        slope, dark = 0.0, float(np.mean(squares))
    if dark < _ROUNDING:
        dark = _ROUNDING
        slope = max(0.0, float(np.mean(squares) - dark) / float(np.mean(values)))
    return float(dark), float(slope)


def _both_ways(image: Float32, taps: Float32) -> Float32:
    across, result = np.empty_like(image), np.empty_like(image)
    along_x(image, taps, across)
    along_y(across, taps, result)
    return result


def near_full(frame: Float32, full_scale: int, reach: int) -> NDArray[np.bool_]:
    """Return which pixels are saturated, or no further than `reach` from one that is."""
    full = frame >= full_scale
    if not full.any():
        return full
    box = np.ones(2 * reach + 1, np.float32)
    counted = _both_ways(full.astype(np.float32), box)
    return np.asarray(counted > 0.5)


def _grain_px(frames: Sequence[Float32], noise: float) -> float:
    # Half width of the correlation at half height, doubled, over both axes.
    widths = []
    for axis in (0, 1):
        total = np.zeros(_LAGS)
        for frame in frames:
            lines = np.moveaxis(frame - frame.mean(), axis, 0)
            for lag in range(min(_LAGS, len(lines) // 2)):
                total[lag] += float(np.mean(lines[: len(lines) - lag] * lines[lag:]))
        total[0] -= noise * len(frames)
        below = np.flatnonzero(total < total[0] / 2)
        first = int(below[0]) if len(below) else _LAGS - 1
        high, low = total[first - 1], total[first]
        widths.append(2 * (first - 1 + (high - total[0] / 2) / max(high - low, 1e-12)))
    return float(np.clip(np.mean(widths), 1.0, 48.0))
