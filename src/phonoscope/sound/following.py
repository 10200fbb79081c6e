"""What a codec makes of slow motion: it follows late, and the catching up looks like sound.

A codec that predicts a frame from others moves what they show by vectors of a quarter of a pixel,
and codes coarsely what is left, a few frames later where that is cheaper. So a picture that sways
lags behind itself by some of what it moves in those frames, more in some than in others. No
statistics of the noise tell that from sound, for it moves as sound does. But it is no larger than
what it lags behind by.
"""

import numpy as np

from phonoscope.sound.filter import band_pass
from phonoscope.types import Float64, MotionField

FRAMES_LATE = 3
"""Frames that a codec may let pass before it follows: up to 2.5 in tests."""


FRAMES_LATE_ROWS = 1
"""The same where rows are samples of their own: up to a third in tests."""


def lag_px(field: MotionField, weight: Float64, low_hz: float, frames: int = FRAMES_LATE) -> float:
    """Return how far the picture moves in so many frames more slowly than a band, RMS px.

    Parameters
    ----------
    field
        Motion field.
    weight
        ``(cell,)`` how much each cell counts.
    low_hz
        Lowest frequency of the band.
    frames
        How many a codec may let pass before it follows.
    """
    information = field.information[:, :2, :2] * weight[:, None, None]
    mean = np.concatenate(
        [np.einsum("cij,tcj->ti", information, block.motion) for block in field.blocks]
    ) @ np.linalg.pinv(information.sum(axis=0), hermitian=True)
    if not low_hz or len(mean) < 2:
        return 0.0
    rate = float(field.rate_hz)
    low_hz = min(low_hz, rate / 4)
    slow = mean - mean.mean(axis=0) - band_pass(mean, rate, (low_hz, rate / 2))
    end = min(round(rate / low_hz), len(slow) // 4)  # where the filter leaves some of the sound
    slow = slow[end : len(slow) - end]
    lags = slow[frames:] - slow[:-frames]
    return float(np.sqrt(np.mean(np.sum(lags**2, axis=1))))
