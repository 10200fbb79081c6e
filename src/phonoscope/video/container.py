"""Video files, decoded by FFmpeg through PyAV."""

from collections.abc import Generator
from fractions import Fraction

from phonoscope.errors import InputError
from phonoscope.remote import Place, RemoteFile
from phonoscope.types import Frame, Stretches
from phonoscope.video.probe import probe
from phonoscope.video.reading import Pass, Reader
from phonoscope.video.session import Session
from phonoscope.video.window import Window


class ContainerVideo(Session):
    """A video file.

    Evenly spaced frames are numbered by their timestamps where those are fine enough, so that a
    frame that cannot be decoded leaves a gap and later frames keep their times; else in order.
    Only the beginning of a long file is scanned for its timestamps when it is opened; frames that
    are found missing later are reported in `warnings`.
    """

    def __init__(self, place: Place, user_rate: Fraction | None, window: Window) -> None:
        self._reader = Reader(place, probe(place, user_rate), window)
        super().__init__(self._reader.probe.facts)
        expected = self._reader.probe.expected
        if expected and not self.facts.variable_rate:
            window.check_against(expected / self.facts.capture_rate, self.facts)

    def close(self) -> None:
        super().close()
        if isinstance(self._reader.place, RemoteFile):
            self._reader.place.close()

    def _read(self) -> Generator[Frame, None, None]:
        own = Pass()
        yield from self._reader.frames(own, self._reader.start, self._reader.stop)
        self._report(own)

    def stretches(self) -> Stretches | None:
        reader = self._reader
        clock, count = reader.probe.clock, reader.probe.expected
        apart = reader.probe.key_frames_apart
        if clock is None or not clock.numbers_frames or not count or apart is None:
            return None
        stop = count if reader.stop is None else min(count, reader.stop)
        if not reader.begins_at((reader.start + stop) // 2):
            return None
        whole, passes = Pass(), list[Pass]()

        def read(first: int, before: int | None) -> Generator[Frame, None, None]:
            if whole.end is not None and first >= whole.end:
                return
            frames, own = reader.elsewhere(first, before)
            passes.append(own)
            try:
                yield from frames
            finally:
                frames.close()
                whole.add(own)
                passes.remove(own)

        def damaged() -> bool:
            return bool(whole.damage) or any(own.damage for own in list(passes))

        return Stretches(
            reader.start, stop, apart,
            lambda first, before: self._watched(read(first, before)),
            damaged, lambda: self._report(whole), reader.anywhere().elsewhere, whole.add,
        )  # fmt: skip

    def _report(self, read: Pass) -> None:
        """Add what was amiss to the warnings; check the window against the end, if it was met."""
        last, damage = read.last, read.damage
        if last is None:
            raise InputError(f"no frame of {self._reader.place} can be decoded; copy it again.")
        for sentence in damage.sentences():
            self._warn(sentence)
        if not read.ended:
            return
        expected, found = self._reader.probe.expected, last[0] + 1
        if expected is not None and found < expected:
            self._warn(
                f"the file ends early: {found - damage.missing} of {expected} frames could be "
                "decoded; copy it again if the rest matters."
            )
            window = Window(self._reader.window.start_s)  # its end was right by the file's own word
        else:
            window = self._reader.window
        window.check_against(last[1] + 1 / self.facts.capture_rate, self.facts)
