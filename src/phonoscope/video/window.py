"""The stretch of capture time that is asked for."""

import math
from dataclasses import dataclass
from fractions import Fraction

from phonoscope.errors import UsageError
from phonoscope.types import VideoFacts
from phonoscope.video.rate import Rate, parse_seconds, plain


@dataclass(frozen=True, slots=True)
class Window:
    """Capture times ``start_s <= t < end_s``, exact; `end_s` None reads to the end."""

    start_s: Fraction = Fraction(0)
    end_s: Fraction | None = None

    @classmethod
    def parse(cls, start: Rate, duration: Rate | None) -> "Window":
        """Return the window; raise `UsageError` if it is negative or empty."""
        first = parse_seconds("start", start)
        if duration is None:
            return cls(first)
        length = parse_seconds("duration", duration)
        if length == 0:
            raise UsageError("duration 0 holds no frames; give seconds above 0, or leave it out.")
        return cls(first, first + length)

    def start_index(self, rate: Fraction) -> int:
        """Return the index of the first frame inside, for evenly spaced frames."""
        return math.ceil(self.start_s * rate)

    def stop_index(self, rate: Fraction) -> int | None:
        """Return the index of the first frame after the window, or None."""
        return None if self.end_s is None else math.ceil(self.end_s * rate)

    def check_against(self, length_s: Fraction, facts: VideoFacts) -> None:
        """Raise `UsageError` if the window begins or ends beyond `length_s`, the source's end.

        An end up to one frame beyond is let pass: lengths are shown rounded.
        """
        if self.start_s >= length_s:
            raise UsageError(
                f"start {plain(self.start_s)} s lies beyond the end of {facts.name}, which lasts "
                f"{plain(length_s)} s of capture time; give an earlier start."
            )
        if self.end_s is not None and self.end_s > length_s + 1 / facts.capture_rate:
            raise UsageError(
                f"a duration of {plain(self.end_s - self.start_s)} s from {plain(self.start_s)} s "
                f"goes beyond the end of {facts.name}, which lasts {plain(length_s)} s of capture "
                f"time; give at most {plain(length_s - self.start_s)} s, or leave duration out."
            )
