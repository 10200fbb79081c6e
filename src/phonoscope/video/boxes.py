"""Walk the boxes of MP4 and MOV files (ISO/IEC 14496-12), for tags that FFmpeg does not pass on."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

CONTENT_LIMIT = 1 << 20  # of a box of metadata, bytes; larger ones are no tags
_LONGEST_NUMBER = 8  # bytes


@dataclass(frozen=True, slots=True)
class Box:
    """A box: its four-letter kind, and where its content begins and ends in the file, bytes."""

    kind: bytes
    start: int
    end: int


def whole(file: BinaryIO) -> Box:
    """Return all of a file as a box."""
    return Box(b"file", 0, file.seek(0, 2))


def boxes(file: BinaryIO, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes that lie between two places, in order; only their headers are read.

    A header that cannot be right (shorter than itself, or reaching beyond `end`) ends the walk.
    """
    while start + 8 <= end:
        file.seek(start)
        header = file.read(16)
        if len(header) < 8:
            return
        size, kind = struct.unpack(">I4s", header[:8])
        head = 8
        if size == 1 and len(header) == 16:  # the size is in the 64 bits that follow
            size, head = int.from_bytes(header[8:], "big"), 16
        elif size == 0:
            size = end - start
        if size < head or start + size > end:
            return
        yield Box(kind, start + head, start + size)
        start += size


def find(file: BinaryIO, within: Box, *path: bytes) -> Iterator[Box]:
    """Yield every box that is reached from `within` by the kinds of `path`, in order."""
    if not path:
        yield within
        return
    for box in boxes(file, _first_child(file, within), within.end):
        if box.kind == path[0]:
            yield from find(file, box, *path[1:])


def content(file: BinaryIO, box: Box) -> bytes:
    """Return what `box` holds; nothing if it is larger than metadata are."""
    if box.end - box.start > CONTENT_LIMIT:
        return b""
    file.seek(box.start)
    return file.read(box.end - box.start)


def _first_child(file: BinaryIO, box: Box) -> int:
    """Return where children begin: ISO's meta has 4 bytes before them, QuickTime's has none."""
    if box.kind != b"meta":
        return box.start
    file.seek(box.start)
    return box.start if file.read(8)[4:] == b"hdlr" else box.start + 4


def key_values(file: BinaryIO, meta: Box) -> Iterator[tuple[str, int, bytes]]:
    """Yield (name, type of the value, value) of a QuickTime ``meta`` box with ``keys``."""
    names: list[str] = []
    for keys in find(file, meta, b"keys"):
        entries = list(boxes(file, keys.start + 8, keys.end))
        names += [content(file, entry).decode("utf-8", "replace") for entry in entries]
    for item in find(file, meta, b"ilst"):
        for entry in boxes(file, item.start, item.end):
            number = int.from_bytes(entry.kind, "big")
            for data in boxes(file, entry.start, entry.end):
                value = content(file, data)
                if data.kind == b"data" and 1 <= number <= len(names) and len(value) >= 8:
                    yield names[number - 1], int.from_bytes(value[:4], "big"), value[8:]


def quicktime_number(kind: int, value: bytes) -> float | None:
    """Return a value of QuickTime metadata as a number, whatever type it has; None if it is none.

    Types are those of Apple's *QuickTime File Format*, "Well-known types".
    """
    if kind == 1:
        try:
            return float(value.decode("ascii"))
        except ValueError:
            return None
    if kind in (23, 24):
        form = ">f" if kind == 23 else ">d"
        complete = len(value) == struct.calcsize(form)
        return float(struct.unpack(form, value)[0]) if complete else None
    if 0 < len(value) <= _LONGEST_NUMBER and kind in (21, 22, 65, 66, 67, 74, 75, 76, 77, 78):
        return float(int.from_bytes(value, "big", signed=kind in (21, 65, 66, 67, 74)))
    return None
