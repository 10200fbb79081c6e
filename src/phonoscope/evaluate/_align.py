"""Alignment of a recovered sound with the true one, in time and sign."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phonoscope.errors import InputError, UsageError
from phonoscope.evaluate._metrics import check_rate, validate

Float64 = NDArray[np.float64]
Complex128 = NDArray[np.complex128]

_NEWTON_STEPS = 8


def align(
    reference: ArrayLike, estimate: ArrayLike, rate_hz: float, *, max_lag_s: float = 0.5
) -> tuple[Float64, float, int]:
    """Bring an estimate to the reference's time and sign.

    The lag is where the cross-correlation is largest in magnitude, refined to a small part of a
    sample at the maximum of its exact band-limited interpolation.

    Parameters
    ----------
    reference, estimate
        ``(sample,)`` sounds of one rate; their lengths may differ.
    rate_hz
        Samples a second.
    max_lag_s
        Largest lag looked for, either way.

    Returns
    -------
    aligned
        ``(len(reference),)`` the estimate moved by ``-lag_s`` and multiplied by `sign`; zero where
        it does not reach.
    lag_s
        How much later the estimate is than the reference; 0 for a silent estimate.
    sign
        1, or -1 if the estimate is upside down.

    Raises
    ------
    InputError
        If one of the sounds is empty or not finite, or the reference is silent.
    UsageError
        If the rate is not positive or `max_lag_s` is negative.
    """
    rate = check_rate(rate_hz)
    if not max_lag_s >= 0:
        raise UsageError(f"max_lag_s is {max_lag_s!r}; give the largest lag in seconds, 0 or more.")
    s, e = _one_length(reference, estimate)
    samples = np.asarray(reference).shape[0]
    if not e.any():
        return np.zeros(samples), 0.0, 1

    from scipy import fft

    reach = min(int(max_lag_s * rate), len(s) - 1)
    size = fft.next_fast_len(len(s) + reach + 1, real=True)
    spectrum_e = fft.rfft(e, size)
    # The level cancels; it is taken off so that no product can overflow.
    cross = fft.rfft(s / np.abs(s).max(), size).conj() * (spectrum_e / np.abs(e).max())
    correlation = fft.irfft(cross, size)
    near = np.concatenate([correlation[size - reach :], correlation[: reach + 1]])
    peak = int(np.argmax(np.abs(near)))
    sign = -1 if near[peak] < 0 else 1
    lag = _refine(sign * cross, peak - reach, size)
    aligned = _advance(e, spectrum_e, lag, size)[:samples]
    return sign * aligned, lag / rate, sign


def _one_length(reference: ArrayLike, estimate: ArrayLike) -> tuple[Float64, Float64]:
    s, e = np.asarray(reference, np.float64), np.asarray(estimate, np.float64)
    for name, sound in (("reference", s), ("estimate", e)):
        if sound.ndim != 1:
            raise InputError(f"the {name} has shape {sound.shape}; give one row of samples.")
    length = max(len(s), len(e))
    return validate(*(np.pad(sound, (0, length - len(sound))) for sound in (s, e)))


def _refine(cross: Complex128, lag: int, size: int) -> float:
    # Newton's method on c(lag) = sum of |C| cos(2π f lag + arg C), from the best whole sample.
    omega = 2 * np.pi * np.arange(len(cross)) / size
    kept = np.abs(cross) > 1e-6 * np.abs(cross).max()
    kept[0] = False  # the constant has no phase
    omega, cross = omega[kept], cross[kept]
    exact = float(lag)
    for _ in range(_NEWTON_STEPS):
        turned = cross * np.exp(1j * omega * exact)
        slope = -float(omega @ turned.imag)
        curvature = -float(omega**2 @ turned.real)
        if curvature >= 0:  # not a maximum: keep the whole sample
            return float(lag)
        step = min(max(-slope / curvature, -0.5), 0.5)
        exact += step
        if abs(step) < 1e-6:
            break
    return exact if abs(exact - lag) <= 1 else float(lag)


def _advance(sound: Float64, spectrum: Complex128, lag: float, size: int) -> Float64:
    whole = round(lag)
    fraction = lag - whole
    if fraction:
        from scipy import fft

        turn = np.exp(2j * np.pi * np.arange(len(spectrum)) / size * fraction)
        sound = fft.irfft(spectrum * turn, size)[: len(sound)]
    if whole >= 0:
        return np.pad(sound[whole:], (0, whole))
    return np.pad(sound[:whole], (-whole, 0))
