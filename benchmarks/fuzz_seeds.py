"""Small whole files of every kind that Phonoscope reads, which `fuzz.py` damages."""

import io
import json
import sqlite3
import tempfile
from collections.abc import Callable
from contextlib import closing
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from fuzz_tags import EDGERTRONIC, SONY_XML, builders, network, tags

Seed = tuple[str, bytes]
"""A name, whose suffix counts, and what is in the file."""

COUNT, HEIGHT, WIDTH = 12, 24, 32


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
    h264: Any = {"qp": "24", "bf": "2", "g": "6", "x264-params": "threads=1"}
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


def _metadata() -> list[Seed]:
    t = builders()
    packets = dict(tags())
    boxed = [
        ("apple.boxes", t.box(b"moov", t.box(b"trak", packets["apple"]))),
        ("gopro.boxes", t.box(b"moov", t.box(b"udta", t.box(b"GPMF", packets["gopro"])))),
        ("sony.boxes", t.box(b"moov", packets["xml"])),
        *((f"{maker}.boxes", t.box(b"moov", packets[maker])) for maker in ("samsung", "fujifilm")),
        ("sony.xml", SONY_XML.encode()),
        ("edgertronic.txt", EDGERTRONIC),
    ]
    return [*boxed, *((f"{name}.packet", data) for name, data in packets.items())]


def _tagged_video() -> list[Seed]:
    t = builders()
    packets = dict(tags())
    plain = _clip(".mp4", "mpeg4", "yuv420p", rate=30)
    kinds = {"gopro": b"gpmd", "sony": b"rtmd", "canon": b"CNDM", "dji": b"djmd"}
    found = []
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "clip.mp4"
        for maker, data in packets.items():
            path.write_bytes(plain[1])
            if maker in kinds:
                t.with_track(path, kinds[maker], data)
            elif maker == "mdpm":  # beside a frame of H.264
                path.write_bytes(_clip(".h264", "libx264", "yuv420p", rate=30)[1])
                t.with_message(path, data)
            else:
                t.insert(path, [b"moov"], data)
            suffix = ".h264" if maker == "mdpm" else ".mp4"
            found.append((f"{maker}{suffix}", path.read_bytes()))
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
        context.height, context.width = small.shape
        context.pix_fmt = form
        context.time_base = Fraction(1, 25)
        frame = av.VideoFrame.from_ndarray(small, format="gray").reformat(format=form)
        packets = context.encode(frame) + context.encode(None)
        found.append((f"image{suffix}", b"".join(bytes(packet) for packet in packets)))
    import tifffile

    out = io.BytesIO()
    tifffile.imwrite(out, small)
    return [*found, ("image.tif", out.getvalue())]


def _lab() -> list[Seed]:
    t = builders("labs")
    deep, blue = _frames(np.uint16) >> 4, np.repeat(_frames()[:3, ..., None], 3, axis=3)
    times = 10**17 + np.arange(COUNT) * 40000
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        files = [
            t.cine(path / "deep.cine", deep[:4], bits=12, times=times[:4], notes=b"annotation12"),
            t.cine(path / "ten.cine", deep[:4] >> 2, packing=256, times=times[:4] << 8),
            t.cine(path / "twelve.cine", deep[:4], packing=1024, compression=2, filters=3),
            t.cine(path / "old.cine", _frames()[:4], length=700),
            t.cine(path / "colour.cine", blue),
            t.photron(path / "packed.cih", deep, depth=12),
            t.photron(path / "raw.cihx", deep, depth=12, **{"Color Type": "Bayer"}),
            t.ser(path / "times.ser", deep[:4], depth=12, times=times[:4]),
            t.ser(path / "colour.ser", blue, colour=100, times=times[:3]),
            t.fits(path / "first.fits", deep[:4], FPS=240.0, EXPTIME="1E-3", INSTRUME="'A'"),
            t.fits(path / "second.fits", _frames()[:4], unit=1, CADENCE=0.004),
            _hdf5(path / "plain.h5"),
            _hdf5(path / "packed.h5", chunks=(1, HEIGHT, WIDTH), compression="gzip", shuffle=True),
        ]
        return [(file.name, file.read_bytes()) for file in files]


def _hdf5(path: Path, **how: Any) -> Path:
    import h5py

    with h5py.File(path, "w") as file:
        file.create_dataset("run/images", data=_frames()[:4], **how).attrs["fps"] = 240.0
        file.attrs["exposure"] = 1e-3
    return path


@cache
def photron_pixels() -> bytes:
    """Return what lies beside the headers."""
    packed: bytes = builders("labs").pack12(_frames(np.uint16) >> 4)
    return packed


def _motion() -> list[Seed]:
    from phonoscope.motion import Segment, writing_motion
    from phonoscope.types import Cells, MotionBlock, NoiseModel, VideoFacts

    rng = np.random.default_rng(0)
    information = np.zeros((6, 3, 3))
    information[:, [0, 1, 2], [0, 1, 2]] = (2500, 1e4, 4e4)
    information[2, 1] = 0
    blocks = []
    for start in (0, 64):
        moved = (rng.standard_normal((64, 6, 2)) * 0.02).astype(np.float32)
        gain = (1 + 0.01 * rng.standard_normal((64, 6))).astype(np.float32)
        times = (start + np.arange(64)) / 240
        blocks.append(MotionBlock(times, moved, gain, information, (0, 7) if start else (63,)))
    place, size = np.arange(6, dtype=np.int32), np.full(6, 16, np.int32)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "clip.motion"
        facts = VideoFacts(
            "clip", "avi", "ffv1", "gray", 96, 16, 8, 128, None, Fraction(240), "user",
            warnings=("w",),
        )  # fmt: skip
        writing = writing_motion(
            path, facts=facts, cells=Cells(16 * place, 0 * place, size, size, np.zeros(6)),
            noise=NoiseModel(np.array([0.0, 9.0]), np.array([1.0, 2.0])),
            picture=np.arange(1536, dtype=np.uint8).reshape(16, 96), origin={},
        )  # fmt: skip
        with writing as motion:
            motion.add(Segment(0, blocks, (), ()))
            motion.finish({"cell_px": 16}, ["v"])
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
    response: Any = rng.standard_normal((9, 2)) + 1j * rng.standard_normal((9, 2))
    frequencies, share = 10.0 * np.arange(9.0), np.linspace(0, 1, 9)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x"
        shapes = rng.standard_normal((6, 3, 2))
        Response(cells, shapes, frequencies, response, share).write(path)
        return [("bag.response", path.read_bytes())]


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
    "recover {motion} -o {out}.flac --region 0,0,64,48 --start 0.1 --duration 0.3 --rate native",
    "recover {motion} -o {out}.wav --enhance general --mains 50 --exposure 1/2000 --separate",
    "recover {clip} -o {out}.wav --fps 240 --line-delay 16e-6 --direction up --band 80,1000",
    "recover {clip} -o {out}.wav --method pyramid --scales 3 --orientations 2 --cell 16",
    "export {motion} -o {out}.csv --at 20,8 --scale 12.5 --start 0.1 --duration 0.2",
    "export {motion} -o {out}.mat --region 0,0,64,48 --spectrum --resolution 10",
    "inspect {clip} --fps 240 --cell 16 --band 20,100 --readout 2ms",
    "measure {clip} -o {out}.motion --fps 240 --region 0,0,32,32 --cell 16 --start 0",
    "magnify {clip} --band 20,60 --gain 50 -o {out}.mp4 --playback 10 --region 0,0,64,48",
    "speakers {sound} --band 80,1000 --least 0.9 --number 2 --enrol anna={sound}",
    "score {sound} {sound} --band 80,1000 --json {out}.json",
    "calibrate shutter {clip} --lamp 120 --fps 30 --start 0",
    "report {motion} -o {out} --at 60 --band 20,110 --enhance speech",
)


def write_own(folder: Path) -> dict[str, str]:
    """Write a clip in which a texture swings, its motion file and a sound, for the commands."""
    import phonoscope as ph
    from phonoscope.scene import write_video

    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :96]
    shift = 0.1 * np.sin(2 * np.pi * 30 * np.arange(120) / 240)
    frames = np.zeros((120, 64, 96))
    for fx, fy, phase in rng.uniform(-1.2, 1.2, (40, 3)):
        frames += 6 * np.cos(fx * (x - shift[:, None, None]) + fy * y + 3 * phase)
    frames = np.clip(120 + frames + rng.standard_normal(frames.shape), 0, 255).astype(np.uint8)
    places = {key: str(folder / f"own.{key}") for key in ("mkv", "motion", "wav")}
    write_video(frames, places["mkv"], 240)
    ph.measure(places["mkv"], output=places["motion"], cell=16)
    ph.write_audio(places["wav"], rng.standard_normal(16000), 16000)
    return {"clip": places["mkv"], "motion": places["motion"], "sound": places["wav"]}


def _commands() -> list[Seed]:
    return [(f"{line.split()[0]}.json", json.dumps(line.split()).encode()) for line in _COMMANDS]


_MAKERS: dict[str, Callable[[], list[Seed]]] = {
    "video": _video,
    "tagged": _tagged_video,
    "tiff": _tiff,
    "npy": _npy,
    "images": _images,
    "lab": _lab,
    "metadata": _metadata,
    "motion": _motion,
    "sound": _sound,
    "response": _response,
    "encoder": lambda: [("voice.onnx", network())],
    "values": _values,
    "command": _commands,
}


@cache
def seeds_of(reader: str) -> list[Seed]:
    """Return whole inputs of a reader of `fuzz_readers`."""
    return _MAKERS[reader]()
