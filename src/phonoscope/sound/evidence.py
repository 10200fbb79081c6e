"""Is there sound? At which frequencies, how strong, and with what probability of a false alarm.

Directions learned from one fold of the samples are tried on the other, whose noise they have never
seen: the power heard there over the noise's own is 1 if there is nothing but noise, whatever was
learned, and its spread is known (an F distribution). That is tried in single bins, where lines
stand out, and in bands twice, four times ... as wide, in which faint broad sound adds up; a
direction is learned for each. The noise is measured by combinations of channels that hear nothing
else, so it may have any level and colour. Where the very cells that hear are noisier than the
others, as a codec leaves those that move, it is theirs that counts.

Noise that adds up from sample to sample, as that of a pattern that becomes another, is loud and
slow: windows would share it. Its steps are white again, or nearly, and have as much sound in noise
at each frequency; so steps are what is tried. Cells differ in it more than in the camera's, so that
theirs counts without waiting until it surely is more.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from phonoscope.sound.subspace import CrossFit, steps
from phonoscope.sound.windows import Complex, centres, frequencies_hz, independent_frames, spectra
from phonoscope.types import Float64

_SIGNIFICANT = 1e-3
_SURE = 4.0  # standard deviations
_SHAPES = 2  # of the sound within one bin


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What speaks for sound at each frequency.

    Attributes
    ----------
    frequency_hz
        ``(bin,)``.
    noise
        ``(bin,)`` measured noise power in the cells that hear, where that of the camera by its own
        model is 1.
    snr
        ``(bin,)`` power of the sound over the noise in the best combination of channels; 0 where
        nothing stands out.
    counted
        ``(bin,)`` whether it counts in the verdict.
    p_value
        Probability that noise alone looks like this, anywhere in the band.
    independent
        Number of independent windows.
    raised
        ``(bin,)`` how many times as noisy the cells that hear are as all cells alike.
    quietest
        Share of the noise that is left in the quietest of a cell's three channels: a codec that
        puts noise of its own into motion may leave none of the camera's in brightness. Infinite
        where what is left says nothing of a codec.
    """

    frequency_hz: Float64
    noise: Float64
    snr: Float64
    counted: NDArray[np.bool_]
    p_value: float
    independent: float
    raised: Float64
    quietest: float = 1.0


def gather(
    fit: CrossFit,
    window: int,
    rate_hz: float,
    counted: NDArray[np.bool_],
    *,
    louder: float = 1.0,
    adds_up: bool = False,
) -> Evidence:
    """Try what each fold taught on the other.

    Parameters
    ----------
    fit
        Two folds' signals.
    window
        Samples in a window.
    rate_hz
        Sample rate.
    counted
        ``(bin,)`` of the spectra of such windows: which may count.
    louder
        Factor by which the noise is known to be louder than it shows beside the directions.
    adds_up
        Whether noise adds up from sample to sample.
    """
    samples = len(fit.fold)
    centre, half = centres(samples, window), window // 2
    inside = (centre >= half) & (centre + half <= samples)
    low, high = np.maximum(centre - half, 0), np.minimum(centre + half, samples) - 1
    pure = inside & (fit.fold[low] == fit.fold[high])
    of_fold = [np.flatnonzero(pure & (fit.fold[low] == f)) for f in (0, 1)]
    # What fold 0 taught is tried on fold 1, and so is the noise beside it.
    whole = fit
    fit = _in_steps(whole) if adds_up else whole
    noise = _noise(fit, window, of_fold[::-1])
    raised = _raised(fit, window, of_fold, noise, 0.0 if adds_up else _SURE)
    noise = noise * raised * louder
    taught, tried = [], []
    for signals, own, other in zip(fit.learned, of_fold, of_fold[::-1], strict=True):
        seen = spectra(signals, window)
        taught.append(_covariance(seen[:, :, own]))
        tried.append(_covariance(seen[:, :, other]))
    independent = independent_frames(min(map(len, of_fold)))
    # Without any the noise is taken to be what the cells claim, and known.
    references = fit.references[0].shape[1] or math.inf
    if (raised > 1).any():
        references = fit.scattered[0].shape[1] / fit.learned[0].shape[1]
    # The folds share what channels there are: the fewer, the more alike are their directions.
    alike = min(1.0, fit.learned[0].shape[1] / (2 * fit.channels))
    snr = np.zeros(len(noise))
    undecided = counted.copy()
    best, trials = 1.0, 0

    def tried_on(bins: NDArray[np.int64]) -> tuple[float, float]:
        ratio = np.mean([_held_out(a, b, noise, bins) for a, b in zip(taught, tried, strict=True)])
        freedom = 4 * independent * _independent_bins(len(bins)) / (1 + alike)
        return float(ratio), _f_tail(float(ratio), freedom, freedom * references)

    for band in _bands(np.flatnonzero(counted)):
        ratio, p = tried_on(band)
        best, trials = min(best, p), trials + 1
        # From single bins to ever wider bands: each bin's SNR is read in the narrowest that tells,
        # and what tells for itself does not speak for its neighbours.
        rest = band[undecided[band]]
        if 0 < len(rest) < len(band):
            ratio, p = tried_on(rest)
        if p < _SIGNIFICANT and len(rest):
            snr[rest] = ratio - 1
            undecided[rest] = False
    heard = noise
    if adds_up:
        heard = _noise(whole, window, of_fold[::-1]) * raised * louder
    return Evidence(
        frequencies_hz(window, rate_hz), heard, snr, counted, min(1.0, best * trials), independent,
        raised,
    )  # fmt: skip


def _in_steps(fit: CrossFit) -> CrossFit:
    learned, references = (
        (steps(one), steps(other)) for one, other in (fit.learned, fit.references)
    )
    scattered = tuple(steps(one) for one in fit.scattered)
    return replace(fit, learned=learned, references=references, scattered=scattered)


def _bands(bins: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    width = 1
    while width < 2 * len(bins):
        for first in range(0, max(len(bins) - width // 2, 1), max(width // 2, 1)):
            yield bins[first : first + width]
        width *= 2


def _independent_bins(count: int) -> float:
    # Through a Hann window neighbouring bins share 4/9 of their power's variance, the next 1/36.
    shared = 2 * (max(count - 1, 0) * 4 / 9 + max(count - 2, 0) / 36) / count
    return count / (1 + shared)


def _noise(fit: CrossFit, window: int, frames: Sequence[NDArray[np.int64]]) -> Float64:
    if not fit.references[0].shape[1]:
        return np.ones(window // 2 + 1)
    powers = [
        np.mean(np.abs(spectra(signals, window)[:, :, tried]) ** 2, axis=(1, 2))
        for signals, tried in zip(fit.references, frames, strict=True)
    ]
    return np.asarray(np.maximum(np.mean(powers, axis=0), 1e-12))


def _raised(
    fit: CrossFit, window: int, of_fold: Sequence[NDArray[np.int64]], noise: Float64, sure: float
) -> Float64:
    # Of what a scattered direction hears, the direction itself explains the sound. The rest is the
    # noise of its cells.
    powers = [
        _unexplained(spectra(signals, window), spectra(scattered, window), own, other)
        for signals, scattered, own, other in zip(
            fit.learned, fit.scattered, of_fold, of_fold[::-1], strict=False
        )
    ]
    independent = independent_frames(min(map(len, of_fold)))
    if not powers or independent <= 2 * _SHAPES:
        return np.ones(len(noise))
    times = np.mean(powers, axis=0) / noise
    freedom = 2 * (independent - _SHAPES)
    return np.asarray(np.where(times > 1 + sure / math.sqrt(freedom), times, 1.0))


def _unexplained(
    seen: Complex, scattered: Complex, own: NDArray[np.int64], other: NDArray[np.int64]
) -> Float64:
    # (bin,) mean square of the scattered directions beside the directions that `own` taught.
    independent = independent_frames(len(other))
    vectors = np.linalg.eigh(_covariance(seen[:, :, own]))[1][:, :, -_SHAPES:].conj()
    sound = np.einsum("bis,bit->bst", vectors, seen[:, :, other])
    bins, count, frames = seen[:, :, other].shape
    parts = scattered[:, :, other].reshape(bins, -1, count, frames)
    heard = np.einsum("bi,bnit->bnt", vectors[:, :, -1], parts)
    total = np.mean(np.abs(heard) ** 2, axis=2)
    cross = np.einsum("bnt,bst->bns", heard, sound.conj()) / frames
    inverse = np.linalg.pinv(_covariance(sound), hermitian=True)
    explained = np.einsum("bns,bsr,bnr->bn", cross, inverse, cross.conj()).real
    left = np.maximum(total - explained, 0) * independent / max(independent - _SHAPES, 1)
    return np.asarray(left.mean(axis=1))


def _covariance(seen: Complex) -> Complex:
    return np.asarray(np.einsum("bit,bjt->bij", seen, seen.conj()) / max(seen.shape[2], 1))


def _held_out(taught: Complex, tried: Complex, noise: Float64, bins: NDArray[np.int64]) -> float:
    # Power along the taught direction over the noise's, where each bin counts by its noise.
    share = 1 / noise[bins, None, None]
    direction = np.linalg.eigh((taught[bins] * share).sum(axis=0))[1][:, -1]
    power = np.einsum("i,bij,j->b", direction.conj(), tried[bins] * share, direction).real
    return float(power.mean())


def _f_tail(ratio: float, above: float, below: float) -> float:
    from scipy.special import fdtrc, gammaincc  # quick, where scipy.stats is slow to import

    if math.isinf(below):
        return float(gammaincc(above / 2, ratio * above / 2))
    return float(fdtrc(above, below, ratio))
