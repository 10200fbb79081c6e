"""What the commands give when all is well: files, facts, words."""

import inspect
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import phonoscope as ph
from phonoscope import pipeline
from phonoscope.cli import commands
from phonoscope.types import Sound


def test_recover_writes_beside_the_clip(phonoscope, here):
    done = phonoscope("recover", "clip.mkv", "--fps", 240)
    assert done.code == 0
    assert done.err == ""
    assert sorted(path.name for path in here.iterdir()) == ["clip.mkv", "clip.wav"]
    for words in ("clip.wav", "0.500 s, 120 frames", "240 frames/s, as given", "12 to 120 Hz"):
        assert words in done.out
    samples, rate, comment = ph.read_audio("clip.wav")
    assert (rate, len(samples)) == (48000, 24000)
    assert comment == "Phonoscope; capture_fps=240; band_hz=12-120"


def test_quiet(phonoscope, here):
    done = phonoscope("recover", "clip.mkv", "-q")
    assert (done.code, done.out, done.err) == (0, "", "")


def test_warnings_go_to_the_error_stream(phonoscope, here):
    done = phonoscope("recover", "clip.mkv", "--fps", 100)
    assert "warning: at a capture rate of 100 frames/s" in done.err
    assert "warning" not in done.out


def test_options_reach_the_function(phonoscope, here):
    given = ["--fps", "480", "--region", "0,0,48,64", "--region", "48,0,32,32", "--band", "40,200"]
    given += ["--cell", "8", "--start", "0.05", "--duration", "0.15", "--rate", "native"]
    done = phonoscope("recover", "clip.mkv", "-o", "o.flac", "--json", "o.json", *given)
    assert done.code == 0
    expected = ph.recover(
        "clip.mkv", fps=480, region=["0,0,48,64", "48,0,32,32"], band=(40, 200), cell=8,
        start=0.05, duration=0.15, fingerprint=True,
    )  # fmt: skip
    record = _strict_json("o.json")
    assert record == json.loads(json.dumps(expected.record)) | {
        "output": "o.flac", "output_sha256": ph.files.sha256("o.flac"), "file_rate": "native",
    }  # fmt: skip
    samples, rate, _ = ph.read_audio("o.flac")
    assert (rate, len(samples)) == (480, 72)
    scale = np.abs(samples).max() / np.abs(expected.samples).max()
    np.testing.assert_allclose(samples, expected.samples * scale, atol=2**-22)


def test_record_holds_every_fact(phonoscope, here, tools):
    assert phonoscope("recover", "clip.mkv", "--json", "o.json").code == 0
    record = _strict_json("o.json")
    assert record["input"] == "clip.mkv"
    assert record["input_sha256"] == tools.snapshot(here)[Path("clip.mkv")]
    assert record["output_sha256"] == tools.snapshot(here)[Path("clip.wav")]
    assert (record["capture_fps"], record["capture_fps_source"]) == (240, "container")
    assert (record["frames"], record["sample_rate_hz"], record["duration_s"]) == (120, 240, 0.5)
    assert record["band_hz"] == [12, 120]
    assert record["snr_db"] > 20
    assert 0 < record["noise_floor_px"] < 0.01
    assert record["motion_rms_px"] == pytest.approx(tools.amplitude_px / np.sqrt(2), rel=0.05)
    assert record["regions"] == []
    assert record["parameters"]["cell_px"] == 16
    assert record["versions"]["phonoscope"] == ph.__version__
    assert {"av", "numba", "numpy", "python", "scipy"} <= set(record["versions"])


def test_silence_is_said_and_is_strict_json(phonoscope, tmp_path, tools):
    still = tools.moving(1)[0].astype(float) + np.random.default_rng(3).normal(0, 2, (200, 64, 96))
    np.save(tmp_path / "still.npy", np.clip(still.round(), 0, 255).astype(np.uint8))
    given = ["recover", tmp_path / "still.npy", "--fps", 1000, "--json", tmp_path / "o.json"]
    done = phonoscope(*given)
    assert done.code == 1
    assert "nothing above the noise floor: a motion of 0.00" in done.err
    assert not (tmp_path / "still.wav").exists()
    record = _strict_json(tmp_path / "o.json")
    assert record["snr_db"] is None
    assert record["output"] is None
    assert record["detected"] is False
    assert 0 < record["detectable_px"] < 0.01
    assert record["motion_rms_px"] == 0
    done = phonoscope(*given, "--force")
    assert done.code == 0
    assert "nothing above the noise floor" in done.out
    assert "nothing above the noise floor" in done.err
    assert (tmp_path / "still.wav").exists()


def _strict_json(path):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(Path(path).read_text("utf-8"), parse_constant=refuse)


def test_measure_then_recover(phonoscope, here):
    done = phonoscope("measure", "clip.mkv")
    assert done.code == 0
    assert "24 of 16 px, 24 with texture" in done.out
    assert phonoscope("recover", "clip.motion", "-o", "a.wav", "-q").code == 0
    assert phonoscope("recover", "clip.mkv", "-o", "b.wav", "-q").code == 0
    assert Path("a.wav").read_bytes() == Path("b.wav").read_bytes()
    assert phonoscope("measure", "clip.mkv", "-q").code == 0  # its own file may be replaced


def test_path_with_spaces_and_other_letters(phonoscope, clip, tmp_path, monkeypatch):
    folder = tmp_path / "мои клипы ♪ #1%20?"
    folder.mkdir()
    shutil.copy(clip, folder / "Kärnten 1:2 [a].mkv")
    source = folder / "Kärnten 1:2 [a].mkv"
    out = folder / "Ton é.wav"
    assert phonoscope("measure", source).code == 0
    done = phonoscope("recover", source.with_suffix(".motion"), "-o", out, "--json", folder / "ü.j")
    assert done.code == 0
    assert out.name in done.out
    assert _strict_json(folder / "ü.j")["output"] == str(out)


def test_path_that_is_no_unicode(phonoscope, clip, tmp_path):
    source = tmp_path / "caf\udce9.mkv"
    shutil.copy(clip, source)
    done = phonoscope("recover", source, "--json", tmp_path / "o.json")
    assert done.code == 0, done
    assert _strict_json(tmp_path / "o.json")["input"] == str(source)


def test_explicit_output_overwrites(phonoscope, here):
    Path("o.wav").write_bytes(b"old")
    Path("o.json").write_bytes(b"old")
    given = ["recover", "clip.mkv", "-o", "o.wav", "--json", "o.json"]
    assert phonoscope(*given).code == 0
    assert Path("o.wav").read_bytes().startswith(b"RIFF")
    assert _strict_json("o.json")["output"] == "o.wav"


def test_folder_of_images_gets_its_sound_beside_it(phonoscope, tools, tmp_path):
    folder = tmp_path / "frames"
    folder.mkdir()
    for number, luma in enumerate(tools.moving(60)):
        (folder / f"{number}.png").write_bytes(tools.encode([luma], "png", "gray"))
    assert phonoscope("recover", folder, "--fps", 240).code == 0
    assert (tmp_path / "frames.wav").exists()
    assert phonoscope("recover", folder / "*.png", "--fps", 240, "-o", tmp_path / "x.wav").code == 0
    assert (tmp_path / "x.wav").read_bytes() == (tmp_path / "frames.wav").read_bytes()


@pytest.mark.parametrize("name", ["recover", "measure"])
def test_same_names_and_defaults_as_in_python(name):
    function = inspect.signature(getattr(pipeline, name)).parameters
    command = inspect.signature(getattr(commands, name)).parameters
    # What becomes of the result: in Python, functions of their own.
    kept = {"output", "rate", "json_file", "report", "force", "quiet"}
    kept |= {"mux", "timeline", "speed"}
    kept |= {"out", "jobs", "sources"}  # of `recover_many`
    own = {"recover": kept, "measure": {"quiet"}}[name]
    # `recover` takes the fingerprint with --json, whose record it belongs to, and keeps what it
    # measures beside its output.
    apart = {"progress", *({"fingerprint", "kept", "source"} if name == "recover" else set())}
    assert set(command) - own == set(function) - apart
    for parameter in set(command) - own:
        default = command[parameter].default
        expected = function[parameter].default
        # A command has no empty list of regions, only none.
        assert default == (None if expected == () else expected), parameter


def test_rate_has_the_default_of_write():
    command = inspect.signature(commands.recover).parameters["rate"].default
    assert int(command) == inspect.signature(Sound.write).parameters["rate"].default
