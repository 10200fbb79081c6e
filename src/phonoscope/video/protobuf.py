"""Walk messages of Protocol Buffers whose definition is known in part only."""

from collections.abc import Iterator

Value = int | bytes
"""A whole number, or bytes: a message, a text, or a number of fixed width (little-endian)."""

_NUMBER, _BYTES = 0, 2
_FIXED = {1: 8, 5: 4}  # bytes of kinds of value
_LONGEST_NUMBER = 10  # bytes


def field(data: Value, *path: int) -> Value | None:
    """Return the first value along a path of field numbers; None if there is none.

    References
    ----------
    .. [1] Google, *Protocol Buffers: Encoding*,
       https://protobuf.dev/programming-guides/encoding/
    """
    for number in path:
        if not isinstance(data, bytes):
            return None
        found = next((value for at, value in _fields(data) if at == number), None)
        if found is None:
            return None
        data = found
    return data


def _fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """Yield (field number, value); damaged data end the walk."""
    rest: bytes | None = data
    while rest:
        key, rest = _number(rest)
        kind, value = key & 7, 0
        if rest is not None and kind in (_NUMBER, _BYTES):
            value, rest = _number(rest)
        length = value if kind == _BYTES else _FIXED.get(kind, 0)
        if rest is None or length > len(rest) or kind not in (_NUMBER, _BYTES, *_FIXED):
            return
        yield key >> 3, value if kind == _NUMBER else rest[:length]
        rest = rest[length:]


def _number(data: bytes) -> tuple[int, bytes | None]:
    """Return a whole number, seven bits a byte, and what follows it; None if it does not end."""
    number = 0
    for place, byte in enumerate(data[:_LONGEST_NUMBER]):
        number |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return number, data[place + 1 :]
    return number, None
