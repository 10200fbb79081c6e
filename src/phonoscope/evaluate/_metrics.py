"""Metrics of a recovered sound against the true one.

Conventions: ``(reference, estimate)``, both ``(sample,)`` float, of one length and aligned; higher
is better. NaN means that the sounds are too short for the metric to be defined.
"""

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phonoscope.errors import InputError, MissingExtraError, UsageError

Float64 = NDArray[np.float64]

FRAME_S = 0.032
SEGMENTAL_LIMITS_DB = (-10.0, 35.0)
COHERENCE_SEGMENT_S = 0.128
MIN_COHERENCE_SEGMENTS = 8

_STOI_RATE_HZ = 10_000
_STOI_MIN_SAMPLES = 30 * 128 + 256  # 30 frames of 256 with half overlap: one 386 ms segment


def validate(reference: ArrayLike, estimate: ArrayLike) -> tuple[Float64, Float64]:
    """Return both sounds as float64, or say why they cannot be compared.

    Raises
    ------
    InputError
        If one is not a row of finite samples, their lengths differ, or the reference is silent.
    """
    checked = []
    for name, sound in (("reference", reference), ("estimate", estimate)):
        array = np.asarray(sound, dtype=np.float64)
        if array.ndim != 1 or len(array) == 0:
            raise InputError(f"the {name} has shape {array.shape}; give one row of samples.")
        if not np.isfinite(array).all():
            raise InputError(f"the {name} holds samples that are not finite; replace them first.")
        checked.append(array)
    if len(checked[0]) != len(checked[1]):
        raise InputError(
            f"the reference has {len(checked[0])} samples and the estimate {len(checked[1])}; "
            "bring them to one length with align()."
        )
    if not checked[0].any():
        raise InputError("the reference is silent; nothing can be scored against it.")
    return checked[0], checked[1]


def check_rate(rate_hz: float) -> float:
    """Return `rate_hz` as a float, or raise `UsageError` if it is not positive and finite."""
    rate = float(rate_hz)
    if not (rate > 0 and math.isfinite(rate)):
        raise UsageError(f"rate_hz is {rate_hz!r}; give a positive number of samples a second.")
    return rate


def frames(sound: Float64, size: int) -> Float64:
    """Cut a sound into Hann-windowed frames with half overlap, ``(frame, size)``."""
    size = max(2, size)
    if len(sound) < size:
        sound = np.pad(sound, (0, size - len(sound)))
    window = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2
    hops: Float64 = np.lib.stride_tricks.sliding_window_view(sound, size)[:: size // 2]
    windowed: Float64 = hops * window
    return windowed


def si_sdr(reference: ArrayLike, estimate: ArrayLike) -> float:
    """Scale-invariant signal-to-distortion ratio, dB.

    The part of the estimate that is proportional to the reference, against all the rest. Means are
    taken off first, since neither a microphone nor a camera hears a constant.

    Returns
    -------
    ``inf`` for a scaled copy (up to rounding), ``-inf`` for an estimate without any of it.

    Raises
    ------
    InputError
        If the sounds cannot be compared (see `validate`).

    References
    ----------
    Le Roux et al., "SDR: half-baked or well done?", ICASSP 2019, doi:10.1109/ICASSP.2019.8683855.
    """
    s, e = (x - x.mean() for x in validate(reference, estimate))
    if not s.any():
        raise InputError("the reference is constant; nothing can be scored against it.")
    target = (e @ s / (s @ s)) * s
    rest = e - target
    return _ratio_db(float(target @ target), float(rest @ rest))


def _ratio_db(signal: float, noise: float) -> float:
    if signal == 0:
        return -math.inf
    return math.inf if noise == 0 else 10 * math.log10(signal / noise)


def segmental_snr(reference: ArrayLike, estimate: ArrayLike, rate_hz: float) -> float:
    """Segmental signal-to-noise ratio, dB: the mean of each frame's own, clamped to [-10, 35].

    Frames of 32 ms with a Hann window and half overlap. Levels count: the estimate must be on the
    reference's scale, as `evaluate` brings it. Frames in which the reference is exactly zero have
    no ratio and are left out.

    Raises
    ------
    InputError
        If the sounds cannot be compared (see `validate`).
    UsageError
        If the rate is not positive.

    References
    ----------
    Hansen and Pellom, ICSLP 1998; Hu and Loizou, "Evaluation of objective quality measures for
    speech enhancement", IEEE TASL 16:229 (2008), doi:10.1109/TASL.2007.911054.
    """
    s, e = validate(reference, estimate)
    size = round(FRAME_S * check_rate(rate_hz))
    signal = (frames(s, size) ** 2).sum(axis=1)
    noise = (frames(s - e, size) ** 2).sum(axis=1)
    heard = signal > 0
    if not heard.any():
        return math.nan
    with np.errstate(divide="ignore"):
        ratio_db = 10 * (np.log10(signal[heard]) - np.log10(noise[heard]))
    return float(np.clip(ratio_db, *SEGMENTAL_LIMITS_DB).mean())


def weighted_coherence(reference: ArrayLike, estimate: ArrayLike, rate_hz: float) -> float:
    """Magnitude-squared coherence, weighted by the reference's power spectrum, 0 to 1.

    The share of the reference's power that a linear filter could explain from the estimate: blind
    to the object's own resonances, and so the fairest measure of vibration. Welch's method with
    Hann segments of 128 ms and half overlap. Of two independent sounds it is not 0 but about
    ``1.06 / segments``; below 8 segments it says nothing and is NaN.

    Raises
    ------
    InputError
        If the sounds cannot be compared (see `validate`).
    UsageError
        If the rate is not positive.

    References
    ----------
    Carter, Knapp and Nuttall, "Estimation of the magnitude-squared coherence function via
    overlapped fast Fourier transform processing", IEEE Trans. Audio Electroacoust. 21:337 (1973),
    doi:10.1109/TAU.1973.1162496.
    """
    s, e = validate(reference, estimate)
    size = max(4, round(COHERENCE_SEGMENT_S * check_rate(rate_hz)))
    if len(s) < size * (MIN_COHERENCE_SEGMENTS + 1) / 2:
        return math.nan
    if not e.any():
        return 0.0
    spectra_s = np.fft.rfft(frames(s / np.abs(s).max(), size))
    spectra_e = np.fft.rfft(frames(e / np.abs(e).max(), size))
    power_s = (np.abs(spectra_s) ** 2).sum(axis=0)
    power_e = (np.abs(spectra_e) ** 2).sum(axis=0)
    cross = np.abs((spectra_s.conj() * spectra_e).sum(axis=0)) ** 2
    # Weight times coherence is |S_se|²/S_ee, in which S_ss has cancelled.
    explained = np.divide(cross, power_e, out=np.zeros_like(cross), where=power_e > 0)
    return float(explained.sum() / power_s.sum())


def stoi(reference: ArrayLike, estimate: ArrayLike, rate_hz: float) -> float:
    """Short-time objective intelligibility, 0 to 1, of speech; blind to level.

    Returns
    -------
    NaN if less than 386 ms of the reference lies within 40 dB of its loudest frame, since no
    segment can then be compared; 0 for a silent estimate.

    Raises
    ------
    MissingExtraError
        If pystoi is not installed.
    InputError
        If the sounds cannot be compared (see `validate`).
    UsageError
        If the rate is not positive.

    References
    ----------
    Taal et al., IEEE TASL 19:2125 (2011), doi:10.1109/TASL.2011.2114881.
    """
    return _stoi(reference, estimate, rate_hz, extended=False)


def estoi(reference: ArrayLike, estimate: ArrayLike, rate_hz: float) -> float:
    """Extended short-time objective intelligibility: as `stoi`, and closer to listeners.

    Returns
    -------
    As `stoi`; it may be slightly below 0 for an unrelated estimate.

    Raises
    ------
    MissingExtraError
        If pystoi is not installed.
    InputError
        If the sounds cannot be compared (see `validate`).
    UsageError
        If the rate is not positive.

    References
    ----------
    Jensen and Taal, IEEE/ACM TASLP 24:2009 (2016), doi:10.1109/TASLP.2016.2585878.
    """
    return _stoi(reference, estimate, rate_hz, extended=True)


def _stoi(reference: ArrayLike, estimate: ArrayLike, rate_hz: float, *, extended: bool) -> float:
    from phonoscope.audio import resample

    s, e = validate(reference, estimate)
    rate = check_rate(rate_hz)
    pystoi = _pystoi()
    if not e.any():
        return 0.0
    # The library's own constants for "nothing" are absolute: bring both to its scale, and rate.
    s, e = (resample(x / np.sqrt(np.mean(x**2)), rate, _STOI_RATE_HZ) for x in (s, e))
    if len(s) < _STOI_MIN_SAMPLES:
        return math.nan
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        score = float(pystoi.stoi(s, e, _STOI_RATE_HZ, extended=extended))
    # It warns and returns 1e-5, which would look like a score.
    too_short = any("Not enough STFT frames" in str(warning.message) for warning in caught)
    return math.nan if too_short else score


def _pystoi() -> Any:
    try:
        import pystoi
    except ImportError as error:
        raise MissingExtraError(
            'STOI needs the package pystoi; run: pip install "phonoscope[evaluate]"'
        ) from error
    return pystoi
