"""Combine whitened channels: the strongest component that they have in common.

The channels' covariance is noise (the identity, by whitening) plus what the sound adds. Its largest
eigenvector is found within the band by subspace iteration (Halko, Martinsson and Tropp,
doi:10.1137/090771806) in a few passes over the field, whose time filter is applied to a few
combinations rather than to every channel.

That eigenvector is learned from noisy samples, which makes its eigenvalue look larger than it is;
the spiked-covariance model (Baik and Silverstein, doi:10.1016/j.jmva.2005.08.003) tells by how
much, and below which eigenvalue there is nothing but noise.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from phonoscope.sound.whiten import Channels
from phonoscope.types import Float64

_PROBES = 16
_ITERATIONS = 3
_SEED = 20140727
_EDGE_MARGIN = 1.1


@dataclass(frozen=True, slots=True, eq=False)
class Component:
    """The strongest common component.

    Attributes
    ----------
    signal
        ``(sample,)`` in units of the camera noise of one channel (standard deviation 1 before the
        filter).
    loading
        ``(channel,)`` share of each channel, of unit length.
    power
        Power of the sound itself over that of the noise, within the band; 0 if none stands out.
    """

    signal: Float64
    loading: Float64
    power: float


def strongest_component(
    channels: Channels, band_filter: Callable[[Float64], Float64], passed: float
) -> Component:
    """Find the strongest common component.

    Parameters
    ----------
    channels
        Whitened channels.
    band_filter
        Zero-phase filter of ``(sample, k)`` signals.
    passed
        Share of white noise's power that the filter lets through.
    """
    basis = _first_guess(channels)
    for _ in range(_ITERATIONS):
        filtered = band_filter(channels.mix(basis))
        basis = np.linalg.qr(channels.correlate(filtered))[0]
    signals = band_filter(channels.mix(basis))
    values, vectors = np.linalg.eigh(signals.T @ signals / len(signals))
    strongest = vectors[:, -1]
    independent = max(len(signals) * passed, 1.0)
    power = _spike(values[-1] / passed, channels.count / independent)
    return Component(signals @ strongest, basis @ strongest, power)


def _first_guess(channels: Channels) -> Float64:
    # Rigid motion along x and y, which is common, and directions at random for all else.
    count = 2 * len(channels.root)
    probes = min(_PROBES, count)
    basis = np.random.default_rng(_SEED).standard_normal((count, probes))
    basis[:, : min(2, probes)] = channels.root.reshape(count, 2)[:, : min(2, probes)]
    basis *= channels.root.any(axis=2).reshape(count, 1)
    return np.asarray(np.linalg.qr(basis)[0])


def _spike(eigenvalue: float, channels_per_sample: float) -> float:
    """Return the true power behind the largest eigenvalue of a noisy sample covariance."""
    gamma = channels_per_sample
    if eigenvalue < _EDGE_MARGIN * (1 + np.sqrt(gamma)) ** 2:
        return 0.0
    b = eigenvalue - 1 - gamma
    return float((b + np.sqrt(b * b - 4 * gamma)) / 2)
