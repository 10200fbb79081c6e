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


def sony(*tags, capture=(30, 1)):
    return (
        b"\x00\x1c"
        + bytes(26)
        + local_set(CAMERA_SET, local(0x8106, struct.pack(">II", *capture)))
        + local_set(USER_SET, *tags)
    )


def canon(*tags):
    body = local_set(CAMERA_SET, *tags)
    return struct.pack("<II", 1, 12) + bytes(12) + struct.pack("<II", 2, len(body)) + body


def sony_xml(model="ILCE-7M3", capture="23.98p", plays="23.98p", make="Sony"):
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<NonRealTimeMeta '
        'xmlns="urn:schemas-professionalDisc:nonRealTimeMeta:ver.2.00"><VideoFormat>'
        f'<VideoFrame videoCodec="AVC" captureFps="{capture}" formatFps="{plays}"/>'
        f'</VideoFormat><Device manufacturer="{make}" modelName="{model}" serialNo="1"/>'
        "</NonRealTimeMeta>"
    ).encode()


def nrtm(xml):
    """Return the box that holds Sony's metadata."""
    handler = full_box(b"hdlr", bytes(4), b"nrtm", bytes(13))
    return full_box(b"meta", handler, full_box(b"xml ", xml, b"\x00"))


def samsung(mode, *more, swapped=False):
    """Return the box in which Samsung's phones tell their recording mode."""
    pairs = [bytes([0, mode]), bytes([1, 4])]
    author = box(b"saut", bytes(4), *(pairs[::-1] if swapped else pairs))
    return full_box(b"smta", box(b"mdln", b"SM-G991B"), author, *more)


def directory(start, *entries):
    """Return a little-endian TIFF directory of (tag, type, count, value) that begins at `start`."""
    beyond = start + 2 + 12 * len(entries) + 4
    head, tail = struct.pack("<H", len(entries)), b""
    for tag, kind, count, value in entries:
        inline = value.ljust(4, b"\x00")
        if len(value) > 4:
            inline = struct.pack("<I", beyond + len(tail))
            tail += value
        head += struct.pack("<HHI", tag, kind, count) + inline
    return head + bytes(4) + tail


def fujifilm(rate):
    """Return the box of Fujifilm's Exif: IFD0, the Exif directory, and in it the maker's notes."""
    own = directory(12, (0x3820, 3, 1, struct.pack("<H", rate)), (0x3821, 3, 1, b"\x80\x07"))
    notes = b"FUJIFILM" + struct.pack("<I", 12) + own
    at = len(directory(0, (0x010F, 2, 9, b"FUJIFILM\x00"), (0x8769, 4, 1, bytes(4))))
    first = directory(0, (0x010F, 2, 9, b"FUJIFILM\x00"), (0x8769, 4, 1, struct.pack("<I", at)))
    return box(b"MVTG", bytes(16), first, directory(at, (0x927C, 7, len(notes), notes)))


def vfps(*numbers, letter="L"):
    value = struct.pack(f">{len(numbers)}{letter}", *numbers)
    return entry(b"VFPS", letter, value, len(value))


def mdpm(*entries):
    """Return Canon's message to H.264 decoders, of {tag: four bytes} in order."""
    uuid = bytes.fromhex("17ee8c60f84d11d98cd60800200c9a66")
    return uuid + b"MDPM" + bytes([len(entries)]) + b"".join(bytes(one) for one in entries)


def varint(number):
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def message(**fields):
    """Return a message of {"f" + number: whole number, float or bytes}."""
    body = b""
    for name, value in fields.items():
        at = int(name[1:]) << 3
        if isinstance(value, int):
            body += varint(at) + varint(value)
        elif isinstance(value, float):
            body += varint(at | 5) + struct.pack("<f", value)
        else:
            body += varint(at | 2) + varint(len(value)) + value
    return body


def dji(read_out=8_804_000, layout=b"dvtm_wm169.proto", kind=0, **fields):
    """Return the first packet of a track of metadata as DJI's Avata writes it.

    `kind` is that of the video: 2 is slow motion, 4 a time lapse.
    """
    header = message(f1=layout, f2=b"02.01.16", f5=b"1581F4XFC226", f9=1 << 40, f10=b"DJI Avata")
    told = {"f4": message(f1=read_out)} | fields
    clip = message(f1=header, f2=message(f1=1), f3=message(f1=b"coefficients"), **told)
    frame = message(f1=message(f1=1, f2=1 << 40), f2=message(f4=message(f1=b"\x01\x78")))
    stream = message(f1=b"", f3=message(f1=3840, f3=59.94, f7=kind))
    return message(f1=clip, f2=stream, f3=frame)


def with_message(path, message):
    """Put a message (SEI, unregistered) before the first key frame of a raw H.264 stream."""
    data = path.read_bytes()
    at = data.index(b"\x00\x00\x01\x65")
    unit = b"\x00\x00\x01\x06\x05" + bytes([len(message)]) + message + b"\x80"
    path.write_bytes(data[:at] + unit + data[at:])
    return path


def by_camera(path):
    """Take off the names of the programs that have written a file."""
    data = path.read_bytes().replace(b"\xa9too", b"free").replace(b"x264 - core", b"encoder    ")
    path.write_bytes(data)
    return path


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
