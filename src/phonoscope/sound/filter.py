"""Keep a band of frequencies without moving anything in time."""

import math
from functools import lru_cache

import numpy as np

from phonoscope.errors import UsageError
from phonoscope.types import Float64, VideoFacts

_AT_ONCE = 8  # signals, of which a filter needs several copies
_ORDER = 8
_DEFAULT_LOW_HZ = 20.0
_ROLLING_LOW_HZ, _ROLLING_HIGH_HZ = 80.0, 2000.0
_SLOW_READ_OUT = 0.86  # periods of that lowest frequency
_END_PERIODS = 16  # of the lowest frequency
_SLOW = 0.6  # of the lowest frequency: what is faster is for the filter
_TRANSITION = 6  # functions beyond those that are slow altogether
_SAMPLES_OF_A_DRIFT = 2048
_CONFINED = 1e-3  # share of a slow function's energy that is slow: fewer miss the very ends
# As a multiple of the signals' own length: what is slower is a drift, and taken off as one.
_LONGEST_PERIOD = 16
OPEN_TOP = 0.98
"""Share of Nyquist above which an upper edge would only be a filter's ripple."""


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


def band_of(band: tuple[float, float] | None, facts: VideoFacts) -> tuple[float, float]:
    """Return the band (low, high) in Hz for a video; as `chosen_band`.

    Rows that are read one after the other hold sound up to half of their own rate. By default it
    is taken to 2 kHz: above that exposures of a usual length leave nothing, and what must be
    guessed in the time between frames grows with the band. It begins at 80 Hz if a frame takes
    about a period of that to be read: then unsteadiness from frame to frame is not taken for sound.
    """
    if not facts.shutter.rolling:
        return chosen_band(band, float(facts.capture_rate))
    rate = 1 / (2 * facts.shutter.line_delay_s)
    slow = facts.shutter.line_delay_s * facts.height * _ROLLING_LOW_HZ > _SLOW_READ_OUT
    low = _ROLLING_LOW_HZ if slow else _DEFAULT_LOW_HZ
    return chosen_band(band or (low, min(_ROLLING_HIGH_HZ, rate / 2)), rate)


def band_pass(signals: Float64, rate_hz: float, band_hz: tuple[float, float]) -> Float64:
    """Filter ``(sample, k)`` signals with zero phase (Butterworth, forward and backward).

    Drift and sway, thousands of times larger than the sound, would make a thump where the clip
    begins and ends: there they are fitted and taken off first.
    """
    result = np.empty(signals.shape)
    for first in range(0, signals.shape[1], _AT_ONCE):
        few = slice(first, first + _AT_ONCE)
        result[:, few] = _passed(signals[:, few], rate_hz, band_hz)
    return result


def _passed(signals: Float64, rate_hz: float, band_hz: tuple[float, float]) -> Float64:
    from scipy.signal import butter, sosfiltfilt  # slow to import

    low, high = band_hz
    result = signals - signals.mean(axis=0)
    if low > 0:
        result = _without_slow_ends(result, rate_hz, low)
    if low * len(signals) > rate_hz / _LONGEST_PERIOD:
        pad = max(16, round(2 * rate_hz / low))
        level = np.pad(result, ((pad, pad), (0, 0)))
        sections = butter(_ORDER, low, "highpass", fs=rate_hz, output="sos")
        result = sosfiltfilt(sections, level, axis=0, padlen=0)[pad:-pad]
    if high < OPEN_TOP * rate_hz / 2:
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
    if high < OPEN_TOP * rate_hz / 2:
        gain = gain / (1 + (_warped(frequency, rate_hz) / _warped(high, rate_hz)) ** (2 * _ORDER))
    return float(np.mean(gain**2) * (1 - 1 / max(samples, 2)))


def _warped(frequency: Float64 | float, rate_hz: float) -> Float64:
    # The bilinear transform's frequency scale; infinite at Nyquist.
    return np.asarray(np.tan(np.minimum(np.pi * np.asarray(frequency) / rate_hz, 1.570796)))


def _without_slow_ends(signals: Float64, rate_hz: float, low_hz: float) -> Float64:
    # Fitted at each end, and taken off fading towards the middle; of a short clip, throughout.
    length = round(_END_PERIODS * rate_hz / low_hz)
    whole = len(signals) <= 2 * length
    length = len(signals) if whole else length
    half_bandwidth = round(length * _SLOW * low_hz / rate_hz, 2)
    basis = _slow_basis(length, half_bandwidth)
    result = signals.copy()
    if whole:
        return result - basis @ (basis.T @ result)
    x = np.arange(length) / length
    # From 1 to 0 with three smooth derivatives, lest what is left of a drift has a kink.
    fading = basis * (1 - x**4 * (35 - 84 * x + 70 * x**2 - 20 * x**3))[:, None]
    result[:length] -= fading @ (basis.T @ result[:length])
    result[-length:] -= fading[::-1] @ (basis.T @ result[: -length - 1 : -1])
    return result


@lru_cache(maxsize=4)
def _slow_basis(length: int, half_bandwidth: float) -> Float64:
    """Return ``(length, k)`` orthonormal drifts: cubics, and what is slow within such a length.

    Slow means less than `half_bandwidth` periods; nothing else is as well confined to it, in time
    and frequency (Slepian, doi:10.1002/j.1538-7305.1978.tb02104.x).
    """
    from scipy.interpolate import CubicSpline  # slow to import
    from scipy.signal.windows import dpss

    cubics = np.vander(np.linspace(-1, 1, length), 4)
    count = min(int(2 * half_bandwidth) + _TRANSITION, length // 2)
    if count < 1 or half_bandwidth <= 0:  # a band that begins at almost nothing
        return np.linalg.qr(cubics)[0]
    # They are smooth: many samples need not be solved for.
    few = min(length, _SAMPLES_OF_A_DRIFT)
    slow, confined = dpss(few, half_bandwidth, count, return_ratios=True)
    place = np.linspace(0, few - 1, length)
    drifts = CubicSpline(np.arange(few), slow[confined > _CONFINED].T)(place)
    return np.linalg.qr(np.hstack([cubics, drifts]))[0]
