"""Separation of virtual channels drawn directly: every source and the noise are known exactly."""

from typing import NamedTuple

import numpy as np
import pytest

from phonoscope.sound.separate import count_sources, separate
from phonoscope.sound.windows import frequencies_hz, shares_of_power, window_samples

RATE = 2200
SAMPLES = 4400
LEAST_DB = 10.0  # of each of two sources of equal level that would reach 15 dB alone
ALONE_DB = 15.0
CLAIM_DB = 1.5  # by which the claimed SNR may be off
WINDOW = window_samples(SAMPLES, RATE)
WHITE = np.ones(WINDOW // 2 + 1)


def _syllables(rng):
    """Return sound that is like speech: syllables with a gliding pitch and some hiss."""
    time = np.arange(SAMPLES) / RATE
    knots = np.arange(0, time[-1] + 0.3, 0.15)
    pitch = np.interp(time, knots, rng.uniform(100, 200) * rng.uniform(0.8, 1.25, len(knots)))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voiced = sum(rng.uniform(0.3, 1) * np.sin(n * phase) for n in range(1, 6))
    loud, hissing = (
        np.interp(time, knots, rng.choice([0.0, 0.3, 1.0], len(knots))) for _ in range(2)
    )
    return loud * voiced + hissing * rng.standard_normal(SAMPLES)


def _object(sound, modes, rng, damping=(0.04, 0.15)):
    """Return ``(sample, mode)`` courses of an object's modes, resonances 120 to 900 Hz."""
    resonances = 120 * 7.5 ** ((np.arange(modes) + rng.uniform(0.2, 0.8, modes)) / modes)
    ratio = np.fft.rfftfreq(2 * SAMPLES, 1 / RATE)[:, None] / resonances
    response = rng.choice([-1, 1], modes) / (
        1 - ratio**2 + 2j * rng.uniform(*damping, modes) * ratio
    )
    spectrum = np.fft.rfft(sound, 2 * SAMPLES)[:, None] * response
    courses = np.fft.irfft(spectrum, axis=0)[:SAMPLES]
    return courses / np.sqrt((courses**2).sum(axis=1).mean())


class Drawn(NamedTuple):
    channels: np.ndarray
    shares: np.ndarray
    truths: list


def _separate(drawn, noise=WHITE):
    return separate(drawn.channels, noise, WINDOW, RATE, drawn.shares)


def _count(drawn):
    return count_sources(drawn.channels, WHITE, WINDOW, RATE, drawn.shares)


def _mixed(objects, rng, snr_db=15.0):
    """Return noisy channels in a random rotation, where they listen, and each object's part.

    Every object fills 8 cells of its own.
    """
    power = 10 ** (snr_db / 10)
    width = sum(part.shape[1] for part in objects)
    turn = np.linalg.qr(rng.standard_normal((width, width)))[0]
    first, truths, shares = 0, [], []
    for part in objects:
        last = first + part.shape[1]
        truths.append(np.sqrt(power) * part @ turn[first:last])
        cells = np.linalg.qr(rng.standard_normal((16, last - first)))[0]
        shares.append((cells @ turn[first:last]).reshape(8, 2, width))
        first = last
    noisy = sum(truths) + rng.standard_normal((SAMPLES, width))
    return Drawn(noisy, np.concatenate(shares), truths)


def _si_sdr(estimate, truth):
    projected = truth * (estimate @ truth) / (truth @ truth)
    return 10 * np.log10(np.sum(projected**2) / np.sum((estimate - projected) ** 2))


def _two(seed):
    rng = np.random.default_rng(seed)
    first = _syllables(rng)
    second = rng.standard_normal(SAMPLES) if seed % 2 else _syllables(rng)
    objects = [_object(sound, rng.integers(1, 5), rng) for sound in (first, second)]
    return _mixed(objects, rng)


@pytest.mark.parametrize("seed", range(10))
def test_two_objects_are_two_sources_each_heard_by_itself(seed):
    _check_two(_two(seed), seed)


@pytest.mark.parametrize("seed", range(4))
def test_two_sounds_of_the_same_colour_are_told_apart_by_where_they_are(seed):
    rng = np.random.default_rng(seed)
    noises = rng.standard_normal((2, SAMPLES, 1))
    _check_two(_mixed(list(noises), rng), seed)


def _check_two(drawn, seed):
    sources = _separate(drawn)
    assert len(sources) == 2
    for truth in drawn.truths:
        directions = [source.directions[:, 0] for source in sources]
        own = int(np.argmax([np.sum((truth @ d) ** 2) for d in directions]))
        score = _si_sdr(sources[own].heard.signal, truth @ directions[own])
        noise = np.random.default_rng([seed, 1]).standard_normal(truth.shape)
        (alone,) = _separate(drawn._replace(channels=truth + noise))
        if _si_sdr(alone.heard.signal, truth @ alone.directions[:, 0]) >= ALONE_DB:
            assert score >= LEAST_DB
        heard = sources[own].heard
        assert 10 * np.log10(heard.power / heard.error) == pytest.approx(score, abs=CLAIM_DB)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("sharp", [False, True])
def test_one_source_is_one_however_many_modes_ring(seed, sharp):
    rng = np.random.default_rng(seed)
    sound = _syllables(rng) if seed % 2 else rng.standard_normal(SAMPLES)
    damping = (0.005, 0.02) if sharp else (0.04, 0.15)
    assert _count(_mixed([_object(sound, 3 + seed % 6, rng, damping)], rng, 20.0)) == 1


def test_one_sound_that_shakes_two_objects_is_one_source():
    for seed in range(4):
        rng = np.random.default_rng(seed)
        sound = _syllables(rng)
        assert _count(_mixed([_object(sound, 2, rng), _object(sound, 3, rng)], rng)) == 1


def test_noise_alone_or_a_single_channel_is_at_most_one():
    rng = np.random.default_rng(0)
    for width in (1, 2, 8):
        silent = _mixed([np.zeros((SAMPLES, width))], rng)
        (source,) = _separate(silent)
        assert source.directions.shape == (width, width)
        assert source.heard.power < 0.02 * width


def test_sources_at_unlike_frequencies_cannot_be_told_from_modes_and_count_as_one():
    time = np.arange(SAMPLES) / RATE
    low, high = (np.sin(2 * np.pi * hz * time)[:, None] for hz in (200, 700))
    assert _count(_mixed([low, high], np.random.default_rng(0))) == 1


def test_what_is_heard_adds_up():
    drawn = _two(1)
    sources = _separate(drawn)
    directions = np.hstack([source.directions for source in sources])
    assert directions.T @ directions == pytest.approx(np.eye(drawn.channels.shape[1]), abs=1e-9)
    traces = [np.trace(source.heard.covariance) for source in sources]
    assert traces == sorted(traces, reverse=True)
    true = sum(truth.T @ truth for truth in drawn.truths) / SAMPLES
    claimed = sum(source.heard.covariance for source in sources)
    assert np.trace(claimed) == pytest.approx(np.trace(true), rel=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_a_narrow_band_is_enough(seed):
    drawn = _two(seed)
    hz = np.fft.rfftfreq(SAMPLES, 1 / RATE)
    spectrum = np.fft.rfft(drawn.channels, axis=0)
    spectrum[(hz < 100) | (hz > 500)] = 0
    assert _count(drawn._replace(channels=np.fft.irfft(spectrum, SAMPLES, axis=0))) == 2


def test_coloured_noise_of_any_level_changes_neither_count_nor_share():
    drawn = _two(3)
    hz = np.fft.rfftfreq(SAMPLES, 1 / RATE)
    level = 2 + np.sin(hz / 200)
    spectrum = np.fft.rfft(drawn.channels, axis=0) * np.sqrt(level)[:, None]
    noise = np.interp(frequencies_hz(WINDOW, RATE), hz, level)
    coloured = drawn._replace(channels=np.fft.irfft(spectrum, SAMPLES, axis=0))
    sources = _separate(coloured, noise)
    assert len(sources) == 2
    for source in sources:
        left = float(source.heard.noise @ shares_of_power(WINDOW))
        assert 0 < left < float(noise @ shares_of_power(WINDOW))
