"""Write a motion file while it is measured, so that nothing that was measured is lost."""

import io
import json
import os
import sqlite3
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import OutputError
from phonoscope.files import unwritable
from phonoscope.motion.packing import PackedSegment, packed
from phonoscope.motion.segment import Poses, Segment
from phonoscope.motion.store import (
    APPLICATION_ID,
    FORMAT_VERSION,
    SCHEMA,
    checksum,
    facts_json,
)
from phonoscope.motion.stored import SIGNS_OF_DAMAGE
from phonoscope.types import Cells, NoiseModel, VideoFacts

_BLOCKS_A_SEGMENT = 1000  # room in the numbers of blocks
# What may be over when it is tried again: no room, Ctrl-C, a network that is down.
_PASSING = (sqlite3.Error, OutputError, KeyboardInterrupt, ConnectionError)


class MotionWriter:
    """A motion file that is being written.

    Attributes
    ----------
    done
        Number of samples in each segment that is written already, by the number of the segment.
    complete
        Whether nothing is missing: this very measurement was finished before.
    """

    def __init__(self, connection: sqlite3.Connection, *, complete: bool) -> None:
        self._connection = connection
        self._one_at_a_time = threading.Lock()
        self.complete = complete
        self.done: dict[int, int] = {}
        if not complete:
            self.done.update(connection.execute("SELECT number, samples FROM segment"))

    def poses(self, number: int) -> Poses:
        """Return where a segment that is done last saw the picture; for any thread."""
        with self._one_at_a_time:
            query = "SELECT poses FROM segment WHERE number = ?"
            row = self._connection.execute(query, (number,)).fetchone()
        raw = io.BytesIO(zlib.decompress(row[0]))
        return [np.load(raw) for _ in range(int(np.load(raw)))]

    def add(self, segment: Segment | PackedSegment) -> None:
        """Write a segment, which is on the disk to stay then."""
        packed = segment if isinstance(segment, PackedSegment) else PackedSegment.of(segment)
        with self._one_at_a_time:
            self._insert(packed)

    def _insert(self, segment: PackedSegment) -> None:
        connection = self._connection
        connection.execute("BEGIN")
        before, missed = 0, list[int]()
        for number, block in enumerate(segment.blocks, segment.number * _BLOCKS_A_SEGMENT):
            connection.execute(
                "INSERT INTO block VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (number, block.samples, *block.blobs, zlib.crc32(b"".join(block.blobs))),
            )
            missed += [before + t for t in block.lost]
            before += block.samples
        lost = json.dumps({"samples": missed, "frames": list(segment.lost)})
        row = (segment.number, before, lost, _poses(segment.poses))
        connection.execute("INSERT INTO segment VALUES (?, ?, ?, ?)", row)
        connection.execute("COMMIT")
        self.done[segment.number] = before

    def give_up_resuming(self) -> None:
        """Let nobody go on from here, should this be cut off: it would not come out the same."""
        self._connection.execute("DELETE FROM meta WHERE key = 'begun'")

    @property
    def lost(self) -> Sequence[int]:
        """Indices of the frames that moved too far to be followed, of all segments."""
        rows = self._connection.execute("SELECT lost FROM segment ORDER BY number")
        return [index for (lost,) in rows for index in json.loads(lost)["frames"]]

    def finish(self, parameters: Mapping[str, Any], warnings: Sequence[str]) -> None:
        """Add what is known only at the end, which makes the motion file complete."""
        connection = self._connection
        samples, missed = 0, []
        for own, lost in connection.execute("SELECT samples, lost FROM segment ORDER BY number"):
            missed += [samples + t for t in json.loads(lost)["samples"]]
            samples += own
        connection.execute("BEGIN")
        connection.execute("DROP TABLE segment")
        _put_meta(
            connection, samples=samples, lost=missed, parameters=dict(parameters),
            warnings=list(warnings),
        )  # fmt: skip
        _put_meta(connection, crc32=checksum(connection))
        connection.execute("COMMIT")
        self.complete = True


@contextmanager
def writing_motion(
    path: str | os.PathLike[str],
    *,
    facts: VideoFacts,
    cells: Cells,
    noise: NoiseModel,
    picture: NDArray[np.uint8],
    origin: Mapping[str, Any],
) -> Iterator[MotionWriter]:
    """Open a motion file to be written, or the rest of one whose writing was cut off.

    It is complete only after `MotionWriter.finish`; write to a temporary name. A file at `path`
    that began as this one would is gone on with; any other is replaced. What is written stays, for
    the next to go on with, if this process is killed, interrupted, or finds the disk full or a
    machine gone; after any other exception in the block it is removed.

    Parameters
    ----------
    path
        Of the file.
    facts, cells, noise, picture
        As in `phonoscope.types.MotionField`.
    origin
        All that the measurement depends on beside those, ready for JSON.

    Raises
    ------
    OutputError
        If it cannot be written, because the disk is full, say, or another process writes it.
    """
    path = Path(path)
    with _writing(path) as connection:
        head = _head(facts, noise, origin)
        try:
            state = _state(connection, head, cells, picture)
            if state == "other":
                _begin(connection, head, cells, picture)
            yield MotionWriter(connection, complete=state == "complete")
        except BaseException as error:
            worth = isinstance(error, _PASSING)
            if not (worth and _kept(connection)):
                connection.close()
                _remove(path)
            raise
    Path(f"{path}-journal").unlink(missing_ok=True)


def _kept(connection: sqlite3.Connection) -> bool:
    """Return whether anything was written that can be gone on with."""
    with suppress(sqlite3.Error):
        connection.execute("ROLLBACK")
    with suppress(sqlite3.Error):
        begun = "SELECT 1 FROM meta, segment WHERE key = 'begun' LIMIT 1"
        return connection.execute(begun).fetchone() is not None
    return False


def _head(facts: VideoFacts, noise: NoiseModel, origin: Mapping[str, Any]) -> dict[str, str]:
    values = {
        "format": "phonoscope motion field",
        "version": FORMAT_VERSION,
        "facts": facts_json(facts),
        "noise": {"level": noise.level.tolist(), "variance": noise.variance.tolist()},
        "begun": dict(origin),
    }
    return {key: json.dumps(value) for key, value in values.items()}


def _rows(cells: Cells) -> list[tuple[Any, ...]]:
    columns = (cells.x_px, cells.y_px, cells.width_px, cells.height_px, cells.delay_s)
    lists = (column.tolist() for column in columns)
    return list(zip(range(len(cells)), *lists, strict=True))


def _state(
    connection: sqlite3.Connection, head: Mapping[str, str], cells: Cells,
    picture: NDArray[np.uint8],
) -> str:  # fmt: skip
    """Return whether what is there is this measurement "complete", "begun", or any "other"."""
    try:
        meta = dict(connection.execute("SELECT key, value FROM meta"))
        if any(meta.get(key) != value for key, value in head.items()):
            return "other"
        same = connection.execute("SELECT * FROM cells ORDER BY cell").fetchall() == _rows(cells)
        row = connection.execute("SELECT height, width, crc32 FROM picture").fetchone()
        if not same or row != (*picture.shape, zlib.crc32(packed(picture))):
            return "other"
        return "complete" if "crc32" in meta else "begun"
    except SIGNS_OF_DAMAGE as error:
        if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY):
            raise
        return "other"


def _begin(
    connection: sqlite3.Connection, head: Mapping[str, str], cells: Cells,
    picture: NDArray[np.uint8],
) -> None:  # fmt: skip
    for (name,) in connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table'"
    ).fetchall():
        connection.execute(f'DROP TABLE "{name}"')
    connection.execute("BEGIN")
    for statement in SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.executemany("INSERT INTO meta VALUES (?, ?)", head.items())
    connection.executemany("INSERT INTO cells VALUES (?, ?, ?, ?, ?, ?)", _rows(cells))
    luma = packed(picture)
    connection.execute(
        "INSERT INTO picture VALUES (?, ?, ?, ?)", (*picture.shape, luma, zlib.crc32(luma))
    )
    connection.execute("COMMIT")


def _poses(poses: Poses) -> bytes:
    raw = io.BytesIO()
    np.save(raw, len(poses))
    for pose in poses:
        np.save(raw, pose)
    return zlib.compress(raw.getvalue(), 1)


def _put_meta(connection: sqlite3.Connection, **values: Any) -> None:
    connection.executemany(
        "INSERT INTO meta VALUES (?, ?)", [(k, json.dumps(v)) for k, v in values.items()]
    )


@contextmanager
def _writing(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        if not _is_database(path):
            _remove(path)
        with closing(_connected(path)) as connection:
            # One process at a time: the lock goes with the process, however that ends.
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("COMMIT")
            yield connection
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY:
            raise unwritable(path, _BusyError()) from error
        raise unwritable(path, error) from error


def _connected(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)


class _BusyError(Exception):
    """Another process has the file."""

    def __str__(self) -> str:
        return "another process is writing it at this moment"


def _is_database(path: Path) -> bool:
    with suppress(OSError), path.open("rb") as file:
        return file.read(16) in (b"", b"SQLite format 3\0")
    return True


def _remove(path: Path) -> None:
    for name in (path, Path(f"{path}-journal")):
        name.unlink(missing_ok=True)
