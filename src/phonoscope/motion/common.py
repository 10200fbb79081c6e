"""What cells have in common: the few shapes in which a thing moves, found above the noise.

A thing moves in few shapes, each with its own course, and noise in as many as there are cells. In
motion whose noise is made equal (whitened by each cell's information) shapes that stand above the
largest that noise alone would make are found by subspace iteration (Halko, Martinsson and Tropp,
doi:10.1137/090771806), so that memory grows with the number of cells only, not with its square.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from phonoscope.types import Float64

_SHAPES = 24  # that are looked for
_SHARE = 0.25  # of the independent samples: more shapes than that are no few
_MARGIN = 1.2  # by which a shape must exceed the largest that noise makes
_SEED = 0

Blocks = Callable[[], Iterable[Float64]]
"""Gives blocks of ``(sample, cell, 2)`` motion, the same each time."""


@dataclass(frozen=True, slots=True, eq=False)
class Common:
    """The part of motion that lies in a few shapes.

    Attributes
    ----------
    white, coloured
        ``(cell, 2, 2)``: to motion whose noise is 1 in all that a cell can tell, and back.
    shapes
        ``(channel, shape)`` orthonormal; two channels a cell.
    surer
        By how much less noise the common part has than motion itself, as a ratio of powers.
    """

    white: Float64
    coloured: Float64
    shapes: Float64
    surer: float

    @classmethod
    def of(cls, blocks: Blocks, information: Float64, freedoms: float) -> "Common":
        """Find the shapes.

        Parameters
        ----------
        blocks
            See `Blocks`.
        information
            ``(cell, 2, 2)`` of one sample, px⁻².
        freedoms
            Independent samples.
        """
        values, vectors = np.linalg.eigh(information)
        known = values > 1e-9 * max(float(values.max(initial=0.0)), 1e-300)
        root = np.where(known, np.sqrt(np.maximum(values, 0)), 0)
        back = np.where(known, 1 / np.where(known, root, 1), 0)
        white, coloured = (
            (vectors * each[:, None]) @ vectors.transpose(0, 2, 1) for each in (root, back)
        )
        channels = int(known.sum())
        size = min(_SHAPES, int(_SHARE * freedoms), channels)
        if size < 1:
            return cls(white, coloured, np.zeros((2 * len(information), 0)), 1.0)
        shapes = np.random.default_rng(_SEED).standard_normal((2 * len(information), size))
        for _ in range(2):
            total = np.zeros_like(shapes)
            for block in blocks():
                flat = _flat(block, white)
                total += flat.T @ (flat @ shapes)
            shapes = np.linalg.qr(total)[0]
        power, samples = np.zeros((size, size)), 0
        for block in blocks():
            courses = _flat(block, white) @ shapes
            power += courses.T @ courses
            samples += len(block)
        strength, mixed = np.linalg.eigh(power / max(samples, 1))
        edge = _MARGIN * (1 + np.sqrt(channels / freedoms)) ** 2
        shapes = shapes @ mixed[:, strength > edge]
        kept = shapes.shape[1]
        noise = kept * (freedoms + channels - kept) / (freedoms * channels)
        return cls(white, coloured, shapes, 1 / noise if kept else 1.0)

    def __call__(self, motion: Float64) -> Float64:
        """Return the part of ``(sample, cell, 2)`` motion, px, that lies in the shapes."""
        flat = _flat(motion, self.white) @ self.shapes @ self.shapes.T
        return np.asarray(np.einsum("cij,tcj->tci", self.coloured, flat.reshape(motion.shape)))


def _flat(motion: Float64, white: Float64) -> Float64:
    return np.asarray(np.einsum("cij,tcj->tci", white, motion)).reshape(len(motion), -1)
