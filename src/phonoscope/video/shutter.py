"""How the sensor of a video file was read out: by its tags, or by a table of cameras."""

import math
from fractions import Fraction
from typing import Literal

from phonoscope.choices import Direction
from phonoscope.types import Shutter
from phonoscope.video.cameras import RATE_TOLERANCE, look_up
from phonoscope.video.rate import plain
from phonoscope.video.readout import Tag
from phonoscope.video.tags import Tags

_STEADIED = (
    " The camera has also steadied the picture, which moves rows away from where they were read: "
    "expect less, and film with that off."
)


def shutter_of(tags: Tags, size: tuple[int, int], rate: Fraction) -> tuple[Shutter, str]:
    """Return how the sensor is read out, and a sentence for the user (empty: nothing is known).

    Parameters
    ----------
    tags
        What the file says of its camera.
    size
        Width and height of the picture as stored, pixels.
    rate
        At which the camera recorded, frames/s.

    Notes
    -----
    The tag in the file counts before the table. Its time is taken as that of the whole height of
    the picture, so the line delay is the read-out time over the number of rows. Where no direction
    is told, rows are taken to be read from the top. A read-out that is not above 0, or that takes
    longer than a frame lasts, cannot be right, and is ignored.
    """
    tag = tags.read_out
    if tag is not None:
        reason = _wrong(tag, rate)
        if tag.read_out_s is not None and tag.direction is not None and not reason:
            shutter, told = _rolling(tag.read_out_s, size[1], "file", tag.name, tag.direction)
            return shutter, told + (_STEADIED if tag.steadied else "")
        return Shutter(), (
            f"the file's read-out time ({tag.name}) {reason}, so it is ignored and all "
            "rows are taken to be read at once; if they were not, give the read-out time with "
            "readout (--readout)."
        )
    if any(abs(told.rate / rate - 1) > RATE_TOLERANCE for told in tags.rates):
        return Shutter(), ""  # the camera's mode is uncertain
    row = look_up(tags.make, tags.model, size, rate)
    if row is None:
        return Shutter(), ""
    mode = f"{row.make} {row.model}, {row.width}x{row.height} at {row.rate_hz:g} frames/s"
    return _rolling(row.read_out_s, size[1], "table", mode)


def _rolling(
    read_out_s: float,
    rows: int,
    source: Literal["file", "table"],
    name: str,
    direction: Direction = "down",
) -> tuple[Shutter, str]:
    shutter = Shutter(read_out_s / rows, direction, source)
    where = "the file's own tag" if source == "file" else "the table of cameras"
    return shutter, (
        f"the sensor was read out row by row, by {where} ({name}): {read_out_s * 1e3:.4g} ms a "
        f"picture, a line delay of {shutter.line_delay_s * 1e6:.4g} µs; if all rows were taken at "
        'once, give shutter="global" (--shutter global).'
    )


def _wrong(tag: Tag, rate: Fraction) -> str:
    """Return why a read-out time is of no use; empty if it is."""
    read_out_s = tag.read_out_s
    if read_out_s is None:
        return "is damaged"
    if tag.direction is None:
        return "is that of a sensor read column by column, which cannot be dealt with"
    if not math.isfinite(read_out_s) or read_out_s <= 0:
        return f"is {read_out_s * 1e3:.4g} ms"
    if read_out_s * rate > 1 + RATE_TOLERANCE:
        return f"is {read_out_s * 1e3:.4g} ms, longer than a frame lasts at {plain(rate)} frames/s"
    return ""
