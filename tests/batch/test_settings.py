"""Settings: the options of `recover`, in one form; and those of a table."""

import inspect
import json
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import pytest

import phonoscope as ph
from phonoscope.batch.settings import OPTIONS, Settings
from phonoscope.batch.table import read_table
from phonoscope.errors import InputError, InputNotFoundError, UsageError


def test_same_names_and_defaults_as_recover():
    function = inspect.signature(ph.recover).parameters
    # Of each file, not asked by anybody; and of all of them together.
    own = {"source", "fingerprint", "progress", "kept", "dask", "workers"}
    assert set(Settings().of_recover()) == set(function) - own
    for name, value in Settings().of_recover().items():
        assert value == function[name].default, name
    write = inspect.signature(ph.Sound.write).parameters
    assert Settings().rate == write["rate"].default


def test_one_form_for_the_same():
    asked = Settings.checked({
        "fps": Fraction(30000, 1001), "region": (0, 0, 48, 64), "band": "80, 1000",
        "line_delay": "16us", "exposure": "1/2000", "rate": "48000",
    })  # fmt: skip
    assert asked == Settings.checked({
        "fps": "30000/1001", "region": [ph.Region(0, 0, 48, 64)], "band": [80, 1000],
        "shutter": "rolling", "line_delay": 16e-6, "exposure": 5e-4,
    })  # fmt: skip
    assert asked.fps == "30000/1001"
    values = asdict(asked)
    assert json.loads(json.dumps(values)) == values | {"band": [80, 1000], "region": ["0,0,48,64"]}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"fbs": 9}, "no option 'fbs'"),
        ({"fps": 0}, "fps 0 is not a frame rate"),
        ({"band": "80"}, "'80' is not low,high"),
        ({"method": "magic"}, "method 'magic' is not known; give one of array, pyramid"),
        ({"pattern": "dots"}, "pattern 'dots' is not known; give texture or speckle|one of"),
        ({"pattern": "speckle", "device": "cuda"}, "not on the device cuda"),
        ({"enhance": "music"}, "enhance 'music'"),
        ({"shutter": "global", "readout": "9ms"}, "a global shutter has no"),
        ({"rate": "high"}, "'high' is not a sample rate"),
        ({"exposure": "long"}, "exposure 'long'"),
    ],
)
def test_what_cannot_be_right(given, says):
    with pytest.raises(UsageError, match=says):
        Settings.checked(given)


@pytest.fixture
def table(tmp_path):
    """Write a table, and read it."""

    def read(text, **common):
        path = tmp_path / "clips.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_table(path, common)

    return read


def test_cells_and_defaults(table, tmp_path):
    first, second, third = table(
        "source,fps,band,region,separate,equalize,line-delay\n"
        'a b.mp4,2200,"80,1000","0,0,8,8; 8,0,8,8",yes,bag.response,\n'
        "\n"
        "/else/b.mp4,,,,,,16us\n"
        "c.mp4\n",
        fps="240", enhance="speech",
    )  # fmt: skip
    assert first == (str(tmp_path / "a b.mp4"), Settings(
        fps="2200", band=(80, 1000), region=("0,0,8,8", "8,0,8,8"), separate=True,
        equalize=str(tmp_path / "bag.response"), enhance="speech",
    ))  # fmt: skip
    assert second[0] == str(Path("/else/b.mp4"))
    assert second[1] == Settings(fps="240", shutter="rolling", line_delay=16e-6, enhance="speech")
    assert third == (str(tmp_path / "c.mp4"), Settings(fps="240", enhance="speech"))


def test_as_spreadsheets_write(table, tmp_path):
    listed = table("\ufeffSource;Band;Start\r\né.mp4;80,1000;0.5\r\n")
    assert listed == [(str(tmp_path / "é.mp4"), Settings(band=(80, 1000), start=0.5))]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("source,fbs\na,1\n", r"clips.csv, line 1: there is no column 'fbs'; name the columns so"),
        ("fps\n9\n", "line 1: there is no column 'source'"),
        ("source,fps,fps\n", "line 1: there are two columns 'fps'"),
        ("source,fps\na,9\n\nb,fast\n", "line 4: fps 'fast' is not a frame rate"),
        ("source,start\na,soon\n", "line 2: start 'soon' is not a number"),
        ("source,cell\na,1.5\n", "line 2: cell '1.5' is not a whole number"),
        ("source,separate\na,maybe\n", "line 2: separate 'maybe' is not known; give yes or no"),
        ("source,mains\na,55\n", "line 2: mains '55' is not known"),
        ("source,band\na,80,1000\n", "line 2: there are more values than columns.*'1000'"),
        ("source,fps\n,9\n", "line 2: there is no source"),
        ("source\n", "lists no files"),
        ("", "no column 'source'"),
    ],
)
def test_wrong_tables(table, text, says):
    with pytest.raises(UsageError, match=says):
        table(text)


def test_no_text(table):
    with pytest.raises(InputError, match=r"cannot be read as a table.*UTF-8"):
        table(b"source\n\xff\xfe\x00.mp4\n")
    with pytest.raises(InputNotFoundError, match=r"no\.csv does not exist"):
        read_table(Path("no.csv"), {})


def test_options_are_listed_once():
    assert len(set(OPTIONS)) == len(OPTIONS)
