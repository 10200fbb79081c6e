"""The motion field on disk: one SQLite file, in blocks, that any tool which reads SQLite can open.

Tables::

    meta   key, value     JSON: format, version, samples, facts, noise, parameters, warnings, lost;
                          and crc32, of the JSON text of [other rows of meta by key, rows of cells]
    cells  cell, x_px, y_px, width_px, height_px, delay_s
    block  number, samples, time_s, information, step, base, deltas, crc32
    picture  height, width, luma, crc32     one row; luma is ``(height, width)`` uint8

The picture, like a block's arrays, is compressed by zlib.

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
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from phonoscope.blocks import LazyBlocks
from phonoscope.errors import InputError, InputNotFoundError
from phonoscope.files import unwritable
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
    Cells,
    Float32,
    Float64,
    MotionBlock,
    MotionField,
    NoiseModel,
    VideoFacts,
)

FORMAT_VERSION = 1
_APPLICATION_ID = 0x50484F4E  # "PHON", in the file's header
_STEPS_PER_ERROR = 8
_TILE = 32
_LARGEST_PICTURE = 1 << 24  # px; those of a megapixel are reduced before they are written
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE cells (cell INTEGER PRIMARY KEY, x_px INTEGER, y_px INTEGER, width_px INTEGER,
    height_px INTEGER, delay_s REAL);
CREATE TABLE block (number INTEGER PRIMARY KEY, samples INTEGER NOT NULL, time_s BLOB NOT NULL,
    information BLOB NOT NULL, step BLOB NOT NULL, base BLOB NOT NULL, deltas BLOB NOT NULL,
    crc32 INTEGER NOT NULL);
CREATE TABLE picture (height INTEGER NOT NULL, width INTEGER NOT NULL, luma BLOB NOT NULL,
    crc32 INTEGER NOT NULL);
"""
_BLOBS = ("time_s", "information", "step", "base", "deltas")


def is_motion_file(path: str | os.PathLike[str]) -> bool:
    """Return whether `path` is a file that begins like a motion field."""
    try:
        with Path(path).open("rb") as file:
            header = file.read(72)
    except (OSError, ValueError):  # a name that no file can have is a ValueError
        return False
    return header.startswith(b"SQLite format 3\0") and header[68:72] == _APPLICATION_ID.to_bytes(4)


def write_motion(
    path: str | os.PathLike[str],
    blocks: Iterable[MotionBlock],
    *,
    facts: VideoFacts,
    cells: Cells,
    noise: NoiseModel,
    picture: NDArray[np.uint8],
) -> Generator[int, None, None]:
    """Write blocks to a new motion file as they come, and yield the number of samples so far.

    The file is complete only after `finish_motion`; write to a temporary name.

    Raises
    ------
    OutputError
        If the file cannot be written, because the disk is full, say.
    """
    with _writing(path) as connection:
        connection.executescript(_SCHEMA)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        _put_meta(
            connection,
            format="phonoscope motion field",
            version=FORMAT_VERSION,
            facts=_facts_json(facts),
            noise={"level": noise.level.tolist(), "variance": noise.variance.tolist()},
        )
        columns = (cells.x_px, cells.y_px, cells.width_px, cells.height_px, cells.delay_s)
        connection.executemany(
            "INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?)",
            zip(range(len(cells)), *(column.tolist() for column in columns), strict=True),
        )
        luma = _packed(picture)
        connection.execute(
            "INSERT INTO picture VALUES (?, ?, ?, ?)", (*picture.shape, luma, zlib.crc32(luma))
        )
        samples = 0
        lost: list[int] = []
        for number, (block, blobs) in enumerate(_encoded(blocks)):
            connection.execute(
                "INSERT INTO block VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (number, len(block.time_s), *blobs, zlib.crc32(b"".join(blobs))),
            )
            connection.commit()
            lost += (samples + t for t in block.lost)
            samples += len(block.time_s)
            yield samples
        _put_meta(connection, lost=lost)


def finish_motion(
    path: str | os.PathLike[str],
    *,
    samples: int,
    parameters: Mapping[str, Any],
    warnings: Sequence[str],
) -> None:
    """Add what is known only at the end, which makes the motion file complete."""
    with _writing(path) as connection:
        _put_meta(connection, samples=samples, parameters=dict(parameters), warnings=list(warnings))
        _put_meta(connection, crc32=_crc32(connection))


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
        if meta["crc32"] != _crc32(connection):
            raise _damaged(path, "its description does not match its checksum")
        cells = cells_of(connection.execute("SELECT * FROM cells ORDER BY cell").fetchall())
        counts = [n for (n,) in connection.execute("SELECT samples FROM block ORDER BY number")]
        if sum(count_of(n, "block") for n in counts) != meta["samples"] or not counts:
            raise _damaged(path, f"{sum(counts)} of {meta['samples']} samples are there")
        return MotionField(
            facts=facts_of(meta["facts"]),
            cells=cells,
            noise=noise_of(meta["noise"]),
            samples=meta["samples"],
            blocks=_blocks(
                Path(path), counts, len(cells), lost_of(meta.get("lost", []), sum(counts))
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


def _blocks(path: Path, counts: Sequence[int], cells: int, lost: Sequence[int]) -> LazyBlocks:
    edges = np.cumsum([0, *counts]).tolist()
    ends = np.searchsorted(lost, edges).tolist()

    def read(number: int) -> MotionBlock:
        own = lost[ends[number] : ends[number + 1]]
        block = _read_block(path, number, cells)
        return replace(block, lost=tuple(t - edges[number] for t in own))

    return LazyBlocks(counts, read)


def _read_block(path: Path, number: int, cells: int) -> MotionBlock:
    if not path.is_file():
        raise InputNotFoundError(f"the motion file {path} is gone; measure again.")
    with _reading(path) as connection:
        row = connection.execute(
            f"SELECT samples, {', '.join(_BLOBS)}, crc32 FROM block WHERE number = ?", (number,)
        ).fetchone()
        if row is None or zlib.crc32(b"".join(row[1:-1])) != row[-1]:
            raise _damaged(path, f"block {number} does not match its checksum")
        return _decode(row[0], cells, *row[1:-1])


def _encoded(blocks: Iterable[MotionBlock]) -> Iterator[tuple[MotionBlock, tuple[bytes, ...]]]:
    # One block is packed while the next is measured.
    with ThreadPoolExecutor(1, "phonoscope-store") as background:
        waiting: tuple[MotionBlock, Future[tuple[bytes, ...]]] | None = None
        for block in blocks:
            if waiting:
                yield waiting[0], waiting[1].result()
            waiting = block, background.submit(_encode, block)
        if waiting:
            yield waiting[0], waiting[1].result()


def _encode(block: MotionBlock) -> tuple[bytes, ...]:
    # A channel's own error, as if the others were known, is a safe measure of how finely to round.
    own = np.diagonal(block.information, axis1=1, axis2=2)
    step = np.where(own > 0, 1 / np.sqrt(np.where(own > 0, own, 1)) / _STEPS_PER_ERROR, 0)
    step = step.astype(np.float32)
    values = np.concatenate([block.motion, block.gain[:, :, None]], axis=2)
    active = np.flatnonzero(step.ravel())
    base, deltas = _quantise(
        values.reshape(len(values), -1), active, step.ravel()[active].astype(np.float64)
    )
    largest = max(int(deltas.max(initial=0)), -int(deltas.min(initial=0)))
    kind = np.dtype("<i1" if largest < 2**7 else "<i2" if largest < 2**15 else "<i4")
    planes = deltas.astype(kind).view(np.uint8).reshape(-1, kind.itemsize).T
    arrays = (
        block.time_s.astype("<f8"), block.information.astype("<f4"), step.astype("<f4"),
        base.astype("<i4"), planes,
    )  # fmt: skip
    return tuple(_packed(a) for a in arrays)


def _packed(array: NDArray[Any]) -> bytes:
    # Steps of noise are hardly worth packing; runs of zeros in the high bytes are.
    level = 0 if array.ndim == 2 and len(array) == 1 else 1
    packer = zlib.compressobj(level, strategy=zlib.Z_RLE)
    return packer.compress(np.ascontiguousarray(array).tobytes()) + packer.flush()


def _decode(samples: int, cells: int, *blobs: bytes) -> MotionBlock:
    channels = cells * 3
    time_s = np.frombuffer(unpacked(blobs[0], 8 * samples), "<f8").reshape(samples)
    information = np.frombuffer(unpacked(blobs[1], 12 * channels), "<f4").reshape(cells, 3, 3)
    step = np.frombuffer(unpacked(blobs[2], 4 * channels), "<f4")
    if not all(np.isfinite(array).all() for array in (time_s, information, step)):
        raise ValueError("a block holds values that are not finite")
    step = step.astype(np.float64).reshape(channels)
    active = np.flatnonzero(step)
    base = np.frombuffer(unpacked(blobs[3], 4 * len(active)), "<i4").reshape(len(active))
    size = len(active) * samples
    raw = unpacked(blobs[4], 4 * size)
    planes = np.frombuffer(raw, np.uint8).reshape(-1, size) if size else np.empty((2, 0), np.uint8)
    deltas = np.ascontiguousarray(planes.T).view({1: "<i1", 2: "<i2", 4: "<i4"}[len(planes)])
    values = np.zeros((samples, channels), np.float32)
    values[:, 2::3] = 1  # an unknown gain
    with np.errstate(over="raise"):
        values[:, active] = (deltas.reshape(len(active), samples).T + base) * step[active]
    by_cell = values.reshape(samples, cells, 3)
    return MotionBlock(
        time_s=time_s,
        motion=np.ascontiguousarray(by_cell[:, :, :2]),
        gain=np.ascontiguousarray(by_cell[:, :, 2]),
        information=information.astype(np.float64),
    )


@numba.njit(nogil=True, cache=True, fastmath=True)
def _quantise(
    values: Float32, active: NDArray[np.int64], step: Float64
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    samples = values.shape[0]
    mean = np.zeros(len(active))
    for t in range(samples):
        for k in range(len(active)):
            mean[k] += values[t, active[k]]
    base = np.rint(mean / samples / step).astype(np.int32)
    steps = 1 / step  # a division takes ten times as long as a product
    deltas = np.empty((len(active), samples), np.int32)
    # Turned from time to channels a few channels at a time, which stay in the cache.
    for first in range(0, len(active), _TILE):
        last = min(first + _TILE, len(active))
        for t in range(samples):
            for k in range(first, last):
                deltas[k, t] = np.int32(np.rint(values[t, active[k]] * steps[k])) - base[k]
    return base, deltas


def _facts_json(facts: VideoFacts) -> dict[str, Any]:
    return {k: str(v) if isinstance(v, Fraction) else v for k, v in asdict(facts).items()}


def _put_meta(connection: sqlite3.Connection, **values: Any) -> None:
    connection.executemany(
        "INSERT INTO meta VALUES (?, ?)", [(k, json.dumps(v)) for k, v in values.items()]
    )
    connection.commit()


def _crc32(connection: sqlite3.Connection) -> int:
    """Return the checksum of all that is not a block: the other entries of meta, and the cells."""
    meta = connection.execute("SELECT * FROM meta WHERE key != 'crc32' ORDER BY key").fetchall()
    cells = connection.execute("SELECT * FROM cells ORDER BY cell").fetchall()
    return zlib.crc32(json.dumps([meta, cells]).encode())


@contextmanager
def _writing(path: str | os.PathLike[str]) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(path)) as connection:
            # The file gets its real name only when it is whole, so no journal need protect it.
            connection.execute("PRAGMA journal_mode = OFF")
            connection.execute("PRAGMA synchronous = OFF")
            yield connection
    except sqlite3.Error as error:
        raise unwritable(path, error) from error


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
