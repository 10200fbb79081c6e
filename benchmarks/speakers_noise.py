"""Sounds without speech, as videos give them, on which `speakers.py` may not hear any."""

from collections.abc import Callable

import numpy as np

from phonoscope.types import Float64

RATES_HZ = (2200, 4000, 8000)


def noise_clip(kind: str, seed: int) -> tuple[Float64, int, tuple[float, float]]:
    """Return 2 to 12 s of a sound of a kind of `KINDS`, its rate and its band."""
    rng = np.random.default_rng([seed, sorted(KINDS).index(kind), 23])
    rate = int(rng.choice(RATES_HZ))
    samples = round(rate * rng.uniform(2, 12))
    sound = KINDS[kind](samples, rate, rng)
    return sound / sound.std(), rate, (20.0, min(rate / 2, 2000.0))


def _white(samples: int, rate: int, rng: np.random.Generator) -> Float64:
    return rng.standard_normal(samples)


def _coloured(samples: int, rate: int, rng: np.random.Generator) -> Float64:
    total = np.zeros(samples)
    for _ in range(rng.integers(1, 9)):
        hz, quality = _mode(rate, rng)
        total += rng.uniform(0.2, 1) * _resonator(rng.standard_normal(samples), hz, quality, rate)
    return np.asarray(total / total.std() + 10 ** rng.uniform(-2, 0) * rng.standard_normal(samples))


def _rumble(samples: int, rate: int, rng: np.random.Generator) -> Float64:
    hz = np.fft.rfftfreq(samples, 1 / rate)
    slope = np.maximum(hz, 20) ** -rng.uniform(0.5, 2)
    return np.asarray(np.fft.irfft(np.fft.rfft(rng.standard_normal(samples)) * slope, samples))


def _hum(samples: int, rate: int, rng: np.random.Generator) -> Float64:
    time = np.arange(samples) / rate
    base = rng.choice([50.0, 60.0, 100.0, 120.0]) * (1 + 1e-3 * rng.standard_normal())
    wander = 1e-3 * base * np.sin(2 * np.pi * time * rng.uniform(0.05, 0.5) + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(base + wander) / rate
    lines = np.zeros(samples)
    for harmonic in range(1, int(min(rate / 2, 2000) / base) + 1):
        if rng.uniform() < 0.6:
            lines += rng.uniform(0.1, 1) * np.cos(harmonic * phase + rng.uniform(0, 6))
    beside = _beside(samples, rate, rng)
    return np.asarray(
        lines / (lines.std() or 1) + 10 ** rng.uniform(-1.5, 0.5) * beside / beside.std()
    )


def _ringing(samples: int, rate: int, rng: np.random.Generator) -> Float64:
    knocks = np.where(rng.uniform(size=samples) < rng.uniform(0.5, 8) / rate, 1.0, 0.0)
    knocks[rng.integers(samples // 2)] = 1
    knocks *= rng.standard_normal(samples)
    total = np.zeros(samples)
    for _ in range(rng.integers(1, 7)):
        hz, quality = _mode(rate, rng)
        total += rng.uniform(0.2, 1) * _resonator(knocks, hz, quality, rate)
    return np.asarray(total / total.std() + 10 ** rng.uniform(-2, 0) * rng.standard_normal(samples))


def _flicker(samples: int, rate: int, rng: np.random.Generator) -> Float64:
    # Lamps' lines and what the capture rate folds of them, some coming and going.
    time = np.arange(samples) / rate
    mains = rng.choice([100.0, 120.0]) * (1 + 5e-4 * rng.standard_normal())
    total = rng.standard_normal(samples)
    for harmonic in range(1, 40):
        if rng.uniform() < 0.4:
            folded = abs((harmonic * mains + rate / 2) % rate - rate / 2)
            beat = 1 + rng.uniform(0, 0.9) * np.sin(2 * np.pi * rng.uniform(0.2, 3) * time)
            size = 10 ** rng.uniform(-1, 0.7)
            total += size * beat * np.cos(2 * np.pi * folded * time + rng.uniform(0, 6))
    return total


def _gusts(samples: int, rate: int, rng: np.random.Generator) -> Float64:
    # Noise whose loudness changes at the rate of syllables.
    beside = _beside(samples, rate, rng)
    knots = np.arange(0, samples / rate + 1, rng.uniform(0.06, 0.3))
    loudness = np.exp(rng.uniform(0.5, 1.5) * rng.standard_normal(len(knots)))
    envelope = np.interp(np.arange(samples) / rate, knots, loudness)
    return np.asarray(beside * envelope)


def _beside(samples: int, rate: int, rng: np.random.Generator) -> Float64:
    return (_white, _coloured, _rumble)[rng.integers(3)](samples, rate, rng)


def _mode(rate: int, rng: np.random.Generator) -> tuple[float, float]:
    hz = np.exp(rng.uniform(np.log(60), np.log(0.45 * min(rate, 4000))))
    return float(hz), float(np.exp(rng.uniform(np.log(3), np.log(80))))


def _resonator(sound: Float64, hz: float, quality: float, rate: int) -> Float64:
    from scipy.signal import lfilter  # slow to import

    radius = np.exp(-np.pi * hz / quality / rate)
    poles = [1, -2 * radius * np.cos(2 * np.pi * hz / rate), radius**2]
    driven = lfilter([1.0], poles, sound)
    return np.asarray(driven / (driven.std() or 1))


KINDS: dict[str, Callable[[int, int, np.random.Generator], Float64]] = {
    "white": _white,
    "coloured": _coloured,
    "rumble": _rumble,
    "hum": _hum,
    "ringing": _ringing,
    "flicker": _flicker,
    "gusts": _gusts,
}
