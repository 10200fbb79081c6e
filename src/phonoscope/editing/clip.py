"""What editing needs to know of a clip: its picture, its clock, its tracks."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from phonoscope.errors import InputError, InputNotFoundError

_REORDERED = 64  # packets; frames are stored at most 16 places from where they are shown


@contextmanager
def opened(path: Path) -> Iterator[InputContainer]:
    """Yield a clip, open for reading.

    Raises
    ------
    InputNotFoundError
        If there is no such file.
    InputError
        If it is no clip, or reading it fails in the block.
    """
    if not path.exists():
        raise InputNotFoundError(f"{path} does not exist; check the path of the clip.")
    try:
        container = av.open(
            f"file:{path}", options={"protocol_whitelist": "file"}, metadata_errors="replace"
        )
    except (av.error.FFmpegError, ValueError) as error:
        raise InputError(f"{path} is not a video that can be read; give the clip.") from error
    with container:
        yield container


def picture_of(container: InputContainer, path: Path) -> VideoStream:
    """Return the first stream of moving pictures; raise `InputError` if there is none."""
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:  # cover art is no video
            return stream
    raise InputError(f"{path} holds no video stream; give the clip.")


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip as it plays.

    Attributes
    ----------
    path
        Of the file.
    first_s
        When its first frame is shown, s, by the file's own clock.
    rate
        Frames a second of playback.
    frames
        Number of frames shown.
    has_audio
        Whether it has sound of its own.
    """

    path: Path
    first_s: Fraction
    rate: Fraction
    frames: int
    has_audio: bool


def clip_of(path: Path) -> Clip:
    """Return what is known of a clip, without decoding it.

    Raises
    ------
    InputError
        If it cannot be read, has no video, or no timestamps.
    """
    with opened(path) as container:
        stream = picture_of(container, path)
        rate = stream.average_rate or stream.guessed_rate
        tick = stream.time_base
        first = first_shown(container, stream)
        if first is None or not rate or not tick:
            raise InputError(
                f"{path} has no timestamps, so that nothing can be put in step with it; give a "
                ".mov, .mp4 or .mkv."
            )
        has_audio = bool(container.streams.audio)
        length = stream.duration
        if length is not None:
            seconds = length * tick
        else:
            seconds = Fraction(container.duration or 0, av.time_base) - first
    return Clip(path, first, Fraction(rate), max(1, round(seconds * rate)), has_audio)


def first_shown(container: InputContainer, stream: Any) -> Fraction | None:
    """Return when the first frame is shown, s; reads the first packets."""
    packets = itertools.islice(container.demux(stream), _REORDERED)
    stamps = [p.pts for p in packets if p.size and p.pts is not None and not p.is_discard]
    return min(stamps) * Fraction(stream.time_base or 1) if stamps else None
