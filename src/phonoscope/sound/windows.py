"""Short-time spectra of a few signals: windows long enough to tell an object's modes apart."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from phonoscope.types import Float64

if TYPE_CHECKING:
    from scipy.signal import ShortTimeFFT

Complex = NDArray[np.complex128]

RESOLUTION_HZ = 17.0
"""By which an object's modes are told apart."""
_SHORTEST = 8
_FEWEST_WINDOWS = 16  # else there would be nothing to average over
_BYTES_AT_ONCE = 2**22
OVERLAP = 4
"""Windows that cover each sample."""


def window_samples(samples: int, rate_hz: float, resolution_hz: float = RESOLUTION_HZ) -> int:
    """Return the length of a window for a clip: about that resolution, a power of two."""
    wanted = max(rate_hz / resolution_hz, _SHORTEST)
    most = max(samples / _FEWEST_WINDOWS, _SHORTEST)
    return int(2 ** min(round(np.log2(wanted)), int(np.log2(most))))


def spectra(signals: Float64, window: int) -> Complex:
    """Return ``(bin, signal, frame)`` short-time spectra of ``(sample, signal)`` signals.

    White noise of variance 1 has a mean square of 1 in every bin. Frame n is centred on sample
    ``n * window / OVERLAP``; the first and last ones reach beyond the signal, over zeros.
    """
    result = _transform(window).stft(signals.T)
    return np.asarray(np.moveaxis(result, 0, 1))


def covariances(
    signals: Float64, window: int, groups: Sequence[NDArray[np.int64]]
) -> list[Complex]:
    """Return for each group of frames of `spectra` their mean ``(bin, signal, signal)`` product.

    Zero where a group has none. Few frames are held at once, however long the signals.
    """
    transform = _transform(window)
    first, stop = transform.p_min, transform.p_max(len(signals))
    counted = [np.bincount(group, minlength=stop - first) for group in groups]
    bins, count = window // 2 + 1, signals.shape[1]
    totals = [np.zeros((bins, count, count), np.complex128) for _ in groups]
    at_once = max(1, _BYTES_AT_ONCE // (16 * bins * max(count, 1)))
    for begin in range(first, stop, at_once):
        end = min(begin + at_once, stop)
        seen = np.moveaxis(transform.stft(signals.T, begin, end), 0, 1)
        for total, times in zip(totals, counted, strict=True):
            own = np.flatnonzero(times[begin - first : end - first])
            chosen = np.ascontiguousarray(seen[:, :, own])
            total += chosen @ chosen.conj().transpose(0, 2, 1)
    return [total / max(len(group), 1) for total, group in zip(totals, groups, strict=True)]


def signals_of(spectrum: Complex, window: int, samples: int) -> Float64:
    """Return the ``(..., sample)`` signals whose ``(..., bin, frame)`` spectra these are."""
    return np.asarray(_transform(window).istft(spectrum, k1=samples))


def shares_of_power(window: int) -> Float64:
    """Return ``(bin,)`` how much of a signal's mean square each bin's mean square stands for.

    Of a one-sided spectrum all bins but the ends count twice; white noise of power 1 sums to 1.
    """
    shares = np.full(window // 2 + 1, 2 / window)
    shares[[0, -1]] = 1 / window
    return shares


def centres(samples: int, window: int) -> NDArray[np.int64]:
    """Return the sample on which each frame of `spectra` is centred."""
    transform = _transform(window)
    return np.asarray(np.arange(transform.p_min, transform.p_max(samples)) * transform.hop)


def frequencies_hz(window: int, rate_hz: float) -> Float64:
    """Return the frequency of each bin."""
    return np.asarray(np.fft.rfftfreq(window, 1 / rate_hz), np.float64)


def independent_frames(frames: int) -> float:
    """Return how many independent frames tell as much as `frames` overlapping ones (Hann)."""
    return max(1.0, frames * _HANN_INDEPENDENT / OVERLAP)


# Welch's factor for the variance of a mean over Hann windows that overlap by three quarters.
_HANN_INDEPENDENT = 2.08


@lru_cache(maxsize=8)
def _transform(window: int) -> "ShortTimeFFT":
    from scipy.signal import ShortTimeFFT  # slow to import
    from scipy.signal.windows import hann

    shape = hann(window, sym=False)
    return ShortTimeFFT(shape / np.sqrt(np.sum(shape**2)), window // OVERLAP, 1.0)
