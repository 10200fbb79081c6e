"""Write frames as real video files, whose luma holds exactly the values given (to the codec)."""

import os
from collections.abc import Iterable
from contextlib import closing
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from phonoscope.errors import InputError, UsageError
from phonoscope.files import replace_when_done, unwritable
from phonoscope.scene.checks import check
from phonoscope.types import Luma

# Encoder, pixel format for 8 bits and for more, and options. Colour formats get neutral chroma.
CODECS = {
    "ffv1": ("ffv1", "gray", "gray16le", {}),
    "h264": ("libx264", "yuv420p", "yuv420p10le", {"preset": "veryfast"}),
    "h264-forward": ("libx264", "yuv420p", "yuv420p10le", {"preset": "veryfast", "bf": "0"}),
    "h264-lossless": ("libx264", "yuv420p", "yuv420p10le", {"preset": "veryfast", "qp": "0"}),
    "mjpeg": ("mjpeg", "yuvj420p", "", {"qmin": "1", "qmax": "2"}),
    "raw": ("rawvideo", "gray", "", {}),
}
"""The codecs that `write_video` knows."""

_WITH_CRF = ("h264", "h264-forward")
_SUFFIXES = (".mkv", ".mp4", ".avi")
_FASTEST_HZ = 1_000_000
_FASTEST_AVI_HZ = 600  # FFmpeg writes none above
_LARGEST_TERM = 2**31 - 1  # of a rate, in FFmpeg's fractions


def write_video(
    frames: Iterable[Luma],
    path: str | os.PathLike[str],
    fps: Fraction | int,
    *,
    codec: str = "ffv1",
    crf: int = 12,
    bits: int = 8,
) -> None:
    """Write frames to a video file; it appears whole or not at all.

    The same frames make the same file, bit for bit, on one machine with one FFmpeg.

    Parameters
    ----------
    frames
        ``(height, width)`` uint8, or uint16 of `bits` significant bits.
    path
        The container is chosen by the suffix: .mkv, .mp4 or .avi.
    fps
        Rate at which the container claims to play; a whole number or an exact fraction.
    codec
        ``"ffv1"``, ``"raw"`` and ``"h264-lossless"`` keep every value; ``"h264"`` (quality `crf`),
        ``"h264-forward"`` (the same as cameras write it: no frame is predicted from later ones)
        and ``"mjpeg"`` do not. Odd sizes need ffv1 or raw; .mp4 does not hold raw.
    crf
        0 (best) to 51, for ``"h264"`` and ``"h264-forward"``.
    bits
        ``"ffv1"`` holds 8 to 16 (as 16), H.264 8 or 10, the others 8.

    Raises
    ------
    UsageError
        If there is no such codec, it cannot hold that many bits or that size, or the container
        cannot hold it or claim that rate.
    InputError
        If there are no frames, or they are not all of one size and of the type for `bits`.
    OutputError
        If the file cannot be written.
    """
    form = _form(codec, bits)
    rate = _rate(fps)
    _check_container(path, codec, rate)
    check("crf", crf, 0, 51)
    options = {**CODECS[codec][3], **({"crf": str(crf)} if codec in _WITH_CRF else {})}
    with replace_when_done(path) as part:
        try:
            _encode(frames, str(part), rate, CODECS[codec][0], form, options, bits)
        except av.error.FFmpegError as error:
            raise unwritable(path, error) from error


def _form(codec: str, bits: int) -> str:
    """Return the pixel format in which the codec holds that many bits."""
    if codec not in CODECS:
        raise UsageError(f"there is no codec {codec!r}; choose from {', '.join(CODECS)}.")
    check("bits", bits, 8, 16, whole=True)
    _, shallow, deep, _ = CODECS[codec]
    form = shallow if bits == 8 else deep
    if not form or ("10" in form and bits != 10):
        raise UsageError(f"codec {codec} cannot hold {bits} bits; choose ffv1.")
    return form


def _rate(fps: Fraction | int) -> Fraction:
    check("fps", fps, 0, _FASTEST_HZ, above=True)
    rate = Fraction(fps)
    if max(rate.numerator, rate.denominator) > _LARGEST_TERM:
        raise UsageError(
            f"no file can claim {float(fps):.9g} frames/s exactly; give a whole number or a "
            "fraction such as Fraction(30000, 1001)."
        )
    return rate


def _check_container(path: str | os.PathLike[str], codec: str, rate: Fraction) -> None:
    suffix = Path(path).suffix.lower()
    if suffix not in _SUFFIXES:
        raise UsageError(
            f"the name {os.fspath(path)} must tell the container; end it in .mkv, .mp4 or .avi."
        )
    if suffix == ".mp4" and codec == "raw":
        raise UsageError("an MP4 cannot hold the codec raw; write .mkv or .avi, or choose ffv1.")
    if suffix == ".avi" and rate > _FASTEST_AVI_HZ:
        raise UsageError(
            f"an AVI cannot claim {float(rate):g} frames/s, only up to {_FASTEST_AVI_HZ}; write "
            ".mkv, or let it claim a playback rate such as 30 and tell the true one when reading."
        )


def _encode(
    frames: Iterable[Luma], path: str, fps: Fraction, encoder: str, form: str,
    options: dict[str, str], bits: int,
) -> None:  # fmt: skip
    stream = iter(frames)
    first = next(stream, None)
    if first is None or first.size == 0:
        raise InputError("there are no frames to write.")
    _check(first, first.shape, bits)
    height, width = first.shape
    if form.startswith("yuv") and (height % 2 or width % 2):
        raise UsageError(f"frames of {width} x {height} px need even sizes or the codec ffv1.")
    # Otherwise a Matroska file would hold random identifiers.
    with closing(av.open(f"file:{path}", "w", options={"fflags": "+bitexact"})) as container:
        video = container.add_stream(encoder, rate=fps, options=options)
        if not isinstance(video, av.VideoStream):
            raise UsageError(f"{encoder} is no video encoder.")
        video.width, video.height, video.pix_fmt = width, height, form
        video.codec_context.time_base = 1 / fps
        video.codec_context.thread_type = "AUTO"
        for number, luma in enumerate(_chained(first, stream)):
            _check(luma, first.shape, bits)
            frame = _frame(luma, form)
            frame.pts, frame.time_base = number, 1 / fps
            container.mux(video.encode(frame))
        container.mux(video.encode(None))


def _chained(first: Luma, rest: Iterable[Luma]) -> Iterable[Luma]:
    yield first
    yield from rest


def _check(luma: Luma, shape: tuple[int, ...], bits: int) -> None:
    # What does not fit would be written as a wrong picture, without a word.
    kind = np.uint8 if bits == 8 else np.uint16
    if luma.dtype != kind or luma.ndim != 2 or luma.shape != shape:
        raise InputError(
            f"a frame is {luma.dtype} of shape {luma.shape} where {np.dtype(kind)} of shape "
            f"{shape[:2]} is due; give all frames one size, uint8 for 8 bits and uint16 for more."
        )
    if 8 < bits < 16 and luma.max() >= 2**bits:
        raise InputError(
            f"a frame holds {luma.max()}, too much for {bits} bits; give more bits, or scale it."
        )


def _frame(luma: Luma, form: str) -> av.VideoFrame:
    height, width = luma.shape
    frame = av.VideoFrame(width, height, form)
    _fill(frame.planes[0], luma)
    for plane in frame.planes[1:]:
        neutral = 128 if luma.dtype == np.uint8 else 512
        _fill(plane, np.full((plane.height, plane.width), neutral, luma.dtype))
    return frame


def _fill(plane: av.video.plane.VideoPlane, values: Luma) -> None:
    rows = np.frombuffer(memoryview(plane), values.dtype).reshape(
        -1, plane.line_size // values.itemsize
    )
    rows[: values.shape[0], : values.shape[1]] = values
