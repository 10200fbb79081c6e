"""What compression has muted: small motion is lost where frames are predicted from each other.

A codec that predicts a frame from the one before and codes coarsely what is left follows every
change late and in part: ``y[t] = y[t-1] + k (x[t] - y[t-1])``, on average over the camera's noise,
which is far larger than the motion of interest and does it as a dither would (Bussgang's theorem).
That is a low-pass, and sound and noise pass it alike. The camera's noise was white in time when it
came in, so the colour in which it is found is the square of the gain that the sound has had, over
that at low frequencies, which pass in full.
"""

import numpy as np
from numpy.typing import NDArray

from phonoscope.sound.windows import OVERLAP, shares_of_power, spectra
from phonoscope.types import Float64

_SMOOTHED_BINS = 5
_LEAST_GAIN = 0.1  # below, what is left tells too little of what there was
_SHARE_OF_DETAIL = 0.2  # of a block's coefficients: those in which most of a picture's detail lies


def muting(noise: Float64, counted: NDArray[np.bool_], power: float) -> Float64:
    """Return the gain, at most 1, that motion has had at each frequency.

    Parameters
    ----------
    noise
        ``(bin,)`` measured power of noise that was white.
    counted
        ``(bin,)`` where that is noise and nothing else.
    power
        Of the sound over that of the noise, in a pixel of the cells that hear. Motion that stands
        above the noise is coded for its own sake.

    Returns
    -------
    ``(bin,)``. Noise that the codec added of its own makes it too large rather than too small.
    """
    bins = np.arange(len(noise))
    if not counted.any():
        return np.ones(len(noise))
    level = np.interp(bins, bins[counted], np.log(noise[counted]))
    half = _SMOOTHED_BINS // 2
    kernel = np.full(_SMOOTHED_BINS, 1 / _SMOOTHED_BINS)
    level = np.convolve(np.pad(level, half, mode="edge"), kernel, "valid")
    loudest = int(level.argmax())
    gain = np.maximum(np.exp((level - level[loudest]) / 2), _LEAST_GAIN)
    lost = np.where(bins < loudest, 0.0, 1 - gain)
    return np.asarray(1 - lost / (1 + power / _SHARE_OF_DETAIL))


def muted_power(signal: Float64, noise: Float64, gain: Float64, window: int) -> tuple[float, float]:
    """Return by how much a muted sound's power was larger, and the mean square of what is missing.

    Parameters
    ----------
    signal
        ``(sample,)`` as heard.
    noise
        ``(bin,)`` power of the noise in it.
    gain
        ``(bin,)`` from `muting`.
    window
        Samples in a window.
    """
    whole = slice(OVERLAP // 2, -(OVERLAP // 2))
    power = np.mean(np.abs(spectra(signal[:, None], window)[:, 0, whole]) ** 2, axis=1)
    sound = shares_of_power(window) * np.maximum(power - noise, 0)
    return float(sound @ (gain**-2 - 1)), float(sound @ (1 / gain - 1) ** 2)
