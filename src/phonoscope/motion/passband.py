"""Let only some bands of frequency of a motion field pass, block by block, without a seam.

The filter is a symmetric FIR (windowed sinc, Kaiser's window), so it delays nothing, and what
comes out does not depend on how the samples are cut into blocks. Beyond the ends of the clip the
motion is continued by turning it about its end point, as forward-backward filters do.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import numpy as np

from phonoscope.types import Float32, Float64, MotionBlock

_STOPPED_DB = 60.0
_PIECE = 256  # samples of a bridge at once
_SLOPE = 0.5  # width of a filter's slope, of the band's own


def passband_taps(bands_hz: Sequence[tuple[float, float]], rate_hz: float, samples: int) -> Float64:
    """Return the ``(tap,)`` symmetric filter that lets bands pass with gain 1.

    Parameters
    ----------
    bands_hz
        Lowest and highest frequency of each; those that overlap are taken as one. A band that
        ends close to half the rate has no upper slope.
    rate_hz
        Samples a second.
    samples
        Of the clip: no filter reaches further than that, at the price of gentler slopes.
    """
    merged = merged_bands(bands_hz)
    slopes = [min(_SLOPE * (high - low), low) for low, high in merged]
    # Kaiser's estimate of the length for the narrowest slope.
    half = math.ceil((_STOPPED_DB - 8) / (2 * 2.285 * 2 * np.pi * min(slopes) / rate_hz))
    half = max(1, min(half, samples - 1))
    time = np.arange(-half, half + 1)
    window = np.kaiser(len(time), 0.1102 * (_STOPPED_DB - 8.7))
    taps = np.zeros(len(time))
    for (low, high), slope in zip(merged, slopes, strict=True):
        below, above = ((low - slope / 2) / rate_hz, min((high + slope / 2) / rate_hz, 0.5))
        taps += 2 * above * np.sinc(2 * above * time) - 2 * below * np.sinc(2 * below * time)
    taps *= window
    # A constant must vanish wholly, and with it, by symmetry, a steady drift.
    return np.asarray(taps - window * (taps.sum() / window.sum()))


def merged_bands(bands_hz: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the bands by rising frequency, those that touch or overlap as one."""
    merged: list[tuple[float, float]] = []
    for low, high in sorted(bands_hz):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def passed(blocks: Iterable[Float32], taps: Float64) -> Iterator[Float64]:
    """Yield ``(sample, ...)`` filtered blocks, of other lengths, in all as many samples as came.

    Parameters
    ----------
    blocks
        ``(sample, ...)`` each; in all more than half as many samples as there are taps.
    taps
        Of `passband_taps`.
    """
    from scipy.signal import oaconvolve  # slow to import

    half = len(taps) // 2
    held: Float64 | None = None
    begun = False
    for block in blocks:
        new = block.astype(np.float64)
        held = new if held is None else np.concatenate([held, new])
        if not begun:
            if len(held) <= half:
                continue
            held = np.concatenate([2 * held[:1] - held[half:0:-1], held])
            begun = True
        if len(held) > 2 * half:
            shaped = taps.reshape(-1, *[1] * (held.ndim - 1))
            yield np.asarray(oaconvolve(held, shaped, mode="valid", axes=0))
            held = held[len(held) - 2 * half :]
    if held is None or not begun:
        raise ValueError(f"fewer samples than half of {len(taps)} taps")
    tail = np.concatenate([held, 2 * held[-1:] - held[-2 : -half - 2 : -1]])
    if len(tail) > 2 * half:
        shaped = taps.reshape(-1, *[1] * (tail.ndim - 1))
        yield np.asarray(oaconvolve(tail, shaped, mode="valid", axes=0))


def bridged(blocks: Iterable[MotionBlock]) -> Iterator[Float32]:
    """Yield the ``(sample, cell, 2)`` motion of blocks, with straight lines over what was lost.

    What was measured of a frame that could not be followed is no motion, and a filter would spread
    it over all its neighbours. At the ends the nearest sample is held; if all are lost, all rest.
    The pieces have other lengths than the blocks.
    """
    known: Float32 | None = None
    rest: Float32 | None = None
    gap = 0
    for block in blocks:
        rest = np.zeros_like(block.motion[0])
        missing = frozenset(block.lost)
        for lost, samples in groupby(range(len(block.motion)), missing.__contains__):
            run = list(samples)
            if lost:
                gap += len(run)
                continue
            part = block.motion[run[0] : run[-1] + 1]
            yield from _line(part[0] if known is None else known, part[0], gap)
            gap, known = 0, part[-1]
            yield part
    if gap and rest is not None:
        end = rest if known is None else known
        yield from _line(end, end, gap)


def _line(before: Float32, after: Float32, gap: int) -> Iterator[Float32]:
    for first in range(1, gap + 1, _PIECE):
        share = np.arange(first, min(first + _PIECE, gap + 1)) / np.float32(gap + 1)
        yield np.asarray(before + share[:, None, None] * (after - before), np.float32)
