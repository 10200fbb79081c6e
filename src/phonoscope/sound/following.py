"""What a codec makes of slow motion: it follows late, and the catching up looks like sound.

A codec that predicts a frame from others moves what they show by vectors of a quarter of a pixel,
and codes coarsely what is left, a few frames later where that is cheaper. So a picture that sways
lags behind itself by some of what it moves in those frames, more in some than in others. No
statistics of the noise tell that from sound, for it moves as sound does. But it is no larger than
what it lags behind by.
"""

import numpy as np

from phonoscope.blocks import ahead
from phonoscope.sound.filter import band_pass
from phonoscope.types import Float32, Float64, MotionField

FRAMES_LATE = 3
"""Frames that a codec may let pass before it follows: up to 2.5 in tests."""


FRAMES_LATE_ROWS = 1
"""The same where rows are samples of their own: up to a third in tests."""


def lags_px(
    field: MotionField, weights: Float64, low_hz: float, frames: int = FRAMES_LATE
) -> Float64:
    """Return how far the picture moves in so many frames more slowly than a band, RMS px.

    Parameters
    ----------
    field
        Motion field.
    weights
        ``(k, cell)`` how much each cell counts, in k ways.
    low_hz
        Lowest frequency of the band.
    frames
        How many a codec may let pass before it follows.

    Returns
    -------
    ``(k,)``, one for each way to weigh.
    """
    if not low_hz or field.samples < 2:
        return np.zeros(len(weights))
    mean = _means(field, weights)
    rate = float(field.rate_hz)
    low_hz = min(low_hz, rate / 4)
    slow = mean - mean.mean(axis=0) - band_pass(mean, rate, (low_hz, rate / 2))
    end = min(round(rate / low_hz), len(slow) // 4)  # where the filter leaves some of the sound
    slow = slow[end : len(slow) - end]
    lags = (slow[frames:] - slow[:-frames]).reshape(-1, len(weights), 2)
    return np.asarray(np.sqrt(np.mean(np.sum(lags**2, axis=2), axis=0)))


def _means(field: MotionField, weights: Float64) -> Float64:
    # (sample, 2 k) displacement of all cells, weighed by what they know, too.
    information = field.information[:, :2, :2] * weights[:, :, None, None]
    total = np.linalg.pinv(information.sum(axis=1), hermitian=True)
    readers = np.einsum("kij,kcjl->clki", total, information).reshape(2 * len(field.cells), -1)
    narrow = readers.astype(np.float32)
    blocks = field.blocks

    def of_block(number: int) -> Float32:
        motion = blocks[number].motion
        return np.asarray(motion.reshape(len(motion), -1) @ narrow)

    return np.concatenate(list(ahead(of_block, len(blocks)))).astype(np.float64)
