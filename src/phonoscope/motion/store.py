"""The motion field on disk: one SQLite file, in blocks, that any tool which reads SQLite can open.

Tables::

    meta   key, value     JSON: format, version, samples, facts, noise, parameters, warnings, lost,
                          begun; and crc32, of the JSON text of [other rows of meta by key, rows of
                          cells]
    cells  cell, x_px, y_px, width_px, height_px, delay_s
    block  number, samples, time_s, information, step, base, deltas, crc32
    picture  height, width, luma, crc32     one row; luma is ``(height, width)`` uint8

Blocks are in the order of their numbers, which need not follow each other without a gap. While a
file is written it has a table more, of the segments that are done; ``begun`` says of what it is the
measurement. The picture, like a block's arrays, is compressed by zlib.

A block's arrays are little-endian and compressed by zlib. ``time_s`` is ``(sample,)`` float64,
``information`` ``(cell, 3, 3)`` float32, ``step`` ``(cell, 3)`` float32, and for the channels
(x, y, gain) whose step is not 0, in order: ``base`` ``(channel,)`` int32 and ``deltas``
``(channel, sample)`` int8, int16 or int32, stored as planes of bytes (lowest first). A value is
``step * (base + delta)``; a channel with step 0 is unknown. The step is an eighth of the cell's own
claimed error, so that rounding adds 0.1 % to its variance.
"""

import json
import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phonoscope.blocks import LazyBlocks
from phonoscope.errors import InputError, InputNotFoundError
from phonoscope.motion.packing import decode
from phonoscope.motion.stored import (
    SIGNS_OF_DAMAGE,
    cells_of,
    count_of,
    facts_of,
    lost_of,
    noise_of,
    sentences_of,
    unpacked,
)
from phonoscope.types import (
    MotionBlock,
    MotionField,
    VideoFacts,
)

FORMAT_VERSION = 1
APPLICATION_ID = 0x50484F4E  # "PHON", in the file's header
_LARGEST_PICTURE = 1 << 24  # px; those of a megapixel are reduced before they are written
SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE cells (cell INTEGER PRIMARY KEY, x_px INTEGER, y_px INTEGER, width_px INTEGER,
    height_px INTEGER, delay_s REAL);
CREATE TABLE block (number INTEGER PRIMARY KEY, samples INTEGER NOT NULL, time_s BLOB NOT NULL,
    information BLOB NOT NULL, step BLOB NOT NULL, base BLOB NOT NULL, deltas BLOB NOT NULL,
    crc32 INTEGER NOT NULL);
CREATE TABLE segment (number INTEGER PRIMARY KEY, samples INTEGER NOT NULL, lost TEXT NOT NULL,
    poses BLOB NOT NULL);
CREATE TABLE picture (height INTEGER NOT NULL, width INTEGER NOT NULL, luma BLOB NOT NULL,
    crc32 INTEGER NOT NULL);
"""
BLOBS = ("time_s", "information", "step", "base", "deltas")


def is_motion_file(path: str | os.PathLike[str]) -> bool:
    """Return whether `path` is a file that begins like a motion field."""
    try:
        with Path(path).open("rb") as file:
            header = file.read(72)
    except (OSError, ValueError):  # a name that no file can have is a ValueError
        return False
    return header.startswith(b"SQLite format 3\0") and header[68:72] == APPLICATION_ID.to_bytes(4)


def open_motion(path: str | os.PathLike[str]) -> MotionField:
    """Open a motion file; its blocks are read when they are asked for.

    Raises
    ------
    InputNotFoundError
        If there is no such file.
    InputError
        If the file is not a motion field, is of a newer version, is incomplete or is damaged.
    """
    if not Path(path).is_file():
        raise InputNotFoundError(f"there is no motion file {path}; check the name.")
    if not is_motion_file(path):
        raise InputError(
            f"{path} is not a motion file; make one with: phonoscope measure VIDEO -o {path}"
        )
    with _reading(path) as connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'view'").fetchone():
            raise _damaged(path, "it holds queries")  # which may run for ever
        meta = {key: json.loads(value) for key, value in connection.execute("SELECT * FROM meta")}
        if meta["version"] > FORMAT_VERSION:
            raise InputError(
                f"{path} is a motion file of version {meta['version']}, and this Phonoscope reads "
                f"up to {FORMAT_VERSION}; install a newer one."
            )
        if "crc32" not in meta:
            raise InputError(f"{path} was never finished; measure the video again.")
        if meta["crc32"] != checksum(connection):
            raise _damaged(path, "its description does not match its checksum")
        cells = cells_of(connection.execute("SELECT * FROM cells ORDER BY cell").fetchall())
        rows = connection.execute("SELECT number, samples FROM block ORDER BY number").fetchall()
        numbers, counts = [row[0] for row in rows], [row[1] for row in rows]
        if sum(count_of(n, "block") for n in counts) != meta["samples"] or not counts:
            raise _damaged(path, f"{sum(counts)} of {meta['samples']} samples are there")
        return MotionField(
            facts=facts_of(meta["facts"]),
            cells=cells,
            noise=noise_of(meta["noise"]),
            samples=meta["samples"],
            blocks=_blocks(
                Path(path), numbers, counts, len(cells), lost_of(meta.get("lost", []), sum(counts))
            ),
            parameters=dict(meta["parameters"]),
            warnings=sentences_of(meta["warnings"]),
            picture=_read_picture(Path(path), connection),
        )


def _read_picture(path: Path, connection: sqlite3.Connection) -> NDArray[np.uint8] | None:
    tables = "SELECT 1 FROM sqlite_master WHERE name = 'picture'"
    row = None
    if connection.execute(tables).fetchone():  # version 1 began without
        row = connection.execute("SELECT height, width, luma, crc32 FROM picture").fetchone()
    if row is None:
        return None
    height, width, luma, checksum = row
    if zlib.crc32(luma) != checksum:
        raise _damaged(path, "its picture does not match its checksum")
    size = count_of(height, "height", 1) * count_of(width, "width", 1)
    if size > _LARGEST_PICTURE:
        raise _damaged(path, f"its picture is {width}x{height}")
    return np.frombuffer(unpacked(luma, size), np.uint8).reshape(height, width)


def _blocks(
    path: Path, numbers: Sequence[int], counts: Sequence[int], cells: int, lost: Sequence[int]
) -> LazyBlocks:
    edges = np.cumsum([0, *counts]).tolist()
    ends = np.searchsorted(lost, edges).tolist()

    def read(k: int) -> MotionBlock:
        own = lost[ends[k] : ends[k + 1]]
        block = _read_block(path, numbers[k], cells)
        return replace(block, lost=tuple(t - edges[k] for t in own))

    return LazyBlocks(counts, read)


def _read_block(path: Path, number: int, cells: int) -> MotionBlock:
    if not path.is_file():
        raise InputNotFoundError(f"the motion file {path} is gone; measure again.")
    with _reading(path) as connection:
        row = connection.execute(
            f"SELECT samples, {', '.join(BLOBS)}, crc32 FROM block WHERE number = ?", (number,)
        ).fetchone()
        if row is None or zlib.crc32(b"".join(row[1:-1])) != row[-1]:
            raise _damaged(path, f"block {number} does not match its checksum")
        return decode(row[0], cells, *row[1:-1])


def facts_json(facts: VideoFacts) -> dict[str, Any]:
    """Return the facts as JSON can hold them: fractions as text."""
    values = {k: str(v) if isinstance(v, Fraction) else v for k, v in asdict(facts).items()}
    del values["shown"]  # a file holds every frame of the video, copies and all
    values["rates"] = [{**asdict(rate), "rate": str(rate.rate)} for rate in facts.rates]
    return values


def checksum(connection: sqlite3.Connection) -> int:
    """Return the checksum of all that is not a block: the other entries of meta, and the cells."""
    meta = connection.execute("SELECT * FROM meta WHERE key != 'crc32' ORDER BY key").fetchall()
    cells = connection.execute("SELECT * FROM cells ORDER BY cell").fetchall()
    return zlib.crc32(json.dumps([meta, cells]).encode())


@contextmanager
def _reading(path: str | os.PathLike[str]) -> Iterator[sqlite3.Connection]:
    uri = f"{Path(path).resolve().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            yield connection
    except InputError:
        raise
    except SIGNS_OF_DAMAGE as error:
        raise _damaged(path, str(error) or type(error).__name__) from error


def _damaged(path: str | os.PathLike[str], what: str) -> InputError:
    return InputError(f"{path} is damaged ({' '.join(what.split())}); measure the video again.")
