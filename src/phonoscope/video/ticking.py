"""Number the frames of a camera by its own timestamps, which jitter and may skip."""

import math

_FOLLOW = 0.05  # of how far a timestamp is off: a camera's true rate is never quite the stated one
_LONGEST_GAP_S = 60.0  # what is longer is a clock that was set anew


class Ticking:
    """Gives each frame the number that its timestamp says, so that a skipped frame leaves a gap.

    Parameters
    ----------
    rate_hz
        Frames a second by that clock.
    tick_s
        Its smallest step.

    Attributes
    ----------
    jumps
        How often the clock was set anew.
    """

    def __init__(self, rate_hz: float, tick_s: float) -> None:
        self._period = 1 / rate_hz
        self._slack = min(tick_s / self._period, 1e3)
        self._due: float | None = None  # when the next frame is expected
        self._next = 0
        self.jumps = 0

    def number(self, time_s: float | None) -> int:
        """Return the number of the next frame, whose timestamp this is; None if it has none."""
        missing = 0
        if time_s is not None:
            due = time_s if self._due is None else self._due
            if abs(time_s - due) > _LONGEST_GAP_S:
                self.jumps += 1
                due = time_s
            late = (time_s - due) / self._period
            missing = max(0, math.floor(late + 0.5 - self._slack))
            off = min(max(late - missing, -1.0), 1.0)
            self._due = due + (missing + 1 + _FOLLOW * off) * self._period
        index = self._next + missing
        self._next = index + 1
        return index
