"""From a clip under a flickering lamp to the line delay of the camera's rolling shutter."""

import math
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from phonoscope.errors import InputError, SilenceError, UsageError
from phonoscope.motion.flicker import (
    FEWEST_FRAMES,
    LONGEST_S,
    MOST_FRAMES,
    Bands,
    check_delay,
    measure_lamp,
    read_rows,
)
from phonoscope.motion.wave import LAMP_SPREAD
from phonoscope.pipeline.request import Progress, Rate, Request
from phonoscope.types import MotionField, Shutter, VideoFacts
from phonoscope.video import open_video, prefetch

_LOWEST_HZ, _HIGHEST_HZ = 10.0, 100_000.0
_DOUBT = 0.01
_SURE = 0.02
_SURE_DEVIATIONS = 4.0
_MAINS_HZ = (120.0, 100.0)
_GROUPS = 48  # of rows that are read one after the other


@dataclass(frozen=True, slots=True)
class LampBands:
    """A rolling shutter as the bands of a flickering lamp show it.

    Attributes
    ----------
    line_delay_s
        Time between the read-outs of neighbouring rows, s.
    uncertainty_s
        Its standard deviation, s.
    direction
        ``"down"`` if the top row is read first, ``"up"`` if the bottom row is; None if bands that
        stand still do not tell.
    lamp_hz
        The flicker's frequency, as refined by how the bands roll.
    rows
        Height of the frames.
    readout_s
        Time from the first row to the last, s.
    depth
        Amplitude of the flicker relative to the mean brightness, as the exposure leaves it.
    warnings
        Sentences that the user should read.
    """

    line_delay_s: float
    uncertainty_s: float
    direction: Literal["down", "up"] | None
    lamp_hz: float
    rows: int
    readout_s: float
    depth: float
    warnings: tuple[str, ...] = ()


def calibrate_shutter(
    source: Any,
    *,
    lamp: float = 120.0,
    fps: Rate | None = None,
    start: float = 0.0,
    duration: float | None = None,
    progress: Progress | None = None,
) -> LampBands:
    """Measure a rolling shutter's line delay from the bands of a flickering lamp.

    Two seconds of a plain, evenly lit wall are best; with a short exposure (1/500 s) the bands are
    strong. At most 10 s or 1200 frames are read.

    Parameters
    ----------
    source
        A video, as in `measure`.
    lamp
        Frequency at which the lamp's light swells, Hz: twice that of the mains, 120 or 100. It is
        presumed right to within 0.1 % and refined by the clip.
    fps, start, duration, progress
        As in `measure`.

    Raises
    ------
    SilenceError
        If no flicker of such a lamp stands above the noise.
    UsageError
        If an argument has a value that cannot be right.
    InputError
        If nothing can be measured from the source, or the bands do not tell the line delay.
    """
    request = Request.checked(source, fps, (), None, start, duration, progress=progress)
    if not _LOWEST_HZ <= lamp <= _HIGHEST_HZ:
        raise UsageError(
            f"lamp {lamp!r} is not a flicker's frequency in Hz; give twice that of the mains, "
            "120 or 100."
        )
    if request.stored:
        raise InputError(f"{source} is a motion file, which has no pictures; give the video.")
    opened = open_video(source, fps=request.fps, start=request.start, duration=request.duration)
    with opened as video, closing(prefetch(video)) as frames:
        facts = video.facts
        light = read_rows(frames, facts.bits, progress=_told(request, facts))
        bands = measure_lamp(light, lamp, float(1 / facts.capture_rate))
        # Those of the facts are about what frames of that rate can hear.
        warnings = list(video.warnings[len(facts.warnings) :])
    if bands is None:
        raise InputError(
            f"nearly all of {facts.name} is saturated or black, so no bands can be measured; "
            "change the exposure."
        )
    if not bands.sure:
        raise _unsure(bands, lamp, facts)
    delay = abs(bands.slope_s)
    if bands.uncertainty_s > _DOUBT * delay:
        warnings.append(
            f"the line delay is known to {bands.uncertainty_s / delay:.1%} only; a plain wall, a "
            "shorter exposure or a longer clip may tell it better."
        )
    return LampBands(
        line_delay_s=delay,
        uncertainty_s=bands.uncertainty_s,
        direction=("down" if bands.slope_s > 0 else "up") if bands.directed else None,
        lamp_hz=bands.lamp_hz,
        rows=facts.height,
        readout_s=(facts.height - 1) * delay,
        depth=bands.depth,
        warnings=tuple(warnings),
    )


def shutter_by_own_lamp(request: Request, facts: VideoFacts) -> Shutter | None:
    """Return the shutter as mains flicker in the clip itself shows it, or None."""
    if isinstance(request.source, Iterator):
        return None  # its frames can be had once only
    for lamp in _MAINS_HZ:
        try:
            bands = calibrate_shutter(
                request.source, lamp=lamp, fps=facts.capture_rate, start=request.start,
                duration=request.duration,
            )  # fmt: skip
        except (InputError, SilenceError):
            continue
        if bands.uncertainty_s < _SURE * bands.line_delay_s:
            direction = request.reading.direction or bands.direction or "down"
            return Shutter(bands.line_delay_s, direction, "lamp")
    return None


def doubts(field: MotionField) -> tuple[str, ...]:
    """Return a warning if mains flicker in the clip itself contradicts the line delay."""
    cells, shutter = field.cells, field.facts.shutter
    read = np.unique(cells.delay_s)
    if len(read) < 2:
        return ()
    # Bands are far wider than rows, so neighbouring rows are taken together.
    group = np.searchsorted(read, cells.delay_s) * min(len(read), _GROUPS) // len(read)
    precision = np.maximum(field.information[:, 2, 2], 0)
    weight = np.zeros((len(cells), group.max() + 1))
    weight[np.arange(len(cells)), group] = precision
    told = weight.sum(axis=0) > 0
    delay = cells.delay_s @ weight / np.where(told, weight.sum(axis=0), 1)
    gains, times = [], []
    for block in field.blocks:
        gains.append(block.gain @ weight[:, told] / weight[:, told].sum(axis=0))
        times.append(block.time_s)
        if times[-1][-1] - times[0][0] > LONGEST_S:
            break
    if told.sum() < 2 or sum(map(len, times)) < FEWEST_FRAMES:
        return ()
    check = check_delay(np.concatenate(gains), np.concatenate(times), delay[told])
    if check is None or abs(check.stretch - 1) < max(_DOUBT, _SURE_DEVIATIONS * check.uncertainty):
        return ()
    if check.stretch < 0:
        other = "up" if shutter.direction == "down" else "down"
        return (
            f"a lamp that flickers at {check.lamp_hz:.4g} Hz shows that rows are read the other "
            f"way; give the direction {other} (--direction {other}).",
        )
    better = shutter.line_delay_s * check.stretch
    return (
        f"a lamp that flickers at {check.lamp_hz:.4g} Hz shows a line delay of {better:.4g} s, not "
        f"{shutter.line_delay_s:.4g} s; give that (--line-delay {better:.4g}).",
    )


def _told(request: Request, facts: VideoFacts) -> Callable[[int], None] | None:
    progress = request.progress
    if progress is None:
        return None
    total = min(MOST_FRAMES, math.ceil(LONGEST_S * facts.capture_rate))
    expected = request.expected(facts)
    if expected is not None:
        total = min(total, expected)
    return lambda done: progress(done, total)


def _unsure(bands: Bands, lamp: float, facts: VideoFacts) -> InputError | SilenceError:
    rate = float(facts.capture_rate)
    if abs(lamp - rate * round(lamp / rate)) < LAMP_SPREAD * lamp:
        return InputError(
            f"at {rate:g} frames/s the bands of a lamp of {lamp:g} Hz stand still, and in "
            f"{facts.name} they cannot be told from the picture; film a plain, evenly lit wall, "
            "or choose another frame rate."
        )
    if bands.seen:
        return InputError(
            f"the bands of a lamp of {lamp:g} Hz are seen in {facts.name}, but do not tell the "
            "line delay: too little of one is in the picture, or too much beside them; film a "
            "plain wall for longer, or at a lower frame rate, with a short exposure."
        )
    return SilenceError(
        f"no bands of a lamp that flickers at {lamp:g} Hz stand above the noise in {facts.name}; "
        "film a plain wall by its light alone with a short exposure, or give the lamp's own "
        "frequency (a camera with a global shutter shows no bands)."
    )
