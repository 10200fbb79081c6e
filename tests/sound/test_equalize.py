"""Equalisation against resonances that are known."""

import numpy as np
import pytest

from phonoscope.errors import UsageError
from phonoscope.evaluate import align, si_sdr
from phonoscope.sound.equalize import equalize, measure_response

RATE = 2200.0
SECONDS = 8
SEEDS = (0, 1, 2)
WITHIN_DB = 1.0  # of a measured response at full coherence
NOISE_RMS = 0.01  # of the motion's


def _response(frequency):
    ratios = [(frequency / f0, damping) for f0, damping in ((200, 0.1), (550, 0.08))]
    return sum(1 / (1 - r**2 + 2j * damping * r) for r, damping in ratios)


def _object(sound):
    size = 2 * len(sound)
    response = _response(np.fft.rfftfreq(size, 1 / RATE))
    return np.fft.irfft(np.fft.rfft(sound, size) * response, size)[: len(sound)]


def _noise(seed, rms=1.0):
    return rms * np.random.default_rng(seed).standard_normal(int(SECONDS * RATE))


def _psd(rms):
    return np.full(65, rms**2 * 2 / RATE)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_response_is_measured(seed):
    known = _noise(seed)
    response = measure_response(_object(known), known, RATE)
    middle = (response.frequency_hz > 100) & (response.frequency_hz < 900)
    ratio = response.response[middle] / _response(response.frequency_hz[middle])
    assert np.median(np.abs(20 * np.log10(np.abs(ratio)))) < WITHIN_DB
    assert np.median(response.coherence[middle]) > 0.95


@pytest.mark.parametrize("lag", [0, 300, -300])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_measured_response_is_undone(seed, lag):
    known, sound = _noise(seed), _noise(seed + 100)
    played = np.roll(known, -lag)
    moved = _object(sound)
    rms = NOISE_RMS * moved.std()
    noisy = moved + _noise(seed + 200, rms)
    response = measure_response(_object(known), played, RATE)
    result = equalize(noisy, RATE, response, _psd(rms))
    before = si_sdr(sound, align(sound, noisy, RATE)[0])
    after = si_sdr(sound, align(sound, result, RATE)[0])
    assert after > before + 6
    assert after > 9


@pytest.mark.parametrize("seed", SEEDS)
def test_silence_stays_silent(seed):
    known, hiss = _noise(seed), _noise(seed + 100, 0.1)
    response = measure_response(_object(known), known, RATE)
    quiet = _psd(0.1)
    assert equalize(hiss, RATE, response, quiet).std() < 0.1 * hiss.std()
    assert not equalize(np.zeros(4000), RATE, response, quiet).any()


def test_what_cannot_be_is_refused():
    with pytest.raises(UsageError, match="silent"):
        measure_response(np.zeros(100), np.ones(100), RATE)
    with pytest.raises(UsageError, match="not finite"):
        measure_response(np.full(100, np.nan), np.ones(100), RATE)
    with pytest.raises(UsageError, match="rate"):
        measure_response(np.ones(100), np.ones(100), 0)
