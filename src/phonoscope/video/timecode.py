"""Timecode: the number of a frame, written as a time of day."""

import re
from collections.abc import Iterable, Mapping
from fractions import Fraction

_TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.,])(\d\d+)")
_RECORDED = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")


def timecode_of(tags: Iterable[Mapping[str, str]], rate: Fraction | None) -> Fraction | None:
    """Return the time since midnight of the first frame, s, or None where no tag has a timecode.

    Parameters
    ----------
    tags
        Of the file and of its streams.
    rate
        Frames a second of playback, which timecode counts.
    """
    texts = (text for each in tags for name, text in each.items() if name.lower() == "timecode")
    found = next(filter(None, map(_TIMECODE.fullmatch, texts)), None)
    if found is None or rate is None or rate < 1:
        return None
    hours, minutes, seconds, frames = (int(found[n]) for n in (1, 2, 3, 5))
    whole = round(rate)  # 29.97 frames a second are counted as 30
    if minutes > 59 or seconds > 59 or frames >= whole:
        return None
    count = (hours * 3600 + minutes * 60 + seconds) * whole + frames
    if found[4] != ":":  # drop-frame: two numbers of 30 are left out a minute, but each tenth
        past = hours * 60 + minutes
        count -= whole // 15 * (past - past // 10)
    return count / rate


def recorded_at(tags: Mapping[str, str]) -> str:
    """Return when recording began, ISO 8601 to the second, or nothing."""
    text = next((text for name, text in tags.items() if name.lower() == "creation_time"), "")
    found = _RECORDED.match(text)
    return found[0].replace(" ", "T") if found else ""
