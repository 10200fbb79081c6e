"""The clip again, bit for bit, with its recovered sound as new tracks."""

import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import IO, Any, cast

import av
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray

from phonoscope.audio import Sink, pcm_blocks
from phonoscope.choices import Speed
from phonoscope.editing.clip import clip_of, opened
from phonoscope.editing.copying import FORMATS, Copying, refusing
from phonoscope.errors import InputError, UsageError
from phonoscope.files import replace_when_done
from phonoscope.types import Sound

_RATE_HZ = 48000  # that of editors' timelines
_SILENCE = 1 << 16  # samples
_END_S = Fraction(2**62)


@dataclass(frozen=True, slots=True)
class Muxed:
    """What `mux` wrote.

    Attributes
    ----------
    output
        The clip with its sound.
    codec
        Of the new tracks: ``"pcm_s24le"`` or ``"alac"``, both lossless.
    tracks
        Names of the new tracks.
    begins_s
        When their sound begins after the first frame, s of the new clip.
    warnings
        Sentences that the user should read.
    """

    output: Path
    codec: str
    tracks: tuple[str, ...]
    begins_s: float
    warnings: tuple[str, ...] = ()


def check_mux(output: str | os.PathLike[str], clip: str | os.PathLike[str] | None = None) -> None:
    """Find out now whether a sound can be put into that kind of file, beside the streams of a clip.

    Raises
    ------
    UsageError
        If its suffix is not .mov, .mp4 or .mkv, or it cannot hold those streams as they are.
    InputError
        If the clip cannot be read, or has no timestamps.
    """
    target = Path(output)
    if target.suffix.lower() not in FORMATS:
        raise UsageError(
            f"cannot put a sound into {target}: such a clip ends in {', '.join(FORMATS)}; name it "
            f"{target.with_suffix('.mov').name}."
        )
    if clip is None:
        return
    source = Path(clip)
    clip_of(source)
    with (
        refusing(source, target),
        opened(source) as container,
        av.open(io.BytesIO(), "w", format=FORMATS[target.suffix.lower()][0]) as out,
    ):
        Copying(source, target, Fraction(1)).begin(container, out)
        out.start_encoding()


def mux(
    clip: str | os.PathLike[str],
    sound: Sound,
    output: str | os.PathLike[str],
    *,
    speed: Speed = "playback",
) -> Muxed:
    """Write a clip with its recovered sound as new tracks, in step with the picture.

    The video stream is copied bit for bit, and so is the audio that the clip has; the new tracks
    come after it: the sound as measured, then equalised and enhanced where there is such a version.
    They are mono, 48 kHz, lossless: 24-bit PCM in ``.mov`` and ``.mkv``, ALAC in ``.mp4``. What was
    written is read again, and compared.

    Parameters
    ----------
    clip
        The video that the sound was recovered from. It is not touched.
    sound
        From `recover`. If it begins later than the clip, silence comes before.
    output
        ``.mov``, ``.mp4`` or ``.mkv``; it appears whole or not at all.
    speed
        Of a clip in slow motion: ``"playback"`` slows the sound down with it; ``"real"`` plays the
        picture as fast as life instead: the same packets, with times of their own.

    Returns
    -------
    Muxed

    Raises
    ------
    UsageError
        If the output cannot hold the clip's streams as they are, or is the clip itself.
    InputError
        If the clip cannot be read or has no timestamps, or nobody knows where the sound belongs.
    OutputError
        If the output cannot be written.
    """
    source, target = Path(clip), Path(output)
    check_mux(target)
    if target.exists() and source.exists() and target.samefile(source):
        raise UsageError(f"the output {target} is the clip itself; choose another name.")
    place = sound.place
    if place is None:
        raise InputError("where this sound lies in a clip is not known; take one from recover.")
    first_s = clip_of(source).first_s
    faster = place.slower if speed == "real" else Fraction(1)  # the picture than before
    slower = place.slower / faster  # the sound than life
    begins_s = place.start_s * slower
    container_name, codec, sample_format = FORMATS[target.suffix.lower()]
    tracks = [
        _Track(
            f"Recovered sound ({version})",
            chain(
                _silence(round(begins_s * _RATE_HZ)),
                pcm_blocks(samples, sound.rate_hz / slower, _RATE_HZ),
            ),
            first_s / faster,
        )
        for version, samples in sound.versions.items()
    ]
    copying = Copying(source, target, faster)
    with replace_when_done(target) as part:
        with part.open("wb") as file, opened(source) as container:
            sink = Sink(file)
            try:
                with (
                    refusing(source, target),
                    av.open(cast("IO[bytes]", sink), "w", format=container_name) as out,
                ):
                    copies = copying.begin(container, out)
                    for track in tracks:
                        track.begin(out, codec, sample_format)
                    if not container.streams.audio:
                        tracks[0].stream.disposition = Disposition.default
                    _write(container, out, copies, tracks, copying)
            finally:
                if sink.failed is not None:
                    raise sink.failed  # FFmpeg says less of it
        copying.compare(part)
    names = tuple(track.name for track in tracks)
    return Muxed(target, codec, names, float(begins_s), tuple(copying.warnings))


def _write(
    container: Any, out: Any, copies: dict[int, Any], tracks: "list[_Track]", copying: Copying
) -> None:
    out.start_encoding()
    for packet in container.demux([container.streams[index] for index in copies]):
        if not packet.size:  # the flush at the end
            continue
        if packet.stream.type == "video":
            now_s = copying.take(packet)
            for track in tracks:
                track.write_until(now_s)
        packet.stream = copies[packet.stream.index]
        out.mux(packet)
    for track in tracks:
        track.write_until(_END_S)
        out.mux(track.stream.encode(None))


class _Track:
    """A new track, which is encoded as the picture goes on."""

    def __init__(self, name: str, blocks: Iterator[NDArray[np.int32]], first_s: Fraction) -> None:
        self.name, self.stream = name, cast("Any", None)
        self._blocks = blocks
        self._next = round(first_s * _RATE_HZ)  # where the first frame is shown

    def begin(self, out: Any, codec: str, sample_format: str) -> None:
        """Add the track to a container."""
        self._out, self._format = out, sample_format
        self.stream = out.add_stream(codec, rate=_RATE_HZ)
        self.stream.layout = "mono"
        self.stream.format = sample_format
        self.stream.disposition = Disposition(0)
        # MOV shows the one of these to people, Matroska the other.
        self.stream.metadata.update({"handler_name": self.name, "title": self.name})

    def write_until(self, now_s: Fraction) -> None:
        """Write what is heard up to then."""
        while self._next < now_s * _RATE_HZ:
            block = next(self._blocks, None)
            if block is None:
                return
            frame = av.AudioFrame.from_ndarray(block[None], format=self._format, layout="mono")
            frame.sample_rate, frame.pts = _RATE_HZ, self._next
            self._next += len(block)
            self._out.mux(self.stream.encode(frame))


def _silence(samples: int) -> Iterator[NDArray[np.int32]]:
    for first in range(0, samples, _SILENCE):
        yield np.zeros(min(_SILENCE, samples - first), np.int32)
