"""Motion field to sound: whiten, combine, keep the band."""

import math
from functools import partial

import numpy as np

from phonoscope.errors import InputError
from phonoscope.sound.combine import Component, strongest_component
from phonoscope.sound.filter import band_pass, chosen_band, noise_gain
from phonoscope.sound.whiten import Channels, displacement_information, whiten
from phonoscope.types import Float64, MotionField, Sound

_FEWEST_SAMPLES = 32
_HEARING = 9.0  # a cell hears if its share is 3 sigma above what noise alone would give it


def listen(field: MotionField, *, band: tuple[float, float] | None = None) -> Sound:
    """Turn a motion field into sound, as measured: the strongest common motion within a band.

    Parameters
    ----------
    field
        Motion field.
    band
        Lowest and highest frequency to keep, Hz; from 20 Hz to Nyquist by default.

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
    passed = noise_gain(field.samples, rate, (low, high))
    component = strongest_component(
        channels, partial(_on_even_times, field=field, rate=rate, band=(low, high)), passed
    )
    scale = _px_per_unit(channels, component, field.samples * passed)
    warnings = list(field.warnings)
    if component.power == 0:
        warnings.append("nothing stands above the noise floor: what is written is noise.")
    return Sound(
        samples=component.signal * scale,
        rate_hz=field.rate_hz,
        band_hz=(low, high),
        snr_db=10 * math.log10(component.power) if component.power else -math.inf,
        noise_floor_px=abs(scale) * math.sqrt(passed),
        motion_rms_px=abs(scale) * math.sqrt(passed * component.power),
        warnings=tuple(warnings),
    )


def _on_even_times(
    signals: Float64, *, field: MotionField, rate: float, band: tuple[float, float]
) -> Float64:
    if not field.facts.variable_rate:
        return band_pass(signals, rate, band)
    # Frames at uneven times: interpolated to even ones for the filter, and back.
    time = field.time_s
    even = time[0] + np.arange(len(time)) * (time[-1] - time[0]) / (len(time) - 1)
    filtered = band_pass(_interpolated(even, time, signals), rate, band)
    return _interpolated(time, even, filtered)


def _interpolated(wanted: Float64, time: Float64, signals: Float64) -> Float64:
    from scipy.interpolate import CubicSpline  # slow to import

    return np.asarray(CubicSpline(time, signals, axis=0)(wanted))


def _px_per_unit(channels: Channels, component: Component, samples: float) -> float:
    """Return how far, in px, the cells that hear move for one unit of the component; signed.

    The mean over those cells is weighted by information, so that it is exact for a rigid motion.
    """
    share = component.loading.reshape(-1, 2)
    noise = 2 / max(samples * max(component.power, 1e-3), 1)
    energy = (share**2).sum(axis=1)
    hears = energy > min(_HEARING * noise, float(energy.max()) / 2)
    shape = np.einsum("cij,cj->ci", np.linalg.pinv(channels.root[hears], rcond=1e-6), share[hears])
    length = np.linalg.norm(shape, axis=1, keepdims=True)
    direction = shape / np.where(length > 0, length, 1)
    information = displacement_information(channels.field.information)[hears]
    along = np.einsum("ci,cij,cj->c", direction, information, direction)
    size = math.sqrt(float(energy[hears].sum() / along.sum()))
    # Sign: the information-weighted mean motion goes right, or down if that is the larger part.
    mean = np.einsum("cij,cj->i", information, shape)
    return math.copysign(size, float(mean[np.argmax(np.abs(mean))]))
