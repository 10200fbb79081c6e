"""What is asked of the pipeline, brought into one form and checked before anything is opened."""

import math
import operator
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, SupportsIndex

from phonoscope.errors import UsageError
from phonoscope.motion import is_motion_file
from phonoscope.types import Region, VideoFacts
from phonoscope.video import parse_rate

Rate = int | float | str | Fraction
AnyRegion = Region | str | Sequence[int]
Progress = Callable[[int, int | None], None]
"""Called with the number of frames measured and the number expected (None if unknown)."""


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for, checked as far as that is possible before anything is opened."""

    source: Any
    stored: bool
    fps: Fraction | None
    regions: tuple[Region, ...]
    band: tuple[float, float] | None
    cell: int | None
    start: float
    duration: float | None
    fingerprint: bool
    progress: Progress | None

    @classmethod
    def checked(
        cls,
        source: Any,
        fps: Rate | None,
        region: AnyRegion | Sequence[AnyRegion],
        cell: int | None,
        start: float,
        duration: float | None,
        *,
        band: tuple[float, float] | str | None = None,
        fingerprint: bool = False,
        progress: Progress | None = None,
    ) -> "Request":
        return cls(
            source=source,
            stored=isinstance(source, str | os.PathLike) and is_motion_file(source),
            fps=None if fps is None else parse_rate(fps),
            regions=_regions(region),
            band=None if band is None else parse_band(band),
            cell=None if cell is None else _cell(cell),
            start=_seconds("start", start),
            duration=None if duration is None else _seconds("duration", duration),
            fingerprint=fingerprint,
            progress=progress,
        )

    def told(self, facts: VideoFacts) -> Callable[[int], None] | None:
        """Return what is to be called with the number of frames done, or None if nobody asks."""
        progress, total = self.progress, self._expected(facts)
        return None if progress is None else lambda done: progress(done, total)

    def _expected(self, facts: VideoFacts) -> int | None:
        rate = facts.capture_rate
        in_range = None if self.duration is None else math.ceil(self.duration * rate)
        if facts.frames is None:
            return in_range
        left = max(0, facts.frames - math.ceil(self.start * rate))
        return left if in_range is None else min(left, in_range)


def parse_band(band: tuple[float, float] | str) -> tuple[float, float]:
    """Return lowest and highest frequency in Hz of ``(80, 1000)`` or ``"80,1000"``.

    Raises
    ------
    UsageError
        If it is not two numbers.
    """
    try:
        low, high = (float(part) for part in (band.split(",") if isinstance(band, str) else band))
    except (TypeError, ValueError):
        raise UsageError(f"band {band!r} is not low,high in Hz, such as 80,1000.") from None
    return low, high


def _regions(region: AnyRegion | Sequence[AnyRegion]) -> tuple[Region, ...]:
    if isinstance(region, Region | str):
        return (_region(region),)
    several = tuple(region)
    if several and all(isinstance(part, SupportsIndex) for part in several):
        return (_region(several),)  # type: ignore[arg-type]
    return tuple(_region(one) for one in several)  # type: ignore[arg-type]


def _region(region: AnyRegion) -> Region:
    if isinstance(region, Region):
        return region
    if isinstance(region, str):
        return Region.parse(region)
    try:
        x, y, width, height = (operator.index(part) for part in region)
    except (TypeError, ValueError):
        raise UsageError(
            f"region {region!r} is not x,y,width,height in whole pixels, such as 120,80,300,200."
        ) from None
    return Region(x, y, width, height)


def _cell(cell: int) -> int:
    try:
        return operator.index(cell)
    except TypeError:
        raise UsageError(
            f"cell {cell!r} is not the edge of a cell in whole pixels, such as 16."
        ) from None


def _seconds(name: str, value: float) -> float:
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise UsageError(f"{name} {value!r} is not a time; give seconds, 0 or more, such as 1.5.")
    return seconds
