"""Scale every cell's motion and glints so that noise is 1 in every channel, and independent.

A cell has three channels: motion along x, along y, and what is left of its brightness when the
lamps' light is taken off. On foil, glass or water a tilt shows as brightness before it shows as
motion.
"""

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numba
import numpy as np

from phonoscope.blocks import ahead, samples_of
from phonoscope.errors import InputError
from phonoscope.sound.scratch import Scratch
from phonoscope.types import Float32, Float64, MotionBlock, MotionField

PER_CELL = 3
DIFFERENCE_POWER = 6
"""Of the second difference of white noise of power 1: 1, 2 and 1 squared."""
_ASTRAY = 2.0
_LEAST = 1e-6  # of the largest eigenvalue: below, a direction is unknown
_DARKEST = 0.1  # of the mean light
_FEWEST_CELLS = 12  # with fewer, the lamps' light is all that there is to see
_BEYOND = 1e12  # times the noise
Values = TypeVar("Values", Float32, Float64)


@dataclass(frozen=True, slots=True, eq=False)
class Lamps:
    """The light that all cells share, frame by frame, and how much each cell has of its flicker.

    Attributes
    ----------
    basis
        ``(k, cell)`` of a plane over the picture.
    reader
        ``(k, cell)``: this times gains are the coefficients of the plane.
    share
        ``(cell,)`` how much more of the mean light's changes a cell has than the plane says: lamps
        do not light everything alike.
    pattern_reader
        ``(cell,)``: what the plane leaves times this is how much of that pattern a frame has.
    rest
        ``(cell,)`` variance of what is left, drift apart, which may exceed the camera's noise:
        codecs, passers-by, and glints themselves.
    """

    basis: Float64
    reader: Float64
    share: Float64
    pattern_reader: Float64
    rest: Float64

    @classmethod
    def over(cls, field: MotionField, gains: "Gains", precision: Float64) -> "Lamps":
        """Learn from all samples of the `gains`, ``(cell,)`` of whose `precision` is known."""
        cells = field.cells
        place = np.stack([cells.x_px + cells.width_px / 2, cells.y_px + cells.height_px / 2])
        spread = np.maximum(np.ptp(place, axis=1, keepdims=True), 1)
        centred = (place - place.mean(axis=1, keepdims=True)) / spread
        basis = np.vstack([np.ones(len(cells)), centred])
        lamps = cls._fitted(field, gains, basis, precision)
        claimed = np.where(precision > 0, 1 / np.where(precision > 0, precision, 1), np.inf)
        if (lamps.rest > _ASTRAY * claimed).any():
            # Cells that stray have no say in what the lamps do: their noise would be everyone's.
            sure = precision / np.maximum(lamps.rest / claimed, 1)
            lamps = cls._fitted(field, gains, basis, sure)
        return lamps

    @classmethod
    def _fitted(
        cls, field: MotionField, gains: "Gains", basis: Float64, precision: Float64
    ) -> "Lamps":
        weighted = precision * basis
        reader = np.linalg.pinv(weighted @ basis.T, hermitian=True) @ weighted
        none = np.zeros(len(precision))
        lamps = cls(basis, reader, none, none, none)
        lag = flicker_lag(field)
        # The flicker, and twice its frequency.
        along, _, square, _ = lamps._changes(gains, len(field.blocks), {lag, max(1, lag // 2)})
        share = along / max(square, 1e-30)
        own = precision * share
        lamps = cls(basis, reader, share, own / max(float(own @ share), 1e-30), none)
        _, rough, _, count = lamps._changes(gains, len(field.blocks), {lag})
        return replace(lamps, rest=rough / DIFFERENCE_POWER / max(count, 1))

    def _changes(
        self, gains: "Gains", blocks: int, lags: Set[int]
    ) -> tuple[Float64, Float64, float, int]:
        # Sums over second differences of what is left, ``(cell,)``, and of the mean light: of their
        # products, of squares of both, and their number. Slow changes are the sun's, or drift.
        along, rough = np.zeros((2, len(self.share)))
        square, count = 0.0, 0
        before = {lag: (np.empty((0, len(along)), np.float32), np.empty(0)) for lag in lags}
        for left, mean in ahead(lambda number: self.taken_off(gains(number)), blocks):
            for lag in lags:
                rest = np.concatenate([before[lag][0], left])
                light = np.concatenate([before[lag][1], mean])
                before[lag] = rest[-2 * lag :], light[-2 * lag :]
                added, counted = _add_changes(rest, light, lag, along, rough)
                square, count = square + added, count + counted
        return along, rough, square, count

    def taken_off(self, gain: Float32) -> tuple[Float32, Float64]:
        """Return ``(sample, cell)`` departure of gains from the light, ``(sample,)`` its mean."""
        left, mean = np.empty(gain.shape, np.float32), np.empty(len(gain))
        gain = np.ascontiguousarray(gain)
        _take_off(gain, self.reader, self.basis, self.pattern_reader, self.share, left, mean)
        return left, mean


Gains = Callable[[int], Float32]
"""Returns the ``(sample, cell)`` gains of a block by its number."""


def flicker_lag(field: MotionField) -> int:
    """Return half a period of lamp flicker (100 and 120 Hz), in samples: it stands out then."""
    most = max(1, (field.samples - 1) // 4)
    return min(max(1, round(float(field.rate_hz) / 240)), most)


@dataclass(frozen=True, eq=False)
class Channels:
    """Whitened channels of a motion field, walked through block by block as often as needed.

    Attributes
    ----------
    field
        The motion field.
    root
        ``(cell, 3, 3)`` what makes white channels of (x, y, glint): its product with its transpose
        is the information of the three.
    lamps
        What is taken off the gains.
    scale
        ``(channel,)`` by which the channels are larger than what is stored of them.
    stored
        The blocks, ``(sample, channel)`` each.
    """

    field: MotionField
    root: Float64
    lamps: Lamps
    scale: Float32
    stored: Sequence[Float32]

    @property
    def information(self) -> Float64:
        """``(cell, 3, 3)`` information of (x, y, glint): as claimed, less what excess takes."""
        return np.asarray(self.root.transpose(0, 2, 1) @ self.root)

    @property
    def deaf(self) -> Float64:
        """``(channel, k)`` directions that are still, because the lamps' light is taken off."""
        glint = np.linalg.pinv(self.root, rcond=_LEAST)[:, 2]
        readers = np.vstack([self.lamps.reader, self.lamps.pattern_reader])
        return np.asarray((readers[:, :, None] * glint).reshape(len(readers), -1).T)

    @cached_property
    def count(self) -> int:
        """Number of channels that carry information."""
        return int((np.linalg.eigvalsh(self.root) > 0).sum())

    def __iter__(self) -> Iterator[Float32]:
        """Yield ``(sample, channel)`` blocks."""
        return ahead(self._block, len(self.stored))

    def _block(self, number: int) -> Float32:
        block = self.stored[number]
        return block if (self.scale == 1).all() else block * self.scale

    def of(self, block: MotionBlock) -> Float32:
        """Return ``(sample, channel)`` of a block that need not be of this field."""
        values = _unpacked(block).reshape(len(block.time_s), PER_CELL, -1)
        return _whitened(values, self.root, self.lamps)

    def mix(self, weights: Float64) -> Float64:
        """Return ``(sample, k)`` signals: the channels times ``(channel, k)`` weights."""
        narrow = self.scale[:, None] * weights.astype(np.float32)
        mixed = np.empty((self.field.samples, weights.shape[1]))
        first = 0
        for part in ahead(lambda number: self.stored[number] @ narrow, len(self.stored)):
            mixed[first : first + len(part)] = part
            first += len(part)
        return mixed

    def correlate(self, signals: Float64) -> Float64:
        """Return ``(channel, k)`` inner products of the channels with ``(sample, k)`` signals."""
        edges = np.cumsum([0, *samples_of(self.field.blocks)])
        narrow = signals.astype(np.float32)

        def part(number: int) -> Float32:
            own = narrow[edges[number] : edges[number + 1]]
            return np.asarray(self.stored[number].T @ own)

        total = np.zeros((PER_CELL * len(self.root), signals.shape[1]))
        for product in ahead(part, len(self.stored)):
            total += product
        return total * self.scale[:, None]


def whiten(field: MotionField) -> Channels:
    """Return the whitened channels of a motion field.

    Raises
    ------
    OutputError
        If there is no room for them among temporary files.
    InputError
        If the field claims to know motion better than anything can be known.
    """
    cells, blocks = len(field.cells), len(field.blocks)
    scratch = Scratch(samples_of(field.blocks), PER_CELL * cells)
    scratch.fill(_unpacked(block) for block in field.blocks)

    def of_cells(number: int) -> Float32:
        return scratch[number].reshape(-1, PER_CELL, cells)

    information = field.information
    if cells < _FEWEST_CELLS:
        motion_only = np.zeros_like(information)
        motion_only[:, :2, :2] = displacement_information(information)
        information = motion_only
    precision = np.maximum(information[:, 2, 2], 0)
    lamps = Lamps.over(field, lambda number: of_cells(number)[:, 2], precision)
    root = _root(_less_sure(information, lamps.rest))
    _believed(root, field)

    def white(number: int) -> Float32:
        return _believed(_whitened(of_cells(number), root, lamps), field)

    scratch.fill(ahead(white, blocks))
    return Channels(field, root, lamps, np.ones(PER_CELL * cells, np.float32), scratch)


def _believed(values: Values, field: MotionField) -> Values:
    # Arithmetic would overflow: no file that was measured is near it, but damaged ones may be.
    if values.max(initial=0) < _BEYOND and values.min(initial=0) > -_BEYOND:
        return values
    raise InputError(
        f"the motion field of {field.facts.name} has values that nothing could have measured; "
        "measure the video again."
    )


def rewhiten(channels: Channels, factors: Float64) -> Channels:
    """Return channels whose noise is ``(cell, 3)`` `factors` times what was claimed."""
    less = 1 / np.sqrt(factors)
    return replace(
        channels,
        root=channels.root * less[:, :, None],
        scale=channels.scale * less.reshape(-1).astype(np.float32),
    )


def displacement_information(information: Float64) -> Float64:
    """Return ``(cell, 2, 2)`` information of displacement from that of (x, y, gain).

    The gain is eliminated: what remains, the information of displacement whatever the light did, is
    the inverse of its claimed covariance.
    """
    gain = information[:, 2, 2]
    cross = information[:, :2, 2]
    outer = cross[:, :, None] * cross[:, None, :]
    known = gain > 0
    share = outer / np.where(known, gain, 1)[:, None, None]
    return np.where(known[:, None, None], information[:, :2, :2] - share, information[:, :2, :2])


def _less_sure(information: Float64, rest: Float64) -> Float64:
    # Information with the variance added to the gains by which they exceed their claim.
    own = information[:, 2, 2]
    claimed = np.where(own > 0, 1 / np.where(own > 0, own, 1), 0)
    added = np.maximum(rest - claimed, 0)
    column = information[:, :, 2]
    share = added / (1 + added * own)
    return information - share[:, None, None] * column[:, :, None] * column[:, None, :]


def _root(information: Float64) -> Float64:
    # In units in which each of the three is known to 1, lest px and gains be compared.
    own = np.sqrt(np.maximum(np.diagonal(information, axis1=1, axis2=2), 0))
    unit = np.where(own > 0, own, 1)
    values, vectors = np.linalg.eigh(information / unit[:, :, None] / unit[:, None, :])
    floor = _LEAST * np.maximum(values.max(axis=1, keepdims=True), 0)
    values = np.sqrt(np.where(values > floor, values, 0))
    inner = (vectors * values[:, None, :]) @ vectors.transpose(0, 2, 1)
    return np.asarray(inner * unit[:, None, :])


def _unpacked(block: MotionBlock) -> Float32:
    # All x of a sample, then all y, then all gains.
    values = (block.motion[:, :, 0], block.motion[:, :, 1], block.gain)
    return np.concatenate(values, axis=1)


def _whitened(values: Float32, root: Float64, lamps: Lamps) -> Float32:
    samples, _, cells = values.shape
    white = np.empty((samples, cells, PER_CELL), np.float32)
    glint, _ = lamps.taken_off(values[:, 2])
    _whiten(values, glint, np.ascontiguousarray(root.transpose(1, 2, 0), np.float32), white)
    return white.reshape(samples, -1)


@numba.njit(nogil=True, cache=True, fastmath=True)
def _take_off(
    gain: Float32, reader: Float64, basis: Float64, pattern_reader: Float64, share: Float64,
    left: Float32, mean: Float64,
) -> None:  # fmt: skip
    # Fills left, the departure of gains from the light, and the light's mean.
    samples, cells = gain.shape
    light, rest = np.empty(cells), np.empty(cells)
    for t in range(samples):
        light[:] = 0
        for k in range(len(basis)):
            coefficient = 0.0
            for c in range(cells):
                coefficient += reader[k, c] * gain[t, c]
            for c in range(cells):
                light[c] += coefficient * basis[k, c]
            if k == 0:
                mean[t] = coefficient
        pattern = 0.0
        for c in range(cells):
            rest[c] = gain[t, c] / max(light[c], _DARKEST) - 1
            pattern += rest[c] * pattern_reader[c]
        # The pattern is taken out frame by frame. Taking the mean light's course times the pattern
        # would put the noise of that course into all cells alike, which is what sound looks like.
        for c in range(cells):
            left[t, c] = np.float32(rest[c] - pattern * share[c])


@numba.njit(nogil=True, cache=True, fastmath=True)
def _add_changes(
    rest: Float32, light: Float64, lag: int, along: Float64, rough: Float64
) -> tuple[float, int]:
    # See `Lamps._changes`.
    samples = max(len(light) - 2 * lag, 0)
    square = 0.0
    for t in range(samples):
        change = light[t + 2 * lag] - 2 * light[t + lag] + light[t]
        square += change * change
        for c in range(len(along)):
            own = rest[t + 2 * lag, c] - np.float32(2) * rest[t + lag, c] + rest[t, c]
            along[c] += change * own
            rough[c] += own * own
    return square, samples


@numba.njit(nogil=True, cache=True, fastmath=True)
def _whiten(values: Float32, glint: Float32, root: Float32, white: Float32) -> None:
    # ``(sample, 3, cell)`` values by ``(3, 3, cell)`` roots.
    samples, _, cells = values.shape
    for t in range(samples):
        for c in range(cells):
            x, y, z = values[t, 0, c], values[t, 1, c], glint[t, c]
            for k in range(3):
                white[t, c, k] = root[k, 0, c] * x + root[k, 1, c] * y + root[k, 2, c] * z
