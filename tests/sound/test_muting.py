"""What prediction between frames mutes, on drawn noise and drawn fields that pass a low-pass."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy.signal import butter, freqz, lfilter, sosfilt

from phonoscope.sound import listen
from phonoscope.sound.muting import muted_power, muting
from phonoscope.sound.windows import frequencies_hz
from phonoscope.types import Cells, MotionBlock, MotionField, NoiseModel, VideoFacts

RATE = 2200
SAMPLES = 4400
WINDOW = 128
_GAIN = 0.08
_CLAIM_DB = 2.0
_POWER = 0.15
_LEVEL = 1.7
_ALL = np.ones(WINDOW // 2 + 1, np.bool_)


def _codec(signals, follows):
    """Return what is decoded where each frame follows ``follows`` of the change."""
    return lfilter([follows], [1, follows - 1], signals, axis=0)


def _gain(follows):
    frequency = frequencies_hz(WINDOW, RATE)
    return np.abs(freqz([follows], [1, follows - 1], frequency, fs=RATE)[1])


@pytest.mark.parametrize("follows", [0.3, 0.6, 0.9, 1.0])
def test_the_gain_is_read_from_the_colour_of_the_noise(follows):
    random = np.random.default_rng(0)
    noise = 3.7 * _gain(follows) ** 2 * random.uniform(0.9, 1.1, len(_ALL))
    read = muting(noise, _ALL, 0.0)
    assert read == pytest.approx(_gain(follows), abs=_GAIN)
    assert np.all(read <= 1)


def test_bins_that_do_not_count_tell_nothing():
    noise = _gain(0.5) ** 2
    counted = _ALL.copy()
    counted[[0, 32, 64]] = False
    odd = noise.copy()
    odd[[0, 32, 64]] = 50.0
    plain, seen = muting(noise, _ALL, 0.0), muting(odd, counted, 0.0)
    assert seen[1:-1] == pytest.approx(plain[1:-1], abs=0.02)
    assert np.array_equal(muting(odd, ~_ALL, 0.0), np.ones(len(noise)))


def test_motion_above_the_noise_of_a_pixel_is_not_muted():
    noise = _gain(0.3) ** 2
    gains = [muting(noise, _ALL, power).min() for power in (0, 0.1, 1, 100)]
    assert np.all(np.diff(gains) > 0)
    assert gains[-1] > 0.99


@pytest.mark.parametrize("follows", [0.4, 0.8])
def test_the_power_that_is_missing_is_that_of_the_difference(follows):
    sound = np.random.default_rng(1).standard_normal(SAMPLES)
    spectrum = np.fft.rfft(sound)
    frequency = np.fft.rfftfreq(SAMPLES, 1 / RATE)
    gain = np.abs(freqz([follows], [1, follows - 1], frequency, fs=RATE)[1])
    heard = np.fft.irfft(spectrum * gain, SAMPLES)
    more, missing = muted_power(heard, np.zeros(len(_ALL)), _gain(follows), WINDOW)
    assert more == pytest.approx(np.mean(sound**2) - np.mean(heard**2), rel=_POWER)
    assert missing == pytest.approx(np.mean((sound - heard) ** 2), rel=_POWER)
    assert muted_power(heard, np.zeros(len(_ALL)), np.ones(len(_ALL)), WINDOW) == (0, 0)


def _field(sound, follows, codec, seed):
    """Return a field that a codec has muted forward and backward (without delay), in blocks."""
    random = np.random.default_rng(seed)
    cells, spread = 60, 0.02
    # What is left is more than is claimed, as where the claim was read from muted noise.
    drawn = _LEVEL * random.standard_normal((SAMPLES, cells, 3)) * [spread, spread, 0.01]
    drawn[:, :, :2] += sound[:, None, None] * np.array([0.8, 0.6])
    drawn = _codec(_codec(drawn, follows)[::-1], follows)[::-1].astype(np.float32)
    motion, gain = drawn[:, :, :2], 1 + drawn[:, :, 2]
    information = np.zeros((cells, 3, 3))
    information[:, [0, 1], [0, 1]] = spread**-2
    information[:, 2, 2] = 1e4
    time = np.arange(SAMPLES) / RATE
    place, size = np.arange(cells, dtype=np.int32), np.full(cells, 16, np.int32)
    where = Cells(16 * (place % 10), 16 * (place // 10), size, size, np.zeros(cells))
    facts = VideoFacts(
        "drawn", "", codec, "gray", 160, 96, 8, SAMPLES, None, Fraction(RATE), "user"
    )
    noise = NoiseModel(np.array([0.0]), np.array([1.0]))
    return MotionField(
        facts, where, noise, SAMPLES, [MotionBlock(time, motion, gain, information)]
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("follows", [0.75, 0.85])
def test_a_muted_sound_is_claimed_with_what_it_lost(follows, seed):
    white = np.random.default_rng(seed).standard_normal(SAMPLES)
    sound = sosfilt(butter(4, (100, 800), "bandpass", fs=RATE, output="sos"), white)
    sound *= 0.02 / sound.std()
    field = _field(sound, follows, "h264", seed)
    heard = listen(field)
    assert heard.verdict.detected
    truth = 10 * np.log10(np.mean(sound**2) / np.mean((heard.samples - sound) ** 2))
    assert heard.snr_db == pytest.approx(truth, abs=_CLAIM_DB)
    # Where frames stand alone, the colour of the noise says nothing about the sound.
    alone = listen(replace(field, facts=replace(field.facts, codec="mjpeg")))
    assert alone.snr_db > truth + _CLAIM_DB
    assert heard.motion_rms_px > alone.motion_rms_px
