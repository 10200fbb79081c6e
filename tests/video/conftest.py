"""Known frames, written by every kind of writer, so that each backend is held to one truth."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import h5py
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray

from . import labs
from .tagged import ROWS

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
RATE = Fraction(2200)
COUNT = 48


def random_frames(count=COUNT, shape=(37, 53), bits=8, seed=0):
    rng = np.random.default_rng(seed)
    dtype = np.uint8 if bits <= 8 else np.uint16
    return rng.integers(0, 2**bits, (count, *shape)).astype(dtype)


def write_video(
    path: Path,
    frames: Sequence[NDArray],
    codec: str,
    pix_fmt: str,
    *,
    rate: Fraction | int = RATE,
    pts: Sequence[int] | None = None,
    time_base: Fraction | None = None,
    options: dict[str, str] | None = None,
    rotation: float | None = None,
    mux: dict[str, str] | None = None,
    array_format: str | None = None,
) -> Path:
    """Encode frames with exact timestamps (in units of `time_base`)."""
    with av.open(str(path), "w", options=mux or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        tick = time_base or 1 / Fraction(rate)
        stream.time_base = stream.codec_context.time_base = tick
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for number, array in enumerate(frames):
            frame = planar_frame(array, pix_fmt, array_format)
            frame.pts = number if pts is None else pts[number]
            frame.time_base = tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def planar_frame(array: NDArray, pix_fmt: str, array_format: str | None) -> av.VideoFrame:
    """Return a frame whose luma plane holds `array` exactly, chroma in the middle."""
    if array_format is not None:
        return av.VideoFrame.from_ndarray(array, format=array_format)
    frame = av.VideoFrame(array.shape[1], array.shape[0], pix_fmt)
    part = frame.format.components[0]
    for number, plane in enumerate(frame.planes):
        dtype = (
            np.uint8 if part.bits <= 8 else np.dtype(">u2" if frame.format.is_big_endian else "<u2")
        )
        line = plane.line_size // np.dtype(dtype).itemsize
        rows = np.full((plane.height, line), 1 << (part.bits - 1), dtype)
        if number == 0:
            rows[:, : array.shape[1]] = array
        plane.update(rows.tobytes())
    return frame


def mkv(path, frames, **more):
    return write_video(path / "clip.mkv", frames, "ffv1", "gray", **more)


def mp4(path, frames, **more):
    options = {"qp": "0", "bf": "3", "g": "12"} | more.pop("options", {})
    return write_video(path / "clip.mp4", frames, "libx264", "yuv444p", options=options, **more)


def png_folder(path, frames):
    folder = path / "a folder é"
    folder.mkdir()
    for number, frame in enumerate(frames):
        write_image(folder / f"frame{number}.png", frame)
    (folder / "notes.txt").write_text("no image")
    (folder / "._frame0.png").write_bytes(b"junk")
    return folder


def write_image(path, frame, codec="png"):
    pix_fmt = "gray" if frame.dtype == np.uint8 else "gray16be"
    context = av.CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = frame.shape[1], frame.shape[0], pix_fmt
    context.time_base = Fraction(1, 25)
    packets = context.encode(planar_frame(frame, pix_fmt, None)) + context.encode(None)
    path.write_bytes(b"".join(bytes(packet) for packet in packets))
    return path


def tiff_stack(path, frames):
    with tifffile.TiffWriter(path / "stack.tif") as writer:
        for frame in frames:
            writer.write(frame, contiguous=False)
    return path / "stack.tif"


def imagej_stack(path, frames):
    tifffile.imwrite(path / "imagej.tif", frames, imagej=True, metadata={"axes": "TYX"})
    return path / "imagej.tif"


def npy_file(path, frames):
    np.save(path / "frames.npy", frames)
    return path / "frames.npy"


def hdf5_file(path, frames):
    with h5py.File(path / "frames.h5", "w") as file:
        file["run/images"] = frames
    return path / "frames.h5"


BACKENDS: dict[str, Callable] = {
    "ffv1-mkv": mkv,
    "h264-mp4": mp4,
    # FFmpeg writes no AVI above 600 frames/s: the container's rate is not the capture rate.
    "raw-avi": lambda path, frames: write_video(
        path / "clip.avi", frames, "rawvideo", "gray", rate=240
    ),
    "png-folder": png_folder,
    "tiff-stack": tiff_stack,
    "imagej-stack": imagej_stack,
    "npy": npy_file,
    "cine": lambda path, frames: labs.cine(path / "x.cine", frames),
    "cih": lambda path, frames: labs.photron(path / "x.cih", frames),
    "mraw": lambda path, frames: labs.photron(path / "x.cihx", frames).with_suffix(".mraw"),
    "ser": lambda path, frames: labs.ser(path / "x.ser", frames),
    "fits": lambda path, frames: labs.fits(path / "x.fits", frames),
    "hdf5": hdf5_file,
    "array": lambda path, frames: frames,
    "list": lambda path, frames: list(frames),
    "iterator": lambda path, frames: iter(list(frames)),
}


@pytest.fixture(params=BACKENDS)
def make(request, tmp_path):
    """Return a function that writes frames as one kind of source."""
    return lambda frames: BACKENDS[request.param](tmp_path, frames)


@pytest.fixture(scope="session")
def tools():
    """Return the writers above, which test modules cannot import by name."""
    return SimpleNamespace(
        random_frames=random_frames,
        write_video=write_video,
        write_image=write_image,
        mp4=mp4,
        mkv=mkv,
    )


@pytest.fixture(scope="session")
def data() -> Path:
    if not DATA.is_dir():
        pytest.skip("the folder of real recordings is absent")
    return DATA


@pytest.fixture
def clip(tools, tmp_path):
    """A file of 30 frames a second that says nothing of its camera; its name is no ASCII."""
    path = tmp_path / "Übung 音 é.mp4"
    return tools.write_video(path, tools.random_frames(8, (ROWS, 64)), "mpeg4", "yuv420p", rate=30)
