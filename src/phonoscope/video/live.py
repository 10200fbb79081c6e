"""Sources without an end: cameras, addresses on the net, pipes; and files, played as if live."""

import contextlib
import os
import stat
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from phonoscope.errors import InputError, InputNotFoundError, UsageError
from phonoscope.types import Frame, RateCandidate, VideoFacts
from phonoscope.video.indexed import array_facts, check_array, check_same
from phonoscope.video.luma import Layout, luma_of, require_layout
from phonoscope.video.opening import open_video
from phonoscope.video.rate import Rate, candidates_of, low_rate_warning, no_clock, parse_rate, plain
from phonoscope.video.ticking import Ticking

_DEVICES = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
_OTHER_DEVICES = ("avfoundation", "dshow", "gdigrab", "lavfi", "v4l2", "x11grab")
_PATIENCE_S = 10.0  # with a source that gives nothing
_OFF = Fraction(1, 100)  # a camera's rate may differ by that from the one asked for
LiveSource = str | os.PathLike[str] | NDArray[Any] | Iterable[Any]


@dataclass(frozen=True, slots=True)
class LiveVideo:
    """Frames that come in their own time.

    Attributes
    ----------
    facts
        What is known before the second frame.
    frames
        All of them, once only. Numbers of frames that are known to be missing are left out. It
        ends with the source; an `InputError` says why, if that broke off.
    """

    facts: VideoFacts
    frames: Generator[Frame, None, None]


@contextlib.contextmanager
def open_live(
    source: LiveSource, *, fps: Rate | None = None, options: Mapping[str, str] | None = None
) -> Iterator[LiveVideo]:
    """Open a source of frames that come in their own time.

    Parameters
    ----------
    source
        A camera: ``/dev/video0``, or its number or name with a system's own grabber
        (``avfoundation:0``, ``dshow:video=NAME``); an address that FFmpeg reads
        (``rtsp://...``, ``udp://...``); ``-`` for the standard input. A file, folder or array is
        played at its own rate. An iterable gives arrays ``(height, width)`` or `Frame` whenever it
        has one; a `Frame` whose index skips some says that these are missing.
    fps
        Rate at which frames are taken; asked of a camera. By default as the source says.
    options
        FFmpeg's own for that source, such as ``{"video_size": "640x480"}``.

    Raises
    ------
    UsageError
        If nothing tells the rate.
    InputError
        If the source cannot be opened, or gives no frame.
    """
    rate = None if fps is None else parse_rate(fps)
    if isinstance(source, str | os.PathLike):
        name = os.fspath(source)
        if _is_played(name):
            if options:
                raise UsageError(f"{name} is a file, which takes no options of a camera's.")
            with open_video(source, fps=fps) as video:
                yield LiveVideo(video.facts, _paced(video))
            return
        with contextlib.closing(_Stream(name, rate, dict(options or {}))) as stream:
            yield LiveVideo(stream.facts, stream.frames())
        return
    if options:
        raise UsageError("frames from Python take no options of a camera's; leave them out.")
    if isinstance(source, np.ndarray):
        with open_video(source, fps=fps) as video:
            yield LiveVideo(video.facts, _paced(video))
        return
    if not isinstance(source, Iterable):
        raise UsageError(
            f"a {type(source).__name__} is no source of frames; give a camera, an address, a file, "
            "or an iterable of (height, width) arrays."
        )
    if rate is None:
        raise no_clock("an iterable of frames")
    yield _from_python(source, rate)


def _is_played(name: str) -> bool:
    with contextlib.suppress(OSError, ValueError):
        mode = Path(name).stat().st_mode
        return stat.S_ISREG(mode) or stat.S_ISDIR(mode)
    return "*" in name and "://" not in name


def _paced(frames: Iterable[Frame]) -> Generator[Frame, None, None]:
    """Yield each frame when its time has come."""
    begun: float | None = None
    for frame in frames:
        due = float(frame.time_s)
        if begun is None:
            begun = time.monotonic() - due
        time.sleep(max(0.0, begun + due - time.monotonic()))
        yield frame


def _from_python(source: Iterable[Any], rate: Fraction) -> LiveVideo:
    name = "frames from Python"
    items = iter(source)
    first = next(items, None)
    if first is None:
        raise InputError("the iterable of frames is empty; give at least one (height, width).")
    like = check_array(first.luma if isinstance(first, Frame) else first, name, 0)
    bits = 8 * like.dtype.itemsize
    facts = array_facts(name, "array", f"gray{bits}", like, bits, None, candidates_of(rate))

    def frames() -> Generator[Frame, None, None]:
        following, begin = 0, first.index if isinstance(first, Frame) else 0
        for item in chain([first], items):
            index, luma = following, item
            if isinstance(item, Frame):
                index, luma = item.index - begin, item.luma
                if index < following:
                    raise InputError(
                        f"frame {item.index} came after frame {following + begin - 1}; give frames "
                        "in order, each with a number of its own."
                    )
            luma = check_same(check_array(luma, name, index), facts, f"frame {index} of {name}")
            yield Frame(index, index / rate, luma)
            following = index + 1

    return LiveVideo(facts, frames())


class _Stream:
    """A camera, an address or a pipe, through FFmpeg."""

    def __init__(self, name: str, rate: Fraction | None, options: dict[str, str]) -> None:
        self._name, self._read = name, False
        self._container, is_camera = _opened(name, rate, options)
        try:
            self._stream = _pictures(self._container, name)
            self._decoded = self._decode()
            first = next(self._decoded, None)
            if first is None:
                raise InputError(
                    f"{name} gives no picture that can be decoded; check that it plays."
                )
            self._layout = require_layout(first.format.name, name)
            self._first = first
            own = self._stream.average_rate or self._stream.guessed_rate
            self._ticks = own or rate
            self.facts = _facts(
                name, self._container, self._stream, first, self._layout, own, rate, is_camera
            )
        except BaseException:
            self._container.close()
            raise

    def close(self) -> None:
        """Close it, unless it is read: then whoever does that closes it, perhaps in a thread."""
        if not self._read:
            self._container.close()

    def frames(self) -> Generator[Frame, None, None]:
        """Yield the frames as they come."""
        self._read = True
        with contextlib.closing(self._container):
            yield from self._numbered()

    def _numbered(self) -> Generator[Frame, None, None]:
        tick_s = self._stream.time_base or Fraction(0)
        ticking = Ticking(float(self._ticks or self.facts.capture_rate), float(tick_s))
        for picture in chain([self._first], self._decoded):
            index = ticking.number(None if picture.pts is None else float(picture.pts * tick_s))
            if (picture.width, picture.height) != (self.facts.width, self.facts.height):
                raise InputError(
                    f"the picture of {self._name} is {picture.width}x{picture.height} now, where "
                    f"it was {self.facts.width}x{self.facts.height}; start anew."
                )
            yield Frame(index, index / self.facts.capture_rate, luma_of(picture, self._layout))

    def _decode(self) -> Generator[av.VideoFrame, None, None]:
        try:
            for packet in self._container.demux(self._stream):
                with contextlib.suppress(av.error.InvalidDataError):  # the gap tells of it
                    yield from packet.decode()
        except (av.error.EOFError, av.error.ExitError) as error:
            if isinstance(error, av.error.ExitError):
                raise InputError(
                    f"{self._name} has given nothing for {_PATIENCE_S:g} s; check that it is on."
                ) from error
        except av.error.FFmpegError as error:
            raise InputError(
                f"{self._name} has broken off ({error.strerror}); check its cable or connection."
            ) from error


def _opened(
    name: str, rate: Fraction | None, options: dict[str, str]
) -> tuple[InputContainer, bool]:
    form, address = _address(name)
    is_camera = form is not None and form != "lavfi"
    chosen = {} if form == "lavfi" else {"fflags": "nobuffer"}
    if address.startswith("udp:"):
        chosen["overrun_nonfatal"] = "1"  # what is lost for want of time leaves a gap
    if is_camera and rate is not None:
        chosen["framerate"] = str(rate)
    try:
        container = av.open(
            address, format=form, options={**chosen, **options}, timeout=_PATIENCE_S,
            metadata_errors="replace",
        )  # fmt: skip
    except (av.error.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if isinstance(error, av.error.ExitError):
            reason = f"nothing came for {_PATIENCE_S:g} s"
        what = "check that no other program has it, and the options" if is_camera else "check it"
        kind = InputNotFoundError if isinstance(error, FileNotFoundError) else InputError
        raise kind(f"{name} cannot be opened ({reason}); {what}.") from error
    return container, is_camera


def _address(name: str) -> tuple[str | None, str]:
    """Return FFmpeg's format, or None, and its name for a source."""
    if name == "-":
        return None, "pipe:0"
    form, colon, rest = name.partition(":")
    if colon and form in _OTHER_DEVICES:
        return form, rest
    if name.startswith("/dev/video"):
        return _DEVICES.get(sys.platform, "v4l2"), name
    if "://" in name or (colon and form in ("pipe", "udp", "tcp", "rtp")):
        return None, name
    if Path(name).exists():  # a pipe with a name
        return None, f"file:{name}"
    raise InputNotFoundError(
        f"{name} does not exist; give a camera such as /dev/video0, an address such as "
        "rtsp://camera/stream, or a video file."
    )


def _pictures(container: InputContainer, name: str) -> VideoStream:
    if not container.streams.video:
        raise InputError(f"{name} holds no pictures; give a camera or a video.")
    stream = container.streams.video[0]
    # Threads that take a frame each would hold as many back.
    stream.thread_type = "SLICE"
    if stream.codec_context:
        stream.codec_context.options = {"flags": "low_delay"}
    return stream


def _facts(
    name: str, container: InputContainer, stream: VideoStream, first: av.VideoFrame,
    layout: Layout, own: Fraction | None, rate: Fraction | None, is_camera: bool,
) -> VideoFacts:  # fmt: skip
    if own is None and rate is None:
        raise no_clock(name)
    if is_camera and own and rate and abs(own / rate - 1) > _OFF:
        raise InputError(
            f"{name} takes {plain(own)} frames a second, not {plain(rate)}: it has no such mode at "
            "this size or pixel format; choose another with options (--option video_size=640x480, "
            "--option input_format=mjpeg), or leave fps out."
        )
    plays = None if own is None else RateCandidate(own, "container", "the source's own rate")
    rates = candidates_of(rate, plays)
    return VideoFacts(
        name=name,
        container=container.format.name,
        codec=stream.codec_context.name,
        pixel_format=first.format.name,
        width=first.width,
        height=first.height,
        bits=layout.bits,
        frames=None,
        container_rate=own,
        capture_rate=rates[0].rate,
        capture_rate_source=rates[0].source,
        warnings=low_rate_warning(rates[0].rate, rates[0].source),
        rates=rates,
    )
