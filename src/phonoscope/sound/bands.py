"""Pyramid bands to sound: the published sum, and the best linear combination of a rigid motion.

Davis et al., "The visual microphone", ACM TOG 33(4):79 (2014), doi:10.1145/2601097.2601119.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from phonoscope.errors import InputError, UsageError
from phonoscope.types import BandMotion, Float64

HIGHPASS_OF_NYQUIST = 1 / 20
"""Default cut-off of the high-pass, relative to half the capture rate."""

_HIGHPASS_ORDER = 3
_UNKNOWN = 1e-9  # of the largest eigenvalue: below, a direction is unknown


@dataclass(frozen=True, slots=True, eq=False)
class BandSum:
    """One signal from the bands of a pyramid.

    Attributes
    ----------
    samples
        ``(sample,)``; within -1 and 1 for equal weights, px for optimal ones.
    weight
        ``(band,)`` factor on each band's phase in `samples`.
    lag_samples
        ``(band,)`` how much later than the anchor each band was found, and moved back by.
    anchor
        The band to which the others were aligned; None for optimal weights, which need none.
    direction
        ``(2,)`` unit vector (x, y) of the motion, its larger component positive; None for equal
        weights, which know none.
    noise_px
        RMS of the camera's noise in `samples` before the high-pass, px; NaN for equal weights.
    highpass_hz
        Cut-off of the high-pass.
    """

    samples: Float64
    weight: Float64
    lag_samples: Float64
    anchor: int | None
    direction: Float64 | None
    noise_px: float
    highpass_hz: float


def sum_bands(
    bands: BandMotion,
    *,
    weights: Literal["equal", "optimal"] = "equal",
    highpass_hz: float | None = None,
    max_lag_s: float = math.inf,
) -> BandSum:
    """Combine the bands' signals into one.

    ``equal`` is the published method: each band is moved in time to where its cross-correlation
    with one band, the one that stands highest above its noise, is largest; they are summed, and
    scaled to a peak of 1. ``optimal`` takes all bands to see one displacement along one line at
    one time, finds that line, and weights the bands by the inverse of their noise.

    Parameters
    ----------
    bands
        From `phonoscope.motion.pyramid.measure_bands`, evenly sampled in time.
    weights
        ``"equal"`` or ``"optimal"``.
    highpass_hz
        Cut-off of the Butterworth high-pass (order 3, run both ways, so that nothing is delayed);
        None for a twentieth of half the rate.
    max_lag_s
        Largest lag that equal weights look for; all that the clip holds by default, as published.

    Raises
    ------
    UsageError
        If the weights have another name, the cut-off is not below half the rate or the lag is
        negative.
    InputError
        If there are too few samples to filter.
    """
    nyquist = float(bands.rate_hz) / 2
    cutoff = nyquist * HIGHPASS_OF_NYQUIST if highpass_hz is None else highpass_hz
    if weights not in ("equal", "optimal"):
        raise UsageError(f"there are no weights {weights!r}; choose equal or optimal.")
    if not 0 < cutoff < nyquist:
        raise UsageError(
            f"a high-pass at {cutoff:g} Hz cannot be: give more than 0 and less than half the "
            f"capture rate, {nyquist:g} Hz."
        )
    if not max_lag_s >= 0:
        raise UsageError(f"max_lag_s is {max_lag_s!r}; give the largest lag in seconds, 0 or more.")
    # Before the alignment, so that it does not align drift; on the sum it would be the same.
    phase = _highpass(bands.phase, cutoff / nyquist)
    if weights == "optimal":
        return _optimal(bands, phase, cutoff)
    return _equal(bands, phase, cutoff, max_lag_s * float(bands.rate_hz))


def _highpass(signals: Float64, relative: float) -> Float64:
    from scipy.signal import butter, sosfiltfilt  # slow to import

    sections = butter(_HIGHPASS_ORDER, relative, "highpass", output="sos")
    # Mirrored ends over one and a half periods of the cut-off. SciPy's own, shorter and turned
    # upside down about one noisy sample, cost up to 5 dB of SI-SDR in half a second of sound.
    mirrored = round(3 / relative)
    if len(signals) <= mirrored:
        raise InputError(
            f"{len(signals)} samples are too few for this high-pass; give at least "
            f"{mirrored + 1}, or a higher cut-off."
        )
    level = signals - signals.mean(axis=0)
    return np.asarray(sosfiltfilt(sections, level, axis=0, padtype="even", padlen=mirrored))


def _equal(bands: BandMotion, phase: Float64, cutoff: float, max_lag: float) -> BandSum:
    power = np.mean(phase**2, axis=0)
    own = bands.noise_variance
    anchor = int(np.argmax(np.where(own > 0, power / np.where(own > 0, own, 1), 0)))
    reach = int(min(max_lag, len(phase) - 1))
    lags = _lags(phase, anchor, reach)
    total = np.zeros(len(phase))
    for signal, lag in zip(phase.T, lags, strict=True):
        total += _moved(signal, -lag)
    peak = float(np.abs(total).max())
    scale = 1 / peak if peak > 0 else 1.0
    return BandSum(
        samples=total * scale,
        weight=np.full(len(lags), scale),
        lag_samples=np.asarray(lags, np.float64),
        anchor=anchor,
        direction=None,
        noise_px=math.nan,
        highpass_hz=cutoff,
    )


def _lags(signals: Float64, anchor: int, reach: int) -> list[int]:
    # How much later each signal is than the anchor, in whole samples.
    from scipy import fft  # slow to import

    size = fft.next_fast_len(len(signals) + reach + 1, real=True)
    spectra = fft.rfft(signals, size, axis=0)
    correlation = fft.irfft(spectra * spectra[:, anchor, None].conj(), size, axis=0)
    near = np.concatenate([correlation[size - reach :], correlation[: reach + 1]])
    return [int(peak) - reach for peak in np.argmax(near, axis=0)]


def _moved(signal: Float64, later: int) -> Float64:
    # Whole samples later; zeros come in from outside.
    result = np.zeros_like(signal)
    if later >= 0:
        result[later:] = signal[: len(signal) - later]
    else:
        result[:later] = signal[-later:]
    return result


def _optimal(bands: BandMotion, phase: Float64, cutoff: float) -> BandSum:
    """Weight by the inverse noise covariance along the direction of motion.

    With phases ``K u + n`` (K the wavevectors, N the covariance of n) the information of u is
    ``J = Kᵀ N⁻¹ K``, and ``J^-½ Kᵀ N⁻¹`` times the phases has white noise: its strongest
    direction, unwhitened, is the likeliest line of motion.
    """
    seen = np.asarray(bands.wavevector.any(axis=1))
    if not seen.any():
        raise InputError("no band sees any motion; choose a region with detail.")
    k = bands.wavevector[seen]
    inverse = np.linalg.pinv(bands.noise_covariance[np.ix_(seen, seen)], hermitian=True)
    values, vectors = np.linalg.eigh(k.T @ inverse @ k)
    known = values > _UNKNOWN * values[-1]
    root = np.sqrt(np.where(known, values, 1))
    unwhiten = vectors * (known / root)  # (2, 2): J^-½ up to a turn
    white = phase[:, seen] @ (inverse @ k @ unwhiten)
    line = np.linalg.eigh(white.T @ white)[1][:, -1]
    motion = unwhiten @ line
    length = float(np.linalg.norm(motion))
    sign = float(np.sign(motion[np.argmax(np.abs(motion))]))
    weight = np.zeros(len(seen))
    weight[seen] = inverse @ k @ motion * (sign * length)
    return BandSum(
        samples=phase @ weight,
        weight=weight,
        lag_samples=np.zeros(len(seen)),
        anchor=None,
        direction=motion * (sign / length),
        noise_px=length,
        highpass_hz=cutoff,
    )
