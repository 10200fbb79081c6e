"""Recordings of laboratories' cameras, from the file to the sound and to what is told of it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.files import sha256

FORMATS = Path(__file__).resolve().parents[2] / "shared" / "data" / "formats"
pytestmark = pytest.mark.skipif(not FORMATS.is_dir(), reason="the recordings are not here")


def strongest_hz(sound):
    samples = sound.samples * np.hanning(len(sound.samples))
    spectrum = np.abs(np.fft.rfft(samples, 16 * len(samples)))
    frequency = np.fft.rfftfreq(16 * len(samples), 1 / float(sound.rate_hz))
    return frequency[np.argmax(spectrum * (frequency > sound.band_hz[0]))]


@pytest.mark.parametrize(
    ("name", "line_hz", "within_hz"),
    [("data_small_cine.cine", 21.2, 0.3), ("data_showcase.cih", 1805, 20)],
)
def test_the_line_comes_out(name, line_hz, within_hz):
    sound = ph.recover(FORMATS / name)
    assert sound.verdict.detected
    assert strongest_hz(sound) == pytest.approx(line_hz, abs=within_hz)
    assert sound.record["capture_fps_source"] == "file"
    assert sound.record["exposure_in_file_s"] > 0


def test_a_motion_file_keeps_what_was_told(tmp_path):
    field = ph.measure(FORMATS / "data_showcase.cih", output=tmp_path / "x.motion")
    kept = ph.open_motion(tmp_path / "x.motion").facts
    assert kept == field.facts
    assert kept.exposure_s == pytest.approx(65.06e-6)
    assert [(one.rate, one.source) for one in kept.rates] == [(15000, "file")]
    heard = ph.recover(ph.open_motion(tmp_path / "x.motion"), fps=1500)
    assert [one["source"] for one in heard.record["capture_fps_found"]] == ["user", "file"]


def test_both_files_of_a_recording_are_known(tmp_path):
    for suffix in (".cih", ".mraw"):
        shutil.copy(FORMATS / f"data_showcase{suffix}", tmp_path)
    before = sha256(tmp_path / "data_showcase.cih")
    assert before == sha256(tmp_path / "data_showcase.mraw")
    data = bytearray((tmp_path / "data_showcase.mraw").read_bytes())
    data[77] ^= 1
    (tmp_path / "data_showcase.mraw").write_bytes(data)
    assert sha256(tmp_path / "data_showcase.cih") != before


def test_inspect_tells(tmp_path):
    command = [sys.executable, "-m", "phonoscope.cli", "inspect"]
    done = subprocess.run(
        [*command, str(FORMATS / "data_showcase.cih"), "--json", str(tmp_path / "x.json")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "15000 frames/s, at which the camera recorded" in done.stdout
    assert "65.06 µs" in done.stdout
    assert "1.9 MB" in done.stdout  # both files
    assert "150 frames/s here" in done.stderr
    told = json.loads((tmp_path / "x.json").read_text())
    assert told["capture_fps_found"][0]["where"] == "the record rate in data_showcase.cih"


def test_a_dataset_names_its_sound(tmp_path):
    h5py = pytest.importorskip("h5py")
    with ph.open_video(FORMATS / "data_showcase.cih") as video:
        frames = np.array([frame.luma for frame in video])
    with h5py.File(tmp_path / "run.h5", "w") as file:
        file["images"] = frames
        file["images"].attrs["fps"] = 15000
    command = [sys.executable, "-m", "phonoscope.cli", "recover", "-q"]
    subprocess.run([*command, f"{tmp_path}/run.h5::/images"], check=True)
    assert (tmp_path / "run.wav").exists()
