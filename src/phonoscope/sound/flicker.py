"""Find the flicker of a lamp on the mains in what the cells saw of its light."""

import numpy as np

from phonoscope.types import Flicker, Float64, MotionField

_LAMPS_HZ = (100.0, 120.0)
_OFF = 0.0015  # relative: grids and cameras' clocks are right to within that
_STEPS = 16
_BESIDE = np.concatenate([np.arange(-20, -4), np.arange(5, 21)])  # resolutions away
_CLEAR = 20.0  # times the mean power beside it: noise is that in one of exp(20)
_SHALLOWEST = 5e-4
_MOST_GROUPS = 48  # of rows that are read one after the other
_LONGEST_S = 10.0  # from the beginning


def lamp_flicker(field: MotionField) -> Flicker | None:
    """Return the flicker of a lamp at 100 or 120 Hz, or None if none stands out.

    Of a rolling shutter rows count at their own times. Where the flicker folds back to less than a
    few Hz, as at 60 frames/s with a global shutter, it cannot be told from slow changes.
    """
    light, time = _light(field)
    span = float(time.max() - time.min())
    if span <= 0:
        return None
    weight = np.sin(np.pi * (time - time.min()) / span) ** 2
    weight /= weight.sum()
    nyquist = float(field.rate_hz) / 2
    best: tuple[float, float] | None = None
    for lamp in _LAMPS_HZ:
        folded = abs((lamp + nyquist) % (2 * nyquist) - nyquist)
        if not field.facts.shutter.rolling and folded * span < -_BESIDE[0]:
            continue
        near = lamp * (1 + np.linspace(-_OFF, _OFF, _STEPS))
        power = _power(light, time, weight, near)
        beside = _power(light, time, weight, lamp + _BESIDE / span).mean()
        depth = 2 * float(np.sqrt(power.max()))
        if power.max() > _CLEAR * beside and depth > max(_SHALLOWEST, best[1] if best else 0):
            best = (lamp, depth)
    return None if best is None else Flicker(*best)


def _light(field: MotionField) -> tuple[Float64, Float64]:
    """Return the light, less what lasts, and its times; one value for each clock and frame."""
    delays = np.unique(field.cells.delay_s)
    group = np.searchsorted(delays, field.cells.delay_s) * min(len(delays), _MOST_GROUPS)
    group //= len(delays)
    weight = np.zeros((len(group), int(group.max()) + 1))
    weight[np.arange(len(group)), group] = np.maximum(field.information[:, 2, 2], 0)
    weight = weight[:, weight.any(axis=0)]
    weight /= weight.sum(axis=0)
    gains, times = [], []
    for block in field.blocks:
        gains.append(block.gain @ weight)
        times.append(block.time_s)
        if times[-1][-1] - times[0][0] > _LONGEST_S:
            break
    gain = np.concatenate(gains)
    time = np.concatenate(times)[:, None] + field.cells.delay_s @ weight
    return (gain / gain.mean(axis=0) - 1).ravel(), time.ravel()


def _power(light: Float64, time: Float64, weight: Float64, frequency_hz: Float64) -> Float64:
    turns = np.exp(-2j * np.pi * np.outer(frequency_hz, time))
    return np.asarray(np.abs(turns @ (weight * light)) ** 2)
