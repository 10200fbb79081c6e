"""Log-likelihood ratio: how far the estimate's spectral envelope is from the reference's."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phonoscope.evaluate._metrics import FRAME_S, check_rate, frames, validate

Float64 = NDArray[np.float64]

_BEST_FRAMES = 0.95
# A white floor 90 dB down keeps the normal equations of a band-limited frame solvable.
_FLOOR = 1e-9


def log_likelihood_ratio(
    reference: ArrayLike, estimate: ArrayLike, rate_hz: float, *, order: int | None = None
) -> float:
    """Log-likelihood ratio of linear prediction; 0 is the same spectral envelope, lower is better.

    In each frame of 32 ms (Hann, half overlap) the predictor fitted to the estimate is applied to
    the reference; the logarithm of its error power over that of the reference's own predictor is
    averaged over the best 95 % of the frames. Blind to level. Frames in which the reference is
    exactly zero are left out; a silent frame of the estimate predicts nothing.

    Parameters
    ----------
    reference, estimate, rate_hz
        The sounds and their rate.
    order
        Of the predictor; by default two, and one more for each kHz of rate up to 16 (10 at 8 kHz,
        16 from 14 kHz on).

    Raises
    ------
    InputError
        If the sounds cannot be compared (see `validate`).
    UsageError
        If the rate is not positive.

    References
    ----------
    Hu and Loizou, "Evaluation of objective quality measures for speech enhancement", IEEE TASL
    16:229 (2008), doi:10.1109/TASL.2007.911054.
    """
    s, e = validate(reference, estimate)
    rate = check_rate(rate_hz)
    size = round(FRAME_S * rate)
    if order is None:
        order = max(1, min(2 + round(rate / 1000), 16, size // 4))
    frames_s, frames_e = frames(s, size), frames(e, size)
    heard = frames_s.any(axis=1)
    if not heard.any():
        return math.nan
    r_s = _autocorrelation(frames_s[heard], order)
    r_e = _autocorrelation(frames_e[heard], order)
    matrix_s = _toeplitz(r_s)
    ratio = _error_power(_predictor(r_e), matrix_s) / _error_power(_predictor(r_s), matrix_s)
    distances = np.sort(np.log(np.maximum(ratio, 1.0)))
    return float(distances[: max(1, round(_BEST_FRAMES * len(distances)))].mean())


def _autocorrelation(windowed: Float64, order: int) -> Float64:
    # (frame, order + 1), relative to the frame's power; a silent frame counts as white.
    peak = np.abs(windowed).max(axis=1, keepdims=True)
    normal = windowed / np.where(peak > 0, peak, 1)
    power = np.abs(np.fft.rfft(normal, 2 * windowed.shape[1])) ** 2
    r = np.fft.irfft(power)[:, : order + 1]
    r = np.divide(r, r[:, :1], out=np.zeros_like(r), where=r[:, :1] > 0)
    r[:, 0] = 1 + _FLOOR
    return r


def _toeplitz(r: Float64) -> Float64:
    lag = np.arange(r.shape[1])
    matrix: Float64 = r[:, np.abs(lag[:, None] - lag)]
    return matrix


def _predictor(r: Float64) -> Float64:
    # (frame, order + 1): the error filter 1, -a1, -a2, ... of each frame.
    coefficients = np.linalg.solve(_toeplitz(r[:, :-1]), -r[:, 1:, None])[:, :, 0]
    return np.concatenate([np.ones((len(r), 1)), coefficients], axis=1)


def _error_power(predictor: Float64, matrix: Float64) -> Float64:
    power: Float64 = np.einsum("fi,fij,fj->f", predictor, matrix, predictor)
    return power
