"""Motion field to sound: attend to what moves together, combine it, bring it into pixels."""

import math

import numpy as np

from phonoscope.errors import InputError
from phonoscope.sound.array import multichannel_wiener, unfitted
from phonoscope.sound.attend import attend
from phonoscope.sound.filter import chosen_band, noise_gain
from phonoscope.sound.verdict import FALSE_ALARM
from phonoscope.sound.whiten import PER_CELL, Channels, displacement_information
from phonoscope.sound.windows import shares_of_power
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
    attention = attend(field, (low, high), false_alarm)
    channels = attention.channels
    evidence, verdict, window = attention.evidence, attention.verdict, attention.window
    virtual = attention.virtual()
    if verdict.detected:
        heard = multichannel_wiener(virtual, evidence.noise, window)
        signal, noise = heard.signal, heard.noise
        # The noise where the sound is.
        where = evidence.snr * evidence.noise
        level = float(where @ evidence.noise) / float(where.sum())
        power, aligned = unfitted(heard.power, level * channels.count / field.samples)
        snr_db = 10 * math.log10(power / max(heard.error, 1e-30)) if power > 0 else -math.inf
        shares = attention.kept.reshape(-1, PER_CELL, virtual.shape[1])
        passed = noise_gain(field.samples, rate, (low, high))
        hearing = np.einsum("cqi,ij,cqj->c", shares, heard.covariance, shares) / passed
    else:
        signal = virtual[:, 0]
        power, aligned, noise, snr_db = 0.0, 1.0, evidence.noise, -math.inf
        hearing = np.zeros(len(field.cells))
    scale = _px_per_unit(channels, attention.kept[:, 0], field.samples * power)
    if aligned:
        scale /= math.sqrt(aligned)
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
