"""How many independent sources there are, and one sound for each.

A sound shakes an object in several modes, which the virtual channels hold in some mixture. All that
one sound drives is coherent at every frequency, however unlike the spectra; what two sounds drive
is not. So the channels are first turned until their spectral covariances, at all frequencies
together, are as nearly diagonal as they can be (second-order blind identification: Belouchrani,
Abed-Meraim, Cardoso and Moulines, doi:10.1109/78.554307; by Jacobi rotations: Cardoso and
Souloumiac, doi:10.1137/S0895479893259546). Parts that stay coherent are then taken together, which
makes the covariances block diagonal. Each block is one source, and is heard through a multichannel
Wiener filter of its own.

The rotation keeps the noise white. It separates sources exactly where they shake different cells:
their channels are at right angles then, and the cells' own weights become block diagonal, too,
which tells sources of the same spectrum apart.
"""

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np

from phonoscope.sound.array import Heard, multichannel_wiener
from phonoscope.sound.windows import OVERLAP, Complex, independent_frames, spectra
from phonoscope.types import Float64

# Windows must outlast the modes' ringing, else one source's modes look less coherent than they are.
_RESOLUTION_HZ = 4.0
_FEWEST_WINDOWS = 12
_SWEEPS = 40
_STILL = 1e-4  # rad: rotations below that change nothing
_COHERENT = 0.25  # of what one source would give: less is two sources
_CERTAIN = 6.0  # standard deviations by which one source would show
_AUDIBLE = 2.0  # standard deviations: parts that share less say nothing of each other


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One source, as heard by the part of the virtual channels that it shakes.

    Attributes
    ----------
    heard
        Its sound, in the units of a virtual channel along the first of `directions`; `covariance`
        is ``(k, k)`` of all virtual channels.
    directions
        ``(k, own)`` orthonormal; `heard` estimates what the channels times the first of them would
        be without noise and without the other sources.
    """

    heard: Heard
    directions: Float64


def count_sources(
    channels: Float64, noise: Float64, window: int, rate_hz: float, shares: Float64
) -> int:
    """Return how many independent sources there are; at least 1, whatever the channels hold.

    Whether there is any is for the verdict to say. Parameters are those of `separate`.
    """
    return len(_blocks(channels, noise, window, rate_hz, shares))


def separate(
    channels: Float64, noise: Float64, window: int, rate_hz: float, shares: Float64
) -> tuple[Source, ...]:
    """Separate independent sources.

    Parameters
    ----------
    channels
        ``(sample, k)`` whitened virtual channels, all above the noise.
    noise
        ``(bin,)`` noise power in every channel, in spectra of windows of `window` samples.
    window
        Samples in a window of the Wiener filters.
    rate_hz
        Sample rate.
    shares
        ``(cell, any, k)`` weights of each cell's own channels in the virtual channels: where in the
        picture each of these listens.

    Returns
    -------
    The sources, the one with the most power first. Sources of which nothing can be heard at the
    same frequencies are taken for one: nothing tells them from one source's modes. So are two
    sounds that shake the same object.
    """
    sources = []
    for directions in _blocks(channels, noise, window, rate_hz, shares):
        heard = multichannel_wiener(channels @ directions, noise, window)
        covariance = directions @ heard.covariance @ directions.T
        sources.append(Source(replace(heard, covariance=covariance), directions))
    return tuple(sorted(sources, key=lambda s: -float(np.trace(s.heard.covariance))))


def _blocks(
    channels: Float64, noise: Float64, window: int, rate_hz: float, shares: Float64
) -> list[Float64]:
    """Return ``(k, own)`` orthonormal directions of each source."""
    covariance, independent = _spectral_covariance(channels, noise, window, rate_hz)
    turn = _joint_diagonal(_told_apart(covariance, shares))
    turned = turn.T @ covariance @ turn
    groups = _grouped(*_coherence(turned, independent))
    power = channels.T @ channels
    return [_strongest_first(turn[:, group], power) for group in groups]


def _spectral_covariance(
    channels: Float64, noise: Float64, window: int, rate_hz: float
) -> tuple[Complex, float]:
    """Return ``(bin, k, k)`` where noise is the identity, and the number of independent windows.

    Only of bins that hold as much as the noise or more.
    """
    samples = len(channels)
    wanted = min(rate_hz / _RESOLUTION_HZ, samples / _FEWEST_WINDOWS)
    long = max(int(2 ** round(np.log2(max(wanted, 1)))), window)
    seen = spectra(channels, long)
    # Windows that reach beyond the ends hold less.
    seen = seen[:, :, OVERLAP // 2 : seen.shape[2] - OVERLAP // 2]
    level = np.interp(
        np.linspace(0, 1, long // 2 + 1), np.linspace(0, 1, len(noise)), np.asarray(noise)
    )
    frames = max(seen.shape[2], 1)
    covariance = np.einsum("bit,bjt->bij", seen, seen.conj()) / frames / level[:, None, None]
    # The ends of the spectrum are real and have half the freedom; outside of the band is nothing.
    covariance = covariance[1:-1]
    in_band = np.linalg.eigvalsh(covariance)[:, -1] > 1
    return covariance[in_band], independent_frames(frames)


def _told_apart(covariance: Complex, shares: Float64) -> Float64:
    """Return ``(any, k, k)`` matrices of which the right rotation makes blocks, all at once.

    Sound at each frequency tells sources apart that differ in spectrum; where each cell listens
    tells them apart that are of the same colour. Both weigh the same.
    """
    # Each frequency counts by how much of it is sound, not by how loud it is.
    strongest = np.linalg.eigvalsh(covariance)[:, -1, None, None]
    sound = (covariance.real - np.eye(covariance.shape[1])) / strongest
    cells = np.einsum("cqi,cqj->cij", shares, shares)
    weight = np.linalg.norm(sound) / np.linalg.norm(cells)
    return np.concatenate([sound, weight * cells])


def _joint_diagonal(matrices: Float64) -> Float64:
    """Return the ``(k, k)`` rotation that makes ``(any, k, k)`` matrices most nearly diagonal."""
    count = matrices.shape[1]
    turn = np.asarray(np.linalg.eigh(matrices.sum(axis=0))[1])
    left = np.ascontiguousarray((turn.T @ matrices @ turn).transpose(1, 2, 0))
    for _ in range(_SWEEPS):
        largest = 0.0
        for p in range(count - 1):
            for q in range(p + 1, count):
                angle = _best_angle(left, p, q)
                largest = max(largest, abs(angle))
                if abs(angle) > _STILL:
                    _rotate(left, turn, p, q, angle)
        if largest <= _STILL:
            break
    return turn


def _best_angle(left: Float64, p: int, q: int) -> float:
    difference, twice = left[p, p] - left[q, q], 2 * left[p, q]
    on = float(difference @ difference - twice @ twice)
    off = float(2 * (difference @ twice))
    return float(0.5 * np.arctan2(off, on + np.hypot(on, off)))


def _rotate(left: Float64, turn: Float64, p: int, q: int, angle: float) -> None:
    plane = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    pair = [p, q]
    left[pair] = np.einsum("ab,a...->b...", plane, left[pair])
    left[:, pair] = np.einsum("ab,iat->ibt", plane, left[:, pair])
    turn[:, pair] = turn[:, pair] @ plane


def _coherence(turned: Complex, independent: float) -> tuple[Float64, Float64, float]:
    """Return ``(k, k)`` coherence summed over all bins, what one source would give, its spread."""
    power = np.einsum("bii->bi", turned).real
    both = power[:, :, None] * power[:, None, :]
    seen = (np.abs(turned) ** 2 / both - 1 / independent).sum(axis=0)
    share = np.maximum(1 - 1 / power, 0)
    share[power < 1 + 3 / np.sqrt(independent)] = 0
    expected = np.einsum("bi,bj->ij", share, share)
    # Through a Hann window about two bins in three are independent.
    spread = np.sqrt(len(turned) * 1.5) / independent
    return seen, expected, float(spread)


def _grouped(seen: Float64, expected: Float64, spread: float) -> list[list[int]]:
    """Merge parts while they are coherent, or cannot be told from being so."""
    groups = [[index] for index in range(len(seen))]
    while len(groups) > 1:
        pairs = itertools.combinations(range(len(groups)), 2)
        alike = {}
        for a, b in pairs:
            cross = np.ix_(groups[a], groups[b])
            alike[a, b] = _alike(seen[cross], expected[cross], spread)
        a, b = max(alike, key=alike.__getitem__)
        if alike[a, b][0] < _COHERENT:
            break
        groups[a] += groups.pop(b)
    return groups


def _alike(seen: Float64, expected: Float64, spread: float) -> tuple[float, float]:
    """Return how coherent two groups are, 1 if of one source; and how sure, to break ties."""
    audible = expected > _AUDIBLE * spread
    error = spread * math.sqrt(max(int(audible.sum()), 1))
    would, does = float(expected[audible].sum()), float(seen[audible].sum())
    sureness = does / max(would, _CERTAIN * error, 1e-30)
    if would > _CERTAIN * error:
        return does / would, sureness
    return max(sureness, _COHERENT), sureness


def _strongest_first(directions: Float64, power: Float64) -> Float64:
    vectors = np.linalg.eigh(directions.T @ power @ directions)[1]
    return np.asarray(directions @ vectors[:, ::-1])
