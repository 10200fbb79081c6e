"""Pictures and sound of a clip, copied from one container to another as they are."""

import hashlib
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from phonoscope.editing.clip import opened, picture_of
from phonoscope.errors import InputError, PhonoscopeError, UsageError

FORMATS = {
    ".mov": ("mov", "pcm_s24le", "s32"),
    ".mp4": ("mp4", "alac", "s32p"),
    ".mkv": ("matroska", "pcm_s24le", "s32"),
}
"""FFmpeg's name of each container, and the codec and sample format of a new sound in it."""

_FINEST_MKV_HZ = 500  # Matroska's clock has steps of 1 ms
_LARGEST_CLOCK = 2**31 - 1  # ticks a second
_OF_THE_FILE = ("major_brand", "minor_version", "compatible_brands", "encoder")
_FRAMED = ("h264", "hevc")  # these have one form for files, and another for broadcast


def refusal(source: Path, target: Path, why: str) -> UsageError:
    """Return the error that says that a container cannot hold a clip as it is."""
    return UsageError(
        f"{target.suffix} cannot take the streams of {source} as they are ({why}); choose another "
        f"of {', '.join(FORMATS)}, or let an editor rewrap the clip first."
    )


@contextmanager
def refusing(source: Path, target: Path) -> Iterator[None]:
    """Make a `refusal` of what FFmpeg says."""
    try:
        yield
    except PhonoscopeError:
        raise
    except (av.error.FFmpegError, ValueError, NotImplementedError) as error:
        raise refusal(source, target, getattr(error, "strerror", None) or str(error)) from error


class Copying:
    """A clip on its way to another container.

    Parameters
    ----------
    source, target
        The clip, and the file that it goes to.
    faster
        How many times faster the picture is to play than before.

    Attributes
    ----------
    warnings
        Sentences that the user should read.
    """

    def __init__(self, source: Path, target: Path, faster: Fraction) -> None:
        self._source, self._target, self._faster = source, target, faster
        self._hash = hashlib.sha256()
        self._shown, self._tick = array("q"), Fraction(1)  # timestamps of what is shown
        self.warnings: list[str] = []

    def begin(self, container: Any, out: Any) -> dict[int, Any]:
        """Add the streams of the clip to an empty container; return the new one of each number."""
        picture = picture_of(container, self._source)
        self._check(picture)
        self._leave_behind(container, picture)
        tags = {k: v for k, v in container.metadata.items() if k not in _OF_THE_FILE}
        out.metadata.update(self._kept(tags))
        return {
            each.index: self._stream(out, each, each is picture)
            for each in (picture, *container.streams.audio)
        }

    def _check(self, picture: Any) -> None:
        rate = float((picture.average_rate or 0) * self._faster)
        if self._target.suffix.lower() == ".mkv" and rate > _FINEST_MKV_HZ:
            raise UsageError(
                f".mkv counts milliseconds, and the picture would play at {rate:.6g} frames/s; "
                "choose .mov or .mp4."
            )
        codec = picture.codec_context
        if codec.name in _FRAMED and (codec.extradata or b"\0")[0] != 1:
            raise refusal(
                self._source, self._target, "its pictures have the form for broadcast, not files"
            )

    def _leave_behind(self, container: Any, picture: Any) -> None:
        others = [
            each
            for each in container.streams
            if each.index != picture.index
            and each.type != "audio"
            and not any(tag.lower() == "timecode" for tag in each.metadata)
        ]
        if others:
            kinds = " and ".join(sorted({each.type for each in others}))
            self.warnings.append(
                f"what {self._source} has beside picture and sound ({kinds}) is left behind."
            )
        if self._faster != 1 and container.streams.audio:
            self.warnings.append(
                f"the audio that {self._source} has is copied as it is, and so is not in step with "
                "a picture that plays as fast as life."
            )

    def _stream(self, out: Any, stream: Any, is_picture: bool) -> Any:
        copy = out.add_stream_from_template(stream)
        copy.disposition = stream.disposition
        copy.time_base = self._clock(stream.time_base) if is_picture else stream.time_base
        copy.metadata.update(self._kept(dict(stream.metadata)))
        return copy

    def _kept(self, tags: dict[str, str]) -> dict[str, str]:
        # Timecode counts frames of the old rate.
        return {k: v for k, v in tags.items() if self._faster == 1 or k.lower() != "timecode"}

    def _clock(self, tick: Fraction) -> Fraction:
        if self._faster == 1:
            return tick
        ticks = (tick / self._faster).denominator
        return Fraction(1, ticks if ticks <= _LARGEST_CLOCK else 10**6)

    def take(self, packet: Any) -> Fraction:
        """Note what a packet of the picture holds, retime it, and return when it is decoded, s."""
        if packet.pts is None:
            raise InputError(
                f"a frame of {self._source} has no timestamp; give a .mov, .mp4 or .mkv."
            )
        tick = self._tick = packet.time_base
        self._hash.update(packet)
        if not packet.is_discard:
            self._shown.append(packet.pts)
        decoded = packet.pts if packet.dts is None else packet.dts
        now: Fraction = decoded * tick / self._faster
        if self._faster != 1:
            clock = self._clock(tick)
            ratio = tick / self._faster / clock
            packet.pts = round(packet.pts * ratio)
            packet.dts = None if packet.dts is None else round(packet.dts * ratio)
            packet.duration = round((packet.duration or 0) * ratio)
            packet.time_base = clock
        return now

    def compare(self, written: Path) -> None:
        """Raise `UsageError` unless a file holds the same pictures, shown at the same times."""
        digest, shown = hashlib.sha256(), array("q")
        with opened(written) as container:
            picture = picture_of(container, written)
            tick = picture.time_base or Fraction(1)
            for packet in container.demux(picture):
                if packet.size:
                    digest.update(packet)
                    if not packet.is_discard and packet.pts is not None:
                        shown.append(packet.pts)
        if digest.digest() != self._hash.digest():
            raise refusal(self._source, self._target, "it stores their pictures in another form")
        # A container that knows no times below zero moves all tracks alike.
        ratio = self._tick / self._faster / tick  # new ticks for an old one
        apart = (
            abs(new - shown[0] - (old - self._shown[0]) * ratio)
            for new, old in zip(shown, self._shown, strict=False)
        )
        if len(shown) != len(self._shown) or max(apart, default=Fraction(0)) > 1:
            raise refusal(self._source, self._target, "it cannot keep the times of their pictures")
