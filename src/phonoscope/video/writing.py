"""Write frames of luma as a video that people look at."""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path

import numpy as np

from phonoscope.errors import UsageError
from phonoscope.files import replace_when_done, unwritable
from phonoscope.types import Luma, VideoFacts

VIDEO_SUFFIXES = (".mp4", ".mkv")
_QUALITY = {"preset": "medium", "crf": "16"}
_FULL, _LIMITED = 2, 1  # as FFmpeg numbers the ranges of luma


def check_video(path: str | os.PathLike[str]) -> None:
    """Raise `UsageError` if no video of that suffix is written."""
    if Path(path).suffix.lower() not in VIDEO_SUFFIXES:
        raise UsageError(
            f"the video {os.fspath(path)} must end in {' or '.join(VIDEO_SUFFIXES)}; "
            f"name it {Path(path).with_suffix('.mp4').name}."
        )


@contextmanager
def writing_video(
    path: str | os.PathLike[str], facts: VideoFacts, playback: Fraction
) -> Iterator[Callable[[Luma], None]]:
    """Yield what takes the frames of a new video; it appears whole when the block ends, or not.

    Grey, of the size and with the bits of `facts`. ``.mp4`` is H.264, 8 bits, yuv420p, which plays
    everywhere: an odd last row or column is doubled. ``.mkv`` is FFV1 and loses nothing.

    Raises
    ------
    UsageError
        If the suffix is another.
    OutputError
        If the file cannot be written.
    """
    import av

    check_video(path)
    lossless = Path(path).suffix.lower() == ".mkv"
    odd = (0, 0) if lossless else (facts.height % 2, facts.width % 2)
    deep = lossless and facts.bits > 8
    form = ("gray16le" if deep else "gray") if lossless else "yuv420p"
    with replace_when_done(path) as part:
        try:
            with closing(av.open(f"file:{part}", "w", options={"fflags": "+bitexact"})) as file:
                stream = file.add_stream(
                    "ffv1" if lossless else "libx264", rate=playback,
                    options={} if lossless else _QUALITY,
                )  # fmt: skip
                stream.width, stream.height = facts.width + odd[1], facts.height + odd[0]
                stream.pix_fmt = form
                context = stream.codec_context
                context.time_base = 1 / playback
                context.thread_type = "AUTO"
                whole = facts.pixel_format.startswith(("yuvj", "gray", "rgb", "bgr"))
                context.color_range = _FULL if whole or not facts.pixel_format else _LIMITED
                count = 0

                def write(luma: Luma) -> None:
                    nonlocal count
                    shown = np.pad(_scaled(luma, facts.bits, 16 if deep else 8), _ends(odd), "edge")
                    frame = av.VideoFrame(shown.shape[1], shown.shape[0], form)
                    for number, plane in enumerate(frame.planes):
                        size = plane.line_size // shown.itemsize
                        rows = np.frombuffer(memoryview(plane), shown.dtype).reshape(-1, size)
                        if number == 0:
                            rows[: shown.shape[0], : shown.shape[1]] = shown
                        else:
                            rows[:] = 128
                    frame.pts, frame.time_base = count, 1 / playback
                    file.mux(stream.encode(frame))
                    count += 1

                yield write
                file.mux(stream.encode(None))
        except av.error.FFmpegError as error:
            raise unwritable(path, error) from error


def _ends(odd: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    return (0, odd[0]), (0, odd[1])


def _scaled(luma: Luma, bits: int, wanted: int) -> Luma:
    if wanted == 8:
        return np.asarray(luma >> (bits - 8), np.uint8)
    return np.asarray(luma << (wanted - bits), np.uint16)
