"""The file holds what was measured, to an eighth of each channel's claimed error."""

import sqlite3
import tracemalloc
import zlib
from contextlib import closing
from fractions import Fraction

import numpy as np
import pytest

from phonoscope.errors import InputError
from phonoscope.motion import Segment, is_motion_file, open_motion, writing_motion
from phonoscope.types import Cells, MotionBlock, NoiseModel, VideoFacts

HALF_STEP = 0.5 / 8 * 1.001  # of the claimed error


def _blocks(drift=0.0):
    rng = np.random.default_rng(0)
    information = np.zeros((6, 3, 3))
    information[:, [0, 1, 2], [0, 1, 2]] = (2500, 1e4, 4e4)
    information[2, 1] = 0
    blocks = []
    for start in (0, 64):
        motion = rng.standard_normal((64, 6, 2)) * 0.02 + drift * np.arange(64)[:, None, None]
        motion[:, 2, 1] = 0
        gain = 1 + 0.01 * rng.standard_normal((64, 6))
        time = (start + np.arange(64)) / 1000
        lost = (0, 7) if start else (63,)
        blocks.append(
            MotionBlock(time, motion.astype(np.float32), gain.astype(np.float32), information, lost)
        )
    return blocks


PICTURE = np.arange(63, dtype=np.uint8).reshape(7, 9)


def _write(path, blocks, *, finish=True):
    edge = np.arange(6, dtype=np.int32)
    cells = Cells(edge, edge, edge + 4, edge + 4, np.zeros(6))
    facts = VideoFacts(
        "a", "b", "c", "gray", 9, 7, 8, None, None, Fraction(30000, 1001), "user", warnings=("w",)
    )
    noise = NoiseModel(np.array([0.0, 9.0]), np.array([1.0, 2.0]))
    writing = writing_motion(
        path, facts=facts, cells=cells, noise=noise, picture=PICTURE, origin={}
    )
    with writing as motion:
        motion.add(Segment(0, blocks, (), ()))
        if finish:
            motion.finish({"cell_px": 16}, ["v"])


@pytest.mark.parametrize("drift", [0.0, 1.0], ids=["int16", "int32"])
def test_round_trip(tmp_path, drift):
    path, blocks = tmp_path / "a ü.motion", _blocks(drift)
    _write(path, blocks)
    field = open_motion(path)
    assert is_motion_file(path)
    assert field.facts.capture_rate == Fraction(30000, 1001)
    assert (field.samples, field.warnings, field.parameters) == (128, ("v",), {"cell_px": 16})
    assert np.array_equal(field.picture, PICTURE)
    for read, written in zip(field.blocks, blocks, strict=True):
        assert np.array_equal(read.time_s, written.time_s)
        assert read.lost == written.lost
        error = np.abs(read.motion.astype(float) - written.motion)
        assert (error <= HALF_STEP / np.sqrt([2500, 1e4]) + 4e-6 * drift).all()
        assert np.abs(read.gain - written.gain).max() <= HALF_STEP / 200 + 1e-7
        assert not read.motion[:, 2, 1].any()
    assert np.array_equal(field.motion, np.concatenate([b.motion for b in field.blocks]))


def test_unfinished_and_damaged_files_are_refused(tmp_path):
    path = tmp_path / "a.motion"
    _write(path, _blocks(), finish=False)
    with pytest.raises(InputError, match="never finished"):
        open_motion(path)
    path.unlink()
    _write(path, _blocks())
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match="damaged"):
        open_motion(path).motion  # noqa: B018
    path.write_text("no")
    with pytest.raises(InputError, match="not a motion file"):
        open_motion(path)


def test_files_without_a_picture_are_read(tmp_path):
    path = tmp_path / "a.motion"
    _write(path, _blocks())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE picture")
    assert open_motion(path).picture is None


def test_a_damaged_picture_is_refused(tmp_path):
    path = tmp_path / "a.motion"
    _write(path, _blocks())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE picture SET crc32 = crc32 + 1")
        connection.commit()
    with pytest.raises(InputError, match="picture does not match its checksum"):
        open_motion(path)


def test_what_is_packed_does_not_fill_the_memory(tmp_path):
    path = tmp_path / "a.motion"
    _write(path, _blocks())
    bomb = zlib.compress(bytes(1 << 26))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE picture SET luma = ?, crc32 = ?", (bomb, zlib.crc32(bomb)))
        connection.commit()
    tracemalloc.start()
    with pytest.raises(InputError, match="more than 63 bytes"):
        open_motion(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1 << 24
