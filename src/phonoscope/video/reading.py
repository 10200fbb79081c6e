"""Read any stretch of a video file, on this machine or another, and keep account of it."""

import contextlib
import itertools
import threading
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av

from phonoscope.errors import InputError, InputNotFoundError
from phonoscope.remote import Place, RemoteFile
from phonoscope.types import Frame, Luma
from phonoscope.video.luma import luma_of, require_layout
from phonoscope.video.numbering import Damage, Numbered, Numbering, decoded
from phonoscope.video.probe import Probe, Threads, open_container, picture_stream
from phonoscope.video.window import Window


class Pass:
    """What came of reading a file, or a stretch of it.

    Attributes
    ----------
    damage
        What was amiss.
    last
        Number and time of the last frame that was decoded, or None.
    ended
        Whether the end of the file was met.
    """

    def __init__(self) -> None:
        self.damage = Damage()
        self.last: tuple[int, Fraction] | None = None
        self.ended = False

    @property
    def end(self) -> int | None:
        """Number of the frame after the file's last one, if its end was met."""
        return self.last[0] + 1 if self.ended and self.last is not None else None

    def add(self, stretch: "Pass") -> None:
        """Take in what came of a stretch."""
        with _ADDING:
            self.damage.add(stretch.damage)
            self.ended |= stretch.ended
            if stretch.last is not None and (self.last is None or stretch.last > self.last):
                self.last = stretch.last


_ADDING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads stretches of a video file that has been looked at; can be sent to another process."""

    place: Place
    probe: Probe
    window: Window

    @property
    def start(self) -> int:
        """Number of the first frame in the window, where frames are spaced evenly."""
        return self.window.start_index(self.probe.facts.capture_rate)

    @property
    def stop(self) -> int | None:
        """Number of the first frame after the window, or None."""
        return self.window.stop_index(self.probe.facts.capture_rate)

    def anywhere(self) -> "Reader":
        """Return the same for a process that works in another folder."""
        place = self.place
        return self if isinstance(place, RemoteFile) else replace(self, place=place.absolute())

    def elsewhere(
        self, first: int, before: int | None
    ) -> tuple[Generator[Frame, None, None], Pass]:
        """Return the frames of a stretch as one of many reads it, and what comes of that."""
        if isinstance(self.place, Path) and not self.place.is_file():
            raise InputNotFoundError(f"{self.place} does not exist; check the path.")
        own = Pass()
        return self.frames(own, first, self.stop if before is None else before, "NONE"), own

    def begins_at(self, index: int) -> bool:
        """Return whether reading can begin near a frame."""
        with contextlib.ExitStack() as stack:
            return self._from_seek(stack, Damage(), index, None, "NONE") is not None

    def frames(
        self, own: Pass, first: int, stop: int | None, threads: Threads = "AUTO"
    ) -> Generator[Frame, None, None]:
        """Yield the frames of a stretch, and keep account of it."""
        with contextlib.ExitStack() as stack:
            given = (stack, own.damage, first, stop, threads)
            for item in self._from_seek(*given) or self._from_start(*given):
                own.last = item.index, item.time_s
                if self._is_after(item, stop):
                    return
                if not self._is_before(item, first):
                    yield Frame(item.index, item.time_s, self._luma(item))
            own.ended = True

    def _from_start(
        self, stack: contextlib.ExitStack, damage: Damage, first: int, stop: int | None,
        threads: Threads,
    ) -> Iterator[Numbered]:  # fmt: skip
        container = stack.enter_context(open_container(self.place))
        stream = picture_stream(container, self.place, threads)
        numbering = Numbering(self.probe.clock, self.probe.facts, damage, first, stop)
        return numbering.number(decoded(container, stream, damage))

    def _from_seek(
        self, stack: contextlib.ExitStack, damage: Damage, start: int, stop: int | None,
        threads: Threads,
    ) -> Iterator[Numbered] | None:  # fmt: skip
        """Begin at the key frame before frame `start`, or return None where that is not safe.

        Safe means: timestamps number the frames, and decoding begins at an intra-coded key frame
        whose number is on the grid and not after the start.
        """
        clock = self.probe.clock
        if not start or clock is None or not clock.numbers_frames:
            return None
        container = stack.enter_context(open_container(self.place))
        stream = picture_stream(container, self.place, threads)
        try:
            container.seek(clock.pts_of(start), backward=True, stream=stream)
        except (av.error.FFmpegError, OverflowError):  # a start that no timestamp can hold
            return None
        frames = decoded(container, stream, damage)
        first = next(frames, None)
        if first is None or first.pts is None or damage.packets:
            damage.packets = 0  # reading from the start meets them again, and counts them then
            return None
        index = clock.index_of(first.pts)
        intra = first.key_frame and first.pict_type == av.video.frame.PictureType.I
        if not intra or not 0 <= index <= start or clock.pts_of(index) != first.pts:
            return None
        numbering = Numbering(clock, self.probe.facts, damage, start, stop)
        return numbering.number(itertools.chain([first], frames), index)

    def _is_before(self, item: Numbered, first: int) -> bool:
        if self.probe.facts.variable_rate:
            return item.time_s < self.window.start_s
        return item.index < first

    def _is_after(self, item: Numbered, stop: int | None) -> bool:
        if self.probe.facts.variable_rate:
            return self.window.end_s is not None and item.time_s >= self.window.end_s
        return stop is not None and item.index >= stop

    def _luma(self, item: Numbered) -> Luma:
        frame, facts = item.picture, self.probe.facts
        if (frame.width, frame.height) != (facts.width, facts.height):
            raise InputError(
                f"frame {item.index} of {self.place} is {frame.width}x{frame.height} where the "
                f"frames before are {facts.width}x{facts.height}; cut the video into parts of one "
                "size."
            )
        layout = self.probe.layout
        if frame.format.name != facts.pixel_format:
            layout = require_layout(frame.format.name, f"frame {item.index} of {self.place}")
            if layout.bits != facts.bits:
                raise InputError(
                    f"frame {item.index} of {self.place} has {layout.bits} bits where the frames "
                    f"before have {facts.bits}; cut the video into parts of one format."
                )
        return luma_of(frame, layout)
