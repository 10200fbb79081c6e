"""From a sample of a clip to what the whole of it can tell: noise, the least motion heard, time."""

import math
import time
from dataclasses import dataclass

import numpy as np

from phonoscope.sound.attend import information_of_all, weigh
from phonoscope.sound.filter import noise_gain
from phonoscope.sound.following import FRAMES_LATE, FRAMES_LATE_ROWS, lags_px
from phonoscope.sound.listen import require_samples
from phonoscope.sound.rolling import LISTENING, SWAY_HZ, foreseen_in_rows
from phonoscope.sound.threads import one_thread
from phonoscope.sound.verdict import FALSE_ALARM, is_smoothed, noise_level, predicting
from phonoscope.types import MotionField


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What can be heard in a clip, as a sample of it tells.

    Attributes
    ----------
    noise_px
        RMS noise of the picture's common motion within the band, px.
    detectable_px
        As `Verdict.detectable_px`, of the whole clip.
    smoothed
        Whether compression has taken much of the camera's noise, and small motion with it.
    lag_px
        How far the picture moves in the few frames that a codec may let pass before it follows, RMS
        px; less is not heard. 0 where frames are not predicted from each other.
    seconds
        That listening to the whole clip will take, as what was done with the sample took.
    """

    noise_px: float
    detectable_px: float
    smoothed: bool
    lag_px: float
    seconds: float


@one_thread()
def foresee(field: MotionField, band_hz: tuple[float, float], samples: int) -> Foreseen:
    """Say what listening to a whole clip will find as its noise, and what it will detect.

    Parameters
    ----------
    field
        Motion field of a sample of the clip.
    band_hz
        Lowest and highest frequency.
    samples
        Frames of the whole clip.

    Raises
    ------
    InputError
        If the field is too short or holds no information.
    """
    require_samples(field)
    # Loaded before the time is taken: it is multiplied by the length of the clip.
    import scipy.ndimage
    import scipy.signal  # noqa: F401

    begun = time.perf_counter()
    rows = field.facts.shutter.rolling
    lag = 0.0
    if predicting(field.facts):
        low, frames = (SWAY_HZ, FRAMES_LATE_ROWS) if rows else (band_hz[0], FRAMES_LATE)
        lag = float(lags_px(field, np.ones((1, len(field.cells))), low, frames)[0])
    longer = samples / field.samples
    if rows:
        noise, least, seconds = foreseen_in_rows(field, band_hz, FALSE_ALARM, longer)
        return Foreseen(noise, max(least, lag), smoothed=False, lag_px=lag, seconds=seconds)
    weighed = weigh(field, band_hz, FALSE_ALARM, longer=longer)
    passed = noise_gain(field.samples, float(field.rate_hz), band_hz)
    power = noise_level(weighed.evidence) * passed / information_of_all(weighed.channels)
    least = max(weighed.verdict.detectable_px, lag)
    seconds = LISTENING * longer * (time.perf_counter() - begun)
    return Foreseen(math.sqrt(power), least, is_smoothed(weighed.evidence), lag, seconds)
