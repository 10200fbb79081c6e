"""Equalisation against resonances that are known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonoscope.errors import UsageError
from phonoscope.evaluate import align, si_sdr
from phonoscope.sound.equalize import equalize, measure_transfer

RATE = 2200.0
SECONDS = 8
SEEDS = (0, 1, 2)
WITHIN_DB = 1.0  # of a measured response at full coherence
NOISE_RMS = 0.01  # of the motion's
SHAPES = np.array([[1.0, 0.4], [-0.7, 1.0], [0.2, 0.1]])  # (channel, mode)


def _responses(frequency):
    ratios = [(frequency / f0, damping) for f0, damping in ((200, 0.1), (550, 0.08))]
    return SHAPES @ np.array([1 / (1 - r**2 + 2j * damping * r) for r, damping in ratios])


def _object(sound):
    size = 2 * len(sound)
    responses = _responses(np.fft.rfftfreq(size, 1 / RATE))
    return np.fft.irfft(np.fft.rfft(sound, size) * responses, size)[:, : len(sound)].T


def _noise(seed, rms=1.0, channels=None):
    shape = int(SECONDS * RATE) if channels is None else (int(SECONDS * RATE), channels)
    return rms * np.random.default_rng(seed).standard_normal(shape)


def _psd(rms):
    return np.full(65, rms**2 * 2 / RATE)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_response_of_every_channel_is_measured(seed):
    known = _noise(seed)
    transfer = measure_transfer(_object(known), known, RATE)
    middle = (transfer.frequency_hz > 100) & (transfer.frequency_hz < 900)
    truth = _responses(transfer.frequency_hz[middle]).T
    ratio = transfer.response[middle] / truth
    assert np.median(np.abs(20 * np.log10(np.abs(ratio)))) < WITHIN_DB
    # A delay is common to all channels, and taken off.
    assert np.median(np.abs(np.angle(ratio[:, 1:] / ratio[:, :1]))) < 0.05
    assert np.median(transfer.coherence[middle]) > 0.95


@pytest.mark.parametrize("lag", [0, 300, -300])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_measured_response_is_undone(seed, lag):
    known, sound = _noise(seed), _noise(seed + 100)
    played = np.roll(known, -lag)
    moved = _object(sound)
    rms = NOISE_RMS * moved.std()
    noisy = moved + _noise(seed + 200, rms, 3)
    transfer = measure_transfer(_object(known), played, RATE)
    result, left = equalize(noisy, _psd(rms), RATE, transfer)
    assert si_sdr(sound, align(sound, result, RATE)[0]) > 15
    assert si_sdr(sound, align(sound, noisy[:, 0], RATE)[0]) < 6
    # The density claimed for the noise that is left: that of noise through the same.
    middle = (transfer.frequency_hz > 50) & (transfer.frequency_hz < 1000)
    square = np.sum(np.abs(_responses(transfer.frequency_hz[middle])) ** 2, axis=0)
    expected = rms**2 * 2 / RATE / square
    at = np.linspace(0, RATE / 2, len(left))
    claimed = np.interp(transfer.frequency_hz[middle], at, left)
    assert np.median(claimed / expected) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("faster", [-200e-6, 100e-6])
def test_clocks_that_run_at_unlike_speeds_are_brought_together(faster):
    known = _noise(0)
    time = np.arange(len(known)) * (1 + faster)
    fine = np.fft.irfft(np.pad(np.fft.rfft(known), (0, 3 * len(known) // 2))) * 4
    by_camera = np.interp(time * 4, np.arange(len(fine)), fine)
    transfer = measure_transfer(_object(by_camera), known, RATE)
    middle = (transfer.frequency_hz > 100) & (transfer.frequency_hz < 700)
    assert np.median(transfer.coherence[middle]) > 0.9


@pytest.mark.parametrize("seed", SEEDS)
def test_silence_stays_silent(seed):
    known, hiss = _noise(seed), _noise(seed + 100, 0.1, 3)
    transfer = measure_transfer(_object(known), known, RATE)
    quiet = _psd(0.1)
    assert equalize(hiss, quiet, RATE, transfer)[0].std() < 0.1 * hiss.std()
    assert not equalize(np.zeros((4000, 3)), quiet, RATE, transfer)[0].any()


def test_what_was_not_played_is_not_lifted():
    known = _noise(3)
    spectrum = np.fft.rfft(known)
    frequency = np.fft.rfftfreq(len(known), 1 / RATE)
    spectrum[(frequency < 100) | (frequency > 700)] = 0
    known = np.fft.irfft(spectrum)
    calibration = _object(known) + _noise(4, NOISE_RMS, 3)
    transfer = measure_transfer(calibration, known, RATE)
    sound = _noise(5)
    result, _ = equalize(_object(sound), _psd(NOISE_RMS), RATE, transfer)
    power = np.abs(np.fft.rfft(result)) ** 2
    inside, outside = (frequency > 150) & (frequency < 650), (frequency < 60) | (frequency > 800)
    assert power[outside].mean() < 0.01 * power[inside].mean()


@settings(max_examples=10, deadline=None)
@given(st.floats(-3, 3), st.integers(0, 100))
def test_other_units_of_motion_change_nothing(exponent, seed):
    factor = 10**exponent
    known, sound = _noise(seed)[:6000], _noise(seed + 1)[:6000]
    rms = NOISE_RMS * _object(sound).std()
    noisy = _object(sound) + rms * np.random.default_rng(seed).standard_normal((6000, 3))
    one, left = equalize(noisy, _psd(rms), RATE, measure_transfer(_object(known), known, RATE))
    other, also = equalize(
        factor * noisy, factor**2 * _psd(rms), RATE,
        measure_transfer(factor * _object(known), known, RATE),
    )  # fmt: skip
    assert other == pytest.approx(one, abs=1e-6 * np.abs(one).max())
    assert also == pytest.approx(left, rel=1e-6)


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match="silent"):
        measure_transfer(np.zeros((100, 1)), np.ones(100), RATE)
    with pytest.raises(UsageError, match="not finite"):
        measure_transfer(np.full((100, 1), np.nan), np.ones(100), RATE)
    with pytest.raises(UsageError, match="rate"):
        measure_transfer(np.ones((100, 1)), np.ones(100), 0)
