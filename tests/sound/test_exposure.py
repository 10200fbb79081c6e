"""What an exposure takes, on drawn sound that was averaged over it."""

from fractions import Fraction

import numpy as np
import pytest

from phonoscope.sound import left_by_exposure, without_exposure
from phonoscope.types import Sound, Verdict

RATE, EXPOSURE = 8000, 1 / 2000
_BIN = RATE / 128


def _verdict(*, detected=True):
    none = np.zeros(65)
    return Verdict(detected, 0.0, 1e-3, 0.01, none, none, none, (80.0, 2000.0))


def _sound(samples, noise_psd, **options):
    options = {"verdict": _verdict(), "band_hz": (80.0, 2000.0), **options}
    return Sound(
        samples, Fraction(RATE), snr_db=20.0, noise_floor_px=0.01,
        noise_psd=np.full(65, noise_psd), motion_rms_px=1.0, hearing=np.ones(1), **options,
    )  # fmt: skip


def _averaged(hz, exposure, seconds=4):
    """Return a tone, and its mean over the exposure around each sample."""
    time = np.arange(seconds * RATE) / RATE
    around = (np.arange(64) - 31.5) / 64 * exposure
    tone = np.sin(2 * np.pi * hz * time)
    return tone, np.mean([np.sin(2 * np.pi * hz * (time + a)) for a in around], axis=0)


@pytest.mark.parametrize("hz", [100, 440, 1000, 1400])
@pytest.mark.parametrize("exposure", [1 / 2000, 1 / 4000])
def test_what_is_left_is_what_an_average_leaves(hz, exposure):
    tone, averaged = _averaged(hz, exposure)
    left = float(left_by_exposure(np.array([float(hz)]), exposure)[0])
    assert left == pytest.approx(averaged.std() / tone.std(), rel=1e-3)


def test_nothing_is_left_from_the_null_on():
    assert left_by_exposure(np.array([2000.0, 3000.0]), EXPOSURE) == pytest.approx([0, 0])


@pytest.mark.parametrize("hz", [440, 1000, 1400])
def test_a_loud_tone_is_given_back_beside_the_measured_one(hz):
    tone, averaged = _averaged(hz, EXPOSURE)
    sound = _sound(averaged, 1e-9)
    back = without_exposure(sound, EXPOSURE)
    middle = slice(RATE // 2, -RATE // 2)
    assert back.equalized[middle] == pytest.approx(tone[middle], abs=0.03)
    assert np.array_equal(back.samples, averaged)
    at = round(hz / _BIN)
    assert back.equalized_noise_psd[at] / back.noise_psd[at] == pytest.approx(
        1 / np.sinc(at * _BIN * EXPOSURE) ** 2, rel=0.01
    )


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_not_lifted(seed):
    white = np.random.default_rng(seed).standard_normal(4 * RATE)
    back = without_exposure(_sound(white, 2 / RATE), EXPOSURE)
    assert back.equalized.std() == pytest.approx(white.std(), rel=0.05)


def test_nothing_is_lifted_at_the_null_or_outside_the_band():
    noise = np.random.default_rng(0).standard_normal(4 * RATE)
    back = without_exposure(_sound(noise, 1e-12, band_hz=(300.0, 1000.0)), EXPOSURE)
    gain = np.sqrt(back.equalized_noise_psd / back.noise_psd)
    frequency = np.linspace(0, RATE / 2, 65)
    assert gain[(frequency < 300) | (frequency > 1000)] == pytest.approx(1)
    assert gain.max() < 1 / 0.25
    assert gain[frequency == 1000] == pytest.approx(1 / np.sinc(0.5), rel=0.01)


def test_silence_stays_as_it_is():
    silent = _sound(np.zeros(RATE), 1e-6, verdict=_verdict(detected=False))
    assert without_exposure(silent, EXPOSURE) is silent
