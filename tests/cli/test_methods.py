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
    with pytest.raises(ph.UsageError, match="nothing was enhanced"):
        sound.write("x.wav", enhanced=True)


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
        (["--method", "pyramid", "--enhance", "speech"], "needs the video itself"),
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
