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

from collections.abc import Callable
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
    """What two folds of the samples hear through directions learned from each other.

    Attributes
    ----------
    fold
        ``(sample,)`` 0 or 1.
    learned
        Of each fold, ``(sample, k)`` signals of all samples through the directions that this fold
        taught. Those of the other fold's samples are held out.
    references
        For the directions of each fold, ``(sample, r)`` signals of combinations at right angles to
        them, which on the other fold hear noise alone; none where the channels are too few.
    directions
        ``(channel, k)`` of both folds.
    channels
        Number of channels that carry information.
    scattered
        Of each fold, ``(sample, n * k)`` signals through its directions with the signs of patches
        drawn anew n times; none where the patches are too few.
    """

    fold: NDArray[np.int64]
    learned: tuple[Float64, Float64]
    references: tuple[Float64, Float64]
    directions: Float64
    channels: int
    scattered: tuple[Float64, ...]


def cross_fit(channels: Channels, time_filter: TimeFilter, window: int) -> CrossFit:
    """Learn directions from each of two folds of stretches of a few windows.

    Where noise adds up they are learned from steps, or they would be those of its slow drift.
    """
    adds_up = channels.field.adds_up
    samples = channels.field.samples
    stretch = min(_STRETCH_WINDOWS * window, samples // 2)
    fold = np.arange(samples) // stretch % 2
    random = np.random.default_rng(_SEED)
    fixed = _common_motion(channels)
    probes = min(PROBES, max(fixed.shape[1], round(_SHARE_LEARNED * channels.count)))
    start = _orthonormal(np.hstack([fixed, _at_random(channels, probes, random)]))[:, :probes]
    both = [start, start]
    for _ in range(_ITERATIONS):
        signals = time_filter(channels.mix(np.hstack(both)))
        signals = steps(signals) if adds_up else signals
        width = both[0].shape[1]
        parts = [
            signals[:, :width] * (fold == 0)[:, None],
            signals[:, width:] * (fold == 1)[:, None],
        ]
        taught = np.hsplit(channels.correlate(np.hstack(parts)), 2)
        # Motion common to all cells need not be learned: it stays, however faint.
        both = [_orthonormal(np.hstack([fixed, t]))[:, :width] for t in taught]
    references = _at_random(channels, min(_REFERENCES, channels.count - width), random)
    # What is still, for the lamps' sake, hears less than noise.
    silent = [span(np.hstack([known, channels.deaf])) for known in both]
    apart = [span(references - known @ (known.T @ references)) for known in silent]
    signs = _signs_of_patches(channels, random)
    scattered = [known * sign[:, None] for known in both for sign in signs]
    parts = [*both, *apart, *scattered]
    heard = time_filter(channels.mix(np.hstack(parts)))
    ends = np.cumsum([part.shape[1] for part in parts])[:-1]
    learned_0, learned_1, noise_0, noise_1, *rest = np.hsplit(heard, ends)
    halves = (rest[: len(signs)], rest[len(signs) :]) if signs else ()
    # The common motion, which both folds have, once: else the span would be one of rounding.
    directions = np.hstack([both[0], both[1][:, fixed.shape[1] :]])
    return CrossFit(
        fold, (learned_0, learned_1), (noise_0, noise_1), directions, channels.count,
        tuple(np.hstack(half) for half in halves),
    )  # fmt: skip


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
        As in `cross_fit`.
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
