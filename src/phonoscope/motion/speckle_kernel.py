"""What goes over each pixel of speckle: compiled loops."""

import numba
import numpy as np
from numpy.typing import NDArray

from phonoscope.types import Float32, Float64

UNKNOWN = np.float32(1e30)
"""Variance of a pixel of which nothing is known."""
_KNOWN = np.float32(1e29)  # less than that is known


@numba.njit(nogil=True, cache=True, fastmath=True)
def weigh(
    blind: NDArray[np.bool_], template: Float32, variance: Float32, dark: float, slope: float,
    boil: float, weight: Float32, noise: Float32,
) -> None:  # fmt: skip
    # Fills each pixel's weight, one over the variance of what it may differ from the template, and
    # the template's own noise: what has boiled since is none, but another pattern.
    least, rise, more = np.float32(dark), np.float32(slope), np.float32(boil)
    for y in range(blind.shape[0]):
        for x in range(blind.shape[1]):
            light = max(template[y, x], np.float32(0))
            camera = least + rise * light
            own = camera + more * light + variance[y, x]
            noise[y, x] = min(variance[y, x], camera)
            unused = blind[y, x] or variance[y, x] > _KNOWN
            weight[y, x] = np.float32(0) if unused else 1 / own


@numba.njit(nogil=True, cache=True, fastmath=True)
def gather(
    picture: Float32, template: Float32, noise: Float32, slopes: Float32, weight: Float32,
    rows: NDArray[np.int64], columns: NDArray[np.int64], across: int, sums: Float64,
) -> None:  # fmt: skip
    width = picture.shape[1]
    for y in range(picture.shape[0]):
        first = 0
        while first < width:
            last = first
            column = columns[first]
            while last < width and columns[last] == column:
                last += 1
            s00 = s01 = s02 = s03 = s04 = np.float32(0)
            s11 = s12 = s13 = s14 = np.float32(0)
            s22 = s23 = s24 = s33 = s34 = s44 = s55 = np.float32(0)
            for x in range(first, last):
                w = weight[y, x]
                a, b, t, f = slopes[0, y, x], slopes[1, y, x], template[y, x], picture[y, x]
                s00 += w * a * a
                s01 += w * a * b
                s02 += w * a * t
                s03 += w * a
                s04 += w * a * f
                s11 += w * b * b
                s12 += w * b * t
                s13 += w * b
                s14 += w * b * f
                s22 += w * t * t
                s23 += w * t
                s24 += w * t * f
                s33 += w
                s34 += w * f
                s44 += w * f * f
                s55 += w * noise[y, x]
            own = sums[rows[y] * across + column]
            own[0] += s00
            own[1] += s01
            own[2] += s02
            own[3] += s03
            own[4] += s04
            own[5] += s11
            own[6] += s12
            own[7] += s13
            own[8] += s14
            own[9] += s22
            own[10] += s23
            own[11] += s24
            own[12] += s33
            own[13] += s34
            own[14] += s44
            own[15] += s55
            first = last


@numba.njit(nogil=True, cache=True, fastmath=True)
def boiled(
    picture: Float32, blind: NDArray[np.bool_], template: Float32, variance: Float32, dark: float,
    slope: float, like: Float64, level: Float64, rows: NDArray[np.int64],
    columns: NDArray[np.int64], across: int,
) -> float:  # fmt: skip
    # Variance that the pattern has gained since the template, for each unit of light.
    gained, light = 0.0, 1e-30
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            if blind[y, x] or variance[y, x] > _KNOWN:
                continue
            cell = rows[y] * across + columns[x]
            there = like[cell] * template[y, x] + level[cell]
            left = picture[y, x] - there
            value = max(there, 0.0)
            gained += left * left - dark - slope * value - variance[y, x]
            light += value
    return gained / light


@numba.njit(nogil=True, cache=True, fastmath=True)
def renew(
    picture: Float32, blind: NDArray[np.bool_], template: Float32, variance: Float32, dark: float,
    slope: float, rows: NDArray[np.int64], columns: NDArray[np.int64], across: int,
    renewed: Float64,
) -> None:  # fmt: skip
    # The Kalman filter's step in each pixel that is seen; sums the shares by which it was renewed.
    least, rise = np.float32(dark), np.float32(slope)
    for y in range(picture.shape[0]):
        for x in range(picture.shape[1]):
            if blind[y, x]:
                continue
            there = template[y, x]
            own = variance[y, x]
            unknown = own > _KNOWN
            light = max(picture[y, x] if unknown else there, np.float32(0))
            noise = least + rise * light
            share = np.float32(1) if unknown else own / (own + noise)
            template[y, x] = there + share * (picture[y, x] - there)
            variance[y, x] = share * noise
            cell = rows[y] * across + columns[x]
            renewed[cell, 0] += share / noise
            renewed[cell, 1] += 1 / noise
