"""Sounds to play to a simulated object: each returns ``(sample,)`` float64 of about unit RMS."""

from collections.abc import Sequence

import numpy as np

from phonoscope.errors import UsageError
from phonoscope.scene.checks import check, check_band
from phonoscope.types import Float64

# "Mary Had a Little Lamb" (traditional, in the public domain): semitones above the key note, beats.
_TUNE = (
    (4, 1), (2, 1), (0, 1), (2, 1), (4, 1), (4, 1), (4, 2),
    (2, 1), (2, 1), (2, 2), (4, 1), (7, 1), (7, 2),
    (4, 1), (2, 1), (0, 1), (2, 1), (4, 1), (4, 1), (4, 1), (4, 1),
    (2, 1), (2, 1), (4, 1), (2, 1), (0, 4),
)  # fmt: skip
_HARMONICS = (1.0, 0.5, 0.25)
_KEY_HZ = 261.63


def silence(duration_s: float, rate_hz: int) -> Float64:
    """Nothing at all."""
    return np.zeros(_count(duration_s, rate_hz))


def tones(duration_s: float, rate_hz: int, frequencies_hz: Sequence[float]) -> Float64:
    """Steady sines of equal strength."""
    if len(frequencies_hz) == 0:
        raise UsageError("no frequencies are no tones; give at least one, or play silence.")
    for frequency in frequencies_hz:
        check("a tone's frequency", frequency, 0, rate_hz / 2, above=True)
    time = _times(duration_s, rate_hz)
    waves = np.sin(2 * np.pi * np.multiply.outer(np.asarray(frequencies_hz, float), time))
    return np.asarray(waves.sum(axis=0) * np.sqrt(2 / len(frequencies_hz)))


def chirp(duration_s: float, rate_hz: int, low_hz: float, high_hz: float) -> Float64:
    """A sine whose frequency rises exponentially from `low_hz` to `high_hz`."""
    check_band(low_hz, high_hz)
    time = _times(duration_s, rate_hz)
    growth = np.log(high_hz / low_hz) / duration_s
    phase = 2 * np.pi * low_hz * np.expm1(growth * time) / growth
    return np.asarray(np.sqrt(2) * np.sin(phase))


def noise(duration_s: float, rate_hz: int, low_hz: float, high_hz: float, seed: int = 0) -> Float64:
    """Gaussian noise of flat spectrum between two frequencies and nothing outside."""
    check("low_hz", low_hz, 0, rate_hz / 2)
    check("high_hz", high_hz, low_hz, above=True)
    check("seed", seed, 0, whole=True)
    samples = _count(duration_s, rate_hz)
    spectrum = np.fft.rfft(np.random.default_rng([seed, 11]).standard_normal(samples))
    frequency = np.fft.rfftfreq(samples, 1 / rate_hz)
    spectrum[(frequency < low_hz) | (frequency > high_hz)] = 0
    wave = np.fft.irfft(spectrum, samples)
    return np.asarray(wave / max(wave.std(), 1e-12))


def tune(duration_s: float, rate_hz: int) -> Float64:
    """Play "Mary Had a Little Lamb" once, stretched to `duration_s`, as if on small bells.

    Every note has three harmonics, the highest at 1,176 Hz; fundamentals lie between 262 and
    392 Hz.
    """
    time = _times(duration_s, rate_hz)
    beat = duration_s / sum(beats for _, beats in _TUNE)
    wave = np.zeros_like(time)
    start = 0.0
    for semitones, beats in _TUNE:
        first = round(start * rate_hz)
        own = time[: min(len(time) - first, round((beats * beat + 0.15) * rate_hz))]
        pitch = _KEY_HZ * 2 ** (semitones / 12)
        attack = -np.expm1(-own / 0.004)
        release = np.clip((beats * beat + 0.15 - own) / 0.05, 0, 1)
        for number, strength in enumerate(_HARMONICS, start=1):
            decay = np.exp(-own * number / (0.5 * beats * beat + 0.1))
            note = strength * decay * np.sin(2 * np.pi * number * pitch * own)
            wave[first : first + len(own)] += attack * release * note
        start += beats * beat
    return np.asarray(wave / max(wave.std(), 1e-12))


def _times(duration_s: float, rate_hz: int) -> Float64:
    return np.arange(_count(duration_s, rate_hz)) / rate_hz


def _count(duration_s: float, rate_hz: int) -> int:
    check("duration_s", duration_s, 0, above=True)
    check("rate_hz", rate_hz, 0, above=True)
    return max(1, round(duration_s * rate_hz))
