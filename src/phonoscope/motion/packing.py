"""A block of motion as few bytes: rounded well below each cell's own noise, and compressed."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from phonoscope.motion.segment import Poses, Segment
from phonoscope.motion.stored import unpacked
from phonoscope.types import Float32, Float64, MotionBlock

_STEPS_PER_ERROR = 8
_TILE = 32
_LARGEST_STEP = 1e28  # whose multiples by whole numbers of 33 bits are still finite


@dataclass(frozen=True, slots=True)
class PackedBlock:
    """A block of motion as a motion file holds it."""

    samples: int
    blobs: tuple[bytes, ...]
    lost: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PackedSegment:
    """A `Segment` of few bytes, to be sent or stored."""

    number: int
    blocks: Sequence[PackedBlock]
    lost: Sequence[int]
    poses: Poses

    @classmethod
    def of(cls, segment: Segment) -> "PackedSegment":
        """Return the segment, packed."""
        blocks = [PackedBlock(len(b.time_s), encode(b), b.lost) for b in segment.blocks]
        return cls(segment.number, blocks, segment.lost, segment.poses)

    def unpacked(self, cells: int) -> Segment:
        """Return the segment, whose motion is rounded as in a motion file."""
        blocks = [replace(decode(b.samples, cells, *b.blobs), lost=b.lost) for b in self.blocks]
        return Segment(self.number, blocks, self.lost, self.poses)

    @property
    def samples(self) -> int:
        return sum(block.samples for block in self.blocks)


def encode(block: MotionBlock) -> tuple[bytes, ...]:
    """Return time, information, step, base and deltas as `phonoscope.motion.store` has them."""
    # A channel's own error, as if the others were known, is a safe measure of how finely to round.
    own = np.diagonal(block.information, axis1=1, axis2=2)
    step = np.where(own > 0, 1 / np.sqrt(np.where(own > 0, own, 1)) / _STEPS_PER_ERROR, 0)
    step = step.astype(np.float32)
    values = np.concatenate([block.motion, block.gain[:, :, None]], axis=2)
    active = np.flatnonzero(step.ravel())
    base, deltas = _quantise(
        values.reshape(len(values), -1), active, step.ravel()[active].astype(np.float64)
    )
    largest = max(int(deltas.max(initial=0)), -int(deltas.min(initial=0)))
    kind = np.dtype("<i1" if largest < 2**7 else "<i2" if largest < 2**15 else "<i4")
    planes = deltas.astype(kind).view(np.uint8).reshape(-1, kind.itemsize).T
    arrays = (
        block.time_s.astype("<f8"), block.information.astype("<f4"), step.astype("<f4"),
        base.astype("<i4"), planes,
    )  # fmt: skip
    return tuple(packed(a) for a in arrays)


def packed(array: NDArray[Any]) -> bytes:
    """Return an array's compressed bytes."""
    # Steps of noise are hardly worth packing; runs of zeros in the high bytes are.
    level = 0 if array.ndim == 2 and len(array) == 1 else 1
    packer = zlib.compressobj(level, strategy=zlib.Z_RLE)
    return packer.compress(np.ascontiguousarray(array).tobytes()) + packer.flush()


def decode(samples: int, cells: int, *blobs: bytes) -> MotionBlock:
    """Return the block of what `encode` made."""
    channels = cells * 3
    time_s = np.frombuffer(unpacked(blobs[0], 8 * samples), "<f8").reshape(samples)
    information = np.frombuffer(unpacked(blobs[1], 12 * channels), "<f4").reshape(cells, 3, 3)
    step = np.frombuffer(unpacked(blobs[2], 4 * channels), "<f4")
    if not all(np.isfinite(array).all() for array in (time_s, information, step)):
        raise ValueError("a block holds values that are not finite")
    step = step.astype(np.float64).reshape(channels)
    if np.abs(step).max(initial=0) > _LARGEST_STEP:
        raise ValueError(f"a block is rounded to {np.abs(step).max():.3g}")
    active = np.flatnonzero(step)
    base = np.frombuffer(unpacked(blobs[3], 4 * len(active)), "<i4").reshape(len(active))
    size = len(active) * samples
    raw = unpacked(blobs[4], 4 * size)
    planes = np.frombuffer(raw, np.uint8).reshape(-1, size) if size else np.empty((2, 0), np.uint8)
    deltas = np.ascontiguousarray(planes.T).view({1: "<i1", 2: "<i2", 4: "<i4"}[len(planes)])
    motion = np.zeros((samples, cells, 2), np.float32)
    gain = np.ones((samples, cells), np.float32)  # where it is unknown
    by_channel = deltas.reshape(len(active), samples)
    _dequantise(by_channel, base, step[active], active // 3, active % 3, motion, gain)
    return MotionBlock(time_s, motion, gain, information.astype(np.float64))


@numba.njit(nogil=True, cache=True, fastmath=True)
def _quantise(
    values: Float32, active: NDArray[np.int64], step: Float64
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    samples = values.shape[0]
    mean = np.zeros(len(active))
    for t in range(samples):
        for k in range(len(active)):
            mean[k] += values[t, active[k]]
    base = np.rint(mean / samples / step).astype(np.int32)
    steps = 1 / step  # a division takes ten times as long as a product
    deltas = np.empty((len(active), samples), np.int32)
    # Turned from time to channels a few channels at a time, which stay in the cache.
    for first in range(0, len(active), _TILE):
        last = min(first + _TILE, len(active))
        for t in range(samples):
            for k in range(first, last):
                deltas[k, t] = np.int32(np.rint(values[t, active[k]] * steps[k])) - base[k]
    return base, deltas


@numba.njit(nogil=True, cache=True)
def _dequantise(
    deltas: NDArray[Any], base: NDArray[np.int32], step: Float64, cell: NDArray[np.int64],
    kind: NDArray[np.int64], motion: Float32, gain: Float32,
) -> None:  # fmt: skip
    samples = deltas.shape[1]
    values = np.empty((_TILE, samples), np.float32)
    for first in range(0, len(base), _TILE):
        last = min(first + _TILE, len(base))
        for k in range(first, last):
            for t in range(samples):
                # Whole numbers of 33 bits are exact in double precision.
                whole = np.float64(deltas[k, t]) + np.float64(base[k])
                values[k - first, t] = np.float32(whole * step[k])
        for t in range(samples):
            for k in range(first, last):
                if kind[k] == 2:
                    gain[t, cell[k]] = values[k - first, t]
                else:
                    motion[t, cell[k], kind[k]] = values[k - first, t]
