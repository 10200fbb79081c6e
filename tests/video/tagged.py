"""Files that carry cameras' tags, built by hand: box by box, packet by packet."""

import struct

from phonoscope.types import Shutter
from phonoscope.video import open_video

ROWS = 36
APPLE = "com.apple.quicktime.camera.framereadouttimeinmicroseconds"
CAMERA_SET = bytes.fromhex("060e2b34025301010c02010102010000")
USER_SET = bytes.fromhex("060e2b34025301010c0201017f010000")


def box(kind, *parts):
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind, *parts):
    return box(kind, bytes(4), *parts)


def find(data, path, start=0, end=None):
    """Return [(start, size)] of the boxes along a path."""
    end = len(data) if end is None else end
    while start < end:
        size, kind = struct.unpack_from(">I4s", data, start)
        if kind == path[0]:
            inner = find(data, path[1:], start + 8, start + size) if path[1:] else []
            return [(start, size), *inner]
        start += size
    raise AssertionError(path)


def insert(path, parents, extra):
    """Put a box at the end of those along `parents`; moov lies last, so no offset moves."""
    data = path.read_bytes()
    chain = find(data, parents)
    at = sum(chain[-1])
    data = bytearray(data[:at] + extra + data[at:])
    for start, size in chain:
        struct.pack_into(">I", data, start, size + len(extra))
    path.write_bytes(data)
    return path


def keyed(items, box_of_meta=full_box):
    """Return QuickTime's metadata box of {name: (type, value)}."""
    handler = full_box(b"hdlr", bytes(4), b"mdta", bytes(14))
    names = [box(b"mdta", name.encode()) for name in items]
    values = [box(b"data", struct.pack(">II", kind, 0), value) for kind, value in items.values()]
    return box_of_meta(
        b"meta",
        handler,
        full_box(b"keys", struct.pack(">I", len(names)), *names),
        box(b"ilst", *[box(struct.pack(">I", n + 1), value) for n, value in enumerate(values)]),
    )


def entry(key, letter, value, size, repeat=1):
    """Return an entry of GPMF, padded to 4 bytes."""
    head = struct.pack(">4sBBH", key, ord(letter) if letter else 0, size, repeat)
    return head + value + bytes(-len(value) % 4)


def device(*entries):
    body = entry(b"DVID", "L", b"\x00\x00\x00\x01", 4)
    body += entry(b"DVNM", "c", b"Global Settings", 1, 15) + b"".join(entries)
    return entry(b"DEVC", None, body, 1, len(body))


def srot(ms, letter="f", size=4):
    return entry(b"SROT", letter, struct.pack(">" + letter, ms)[:size], size)


def local(tag, value, length=None):
    return struct.pack(">HH", tag, len(value) if length is None else length) + value


def local_set(key, *tags):
    body = b"".join(tags)
    return key + b"\x83" + len(body).to_bytes(3, "big") + body


def sony(*tags):
    return (
        b"\x00\x1c"
        + bytes(26)
        + local_set(CAMERA_SET, local(0x8106, bytes(8)))
        + local_set(USER_SET, *tags)
    )


def canon(*tags):
    body = local_set(CAMERA_SET, *tags)
    return struct.pack("<II", 1, 12) + bytes(12) + struct.pack("<II", 2, len(body)) + body


def with_track(path, kind, packet):
    """Add a metadata track of one packet; its data lie behind everything else."""
    table = (
        full_box(b"stsd", struct.pack(">I", 1), box(kind, bytes(6), struct.pack(">H", 1))),
        full_box(b"stts", struct.pack(">III", 1, 1, 1000)),
        full_box(b"stsc", struct.pack(">IIII", 1, 1, 1, 1)),
        full_box(b"stsz", struct.pack(">II", len(packet), 1)),
    )

    def track(offset):
        stbl = box(b"stbl", *table, full_box(b"stco", struct.pack(">II", 1, offset)))
        reference = full_box(b"dref", struct.pack(">I", 1), box(b"url ", b"\x00\x00\x00\x01"))
        return box(
            b"trak",
            full_box(b"tkhd", struct.pack(">IIII", 0, 0, 9, 0), bytes(64)),
            box(
                b"mdia",
                full_box(b"mdhd", struct.pack(">IIIII", 0, 0, 1000, 1000, 0)),
                full_box(b"hdlr", bytes(4), b"meta", bytes(13)),
                box(b"minf", full_box(b"nmhd"), box(b"dinf", reference), stbl),
            ),
        )

    end = path.stat().st_size + len(track(0))
    insert(path, [b"moov"], track(end + 8))
    with path.open("ab") as file:
        file.write(box(b"mdat", packet))
    return path


def look(path, **more):
    with open_video(path, **more) as video:
        assert len(list(video)) == 8
        told = [text for text in video.facts.warnings if "read" in text and "row" in text]
        return video.facts.shutter, told


def assert_ignored(path, *words):
    shutter, told = look(path)
    assert shutter == Shutter()
    assert len(told) == 1
    assert all(word in told[0] for word in ("ignored", *words))


def facts_of(path, **more):
    with open_video(path, **more) as video:
        return video.facts
