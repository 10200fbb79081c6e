"""Enhanced versions beside the measured sound, and the published method."""

import json
from pathlib import Path

import numpy as np
import pytest

import phonoscope as ph


@pytest.mark.parametrize("kind", ["speech", "general"])
def test_enhanced_is_written_beside_the_measured(phonoscope, here, kind):
    assert phonoscope("recover", "clip.mkv", "-o", "plain.wav", "-q").code == 0
    done = phonoscope("recover", "clip.mkv", "-o", "o.wav", "--enhance", kind, "--json", "o.json")
    assert done.code == 0
    assert "o.enhanced.wav" in done.out
    measured, enhanced = ph.read_audio("o.wav")[0], ph.read_audio("o.enhanced.wav")[0]
    np.testing.assert_array_equal(measured, ph.read_audio("plain.wav")[0])
    assert len(measured) == len(enhanced)
    assert not np.array_equal(measured, enhanced)
    record = json.loads(Path("o.json").read_text())
    assert record["enhance"] == kind
    assert record["enhanced_sha256"] == ph.files.sha256("o.enhanced.wav")
    assert record["output_sha256"] == ph.files.sha256("o.wav")
    assert record["mains_lines"] == []


def test_enhanced_takes_noise_off_and_leaves_the_tone(here, tools):
    sound = ph.recover("clip.mkv", enhance="general")
    time = np.arange(len(sound.samples)) / float(sound.rate_hz)
    tone = np.exp(-2j * np.pi * tools.tone_hz * time)
    before, after = (abs(tone @ s) for s in (sound.samples, sound.enhanced))
    assert after == pytest.approx(before, rel=0.1)
    assert np.mean(sound.enhanced**2) <= np.mean(sound.samples**2)


def test_nothing_is_enhanced_unless_asked_for(here):
    sound = ph.recover("clip.mkv")
    assert sound.enhanced is None
    with pytest.raises(ph.UsageError, match="no version 'enhanced'"):
        sound.write("x.wav", version="enhanced")


@pytest.mark.parametrize("weights", ["equal", "optimal"])
def test_pyramid_writes_its_sound_and_has_no_verdict(phonoscope, here, weights, tools):
    given = ["--method", "pyramid", "--scales", 3, "--weights", weights, "--json", "p.json"]
    done = phonoscope("recover", "clip.mkv", "-o", "p.wav", *given, "--rate", "native")
    assert done.code == 0
    assert "no verdict" in done.out + done.err
    record = json.loads(Path("p.json").read_text())
    assert (record["method"], record["scales"], record["weights"]) == ("pyramid", 3, weights)
    samples, rate, _ = ph.read_audio("p.wav")
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    found = np.argmax(power) * rate / len(samples)
    assert found == pytest.approx(tools.tone_hz, abs=rate / len(samples))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--method", "phase"], "array"),
        (["--enhance", "music"], "general"),
        (["--mains", "400"], "auto"),
        (["--method", "pyramid", "--enhance", "speech"], "cannot enhance, equalise or separate"),
        (["--method", "pyramid", "--separate"], "cannot enhance, equalise or separate"),
        (["--method", "pyramid", "--region", "0,0,40,40", "--region", "40,0,40,40"], "give one"),
        (["--method", "pyramid", "--scales", "0"], "scales"),
    ],
)
def test_wrong_options(phonoscope, here, options, sentence):
    done = phonoscope("recover", "clip.mkv", "-o", "o.wav", *options)
    assert done.code == 2
    assert sentence in done.err
    assert not Path("o.wav").exists()


def test_pyramid_needs_the_video(phonoscope, here):
    assert phonoscope("measure", "clip.mkv", "-q").code == 0
    done = phonoscope("recover", "clip.motion", "-o", "o.wav", "--method", "pyramid")
    assert done.code == 2
    assert "needs the video itself" in done.err


def test_names_are_checked_in_python(here):
    for wrong in ({"enhance": "music"}, {"mains": "55"}, {"method": "phase"}):
        with pytest.raises(ph.UsageError, match="is not known"):
            ph.recover("clip.mkv", **wrong)


# --- calibration --------------------------------------------------------------------------------


@pytest.fixture
def played(here, tools):
    """The tone of the clip as a sound file."""
    time = np.arange(240) / tools.fps
    ph.write_audio("tone.wav", np.sin(2 * np.pi * tools.tone_hz * time), tools.fps)
    return here


def test_calibrate_then_equalize(phonoscope, played, tools):
    done = phonoscope("calibrate", "response", "clip.mkv", "tone.wav")
    assert done.code == 0
    for words in ("clip.response", "in which the object moves", "15 to 45 Hz"):
        assert words in done.out
    given = ["--equalize", "clip.response", "--json", "o.json", "--rate", "native"]
    done = phonoscope("recover", "clip.mkv", "-o", "o.wav", *given)
    assert done.code == 0
    assert "equalized  o.equalized.wav" in done.out
    record = json.loads(Path("o.json").read_text())
    assert record["parameters"]["equalize"] == "clip.response"
    assert record["equalized_sha256"] == ph.files.sha256("o.equalized.wav")
    sound = ph.recover("clip.mkv", equalize="clip.response")
    response = ph.calibrate_response("clip.mkv", "tone.wav")
    assert ph.recover("clip.mkv", equalize=response).equalized == pytest.approx(sound.equalized)
    # The tone in the unit in which it was played: an amplitude of 1, scaled to -1 dBFS.
    assert np.abs(sound.equalized[20:100]).max() == pytest.approx(10 ** (-1 / 20), rel=0.1)


@pytest.mark.parametrize(
    ("given", "code", "sentence"),
    [
        (["calibrate", "response", "clip.mkv", "none.wav"], 1, "none.wav"),
        (["calibrate", "response", "clip.mkv", "clip.mkv"], 1, "audio"),
        (["calibrate", "response", "clip.mkv", "tone.wav", "-o", "tone.wav"], 2, "input itself"),
        (["recover", "clip.mkv", "--equalize", "none.response"], 1, "there is no file"),
        (["recover", "clip.mkv", "--equalize", "tone.wav"], 1, "is no response"),
        (["recover", "clip.mkv", "-o", "tone.wav", "--equalize", "tone.wav"], 2, "input itself"),
    ],
)
def test_what_cannot_be_calibrated_is_said(refused, played, given, code, sentence):
    refused(*given, code=code, says=sentence)


def test_the_response_of_another_picture_is_refused(phonoscope, played):
    assert phonoscope("calibrate", "response", "clip.mkv", "tone.wav", "--cell", 12).code == 0
    done = phonoscope("recover", "clip.mkv", "-o", "o.wav", "--equalize", "clip.response")
    assert done.code == 2
    assert "another picture" in done.err
    assert not Path("o.wav").exists()


# --- separation ---------------------------------------------------------------------------------


def test_one_source_needs_no_files_of_its_own(phonoscope, here):
    done = phonoscope("recover", "clip.mkv", "-o", "o.wav", "--separate", "--json", "o.json")
    assert done.code == 0
    assert "nothing to separate" in done.out
    assert len(json.loads(Path("o.json").read_text())["sources"]) == 1
    assert not Path("o.1.wav").exists()


def test_two_sources_are_written_apart(phonoscope, here, tools):
    random = np.random.default_rng(5)
    sounds = random.standard_normal((2, 1200))
    cells = tools.drawn_cells
    truth = np.zeros((1200, cells, 2))
    truth[:, : cells // 2, 0] = 0.03 * sounds[0, :, None]
    truth[:, cells // 2 :, 1] = 0.03 * sounds[1, :, None]
    tools.write_drawn("two.motion", truth)
    done = phonoscope(
        "recover", "two.motion", "-o", "o.wav", "--separate", "--json", "o.json",
        "--enhance", "general", "--rate", "native",
    )  # fmt: skip
    assert done.code == 0
    assert "source 1  o.1.wav" in done.out
    record = json.loads(Path("o.json").read_text())
    for number, source in enumerate(record["sources"], 1):
        assert source["output"] == f"o.{number}.wav"
        assert source["output_sha256"] == ph.files.sha256(f"o.{number}.wav")
        assert source["enhanced_sha256"] == ph.files.sha256(f"o.{number}.enhanced.wav")
        hearing = [-99 if h is None else h for h in source["hearing_db"]]
        halves = np.median(np.reshape(hearing, (2, -1)), axis=1)
        assert abs(halves[0] - halves[1]) > 10
    found = [ph.read_audio(f"o.{number}.wav")[0] for number in (1, 2)]
    likeness = np.abs(np.corrcoef([*sounds, *found])[:2, 2:])
    assert sorted(likeness.max(axis=1) > 0.9) == [True, True]
    assert likeness.min(axis=1).max() < 0.2
