"""Motion fields drawn directly: the truth and the noise are known exactly."""

from fractions import Fraction

import numpy as np
import pytest

from phonoscope.types import Cells, MotionBlock, MotionField, NoiseModel, VideoFacts

RATE = 2200


def _drawn(truth, *, seed, noise=1.0):
    random = np.random.default_rng(seed)
    samples, cells, _ = truth.shape
    spread = np.append(0.02 * random.uniform(0.5, 2, (cells, 2)), np.full((cells, 1), 0.01), axis=1)
    spread *= noise
    drawn = spread * random.standard_normal((samples, cells, 3))
    information = np.zeros((cells, 3, 3))
    information[:, range(3), range(3)] = spread**-2
    motion, gain = (truth + drawn[:, :, :2]).astype(np.float32), 1 + drawn[:, :, 2]
    block = MotionBlock(
        np.arange(samples) / RATE, motion, gain.astype(np.float32), information
    )  # fmt: skip
    place, size = np.arange(cells, dtype=np.int32), np.full(cells, 16, np.int32)
    where = Cells(16 * (place % 10), 16 * (place // 10), size, size, np.zeros(cells))
    facts = VideoFacts("drawn", "", "", "gray", 160, 96, 8, samples, None, Fraction(RATE), "user")
    model = NoiseModel(np.array([0.0]), np.array([1.0]))
    return MotionField(facts, where, model, samples, [block])


@pytest.fixture(scope="session")
def drawn_field():
    """Draw a field that moves by ``truth`` ``(sample, cell, 2)``, its noise as it claims."""
    return _drawn
