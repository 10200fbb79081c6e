"""What a codec makes of slow motion: it follows late, and the catching up looks like sound.

A codec that predicts a frame from others moves what they show by vectors of a quarter of a pixel,
and codes coarsely what is left. So a picture that sways lags behind itself by some of what it
moves from one frame to the next, more in some frames than in others, alike in all cells. No
statistics of the noise tell that from sound, for it moves as sound does. But it is no larger than
what it lags behind by.
"""

import numpy as np

from phonoscope.sound.filter import band_pass
from phonoscope.types import Float64, MotionField


def step_px(field: MotionField, weight: Float64, low_hz: float) -> float:
    """Return how far the picture moves from frame to frame more slowly than a band, RMS px.

    Parameters
    ----------
    field
        Motion field.
    weight
        ``(cell,)`` how much each cell counts.
    low_hz
        Lowest frequency of the band.
    """
    information = field.information[:, :2, :2] * weight[:, None, None]
    mean = np.concatenate(
        [np.einsum("cij,tcj->ti", information, block.motion) for block in field.blocks]
    ) @ np.linalg.pinv(information.sum(axis=0), hermitian=True)
    if not low_hz or len(mean) < 2:
        return 0.0
    rate = float(field.rate_hz)
    slow = mean - mean.mean(axis=0) - band_pass(mean, rate, (low_hz, rate / 2))
    end = min(round(rate / low_hz), len(slow) // 4)  # where the filter leaves some of the sound
    steps = np.diff(slow[end : len(slow) - end], axis=0)
    return float(np.sqrt(np.mean(np.sum(steps**2, axis=1))))
