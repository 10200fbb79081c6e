"""The capture rate, exactly, and what the user should know of where it came from."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

from phonoscope.errors import UsageError
from phonoscope.types import RateCandidate
from phonoscope.types.video import RateSource
from phonoscope.video.clock import Clock

LOW_RATE_HZ = 200
_FASTEST_HZ = 10**9  # beyond it, or below its inverse, a rate is a slip
_LONGEST_S = 10**12
# An exponent of so many digits makes a number that would fill the memory.
_EXPONENT = re.compile(r"e[+-]?0*(\d[\d_]{3,})", re.IGNORECASE)

_SAME = Fraction(1, 200)  # rates that differ by less are one
_LEAST_SLOWER = Fraction(3, 2)  # nearer to life slow motion is rare: 30 shown as 24
_TRUST: tuple[RateSource, ...] = ("user", "file", "sidecar", "container", "hint")

Rate = int | float | str | Fraction


def parse_rate(fps: Rate) -> Fraction:
    """Return frames a second exactly as written: ``"30000/1001"``, ``59.94`` or ``2200``.

    Raises
    ------
    UsageError
        If `fps` is not a number above 0, or is one that no camera has.
    """
    rate = exact(fps)
    if rate is None or not Fraction(1, _FASTEST_HZ) < rate < _FASTEST_HZ:
        raise UsageError(
            f"fps {fps!r} is not a frame rate; give a number above 0 and below 1e9, such as 2200 "
            "or 30000/1001."
        )
    return rate


def parse_seconds(name: str, value: Rate) -> Fraction:
    """Return a time or length in seconds exactly; raise `UsageError` if it is none, or below 0."""
    seconds = exact(value)
    if seconds is None or seconds < 0:
        raise UsageError(f"{name} {value!r} is not a time; give seconds, 0 or more, such as 1.5.")
    return seconds


def exact(value: Rate) -> Fraction | None:
    """Return a number exactly as written, or None if it is none, or beyond all reason."""
    if isinstance(value, bool):
        return None
    try:
        # The shortest decimal text of a float is what its author wrote: 59.94, not 59.93999...
        text = repr(float(value)) if isinstance(value, float) else str(value)
        number = None if _EXPONENT.search(text) else Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None
    if number is None or number == 0:
        return number
    return number if Fraction(1, _LONGEST_S) < abs(number) < _LONGEST_S else None


def candidates_of(user: Fraction | None, *told: RateCandidate | None) -> tuple[RateCandidate, ...]:
    """Return every rate that is known, the most trusted first: the user's word before `told`.

    What no camera has is not told.
    """
    given = None if user is None else RateCandidate(user, "user", "the rate given")
    known = [one for one in (given, *told) if one is not None]
    known.sort(key=lambda one: _TRUST.index(one.source))
    return tuple(one for one in known if Fraction(1, _FASTEST_HZ) < one.rate < _FASTEST_HZ)


def weighed(told: RateCandidate, clock: Clock | None) -> RateCandidate:
    """Return a told rate for what it is worth beside the file's own clock.

    A hint that the clock bears out is no hint any more. Where frames are spaced unevenly, their
    times are the camera's own, and a rate near theirs is that which it was asked for: phones film
    more slowly in the dark. Only a rate far from theirs says that they were stretched.
    """
    if clock is None:
        return told
    ratio = told.rate / clock.nominal
    if _alike(told.rate, clock.nominal):
        return replace(told, source="file") if told.source == "hint" else told
    near = clock.variable and 1 / _LEAST_SLOWER < ratio < _LEAST_SLOWER
    return replace(told, source="hint") if near else told


def choose_rate(
    rates: Sequence[RateCandidate], name: str, clock: Clock | None = None
) -> tuple[RateCandidate, tuple[str, ...]]:
    """Return the first of some rates, and what the user should know of it.

    Cameras write rounded numbers where their clocks have thousandths: what agrees with the `clock`
    of the file within 0.5 % is taken to be exactly its rate.

    Raises
    ------
    UsageError
        If there is none.
    """
    if not rates or rates[0].source == "hint":
        raise no_clock(name)
    chosen = rates[0]
    told = chosen.source in ("file", "sidecar")
    if told and clock is not None and _alike(chosen.rate, clock.nominal):
        chosen = replace(chosen, rate=clock.rate)
    warnings = low_rate_warning(chosen.rate, chosen.source)
    if chosen.source == "container" and not warnings:
        warnings = (
            f"the capture rate, {plain(chosen.rate)} frames/s, is only {chosen.where}; if the "
            "camera recorded faster (slow motion, high speed), give the true capture rate with fps "
            "(--fps).",
        )
    return chosen, (*warnings, *_disagreements(chosen, rates[1:]))


def _disagreements(chosen: RateCandidate, others: Sequence[RateCandidate]) -> Iterator[str]:
    """Yield a sentence for each recorded rate that is not the chosen one.

    That a file plays at another rate than it was recorded at is no contradiction.
    """
    for other in others:
        if other.source != "container" and not _alike(other.rate, chosen.rate):
            yield (
                f"{other.where} says {plain(other.rate)} frames/s where {chosen.where}, which is "
                f"used, says {plain(chosen.rate)}; every frequency depends on which is right: if "
                "it is the other, give it with fps (--fps)."
            )


def doubts_of_retiming(chosen: RateCandidate, clock: Clock | None, writer: str) -> Iterator[str]:
    """Yield what is odd where a file says that it plays at another speed than life.

    Parameters
    ----------
    chosen
        The capture rate.
    clock
        Of the file.
    writer
        Program that has written the file, it may be since the camera did; empty if none is known.
    """
    if clock is None or chosen.source not in ("file", "sidecar"):
        return
    slower = chosen.rate / clock.nominal
    if _alike(chosen.rate, clock.nominal) or _alike(chosen.rate, clock.rate):
        return
    says = f"{chosen.where} says {plain(chosen.rate)} frames/s where the file plays at "
    says += plain(clock.nominal)
    if slower < 1:
        yield (
            f"{says}: a time lapse, {plain(1 / slower)} times faster than life; if it is none, "
            "give the true capture rate with fps (--fps)."
        )
    elif slower < _LEAST_SLOWER:
        yield (
            f"{says}, which is rare for slow motion; every frequency depends on which is right: "
            "if the file's is, give it with fps (--fps)."
        )
    if writer:
        yield (
            f"{says}, but {writer} has written the file, perhaps since the camera did; if it left "
            "out or repeated frames, as programs do that change the frame rate, the times are "
            "wrong: prefer the camera's own file, or give the capture rate of these frames with "
            "fps (--fps)."
        )


def _alike(rate: Fraction, other: Fraction) -> bool:
    return abs(rate / other - 1) <= _SAME


def no_clock(name: str) -> UsageError:
    """Return the error for a source that does not say how fast it was recorded."""
    return UsageError(
        f"{name} does not say how fast it was recorded; give the capture rate in frames a second "
        "with fps (--fps), such as fps=2200."
    )


def low_rate_warning(rate: Fraction, source: RateSource) -> tuple[str, ...]:
    """Return what the user of a slow global shutter should know, or nothing."""
    if rate >= LOW_RATE_HZ:
        return ()
    text = f"at a capture rate of {plain(rate)} frames/s, whole frames hold nothing above "
    text += f"{plain(rate / 2)} Hz, and no speech, which is 100 to 4000 Hz"
    if source in ("file", "sidecar"):  # the camera itself says how fast it recorded
        return (text + ".",)
    return (
        text + "; a high-speed clip often says 30 or 50 in its file: if so, give the true capture "
        "rate with fps (--fps).",
    )


def plain(value: Fraction) -> str:
    """Return a number for people: at most six digits, no fraction bar."""
    return f"{float(value):.6g}"
