"""The option `--source speckle`."""

import json
from fractions import Fraction

import numpy as np
import pytest

from phonoscope.scene import Camera, Speckle, tones

FPS = 1000


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("speckle") / "clip.npy"
    camera = Camera(64, 64, Fraction(FPS))
    scene = Speckle(camera, tones(0.3, 8000, [150]), 8000, 250, rms_px=1.5, boil_px=80.0)
    np.save(path, np.array(list(scene.frames())))
    return path


def test_recovers_a_tone(phonoscope, clip, tmp_path):
    facts = tmp_path / "facts.json"
    done = phonoscope(
        "recover", clip, "--fps", FPS, "--source", "speckle", "-o", tmp_path / "a.wav",
        "--json", facts,
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    record = json.loads(facts.read_text())
    assert record["parameters"]["pattern"] == "speckle"
    assert record["motion_rms_px"] == pytest.approx(1.5, rel=0.05)


def test_reports_of_a_tone(phonoscope, clip, tmp_path):
    to = tmp_path / "r"
    done = phonoscope("report", clip, "--fps", FPS, "--source", "speckle", "-o", to, "-q")
    assert (done.code, done.err) == (0, "")
    (record,) = (json.loads(path.read_text()) for path in to.glob("*.json"))
    assert record["parameters"]["pattern"] == "speckle"
    assert record["motion_rms_px"] == pytest.approx(1.5, rel=0.05)


def test_refuses_a_cluster(clip, refused):
    refused(
        "recover", clip, "--fps", FPS, "--source", "speckle", "--workers", 2, code=2,
        says="leave dask and workers out",
    )  # fmt: skip
