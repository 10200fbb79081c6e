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
    samples, active = len(block.time_s), step.ravel() > 0
    # Displacements, and gains: each as it lies in memory.
    pairs = (
        _quantised(block.motion.reshape(samples, -1), step[:, :2].ravel()),
        _quantised(block.gain, step[:, 2]),
    )
    largest = max(max(int(own.max(initial=0)), -int(own.min(initial=0))) for _, own in pairs)
    kind = np.dtype("<i1" if largest < 2**7 else "<i2" if largest < 2**15 else "<i4")
    by_channel = np.empty((len(step), 3, samples), kind)
    by_channel[:, :2] = pairs[0][1].T.reshape(-1, 2, samples)
    by_channel[:, 2] = pairs[1][1].T
    deltas = by_channel.reshape(-1, samples)
    if not active.all():
        deltas = deltas[active]
    base = np.column_stack([pairs[0][0].reshape(-1, 2), pairs[1][0]]).ravel()[active]
    planes = deltas.view(np.uint8).reshape(-1, kind.itemsize).T
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
    step = step.astype(np.float64)
    if np.abs(step).max(initial=0) > _LARGEST_STEP:
        raise ValueError(f"a block is rounded to {np.abs(step).max():.3g}")
    active = step != 0
    count = int(active.sum())
    size = count * samples
    # Where nothing is known, motion is 0 and gain 1.
    base = np.tile([0.0, 0.0, 1.0], cells)
    base[active] = np.frombuffer(unpacked(blobs[3], 4 * count), "<i4")
    step = np.where(active, step, 1)
    raw = unpacked(blobs[4], 4 * size)
    planes = np.frombuffer(raw, np.uint8).reshape(-1, size) if size else np.empty((2, 0), np.uint8)
    deltas = np.ascontiguousarray(planes.T).view({1: "<i1", 2: "<i2", 4: "<i4"}[len(planes)])
    deltas = deltas.reshape(count, samples)
    if count < channels:
        every = np.zeros((channels, samples), deltas.dtype)
        every[active] = deltas
        deltas = every
    deltas = deltas.reshape(cells, 3, samples)
    motion = _dequantised(deltas[:, :2], base.reshape(-1, 3)[:, :2], step.reshape(-1, 3)[:, :2])
    gain = _dequantised(deltas[:, 2], base[2::3], step[2::3])
    motion = motion.reshape(samples, cells, 2)
    return MotionBlock(time_s, motion, gain, information.astype(np.float64))


def _quantised(values: Float32, step: Float32) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    # Each channel's mean, ``(channel,)``, and ``(sample, channel)`` what is beyond, in its steps.
    known = step > 0
    steps = np.where(known, 1 / np.where(known, step, 1).astype(np.float64), 0)
    values = np.ascontiguousarray(values)
    base = np.rint(_total(values) / len(values) * steps).astype(np.int32)
    return base, _rounded(values, steps, base)


def _dequantised(deltas: NDArray[Any], base: Float64, step: Float64) -> Float32:
    # ``(sample, channel)`` of what lies by channels.
    samples = deltas.shape[-1]
    by_sample = np.ascontiguousarray(deltas.reshape(-1, samples).T)
    return _whole(by_sample, base.reshape(-1), step.reshape(-1))


# Plain loops along memory, which the compiler makes vectors of. What turns channels to samples is
# left to NumPy.


@numba.njit(nogil=True, cache=True, fastmath=True)
def _total(values: Float32) -> Float64:
    total = np.zeros(values.shape[1])
    for t in range(values.shape[0]):
        for k in range(values.shape[1]):
            total[k] += values[t, k]
    return total


@numba.njit(nogil=True, cache=True, fastmath=True)
def _rounded(values: Float32, steps: Float64, base: NDArray[np.int32]) -> NDArray[np.int32]:
    rounded = np.empty(values.shape, np.int32)
    for t in range(values.shape[0]):
        for k in range(values.shape[1]):
            rounded[t, k] = np.int32(np.rint(values[t, k] * steps[k])) - base[k]
    return rounded


@numba.njit(nogil=True, cache=True)
def _whole(deltas: NDArray[Any], base: Float64, step: Float64) -> Float32:
    values = np.empty(deltas.shape, np.float32)
    for t in range(deltas.shape[0]):
        for k in range(deltas.shape[1]):
            # Whole numbers of 33 bits are exact in double precision.
            values[t, k] = np.float32((np.float64(deltas[t, k]) + base[k]) * step[k])
    return values
