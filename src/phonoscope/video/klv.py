"""Walk metadata of the key-length-value kind: GoPro's GPMF, and acquisition metadata of SMPTE."""

import struct
from collections.abc import Iterator

DEEPEST = 8  # devices hold streams, and streams hold values; a damaged file could nest for ever
UNIVERSAL = b"\x06\x0e\x2b\x34"  # how every universal key of SMPTE begins
SONY_HEAD = b"\x00\x1c"  # the length of what precedes the sets in a packet of rtmd
CANON_HEADS = (b"\x01\x00\x00\x00", b"\x02\x00\x00\x00")  # time code; acquisition metadata

# GPMF's letters of number types; all are big-endian, as struct's letters behind ">" are.
_GPMF_NUMBERS = {"b": "b", "B": "B", "s": "h", "S": "H", "l": "i", "L": "I", "f": "f", "d": "d"}


def gpmf(data: bytes, depth: int = 0) -> Iterator[tuple[bytes, str, bytes]]:
    """Yield (key, type letter, value) of every entry of GPMF, nested ones too.

    A value that is cut short is yielded as far as it goes, and ends the walk.

    References
    ----------
    .. [1] GoPro, *GPMF introduction*, https://github.com/gopro/gpmf-parser
    """
    at = 0
    while at + 8 <= len(data):
        key, letter, size, repeat = struct.unpack_from(">4sBBH", data, at)
        value = data[at + 8 : at + 8 + size * repeat]
        if letter == 0 and depth < DEEPEST:
            yield from gpmf(value, depth + 1)
        elif letter:
            yield key, chr(letter), value
        at += 8 + -(-size * repeat // 4) * 4  # values are padded to 4 bytes


def gpmf_numbers(letter: str, value: bytes) -> tuple[float, ...]:
    """Return the numbers of a GPMF value; none if it is something else, or cut short."""
    form = _GPMF_NUMBERS.get(letter)
    if form is None or len(value) % struct.calcsize(form):
        return ()
    return tuple(float(number) for (number,) in struct.iter_unpack(">" + form, value))


def acquisition_tags(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield (tag, value) of the local sets of acquisition metadata that a packet holds.

    Whatever precedes the first universal key is skipped. A value that is cut short is yielded as
    far as it goes, and ends the walk.

    References
    ----------
    .. [1] SMPTE RDD 18:2012, *Acquisition metadata sets for video camera parameters*.
    """
    at = data.find(UNIVERSAL)
    while at >= 0 and data[at : at + 4] == UNIVERSAL and at + 17 <= len(data):
        start, length = _ber(data, at + 16)
        yield from _local_tags(data[start : start + length])
        at = start + length


def _ber(data: bytes, at: int) -> tuple[int, int]:
    """Return where a value begins, and its length: one byte, or how many bytes tell it."""
    first = data[at]
    if first < 0x80:
        return at + 1, first
    start = at + 1 + (first & 0x7F)
    return start, int.from_bytes(data[at + 1 : start], "big")


def _local_tags(body: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(body):
        tag, length = struct.unpack_from(">HH", body, at)
        yield tag, body[at + 4 : at + 4 + length]
        at += 4 + length
