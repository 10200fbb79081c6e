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
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phonoscope.sound.subspace import CrossFit, steps
from phonoscope.sound.windows import (
    Complex,
    centres,
    covariances,
    frequencies_hz,
    independent_frames,
)
from phonoscope.types import Float64

_SIGNIFICANT = 1e-3
_SURE = 4.0  # standard deviations
_SHAPES = 2  # of the sound within one bin
_LEAST_APART = 0.2  # of a scattered direction


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
    fits: Iterable[CrossFit],
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
    fits
        Of two folds; they are taken one after the other, and not held.
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
    heard = [_Heard.of(fit, window, adds_up=adds_up) for fit in fits]
    noise = _noise([one.beside for one in heard])
    raised = _raised(heard, noise, 0.0 if adds_up else _SURE)
    noise = noise * raised * louder
    independent = independent_frames(min(one.frames for one in heard))
    count = heard[0].taught.shape[1]
    # Without any the noise is taken to be what the cells claim, and known.
    references = heard[0].beside.shape[1] or math.inf
    if (raised > 1).any():
        references = heard[0].scattered.shape[1] / count - 1
    # The folds share what channels there are: the fewer, the more alike are their directions.
    alike = min(1.0, count / (2 * heard[0].channels))
    snr = np.zeros(len(noise))
    undecided = counted.copy()
    best, trials = 1.0, 0

    def tried_on(bins: NDArray[np.int64]) -> tuple[float, float]:
        ratio = np.mean([_held_out(one.taught, one.tried, noise, bins) for one in heard])
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
    if adds_up:
        noise = _noise([one.in_itself for one in heard]) * raised * louder
    return Evidence(
        frequencies_hz(window, rate_hz), noise, snr, counted, min(1.0, best * trials), independent,
        raised,
    )  # fmt: skip


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


@dataclass(frozen=True, slots=True, eq=False)
class _Heard:
    """Mean products of short-time spectra, ``(bin, signal, signal)``, through a fold's directions.

    Of what the fold `taught`, on its own frames; and on those of the other fold, of the same
    `tried`, of what is `beside` it, and of `scattered` directions, before which stand the same.
    All are of steps where noise adds up; then `in_itself` is what `beside` is of the signals.
    `frames` is the number of the fold's own, `likeness` and `channels` as in `CrossFit`.
    """

    taught: Complex
    tried: Complex
    beside: Complex
    scattered: Complex
    in_itself: Complex
    likeness: Float64
    frames: int
    channels: int

    @classmethod
    def of(cls, fit: CrossFit, window: int, *, adds_up: bool) -> "_Heard":
        samples, count = fit.learned.shape
        centre, half = centres(samples, window), window // 2
        inside = (centre >= half) & (centre + half <= samples)
        low, high = np.maximum(centre - half, 0), np.minimum(centre + half, samples) - 1
        pure = inside & (fit.own[low] == fit.own[high])
        # What one fold taught is tried on the other, and so is the noise beside it.
        own, other = (np.flatnonzero(pure & (fit.own[low] == mine)) for mine in (True, False))
        both = np.hstack([fit.learned, fit.scattered])
        (in_itself,) = covariances(fit.references, window, (other,))
        beside = in_itself
        if adds_up:
            both = steps(both)
            (beside,) = covariances(steps(fit.references), window, (other,))
        taught, tried = covariances(both, window, (own, other))
        return cls(
            taught[:, :count, :count], tried[:, :count, :count], beside, tried, in_itself,
            fit.likeness, len(own), fit.channels,
        )  # fmt: skip


def _noise(beside: Sequence[Complex]) -> Float64:
    if not beside[0].shape[1]:
        return np.ones(len(beside[0]))
    powers = [np.diagonal(own, axis1=1, axis2=2).real.mean(axis=1) for own in beside]
    return np.asarray(np.maximum(np.mean(powers, axis=0), 1e-12))


def _raised(heard: Sequence[_Heard], noise: Float64, sure: float) -> Float64:
    # Of what a scattered direction hears, the direction itself explains the sound. The rest is the
    # noise of its cells.
    independent = independent_frames(min(one.frames for one in heard))
    if independent <= 2 * _SHAPES or heard[0].scattered.shape == heard[0].tried.shape:
        return np.ones(len(noise))
    powers = [
        _unexplained(one.taught, one.scattered, one.likeness, independent_frames(other.frames))
        for one, other in zip(heard, heard[::-1], strict=True)
    ]
    times = np.mean(powers, axis=0) / noise
    freedom = 2 * (independent - _SHAPES)
    return np.asarray(np.where(times > 1 + sure / math.sqrt(freedom), times, 1.0))


def _unexplained(taught: Complex, tried: Complex, likeness: Float64, independent: float) -> Float64:
    # (bin,) mean square of the scattered directions beside the directions that were taught.
    bins, count, _ = taught.shape
    vectors = np.linalg.eigh(taught)[1][:, :, -_SHAPES:].conj()
    sound = tried[:, :count, :count]
    parts = tried[:, count:].reshape(bins, -1, count, tried.shape[2])
    along = vectors[:, :, -1]
    # Products of what is heard along the strongest direction, scattered, with all signals.
    heard = np.einsum("bi,bnij->bnj", along, parts)
    own = heard[:, :, count:].reshape(bins, parts.shape[1], -1, count)
    total = np.einsum("bnnj,bj->bn", own, along.conj()).real
    cross = np.einsum("bnj,bjs->bns", heard[:, :, :count], vectors.conj())
    among = vectors.transpose(0, 2, 1) @ sound @ vectors.conj()
    inverse = np.linalg.pinv(among, hermitian=True)
    explained = np.einsum("bns,bsr,bnr->bn", cross, inverse, cross.conj()).real
    left = np.maximum(total - explained, 0) * independent / max(independent - _SHAPES, 1)
    # Of noise that patches do not share, what a direction has in common with the scattered one was
    # taken for explained.
    overlap = np.einsum("bi,nij,bjs->bns", along, likeness, vectors.conj())
    apart = np.maximum(1 - np.sum(np.abs(overlap) ** 2, axis=2), _LEAST_APART)
    return np.asarray((left / apart).mean(axis=1))


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
