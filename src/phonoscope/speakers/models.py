"""Mixtures of Gaussians: voices in general, and one voice as a small change of them."""

from dataclasses import dataclass

import numpy as np

from phonoscope.types import Float64

_ROUNDS = 10
_LEAST_VARIANCE = 0.02  # of a component, relative to that of everything
_RELEVANCE = 8.0  # frames that a component must claim to move half of the way


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """A mixture of Gaussians with diagonal covariances.

    Attributes
    ----------
    weight
        ``(component,)``, adding up to 1.
    mean, variance
        ``(component, feature)``.
    """

    weight: Float64
    mean: Float64
    variance: Float64

    def log_likelihood(self, features: Float64) -> Float64:
        """Return the natural logarithm of the density at ``(frame, feature)``: ``(frame,)``."""
        joint = self._joint(features)
        top = joint.max(axis=1, keepdims=True)
        return np.asarray(np.log(np.exp(joint - top).sum(axis=1)) + top[:, 0])

    def shares(self, features: Float64) -> Float64:
        """Return the probability of each component, ``(frame, component)``."""
        joint = self._joint(features)
        shares = np.exp(joint - joint.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def adapt(self, features: Float64) -> "Mixture":
        """Return the mixture with its means moved towards these features, ``(frame, feature)``.

        The maximum a posteriori estimate of Reynolds, Quatieri & Dunn 2000,
        doi:10.1006/dspr.1999.0361: components that the features say little about stay.
        """
        shares = self.shares(features)
        count = shares.sum(axis=0)[:, None]
        mean = (shares.T @ features + _RELEVANCE * self.mean) / (count + _RELEVANCE)
        return Mixture(self.weight, mean, self.variance)

    def _joint(self, features: Float64) -> Float64:
        precision = 1 / self.variance
        distance = (
            features**2 @ precision.T
            - 2 * features @ (self.mean * precision).T
            + (self.mean**2 * precision).sum(axis=1)
        )
        constant = np.log(2 * np.pi * self.variance).sum(axis=1)
        return np.asarray(np.log(self.weight) - (distance + constant) / 2)


def fit_mixture(features: Float64, components: int, *, seed: int = 0) -> Mixture:
    """Fit a mixture to ``(frame, feature)`` by expectation maximisation.

    Fewer components are fitted where there are not ten frames for each. Those that start from the
    same frames end at the same mixture: `seed` chooses them.
    """
    components = max(1, min(components, len(features) // 10))
    rng = np.random.default_rng(seed)
    start = rng.choice(len(features), components, replace=False)
    spread = np.maximum(features.var(axis=0), 1e-9)
    mixture = Mixture(
        np.full(components, 1 / components), features[start], np.tile(spread, (components, 1))
    )
    for _ in range(_ROUNDS):
        shares = mixture.shares(features)
        count = shares.sum(axis=0)[:, None] + 1e-6
        mean = shares.T @ features / count
        variance = shares.T @ features**2 / count - mean**2
        mixture = Mixture(
            count[:, 0] / count.sum(), mean, np.maximum(variance, _LEAST_VARIANCE * spread)
        )
    return mixture
