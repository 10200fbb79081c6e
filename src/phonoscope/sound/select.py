"""Narrow a motion field down to some of its cells and samples, without reading it."""

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from phonoscope.blocks import LazyBlocks, changed, samples_of
from phonoscope.errors import UsageError
from phonoscope.types import Cells, MotionBlock, MotionField, RateCandidate, Region, Shutter


def select(
    field: MotionField,
    *,
    fps: Fraction | None = None,
    shutter: Shutter | None = None,
    regions: Sequence[Region] = (),
    start: float = 0.0,
    duration: float | None = None,
) -> MotionField:
    """Return the part of a field that lies in `regions` and in a range of time.

    Parameters
    ----------
    field
        Motion field.
    fps
        The user's word for the capture rate, if the field was measured with a wrong one.
    shutter
        The user's word for how fast a rolling shutter is read.
    regions
        A cell is kept if its centre lies in one of them; all are kept if there are none.
    start, duration
        In seconds of capture time, from the first sample of the field.

    Raises
    ------
    UsageError
        If nothing is left.
    """
    if fps is not None and fps != field.facts.capture_rate:
        scale = float(field.facts.capture_rate / fps)
        given = RateCandidate(fps, "user", "the rate given")
        rates = (given, *(rate for rate in field.facts.rates if rate.source != "user"))
        facts = replace(field.facts, capture_rate=fps, capture_rate_source="user", rates=rates)
        blocks = changed(field.blocks, lambda b: replace(b, time_s=b.time_s * scale))
        field = replace(field, facts=facts, blocks=blocks)
    if shutter is not None:
        cells, facts = field.cells, replace(field.facts, shutter=shutter)
        delay = shutter.delay_s(cells.y_px + (cells.height_px - 1) / 2, facts.height)
        field = replace(field, facts=facts, cells=replace(cells, delay_s=delay))
    if regions:
        field = _in_regions(field, regions)
    if start or duration is not None:
        field = _in_time(field, start, duration)
    return field


def _in_regions(field: MotionField, regions: Sequence[Region]) -> MotionField:
    cells = field.cells
    x = cells.x_px + (cells.width_px - 1) / 2
    y = cells.y_px + (cells.height_px - 1) / 2
    inside = np.zeros(len(cells), np.bool_)
    for r in regions:
        inside |= (r.x <= x) & (x < r.x + r.width) & (r.y <= y) & (y < r.y + r.height)
    if not inside.any():
        listed = " and ".join(str(region) for region in regions)
        raise UsageError(
            f"no cell of the motion field lies in region {listed} (it covers "
            f"x {cells.x_px.min()} to {(cells.x_px + cells.width_px).max()}, "
            f"y {cells.y_px.min()} to {(cells.y_px + cells.height_px).max()}); choose another."
        )
    kept = np.flatnonzero(inside)
    return replace(
        field,
        cells=Cells(
            cells.x_px[kept],
            cells.y_px[kept],
            cells.width_px[kept],
            cells.height_px[kept],
            cells.delay_s[kept],
        ),
        blocks=changed(
            field.blocks,
            lambda b: MotionBlock(
                b.time_s, b.motion[:, kept], b.gain[:, kept], b.information[kept], b.lost
            ),
        ),
    )


def _in_time(field: MotionField, start: float, duration: float | None) -> MotionField:
    if start < 0 or (duration is not None and duration <= 0):
        raise UsageError(
            f"start {start:g} s and duration {duration} s must be positive times within the clip."
        )
    rate = float(field.rate_hz)
    first = math.ceil(start * rate - 1e-6)
    last = field.samples if duration is None else math.ceil((start + duration) * rate - 1e-6)
    if first < field.samples and last > field.samples + 1:
        length = field.samples / rate
        raise UsageError(
            f"a duration of {duration:g} s from {start:g} s goes beyond the end of the clip at "
            f"{length:.6g} s; give at most {length - start:.6g} s, or leave duration out."
        )
    if field.facts.variable_rate:
        since = field.time_s - field.time_s[0]
        ends = (start, np.inf if duration is None else start + duration)
        first, last = np.searchsorted(since, np.array(ends) - 1e-9).tolist()
    cuts: list[tuple[int, slice]] = []
    lengths: list[int] = []
    position = 0
    for number, length in enumerate(samples_of(field.blocks)):
        low, high = max(first - position, 0), min(last - position, length)
        if low < high:
            cuts.append((number, slice(low, high)))
            lengths.append(high - low)
        position += length
    if not cuts:
        raise UsageError(
            f"start {start:g} s lies beyond the end of the clip at {field.samples / rate:.3f} s; "
            "choose an earlier one."
        )

    def read(n: int) -> MotionBlock:
        number, part = cuts[n]
        block = field.blocks[number]
        lost = tuple(t - part.start for t in block.lost if part.start <= t < part.stop)
        return MotionBlock(
            block.time_s[part], block.motion[part], block.gain[part], block.information, lost
        )

    measured = None if field.measured is None else field.measured[max(first, 0) : last]
    return replace(field, samples=sum(lengths), blocks=LazyBlocks(lengths, read), measured=measured)
