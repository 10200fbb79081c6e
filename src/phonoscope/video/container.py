"""Video files, decoded by FFmpeg through PyAV."""

import contextlib
import itertools
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path

import av

from phonoscope.errors import InputError
from phonoscope.types import Frame, Luma
from phonoscope.video.luma import luma_of, require_layout
from phonoscope.video.numbering import Damage, Numbered, Numbering, decoded
from phonoscope.video.probe import open_container, picture_stream, probe
from phonoscope.video.session import Session
from phonoscope.video.window import Window


class ContainerVideo(Session):
    """A video file.

    Evenly spaced frames are numbered by their timestamps where those are fine enough, so that a
    frame that cannot be decoded leaves a gap and later frames keep their times; else in order.
    Only the beginning of a long file is scanned for its timestamps when it is opened; frames that
    are found missing later are reported in `warnings`.
    """

    def __init__(self, path: Path, user_rate: Fraction | None, window: Window) -> None:
        self._path = path
        self._probe = probe(path, user_rate)
        super().__init__(self._probe.facts)
        self._window = window
        self._start = window.start_index(self.facts.capture_rate)
        self._stop = window.stop_index(self.facts.capture_rate)
        if self._probe.expected and not self.facts.variable_rate:
            window.check_against(self._probe.expected / self.facts.capture_rate, self.facts)

    def _read(self) -> Generator[Frame, None, None]:
        damage = Damage()
        with contextlib.ExitStack() as stack:
            items = self._from_seek(stack, damage) or self._from_start(stack, damage)
            last: Numbered | None = None
            for item in items:
                last = item
                if self._is_after(item):
                    self._report(damage, last, ended=False)
                    return
                if not self._is_before(item):
                    yield Frame(item.index, item.time_s, self._luma(item))
            if last is None:
                raise InputError(f"no frame of {self._path} can be decoded; copy it again.")
            self._report(damage, last, ended=True)

    def _numbering(self, damage: Damage) -> Numbering:
        return Numbering(self._probe.clock, self.facts, damage)

    def _from_start(self, stack: contextlib.ExitStack, damage: Damage) -> Iterator[Numbered]:
        container = stack.enter_context(open_container(self._path))
        stream = picture_stream(container, self._path)
        return self._numbering(damage).number(decoded(container, stream, damage))

    def _from_seek(self, stack: contextlib.ExitStack, damage: Damage) -> Iterator[Numbered] | None:
        """Begin at the key frame before the window, or return None where that is not safe.

        Safe means: timestamps number the frames, and decoding begins at an intra-coded key frame
        whose number is on the grid and not after the window's start.
        """
        clock = self._probe.clock
        if not self._start or clock is None or not clock.numbers_frames:
            return None
        container = stack.enter_context(open_container(self._path))
        stream = picture_stream(container, self._path)
        try:
            container.seek(clock.pts_of(self._start), backward=True, stream=stream)
        except (av.error.FFmpegError, OverflowError):  # a start that no timestamp can hold
            return None
        frames = decoded(container, stream, damage)
        first = next(frames, None)
        if first is None or first.pts is None or damage.packets:
            damage.packets = 0  # reading from the start meets them again, and counts them then
            return None
        index = clock.index_of(first.pts)
        intra = first.key_frame and first.pict_type == av.video.frame.PictureType.I
        if not intra or not 0 <= index <= self._start or clock.pts_of(index) != first.pts:
            return None
        return self._numbering(damage).number(itertools.chain([first], frames), index)

    def _is_before(self, item: Numbered) -> bool:
        if self.facts.variable_rate:
            return item.time_s < self._window.start_s
        return item.index < self._start

    def _is_after(self, item: Numbered) -> bool:
        if self.facts.variable_rate:
            return self._window.end_s is not None and item.time_s >= self._window.end_s
        return self._stop is not None and item.index >= self._stop

    def _luma(self, item: Numbered) -> Luma:
        frame, facts = item.picture, self.facts
        if (frame.width, frame.height) != (facts.width, facts.height):
            raise InputError(
                f"frame {item.index} of {self._path} is {frame.width}x{frame.height} where the "
                f"frames before are {facts.width}x{facts.height}; cut the video into parts of one "
                "size."
            )
        layout = self._probe.layout
        if frame.format.name != facts.pixel_format:
            layout = require_layout(frame.format.name, f"frame {item.index} of {self._path}")
            if layout.bits != facts.bits:
                raise InputError(
                    f"frame {item.index} of {self._path} has {layout.bits} bits where the frames "
                    f"before have {facts.bits}; cut the video into parts of one format."
                )
        return luma_of(frame, layout)

    def _report(self, damage: Damage, last: Numbered, *, ended: bool) -> None:
        """Add what was amiss to the warnings; check the window against the end, if it was met."""
        for sentence in damage.sentences():
            self._warn(sentence)
        if not ended:
            return
        expected, found = self._probe.expected, last.index + 1
        if expected is not None and found < expected:
            self._warn(
                f"the file ends early: {found - damage.missing} of {expected} frames could be "
                "decoded; copy it again if the rest matters."
            )
            window = Window(self._window.start_s)  # its end was right by the file's own word
        else:
            window = self._window
        window.check_against(last.time_s + 1 / self.facts.capture_rate, self.facts)
