"""The capture rate, exactly, and what the user should know of where it came from."""

import re
from fractions import Fraction
from typing import Literal

from phonoscope.errors import UsageError

LOW_RATE_HZ = 200
_FASTEST_HZ = 10**9  # beyond it, or below its inverse, a rate is a slip
_LONGEST_S = 10**12
# An exponent of so many digits makes a number that would fill the memory.
_EXPONENT = re.compile(r"e[+-]?0*(\d[\d_]{3,})", re.IGNORECASE)

Rate = int | float | str | Fraction
RateSource = Literal["user", "container"]


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


def choose_rate(
    user: Fraction | None, container: Fraction | None, name: str
) -> tuple[Fraction, RateSource, tuple[str, ...]]:
    """Return the capture rate, its source, and warnings; the user's word wins.

    Raises
    ------
    UsageError
        If neither is known.
    """
    if user is not None:
        return user, "user", low_rate_warning(user)
    if container is None:
        raise no_clock(name)
    warnings = low_rate_warning(container) or (
        f"the capture rate, {plain(container)} frames/s, is only the rate at which the file "
        "plays; if the camera recorded faster (slow motion, high speed), give the true capture "
        "rate with fps (--fps).",
    )
    return container, "container", warnings


def no_clock(name: str) -> UsageError:
    """Return the error for a source that does not say how fast it was recorded."""
    return UsageError(
        f"{name} does not say how fast it was recorded; give the capture rate in frames a second "
        "with fps (--fps), such as fps=2200."
    )


def low_rate_warning(rate: Fraction) -> tuple[str, ...]:
    """Return what the user of a slow global shutter should know, or nothing."""
    if rate >= LOW_RATE_HZ:
        return ()
    return (
        f"at a capture rate of {plain(rate)} frames/s, whole frames hold sound "
        f"up to {plain(rate / 2)} Hz only; a high-speed clip often says 30 or 50 in its file: "
        "if so, give the true capture rate with fps (--fps).",
    )


def plain(value: Fraction) -> str:
    """Return a number for people: at most six digits, no fraction bar."""
    return f"{float(value):.6g}"
