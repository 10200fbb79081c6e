"""A look at a video before the long run: what can be heard in it, and what that will take."""

import math
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from phonoscope.choices import Direction, ShutterKind
from phonoscope.errors import InputError, UsageError
from phonoscope.files import identity
from phonoscope.motion import detail_px, frames_to_look_at, saturated
from phonoscope.pipeline.advice import advice
from phonoscope.pipeline.measuring import measuring
from phonoscope.pipeline.request import AnyRegion, Progress, Rate, Reading, Request
from phonoscope.pipeline.shutter import doubts
from phonoscope.remote import is_url, remote_file
from phonoscope.sound import (
    PER_CELL,
    band_of,
    displacement_information,
    foresee,
    in_true_time,
    lamp_flicker,
    predicting,
)
from phonoscope.types import Float32, Float64, Frame, Inspection, Luma, MotionField, VideoFacts
from phonoscope.video import low_rate_warning

_BEYOND_LOOK = (64, 512)  # frames measured after those that teach the picture
_LONGEST_S = 2.0  # that those may take
_AVERAGED = 16  # frames: their mean tells texture from noise
_SURELY = 32  # of them, whatever they take
_LEAST_INFORMATION = 1.0  # px⁻²: a direction whose error exceeds a pixel is unknown
_LIBRARIES_BYTES = 230 * 2**20
_AHEAD_BYTES = 64 * 2**20
_IMAGES = 40  # arrays of 32 bits, as large as the picture
_CACHE_BYTES = 256 * 2**20  # as much of the cells' signals is held at once
_SIGNAL_BYTES = 600  # a frame: virtual channels and their spectra
_ROW_SIGNAL_BYTES = 12_000  # the same of rows, for a period of the highest frequency


def inspect(
    source: Any,
    *,
    fps: Rate | None = None,
    region: AnyRegion | Sequence[AnyRegion] = (),
    band: tuple[float, float] | str | None = None,
    cell: int | None = None,
    start: float = 0.0,
    duration: float | None = None,
    shutter: ShutterKind | None = None,
    line_delay: float | str | None = None,
    readout: float | str | None = None,
    direction: Direction | None = None,
    progress: Progress | None = None,
) -> Inspection:
    """Look at the beginning of a video: what can be heard in it, and what that will take.

    A few hundred frames are measured, which takes seconds however long the video is.

    Parameters
    ----------
    source
        Any video that `recover` takes.
    fps, region, band, cell, start, duration, shutter, line_delay, readout, direction
        As in `recover`.
    progress
        Called as frames are measured.

    Returns
    -------
    Inspection
        Its `advice` says it in plain words.

    Raises
    ------
    UsageError
        If an argument has a value that cannot be right, or the source is measured already.
    InputError
        If nothing can be measured from the source.
    """
    request = Request.checked(
        source, fps, region, cell, start, duration, band=band, progress=progress,
        reading=Reading.checked(shutter, line_delay, readout, direction),
    )  # fmt: skip
    if request.stored or isinstance(source, MotionField):
        raise UsageError(
            "a motion field is measured already, and recover hears it in a moment; give the video."
        )
    watch = _Watch(request.progress)
    with measuring(replace(request, progress=watch.told), watch.sampled) as run:
        measured = list(run.measurement.segments(progress=run.told()))
        blocks = [block for segment in measured for block in segment.blocks]
        cells, noise = run.measurement.cells, run.measurement.noise
        count = sum(len(block.time_s) for block in blocks)
        sample = in_true_time(MotionField(run.facts, cells, noise, count, blocks))
        warnings = run.warnings([index for segment in measured for index in segment.lost])
        slow = low_rate_warning(run.facts.capture_rate, run.facts.capture_rate_source)
        frames = count if watch.whole else request.expected(run.facts)
    if watch.first is None:
        raise InputError(f"{sample.facts.name} has no frames; give another file.")
    facts = sample.facts
    samples = None if frames is None else round(frames * sample.samples / count)
    chosen = band_of(request.band, facts)
    foreseen = foresee(sample, chosen, samples or sample.samples)
    begun = time.perf_counter()
    if facts.shutter.rolling:
        warnings += doubts(sample)
    warnings += sample.warnings
    checked_s = time.perf_counter() - begun
    found = Inspection(
        facts=facts,
        size_bytes=_size(source),
        sampled=count,
        samples=samples,
        band_hz=chosen,
        noise_px=foreseen.noise_px,
        detectable_px=foreseen.detectable_px,
        cells=cells,
        cell_noise_px=_cell_noise(sample),
        saturated=saturated(watch.first, cells, facts.bits),
        detail_px=detail_px(watch.mean, cells, noise, watch.averaged),
        picture=watch.first,
        flicker=lamp_flicker(sample),
        repeated=sample.repeated / max(watch.count - 1, 1),
        alike=watch.alike / max(watch.count - 1, 1),
        predicted=predicting(facts),
        smoothed=foreseen.smoothed,
        lag_px=foreseen.lag_px,
        seconds=None
        if frames is None
        else watch.seconds(frames) + foreseen.seconds + checked_s * frames / count,
        memory_bytes=_memory(facts, len(cells), samples or sample.samples, chosen[1]),
        # What the rate holds is among the advice.
        warnings=tuple(warning for warning in warnings if warning not in slow),
    )
    return replace(found, advice=advice(found))


class _Watch:
    """Lets the frames of a sample pass, looks at them, and stops the time."""

    def __init__(self, progress: Progress | None) -> None:
        self.first: Luma | None = None
        self.count = self.alike = 0
        self.whole = False
        self._progress = progress
        self._before: Luma | None = None
        self._sum: Float32 = np.zeros((0, 0), np.float32)
        self._begun = time.perf_counter()
        self._done: list[tuple[int, float]] = []
        self._steady = (0, 0)

    def sampled(
        self, frames: Iterable[Frame], facts: VideoFacts, ahead: int
    ) -> Generator[Frame, None, None]:
        """Yield the frames of the sample; `ahead` of them may wait to be measured."""
        look = frames_to_look_at(facts.width, facts.height, 1 if facts.bits == 8 else 2)
        most = look + int(np.clip(look, *_BEYOND_LOOK))
        # Between, frames are decoded while others are measured, as they will be later on.
        self._steady = (look + ahead, most - ahead)
        late = math.inf
        for frame in frames:
            if self.count >= most or time.perf_counter() > late:
                return
            self._see(frame.luma)
            if self.count == look + _SURELY:
                late = time.perf_counter() + _LONGEST_S
            yield frame
        self.whole = True

    def told(self, done: int, _: int | None) -> None:
        """Note that so many frames are measured."""
        self._done.append((done, time.perf_counter() - self._begun))
        if self._progress is not None:
            self._progress(done, None)

    def seconds(self, samples: int) -> float:
        """Return how long so many will take."""
        count, passed = self._done[-1]
        first, last = self._steady
        steady = [each for each in self._done if first <= each[0] <= last]
        ends = steady if len(steady) > 1 else self._done
        frames = max(ends[-1][0] - ends[0][0], 1)
        return passed + max(samples - count, 0) * (ends[-1][1] - ends[0][1]) / frames

    @property
    def averaged(self) -> int:
        """Frames whose mean is `mean`."""
        return min(self.count, _AVERAGED)

    @property
    def mean(self) -> Float32:
        """``(height, width)`` of the first frames."""
        return self._sum / np.float32(self.averaged)

    def _see(self, luma: Luma) -> None:
        if self.first is None:
            self.first = luma.copy()
            self._sum = luma.astype(np.float32)
        elif self.count < _AVERAGED:
            self._sum += luma
        if self._before is not None:
            self.alike += bool(np.array_equal(self._before, luma))
        self._before = luma
        self.count += 1


def _size(source: Any) -> int | None:
    if is_url(source):
        return remote_file(source).size
    known = identity(source)
    return None if known is None else known["bytes"]


def _cell_noise(sample: MotionField) -> Float64:
    best = np.linalg.eigvalsh(displacement_information(sample.information))[:, -1]
    known = best > _LEAST_INFORMATION
    return np.where(known, 1 / np.sqrt(np.where(known, best, 1)), np.inf)


def _memory(facts: VideoFacts, cells: int, samples: int, high_hz: float) -> int:
    pixels = facts.width * facts.height
    itemsize = 1 if facts.bits == 8 else 2
    held = frames_to_look_at(facts.width, facts.height, itemsize) * pixels * itemsize
    signals = min(_CACHE_BYTES, 4 * PER_CELL * cells * samples) + _SIGNAL_BYTES * samples
    if facts.shutter.rolling:
        signals += round(_ROW_SIGNAL_BYTES * high_hz * samples / float(facts.capture_rate))
    return _LIBRARIES_BYTES + _AHEAD_BYTES + held + 4 * _IMAGES * pixels + signals
