"""Write frames as real video files, whose luma holds exactly the values given (to the codec)."""

import os
from collections.abc import Iterable
from contextlib import closing
from fractions import Fraction

import av
import numpy as np

from phonoscope.errors import InputError, UsageError
from phonoscope.files import replace_when_done, unwritable
from phonoscope.types import Luma

# Encoder, pixel format for 8 bits and for more, and options. Colour formats get neutral chroma.
CODECS = {
    "ffv1": ("ffv1", "gray", "gray16le", {}),
    "h264": ("libx264", "yuv420p", "yuv420p10le", {"preset": "veryfast"}),
    "h264-lossless": ("libx264", "yuv420p", "yuv420p10le", {"preset": "veryfast", "qp": "0"}),
    "mjpeg": ("mjpeg", "yuvj420p", "", {"qmin": "1", "qmax": "2"}),
    "raw": ("rawvideo", "gray", "", {}),
}
"""The codecs that `write_video` knows."""

_FASTEST_AVI_HZ = 600  # FFmpeg writes none above


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

    Parameters
    ----------
    frames
        ``(height, width)`` uint8, or uint16 of `bits` significant bits.
    path
        The container is chosen by the suffix: .mkv, .mp4 or .avi.
    fps
        Rate at which the container claims to play.
    codec
        ``"ffv1"``, ``"raw"`` and ``"h264-lossless"`` keep every value; ``"h264"`` (quality `crf`)
        and ``"mjpeg"`` do not. Odd sizes need ffv1 or raw.
    bits
        ``"ffv1"`` holds 8 to 16 (as 16), H.264 8 or 10, the others 8.

    Raises
    ------
    UsageError
        If there is no such codec, or it cannot hold that many bits or that size.
    InputError
        If there are no frames.
    OutputError
        If the file cannot be written.
    """
    if codec not in CODECS:
        raise UsageError(f"there is no codec {codec!r}; choose from {', '.join(CODECS)}.")
    encoder, shallow, deep, options = CODECS[codec]
    form = shallow if bits == 8 else deep
    if not form or ("10" in form and bits > 10):
        raise UsageError(f"codec {codec} cannot hold {bits} bits; choose ffv1.")
    if codec == "h264":
        options = {**options, "crf": str(crf)}
    if str(path).lower().endswith(".avi") and fps > _FASTEST_AVI_HZ:
        raise UsageError(
            f"an AVI cannot claim {float(fps):g} frames/s, only up to {_FASTEST_AVI_HZ}; write "
            ".mkv, or let it claim a playback rate such as 30 and tell the true one when reading."
        )
    with replace_when_done(path) as part:
        try:
            _encode(frames, str(part), Fraction(fps), encoder, form, options)
        except av.error.FFmpegError as error:
            raise unwritable(path, error) from error


def _encode(
    frames: Iterable[Luma], path: str, fps: Fraction, encoder: str, form: str,
    options: dict[str, str],
) -> None:  # fmt: skip
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        raise InputError("there are no frames to write.")
    _check(first, first.shape, form)
    height, width = first.shape
    if form.startswith("yuv") and (height % 2 or width % 2):
        raise UsageError(f"frames of {width} x {height} px need even sizes or the codec ffv1.")
    with closing(av.open(f"file:{path}", "w")) as container:
        video = container.add_stream(encoder, rate=fps, options=options)
        if not isinstance(video, av.VideoStream):
            raise UsageError(f"{encoder} is no video encoder.")
        video.width, video.height, video.pix_fmt = width, height, form
        video.codec_context.time_base = 1 / fps
        video.codec_context.thread_type = "AUTO"
        for number, luma in enumerate(_chained(first, stream)):
            _check(luma, first.shape, form)
            frame = _frame(luma, form)
            frame.pts, frame.time_base = number, 1 / fps
            container.mux(video.encode(frame))
        container.mux(video.encode(None))


def _chained(first: Luma, rest: Iterable[Luma]) -> Iterable[Luma]:
    yield first
    yield from rest


def _check(luma: Luma, shape: tuple[int, ...], form: str) -> None:
    # What does not fit would be written as a wrong picture, without a word.
    kind = np.uint16 if form.endswith("le") else np.uint8
    if luma.dtype != kind or luma.ndim != 2 or luma.shape != shape:
        raise InputError(
            f"a frame is {luma.dtype} of shape {luma.shape} where {np.dtype(kind)} of shape "
            f"{shape[:2]} is due; give all frames one size, uint8 for 8 bits and uint16 for more."
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
