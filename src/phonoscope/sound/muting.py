"""What compression has muted, and how to undo it.

A codec that predicts a frame from the one before and codes coarsely what is left follows every
change late and in part: ``y[t] = y[t-1] + k (x[t] - y[t-1])``, on average over the camera's noise,
which is far larger than the motion of interest and does it as a dither would (Bussgang's theorem).
That is a low-pass, and sound and noise pass it alike. The camera's noise was white in time when it
came in, so the colour in which it is found is the square of the gain that the sound has had, over
that at low frequencies, which pass in full. Such a low-pass is of minimum phase, so its gain tells
its phase as well, and it can be undone. Frames that are predicted from both sides look ahead as
much as back, and are not late.

Motion that stands above the noise is coded for its own sake, and passes in full. So the gain
follows the size of the motion from moment to moment: that bends the sound, by an amount that
follows from the same gain.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from phonoscope.sound.array import Heard
from phonoscope.sound.windows import Complex, shares_of_power, signals_of, spectra
from phonoscope.types import Float64

_SMOOTHED_BINS = 5
_LEAST_GAIN = 0.1  # below, what is left tells too little of what there was
# Of a block's coefficients: those in which most of a picture's detail lies. What is not coded is
# still missing in the next frame, and found sooner; but nothing follows a frame in between.
_DETAIL, _DETAIL_IN_BETWEEN = 0.1, 0.25
_UNSURE = 5.0  # how far that is right, from picture to picture
_ERROR = 0.03  # of the gain where nearly all is muted, in tests
_ALIKE = 3.0  # how much larger it is where all cells move alike, in tests
_FIRST_OF_MEAN = 0.4  # exponent: gain of frames that others are predicted from, in tests
_MOMENTS = 96  # at which the motion of a normal distribution is looked at


@dataclass(frozen=True, slots=True, eq=False)
class Muting:
    """What a codec did to motion.

    Attributes
    ----------
    gain
        ``(bin,)`` of the sound, its size at most 1.
    bent
        ``(bin,)`` power of what else it made of the sound, over that of the sound as it was.
    """

    gain: Complex
    bent: Float64


def muting(
    noise: Float64, counted: NDArray[np.bool_], power: float, alike: float, between: float
) -> Muting:
    """Read from the colour of noise what happened to motion.

    Parameters
    ----------
    noise
        ``(bin,)`` measured power of noise that was white.
    counted
        ``(bin,)`` where that is noise and nothing else.
    power
        Of the sound over that of the noise, in a pixel of the cells that hear.
    alike
        Share of the motion, noise and all, that the cells that hear have in common.
    between
        Share of the frames that are predicted from those after them, too.

    Noise that the codec added of its own makes the gain too large rather than too small.
    """
    left = _share_left(noise, counted)
    over = power / (_DETAIL_IN_BETWEEN if between else _DETAIL)
    gain, bent = _gated(left, over)
    most, least = (_gated(left, over * factor)[0] for factor in (_UNSURE, 1 / _UNSURE))
    bent = bent + (most - least) ** 2 / 4 + (_ERROR * (1 - gain)) ** 2
    # What a codec decides for each block by how far that moves, it decides for all at once if they
    # move together (squares of normal variables correlate as the square of how they do themselves,
    # and times the motion as its cube): then that error does not average out over the cells.
    bent = bent * (1 + _ALIKE * alike**3)
    if between:
        # Frames in between have less than that gain, and those that others follow have more.
        first = np.minimum(gain**_FIRST_OF_MEAN, gain / (1 - between))
        bent = bent + (1 - between) / between * (first - gain) ** 2
    delay = _least_phase(gain) * (1 - between)
    return Muting(gain * np.exp(1j * delay), bent)


def unmuted(heard: Heard, muting: Muting, window: int) -> Heard:
    """Return what would have been heard without; `window` is the samples in one."""
    size = np.abs(muting.gain) ** 2
    spectrum = spectra(heard.signal[:, None], window)[:, 0] / muting.gain[:, None]
    # What is bent turns up at other frequencies.
    bent = shares_of_power(window) * float(muting.bent @ (heard.powers / size))
    return replace(
        heard,
        signal=signals_of(spectrum, window, len(heard.signal)),
        powers=heard.powers / size,
        errors=(heard.errors + bent) / size,
        noise=heard.noise / size,
        response=heard.response / muting.gain[:, None],
    )


def _share_left(noise: Float64, counted: NDArray[np.bool_]) -> Float64:
    # (bin,) of the noise's amplitude, where it passes in full at the frequency at which it is
    # loudest and at those below.
    bins = np.arange(len(noise))
    if not counted.any():
        return np.ones(len(noise))
    level = np.interp(bins, bins[counted], np.log(noise[counted]))
    half = _SMOOTHED_BINS // 2
    kernel = np.full(_SMOOTHED_BINS, 1 / _SMOOTHED_BINS)
    level = np.convolve(np.pad(level, half, mode="edge"), kernel, "valid")
    loudest = int(level.argmax())
    left = np.maximum(np.exp((level - level[loudest]) / 2), _LEAST_GAIN)
    return np.asarray(np.where(bins < loudest, 1.0, left))


def _gated(left: Float64, over: float) -> tuple[Float64, Float64]:
    """Return gain and bent power of the sound where `left` is left of the noise's amplitude.

    Of motion u, ``1 - lost / (1 + over² u⁴)`` is coded, where u is normal of variance 1.
    """
    normal, weight = np.polynomial.hermite_e.hermegauss(_MOMENTS)
    square, weight = normal**2, weight / weight.sum()
    shut = 1 / (1 + (over * square) ** 2)
    once, twice = float(weight @ shut), float(weight @ shut**2)
    root = np.sqrt(np.maximum(once**2 - twice * (1 - left**2), 0))
    lost = np.minimum((once - root) / twice, 1 - _LEAST_GAIN)
    mean, spread = float(weight @ (square * shut)), float(weight @ (square * shut**2))
    return 1 - lost * mean, lost**2 * (spread - mean**2)


def _least_phase(gain: Float64) -> Float64:
    # Of minimum phase, rad: its cepstrum is 0 before time 0.
    length = 2 * (len(gain) - 1)
    fold = np.full(length, 2.0)
    fold[[0, length // 2]] = 1
    fold[length // 2 + 1 :] = 0
    return np.asarray(np.fft.rfft(np.fft.irfft(np.log(gain)) * fold).imag)
