"""Keep a band of frequencies without moving anything in time."""

import math

import numpy as np

from phonoscope.errors import UsageError
from phonoscope.types import Float64

_ORDER = 4
_DEFAULT_LOW_HZ = 20.0
# Above this share of Nyquist an upper edge would only be a filter's ripple.
_OPEN_TOP = 0.98


def chosen_band(band: tuple[float, float] | None, rate_hz: float) -> tuple[float, float]:
    """Return the band (low, high) in Hz: `band` checked, or the default.

    The default reaches from 20 Hz, below which there is drift rather than sound (a tenth of Nyquist
    for slow captures), to Nyquist.

    Raises
    ------
    UsageError
        If the band is empty, negative or reaches above Nyquist.
    """
    nyquist = rate_hz / 2
    if band is None:
        return min(_DEFAULT_LOW_HZ, nyquist / 10), nyquist
    low, high = band
    if not (math.isfinite(low) and math.isfinite(high) and 0 <= low < high):
        raise UsageError(f"band {low:g},{high:g} Hz is empty; give low,high such as 80,1000.")
    if high > nyquist:
        raise UsageError(
            f"band {low:g},{high:g} Hz reaches above {nyquist:g} Hz, the highest frequency that "
            f"{rate_hz:g} frames/s can hold; lower it or give the true capture rate with --fps."
        )
    return low, high


def band_pass(signals: Float64, rate_hz: float, band_hz: tuple[float, float]) -> Float64:
    """Filter ``(sample, k)`` signals with zero phase (Butterworth, forward and backward).

    The ends are continued by a cubic fitted to two periods of the lowest frequency, so that a
    drift thousands of times larger than the sound makes no thump where the clip begins and ends.
    """
    from scipy.signal import butter, sosfiltfilt  # slow to import

    low, high = band_hz
    result = signals - signals.mean(axis=0)
    if low > 0:
        pad = max(16, round(2 * rate_hz / low))
        extended = _extended(result, pad)
        sections = butter(_ORDER, low, "highpass", fs=rate_hz, output="sos")
        result = sosfiltfilt(sections, extended, axis=0, padlen=0)[pad:-pad]
    if high < _OPEN_TOP * rate_hz / 2:
        sections = butter(_ORDER, high, "lowpass", fs=rate_hz, output="sos")
        result = sosfiltfilt(sections, result, axis=0, padlen=min(len(result) - 1, 64))
    return np.asarray(result)


def noise_gain(samples: int, rate_hz: float, band_hz: tuple[float, float]) -> float:
    """Return the share of white noise's power that `band_pass` lets through."""
    frequency = np.linspace(0, rate_hz / 2, 4096)[1:]
    low, high = band_hz
    gain = np.ones_like(frequency)
    if low > 0:
        gain = gain / (1 + (_warped(low, rate_hz) / _warped(frequency, rate_hz)) ** (2 * _ORDER))
    if high < _OPEN_TOP * rate_hz / 2:
        gain = gain / (1 + (_warped(frequency, rate_hz) / _warped(high, rate_hz)) ** (2 * _ORDER))
    return float(np.mean(gain**2) * (1 - 1 / max(samples, 2)))


def _warped(frequency: Float64 | float, rate_hz: float) -> Float64:
    # The bilinear transform's frequency scale; infinite at Nyquist.
    return np.asarray(np.tan(np.minimum(np.pi * np.asarray(frequency) / rate_hz, 1.570796)))


def _extended(signals: Float64, pad: int) -> Float64:
    window = min(pad, len(signals))
    inside = np.arange(window) / pad
    outside = np.arange(1, pad + 1) / pad
    fit = np.linalg.pinv(np.vander(inside, 4))

    def beyond(first: Float64) -> Float64:
        # Continue to the left of `first`, whose row 0 is the edge.
        return np.asarray(np.vander(-outside, 4) @ (fit @ first))

    left = beyond(signals[:window])[::-1]
    right = beyond(signals[::-1][:window])
    return np.concatenate([left, signals, right])
