"""From scores to likelihood ratios that mean what they say."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phonoscope.types import Float64

_ROUNDS = 40
_RIDGE = 1e-2


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Weights that turn several scores into one natural log-likelihood ratio.

    Attributes
    ----------
    weight
        ``(score + 1, condition)``: the last row is the offset. Each weight depends linearly on the
        conditions, of which the first is 1.
    """

    weight: Float64

    def apply(self, scores: Float64, conditions: Float64) -> Float64:
        """Return log-likelihood ratios, ``(trial,)``.

        Parameters
        ----------
        scores
            ``(trial, score)``.
        conditions
            ``(trial, condition)``, such as 1, the length and the signal-to-noise ratio.
        """
        return np.asarray(_terms(scores, conditions) @ self.weight.ravel())


def _terms(scores: Float64, conditions: Float64) -> Float64:
    scores = np.column_stack([scores, np.ones(len(scores))])
    return np.asarray((scores[:, :, None] * conditions[:, None, :]).reshape(len(scores), -1))


def fit_calibration(scores: Float64, conditions: Float64, same: NDArray[np.bool_]) -> Calibration:
    """Fit by logistic regression in which both kinds of trial weigh the same.

    The method of Brummer & du Preez 2006, doi:10.1016/j.csl.2005.08.001, with a slight ridge on all
    but the plain offset.

    Parameters
    ----------
    scores, conditions
        As in `Calibration.apply`.
    same
        ``(trial,)`` whether both sides were the same speaker.
    """
    terms = _terms(scores, conditions)
    share = np.where(same, 0.5 / same.sum(), 0.5 / (~same).sum())
    ridge = np.full(terms.shape[1], _RIDGE)
    ridge[scores.shape[1] * conditions.shape[1]] = 0
    ridge *= np.maximum(share @ terms**2, 1e-6) * 0.1
    weight = np.zeros(terms.shape[1])
    for _ in range(_ROUNDS):
        probability = 1 / (1 + np.exp(-np.clip(terms @ weight, -40, 40)))
        slope = terms.T @ (share * (probability - same)) + ridge * weight
        curve = (terms * (share * probability * (1 - probability))[:, None]).T @ terms
        step = np.linalg.solve(curve + np.diag(ridge + 1e-9), slope)
        weight = weight - step * min(1.0, 5 / max(np.abs(terms @ step).max(), 1e-9))
    return Calibration(weight.reshape(scores.shape[1] + 1, -1))


def cllr(same: Float64, other: Float64) -> float:
    """Return the log-likelihood-ratio cost, bit: 0 is perfect, 1 says nothing.

    Parameters
    ----------
    same, other
        ``(trial,)`` natural log-likelihood ratios where both sides were the same speaker, and where
        they were not.

    Notes
    -----
    Brummer & du Preez 2006, doi:10.1016/j.csl.2005.08.001.
    """
    cost = np.logaddexp(0, -same).mean() + np.logaddexp(0, other).mean()
    return float(cost / (2 * np.log(2)))


def equal_error_rate(same: Float64, other: Float64) -> float:
    """Return the rate at which both kinds of error are equally frequent, 0 to 1."""
    scores = np.concatenate([same, other])
    order = np.argsort(scores, kind="stable")
    is_same = np.concatenate([np.ones(len(same)), np.zeros(len(other))])[order]
    missed = np.cumsum(is_same) / len(same)
    alarms = 1 - np.cumsum(1 - is_same) / len(other)
    nearest = int(np.argmin(np.abs(missed - alarms)))
    return float((missed[nearest] + alarms[nearest]) / 2)
