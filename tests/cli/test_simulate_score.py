"""A simulated clip, its truth, its recovery and its scores, all by the command line."""

import inspect
import json
import re
from fractions import Fraction

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.cli import demonstrate
from phonoscope.evaluate import limit_band
from phonoscope.scene import CODECS, preset, presets

SHORT = ("--duration", "0.05")


@pytest.mark.parametrize("codec", demonstrate.SUFFIXES)
def test_simulate(codec, phonoscope, tmp_path):
    folder = tmp_path / "new" / "demo"
    done = phonoscope("simulate", "rigid", "--out", folder, "--codec", codec, *SHORT)
    assert (done.code, done.err) == (0, "")
    video = f"rigid{demonstrate.SUFFIXES[codec]}"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        [video, "truth.json", "truth.wav"]
    )
    scene = preset("rigid", duration=0.05)
    truth, rate, _ = ph.read_audio(folder / "truth.wav")
    assert rate == scene.truth.sound_rate_hz
    scale = np.abs(truth).max() / np.abs(scene.truth.sound).max()
    np.testing.assert_allclose(truth, scene.truth.sound * scale, atol=2**-22)
    record = json.loads((folder / "truth.json").read_text())
    assert (record["scene"], record["codec"], record["video"]) == ("rigid", codec, video)
    with ph.open_video(folder / video) as opened:
        assert opened.facts.container_rate == record["container_fps"]
        lumas = [frame.luma.copy() for frame in opened]
    assert len(lumas) == scene.samples
    exact = codec in ("ffv1", "h264-lossless", "raw")
    error = lumas[7].astype(float) - next(scene.frames(7, 8))
    assert (not error.any()) if exact else 0 < error.std() < 3
    if record["container_fps"] != 2200:
        assert "--fps 2200" in done.out


@pytest.mark.slow
def test_seed_and_sound(phonoscope, tmp_path):
    tone = np.sin(2 * np.pi * 300 * np.arange(8000) / 8000)
    ph.write_audio(tmp_path / "tone.wav", tone, 8000, file_rate="native")
    given = ["--seed", 3, "--sound", tmp_path / "tone.wav", *SHORT]
    for name in ("a", "b"):
        assert phonoscope("simulate", "rigid", "--out", tmp_path / name, *given).code == 0
    for file in ("truth.wav", "truth.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    sound, again = (ph.recover(tmp_path / name / "rigid.mkv") for name in ("a", "b"))
    np.testing.assert_array_equal(sound.samples, again.samples)
    assert _strongest_hz(sound.samples, float(sound.rate_hz)) == pytest.approx(300, abs=20)


def _strongest_hz(samples, rate):
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return power.argmax() * rate / len(samples)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere"], "there is no scene 'nowhere'"),
        (["rigid", "--codec", "vp7"], "there is no codec 'vp7'"),
        (["rigid", "--duration", "0"], "give seconds above 0"),
        (["rigid", "--duration", "nan"], "give seconds above 0"),
        (["rigid", "--seed", "-1"], "seed -1 is below 0"),
    ],
)
def test_wrong_simulations(arguments, says, refused, tmp_path):
    refused("simulate", *arguments, "--out", tmp_path / "demo", code=2, says=says)


def test_simulate_where_it_cannot_write(refused, tmp_path):
    (tmp_path / "file").write_text("")
    for place in ("file", "file/demo"):
        refused("simulate", "rigid", "--out", tmp_path / place, *SHORT, code=1, says="cannot write")
    refused(
        "simulate", "rigid", "--sound", tmp_path / "no.wav", "--out", tmp_path / "demo",
        code=1, says="there is no file",
    )  # fmt: skip


def test_help_names_all_scenes_and_codecs():
    name = inspect.signature(demonstrate.simulate).parameters["name"].annotation
    said = re.split(r"\W+", name.__metadata__[0].help)
    assert set(presets()) <= set(said)
    assert set(demonstrate.SUFFIXES) == set(CODECS)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """A truth and its recovery."""
    folder = tmp_path_factory.mktemp("demo")
    rng = np.random.default_rng(2)
    time = np.arange(24000) / 16000
    truth = rng.standard_normal(24000) * (1.2 + np.sin(2 * np.pi * 4 * time))
    ph.write_audio(folder / "truth.wav", truth, 16000, file_rate="native")
    heard = ph.resample(limit_band(truth, 16000, (20, 1100)), 16000, 2200)
    heard += 0.2 * heard.std() * rng.standard_normal(len(heard))
    known = np.array([100.0])
    verdict = ph.Verdict(True, 0.0, 1e-3, 0.1, known, known, known, (100.0, 100.0))
    sound = ph.Sound(
        -heard, Fraction(2200), (20, 1100), 14.0, 0.2, np.zeros(2), 1.0, verdict, np.ones(1)
    )
    sound.write(folder / "out.wav")
    return folder


def test_score(demo, phonoscope, tmp_path):
    done = phonoscope("score", demo / "truth.wav", demo / "out.wav", "--json", tmp_path / "s.json")
    assert (done.code, done.err) == (0, "")
    record = json.loads((tmp_path / "s.json").read_text())
    assert record["band_hz"] == [20, 1100]  # as the file says
    assert record["in_band"]["si_sdr_db"] == pytest.approx(14, abs=1)  # 0.2 of noise
    assert record["sign"] == -1
    assert "upside down" in done.out
    assert "band 20 to 1100 Hz" in done.out
    rows = dict(re.findall(r"^(SI-SDR|STOI|LLR .*?\)|coherence) +(.*)$", done.out, re.MULTILINE))
    assert rows["SI-SDR"].split()[0] == f"{record['in_band']['si_sdr_db']:.2f}"
    assert rows["STOI"].split() == [
        "-", f"{record['estimate']['stoi']:.3f}", f"{record['ceiling']['stoi']:.3f}",
    ]  # fmt: skip
    assert rows["LLR (less is better)"].split()[1:] == ["-", "-"]


def test_score_of_the_truth_itself_is_strict_json(demo, phonoscope, tmp_path):
    truth = demo / "truth.wav"
    done = phonoscope("score", truth, truth, "--band", "20,1100", "--json", tmp_path / "s.json")
    assert done.code == 0
    text = (tmp_path / "s.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    assert json.loads(text)["band_hz"] == [20, 1100]


def test_band_of_the_user_wins(demo, phonoscope):
    done = phonoscope("score", demo / "truth.wav", demo / "out.wav", "--band", "100,900")
    assert "band 100 to 900 Hz" in done.out


def test_band_said_in_small_numbers():
    assert demonstrate._band(None, "Phonoscope; band_hz=1e-05-0.5") == (1e-05, 0.5)
    assert demonstrate._band(None, "somebody else's") is None


@pytest.mark.parametrize(
    ("files", "options", "code", "says"),
    [
        (("no.wav", "out.wav"), (), 1, "there is no file"),
        (("truth.wav", "text.wav"), (), 1, "cannot read sound"),
        (("truth.wav", "out.wav"), ("--band", "9"), 2, "is not low,high"),
        (("truth.wav", "out.wav"), ("--band", "900,100"), 2, "band_hz"),
        (("truth.wav", "silence.wav"), (), 0, ""),
        (("silence.wav", "out.wav"), (), 1, "silent"),
    ],
)
def test_wrong_scores(files, options, code, says, demo, phonoscope, refused, tmp_path):
    for name in ("truth.wav", "out.wav"):
        (tmp_path / name).write_bytes((demo / name).read_bytes())
    (tmp_path / "text.wav").write_text("la la la")
    ph.write_audio(tmp_path / "silence.wav", np.zeros(20000), 16000)
    given = ["score", *(tmp_path / name for name in files), *options]
    if code == 0:
        assert phonoscope(*given).code == 0
    else:
        refused(*given, code=code, says=says)


def test_scores_do_not_replace_a_sound(demo, refused, tmp_path):
    for name in ("truth.wav", "out.wav"):
        (tmp_path / name).write_bytes((demo / name).read_bytes())
        given = ["score", tmp_path / "truth.wav", tmp_path / name, "--json", tmp_path / name]
        refused(*given, code=2, says="is the input itself")
