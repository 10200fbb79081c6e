"""What is asked of the pipeline, brought into one form and checked before anything is opened."""

import math
import operator
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, SupportsIndex

from phonoscope.choices import Direction, Pattern, ShutterKind
from phonoscope.distributed import Cluster
from phonoscope.errors import UsageError
from phonoscope.files import of_callers
from phonoscope.motion import Engine, check_device, engine_of, is_motion_file
from phonoscope.types import MotionField, Region, Shutter, VideoFacts
from phonoscope.video import parse_rate

Rate = int | float | str | Fraction
_UNITS = (("ms", 1e-3), ("us", 1e-6), ("µs", 1e-6), ("μs", 1e-6), ("s", 1.0))
_LONGEST_READOUT = 1.001  # of a frame's time: sensors may read without a pause, figures are rounded
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
    reading: "Reading"
    kept: Path | None
    engine: Engine
    cluster: Cluster | None
    pattern: Pattern = "texture"

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
        reading: "Reading | None" = None,
        kept: str | os.PathLike[str] | None = None,
        device: str = "cpu",
        dask: str | None = None,
        workers: int | None = None,
        pattern: Pattern = "texture",
    ) -> "Request":
        stored = isinstance(source, str | os.PathLike) and is_motion_file(source)
        if pattern != "texture":
            _check_pattern(pattern, stored or isinstance(source, MotionField), reading, device)
            device = "cpu"
        cluster = Cluster.checked(dask, workers)
        if cluster is not None and pattern == "speckle":
            raise UsageError(
                "speckle is followed from frame to frame, so that no worker could begin in the "
                "middle; leave dask and workers out."
            )
        if cluster is not None and (stored or isinstance(source, MotionField)):
            raise UsageError(
                "a motion field is measured already, and there is nothing to spread over workers; "
                "leave dask and workers out."
            )
        engine = engine_of(device)
        if cluster is not None and engine.name != "cpu":
            raise UsageError(
                f"workers of a cluster measure on their processors, not on the device {device}; "
                "leave device out, or dask and workers."
            )
        return cls(
            source=source,
            stored=stored,
            fps=None if fps is None else parse_rate(fps),
            regions=_regions(region),
            band=None if band is None else parse_band(band),
            cell=None if cell is None else _cell(cell),
            start=_seconds("start", start),
            duration=None if duration is None else _seconds("duration", duration),
            fingerprint=fingerprint,
            progress=None if progress is None else of_callers(progress),
            reading=reading or Reading(),
            kept=None if kept is None else Path(kept),
            engine=engine,
            cluster=cluster,
            pattern=pattern,
        )

    def told(self, facts: VideoFacts) -> Callable[[int], None] | None:
        """Return what is to be called with the number of frames done, or None if nobody asks."""
        progress, total = self.progress, self.expected(facts)
        return None if progress is None else lambda done: progress(done, total)

    def expected(self, facts: VideoFacts) -> int | None:
        """Return about how many frames are in the range, or None if the file does not say."""
        rate = facts.capture_rate
        in_range = None if self.duration is None else math.ceil(self.duration * rate)
        if facts.frames_about is None:
            return in_range
        left = max(0, facts.frames_about - math.ceil(self.start * rate))
        return left if in_range is None else min(left, in_range)


@dataclass(frozen=True, slots=True)
class Reading:
    """What the user says of how the sensor is read: None where nothing is said."""

    shutter: ShutterKind | None = None
    line_delay_s: float | None = None
    readout_s: float | None = None
    direction: Direction | None = None

    @classmethod
    def checked(
        cls,
        shutter: ShutterKind | None,
        line_delay: float | str | None,
        readout: float | str | None,
        direction: Direction | None,
    ) -> "Reading":
        if shutter not in (None, "global", "rolling"):
            raise UsageError(f"shutter {shutter!r} is not known; give global or rolling.")
        if direction not in (None, "down", "up"):
            raise UsageError(f"direction {direction!r} is not known; give down or up.")
        if line_delay is not None and readout is not None:
            raise UsageError(
                "line delay and read-out time say the same twice (a read-out is as many line "
                "delays as there are rows); give one of them."
            )
        said = (line_delay, readout, direction)
        if shutter == "global" and any(value is not None for value in said):
            raise UsageError(
                "a global shutter has no line delay, read-out time or direction; leave them out, "
                "or take the shutter rolling."
            )
        if any(value is not None for value in said):
            shutter = "rolling"
        return cls(
            shutter,
            None if line_delay is None else parse_duration("line delay", line_delay),
            None if readout is None else parse_duration("read-out time", readout),
            direction,
        )

    def lacks_delay(self, facts: VideoFacts) -> bool:
        """Return whether the shutter is rolling and nobody says how fast."""
        said = self.line_delay_s is not None or self.readout_s is not None
        return self.shutter == "rolling" and not said and not facts.shutter.rolling

    def shutter_of(self, facts: VideoFacts) -> Shutter:
        """Return the shutter: by the user's word, else by what the file says, else global.

        Raises
        ------
        UsageError
            If it is rolling and nothing tells how fast, or a frame would take longer to read than
            there is time for.
        """
        if self.shutter is None and not facts.shutter.rolling:
            return facts.shutter
        if self.shutter == "global":
            return Shutter(source="user")
        known = facts.shutter
        delay, source = known.line_delay_s, known.source
        if self.line_delay_s is not None:
            delay, source = self.line_delay_s, "user"
        elif self.readout_s is not None:
            delay, source = self.readout_s / facts.height, "user"
        if self.lacks_delay(facts):
            raise UsageError(
                f"how fast the rolling shutter of {facts.name} is read is not known; give the line "
                "delay or the read-out time (--line-delay 16e-6, --readout 11.5ms), or measure it: "
                "phonoscope calibrate shutter."
            )
        readout = delay * facts.height
        if readout > _LONGEST_READOUT / float(facts.capture_rate):
            raise UsageError(
                f"a line delay of {delay:.4g} s makes {readout * 1e3:.4g} ms for {facts.height} "
                f"rows, longer than the {1e3 / float(facts.capture_rate):.4g} ms from frame to "
                "frame; give the delay between neighbouring rows, such as 16e-6."
            )
        return Shutter(delay, self.direction or known.direction, source)


def parse_duration(name: str, value: float | str) -> float:
    """Return seconds of ``16e-6``, ``"11.5ms"``, ``"16us"``, ``"16µs"`` or ``"1/2000"``.

    Raises
    ------
    UsageError
        If it is not a time above 0.
    """
    text = str(value).strip().lower()
    scale = 1.0
    for unit, seconds in _UNITS:
        if text.endswith(unit):
            text, scale = text.removesuffix(unit), seconds
            break
    try:
        result = (float(Fraction(text)) if "/" in text else float(text)) * scale
    except (ValueError, ZeroDivisionError, OverflowError):
        result = math.nan
    if not 0 < result < 1:
        raise UsageError(
            f"{name} {value!r} is not a time; give seconds, or a unit: 16e-6, 16us, 11.5ms."
        )
    return result


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


def _check_pattern(
    pattern: Pattern, measured: bool, reading: Reading | None, device: str
) -> None:  # fmt: skip
    if pattern != "speckle":
        raise UsageError(f"pattern {pattern!r} is not known; give texture or speckle.")
    if measured:
        raise UsageError(
            "a motion field is measured already, as texture or as speckle; leave that out, or "
            "measure the video again."
        )
    if reading is not None and reading.shutter == "rolling":
        raise UsageError(
            "speckle is followed from frame to frame, and a rolling shutter reads its rows at "
            "different times; film with a global shutter."
        )
    if check_device(device) not in ("cpu", "auto"):
        raise UsageError(
            f"speckle is followed on the processor, not on the device {device}; leave device out."
        )


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
