"""Woman or man: of known pitch, of real voices, and when it cannot be told."""

from importlib.resources import files

import numpy as np
import pytest

from phonoscope.errors import UsageError
from phonoscope.speakers import tell_gender, voice_pitch
from phonoscope.types import PitchTrack

RATE = 2200
VOICES = {
    "1998/1998-15444-0000.flac": "female",
    "367/367-130732-0002.flac": "female",
    "2609/2609-156975-0002.flac": "male",
}


def track(pitch_hz, seconds=3.0, octaves=0.12):
    frames = round(100 * seconds)
    spread = np.random.default_rng(1).standard_normal(frames) * octaves
    return PitchTrack(np.arange(frames) / 100, pitch_hz * 2**spread, np.full(frames, 0.8))


@pytest.mark.parametrize(
    ("pitch_hz", "answer"), [(100, "male"), (120, "male"), (210, "female"), (240, "female")]
)
def test_a_clear_pitch_is_answered(pitch_hz, answer):
    told = tell_gender(track(pitch_hz))
    assert told.answer == answer
    assert told.confidence > 0.9
    assert told.pitch_hz == pytest.approx(pitch_hz, rel=0.03)
    assert told.reason == ""


def test_between_women_and_men_it_cannot_tell():
    told = tell_gender(track(160))
    assert told.answer == "cannot tell"
    assert "women and men have such a pitch" in told.reason
    assert tell_gender(track(160), least=0.5).answer != "cannot tell"


def test_the_probability_grows_with_the_pitch():
    female = [tell_gender(track(hz)).female for hz in (90, 110, 130, 150, 170, 190, 210)]
    assert np.all(np.diff(female) >= 0)
    odds = tell_gender(track(150))
    assert odds.female == pytest.approx(1 / (1 + np.exp(-odds.log_likelihood_ratio)))


def test_too_little_voice_is_not_answered():
    assert "too short" in tell_gender(track(100, seconds=0.3)).reason
    nothing = tell_gender(voice_pitch(np.zeros(3 * RATE), RATE))
    assert nothing.answer == "cannot tell"
    assert np.isnan(nothing.pitch_hz)


def test_a_band_without_voice_has_no_pitch():
    assert len(voice_pitch(np.ones(1000), 240).time_s) == 0


@pytest.mark.parametrize(("name", "answer"), VOICES.items())
def test_voices_are_told_in_noise_and_hum(spoken, name, answer):
    sound = spoken(name, RATE, 5.0)
    time = np.arange(len(sound)) / RATE
    hum = np.cos(2 * np.pi * 100.02 * time) + np.cos(2 * np.pi * 200.04 * time)
    noise = 0.3 * np.random.default_rng(2).standard_normal(len(sound))
    told = tell_gender(voice_pitch(sound / sound.std() + hum + noise, RATE))
    assert told.answer == answer


def test_a_probability_below_a_half_is_refused():
    with pytest.raises(UsageError, match=r"from 0\.5 to 1"):
        tell_gender(track(100), least=0.3)


def test_the_parameters_are_small_and_tell_where_they_come_from():
    held = files("phonoscope.speakers").joinpath("data", "gender.npz")
    assert len(held.read_bytes()) < 10_000
    with held.open("rb") as file, np.load(file) as stored:
        assert "LibriSpeech (CC BY 4.0" in str(stored["provenance"])
