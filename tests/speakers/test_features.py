"""Band energies, pitch and speech frames against sounds of known density and period."""

import numpy as np
import pytest

from phonoscope.errors import InputError
from phonoscope.speakers.features import (
    cepstra,
    grid_hz,
    measure_frames,
    speech_frames,
    typical_pitch,
)

DENSITY_DB = 0.5  # of a band's mean over 20 s
PITCH_ERROR = 0.02


@pytest.mark.parametrize("rate", [1800, 2200, 4000, 16000])
def test_density_is_that_of_white_noise_at_any_rate(rate):
    noise = np.random.default_rng(1).standard_normal(20 * rate)
    frames = measure_frames(noise, rate, (80, 0.95 * rate / 2), np.full(2, 2 / rate))
    expected = 10 * np.log10(2 / rate)
    assert np.abs(10 * np.log10(frames.density.mean(axis=0)) - expected).max() < DENSITY_DB
    assert np.allclose(frames.noise, 2 / rate)


def test_bands_are_the_same_in_any_recording():
    narrow = grid_hz((80, 1100))
    assert np.array_equal(narrow, grid_hz((0, 4000))[: len(narrow)])
    assert narrow[-1] <= 1100


def test_a_band_for_no_voice_is_refused():
    with pytest.raises(InputError, match="too narrow"):
        grid_hz((80, 200))
    with pytest.raises(InputError, match="too short"):
        measure_frames(np.zeros(50), 2200, (80, 1000))


@pytest.mark.parametrize("hertz", [95.0, 140.0, 210.0, 290.0])
def test_pitch_of_pulses_in_noise(hertz):
    rate = 2200
    time = np.arange(4 * rate) / rate
    sound = sum(np.cos(2 * np.pi * hertz * k * time + k * k) for k in range(1, 4))
    sound = sound + 0.5 * np.random.default_rng(2).standard_normal(len(sound))
    found = np.exp(typical_pitch(measure_frames(sound, rate, (80, 1050))))
    assert abs(found / hertz - 1) < PITCH_ERROR


def test_noise_has_no_pitch_and_little_speech():
    rate = 2200
    noise = np.random.default_rng(3).standard_normal(10 * rate)
    frames = measure_frames(noise, rate, (80, 1050), np.full(2, 2 / rate))
    assert np.mean(frames.voicing > 0.55) < 0.05
    assert speech_frames(frames).mean() < 0.02


def test_cepstra_do_not_know_loudness_nor_colour():
    rng = np.random.default_rng(4)
    density = np.exp(rng.standard_normal((50, 20)))
    colour = np.exp(rng.standard_normal(20))
    assert np.allclose(cepstra(density), cepstra(7 * density * colour))
