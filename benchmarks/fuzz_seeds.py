"""Small whole files of every kind that Phonoscope reads, which `fuzz.py` damages."""

import importlib.util
import io
import json
import sqlite3
import struct
import tempfile
from collections.abc import Callable
from contextlib import closing
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np

Seed = tuple[str, bytes]
"""A name, whose suffix counts, and what is in the file."""

ROOT = Path(__file__).resolve().parent.parent
COUNT, HEIGHT, WIDTH = 12, 24, 32
_SONY_XML = (
    '<?xml version="1.0" encoding="UTF-8"?><NonRealTimeMeta xmlns="urn:schemas-professionalDisc:'
    'nonRealTimeMeta:ver.2.20"><Duration value="300"/><VideoFormat><VideoRec><VideoFrame '
    'captureFps="23.98p" formatFps="23.98p"/></VideoRec></VideoFormat>'
    '<Device manufacturer="Sony" modelName="ILCE-7M3" serialNo="1"/></NonRealTimeMeta>'
)


def _tagged() -> Any:
    """Return the builders of cameras' tags that the tests have."""
    spec = importlib.util.spec_from_file_location("tagged", ROOT / "tests" / "video" / "tagged.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _frames(dtype: type = np.uint8) -> Any:
    rng = np.random.default_rng(0)
    top = np.iinfo(dtype).max
    steps = np.linspace(0, top / 2, WIDTH) + np.linspace(0, top / 4, HEIGHT)[:, None]
    noise = rng.integers(0, top // 8, (COUNT, HEIGHT, WIDTH))
    return (steps + noise).astype(dtype)


def _clip(suffix: str, codec: str, form: str, rate: int = 240, **options: str) -> Seed:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / f"clip{suffix}"
        with av.open(str(path), "w", options={"fflags": "+bitexact"}) as file:
            file.metadata["comment"] = "a clip"
            stream: Any = file.add_stream(codec, rate=rate, options=options)
            stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, form
            stream.codec_context.thread_count = 1
            for number, luma in enumerate(_frames()):
                frame = av.VideoFrame.from_ndarray(luma, format="gray").reformat(format=form)
                frame.pts, frame.time_base = number, Fraction(1, rate)
                file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
        return f"{codec}-{form}{suffix}", path.read_bytes()


def _video() -> list[Seed]:
    h264 = {"qp": "24", "bf": "2", "g": "6", "x264-params": "threads=1"}
    return [
        _clip(".mkv", "ffv1", "gray"),
        _clip(".mp4", "libx264", "yuv420p", **h264),
        _clip(".mov", "libx264", "yuv420p", **h264, movflags="faststart"),
        _clip(".mp4", "mpeg4", "yuv420p", rate=30),
        _clip(".avi", "rawvideo", "gray", rate=30),
        _clip(".avi", "mjpeg", "yuvj420p", rate=30),
        _clip(".mjpeg", "mjpeg", "yuvj420p", rate=30),
        _clip(".h264", "libx264", "yuv420p", rate=30, **h264),
        _clip(".mov", "qtrle", "rgb24", rate=30),
        _clip(".gif", "gif", "gray", rate=25),
        _clip(".webm", "libvpx", "yuv420p", rate=30),
        _clip(".ts", "mpeg2video", "yuv420p", rate=30),
        _clip(".y4m", "rawvideo", "yuv420p", rate=30),
        _clip(".mov", "prores_ks", "yuv422p10le", rate=30),
        _clip(".mov", "png", "gray", rate=30),
        _clip(".mkv", "rawvideo", "yuyv422", rate=30),
    ]


def _tags() -> list[tuple[str, bytes]]:
    """Return one packet or box of every maker."""
    t = _tagged()
    apple = t.keyed({t.APPLE: (21, struct.pack(">i", 33000)), "com.apple.quicktime.make": (1, b"X")})
    gopro = t.device(t.entry(b"MINF", "c", b"HERO11 Black", 1, 12), t.srot(24.0))
    xml = t.full_box(
        b"meta",
        t.full_box(b"hdlr", bytes(4), b"nrtm", bytes(13)),
        t.full_box(b"xml ", _SONY_XML.encode(), b"\x00"),
    )
    return [
        ("apple", apple),
        ("gopro", gopro),
        ("sony", t.sony(t.local(0xE40E, struct.pack(">i", 20000)))),
        ("canon", t.canon(t.local(0xE209, struct.pack(">i", 20_000_000)))),
        ("dji", _dji()),
        ("xml", xml),
    ]


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
    return _field(1, clip + _field(7, _field(1, 1)) + _field(9, _field(1, 0)))


def _metadata() -> list[Seed]:
    t = _tagged()
    tags = dict(_tags())
    boxed = [
        ("apple.boxes", t.box(b"moov", t.box(b"trak", tags["apple"]))),
        ("gopro.boxes", t.box(b"moov", t.box(b"udta", t.box(b"GPMF", tags["gopro"])))),
        ("sony.boxes", t.box(b"moov", tags["xml"])),
        ("sony.xml", _SONY_XML.encode()),
    ]
    return [*boxed, *((f"{name}.packet", data) for name, data in tags.items())]


def _tagged_video() -> list[Seed]:
    t = _tagged()
    tags = dict(_tags())
    plain = _clip(".mp4", "mpeg4", "yuv420p", rate=30)
    kinds = {"gopro": b"gpmd", "sony": b"rtmd", "canon": b"CNDM", "dji": b"djmd"}
    found = []
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "clip.mp4"
        for maker, data in tags.items():
            path.write_bytes(plain[1])
            if maker in kinds:
                t.with_track(path, kinds[maker], data)
            else:
                t.insert(path, [b"moov"], data)
            found.append((f"{maker}.mp4", path.read_bytes()))
    return found


def _tiff() -> list[Seed]:
    import tifffile

    def written(**how: Any) -> bytes:
        out = io.BytesIO()
        tifffile.imwrite(out, how.pop("frames", _frames()[:4]), **how)
        return out.getvalue()

    pages = io.BytesIO()
    with tifffile.TiffWriter(pages) as writer:
        for frame in _frames()[:4]:
            writer.write(frame, contiguous=False)
    colour = np.repeat(_frames()[:4, ..., None], 3, axis=3)
    return [
        ("pages.tif", pages.getvalue()),
        ("series.tif", written(photometric="minisblack")),
        ("imagej.tif", written(imagej=True, metadata={"axes": "TYX"})),
        ("big.tif", written(frames=_frames(np.uint16)[:3], bigtiff=True, photometric="minisblack")),
        ("zlib.tif", written(compression="zlib", photometric="minisblack", rowsperstrip=8)),
        ("colour.tif", written(frames=colour, photometric="rgb", tile=(16, 16))),
    ]


def _npy() -> list[Seed]:
    found = []
    for name, frames in (("8", _frames()), ("16", _frames(np.uint16)), ("big", _frames(np.uint16))):
        out = io.BytesIO()
        np.save(out, frames.astype(">u2") if name == "big" else frames)
        found.append((f"frames{name}.npy", out.getvalue()))
    return found


def _images() -> list[Seed]:
    found = []
    small = _frames()[0, :12, :16]
    forms = {
        ".png": ("png", "gray"), ".jpg": ("mjpeg", "yuvj420p"), ".bmp": ("bmp", "gray"),
        ".pgm": ("pgm", "gray"), ".jp2": ("jpeg2000", "gray"), ".webp": ("libwebp", "yuv420p"),
        ".dpx": ("dpx", "rgb24"),
    }  # fmt: skip
    for suffix, (codec, form) in forms.items():
        context: Any = av.CodecContext.create(codec, "w")
        context.height, context.width, context.pix_fmt = *small.shape, form
        context.time_base = Fraction(1, 25)
        frame = av.VideoFrame.from_ndarray(small, format="gray").reformat(format=form)
        packets = context.encode(frame) + context.encode(None)
        found.append((f"image{suffix}", b"".join(bytes(packet) for packet in packets)))
    import tifffile

    out = io.BytesIO()
    tifffile.imwrite(out, small)
    return [*found, ("image.tif", out.getvalue())]


def _motion() -> list[Seed]:
    from phonoscope.motion import finish_motion, write_motion
    from phonoscope.types import Cells, MotionBlock, NoiseModel, VideoFacts

    rng = np.random.default_rng(0)
    information = np.zeros((6, 3, 3))
    information[:, [0, 1, 2], [0, 1, 2]] = (2500, 1e4, 4e4)
    information[2, 1] = 0
    blocks = []
    for start in (0, 64):
        motion = (rng.standard_normal((64, 6, 2)) * 0.02).astype(np.float32)
        gain = (1 + 0.01 * rng.standard_normal((64, 6))).astype(np.float32)
        times = (start + np.arange(64)) / 240
        blocks.append(MotionBlock(times, motion, gain, information, (0, 7) if start else (63,)))
    place, size = np.arange(6, dtype=np.int32), np.full(6, 16, np.int32)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "clip.motion"
        facts = VideoFacts(
            "clip", "avi", "ffv1", "gray", 96, 16, 8, 128, None, Fraction(240), "user",
            warnings=("w",),
        )  # fmt: skip
        for _ in write_motion(
            path, blocks, facts=facts, cells=Cells(16 * place, 0 * place, size, size, np.zeros(6)),
            noise=NoiseModel(np.array([0.0, 9.0]), np.array([1.0, 2.0])),
            picture=np.arange(1536, dtype=np.uint8).reshape(16, 96),
        ):  # fmt: skip
            pass
        finish_motion(path, samples=128, parameters={"cell_px": 16}, warnings=["v"])
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA page_size = 512")
            connection.execute("VACUUM")
        return [("clip.motion", path.read_bytes())]


def _sound() -> list[Seed]:
    tone = (8000 * np.sin(np.arange(4000) / 5)).astype(np.int16)[None]
    forms = {
        ".wav": ("pcm_s16le", "s16"), ".flac": ("flac", "s16"), ".mp3": ("libmp3lame", "s16p"),
        ".m4a": ("aac", "fltp"), ".opus": ("libopus", "s16"),
        ".aiff": ("pcm_s16be", "s16"), ".mka": ("pcm_f32le", "flt"),
    }  # fmt: skip
    found = []
    for suffix, (codec, form) in forms.items():
        with tempfile.TemporaryDirectory() as name:
            path = Path(name) / f"sound{suffix}"
            rate = 48000 if suffix == ".opus" else 16000
            with av.open(str(path), "w", options={"fflags": "+bitexact"}) as file:
                file.metadata["comment"] = "band_hz=80-1000"
                stream: Any = file.add_stream(codec, rate=rate)
                stream.layout, stream.format = "mono", form
                frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
                frame.sample_rate = rate
                resampler = av.AudioResampler(form, "mono", rate, stream.frame_size or None)
                for part in (*resampler.resample(frame), *resampler.resample(None)):
                    file.mux(stream.encode(part))
                file.mux(stream.encode(None))
            found.append((f"sound{suffix}", path.read_bytes()))
    return found


def _response() -> list[Seed]:
    from phonoscope.sound.response import Response
    from phonoscope.types import Cells

    rng = np.random.default_rng(0)
    edge = np.arange(6, dtype=np.int32)
    cells = Cells(edge, edge, edge + 4, edge + 4, np.zeros(6))
    response = rng.standard_normal((9, 2)) + 1j * rng.standard_normal((9, 2))
    frequencies, share = np.arange(9) * 10.0, np.linspace(0, 1, 9)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x"
        shapes = rng.standard_normal((6, 3, 2))
        Response(cells, shapes, frequencies, response, share).write(path)
        return [("bag.response", path.read_bytes())]


def _encoder() -> list[Seed]:
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
    return [("voice.onnx", _field(1, 8) + _field(7, graph) + _field(8, _field(2, 13)))]


_GOOD_VALUES = {
    "fps": ("2200", "30000/1001", "59.94", "1e3"),
    "band": ("40,100", "20,110.5"),
    "region": ("0,0,32,32", "16,16,48,32"),
    "start": ("0", "0.01", "1/50"),
    "duration": ("0.05", "1/20"),
    "cell": ("16",),
    "line_delay": ("16e-6", "16us", "16µs"),
    "readout": ("2.5ms", "1/500", "0.001 s"),
    "shutter": ("global", "rolling"),
    "exposure": ("1/2000", "0.5ms"),
    "rate": ("48000", "native"),
    "enrol": ("anna=anna.wav", "bert=recordings/"),
    "point": ("120,80", "1.5,2"),
}


def _values() -> list[Seed]:
    return [
        (f"{option}.json", json.dumps({"option": option, "value": value}).encode())
        for option, values in _GOOD_VALUES.items()
        for value in values
    ]


_COMMANDS = (
    "recover {motion} -o {out}.wav --fps 240 --band 20,110 --rate 48000 --force",
    "recover {motion} -o {out}.flac --region 0,0,96,16 --start 0.1 --duration 0.3 --rate native",
    "recover {motion} -o {out}.wav --shutter rolling --line-delay 16e-6 --direction up --mains 50",
    "recover {motion} -o {out}.wav --method pyramid --scales 4 --orientations 2 --exposure 1/2000",
    "export {motion} -o {out}.csv --at 20,8 --scale 12.5 --start 0.1 --duration 0.2",
    "export {motion} -o {out}.mat --region 0,0,64,16 --spectrum --resolution 10",
    "inspect {clip} --fps 240 --cell 16 --band 20,100 --readout 2ms",
    "measure {clip} -o {out}.motion --fps 240 --region 0,0,32,32 --cell 16 --start 0",
    "magnify {clip} --band 20,60 --gain 50 -o {out}.mp4 --playback 10 --region 0,0,40,30",
    "speakers {sound} --band 80,1000 --least 0.9 --number 2 --enrol anna={sound}",
    "score {sound} {sound} --band 80,1000 --json {out}.json",
    "simulate rigid --out {out} --seed 1 --duration 0.02 --codec ffv1",
    "calibrate shutter {clip} --lamp 120 --fps 30 --start 0",
    "report {motion} -o {out} --at 60 --band 20,110 --enhance speech",
)


def _commands() -> list[Seed]:
    return [(f"{line.split()[0]}.json", json.dumps(line.split()).encode()) for line in _COMMANDS]


_MAKERS: dict[str, Callable[[], list[Seed]]] = {
    "video": _video,
    "tagged": _tagged_video,
    "tiff": _tiff,
    "npy": _npy,
    "images": _images,
    "metadata": _metadata,
    "motion": _motion,
    "sound": _sound,
    "response": _response,
    "encoder": _encoder,
    "values": _values,
    "command": _commands,
}


@cache
def seeds_of(reader: str) -> list[Seed]:
    """Return whole inputs of a reader of `fuzz_readers`."""
    return _MAKERS[reader]()
