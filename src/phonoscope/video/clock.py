"""What a file's timestamps say of its frame rate, and when they are coarser than its frames.

A clip is evenly spaced if its timestamps lie on the grid ``n / rate`` within what the file's own
clock can express; then frame number and rate are the truth, and rounded timestamps are not. Only
timestamps that leave the grid by clearly more than the clock's tick make a variable rate.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

# Rounding to a tick spreads the timestamps of an even grid over up to one tick; some writers round
# twice. A clock that divides the period exactly has nothing to round.
_TICK_SPREAD = 1.5
_PERIOD_SPREAD = 0.02
_LONGEST_TICKS = 2**62  # timestamps further apart are damaged, and would overflow


@dataclass(frozen=True)
class Clock:
    """The clock of a container.

    Attributes
    ----------
    rate
        Frames a second of playback: of the grid, or the mean where `variable`.
    nominal
        The rate meant by most gaps between frames; `rate` itself unless `variable`.
    variable
        Whether frames are spaced unevenly.
    tick_s
        Smallest step of a timestamp.
    first
        Timestamp of the first frame shown, or None if the file has no timestamps.
    """

    rate: Fraction
    nominal: Fraction
    variable: bool
    tick_s: Fraction
    first: int | None

    @property
    def numbers_frames(self) -> bool:
        """Whether a timestamp tells a frame's number without doubt."""
        period = 1 / (self.rate * self.tick_s)
        return (
            self.first is not None
            and not self.variable
            and (period.denominator == 1 or period >= 2 * _TICK_SPREAD)
        )

    @cached_property
    def _frames_per_tick(self) -> Fraction:
        return self.rate * self.tick_s

    def elapsed_s(self, pts: int) -> Fraction:
        """Return the time of playback since the first frame, s."""
        return (pts - (self.first or 0)) * self.tick_s

    def index_of(self, pts: int) -> int:
        """Return the number of the frame on the grid that is nearest to `pts`."""
        # In whole numbers, because this runs for every frame.
        grid = self._frames_per_tick
        return (2 * (pts - (self.first or 0)) * grid.numerator + grid.denominator) // (
            2 * grid.denominator
        )

    def pts_of(self, index: int) -> int:
        """Return the timestamp of frame `index` on the grid."""
        return (self.first or 0) + round(index / (self.rate * self.tick_s))


def fit_clock(
    pts: Sequence[int] | None, tick_s: Fraction, declared: Iterable[Fraction | None]
) -> Clock | None:
    """Return the clock that `pts` (any order, ticks) follow, or None if nothing tells a rate.

    Parameters
    ----------
    pts
        Timestamps of consecutive frames, or None where the file has none.
    tick_s
        Length of a tick, s.
    declared
        Rates that the container claims, the most trusted first.
    """
    rates = [rate for rate in declared if rate]
    if pts is None or len(pts) < 2:
        first = pts[0] if pts else None
        return Clock(rates[0], rates[0], False, tick_s, first) if rates else None
    times = np.sort(np.asarray(pts, dtype=np.int64))
    first, span = int(times[0]), int(times[-1]) - int(times[0])
    if not 0 < span <= _LONGEST_TICKS:
        return Clock(rates[0], rates[0], False, tick_s, None) if rates else None
    ticks = times - first
    for rate in (*rates, *_fitted_rates(ticks, tick_s)):
        if _on_grid(ticks, tick_s, rate):
            return Clock(rate, rate, False, tick_s, first)
    mean = Fraction(len(times) - 1, span) / tick_s
    return Clock(mean, _nominal_rate(ticks, tick_s, rates), True, tick_s, first)


def _on_grid(ticks: NDArray[np.int64], tick_s: Fraction, rate: Fraction) -> bool:
    period = 1 / (rate * tick_s)
    deviation = ticks - np.arange(len(ticks)) * float(period)
    rounding = 0.0 if period.denominator == 1 else _TICK_SPREAD
    return bool(np.ptp(deviation) <= rounding + _PERIOD_SPREAD * float(period))


def _fitted_rates(ticks: NDArray[np.int64], tick_s: Fraction) -> list[Fraction]:
    """Return rates that the timestamps themselves allow, the roundest first."""
    gaps, span = len(ticks) - 1, int(ticks[-1])
    mean = Fraction(gaps, span) / tick_s
    if span % gaps == 0:
        return [mean]
    low, high = (Fraction(gaps) / (span + slack) / tick_s for slack in (1, -1 if span > 1 else 0))
    rounds = [Fraction(round(mean)), Fraction(round(mean * 1001 / 1000) * 1000, 1001)]
    return [rate for rate in rounds if low <= rate <= high] + [mean]


def _nominal_rate(
    ticks: NDArray[np.int64], tick_s: Fraction, declared: Sequence[Fraction]
) -> Fraction:
    """Return the rate of the usual gap: a declared one where that agrees within 5 %."""
    gap = Fraction(float(np.median(np.diff(ticks)))).limit_denominator(1000)
    if gap <= 0:
        return declared[0] if declared else Fraction(len(ticks) - 1, int(ticks[-1])) / tick_s
    usual = 1 / (gap * tick_s)
    near = [rate for rate in declared if abs(rate / usual - 1) < Fraction(1, 20)]
    return min(near, key=lambda rate: abs(rate / usual - 1), default=usual)
