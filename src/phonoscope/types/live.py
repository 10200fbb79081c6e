"""What is heard while it happens."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phonoscope.types.arrays import Float64
from phonoscope.types.sound import Verdict


@dataclass(frozen=True, slots=True, eq=False)
class LiveBlock:
    """A few samples of a live sound.

    Attributes
    ----------
    samples
        ``(sample,)`` as `Sound.samples`, px; 0 where nothing stands above the noise, and until
        enough has been seen to tell.
    time_s
        Capture time of the first of them since the first frame, s.
    measured
        ``(sample,)`` False where a frame was missing, or could not be followed, so that its sample
        is filled in from its neighbours.
    verdict
        On the last seconds, renewed every few; None until the first.
    snr_db, noise_floor_px, motion_rms_px
        As in `Sound`, of the same seconds; ``-inf``, NaN and 0 until the first verdict.
    latency_s
        From when the frame of the first sample came until these samples were handed out, s: of all
        of them the longest.
    dropped
        Number of frames that are missing so far.
    """

    samples: Float64
    time_s: float
    measured: NDArray[np.bool_]
    verdict: Verdict | None
    snr_db: float
    noise_floor_px: float
    motion_rms_px: float
    latency_s: float
    dropped: int
