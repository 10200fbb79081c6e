"""Scale every cell's motion so that camera noise is 1 in every channel, and independent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from phonoscope.types import Float32, Float64, MotionBlock, MotionField

_CACHE_BYTES = 256 * 2**20
_LEAST = 1e-6  # of the largest eigenvalue: below, a direction is unknown


@dataclass(frozen=True, eq=False)
class Channels:
    """Whitened channels of a motion field, walked through block by block as often as needed.

    Attributes
    ----------
    field
        The motion field.
    root
        ``(cell, 2, 2)`` symmetric square root of each cell's displacement information, px⁻¹.
    cache
        The blocks themselves where they fit into memory, else empty.
    """

    field: MotionField
    root: Float64
    cache: Sequence[Float32]

    @property
    def count(self) -> int:
        """Number of channels that carry information."""
        return int((np.linalg.eigvalsh(self.root) > 0).sum())

    def __iter__(self) -> Iterator[Float32]:
        """Yield ``(sample, 2 * cell)`` blocks."""
        if self.cache:
            yield from self.cache
        else:
            yield from (_whitened(block, self.root) for block in self.field.blocks)

    def mix(self, weights: Float64) -> Float64:
        """Return ``(sample, k)`` signals: the channels times ``(channel, k)`` weights."""
        narrow = weights.astype(np.float32)
        return np.concatenate([block @ narrow for block in self]).astype(np.float64)

    def correlate(self, signals: Float64) -> Float64:
        """Return ``(channel, k)`` inner products of the channels with ``(sample, k)`` signals."""
        total = np.zeros((2 * len(self.root), signals.shape[1]))
        start = 0
        for block in self:
            part = signals[start : start + len(block)].astype(np.float32)
            total += block.T @ part
            start += len(block)
        return total


def whiten(field: MotionField) -> Channels:
    """Return the whitened channels of a motion field.

    The gain is eliminated from each cell's information first: what remains, the information of
    displacement whatever the light did, is the inverse of its claimed covariance.
    """
    root = _root(displacement_information(field.information))
    if 8 * len(root) * field.samples > _CACHE_BYTES:
        return Channels(field, root, ())
    return Channels(field, root, [_whitened(block, root) for block in field.blocks])


def displacement_information(information: Float64) -> Float64:
    """Return ``(cell, 2, 2)`` information of displacement from that of (x, y, gain)."""
    gain = information[:, 2, 2]
    cross = information[:, :2, 2]
    outer = cross[:, :, None] * cross[:, None, :]
    known = gain > 0
    share = outer / np.where(known, gain, 1)[:, None, None]
    return np.where(known[:, None, None], information[:, :2, :2] - share, information[:, :2, :2])


def _root(information: Float64) -> Float64:
    values, vectors = np.linalg.eigh(information)
    floor = _LEAST * np.maximum(values.max(axis=1, keepdims=True), 0)
    values = np.sqrt(np.where(values > floor, values, 0))
    return np.asarray((vectors * values[:, None, :]) @ vectors.transpose(0, 2, 1))


def _whitened(block: MotionBlock, root: Float64) -> Float32:
    narrow = root.astype(np.float32)
    x, y = block.motion[:, :, 0], block.motion[:, :, 1]
    white = np.empty_like(block.motion)
    white[:, :, 0] = narrow[:, 0, 0] * x + narrow[:, 0, 1] * y
    white[:, :, 1] = narrow[:, 1, 0] * x + narrow[:, 1, 1] * y
    return white.reshape(len(white), -1)
