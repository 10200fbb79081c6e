"""The command `inspect`: facts, advice, a picture."""

import inspect
import json
import sys

import numpy as np
import pytest

from phonoscope import pipeline
from phonoscope.cli import inspecting


def test_facts_and_advice(phonoscope, here):
    done = phonoscope("inspect", "clip.mkv", "--fps", 240)
    assert done.code == 0
    assert done.err == ""
    for words in ("96 x 64", "0.500 s, 120 frames", "240 frames/s, as given", "12 to 120 Hz",
                  "global, as the file says nothing of it", "px RMS", "MB at most",
                  "- 240 frames/s, global shutter: nothing above 120 Hz"):  # fmt: skip
        assert words in done.out
    assert [path.name for path in here.iterdir()] == ["clip.mkv"]


def test_every_rate_is_listed_with_its_place(phonoscope, here):
    (here / "clip.txt").write_text("Frame Rate:\t8000\tFrames/Second\n", encoding="utf-8")
    done = phonoscope("inspect", "clip.mkv", "--fps", 2400)
    rows = done.out.splitlines()
    at = next(number for number, row in enumerate(rows) if "capture rate" in row)
    assert rows[at].endswith("2400 frames/s, as given; it plays 10 times slower than life")
    assert [row.strip() for row in rows[at + 1 : at + 4]] == [
        "2400: the rate given",
        "8000: clip.txt beside the video",
        "240: the file's playback rate",
    ]
    assert "clip.txt beside the video says 8000" in done.err
    assert (
        "8000 frames/s, at which the camera recorded, says the file beside it; it plays 33.33"
        in (phonoscope("inspect", "clip.mkv").out)
    )


def test_picture_and_record(phonoscope, here):
    done = phonoscope("inspect", "clip.mkv", "-q", "--picture", "m.png", "--json", "o.json")
    assert (done.code, done.out) == (0, "")
    from matplotlib.image import imread

    picture = imread("m.png")
    assert picture.shape[0] > 300
    assert np.ptp(picture[:, :, :3]) > 0.9
    record = json.loads((here / "o.json").read_text("utf-8"))
    assert record["frames"] == 120
    assert record["detectable_px"] > 0
    assert len(record["cells"]) == 24
    assert record["advice"]


def test_facts_to_standard_output(phonoscope, refused, here):
    for command in ("inspect", "recover"):
        done = phonoscope(command, "clip.mkv", "--json", "-")
        assert done.code == 0
        assert json.loads(done.out)["capture_fps"] == 240
    assert sorted(path.name for path in here.iterdir()) == ["clip.mkv", "clip.wav"]
    both = ["clip.wav", "clip.wav", "--json", "-"]
    assert json.loads(phonoscope("score", *both).out)["truth"] == "clip.wav"
    refused("measure", "clip.mkv", "-o", "-", code=2, says="- stands for standard output")
    refused("inspect", "clip.mkv", "--picture", "-", code=2, says="where only facts can go")
    refused("live", "clip.mkv", "-o", "-", "--json", "-", code=2, says="cannot both go to standard")


@pytest.mark.parametrize("suffix", [".svg", ".pdf"])
def test_other_pictures(phonoscope, here, suffix):
    assert phonoscope("inspect", "clip.mkv", "--picture", f"m{suffix}").code == 0
    head = (here / f"m{suffix}").read_bytes()[:200]
    assert (b"<svg" in (here / "m.svg").read_bytes()) if suffix == ".svg" else head[:4] == b"%PDF"


def test_wrong_pictures(phonoscope, here, monkeypatch):
    done = phonoscope("inspect", "clip.mkv", "--picture", "m.gif")
    assert done.code == 2
    assert "a picture ends in .png, .svg, .pdf; name it m.png" in done.err
    done = phonoscope("inspect", "clip.mkv", "--picture", "clip.mkv")
    assert done.code == 2
    assert "is the input itself" in done.err
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    done = phonoscope("inspect", "clip.mkv", "--picture", "m.png")
    assert done.code == 1
    assert 'pip install "phonoscope[plot]"' in done.err
    assert [path.name for path in here.iterdir()] == ["clip.mkv"]


def test_options_are_those_of_the_function():
    of_function = set(inspect.signature(pipeline.inspect).parameters) - {"progress"}
    of_command = set(inspect.signature(inspecting.inspect).parameters)
    assert of_command - of_function == {"picture", "json_file", "quiet"}
    assert of_function <= of_command
