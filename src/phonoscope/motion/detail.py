"""How much detail each cell has, and how much of it is saturated."""

import numpy as np

from phonoscope.types import Cells, Float32, Float64, Luma, NoiseModel

_LEAST_SNR = 0.1  # of the gradient's energy over that of the noise: less is no detail


def detail_px(picture: Float32, cells: Cells, noise: NoiseModel, averaged: int) -> Float64:
    """Return ``(cell,)`` how wide its edges are, px: large if out of focus, infinite if flat.

    The ratio of the picture's deviation to that of its slope, noise taken off; a wave of length L
    has L / 2π. The picture is the mean of so many frames.
    """
    result = np.full(len(cells), np.inf)
    for number, window in enumerate(_windows(cells)):
        part = picture[window].astype(np.float64)
        if min(part.shape) < 2:
            continue
        variance = float(noise.at(part).mean()) / averaged
        slopes = (np.diff(part, axis=0)[:, :-1], np.diff(part, axis=1)[:-1])
        energy = sum(float(np.mean(slope**2)) for slope in slopes) - 4 * variance
        if energy > _LEAST_SNR * 4 * variance:
            result[number] = np.sqrt(max(float(part.var()) - variance, 0) / energy)
    return result


def saturated(frame: Luma, cells: Cells, bits: int) -> Float64:
    """Return ``(cell,)`` the share of its pixels that are at full scale."""
    full = frame >= 2**bits - 1
    return np.array([full[window].mean() for window in _windows(cells)])


def _windows(cells: Cells) -> list[tuple[slice, slice]]:
    edges = zip(cells.x_px, cells.y_px, cells.width_px, cells.height_px, strict=True)
    return [(slice(y, y + height), slice(x, x + width)) for x, y, width, height in edges]
