"""The command `report`, and `recover --report`."""

import json

import pytest


@pytest.mark.slow
def test_a_report_of_a_video(phonoscope, here):
    done = phonoscope("report", "clip.mkv", "-o", "r", "--fps", 240, "--at", 30, "--at", 60)
    assert (done.code, done.err) == (0, "")
    assert "report.html" in done.out
    names = {path.name for path in (here / "r").iterdir()}
    assert {"report.html", "shape_30Hz.webp", "shape_60Hz.png", "sound.wav"} <= names
    record = json.loads((here / "r" / "record.json").read_text("utf-8"))
    assert record["command"].startswith("phonoscope report clip.mkv -o r --fps 240")
    assert len(record["input_sha256"]) == 64
    assert sorted(path.name for path in here.iterdir()) == ["clip.mkv", "r"]


def test_a_report_beside_the_sound(phonoscope, here):
    assert phonoscope("recover", "clip.mkv", "--fps", 240, "-q", "--report", "r").code == 0
    assert {path.name for path in here.iterdir()} == {"clip.mkv", "clip.wav", "r"}
    assert (here / "r" / "sound.wav").read_bytes() == (here / "clip.wav").read_bytes()


@pytest.mark.slow
def test_a_report_of_a_motion_file(phonoscope, here):
    assert phonoscope("measure", "clip.mkv", "--fps", 240, "-q").code == 0
    done = phonoscope("report", "clip.motion", "-o", "r", "--band", "20,100", "-q")
    assert (done.code, done.out) == (0, "")
    record = json.loads((here / "r" / "record.json").read_text("utf-8"))
    assert record["band_hz"] == [20, 100]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("-o", "clip.mkv"), 2, "clip.mkv is a file"),
        (("-o", "no/such"), 1, "cannot write no/such"),
        (("-o", "r", "--at", "200"), 2, "200 Hz lies outside the band of 12 to 120 Hz"),
        (("-o", "."), 2, "holds something else"),
    ],
)
def test_mistakes(phonoscope, here, options, code, words):
    done = phonoscope("report", "clip.mkv", "--fps", 240, *options)
    assert done.code == code
    assert words in done.err
    assert [path.name for path in here.iterdir()] == ["clip.mkv"]


def test_the_published_method_has_none(phonoscope, here):
    done = phonoscope("recover", "clip.mkv", "--fps", 240, "--method", "pyramid", "--report", "r")
    assert done.code == 2
    assert "no cells to report of" in done.err
