"""Checks of what the user gave: a value that cannot be right is refused before it does harm."""

import math
from fractions import Fraction
from numbers import Integral

import numpy as np

from phonoscope.errors import UsageError
from phonoscope.types import Float64

_FEWEST_SAMPLES = 8  # of a sound: splines and filters need some


def check(
    name: str,
    value: float | Fraction,
    lowest: float,
    highest: float = math.inf,
    *,
    above: bool = False,
    whole: bool = False,
) -> None:
    """Raise `UsageError` unless `value` lies from `lowest` (or `above` it) to `highest`."""
    number = float(value)
    fits = lowest < number if above else lowest <= number
    if fits and number <= highest and number < math.inf and (not whole or _is_whole(value)):
        return
    kind = "whole number" if whole else "number"
    bounds = f"{'above' if above else 'from'} {lowest:g}"
    if highest < math.inf:
        bounds += f" and up to {highest:g}" if above else f" to {highest:g}"
    raise UsageError(f"{name} {value} cannot be right; give a {kind} {bounds}.")


def check_finite(name: str, *values: float) -> None:
    """Raise `UsageError` unless all values are finite."""
    for value in values:
        if not math.isfinite(value):
            raise UsageError(f"{name} {value} cannot be right; give a finite number.")


def check_band(low_hz: float, high_hz: float) -> None:
    """Raise `UsageError` unless ``0 < low_hz < high_hz``, both finite."""
    if not 0 < low_hz < high_hz < math.inf:
        raise UsageError(
            f"frequencies from {low_hz} to {high_hz} Hz are no range; give a lowest above 0 and a "
            "highest above that."
        )


def check_sound(sound: Float64, rate_hz: float) -> None:
    """Raise `UsageError` unless `sound` is ``(sample,)`` finite numbers, enough to render."""
    check("the sound's rate", rate_hz, 0, above=True)
    samples = np.asarray(sound)
    if samples.ndim != 1 or samples.size == 0 or samples.dtype.kind not in "iuf":
        raise UsageError(
            f"a sound of shape {samples.shape} and type {samples.dtype} cannot be played; give one "
            "channel of real numbers."
        )
    if len(samples) < _FEWEST_SAMPLES:
        raise UsageError(
            f"{len(samples)} samples of sound are too short to render; give at least "
            f"{_FEWEST_SAMPLES}."
        )
    if not np.isfinite(samples).all():
        place = int(np.argmin(np.isfinite(samples)))
        raise UsageError(
            f"sample {place} of the sound is {samples[place]}; give finite numbers only."
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral)
