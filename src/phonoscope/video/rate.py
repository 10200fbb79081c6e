"""The capture rate, exactly, and what the user should know of where it came from."""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction

from phonoscope.errors import UsageError
from phonoscope.types import RateCandidate
from phonoscope.types.video import RateSource

LOW_RATE_HZ = 200
_FASTEST_HZ = 10**9  # beyond it, or below its inverse, a rate is a slip
_LONGEST_S = 10**12
# An exponent of so many digits makes a number that would fill the memory.
_EXPONENT = re.compile(r"e[+-]?0*(\d[\d_]{3,})", re.IGNORECASE)

# Cameras write whole numbers where their clocks have thousandths.
_SAME = Fraction(1, 200)

Rate = int | float | str | Fraction


def parse_rate(fps: Rate) -> Fraction:
    """Return frames a second exactly as written: ``"30000/1001"``, ``59.94`` or ``2200``.

    Raises
    ------
    UsageError
        If `fps` is not a number above 0, or is one that no camera has.
    """
    rate = _exact(fps)
    if rate is None or not Fraction(1, _FASTEST_HZ) < rate < _FASTEST_HZ:
        raise UsageError(
            f"fps {fps!r} is not a frame rate; give a number above 0 and below 1e9, such as 2200 "
            "or 30000/1001."
        )
    return rate


def parse_seconds(name: str, value: Rate) -> Fraction:
    """Return a time or length in seconds exactly; raise `UsageError` if it is none, or below 0."""
    seconds = _exact(value)
    if seconds is None or seconds < 0:
        raise UsageError(f"{name} {value!r} is not a time; give seconds, 0 or more, such as 1.5.")
    return seconds


def _exact(value: Rate) -> Fraction | None:
    if isinstance(value, bool):
        return None
    try:
        # The shortest decimal text of a float is what its author wrote: 59.94, not 59.93999...
        text = repr(float(value)) if isinstance(value, float) else str(value)
        exact = None if _EXPONENT.search(text) else Fraction(text)
    except (ValueError, ZeroDivisionError):
        return None
    if exact is None or exact == 0:
        return exact
    return exact if Fraction(1, _LONGEST_S) < abs(exact) < _LONGEST_S else None


def candidates_of(user: Fraction | None, *told: RateCandidate | None) -> tuple[RateCandidate, ...]:
    """Return every rate that is known, the most trusted first: the user's word, then `told`.

    What no camera has is not told.
    """
    given = None if user is None else RateCandidate(user, "user", "the rate given")
    known = (one for one in (given, *told) if one is not None)
    return tuple(one for one in known if Fraction(1, _FASTEST_HZ) < one.rate < _FASTEST_HZ)


def choose_rate(rates: Sequence[RateCandidate], name: str) -> tuple[RateCandidate, tuple[str, ...]]:
    """Return the first of some rates, and what the user should know of it.

    Raises
    ------
    UsageError
        If there is none.
    """
    if not rates:
        raise no_clock(name)
    chosen = rates[0]
    warnings = low_rate_warning(chosen.rate, chosen.source)
    if chosen.source == "container" and not warnings:
        warnings = (
            f"the capture rate, {plain(chosen.rate)} frames/s, is only the rate at which the file "
            "plays; if the camera recorded faster (slow motion, high speed), give the true capture "
            "rate with fps (--fps).",
        )
    return chosen, (*warnings, *_disagreements(rates))


def _disagreements(rates: Sequence[RateCandidate]) -> Iterator[str]:
    """Yield a sentence for each recorded rate that is not the chosen one.

    That a file plays at another rate than it was recorded at is no contradiction.
    """
    chosen = rates[0]
    for other in rates[1:]:
        if other.source != "container" and abs(other.rate / chosen.rate - 1) > _SAME:
            yield (
                f"{other.where} says {plain(other.rate)} frames/s where {chosen.where}, which is "
                f"used, says {plain(chosen.rate)}; every frequency depends on which is right: if "
                "it is the other, give it with fps (--fps)."
            )


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
    if source == "file":  # where the camera itself says how fast it recorded
        return (text + ".",)
    return (
        text + "; a high-speed clip often says 30 or 50 in its file: if so, give the true capture "
        "rate with fps (--fps).",
    )


def plain(value: Fraction) -> str:
    """Return a number for people: at most six digits, no fraction bar."""
    return f"{float(value):.6g}"
