"""A table of cameras whose read-out time others have measured."""

import csv
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from importlib.resources import files

RATE_TOLERANCE = 0.002  # 29.97 and 30 are one mode, 24 and 25 are two


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera's mode, and how long its sensor takes to be read out in it.

    Attributes
    ----------
    make, model
        As the camera writes them into its files.
    width, height
        Of the picture, pixels.
    rate_hz
        Frames a second that are captured; 30 stands for 29.97 too.
    read_out_s
        From the read-out of the first row of the picture to the end of the last one, s.
    source
        Where the figure was published.
    """

    make: str
    model: str
    width: int
    height: int
    rate_hz: float
    read_out_s: float
    source: str


@cache
def cameras() -> tuple[Camera, ...]:
    """Return the table of cameras, each mode a row.

    The figures are those of each mode's best quality: a cropped or line-skipping variant of the
    same size and rate is read out faster or slower, and no file tells which one it was. The
    source does not say in which direction the rows are read.

    Examples
    --------
    >>> next(row.read_out_s for row in cameras() if row.model == "ILCE-7SM3" and row.rate_hz == 60)
    0.0088
    """
    text = files("phonoscope.video").joinpath("cameras.csv").read_text(encoding="utf-8")
    return tuple(
        Camera(
            row["make"],
            row["model"],
            int(row["width"]),
            int(row["height"]),
            float(row["rate_hz"]),
            float(row["read_out_ms"]) / 1000,
            row["source"],
        )
        for row in csv.DictReader(text.splitlines())
    )


def look_up(make: str, model: str, size: tuple[int, int], rate: Fraction) -> Camera | None:
    """Return the row of a camera's mode; None if any of these differs from all rows."""
    for row in cameras():
        if (
            make.casefold().startswith(row.make.casefold())  # also "NIKON CORPORATION"
            and model.casefold() == row.model.casefold()
            and size == (row.width, row.height)
            and abs(float(rate) / row.rate_hz - 1) < RATE_TOLERANCE
        ):
            return row
    return None
