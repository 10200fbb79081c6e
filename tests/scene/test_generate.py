"""Generated sounds."""

import numpy as np
import pytest

from phonoscope.scene import chirp, noise, silence, tones, tune

RATE_HZ = 16000


def spectrum(wave):
    return np.fft.rfftfreq(len(wave), 1 / RATE_HZ), np.abs(np.fft.rfft(wave)) ** 2


def test_tune_begins_and_ends_on_its_notes_and_stays_in_the_band():
    wave = tune(8.0, RATE_HZ)
    beat = int(RATE_HZ * 8.0 / 31)
    for first, expected in ((0, 329.6), (beat, 293.7), (2 * beat, 261.6), (27 * beat, 261.6)):
        hz, power = spectrum(np.pad(wave[first : first + beat], (0, RATE_HZ)))
        assert hz[np.argmax(power)] == pytest.approx(expected, rel=0.015)
    hz, power = spectrum(wave)
    assert power[hz > 1300].sum() < 1e-3 * power.sum()
    assert wave.std() == pytest.approx(1)


def test_tones_chirp_noise_and_silence_are_what_they_say():
    hz, power = spectrum(tones(1.0, RATE_HZ, [440, 880]))
    assert set(hz[power > 0.1 * power.max()]) == {440, 880}
    hz, power = spectrum(noise(1.0, RATE_HZ, 200, 400, seed=1))
    assert power[(hz < 199) | (hz > 401)].max() < 1e-20 * power.max()
    late = chirp(2.0, RATE_HZ, 100, 1600)[-RATE_HZ // 20 :]
    hz, power = spectrum(late)
    assert 1400 < hz[np.argmax(power)] < 1620
    assert not silence(0.5, RATE_HZ).any()
    for wave in (tones(1, RATE_HZ, [100, 300]), noise(1, RATE_HZ, 50, 500)):
        assert wave.std() == pytest.approx(1, rel=0.01)
