"""The command `export`."""

import csv
import inspect

import numpy as np
import pytest

from phonoscope.cli.exporting import export
from phonoscope.pipeline import motion_field
from phonoscope.sound import displacement


def _columns(path):
    with path.open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    return names, np.array(rows, float)


def test_motion_of_a_video(phonoscope, here, tools):
    done = phonoscope("export", "clip.mkv", "--fps", 240, "-o", "m.csv", "--region", "16,16,64,32")
    assert (done.code, done.err) == (0, "")
    assert "8 cells" in done.out
    names, rows = _columns(here / "m.csv")
    assert names == ["time (s)", "x (px)", "y (px)"]
    wave = tools.amplitude_px * np.sin(2 * np.pi * tools.tone_hz * rows[:, 0])
    slope, _ = np.polyfit(wave, rows[:, 1], 1)
    assert slope == pytest.approx(1, abs=0.03)
    assert sorted(path.name for path in here.iterdir()) == ["clip.mkv", "m.csv"]


def test_spectrum_of_a_point_in_micrometres(phonoscope, here, tools):
    assert phonoscope("measure", "clip.mkv", "--fps", 240, "-q").code == 0
    done = phonoscope(
        "export", "clip.motion", "-o", "s.csv", "--at", "40,30", "--scale", 20, "--spectrum",
        "--resolution", 1.44 * 2, "-q",
    )  # fmt: skip
    assert (done.code, done.out) == (0, "")
    names, rows = _columns(here / "s.csv")
    assert names[1] == "density_x (µm²/Hz)"
    strongest = rows[:, 3].argmax()
    assert rows[strongest, 0] == pytest.approx(tools.tone_hz)
    assert rows[strongest, 3] == pytest.approx(20 * tools.amplitude_px, rel=0.1)


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("-o", "m.xls"), 2, "cannot write numbers to m.xls"),
        (("-o", "m.csv", "--at", "one"), 2, "point 'one' is not x,y"),
        (("-o", "m.csv", "--at", "9999,1"), 2, "no cell of the motion field holds the point"),
        (("-o", "m.csv", "--at", "1,1", "--region", "0,0,9,9"), 2, "not both"),
        (("-o", "m.csv", "--scale", "-1"), 2, "scale -1 is not"),
        (("-o", "m.csv", "--resolution", "1"), 2, "give --spectrum with it"),
        (("-o", "m.csv", "--resolution", "0.01", "--spectrum"), 2, "and the clip has 0.5 s"),
        (("-o", "no/m.csv"), 1, "no"),
    ],
)
def test_what_cannot_be(phonoscope, here, options, code, words):
    done = phonoscope("export", "clip.mkv", "--fps", 240, *options)
    assert done.code == code, done
    assert words in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert [path.name for path in here.iterdir()] == ["clip.mkv"]


def test_same_names_and_defaults_as_in_python():
    command = inspect.signature(export).parameters
    functions = {
        **inspect.signature(motion_field).parameters, **inspect.signature(displacement).parameters,
    }  # fmt: skip
    own = {"output", "spectrum", "resolution", "quiet"}
    # The band is of a sound; fingerprints go into its record; what takes long is `measure`.
    apart = {"field", "band", "fingerprint", "kept", "progress", "dask", "workers"}
    assert set(command) - own == set(functions) - apart
    for name in set(command) - own - {"source", "region"}:
        assert command[name].default == functions[name].default, name
