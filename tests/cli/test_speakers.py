"""The command `speakers`, and its function in Python."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.cli.speaking import speakers
from phonoscope.speakers import LEAST
from phonoscope.types import Diarisation, Turn

RATE = 2200
SPEECH = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "speech"


@pytest.fixture
def recovered(here):
    """Write a reader's voice as a camera of 2,200 frames/s would have heard it; return the path."""
    found = sorted((SPEECH / "2609").glob("*.flac"))
    if not found:
        pytest.skip("the shared recordings of speech are not here")
    samples, rate, _ = ph.read_audio(found[0])
    sound = ph.resample(samples, rate, RATE)[: 6 * RATE]
    noise = np.random.default_rng(1).standard_normal(len(sound))
    ph.write_audio(here / "out.wav", sound + 0.1 * sound.std() * noise, RATE)
    return "out.wav"


def test_a_voice_is_told(phonoscope, here, recovered):
    done = phonoscope("speakers", recovered, "--least", 0.7, "--number", 1, "--json", "who.json")
    assert (done.code, done.err) == (0, "")
    assert "a man's, with a probability of" in done.out
    record = json.loads((here / "who.json").read_text(encoding="utf-8"))
    assert record["speech"] is True
    assert record["gender"] == "male"
    # What the file holds above the camera's band is nothing.
    assert record["band_hz"][1] == pytest.approx(RATE / 2, rel=0.15)
    assert 80 < record["median_pitch_hz"] < 160
    assert len(record["pitch"]["pitch_hz"]) == len(record["pitch"]["time_s"])
    assert record["parameters"] == {"least": 0.7, "number": 1}


def test_python_says_the_same_of_a_sound(phonoscope, here, recovered):
    from_file = ph.speakers_in(here / recovered)
    assert from_file.gender.answer == "male"
    assert from_file.speech.duration_s > 2
    sure = ph.speakers_in(here / recovered, least=1.0)
    assert (sure.gender.answer, sure.gender.female) == ("cannot tell", from_file.gender.female)


def test_noise_is_no_speech(phonoscope, here):
    noise = np.random.default_rng(0).standard_normal(5 * RATE)
    ph.write_audio(here / "noise.wav", noise, RATE)
    done = phonoscope("speakers", "noise.wav", "--json", "who.json")
    assert (done.code, done.out) == (1, "")
    assert "no speech is told in noise.wav" in done.err
    assert done.err.count("\n") == 1
    record = json.loads((here / "who.json").read_text(encoding="utf-8"))
    assert (record["speech"], record["gender"]) == (False, None)


def test_a_video_without_sound_has_no_speaker(phonoscope, here):
    from phonoscope.scene import write_video

    frames = np.random.default_rng(2).integers(90, 110, (64, 48)) + np.zeros((400, 1, 1))
    noise = np.random.default_rng(3).normal(0, 2, frames.shape)
    write_video((frames + noise).astype(np.uint8), here / "still.mkv", 240)
    done = phonoscope("speakers", "still.mkv", "--fps", 200)
    assert done.code == 1
    assert "nothing stands above the noise floor" in done.err


def test_people_are_compared(phonoscope, here, recovered):
    (here / "him ü").mkdir()
    for name in ("2609", "1998", "367"):
        for number, path in enumerate(sorted((SPEECH / name).glob("*.flac"))[1:3]):
            samples, rate, _ = ph.read_audio(path)
            folder = here / "him ü" if name == "2609" else here
            ph.write_audio(folder / f"{name} {number}.wav", samples, rate)
    done = phonoscope(
        "speakers", recovered, "--enrol", "him=him ü", "--enrol", "her=1998 0.wav",
        "--enrol", "other=367 0.wav", "--enrol", "other=367 1.wav", "--json", "who.json",
        "--number", 1,
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    record = json.loads((here / "who.json").read_text(encoding="utf-8"))
    (one,) = record["identifications"]
    first, *others = one["comparisons"]
    assert first["name"] == "him"
    assert first["log10_likelihood_ratio"] > 0 > max(o["log10_likelihood_ratio"] for o in others)
    assert max(abs(o["log10_likelihood_ratio"]) for o in one["comparisons"]) <= 3.0
    assert sum(other["probability"] for other in one["comparisons"]) == pytest.approx(1)
    assert one["colour"] == "estimated"
    assert record["number"] == 1
    assert sum(record["number_probability"]) == pytest.approx(1)
    assert all(turn["speaker"] == 0 for turn in record["turns"])
    assert "him: " in done.out
    assert "1 person, as given" in done.out
    assert "none of them: " in done.out


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["silent.wav", "--enrol", "anna"], 2, "give NAME=PATH"),
        (["silent.wav", "--enrol", "anna=."], 1, "there is no sound"),
        (["silent.wav", "--enrol", "anna=empty"], 1, "holds no sound file"),
        (["silent.wav", "--enrol", "anna=nosuch.wav"], 1, "there is no file nosuch.wav"),
        (["silent.wav", "--number", 5], 2, "number is 5"),
        (["silent.wav", "--encoder", "net.onnx"], 2, "nobody is enrolled"),
        (["silent.wav", "--enrol", "a=silent.wav", "--encoder", "n.onnx"], 1, "no file n.onnx"),
        (["nosuch.wav"], 1, "there is no file nosuch.wav"),
        (["clip.mkv", "--least", 0.3], 2, "least is 0.3"),
        (["silent.wav", "--fps", 2200], 2, "has no frames"),
        (["silent.wav"], 1, "there is no sound"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(phonoscope, here, arguments, code, sentence):
    ph.write_audio(here / "silent.wav", np.zeros(RATE * 3), RATE)
    (here / "empty").mkdir()
    done = phonoscope("speakers", *arguments)
    assert done.code == code
    assert sentence in done.err
    assert done.err.count("\n") == 1


def test_same_names_and_defaults_as_in_python():
    command, function = (inspect.signature(f).parameters for f in (speakers, ph.speakers_in))
    assert set(command) - {"json_file", "quiet"} == set(function) - {"progress"}
    assert command["least"].default == function["least"].default == LEAST


def test_a_speaker_who_says_too_little_loses_the_others_nothing(here, recovered, monkeypatch):
    samples, rate, _ = ph.read_audio(SPEECH / "2609" / sorted((SPEECH / "2609").iterdir())[1].name)
    ph.write_audio(here / "him.wav", samples, rate)
    turns = Turn(0.2, 4.8, 0), Turn(5.0, 5.4, 1)
    found = Diarisation(2, np.array([0.05, 0.95, 0.0, 0.0]), turns)
    monkeypatch.setattr("phonoscope.pipeline.speaking.find_turns", lambda *_, **__: found)
    enrol = {"him": here / "him.wav"}
    first, second = ph.speakers_in(here / recovered, enrol=enrol).identifications
    assert first.best.name == "him"
    assert 1 < first.speech_s < 4.6
    assert second is None


def test_too_few_recordings_of_somebody_are_refused(phonoscope, here, recovered):
    samples, rate, _ = ph.read_audio(SPEECH / "2609" / sorted((SPEECH / "2609").iterdir())[1].name)
    little = np.concatenate([samples[rate : 2 * rate], np.zeros(20 * rate)])
    ph.write_audio(here / "little.wav", little, rate)
    done = phonoscope("speakers", recovered, "--enrol", "him=little.wav")
    assert done.code == 1
    assert "the recordings of him hold" in done.err


def test_a_recording_of_a_narrow_band_is_refused_whatever_its_rate(phonoscope, here, recovered):
    noise = ph.resample(np.random.default_rng(5).standard_normal(3000), 1000, 16000)
    ph.write_audio(here / "narrow.wav", noise, 16000)
    done = phonoscope("speakers", recovered, "--enrol", "anna=narrow.wav")
    assert done.code == 1
    assert "holds nothing above" in done.err
    assert done.err.count("\n") == 1
