"""Scale every cell's motion and glints so that noise is 1 in every channel, and independent.

A cell has three channels: motion along x, along y, and what is left of its brightness when the
lamps' light is taken off. On foil, glass or water a tilt shows as brightness before it shows as
motion.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phonoscope.blocks import ahead
from phonoscope.types import Float32, Float64, MotionBlock, MotionField

PER_CELL = 3
DIFFERENCE_POWER = 6
"""Of the second difference of white noise of power 1: 1, 2 and 1 squared."""
_CACHE_BYTES = 256 * 2**20
_ASTRAY = 2.0
_LEAST = 1e-6  # of the largest eigenvalue: below, a direction is unknown
_FEWEST_CELLS = 12  # with fewer, the lamps' light is all that there is to see


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
    def over(cls, field: MotionField, precision: Float64) -> "Lamps":
        """Learn from all samples; `precision` is ``(cell,)`` of the gains."""
        cells = field.cells
        place = np.stack([cells.x_px + cells.width_px / 2, cells.y_px + cells.height_px / 2])
        spread = np.maximum(np.ptp(place, axis=1, keepdims=True), 1)
        centred = (place - place.mean(axis=1, keepdims=True)) / spread
        basis = np.vstack([np.ones(len(cells)), centred])
        lamps = cls._fitted(field, basis, precision)
        claimed = np.where(precision > 0, 1 / np.where(precision > 0, precision, 1), np.inf)
        if (lamps.rest > _ASTRAY * claimed).any():
            # Cells that stray have no say in what the lamps do: their noise would be everyone's.
            sure = precision / np.maximum(lamps.rest / claimed, 1)
            lamps = cls._fitted(field, basis, sure)
        return lamps

    @classmethod
    def _fitted(cls, field: MotionField, basis: Float64, precision: Float64) -> "Lamps":
        weighted = precision * basis
        reader = np.linalg.pinv(weighted @ basis.T, hermitian=True) @ weighted
        none = np.zeros(len(precision))
        lamps = cls(basis, reader, none, none, none)
        along, square = none.copy(), 0.0
        lag = flicker_lag(field)
        for part in {lag, max(1, lag // 2)}:  # the flicker, and twice its frequency
            for rest, mean in lamps._changes(field, part):
                along += mean @ rest
                square += float(mean @ mean)
        share = along / max(square, 1e-30)
        own = precision * share
        lamps = cls(basis, reader, share, own / max(float(own @ share), 1e-30), none)
        rough, count = none.copy(), 0
        for rest, _ in lamps._changes(field, lag):
            rough += np.einsum("tc,tc->c", rest, rest) / DIFFERENCE_POWER
            count += len(rest)
        return replace(lamps, rest=rough / max(count, 1))

    def _changes(self, field: MotionField, lag: int) -> Iterator[tuple[Float64, Float64]]:
        # Of what is left, and of the mean light; slow changes are the sun's, or drift.
        blocks = field.blocks
        off = ahead(lambda n: np.column_stack(self.taken_off(blocks[n].gain)), len(blocks))
        for changes in second_differences(off, lag):
            yield changes[:, :-1], changes[:, -1]

    def taken_off(self, gain: Float32) -> tuple[Float64, Float64]:
        """Return ``(sample, cell)`` departure of gains from the light; ``(sample,)`` its mean."""
        coefficients = gain.astype(np.float64) @ self.reader.T
        light = coefficients @ self.basis
        mean = coefficients[:, 0]
        rest = gain / np.maximum(light, 0.1) - 1
        # The pattern is taken out frame by frame. Taking the mean light's course times the pattern
        # would put the noise of that course into all cells alike, which is what sound looks like.
        return rest - (rest @ self.pattern_reader)[:, None] * self.share, mean


def flicker_lag(field: MotionField) -> int:
    """Return half a period of lamp flicker (100 and 120 Hz), in samples: it stands out then."""
    most = max(1, (field.samples - 1) // 4)
    return min(max(1, round(float(field.rate_hz) / 240)), most)


def second_differences(blocks: Iterable[NDArray[Any]], lag: int = 1) -> Iterator[NDArray[Any]]:
    """Yield ``z[t] - 2 z[t - lag] + z[t - 2 lag]`` of consecutive blocks, across their borders."""
    before: NDArray[Any] | None = None
    for block in blocks:
        joined = block if before is None else np.concatenate([before, block])
        before = joined[-2 * lag :]
        if len(joined) > 2 * lag:
            yield joined[2 * lag :] - 2 * joined[lag:-lag] + joined[: -2 * lag]


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
    cache
        The blocks themselves where they fit into memory, else empty.
    """

    field: MotionField
    root: Float64
    lamps: Lamps
    cache: Sequence[Float32]

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

    @property
    def count(self) -> int:
        """Number of channels that carry information."""
        return int((np.linalg.eigvalsh(self.root) > 0).sum())

    def __iter__(self) -> Iterator[Float32]:
        """Yield ``(sample, 3 * cell)`` blocks."""
        if self.cache:
            yield from self.cache
        else:
            yield from _all_whitened(self.field, self.root, self.lamps)

    def of(self, block: MotionBlock) -> Float32:
        """Return ``(sample, 3 * cell)`` of a block that need not be of this field."""
        return _whitened(block, self.root, self.lamps)

    def mix(self, weights: Float64) -> Float64:
        """Return ``(sample, k)`` signals: the channels times ``(channel, k)`` weights."""
        narrow = weights.astype(np.float32)
        return np.concatenate([block @ narrow for block in self]).astype(np.float64)

    def correlate(self, signals: Float64) -> Float64:
        """Return ``(channel, k)`` inner products of the channels with ``(sample, k)`` signals."""
        total = np.zeros((PER_CELL * len(self.root), signals.shape[1]))
        start = 0
        for block in self:
            part = signals[start : start + len(block)].astype(np.float32)
            total += block.T @ part
            start += len(block)
        return total


def whiten(field: MotionField) -> Channels:
    """Return the whitened channels of a motion field."""
    information = field.information
    if len(field.cells) < _FEWEST_CELLS:
        motion_only = np.zeros_like(information)
        motion_only[:, :2, :2] = displacement_information(information)
        information = motion_only
    lamps = Lamps.over(field, np.maximum(information[:, 2, 2], 0))
    return _channels(field, _root(_less_sure(information, lamps.rest)), lamps)


def rewhiten(channels: Channels, factors: Float64) -> Channels:
    """Return channels whose noise is ``(cell, 3)`` `factors` times what was claimed."""
    return _channels(channels.field, channels.root / np.sqrt(factors)[:, :, None], channels.lamps)


def _channels(field: MotionField, root: Float64, lamps: Lamps) -> Channels:
    if 4 * PER_CELL * len(root) * field.samples > _CACHE_BYTES:
        return Channels(field, root, lamps, ())
    return Channels(field, root, lamps, list(_all_whitened(field, root, lamps)))


def _all_whitened(field: MotionField, root: Float64, lamps: Lamps) -> Iterator[Float32]:
    blocks = field.blocks
    return ahead(lambda number: _whitened(blocks[number], root, lamps), len(blocks))


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


def _whitened(block: MotionBlock, root: Float64, lamps: Lamps) -> Float32:
    glint = lamps.taken_off(block.gain)[0].astype(np.float32)
    x, y = block.motion[:, :, 0], block.motion[:, :, 1]
    white = np.empty((*glint.shape, PER_CELL), np.float32)
    narrow = root.astype(np.float32)
    for k in range(PER_CELL):
        white[:, :, k] = narrow[:, k, 0] * x + narrow[:, k, 1] * y + narrow[:, k, 2] * glint
    return white.reshape(len(white), -1)
