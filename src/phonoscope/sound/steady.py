"""Take sway and drift off a motion field whose cells are read one after the other.

Sway is thousands of times larger than the sound. A filter of each cell over the frames, at 60 a
second, would take all sound near the frame rate's multiples with it. So sway is fitted for all
cells together, each at its own time: shift, turn and stretch of the picture as splines over time,
too slow for the sound.

What then is left in a cell for many frames is no motion but an error: of its reference, which
changes as the picture sways across the cell, or of a codec that repeats what it has shown. It
repeats with every frame, so it would sound like a comb. What stays the same is taken off, as quiet
frames show it: the mean of loud ones holds some of the sound, which each frame would repeat. What
follows the sway is, as far as it is more than noise and sound beside it: a cell's slope is wrong by
a per cent, often alike in all cells of a row. What else changes slowly is, too, as far as cells
that are read together do not agree on it and it is more than the noise: sound within a few Hz of
the frame rate's multiples is lost with it.
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from phonoscope.blocks import LazyBlocks, samples_of
from phonoscope.sound.whiten import displacement_information
from phonoscope.types import Cells, Float32, Float64, MotionBlock, MotionField

_KNOTS_OF_LOWEST = 0.5  # periods of the lowest frequency from knot to knot of the shift
_STRETCH_KNOTS = 8  # knots of the shift to one of turn and stretch, which look like sound otherwise
_CHUNKS = 12  # parts of a frame's read-out, in each of which sway is the same
_SLOW_HZ = 4.0
_FASTER = 4  # times that: up to there what is left of a cell tells its noise
_MOST_WRONG = 0.03  # of the sway, and for its square of a px: a cell's error that follows it
_RIDGE = 1e-9
_LINEAR = 3  # 1, x, y
_STILL_PX = 0.1  # RMS: a camera that stands
_NEIGHBOURS = 10  # to either side, that tell how loud a frame is
_TINY = 1e-300
# A picture's edge hides what its slope is made of, so far from it on either side, and more where
# the picture has swayed across it: there a cell's error follows the sway.
_EDGE_PX = 8
_MOST_LEFT_OUT = 0.25  # of the cells: a strip along an edge is heard as it is


def steady(field: MotionField, lowest_hz: float) -> MotionField:
    """Return a field without what is slower than `lowest_hz`, and without its cells' offsets.

    Cells at the picture's edges tell nothing in it.

    Each block is fitted together with its neighbours, so that nothing shows where they meet. The
    information of the blocks is that of displacement, whatever the light did; gains are 1.
    """
    lengths = samples_of(field.blocks)
    inside = _away_from_edges(field)
    load = lru_cache(maxsize=4)(lambda n: field.blocks[n])

    def read(number: int) -> MotionBlock:
        near = range(max(number - 1, 0), min(number + 2, len(lengths)))
        blocks = [load(n) for n in near]
        information = np.mean([displacement_information(b.information) for b in blocks], axis=0)
        information *= inside[:, None, None]
        time = np.concatenate([b.time_s for b in blocks])
        motion = np.concatenate([b.motion for b in blocks])
        sway = _sway(motion, time, information, field.cells, lowest_hz)
        left = motion - sway
        rate = float(field.rate_hz)
        weight = np.full(len(left), 1 / len(left))
        # Errors change as a picture sways, and then frames are not loud by sound alone.
        if float(np.sqrt(sway.var(axis=0).sum(axis=1).mean())) < _STILL_PX:
            weight = _quiet(left, information, field.cells)
        left -= _lasting(left, sway, weight, rate, information, field.cells)
        left -= _repeated(left, rate, information, field.cells)
        first = sum(len(b.time_s) for b in blocks[: number - near[0]])
        own = slice(first, first + lengths[number])
        full = np.zeros((len(field.cells), 3, 3))
        full[:, :2, :2] = displacement_information(load(number).information)
        full *= inside[:, None, None]
        return MotionBlock(
            time[own],
            left[own],
            np.ones(left[own].shape[:2], np.float32),
            full,
        )

    return replace(field, blocks=LazyBlocks(lengths, read))


def _away_from_edges(field: MotionField) -> NDArray[np.bool_]:
    # (cell,) whether most of it has always been.
    cells, facts = field.cells, field.facts
    first = np.stack([cells.x_px, cells.y_px]).astype(np.float64)
    size = np.stack([cells.width_px, cells.height_px])
    furthest = _furthest(field)[:, None]
    last = np.array([[facts.width], [facts.height]]) - _EDGE_PX - furthest
    seen = np.minimum(first + size, last) - np.maximum(first, _EDGE_PX + furthest)
    inside = np.asarray((seen > size / 2).all(axis=0))
    return inside if np.mean(~inside) <= _MOST_LEFT_OUT else np.ones_like(inside)


def _furthest(field: MotionField) -> Float64:
    # (2,) how far along x and y the picture ever was from where its reference was taken, px.
    information = displacement_information(field.information)
    reader = np.linalg.pinv(information.sum(axis=0), hermitian=True)
    most = np.zeros(2)
    for block in field.blocks:
        mean = np.einsum("cij,tcj->ti", information, block.motion, optimize=True) @ reader
        most = np.maximum(most, np.abs(mean).max(axis=0))
    return most


def _sway(
    motion: NDArray[np.float32], time: Float64, information: Float64, cells: Cells, low: float
) -> NDArray[np.float32]:
    # (sample, cell, 2) of the fit.
    place = np.stack([cells.x_px + cells.width_px / 2, cells.y_px + cells.height_px / 2])
    place = (place - place.mean(axis=1, keepdims=True)) / np.maximum(np.ptp(place, axis=1), 1)[
        :, None
    ]
    linear = np.vstack([np.ones(len(cells)), place]).T  # (cell, 3)
    last = float(cells.delay_s.max())
    chunk = np.minimum((cells.delay_s / max(last, 1e-12) * _CHUNKS).astype(int), _CHUNKS - 1)
    knots = _KNOTS_OF_LOWEST / low
    fast, slow = (
        _Splines(float(time[0]), float(time[-1]) + last, step)
        for step in (knots, knots * _STRETCH_KNOTS)
    )
    count, many = 2 * fast.count, 4 * slow.count
    normal = np.zeros((count + many, count + many))
    right = np.zeros(count + many)
    flat = motion.reshape(len(motion), -1)
    for q in np.unique(chunk):
        here = np.flatnonzero(chunk == q)
        when = time + float(cells.delay_s[here].mean())
        shift, stretch = fast.at(when), slow.at(when)
        own = linear[here]
        # Columns and rows are (1, x, y) times (along x, along y).
        weight = np.einsum("cij,ck->cikj", information[here], own).reshape(-1, 2 * _LINEAR)
        inner = np.einsum("ck,cl,cjm->kjlm", own, own, information[here]).reshape(6, 6)
        columns = (2 * here[:, None] + [0, 1]).ravel()
        score = flat[:, columns] @ weight
        normal[:count, :count] += np.kron(shift.T @ shift, inner[:2, :2])
        normal[:count, count:] += np.kron(shift.T @ stretch, inner[:2, 2:])
        normal[count:, count:] += np.kron(stretch.T @ stretch, inner[2:, 2:])
        right[:count] += (shift.T @ score[:, :2]).ravel()
        right[count:] += (stretch.T @ score[:, 2:]).ravel()
    normal[count:, :count] = normal[:count, count:].T
    diagonal = np.diag_indices(len(normal))
    normal[diagonal] += _RIDGE * normal[diagonal].max() + 1e-30
    fitted = np.linalg.solve(normal, right)
    of_shift, of_stretch = fitted[:count].reshape(-1, 2), fitted[count:].reshape(-1, 4)
    result = np.empty_like(motion)
    for delay in np.unique(cells.delay_s):
        here = np.flatnonzero(cells.delay_s == delay)
        shift, stretch = fast.at(time + delay) @ of_shift, slow.at(time + delay) @ of_stretch
        slopes = stretch.reshape(len(time), 2, 2)
        result[:, here] = shift[:, None] + np.einsum("ck,tkj->tcj", linear[here, 1:], slopes)
    return result


def _quiet(motion: NDArray[np.float32], information: Float64, cells: Cells) -> Float64:
    # (sample,) how much a frame tells of what stays the same, sum 1: the inverse of its sound's
    # power. That is told by its differences from its neighbours, which have nothing in them of what
    # stays the same; beside a mean, frames that show a tone in one phase would pass for quiet.
    agreed = _agreed(motion, information, cells)
    power, counted = np.zeros(len(motion)), np.zeros(len(motion))
    for apart in range(1, min(_NEIGHBOURS, len(motion) - 1) + 1):
        own = _power(agreed[apart:] - agreed[:-apart], information)
        for side in (slice(apart, None), slice(None, -apart)):
            power[side] += own
            counted[side] += 1
    weight = np.maximum(counted, 1) / np.maximum(power, _TINY)
    return np.asarray(weight / weight.sum())


def _lasting(
    motion: NDArray[np.float32],
    sway: NDArray[np.float32],
    weight: Float64,
    rate_hz: float,
    information: Float64,
    cells: Cells,
) -> NDArray[np.float32]:
    # (sample, cell, 2) of what stays the same, and of what follows the sway, or its square, in all
    # cells of a row; frames count by `weight`.
    slow, some = _slow_waves(len(motion), rate_hz)
    result = np.empty_like(motion)
    result[:] = np.tensordot(weight, motion, 1)
    if some == slow:
        return result
    motion = motion - result
    root_weight = np.sqrt(weight * len(weight))[:, None]
    beside = np.tensordot((root_weight * _cosines(len(motion), some)[:, slow:]).T, motion, 1)
    noise = float(_power(_agreed(beside, information, cells), information).max())
    rows = [np.flatnonzero(cells.delay_s == delay) for delay in np.unique(cells.delay_s)]
    x, y = np.stack([sway[:, row].mean(axis=1) for row in rows], axis=1).astype(np.float64).T
    courses = np.stack([x, y, x * x, x * y, y * y], axis=2)
    courses -= np.einsum("t,rtk->rk", weight, courses)[:, None]
    basis, root = np.linalg.qr(root_weight * courses)
    size = np.diagonal(root, axis1=1, axis2=2) ** 2  # (row, course)
    parts = np.empty((size.shape[1], *motion.shape[1:]))
    told = np.empty(len(rows))
    for n, row in enumerate(rows):
        parts[:, row] = np.tensordot((root_weight * basis[n]).T, motion[:, row], 1)
        told[n] = np.trace(information[row].sum(axis=0))
    # More than sound and noise have anywhere beside it, and no more than such an error can be.
    error = _power(_agreed(parts, information, cells), information) - noise
    error = np.clip(error, 0, _MOST_WRONG**2 * (told @ size))
    gain = error / np.maximum(error + noise, _TINY)
    for n, row in enumerate(rows):
        result[:, row] += np.tensordot(basis[n] / root_weight * gain, parts[:, row], 1)
    return result


def _repeated(
    motion: NDArray[np.float32], rate_hz: float, information: Float64, cells: Cells
) -> NDArray[np.float32]:
    # (sample, cell, 2) of what changes slowly and is an error.
    frames = len(motion)
    slow, some = _slow_waves(frames, rate_hz)
    waves = _cosines(frames, some)
    parts = (waves.T @ motion.reshape(frames, -1)).reshape(-1, *motion.shape[1:])
    # How far cells depart from those read with them: no sound, unless they move against each other.
    power = _power(parts - _agreed(parts, information, cells), information)
    noise = float(np.median(power[slow:])) if some > slow else 0.0
    gain = np.maximum(0, 1 - noise / np.maximum(power[:slow], _TINY))
    gain[0] = 0  # the mean is off already
    return np.tensordot(waves[:, :slow] * gain, parts[:slow], 1).astype(np.float32)


def _slow_waves(frames: int, rate_hz: float) -> tuple[int, int]:
    # How many cosines change slowly, and how many tell what is beside them, those included.
    slow = min(max(1, round(2 * frames * _SLOW_HZ / rate_hz)), frames)
    return slow, min(_FASTER * slow, frames)


def _agreed(parts: Float32 | Float64, information: Float64, cells: Cells) -> Float64:
    # (part, cell, 2) what cells that are read together agree on.
    score = np.einsum("cij,kcj->kci", information, parts, optimize=True)
    agreed = np.empty(parts.shape)
    for delay in np.unique(cells.delay_s):
        here = np.flatnonzero(cells.delay_s == delay)
        inverse = np.linalg.pinv(information[here].sum(axis=0), rcond=1e-9, hermitian=True)
        agreed[:, here] = (score[:, here].sum(axis=1) @ inverse)[:, None]
    return agreed


def _power(parts: Float64, information: Float64) -> Float64:
    # (part,) over the claimed noise.
    return np.asarray(np.einsum("kci,cij,kcj->k", parts, information, parts, optimize=True))


def _cosines(length: int, count: int) -> Float64:
    # (length, count) orthonormal.
    place = (np.arange(length) + 0.5) * (np.pi / length)
    waves = np.cos(place[:, None] * np.arange(count)) * np.sqrt(2 / length)
    waves[:, 0] /= np.sqrt(2)
    return np.asarray(waves)


class _Splines:
    """Cubic B-splines over a stretch of time."""

    def __init__(self, start_s: float, stop_s: float, step_s: float) -> None:
        self._intervals = max(1, round((stop_s - start_s) / step_s))
        self._start = start_s
        self._step = max(stop_s - start_s, 1e-9) / self._intervals
        self.count = self._intervals + 3

    def at(self, time_s: Float64) -> Float64:
        """Return ``(time, spline)`` values."""
        place = np.clip((time_s - self._start) / self._step, 0, self._intervals)
        whole = np.minimum(place.astype(np.int64), self._intervals - 1)
        x = place - whole
        values = np.zeros((len(time_s), self.count))
        row = np.arange(len(time_s))
        for offset, share in enumerate(
            (
                (1 - x) ** 3 / 6,
                (3 * x**3 - 6 * x**2 + 4) / 6,
                (-3 * x**3 + 3 * x**2 + 3 * x + 1) / 6,
                x**3 / 6,
            )
        ):
            values[row, whole + offset] = share
        return values
