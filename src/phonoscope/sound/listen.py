"""Motion field to sound: whiten, learn directions, weigh the evidence, combine, keep the band."""

import math

import numpy as np

from phonoscope.errors import InputError
from phonoscope.sound.array import multichannel_wiener
from phonoscope.sound.evidence import Evidence, gather
from phonoscope.sound.excess import excess
from phonoscope.sound.filter import band_pass, chosen_band, noise_gain
from phonoscope.sound.subspace import cross_fit, strongest
from phonoscope.sound.verdict import FALSE_ALARM, counted_bins, judge
from phonoscope.sound.whiten import PER_CELL, Channels, displacement_information, rewhiten, whiten
from phonoscope.sound.windows import frequencies_hz, shares_of_power, window_samples
from phonoscope.types import Float64, MotionField, Sound

_FEWEST_SAMPLES = 32
_HEARING = 9.0  # a cell hears if its share is 3 sigma above what noise alone would give it


def listen(
    field: MotionField,
    *,
    band: tuple[float, float] | None = None,
    false_alarm: float = FALSE_ALARM,
) -> Sound:
    """Turn a motion field into sound, as measured: the strongest common motion within a band.

    Parameters
    ----------
    field
        Motion field.
    band
        Lowest and highest frequency to keep, Hz; from 20 Hz to Nyquist by default.
    false_alarm
        Probability with which noise may be taken for sound.

    Returns
    -------
    Sound
        In px, positive when most of what moves goes right (or down, if it moves that way more).

    Raises
    ------
    UsageError
        If the band is not within 0 Hz and Nyquist.
    InputError
        If the field is too short or holds no information.
    """
    rate = float(field.rate_hz)
    low, high = chosen_band(band, rate)
    if field.samples < _FEWEST_SAMPLES:
        raise InputError(
            f"{field.samples} frames are too few to hear anything in; "
            f"give at least {_FEWEST_SAMPLES}."
        )
    channels = whiten(field)
    if not channels.count:
        raise InputError("no cell shows motion in the chosen region; choose one with texture.")

    def even_band(signals: Float64) -> Float64:
        return band_pass(_at_even_times(signals, field), rate, (low, high))

    def in_band(signals: Float64) -> Float64:
        return _at_own_times(even_band(signals), field)

    window = window_samples(field.samples, rate)
    counted = counted_bins(frequencies_hz(window, rate), (low, high), field.facts)
    fit = cross_fit(channels, in_band, window)
    factors = excess(channels, fit.directions)
    if factors is not None:
        channels = rewhiten(channels, factors)
        fit = cross_fit(channels, in_band, window)
    evidence = gather(fit, window, rate, counted)
    passed = noise_gain(field.samples, rate, (low, high))
    information = displacement_information(channels.information)
    verdict = judge(
        evidence, field.facts, false_alarm, channels.count, field.samples * passed,
        float(np.trace(information.sum(axis=0))) / 2,
    )  # fmt: skip
    gains = _gains(evidence, field.samples, rate, (low, high), found=verdict.detected)
    subspace = strongest(
        channels, in_band, fit.directions, lambda s: _weighted(s, gains),
        (float(np.mean(gains**2)), float(np.mean(gains**4))),
    )  # fmt: skip
    if verdict.detected:
        kept = subspace.directions[:, : subspace.above_noise]
        heard = multichannel_wiener(even_band(channels.mix(kept)), evidence.noise, window)
        signal, noise = heard.signal, heard.noise
        power = heard.power * (1 - subspace.fitted)
        snr_db = 10 * math.log10(power / max(heard.error, 1e-30)) if power > 0 else -math.inf
        shares = kept.reshape(-1, PER_CELL, kept.shape[1])
        hearing = np.einsum("cqi,ij,cqj->c", shares, heard.covariance, shares) / passed
    else:
        signal = even_band(channels.mix(subspace.directions[:, :1]))[:, 0]
        power, noise, snr_db = 0.0, evidence.noise, -math.inf
        hearing = np.zeros(len(field.cells))
    scale = _px_per_unit(channels, subspace.directions[:, 0], field.samples * power)
    warnings = list(field.warnings)
    if not verdict.detected:
        because = f" ({verdict.reason})" if verdict.reason else ""
        warnings.append(f"nothing above the noise floor{because}: what is written is noise.")
    return Sound(
        samples=signal * scale,
        rate_hz=field.rate_hz,
        band_hz=(low, high),
        snr_db=snr_db,
        noise_floor_px=abs(scale) * math.sqrt(float(noise @ shares_of_power(window))),
        noise_psd=noise * scale**2 * 2 / rate,
        motion_rms_px=abs(scale) * math.sqrt(power),
        verdict=verdict,
        hearing=hearing,
        warnings=tuple(warnings),
    )


def _gains(
    evidence: Evidence, samples: int, rate: float, band: tuple[float, float], *, found: bool
) -> Float64:
    # Of each frequency of the whole clip, what is likely to be sound (Wiener). Without any, all.
    frequency = np.fft.rfftfreq(samples, 1 / rate)
    if not found:
        return ((frequency >= band[0]) & (frequency <= band[1])).astype(np.float64)
    share = np.sqrt(evidence.snr / (1 + evidence.snr)) / np.sqrt(evidence.noise)
    return np.asarray(np.interp(frequency, evidence.frequency_hz, share / share.max()))


def _weighted(signals: Float64, gains: Float64) -> Float64:
    spectrum = np.fft.rfft(signals, axis=0) * gains[:, None]
    return np.asarray(np.fft.irfft(spectrum, len(signals), axis=0))


def _at_even_times(signals: Float64, field: MotionField) -> Float64:
    return _interpolated(_even_times(field), field.time_s, signals, field)


def _at_own_times(signals: Float64, field: MotionField) -> Float64:
    return _interpolated(field.time_s, _even_times(field), signals, field)


def _even_times(field: MotionField) -> Float64:
    return np.linspace(field.time_s[0], field.time_s[-1], field.samples)


def _interpolated(wanted: Float64, time: Float64, signals: Float64, field: MotionField) -> Float64:
    if not field.facts.variable_rate:
        return signals
    from scipy.interpolate import CubicSpline  # slow to import

    return np.asarray(CubicSpline(time, signals, axis=0)(wanted))


def _px_per_unit(channels: Channels, loading: Float64, evidence: float) -> float:
    """Return how far, in px, the cells that hear move for one unit of the component; signed.

    The mean over those cells is weighted by information, so that it is exact for a rigid motion.
    `evidence` is the energy of the sound in it, over the noise of one sample.
    """
    share = loading.reshape(-1, PER_CELL)
    energy = (share**2).sum(axis=1)
    hears = energy > min(_HEARING * PER_CELL / max(evidence, 1), float(energy.max()) / 2)
    # Of (x, y, glint) for one unit, the motion.
    unwhitened = np.linalg.pinv(channels.root[hears], rcond=1e-6)
    shape = np.einsum("cij,cj->ci", unwhitened, share[hears])[:, :2]
    length = np.linalg.norm(shape, axis=1, keepdims=True)
    direction = shape / np.where(length > 0, length, 1)
    information = displacement_information(channels.information)[hears]
    square, norm = (float(np.einsum("ci,cij,cj->", v, information, v)) for v in (shape, direction))
    size = math.sqrt(square / norm) if norm > 0 else 0.0
    # Sign: the information-weighted mean motion goes right, or down if that is the larger part.
    mean = np.einsum("cij,cj->i", information, shape)
    return math.copysign(size, float(mean[np.argmax(np.abs(mean))]))
