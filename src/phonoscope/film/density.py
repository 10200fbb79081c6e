"""Tracks of variable density: what is the same in all scans is learned."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from phonoscope.film.clean import moved_across, smooth_down
from phonoscope.film.find import Track
from phonoscope.film.reader import LEAST_SKEW, Reader
from phonoscope.types import Float64

_SKEW_LAG = 8  # lines
_CURVES = np.geomspace(0.3, 3.5, 65)
_CERTAIN = 4.0  # standard errors by which a curve must differ from a straight line


def learn_density(track: Track, strips: Float64, weave: Sequence[float]) -> Reader:
    """Return how to read a track of variable density; see `learn`."""
    scans = strips
    strips = np.array([moved_across(one, -x) for one, x in zip(scans, weave, strict=True)])
    lines = np.median(strips, axis=2)
    scale = float(np.mean(lines))
    across = strips.mean(axis=(0, 1)) / scale
    # Beside the track nothing is to be heard: columns out there weigh nothing.
    inside = across > 0.5 * np.median(across)
    gain = _correlated(strips, lines)
    weighed = np.where(inside, gain, 0)
    left = strips - lines[..., None] * weighed
    variance = np.where(inside, np.median(np.abs(left), axis=(0, 1)) ** 2 / 0.455, 1e12)
    variance = np.maximum(variance, 1e-3 * np.median(variance[inside]))
    ratio = lines.mean(axis=0) / scale
    down = smooth_down(ratio, np.ones(len(ratio)))
    worn = np.zeros(strips.shape[2], bool)
    reader = Reader(track, np.zeros(1), down[:, None] * weighed[None], variance, worn, worn)
    skew = _skew_of_density(strips / down[:, None], weighed)
    if abs(skew) * inside.sum() >= LEAST_SKEW:
        reader = replace(reader, skew=skew)
    brightness = np.array([reader.brightness_of(*both) for both in zip(scans, weave, strict=True)])
    clearest = float(np.percentile(brightness, 99))
    reader = replace(reader, clear=reader.clear * max(clearest, 1e-9))
    return replace(reader, curve=_curve(brightness / max(clearest, 1e-9)))


def _correlated(strips: Float64, lines: Float64) -> Float64:
    """Return ``(column,)`` how much of the lines' brightness each column shows."""
    own = lines - lines.mean(axis=1, keepdims=True)
    power = max(float((own**2).sum()), 1e-12)
    moved = np.einsum("nyx,ny->x", strips, own) / power
    steady = strips.mean(axis=(0, 1)) / lines.mean()
    # Of a quiet track its mean says more; of a loud one both agree.
    both = np.where(np.abs(moved / np.maximum(steady, 1e-9) - 1) < 0.2, steady, moved)
    return np.asarray(both.clip(0))


def _skew_of_density(strips: Float64, gain: Float64) -> float:
    """Return lines a px, from how much later one half of the track is than the other."""
    used = np.flatnonzero(gain > 0)
    if len(used) < 8:
        return 0.0
    half = len(used) // 2
    left, right = used[:half], used[-half:]
    a = np.median(strips[:, :, left] / gain[left], axis=2)
    b = np.median(strips[:, :, right] / gain[right], axis=2)
    window = np.hanning(a.shape[1])
    one = np.fft.rfft((a - a.mean(axis=1, keepdims=True)) * window, 2 * a.shape[1])
    two = np.fft.rfft((b - b.mean(axis=1, keepdims=True)) * window, 2 * a.shape[1])
    cross = (one.conj() * two).sum(axis=0)
    correlation = np.fft.irfft(cross, 16 * 2 * a.shape[1])
    reach = 16 * min(_SKEW_LAG, a.shape[1] // 4)
    near = np.concatenate([correlation[-reach:], correlation[: reach + 1]])
    lag = (int(near.argmax()) - reach) / 16
    # What is seen later in the scan on the right lies there at a smaller line of the film.
    return float(-lag / (right.mean() - left.mean()))


def _curve(brightness: Float64) -> float:
    """Return the power of brightness that is in proportion to the sound.

    A curved response moves the mean of a loud stretch against that of a quiet one, and there is no
    sound of so low a frequency. The right power is the one at which scans' means do not depend on
    how loud they are; 1 where they do not say so clearly.

    Parameters
    ----------
    brightness
        ``(scan, line)``.
    """
    if len(brightness) < 8:
        return 1.0
    best = (np.inf, 1.0)
    plain = 0.0
    for power in np.append(_CURVES, 1.0):
        bent = np.maximum(brightness, 1e-6) ** power
        mean = bent.mean(axis=1)
        loud = bent.var(axis=1) / np.mean(mean) ** 2
        level = mean / np.mean(mean)
        x = loud - loud.mean()
        size = float((x**2).sum())
        if size < 1e-12:
            return 1.0
        slope = float((x * (level - 1)).sum()) / size
        left = level - 1 - slope * x
        doubt = np.sqrt(float((left**2).sum()) / max(len(x) - 2, 1) / size)
        if power == 1.0:
            plain = max(plain, abs(slope) / max(doubt, 1e-12))
        if abs(slope) < best[0]:
            best = (abs(slope), float(power))
    return best[1] if plain > _CERTAIN else 1.0
