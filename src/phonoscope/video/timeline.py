"""When frames were taken, by the time that the camera has written beside each of them."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from phonoscope.video.clock import fit_clock

_ABSURD_GAP = 10**6  # frames: no pause, but a damaged time
_WHOLE_SHARE = 0.5  # of the times must be sound, or none counts
_JITTER = 0.8  # of a period, peak to peak: less is the unrest of a clock, not of the frames
_UNREST = 0.1  # of a period: more is worth a word
_NEAR = Fraction(1, 100)


@dataclass(frozen=True, eq=False)
class Timeline:
    """The times of frames.

    Attributes
    ----------
    rate
        Frames a second, the mean where frames are spaced unevenly.
    nominal
        The rate meant by most gaps between frames.
    ticks
        ``(frame,)`` time since the first frame, rising; None where frames are spaced evenly.
    tick_s
        Length of a tick, s.
    warnings
        Sentences for the user.
    """

    rate: Fraction
    nominal: Fraction
    ticks: NDArray[np.int64] | None = None
    tick_s: Fraction = Fraction(1)
    warnings: tuple[str, ...] = ()


def timeline_of(
    stamps: NDArray[np.uint64], tick_s: Fraction, declared: Fraction | None
) -> Timeline | None:
    """Return what the times of consecutive frames say, or None where they say nothing.

    Frames count as evenly spaced where their times differ from a grid by no more than a clock that
    is read too early or too late does. Where such a grid has gaps, frames were dropped, and each
    keeps its place on it. Only what fits no grid is taken as it is.

    Parameters
    ----------
    stamps
        Time of each frame, ticks.
    tick_s
        Length of a tick, s.
    declared
        The rate that the camera claims, if it does.
    """
    ticks = (stamps - stamps[:1]).astype(np.int64)  # both wrap around, and so differ rightly
    gaps = np.diff(ticks)
    usual = float(np.median(gaps)) if len(gaps) else 0.0
    if usual <= 0:
        return None
    absurd = np.flatnonzero((gaps < 0) | (gaps > _ABSURD_GAP * usual))
    sound = int(absurd[0]) + 1 if len(absurd) else len(ticks)
    if sound < max(2, _WHOLE_SHARE * len(ticks)):
        return None
    warnings = _damaged(len(ticks) - sound, sound)
    clock = fit_clock(ticks[:sound].tolist(), tick_s, [declared])
    if clock is None:
        return None
    if not clock.variable:
        return Timeline(clock.rate, clock.rate, warnings=warnings)
    return _uneven(ticks[:sound], len(ticks), tick_s, usual, declared, warnings)


def _uneven(
    ticks: NDArray[np.int64],
    frames: int,
    tick_s: Fraction,
    usual: float,
    declared: Fraction | None,
    warnings: tuple[str, ...],
) -> Timeline:
    steps = np.maximum(np.rint(np.diff(ticks) / usual), 1).astype(np.int64)
    places = np.concatenate([[0], np.cumsum(steps)])
    period, first = (float(value) for value in np.polyfit(places, ticks, 1))
    unrest = float(np.ptp(ticks - first - period * places)) / period
    if unrest >= _JITTER:
        nominal = 1 / (Fraction(usual).limit_denominator(1000) * tick_s)
        said = "the frames are spaced unevenly"
    else:
        nominal = 1 / (Fraction(period).limit_denominator(10**6) * tick_s)
        if declared is not None and abs(declared / nominal - 1) < _NEAR:
            nominal = declared
        if unrest > _UNREST:
            warnings += (
                f"the clock that timed the frames is unsteady, by {unrest:.0%} of a period; "
                "it is taken as steady.",
            )
        ticks, tick_s, usual = places, 1 / nominal, 1.0
        missing = int(places[-1]) + 1 - len(places)
        if not missing:
            return Timeline(nominal, nominal, warnings=warnings)
        at = int(np.flatnonzero(np.diff(places) > 1)[0]) + 1
        said = f"{missing} frames were dropped, the first before frame {at}"
    warnings += (f"{said}, so each frame's own time is used.",)
    more = np.rint(usual * np.arange(1, frames - len(ticks) + 1)).astype(np.int64)
    ticks = np.concatenate([ticks, ticks[-1] + more])
    mean = Fraction(frames - 1, int(ticks[-1])) / tick_s
    return Timeline(mean, nominal, ticks, tick_s, warnings)


def _damaged(count: int, first: int) -> tuple[str, ...]:
    if not count:
        return ()
    return (
        f"the times of {count} frame{'s' * (count > 1)} from frame {first} on are damaged; they "
        "are counted on evenly.",
    )
