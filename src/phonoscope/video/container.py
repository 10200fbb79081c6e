"""Video files, decoded by FFmpeg through PyAV."""

import contextlib
import itertools
import threading
from collections.abc import Generator, Iterator
from fractions import Fraction
from pathlib import Path

import av

from phonoscope.errors import InputError
from phonoscope.types import Frame, Luma, Stretches
from phonoscope.video.luma import luma_of, require_layout
from phonoscope.video.numbering import Damage, Numbered, Numbering, decoded
from phonoscope.video.probe import Threads, open_container, picture_stream, probe
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
        own = _Pass()
        yield from self._frames(own, self._start, self._stop)
        self._report(own)

    def stretches(self) -> Stretches | None:
        clock, count, apart = self._probe.clock, self._probe.expected, self._probe.key_frames_apart
        if clock is None or not clock.numbers_frames or not count or apart is None:
            return None
        stop = count if self._stop is None else min(count, self._stop)
        if not self._begins_at((self._start + stop) // 2):
            return None
        whole, passes = _Pass(), list[_Pass]()

        def read(first: int, before: int | None) -> Generator[Frame, None, None]:
            if whole.end is not None and first >= whole.end:
                return
            own = _Pass()
            passes.append(own)
            try:
                yield from self._frames(
                    own, first, self._stop if before is None else before, "NONE"
                )
            finally:
                whole.add(own)
                passes.remove(own)

        def damaged() -> bool:
            return bool(whole.damage) or any(own.damage for own in list(passes))

        return Stretches(
            self._start, stop, apart,
            lambda first, before: self._watched(read(first, before)),
            damaged, lambda: self._report(whole),
        )  # fmt: skip

    def _begins_at(self, index: int) -> bool:
        with contextlib.ExitStack() as stack:
            return self._from_seek(stack, Damage(), index, None, "NONE") is not None

    def _frames(
        self, own: "_Pass", first: int, stop: int | None, threads: Threads = "AUTO"
    ) -> Generator[Frame, None, None]:
        """Yield the frames of a stretch, and keep account of it."""
        with contextlib.ExitStack() as stack:
            given = (stack, own.damage, first, stop, threads)
            for item in self._from_seek(*given) or self._from_start(*given):
                own.last = item
                if self._is_after(item, stop):
                    return
                if not self._is_before(item, first):
                    yield Frame(item.index, item.time_s, self._luma(item))
            own.ended = True

    def _from_start(
        self, stack: contextlib.ExitStack, damage: Damage, first: int, stop: int | None,
        threads: Threads,
    ) -> Iterator[Numbered]:  # fmt: skip
        container = stack.enter_context(open_container(self._path))
        stream = picture_stream(container, self._path, threads)
        numbering = Numbering(self._probe.clock, self.facts, damage, first, stop)
        return numbering.number(decoded(container, stream, damage))

    def _from_seek(
        self, stack: contextlib.ExitStack, damage: Damage, start: int, stop: int | None,
        threads: Threads,
    ) -> Iterator[Numbered] | None:  # fmt: skip
        """Begin at the key frame before frame `start`, or return None where that is not safe.

        Safe means: timestamps number the frames, and decoding begins at an intra-coded key frame
        whose number is on the grid and not after the start.
        """
        clock = self._probe.clock
        if not start or clock is None or not clock.numbers_frames:
            return None
        container = stack.enter_context(open_container(self._path))
        stream = picture_stream(container, self._path, threads)
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
        numbering = Numbering(clock, self.facts, damage, start, stop)
        return numbering.number(itertools.chain([first], frames), index)

    def _is_before(self, item: Numbered, first: int) -> bool:
        if self.facts.variable_rate:
            return item.time_s < self._window.start_s
        return item.index < first

    def _is_after(self, item: Numbered, stop: int | None) -> bool:
        if self.facts.variable_rate:
            return self._window.end_s is not None and item.time_s >= self._window.end_s
        return stop is not None and item.index >= stop

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

    def _report(self, read: "_Pass") -> None:
        """Add what was amiss to the warnings; check the window against the end, if it was met."""
        last, damage = read.last, read.damage
        if last is None:
            raise InputError(f"no frame of {self._path} can be decoded; copy it again.")
        for sentence in damage.sentences():
            self._warn(sentence)
        if not read.ended:
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


class _Pass:
    """What came of reading a file, or a stretch of it."""

    def __init__(self) -> None:
        self.damage = Damage()
        self.last: Numbered | None = None
        self.ended = False  # whether the end of the file was met
        self._adding = threading.Lock()

    @property
    def end(self) -> int | None:
        """Number of the frame after the file's last one, if its end was met."""
        return self.last.index + 1 if self.ended and self.last is not None else None

    def add(self, stretch: "_Pass") -> None:
        with self._adding:
            self.damage.add(stretch.damage)
            self.ended |= stretch.ended
            if stretch.last is not None and (
                self.last is None or stretch.last.index > self.last.index
            ):
                self.last = stretch.last
