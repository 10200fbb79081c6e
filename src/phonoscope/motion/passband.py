"""Let only some bands of frequency of a motion field pass, block by block, without a seam.

The filter is a symmetric FIR (windowed sinc, Kaiser's window), so it delays nothing, and what
comes out does not depend on how the samples are cut into blocks. Beyond the ends of the clip the
motion is continued by turning it about its end point, as forward-backward filters do.
"""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from phonoscope.types import Float32, Float64

_STOPPED_DB = 60.0
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
