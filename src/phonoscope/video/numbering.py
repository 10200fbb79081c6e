"""Give decoded frames their numbers and times, and keep account of what is damaged."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from phonoscope.types import VideoFacts
from phonoscope.video.clock import Clock
from phonoscope.video.rate import plain


@dataclass(frozen=True, slots=True)
class Numbered:
    """A decoded picture with its number in the file and its capture time."""

    index: int
    time_s: Fraction
    picture: av.VideoFrame


@dataclass(slots=True)
class Damage:
    """What one pass over a file has found amiss."""

    packets: int = 0
    corrupt: int = 0
    first_corrupt: int | None = None
    missing: int = 0
    first_missing: int | None = None
    astray: int | None = None
    astray_s: Fraction = Fraction(0)

    def __bool__(self) -> bool:
        return bool(self.packets or self.corrupt or self.missing or self.astray is not None)

    def add(self, other: "Damage") -> None:
        """Take in what was found in another stretch of the same file."""
        self.packets += other.packets
        self.corrupt += other.corrupt
        self.missing += other.missing
        self.first_corrupt = _earlier(self.first_corrupt, other.first_corrupt)
        self.first_missing = _earlier(self.first_missing, other.first_missing)

    def sentences(self) -> Iterator[str]:
        """Yield a warning for each kind of damage found."""
        if self.packets:
            yield (
                f"{self.packets} packets of the file are damaged and could not be decoded; "
                "copy it again if they matter."
            )
        if self.corrupt:
            yield (
                f"{self.corrupt} frames are damaged in parts, the first at frame "
                f"{self.first_corrupt}; what is heard there may be false."
            )
        if self.missing:
            yield (
                f"{self.missing} frames are missing, the first at frame {self.first_missing}; "
                "the frames after it keep their own times."
            )
        if self.astray is not None:
            yield (
                f"from frame {self.astray} on, timestamps differ from an even rate by "
                f"{plain(self.astray_s)} s of playback, so frames may have been dropped there; "
                "times are counted on as if none were."
            )


def _earlier(one: int | None, other: int | None) -> int | None:
    return min((index for index in (one, other) if index is not None), default=None)


def decoded(
    container: InputContainer, stream: VideoStream, damage: Damage
) -> Iterator[av.VideoFrame]:
    """Yield every frame that can be decoded, in order of display; note packets that cannot."""
    try:
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.EOFError:
                continue
            except av.error.FFmpegError:
                damage.packets += 1
                continue
            yield from frames
    except av.error.FFmpegError:
        damage.packets += 1  # the container itself breaks off here
        yield from stream.decode(None)


class Numbering:
    """Numbers and times for the frames of one pass.

    Damage counts from frame `since` on, and gaps before frame `until`: what lies outside belongs
    to another stretch.
    """

    def __init__(
        self,
        clock: Clock | None,
        facts: VideoFacts,
        damage: Damage,
        since: int = 0,
        until: int | None = None,
    ) -> None:
        self._clock = clock
        self._rate = facts.capture_rate
        self._variable = facts.variable_rate
        self._damage = damage
        self._since, self._until = since, until
        self._stretch = 1 / facts.slower

    def number(self, pictures: Iterable[av.VideoFrame], first: int = 0) -> Iterator[Numbered]:
        """Yield `pictures` with numbers from `first` on."""
        following = first
        clock = self._clock
        stamped = clock is not None and clock.numbers_frames
        for picture in pictures:
            index, pts = following, picture.pts
            if clock is not None and pts is not None:
                if stamped:
                    index = self._stamped(clock.index_of(pts), following)
                else:
                    self._watch(clock, pts, index)
            following = index + 1
            if picture.is_corrupt and self._counts(index):
                if self._damage.first_corrupt is None:
                    self._damage.first_corrupt = index
                self._damage.corrupt += 1
            yield Numbered(index, self._time_s(index, pts), picture)

    def _stamped(self, index: int, following: int) -> int:
        if index <= following:  # a repeated timestamp still is a frame of its own
            return following
        first = max(following, self._since)
        missing = (index if self._until is None else min(index, self._until)) - first
        if missing > 0:
            if self._damage.first_missing is None:
                self._damage.first_missing = first
            self._damage.missing += missing
        return index

    def _counts(self, index: int) -> bool:
        return index >= self._since and (self._until is None or index < self._until)

    def _watch(self, clock: Clock, pts: int, index: int) -> None:
        """Note where a coarse clock leaves the even grid beyond the part that was scanned."""
        if clock.first is None or self._variable:
            return
        if self._damage.astray is None:
            away = clock.elapsed_s(pts) - index / clock.rate
            if abs(away) > 2 * clock.tick_s + 1 / clock.rate:
                self._damage.astray, self._damage.astray_s = index, away

    def _time_s(self, index: int, pts: int | None) -> Fraction:
        if self._variable and self._clock is not None and pts is not None:
            return self._clock.elapsed_s(pts) * self._stretch
        return Fraction(index * self._rate.denominator, self._rate.numerator)
