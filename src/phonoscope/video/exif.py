"""Walk the tags of a TIFF directory, as cameras put them into their videos."""

import struct
from collections.abc import Iterator

_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}  # of a type
_INLINE = 4  # bytes: so much lies in the entry itself


def directory(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Yield (tag, value) of a little-endian directory; what lies beyond the data is left out.

    Parameters
    ----------
    data
        Bytes, from the place on from which offsets count.
    at
        Where the directory begins.

    References
    ----------
    .. [1] Adobe, *TIFF 6.0*, 1992, section 2.
    """
    if at + 2 > len(data):
        return
    (count,) = struct.unpack_from("<H", data, at)
    for entry in range(at + 2, min(at + 2 + 12 * count, len(data) - 11), 12):
        tag, kind, values, offset = struct.unpack_from("<HHII", data, entry)
        size = _BYTES.get(kind, 0) * values
        start = entry + 8 if size <= _INLINE else offset
        if size and start + size <= len(data):
            yield tag, data[start : start + size]


def number(value: bytes) -> int:
    """Return an unsigned value as a number."""
    return int.from_bytes(value, "little")
