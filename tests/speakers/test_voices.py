"""The model of voices against data drawn from it, and calibration against known scores."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from phonoscope.speakers.calibrate import cllr, equal_error_rate, fit_calibration
from phonoscope.speakers.models import fit_mixture
from phonoscope.speakers.voices import Look, log_ratio, sum_up

SIZE = 5


def covariance(rng, scale):
    root = rng.standard_normal((SIZE, SIZE))
    return scale * (root @ root.T / SIZE + 0.2 * np.eye(SIZE))


def test_log_ratio_is_that_of_the_joint_density():
    rng = np.random.default_rng(1)
    spread, said, colour = (covariance(rng, scale) for scale in (2.0, 0.5, 0.1))
    mean, one, two = rng.standard_normal((3, SIZE))
    found = log_ratio(Look(one, said), Look(two, 2 * said), mean, spread, colour)
    joint = np.block([[spread + said + colour, spread], [spread, spread + 2 * said]])
    both = multivariate_normal(np.concatenate([mean, mean]), joint)
    alone = (
        multivariate_normal(mean, joint[:SIZE, :SIZE]),
        multivariate_normal(mean, joint[SIZE:, SIZE:]),
    )
    expected = both.logpdf(np.concatenate([one, two])) - alone[0].logpdf(one) - alone[1].logpdf(two)
    assert found == pytest.approx(expected, abs=1e-9)


def test_evidence_of_a_group_is_that_of_its_joint_density():
    rng = np.random.default_rng(2)
    spread, said = covariance(rng, 2.0), covariance(rng, 0.5)
    values = rng.standard_normal((3, SIZE))
    values -= values.mean(axis=0)
    sums = sum_up([Look(value, said) for value in values], spread)
    found = sums.grouped(np.ones((1, 3))).evidence()[0]
    same = np.kron(np.eye(3), said) + np.kron(np.ones((3, 3)), spread)
    middle = np.kron(np.eye(3), said)
    zero = np.zeros(3 * SIZE)
    expected = multivariate_normal(zero, same).logpdf(values.ravel()) - multivariate_normal(
        zero, middle
    ).logpdf(values.ravel())
    assert found == pytest.approx(expected, abs=1e-9)


def test_calibration_finds_the_true_ratio():
    # Scores of unit variance, 2 apart, have the log-likelihood ratio 2 (score - 1).
    rng = np.random.default_rng(3)
    same = rng.random(20000) < 0.3
    scores = rng.standard_normal((20000, 1)) + 2.0 * same[:, None]
    fitted = fit_calibration(scores, np.ones((20000, 1)), same)
    assert fitted.weight[0, 0] == pytest.approx(2.0, rel=0.05)
    assert fitted.weight[1, 0] == pytest.approx(-2.0, rel=0.05)
    ratios = fitted.apply(scores, np.ones((20000, 1)))
    assert equal_error_rate(ratios[same], ratios[~same]) == pytest.approx(norm.cdf(-1), abs=0.01)
    assert cllr(ratios[same], ratios[~same]) == pytest.approx(0.51, abs=0.03)


def test_cost_of_saying_nothing_is_one_bit():
    assert cllr(np.zeros(5), np.zeros(7)) == pytest.approx(1.0)
    assert cllr(np.full(5, 20.0), np.full(7, -20.0)) < 1e-6
    assert cllr(np.full(5, -20.0), np.full(7, 20.0)) > 10


def test_mixture_finds_clusters_and_adapts():
    rng = np.random.default_rng(4)
    data = np.concatenate([rng.normal(-3, 1, (4000, 2)), rng.normal(3, 0.5, (2000, 2))])
    mixture = fit_mixture(data, 2, seed=1)
    order = np.argsort(mixture.mean[:, 0])
    assert np.allclose(mixture.weight[order], [2 / 3, 1 / 3], atol=0.02)
    assert np.allclose(mixture.mean[order], [[-3, -3], [3, 3]], atol=0.1)
    moved = mixture.adapt(data[4000:] + 1)
    assert np.allclose(moved.mean[order[1]], 4, atol=0.1)
    assert np.allclose(moved.mean[order[0]], mixture.mean[order[0]], atol=0.1)
