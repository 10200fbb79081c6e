"""Pitch against synthetic truth, and against Praat where it is installed."""

import numpy as np
import pytest

from phonoscope.errors import InputError, UsageError
from phonoscope.speakers import track_pitch

GROSS = 0.2  # relative error that is another note
FINE = 0.01  # median relative error, in noise
AGREED = 0.9  # of frames, on whether they are voiced: rumble between words divides the two
SAME = 0.002  # median relative deviation from Praat


def gliding(rate, duration_s=3.0, low=110.0, high=220.0):
    time = np.arange(round(duration_s * rate)) / rate
    return low * (high / low) ** (0.5 - 0.5 * np.cos(2 * np.pi * time / 1.7))


@pytest.mark.parametrize("rate", [2200, 4000, 16000])
@pytest.mark.parametrize("snr_db", [None, 10, 5])
def test_a_glide_is_followed(voice, rate, snr_db):
    truth = gliding(rate)
    track = track_pitch(voice(truth, rate, seed=1, snr_db=snr_db), rate)
    own = np.interp(track.time_s, np.arange(len(truth)) / rate, truth)
    voiced = track.pitch_hz > 0
    error = np.abs(track.pitch_hz[voiced] / own[voiced] - 1)
    assert track.voiced_share > 0.95
    assert (error > GROSS).mean() < 0.01
    assert np.median(error) < FINE


def test_the_strength_is_the_share_that_is_periodic(voice):
    rate, snr_db = 8000, 6
    pitch = np.full(3 * rate, 137.0)
    # Harmonics up to the band's end, so that the noise in the window is the noise that was added.
    track = track_pitch(voice(pitch, rate, seed=2, snr_db=snr_db), rate)
    expected = 1 / (1 + 10 ** (-snr_db / 10))
    assert np.median(track.strength) == pytest.approx(expected, abs=0.04)


def test_the_fundamental_itself_may_be_missing(voice):
    rate = 2200
    truth = np.full(2 * rate, 90.0)
    phase = 2 * np.pi * np.cumsum(truth) / rate
    sound = sum(np.cos(k * phase + k) for k in range(4, 11))
    track = track_pitch(sound, rate)
    assert np.nanmedian(track.pitch_hz) == pytest.approx(90.0, rel=FINE)


def test_noise_is_not_voiced():
    track = track_pitch(np.random.default_rng(3).standard_normal(8000 * 4), 8000)
    assert track.voiced_share < 0.02


def test_silence_and_short_sounds_are_not_voiced():
    assert track_pitch(np.zeros(8000), 8000).voiced_share == 0
    assert len(track_pitch(np.ones(100), 8000).time_s) == 0


@pytest.mark.parametrize(
    ("rate", "options", "message"),
    [
        (1000, {}, "cannot hold a pitch of 600 Hz"),
        (8000, {"floor_hz": 300, "ceiling_hz": 200}, "cannot range from 300 to 200 Hz"),
        (8000, {"step_s": 0}, "give a positive time"),
    ],
)
def test_what_cannot_be_right_is_refused(rate, options, message):
    with pytest.raises(UsageError, match=message):
        track_pitch(np.zeros(8000), rate, **options)


def test_samples_that_are_not_finite_are_refused():
    with pytest.raises(InputError, match="1 that are not finite"):
        track_pitch(np.append(np.zeros(8000), np.nan), 8000)


@pytest.mark.parametrize("rate", [2200, 4000, 16000])
@pytest.mark.parametrize("snr_db", [None, 5])
@pytest.mark.parametrize("name", ["1998/1998-15444-0000.flac", "1688/1688-142285-0004.flac"])
def test_it_is_what_praat_finds(spoken, rate, snr_db, name):
    praat = pytest.importorskip("parselmouth")
    sound = spoken(name, rate, 4.0)
    if snr_db is not None:
        noise = np.random.default_rng(4).standard_normal(len(sound))
        sound = sound + sound.std() * 10 ** (-snr_db / 20) * noise
    ours = track_pitch(sound, rate)
    theirs = praat.Sound(sound, rate).to_pitch_ac(time_step=0.01, pitch_floor=75, pitch_ceiling=600)
    assert ours.time_s == pytest.approx(theirs.xs(), abs=1e-6)
    pitch = theirs.selected_array["frequency"]
    both = (pitch > 0) & (ours.pitch_hz > 0)
    assert ((pitch > 0) == (ours.pitch_hz > 0)).mean() > AGREED
    deviation = np.abs(ours.pitch_hz[both] / pitch[both] - 1)
    assert np.median(deviation) < SAME
    assert (deviation > GROSS).mean() < 0.05
