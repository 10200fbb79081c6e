"""Speech or not: never in noise, found in speech, and where it is."""

import numpy as np
import pytest

from phonoscope.errors import InputError, UsageError
from phonoscope.speakers import find_speech

RATE = 2200
PLACED_S = 0.5  # how far the ends of a segment may be off


def noises(seed):
    from scipy.signal import lfilter

    random = np.random.default_rng(seed)
    time = np.arange(4 * RATE) / RATE
    white = random.standard_normal(len(time))
    knocks = np.where(random.uniform(size=len(time)) < 3 / RATE, 1.0, 0.0)
    knocks[50] = 1
    pole = 0.995 * np.exp(2j * np.pi * 170 / RATE)
    poles = [1, -2 * pole.real, abs(pole) ** 2]
    hum = sum(np.cos(2 * np.pi * k * 50.03 * time + k) / k**0.5 for k in (1, 2, 3, 4, 6, 8))
    return {
        "white": white,
        "resonance": lfilter([1], poles, white),
        "hum": hum + 0.3 * white,
        "ringing": lfilter([1], poles, knocks) + 0.02 * white,
        "flicker": np.cos(2 * np.pi * 120 * time) + np.cos(2 * np.pi * 240 * time) + 0.1 * white,
    }


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_not_speech(seed):
    for kind, sound in noises(seed).items():
        activity = find_speech(sound, RATE)
        assert not activity.detected, kind
        assert activity.segments_s == ()
        assert activity.reason


@pytest.mark.parametrize("name", ["1998/1998-15444-0000.flac", "1688/1688-142285-0004.flac"])
@pytest.mark.parametrize("kind", ["white", "resonance", "hum"])
def test_speech_is_found_in_noise(spoken, name, kind):
    sound = spoken(name, RATE, 4.0)
    noise = noises(9)[kind][: len(sound)]
    activity = find_speech(sound / sound.std() + 0.5 * noise / noise.std(), RATE)
    assert activity.detected, activity
    assert activity.score >= activity.threshold


def test_it_says_where(spoken):
    sound = spoken("1998/1998-15444-0000.flac", RATE, 3.0)
    noise = 0.1 * np.random.default_rng(5).standard_normal(9 * RATE)
    noise[3 * RATE : 3 * RATE + len(sound)] += sound / sound.std()
    activity = find_speech(noise, RATE)
    assert activity.detected
    assert activity.segments_s[0][0] == pytest.approx(3.0, abs=PLACED_S)
    assert activity.segments_s[-1][1] == pytest.approx(6.0, abs=PLACED_S)
    assert activity.duration_s > 1.5


def test_what_cannot_be_told_says_why():
    quiet = np.zeros(4 * RATE)
    assert find_speech(quiet, RATE).reason == "there is no sound"
    assert "too short" in find_speech(np.ones(300), RATE).reason
    assert "too low to tell" in find_speech(quiet, RATE, band_hz=(20, 120)).reason


def test_what_cannot_be_right_is_refused():
    with pytest.raises(UsageError, match="the band 500 to 100 Hz is none"):
        find_speech(np.zeros(4000), RATE, band_hz=(500, 100))
    with pytest.raises(UsageError, match="rate_hz is 0"):
        find_speech(np.zeros(4000), 0)
    with pytest.raises(InputError, match="one row of finite samples"):
        find_speech(np.zeros((2, 4000)), RATE)
