"""What prediction between frames mutes, on drawn noise and drawn fields that pass a low-pass."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy.signal import butter, freqz, lfilter, sosfilt

from phonoscope.sound import listen
from phonoscope.sound.array import Heard
from phonoscope.sound.muting import muting, unmuted
from phonoscope.sound.windows import frequencies_hz, shares_of_power
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


def _response(follows):
    frequency = frequencies_hz(WINDOW, RATE)
    return freqz([follows], [1, follows - 1], frequency, fs=RATE)[1]


def _read(noise, counted=_ALL, power=0.0, alike=0.0, between=0.0):
    return muting(noise, counted, power, alike, between)


@pytest.mark.parametrize("follows", [0.3, 0.6, 0.9, 1.0])
def test_gain_and_delay_are_read_from_the_colour_of_the_noise(follows):
    random = np.random.default_rng(0)
    true = _response(follows)
    noise = 3.7 * np.abs(true) ** 2 * random.uniform(0.9, 1.1, len(_ALL))
    assert np.abs(_read(noise).gain - true).max() < _GAIN
    assert np.abs(_read(noise).gain).max() <= 1 + 1e-12
    # Frames from both sides have the gain, and the fewer of the others there are, the less delay.
    alone, most = _read(noise).gain, _read(noise, between=0.75).gain
    assert np.abs(most) == pytest.approx(np.abs(alone))
    assert np.angle(most) == pytest.approx(np.angle(alone) / 4)


def test_bins_that_do_not_count_tell_nothing():
    noise = np.abs(_response(0.5)) ** 2
    counted = _ALL.copy()
    counted[[0, 32, 64]] = False
    odd = noise.copy()
    odd[[0, 32, 64]] = 50.0
    plain, seen = _read(noise).gain, _read(odd, counted).gain
    assert np.abs(seen[1:-1]) == pytest.approx(np.abs(plain[1:-1]), abs=0.02)
    assert seen[1:-1] == pytest.approx(plain[1:-1], abs=0.03)
    nothing = _read(odd, ~_ALL)
    assert nothing.gain == pytest.approx(np.ones(len(noise)))
    assert nothing.bent == pytest.approx(np.zeros(len(noise)))


@pytest.mark.parametrize("follows", [0.3, 0.7])
@pytest.mark.parametrize("between", [0.0, 0.75])
def test_motion_above_the_noise_of_a_pixel_is_not_muted(between, follows):
    noise = np.abs(_response(follows)) ** 2
    gains = [np.abs(_read(noise, power=p, between=between).gain).min() for p in (0, 0.1, 1, 100)]
    assert np.all(np.diff(gains) > 0)
    assert gains[-1] > 0.99


def test_the_error_is_largest_where_motion_is_as_large_as_the_noise():
    noise = np.abs(_response(0.5)) ** 2
    bent = [_read(noise, power=p).bent.max() for p in (1e-4, 0.3, 1e4)]
    assert bent[1] > 10 * bent[0]
    assert bent[1] > 10 * bent[2]


@pytest.mark.parametrize("between", [0.0, 0.75])
def test_the_error_is_larger_where_all_moves_alike_and_the_gain_is_the_same(between):
    noise = np.abs(_response(0.5)) ** 2
    alone, most, all_ = (
        _read(noise, power=0.3, alike=alike, between=between) for alike in (0.0, 0.5, 1.0)
    )
    assert all_.gain == pytest.approx(alone.gain)
    assert np.all(all_.bent >= most.bent)
    assert np.all(most.bent >= alone.bent)
    assert all_.bent.max() > 1.5 * alone.bent.max()


@pytest.mark.parametrize("follows", [0.4, 0.8])
def test_what_was_muted_is_given_back(follows):
    sound = np.random.default_rng(1).standard_normal(SAMPLES)
    muted = _codec(sound, follows)
    none = np.zeros(len(_ALL))
    power = shares_of_power(WINDOW) * np.abs(_response(follows)) ** 2
    heard = Heard(muted, power, none, none, np.eye(1), np.ones((len(power), 1), complex))
    back = unmuted(heard, _read(np.abs(_response(follows)) ** 2), WINDOW)
    middle = slice(WINDOW, -WINDOW)  # windows reach over the ends
    error = back.signal[middle] - sound[middle]
    assert np.mean(error**2) < 0.01
    assert np.mean((muted - sound) ** 2) > 0.05
    assert back.power == pytest.approx(1, rel=_POWER)


def _field(sound, follows, codec, seed):
    """Return a field that a codec has muted."""
    random = np.random.default_rng(seed)
    cells, spread = 60, 0.02
    # What is left is more than is claimed, as where the claim was read from muted noise.
    drawn = _LEVEL * random.standard_normal((SAMPLES, cells, 3)) * [spread, spread, 0.01]
    drawn[:, :, :2] += sound[:, None, None] * np.array([0.8, 0.6])
    drawn = _codec(drawn, follows).astype(np.float32)
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


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("follows", [0.5, 0.75])
def test_a_muted_sound_is_given_back_and_its_error_known(follows, seed):
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
    assert 10 * np.log10(np.mean(sound**2) / np.mean((alone.samples - sound) ** 2)) < truth - 2
    assert heard.motion_rms_px > alone.motion_rms_px
