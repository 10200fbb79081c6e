"""DJI's metadata: read-out time, direction and what was steadied; whole, missing and damaged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonoscope.types import Shutter
from phonoscope.video.protobuf import field

from .tagged import ROWS, assert_ignored, dji, facts_of, look, message, with_track


@pytest.mark.parametrize(
    ("fields", "direction", "steadied"),
    [
        ({}, "down", False),
        ({"f5": message(f1=1), "f9": message(f1=0), "f11": message(f1=59.97)}, "down", False),
        ({"f5": message(f1=2), "f9": message(f1=1)}, "up", True),
        # As other models have it: there 9 is a rate.
        ({"f5": b"", "f7": message(f1=2), "f9": message(f1=59.97)}, "down", True),
        ({"f7": message(f1=7), "f9": message(f1=59.97)}, "down", False),
    ],
)
def test_dji(clip, fields, direction, steadied):
    with_track(clip, b"djmd", dji(**fields))
    shutter, (sentence,) = look(clip)
    assert shutter == Shutter(pytest.approx(8.804e-3 / ROWS), direction, "file")
    assert "DJI sensor_readout_time" in sentence
    assert ("steadied" in sentence) == steadied
    assert facts_of(clip).camera == "DJI Avata"


def test_sensors_read_by_columns_are_told(clip):
    with_track(clip, b"djmd", dji(f5=message(f1=5)))
    assert_ignored(clip, "DJI", "column by column")


def test_damaged_dji(clip):
    with_track(clip, b"djmd", dji(f4=message(f1=b"no number")))
    assert_ignored(clip, "DJI", "damaged")


@pytest.mark.parametrize(
    "packet",
    [
        dji(layout=b"another.proto"),
        message(f1=message(f1=message(f1=b"dvtm_ac203.proto"))),  # a model that does not write it
        dji()[:40],
        b"\x0a\xff" * 30,
        b"\x0a" + b"\xff" * 60,
        b"\x0b" * 60,
        b"\x0d" * 9 + b"\x8d",  # a key that does not end
    ],
)
def test_dji_without_the_tag(clip, packet):
    with_track(clip, b"djmd", packet)
    assert look(clip) == (Shutter(), [])


@given(st.binary(max_size=60), st.integers(1, 20))
def test_any_bytes_end_the_walk(data, number):
    found = field(data, number)
    assert found is None or isinstance(found, int) or len(found) < len(data)
