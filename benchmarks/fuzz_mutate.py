"""Mutations of files and of typed text, for `fuzz.py` and the tests: a seed in, a damaged one out.

Bytes are damaged blindly (bits, blocks) and where structure is likely: beside four-letter codes,
and in fields whose value could be a length. Motion files and response files are also damaged behind
their checksums, which are made again, so that what reads their content meets it.
"""

import io
import json
import random
import re
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

_WIDTHS = (1, 2, 4, 8)
_LARGEST = 1 << 20  # of a damaged file, bytes
_CODE = re.compile(rb"[A-Za-z]{4}")
_TOKEN = re.compile(r"[0-9]+(?:\.[0-9]+)?|[A-Za-z_]+|\s+|.", re.DOTALL)
_STRANGE = (
    "0", "-1", "-0.0", "1e400", "1e-400", "1e9999", "1e99999999", "1e-99999999", "nan", "inf",
    "-inf", "1/0", "0/1", "1/3", "9" * 25, "9" * 400, "9" * 5000, "9" * 400 + "/7", "0x10", "1_0",
    "٣", "½", "µ", "", " ", "\n", "\t", "\0", "\x1b[31m", "\ud800", "'", '"', "[", "]", "{", "}",
    ",", ",,", "/", ".", "e", "-", "+", "=", "%s", "None", "null", "true", "NaN", "Infinity",
    "ms", "us", "µs", "s", "global", "native", "../", "/dev/null", "*", "?", "[a", "~",
)  # fmt: skip
# Numbers that are none too strange, and so get further.
_PLAUSIBLE = (
    "1", "2", "3", "4", "7", "10", "15", "16", "17", "23.976", "31", "32", "50", "59.94", "60",
    "0.5", "0.25", "0.1", "0.001", "1e-3", "1e-6", "1e-9", "119", "120", "121", "240", "500",
    "1000", "1e3", "1e6", "8000", "44100", "65535", "1000000",
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2**31, 2**63 - 1, -(2**63), 1e308, 1e-308, -0.5, "", "x", "0",
    "1/0", "1e99999999", b"", b"\0", [], {},
)  # fmt: skip

_UNFIT = (
    sqlite3.Error,
    TypeError,
    ValueError,
    OverflowError,
)  # values that no motion file can hold


def mutated(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Return `data` damaged by one to four operators; `others` are spliced in."""
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 4))):
        if data:
            data = rng.choice(_OPERATORS)(data, others, rng)
    return data[:_LARGEST]


def mutated_text(text: str, rng: random.Random) -> str:
    """Return `text` with one to three of its tokens replaced, repeated, moved or left out."""
    tokens: list[str] = _TOKEN.findall(text)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        at = rng.randrange(len(tokens) + 1)
        kind = rng.randrange(6)
        if at < len(tokens) and tokens[at].isdecimal() and rng.random() < 0.5:
            tokens[at] = rng.choice(_PLAUSIBLE)
        elif kind == 0 or at == len(tokens):
            tokens.insert(at, rng.choice(_STRANGE))
        elif kind == 1:
            del tokens[at]
        elif kind == 2:
            tokens.insert(at, tokens[at] * rng.choice((1, 1, 2, 50)))
        elif kind == 3:
            other = rng.randrange(len(tokens))
            tokens[at], tokens[other] = tokens[other], tokens[at]
        else:
            tokens[at] = rng.choice(_STRANGE)
    return "".join(tokens)


def _bits(data: bytes, _: Sequence[bytes], rng: random.Random) -> bytes:
    out = bytearray(data)
    for _time in range(rng.choice((1, 1, 2, 8, 64))):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def _noise(data: bytes, _: Sequence[bytes], rng: random.Random) -> bytes:
    at, size = _block(data, rng)
    return data[:at] + rng.randbytes(size) + data[at + size :]


def _fill(data: bytes, _: Sequence[bytes], rng: random.Random) -> bytes:
    at, size = _block(data, rng)
    return data[:at] + bytes([rng.choice((0, 255))]) * size + data[at + size :]


def _truncated(data: bytes, _: Sequence[bytes], rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def _without(data: bytes, _: Sequence[bytes], rng: random.Random) -> bytes:
    at, size = _block(data, rng)
    return data[:at] + data[at + size :]


def _doubled(data: bytes, _: Sequence[bytes], rng: random.Random) -> bytes:
    at, size = _block(data, rng)
    return data[:at] + data[at : at + size] * rng.choice((2, 2, 3, 17)) + data[at + size :]


def _moved(data: bytes, _: Sequence[bytes], rng: random.Random) -> bytes:
    at, size = _block(data, rng)
    rest = data[:at] + data[at + size :]
    to = rng.randrange(len(rest) + 1)
    return rest[:to] + data[at : at + size] + rest[to:]


def _spliced(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    other = rng.choice(others) if others else data
    if not other:
        return data
    start, size = _block(other, rng)
    at = rng.randrange(len(data))
    over = rng.choice((0, size))
    return data[:at] + other[start : start + size] + data[at + over :]


def _number(data: bytes, _: Sequence[bytes], rng: random.Random) -> bytes:
    width = rng.choice(_WIDTHS)
    return _put(data, rng.randrange(len(data)), width, _interesting(width, rng), rng)


def _beside_code(data: bytes, _: Sequence[bytes], rng: random.Random) -> bytes:
    """Put a number beside a four-letter code, where sizes, counts and dimensions are."""
    codes = [match.start() for match in _CODE.finditer(data[:_LARGEST])]
    if not codes:
        return _number(data, (), rng)
    at = rng.choice(codes) + rng.choice((-4, -8, 0, 4, 8, 12, 16, 20, 24, 32))
    width = rng.choice(_WIDTHS)
    return _put(data, at, width, _interesting(width, rng), rng)


def _length(data: bytes, _: Sequence[bytes], rng: random.Random) -> bytes:
    """Change a field that could tell a length or an offset in this file."""
    for _time in range(64):
        width, order = rng.choice((2, 4, 4, 8)), rng.choice(("big", "little"))
        at = rng.randrange(len(data))
        value = int.from_bytes(data[at : at + width], order)  # type: ignore[arg-type]
        if 0 < value <= len(data):
            new = rng.choice((0, 1, 7, 8, value - 1, value + 1, 2 * value, len(data), 1 << 31))
            raw = (new % (1 << 8 * width)).to_bytes(width, order)  # type: ignore[arg-type]
            return data[:at] + raw + data[at + width :]
    return _number(data, (), rng)


_OPERATORS: tuple[Callable[[bytes, Sequence[bytes], random.Random], bytes], ...] = (
    _bits, _bits, _noise, _fill, _truncated, _without, _doubled, _moved, _spliced, _number, _number,
    _beside_code, _beside_code, _length, _length,
)  # fmt: skip


def _block(data: bytes, rng: random.Random) -> tuple[int, int]:
    size = min(len(data), rng.choice((1, 2, 4, 8, 16, 64, 256, 1024, len(data) // 3 + 1)))
    return rng.randrange(len(data) - size + 1), size


def _interesting(width: int, rng: random.Random) -> int:
    top = 1 << 8 * width
    near = rng.choice((0, 1, 2, 3, 4, 7, 8, 16, 255, 256, 1000, 4096, 65535, top >> 1, top - 1))
    return (near + rng.choice((0, 0, 0, 1, -1))) % top


def _put(data: bytes, at: int, width: int, value: int, rng: random.Random) -> bytes:
    at = max(0, min(at, len(data) - width))
    raw = value.to_bytes(width, "big" if rng.random() < 0.5 else "little")
    return data[:at] + raw + data[at + width :]


def mutated_json(text: str, rng: random.Random) -> str:
    """Return JSON in which a value, however deep, is another one, gone, or of another type."""
    try:
        document = json.loads(text)
    except (ValueError, TypeError):  # damaged before
        return mutated_text(str(text), rng)
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key in node if isinstance(node, dict) else range(len(node)):
            places.append((node, key))
            if isinstance(node[key], dict | list):
                walk(node[key])

    if isinstance(document, dict | list):
        walk(document)
    if not places or rng.random() < 0.05:
        return json.dumps(rng.choice([v for v in _VALUES if not isinstance(v, bytes)]))
    node, key = rng.choice(places)
    if rng.random() < 0.15:
        del node[key]
    elif isinstance(node[key], str) and rng.random() < 0.6:
        node[key] = mutated_text(node[key], rng)
    else:
        node[key] = rng.choice([v for v in (*_VALUES, float("nan")) if not isinstance(v, bytes)])
    return json.dumps(document)


def mutated_motion(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Return a motion file with one to three values changed, and its checksums made again."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x"
        path.write_bytes(data)
        with closing(sqlite3.connect(path)) as connection, suppress(*_UNFIT):
            for _ in range(rng.choice((1, 1, 2, 3))):
                _change_row(connection, others, rng)
            _make_checksums(connection)
        return path.read_bytes()


def _change_row(
    connection: sqlite3.Connection, others: Sequence[bytes], rng: random.Random
) -> None:
    table = rng.choice(("meta", "meta", "cells", "block", "block", "picture"))
    rows = connection.execute(f"SELECT * FROM {table}").fetchall()
    names = [column[1] for column in connection.execute(f"PRAGMA table_info({table})")]
    if not rows:
        return
    row, at = list(rng.choice(rows)), rng.randrange(len(names))
    where = f" WHERE {names[0]} IS ?"
    if rng.random() < 0.05:
        connection.execute(f"DELETE FROM {table}{where}", (row[0],))
        return
    if table == "meta":
        at = 1
    old, new = row[at], rng.choice(_VALUES[:-2])
    if table == "meta" and rng.random() < 0.9:
        new = mutated_json(old, rng)
    elif isinstance(old, bytes) and rng.random() < 0.9:
        new = _mutated_blob(old, others, rng)
    with suppress(*_UNFIT):  # a key that is there already, say
        connection.execute(f"UPDATE {table} SET {names[at]} = ?{where}", (new, row[0]))


def _mutated_blob(blob: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    if rng.random() < 0.3:
        return mutated(blob, others, rng)
    if rng.random() < 0.03:
        return zlib.compress(bytes(1 << 28), 1)  # a bomb
    with suppress(zlib.error):
        return zlib.compress(mutated(zlib.decompress(blob), (), rng), 1)
    return blob


def _make_checksums(connection: sqlite3.Connection) -> None:
    from phonoscope.motion.store import checksum as whole

    for number, *blobs in connection.execute(
        "SELECT number, time_s, information, step, base, deltas FROM block"
    ).fetchall():
        if all(isinstance(blob, bytes) for blob in blobs):
            checksum = zlib.crc32(b"".join(blobs))
            connection.execute("UPDATE block SET crc32 = ? WHERE number IS ?", (checksum, number))
    for (luma,) in connection.execute("SELECT luma FROM picture").fetchall():
        if isinstance(luma, bytes):
            connection.execute("UPDATE picture SET crc32 = ?", (zlib.crc32(luma),))
    connection.execute("UPDATE meta SET value = ? WHERE key = 'crc32'", (str(whole(connection)),))
    connection.commit()


def mutated_zip(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Return a ZIP archive, such as .npz, with one member damaged and its checksum made again."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        names = old.namelist()
        damaged, kind = rng.choice(names), rng.random()
        for name in names:
            content = old.read(name)
            if name == damaged and kind < 0.1:
                continue
            if name == damaged:
                content = (
                    _mutated_npy(content, rng) if kind < 0.6 else mutated(content, others, rng)
                )
            new.writestr(name, content, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    return out.getvalue()


def _mutated_npy(content: bytes, rng: random.Random) -> bytes:
    """Return an array of NumPy with its header, which is text, damaged."""
    end = content.find(b"\n") + 1
    text = mutated_text(content[10 : end - 1].decode("latin1"), rng)
    head = text.encode("utf-8", "replace")[:60000].ljust(end - 11) + b"\n"
    return content[:8] + len(head).to_bytes(2, "little") + head + content[end:]
