"""Enhance a measured sound for listening: take off noise whose level is known.

A camera's noise is known before anything is heard, and the whole clip is at hand. So presence of
sound is judged against that level, from past and future alike::

    short-time spectrum over the known noise, its slow departures followed
        -> presence of sound, in several neighbourhoods of time and frequency
        -> first estimate -> a priori SNR -> gain by presence -> sound

Every gain lies between a floor and 1: nothing is added, filled in or made louder.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phonoscope.choices import Kind
from phonoscope.errors import InputError, UsageError
from phonoscope.types import Float64

_OVERLAP = 4
_FEWEST_SAMPLES = 16  # in a window: with fewer there are no frequencies to tell apart
_NOTHING = 1e-15  # of the largest bin's power: where the noise is said to be zero

# The noise level: one number for each time and frequency, 1 if the noise is what it is said to be.
_DRIFT_S = 0.5  # Gaussian over which it is learned
_DRIFT_HZ = 100.0
_DRIFT_TRUST = 200.0  # bins of evidence that the given level counts for
_DRIFT_SPAN = 2.0  # largest departure in power, either way
_DRIFT_ROUNDS = 2
_DRIFT_SNR = 10**1.5  # of sound where there is any: Gerkmann and Hendriks, 15 dB

# Gaussians over which presence is judged: deviations in frames and bins. A consonant fills a short
# and wide one, the harmonic of a vowel a long and narrow one, a rising note a small one.
_NEIGHBOURHOODS = ((2.0, 0.5), (6.0, 0.33), (3.0, 4.0))
_PRESENT_SNR = 1.0  # of a neighbourhood with sound in it, over the noise
_REFINE = (0.75, 0.33)  # Gaussian over which the first estimate is averaged to the a priori SNR


@dataclass(frozen=True, slots=True)
class _Settings:
    """What differs from one kind of sound to another.

    Attributes
    ----------
    window_s
        Length of the short-time window.
    floor_db
        Least gain: what is left of the noise.
    """

    window_s: float
    floor_db: float


_SETTINGS = {
    "speech": _Settings(window_s=0.032, floor_db=-30.0),
    # Notes and machines last: longer windows resolve them, a higher floor keeps what is faint.
    "general": _Settings(window_s=0.128, floor_db=-15.0),
}


@dataclass(frozen=True, slots=True, eq=False)
class _Frames:
    """The grid of a short-time spectrum: sine windows, three quarters overlapping."""

    window: Float64

    @classmethod
    def of(cls, window_s: float, rate_hz: float) -> "_Frames":
        size = max(_FEWEST_SAMPLES, _OVERLAP * round(window_s * rate_hz / _OVERLAP))
        return cls(np.sin(np.pi * (np.arange(size) + 0.5) / size))

    @property
    def hop(self) -> int:
        return len(self.window) // _OVERLAP

    def spectrum(self, signal: Float64) -> NDArray[np.complex128]:
        """Return ``(frame, bin)``; beyond its ends the signal is continued by its mirror image."""
        size = len(self.window)
        padded = np.pad(signal, (size, size - len(signal) % -self.hop), mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, size)[:: self.hop]
        return np.asarray(np.fft.rfft(frames * self.window, axis=1))

    def signal(self, spectrum: NDArray[np.complex128], samples: int) -> Float64:
        """Invert `spectrum`; squared sine windows with this overlap sum to half of it."""
        size = len(self.window)
        frames = np.fft.irfft(spectrum, size, axis=1) * self.window
        total = np.zeros((len(frames) + _OVERLAP - 1, self.hop))
        for part in range(_OVERLAP):
            total[part : part + len(frames)] += frames[:, part * self.hop :][:, : self.hop]
        return np.asarray(total.ravel()[size : size + samples] / (_OVERLAP / 2))

    def independent(self, spread: tuple[float, float]) -> float:
        """Return how many independent bins of white noise a Gaussian average is worth."""
        size, power = len(self.window), self.window @ self.window
        lags = [self.window[lag:] @ self.window[:-lag] for lag in range(self.hop, size, self.hop)]
        in_time = (np.array(lags) / power) ** 2
        in_frequency = np.abs(np.fft.rfft(self.window**2)[1:4] / power) ** 2
        times, bins = (
            _share(deviation, overlap)
            for deviation, overlap in zip(spread, (in_time, in_frequency), strict=True)
        )
        return 1 / (times * bins)


def enhance(
    signal: ArrayLike,
    rate_hz: Fraction | float,
    *,
    noise_psd: float | ArrayLike,
    kind: Kind = "speech",
) -> Float64:
    """Take known, stationary noise off a sound: the optimally modified log-spectral amplitude.

    Parameters
    ----------
    signal
        ``(sample,)`` sound in any unit; it is not changed.
    rate_hz
        Samples a second.
    noise_psd
        One-sided power spectral density of the noise, units²/Hz: one number for white noise (its
        variance is then ``noise_psd * rate_hz / 2``), or ``(k,)`` values at even steps from 0 Hz to
        Nyquist, both included. It is the prior; departures that last longer than about a second
        are followed, up to 3 dB either way.
    kind
        ``"speech"``, or ``"general"`` for music, machines and all else: longer windows, and no more
        than 15 dB taken off.

    Returns
    -------
    ``(sample,)`` sound, in the same unit, without delay. No frequency at any time is louder than
    in `signal`; noise alone is left about 20 dB lower (speech) or 14 dB (general).

    Raises
    ------
    InputError
        If there are no samples, more than one axis, or values that are not finite.
    UsageError
        If the rate, the density or the kind cannot be right.

    References
    ----------
    Ephraim and Malah (1985), doi:10.1109/TASSP.1985.1164550: the log-spectral amplitude.
    Cohen and Berdugo (2001), doi:10.1016/S0165-1684(01)00128-1: its modification by presence.
    Gerkmann, Breithaupt and Martin, IEEE Trans. Audio, Speech, Language Process. 16:910 (2008):
    presence in neighbourhoods, with a fixed prior SNR.
    Plapous, Marro and Scalart (2006), doi:10.1109/TASL.2006.872621: a priori SNR in two steps.
    Gerkmann and Hendriks (2012), doi:10.1109/TASL.2011.2180896: the noise's level by presence.
    """
    if kind not in _SETTINGS:
        raise UsageError(f'kind is {kind!r}; give one of "speech" and "general".')
    sound = checked_sound(signal)
    rate = checked_rate(rate_hz)
    settings = _SETTINGS[kind]
    frames = _Frames.of(settings.window_s, rate)
    noise = _noise_power(noise_psd, frames, rate)
    spectrum = frames.spectrum(sound)
    power = np.abs(spectrum) ** 2
    least = _NOTHING * float(power.max())
    if least == 0:
        return np.zeros_like(sound)
    ratio = power / np.maximum(noise, least)
    ratio /= _drift(ratio, frames, rate)
    return frames.signal(spectrum * _gain(ratio, settings.floor_db, frames), len(sound))


def checked_sound(signal: ArrayLike) -> Float64:
    """Return a sound as ``(sample,)`` float64, or raise `InputError` if it is none."""
    sound = np.asarray(signal, dtype=np.float64)
    if sound.ndim != 1 or len(sound) == 0:
        raise InputError(f"a sound is one row of samples, not an array of shape {sound.shape}.")
    if not np.isfinite(sound).all():
        bad = int(np.argmin(np.isfinite(sound)))
        raise InputError(f"sample {bad} is {sound[bad]}; replace values that are not finite first.")
    return sound


def checked_rate(rate_hz: Fraction | float) -> float:
    """Return a sample rate as a float, or raise `UsageError` if it is not positive and finite."""
    rate = float(rate_hz)
    if not 0 < rate < np.inf:
        raise UsageError(f"rate_hz is {rate_hz!r}; give a positive number of samples a second.")
    return rate


def _noise_power(noise_psd: float | ArrayLike, frames: _Frames, rate: float) -> Float64:
    """Return ``(bin,)`` expected power of the noise in a frame's spectrum."""
    density = np.atleast_1d(np.asarray(noise_psd, dtype=np.float64))
    if density.ndim != 1 or len(density) == 0:
        raise UsageError(
            f"noise_psd has shape {density.shape}; give one number, or values from 0 Hz to Nyquist."
        )
    if not (np.isfinite(density).all() and (density >= 0).all()):
        raise UsageError("noise_psd holds values that are negative or not finite.")
    # Through the autocorrelation, so that what leaks out of a band is expected beyond its edges.
    size = len(frames.window)
    steps = np.linspace(0, 1, size + 1)
    level = np.interp(steps, np.linspace(0, 1, len(density)), density)
    noise = np.fft.irfft(level * rate / 2)[:size]
    window = np.correlate(frames.window, frames.window, "full")[size - 1 :]
    both = noise * window
    # Lags of either sign; folded to the frame's length, as its bins see them.
    both[1:] += both[:0:-1]
    return np.asarray(np.maximum(np.fft.rfft(both).real, 0))


def _drift(ratio: Float64, frames: _Frames, rate: float) -> Float64:
    """Return ``(frame, bin)`` slow departure of the noise's power from the given one.

    The posterior mean of a variance whose prior is the given level: bins without sound, each
    weighted by the probability that it has none, against `_DRIFT_TRUST` bins of prior.
    """
    from scipy.ndimage import gaussian_filter  # slow to import

    def absence(value: Float64) -> Float64:
        share = _DRIFT_SNR / (1 + _DRIFT_SNR)
        return np.asarray(1 / (1 + np.exp(np.minimum(value * share, 50)) / (1 + _DRIFT_SNR)))

    # Noise's own peaks count for little: what that takes off the mean of noise alone, put back.
    grid = np.linspace(0, 40, 4001)
    weight = absence(grid) * np.exp(-grid)
    bias = float((weight @ grid) / weight.sum())
    spread = (_DRIFT_S * rate / frames.hop, _DRIFT_HZ * len(frames.window) / rate)
    # A Gaussian average is a sum over about 2 pi times the product of its deviations.
    trust = _DRIFT_TRUST / (2 * np.pi * spread[0] * spread[1])
    drift = np.ones_like(ratio)
    for _ in range(_DRIFT_ROUNDS):
        absent = absence(ratio / drift)
        count = gaussian_filter(absent, spread, mode="nearest")
        seen = gaussian_filter(absent * ratio, spread, mode="nearest") / bias
        drift = np.clip((trust + seen) / (trust + count), 1 / _DRIFT_SPAN, _DRIFT_SPAN)
    return drift


def _gain(ratio: Float64, floor_db: float, frames: _Frames) -> Float64:
    """Return ``(frame, bin)`` gain from power over the noise's."""
    from scipy.ndimage import gaussian_filter
    from scipy.special import exp1, expit

    share, against = _PRESENT_SNR / (1 + _PRESENT_SNR), np.log1p(_PRESENT_SNR)
    first, presence = np.zeros_like(ratio), np.zeros_like(ratio)
    for spread in _NEIGHBOURHOODS:
        mean = gaussian_filter(ratio, spread, mode="nearest")
        evidence = frames.independent(spread) * (mean * share - against)
        present = expit(evidence)  # both as likely before the sound is looked at
        first += present * (1 - 1 / np.maximum(mean, 1))
        presence += present
    first /= len(_NEIGHBOURHOODS)
    presence /= len(_NEIGHBOURHOODS)
    # What the first gain lets through is the sound's power, nearly free of noise: Plapous.
    prior = gaussian_filter(first**2 * ratio, _REFINE, mode="nearest")
    wiener = prior / (1 + prior)
    amplitude = wiener * np.exp(exp1(np.clip(wiener * ratio, 1e-10, 500)) / 2)
    floor = 10 ** (floor_db / 20)
    # Between the two in dB, by presence: where that is unsure, neither extreme is taken.
    return np.asarray(np.clip(amplitude, floor, 1) ** presence * floor ** (1 - presence))


def _share(deviation: float, overlap: Float64) -> float:
    """Return the variance that a Gaussian average leaves, neighbours correlated by `overlap`."""
    reach = int(np.ceil(4 * deviation)) + 1
    steps = np.arange(-reach, reach + 1)
    kernel = np.exp(-0.5 * (steps / max(deviation, 1e-3)) ** 2)
    kernel /= kernel.sum()
    pairs = np.convolve(kernel, kernel)[2 * reach :][: len(overlap) + 1]
    return float(pairs[0] + 2 * pairs[1:] @ overlap[: len(pairs) - 1])
