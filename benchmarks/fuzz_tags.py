"""Cameras' tags and a network, built byte by byte: seeds of `fuzz.py`."""

import importlib.util
import struct
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SONY_XML = (
    '<?xml version="1.0" encoding="UTF-8"?><NonRealTimeMeta xmlns="urn:schemas-professionalDisc:'
    'nonRealTimeMeta:ver.2.20"><Duration value="300"/><VideoFormat><VideoRec><VideoFrame '
    'captureFps="23.98p" formatFps="23.98p"/></VideoRec></VideoFormat>'
    '<Device manufacturer="Sony" modelName="ILCE-7M3" serialNo="1"/></NonRealTimeMeta>'
)


@cache
def builders(name: str = "tagged") -> Any:
    """Return the builders that the tests have: of cameras' tags, or of ``"labs"``' files."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / "video" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tags() -> list[tuple[str, bytes]]:
    """Return one packet or box of every maker."""
    t = builders()
    keys = {
        t.APPLE: (21, struct.pack(">i", 33000)),
        "com.apple.quicktime.make": (1, b"X"),
        "com.android.capture.fps": (23, struct.pack(">f", 240.0)),
        "com.arri.camera.SensorFps": (77, struct.pack(">I", 200_000)),
    }
    gopro = t.device(t.entry(b"MINF", "c", b"HERO11 Black", 1, 12), t.srot(24.0), t.vfps(240, 1))
    samsung = t.samsung(21, t.box(b"srfr", struct.pack(">I", 240 << 16)))
    return [
        ("apple", t.keyed(keys)),
        ("gopro", gopro),
        ("sony", t.sony(t.local(0xE40E, struct.pack(">i", 20000)), capture=(120000, 1001))),
        ("canon", t.canon(t.local(0xE209, struct.pack(">i", 20_000_000)))),
        ("dji", _dji()),
        ("xml", t.nrtm(SONY_XML.encode())),
        ("samsung", t.box(b"udta", samsung)),
        ("fujifilm", t.box(b"udta", t.fujifilm(120))),
        ("mdpm", t.mdpm((0x18, 1, 2, 3, 4), (0xE0, 0x10, 0x11, 3, 1), (0xEE, 120, 30, 8, 1))),
    ]


EDGERTRONIC = (
    b"Model:\tSC2\t\nPre-trigger Frame Rate:\t10\tFrames/Second\nPost-trigger 1 Frame Rate:\t6000\t"
    b"Frames/Second\nPre-trigger Duration:\t0\tSeconds\nPost-trigger 1 Duration:\t2\tSeconds\n"
)


def _field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _dji() -> bytes:
    header = _field(1, b"dvtm_ac203.proto") + _field(10, b"DJI OsmoAction4")
    clip = _field(1, header) + _field(4, _field(1, 15_000_000)) + _field(5, _field(1, 2))
    clip += _field(7, _field(1, 1)) + _field(9, _field(1, 0))
    clip += _field(11, _varint(1 << 3 | 5) + struct.pack("<f", 119.88))
    return _field(1, clip) + _field(2, _field(3, _field(7, 2)))


def network() -> bytes:
    """Return a network of ONNX that multiplies the mean size of a sound by 2 and 3."""

    def node(kind: bytes, given: list[bytes], out: bytes) -> bytes:
        inputs = b"".join(_field(1, one) for one in given)
        return _field(1, inputs + _field(2, out) + _field(4, kind))

    def value(name: bytes, *sizes: bytes) -> bytes:
        shape = b"".join(_field(1, size) for size in sizes)
        return _field(1, name) + _field(2, _field(1, _field(1, 1) + _field(2, shape)))

    weights = _field(1, 2) + _field(2, 1) + _field(8, b"w") + _field(9, struct.pack("<2f", 2, 3))
    graph = node(b"Abs", [b"sound"], b"size") + node(b"ReduceMean", [b"size"], b"mean")
    graph += node(b"Mul", [b"mean", b"w"], b"voice") + _field(2, b"tiny") + _field(5, weights)
    graph += _field(11, value(b"sound", _field(1, 1), _field(2, b"n")))
    graph += _field(12, value(b"voice", _field(1, 1), _field(1, 2)))
    return _field(1, 8) + _field(7, graph) + _field(8, _field(2, 13))
