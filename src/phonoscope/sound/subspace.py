"""Few virtual channels that hold what many cells have in common.

The whitened channels' covariance is noise (the identity) plus what sound adds. Its strongest
directions are found by subspace iteration (Halko, Martinsson and Tropp, doi:10.1137/090771806) in a
few passes over the field, whose time filter is applied to a few combinations of channels rather
than to every channel.

Directions that were learned from a recording always fit its noise, too. So the samples are split
into two folds of alternating stretches, each heard through the directions learned from the other:
what is found there has not been fitted. Combinations of channels at random, orthogonal to all
directions learned, hear noise alone and tell its level.

That is the noise of all cells alike. A codec leaves more in those that move, and the directions
hear just these. So each direction is scattered, too: with the signs of its patches of the picture
drawn at random it hears the same cells, whose noise adds up as before, and whose sound does not.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phonoscope.sound.whiten import PER_CELL, Channels
from phonoscope.types import Float64

TimeFilter = Callable[[Float64], Float64]
"""A zero-phase filter of ``(sample, k)`` signals."""

PROBES = 16
"""Directions learned, at most."""
_SHARE_LEARNED = 1 / 3  # of few channels: the others tell the noise
_REFERENCES = 16
_SCATTERINGS = 2
_PATCH_PX = 32  # wider than the blocks of most codecs, whose error is their own
_FEWEST_PATCHES = 8
_ITERATIONS = 3
_SEED = 20140727
_LEAST = 1e-6
_EDGE_MARGIN = 1.05
_STRETCH_WINDOWS = 4


@dataclass(frozen=True, slots=True, eq=False)
class CrossFit:
    """What is heard through the directions that a fold of the samples taught.

    Attributes
    ----------
    own
        ``(sample,)`` whether it belongs to this fold; the others are held out.
    learned
        ``(sample, k)`` signals of all samples through the directions.
    references
        ``(sample, r)`` signals of combinations at right angles to them, which on the other fold
        hear noise alone; none where the channels are too few.
    scattered
        ``(sample, n * k)`` signals through the directions with the signs of patches drawn anew n
        times; none where the patches are too few.
    likeness
        ``(n, k, k)`` inner products of the directions with the scattered ones, which by chance are
        not quite at right angles.
    channels
        Number of channels that carry information.
    """

    own: NDArray[np.bool_]
    learned: Float64
    references: Float64
    scattered: Float64
    likeness: Float64
    channels: int


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """What two folds of the samples teach.

    Attributes
    ----------
    fold
        ``(sample,)`` 0 or 1.
    taught
        Of each fold, ``(channel, k)`` directions.
    common
        How many of the first are motion common to all cells, which both folds have.
    """

    fold: NDArray[np.int64]
    taught: tuple[Float64, Float64]
    common: int

    @property
    def directions(self) -> Float64:
        """``(channel, k)`` of both, the common ones once: the span would be one of rounding."""
        return np.hstack([self.taught[0], self.taught[1][:, self.common :]])


def teach(channels: Channels, time_filter: TimeFilter, window: int) -> Folds:
    """Learn directions from each of two folds of stretches of a few windows.

    Where noise adds up they are learned from steps, or they would be those of its slow drift.
    """
    adds_up = channels.field.adds_up
    samples = channels.field.samples
    stretch = min(_STRETCH_WINDOWS * window, samples // 2)
    fold = np.arange(samples) // stretch % 2
    fixed = _common_motion(channels)
    probes = min(PROBES, max(fixed.shape[1], round(_SHARE_LEARNED * channels.count)))
    random = _at_random(channels, probes, np.random.default_rng(_SEED))
    start = _orthonormal(np.hstack([fixed, random]))[:, :probes]
    both = start, start
    for _ in range(_ITERATIONS):
        signals = time_filter(channels.mix(np.hstack(both)))
        signals = steps(signals) if adds_up else signals
        width = both[0].shape[1]
        # Each fold teaches its own directions only.
        signals[fold == 1, :width] = 0
        signals[fold == 0, width:] = 0
        first, second = np.hsplit(channels.correlate(signals), 2)
        # Motion common to all cells need not be learned: it stays, however faint.
        both = (
            _orthonormal(np.hstack([fixed, first]))[:, :width],
            _orthonormal(np.hstack([fixed, second]))[:, :width],
        )
    return Folds(fold, both, fixed.shape[1])


def try_out(folds: Folds, channels: Channels, time_filter: TimeFilter) -> Iterator[CrossFit]:
    """Hear all samples through what each fold taught, one fold after the other, and beside it."""
    random = np.random.default_rng((_SEED, 1))
    width = folds.taught[0].shape[1]
    references = _at_random(channels, min(_REFERENCES, channels.count - width), random)
    signs = _signs_of_patches(channels, random)
    for number, known in enumerate(folds.taught):
        # What is still, for the lamps' sake, hears less than noise.
        silent = span(np.hstack([known, channels.deaf]))
        apart = span(references - silent @ (silent.T @ references))
        drawn = [known * sign[:, None] for sign in signs]
        scattered = np.hstack([known[:, :0], *drawn])
        likeness = np.reshape([known.T @ one for one in drawn], (-1, width, width))
        # Some at a time, which takes no longer: filtering needs room.
        learned, beside, patches = (
            time_filter(channels.mix(part)) for part in (known, apart, scattered)
        )
        yield CrossFit(folds.fold == number, learned, beside, patches, likeness, channels.count)


@dataclass(frozen=True, slots=True, eq=False)
class Subspace:
    """The virtual channels.

    Attributes
    ----------
    directions
        ``(channel, k)`` orthonormal, strongest first.
    above_noise
        How many of them stand above noise.
    """

    directions: Float64
    above_noise: int


def strongest(
    channels: Channels,
    time_filter: TimeFilter,
    start: Float64,
    weighting: Callable[[Float64], Float64],
    power: tuple[float, float],
) -> Subspace:
    """Return the strongest directions of all samples under a weighting in time or frequency.

    Parameters
    ----------
    channels
        Whitened channels.
    time_filter
        As in `teach`.
    start
        ``(channel, any)`` directions to start from.
    weighting
        A zero-phase filter that keeps of ``(sample, k)`` signals what is likely to be sound.
    power
        Mean over white noise's spectrum of the square and of the fourth power of all gains: what
        the filters leave of noise, and of its number of independent samples.
    """
    random = np.random.default_rng(_SEED)
    known = _orthonormal(start)
    probes = min(PROBES, known.shape[1])
    basis = _orthonormal(known @ random.standard_normal((known.shape[1], probes)))
    for _ in range(_ITERATIONS):
        signals = weighting(time_filter(channels.mix(basis)))
        basis = _orthonormal(channels.correlate(signals))
    signals = weighting(time_filter(channels.mix(basis)))
    values, vectors = np.linalg.eigh(signals.T @ signals / len(signals))
    square, fourth = power
    independent = max(len(signals) * square**2 / max(fourth, 1e-12), 1.0)
    # What noise alone reaches (Marchenko and Pastur, doi:10.1070/SM1967v001n04ABEH001994).
    crowding = channels.count / independent
    above = int(np.count_nonzero(values > _EDGE_MARGIN * square * (1 + np.sqrt(crowding)) ** 2))
    return Subspace(basis @ vectors[:, ::-1], max(above, 1))


def steps(signals: Float64) -> Float64:
    """Return what ``(sample, k)`` signals change by from sample to sample, 0 at first."""
    return np.diff(signals, axis=0, prepend=signals[:1])


def _common_motion(channels: Channels) -> Float64:
    # Motion of all cells alike, along x and along y.
    shared = channels.root.reshape(-1, PER_CELL)[:, :2]
    return _orthonormal(shared) if np.linalg.matrix_rank(shared) == 2 else shared[:, :0]


def _at_random(channels: Channels, count: int, random: np.random.Generator) -> Float64:
    alive = channels.root.any(axis=2).reshape(-1)
    count = min(count, int(alive.sum()))
    return random.standard_normal((len(alive), count)) * alive[:, None]


def _signs_of_patches(channels: Channels, random: np.random.Generator) -> list[Float64]:
    # (channel,) 1 or -1, alike within a patch.
    cells = channels.field.cells
    place = np.stack([cells.x_px, cells.y_px], axis=1) // _PATCH_PX
    patch = np.unique(place, axis=0, return_inverse=True)[1].reshape(-1)
    patches = int(patch.max()) + 1
    if patches < _FEWEST_PATCHES:
        return []
    drawn = random.choice([-1.0, 1.0], (_SCATTERINGS, patches))
    return [np.repeat(signs[patch], PER_CELL) for signs in drawn]


def span(columns: Float64) -> Float64:
    """Return an orthonormal basis of columns, as many as there are: it may be none."""
    vectors, values, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(vectors[:, values > _LEAST * max(float(values.max(initial=0)), 1e-300)])


def _orthonormal(columns: Float64) -> Float64:
    return np.asarray(np.linalg.qr(columns)[0])
