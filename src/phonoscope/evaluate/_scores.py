"""All metrics of one recovered sound, each beside the best that the camera's band allows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phonoscope.audio import resample
from phonoscope.errors import InputError, UsageError
from phonoscope.evaluate._align import align
from phonoscope.evaluate._lpc import log_likelihood_ratio
from phonoscope.evaluate._metrics import (
    check_rate,
    estoi,
    segmental_snr,
    si_sdr,
    stoi,
    validate,
    weighted_coherence,
)

Float64 = NDArray[np.float64]

METRICS = ("si_sdr_db", "segmental_snr_db", "coherence", "llr", "stoi", "estoi")
"""Names of all metrics, in the order of a table; lower is better for ``llr`` alone."""

_EDGE = 0.05  # half width of a band edge, as a part of its frequency
_MIN_EDGE_HZ = 2.5
_SILENT = 1e-20  # of the whole power: what rounding leaves of a band without sound


@dataclass(frozen=True)
class Scores:
    """How good a recovered sound is: three columns of a table whose rows are `METRICS`.

    Two rows stay empty where they would mislead. Intelligibility is of a whole voice, so ``stoi``
    and ``estoi`` are not in `in_band`. The spectral envelope of a band-limited sound holds nothing
    above the band, so deep a void that a log-likelihood ratio measures little else, and grows as
    the band does; so ``llr`` is in `in_band` only, at a sample rate of twice the band's upper edge.

    Attributes
    ----------
    estimate
        The estimate against the whole reference. Read ``stoi`` and ``estoi`` here, beside their
        ceiling: what a listener understands of what was said.
    ceiling
        The reference itself, limited to `band_hz`, against the whole reference: what a perfect
        recovery would score in `estimate`.
    in_band
        The estimate against the reference limited to `band_hz`. Read ``si_sdr_db``,
        ``segmental_snr_db``, ``coherence`` and ``llr`` here: how well what the camera could hold
        was recovered; perfect is inf, 35 dB, 1 and 0.
    lag_s, sign
        How much later than the reference the estimate was, and whether upside down (-1), before
        it was aligned.
    band_hz
        Lowest and highest frequency that the camera could hold.
    rate_hz
        Sample rate at which the sounds were compared: the reference's.
    notes
        Sentences that say why a score is NaN.
    """

    estimate: Mapping[str, float]
    ceiling: Mapping[str, float]
    in_band: Mapping[str, float]
    lag_s: float
    sign: int
    band_hz: tuple[float, float]
    rate_hz: float
    notes: tuple[str, ...] = ()


def evaluate(
    reference: ArrayLike,
    reference_rate: Fraction | float,
    estimate: ArrayLike,
    estimate_rate: Fraction | float,
    *,
    band_hz: tuple[float, float] | None = None,
    max_lag_s: float = 0.5,
) -> Scores:
    """Score a recovered sound against the true one, with the ceiling of the camera's band.

    The estimate is resampled to the reference's rate and aligned in time and sign to the reference
    limited to the band; for the segmental SNR it is brought to scale as in the SI-SDR. Only what
    the camera can tell from one capture is forgiven: delay, sign and level.

    Parameters
    ----------
    reference, reference_rate
        ``(sample,)`` true sound and its rate, Hz.
    estimate, estimate_rate
        ``(sample,)`` recovered sound and its rate, Hz; the rates may differ.
    band_hz
        Lowest and highest frequency that the camera could hold, such as ``(80, 1100)`` for
        2,200 frames a second; by default all below half of the lower rate.
    max_lag_s
        Largest delay looked for, either way.

    Raises
    ------
    InputError
        If the sounds cannot be compared, or the reference has nothing within the band.
    UsageError
        If a rate or the band cannot be right.
    MissingExtraError
        If pystoi is not installed.
    """
    rate = check_rate(float(reference_rate))
    half = min(rate, check_rate(float(estimate_rate))) / 2
    low, high = (0.0, half) if band_hz is None else (float(band_hz[0]), float(band_hz[1]))
    whole, _ = validate(reference, reference)
    limited = _held(whole, rate, (low, high))
    raw = resample(estimate, estimate_rate, reference_rate)
    aligned, lag_s, sign = align(limited, raw, rate, max_lag_s=max_lag_s)

    full = _column(whole, aligned, rate)
    full |= _intelligibility(whole, aligned, rate)
    in_band = _column(limited, aligned, rate)
    in_band["llr"] = _llr(limited, aligned, rate, min(rate, 2 * high))
    ceiling = band_ceiling(whole, rate, (low, high))
    return Scores(
        estimate=full,
        ceiling=ceiling,
        in_band=in_band,
        lag_s=lag_s,
        sign=sign,
        band_hz=(low, high),
        rate_hz=rate,
        notes=_notes(full, len(whole) / rate),
    )


def band_ceiling(
    reference: ArrayLike, rate_hz: float, band_hz: tuple[float, float]
) -> dict[str, float]:
    """Score the reference, limited to a band, against itself in full: the band's best score.

    Parameters
    ----------
    reference, rate_hz
        ``(sample,)`` true sound and its rate.
    band_hz
        Lowest and highest frequency that the camera could hold.

    Returns
    -------
    Every one of `METRICS` but ``llr``, by name; ``inf`` and the like where the band holds all.

    Raises
    ------
    InputError
        If the reference is silent, not finite, or has nothing within the band.
    UsageError
        If the rate or the band cannot be right.
    MissingExtraError
        If pystoi is not installed.
    """
    whole, _ = validate(reference, reference)
    limited = _held(whole, rate_hz, band_hz)
    return _column(whole, limited, rate_hz) | _intelligibility(whole, limited, rate_hz)


def limit_band(samples: ArrayLike, rate_hz: float, band_hz: tuple[float, float]) -> Float64:
    """Keep what lies within a band, without delay: the sound as a perfect camera would hold it.

    The edges are half a cosine wide, from 0.95 to 1.05 of their frequency (at least ±2.5 Hz), and
    at -6 dB on it; a lower edge of 0 and an upper one at the Nyquist frequency cut nothing.

    Parameters
    ----------
    samples, rate_hz
        ``(sample,)`` sound and its rate.
    band_hz
        Lowest and highest frequency to keep.

    Raises
    ------
    InputError
        If the sound is silent, empty or not finite.
    UsageError
        If the band is empty or not positive.
    """
    sound, _ = validate(samples, samples)
    rate = check_rate(rate_hz)
    low, high = band_hz
    if not 0 <= low < high < math.inf:
        raise UsageError(
            f"band_hz is {band_hz!r}; give its lowest and highest frequency, such as (80, 1100)."
        )

    from scipy import fft

    # Twice the longest ringing of the edges, so that the ends do not wrap round.
    size = fft.next_fast_len(len(sound) + int(rate / _MIN_EDGE_HZ), real=True)
    frequency = fft.rfftfreq(size, 1 / rate)
    gain = np.ones(len(frequency))
    if low > 0:
        gain *= _rise(frequency, low)
    if high < rate / 2:
        gain *= 1 - _rise(frequency, high)
    if (gain == 1).all():
        return sound.copy()
    limited: Float64 = fft.irfft(fft.rfft(sound, size) * gain, size)[: len(sound)]
    return limited


def _held(whole: Float64, rate: float, band_hz: tuple[float, float]) -> Float64:
    limited = limit_band(whole, rate, band_hz)
    if limited @ limited <= _SILENT * (whole @ whole):
        low, high = band_hz
        raise InputError(
            f"the reference has no sound within the band of {low:g} to {high:g} Hz; "
            "give the band that the camera could hold, or another reference."
        )
    return limited


def _rise(frequency: Float64, edge: float) -> Float64:
    half = max(_EDGE * edge, min(_MIN_EDGE_HZ, edge))
    part = np.clip((frequency - edge + half) / (2 * half), 0, 1)
    rise: Float64 = np.sin(np.pi / 2 * part) ** 2
    return rise


def _column(reference: Float64, estimate: Float64, rate: float) -> dict[str, float]:
    scaled = estimate * _scale(reference, estimate)
    return {
        "si_sdr_db": si_sdr(reference, estimate),
        "segmental_snr_db": segmental_snr(reference, scaled, rate),
        "coherence": weighted_coherence(reference, estimate, rate),
    }


def _llr(reference: Float64, estimate: Float64, rate: float, band_rate: float) -> float:
    if band_rate < rate:
        reference = resample(reference, rate, band_rate)
        estimate = resample(estimate, rate, band_rate)
    return log_likelihood_ratio(reference, estimate, band_rate)


def _scale(reference: Float64, estimate: Float64) -> float:
    common = float(reference @ estimate)
    return float(reference @ reference) / common if common else 0.0


def _intelligibility(reference: Float64, estimate: Float64, rate: float) -> dict[str, float]:
    return {
        "stoi": stoi(reference, estimate, rate),
        "estoi": estoi(reference, estimate, rate),
    }


def _notes(scores: Mapping[str, float], duration_s: float) -> tuple[str, ...]:
    notes = []
    if math.isnan(scores["stoi"]):
        notes.append(
            f"STOI and ESTOI are not defined: of {duration_s:.3g} s, less than 386 ms of the "
            "reference is within 40 dB of its loudest part; give a longer one."
        )
    if math.isnan(scores["coherence"]):
        notes.append(
            f"coherence is not defined: {duration_s:.3g} s are fewer than 8 segments of 128 ms; "
            "give a longer reference."
        )
    return tuple(notes)
