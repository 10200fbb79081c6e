"""Factors without Python's lock: the same as LAPACK's own wrappers give."""

import numpy as np
import pytest
import scipy.linalg

from phonoscope.sound.lapack import cholesky, inverse_diagonal, solve


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def system(rng):
    tall = rng.standard_normal((400, 151))
    return tall.T @ tall, rng.uniform(0.1, 2, 151)


def test_the_factor_is_that_of_the_scaled_matrix(system):
    precision, root = system
    factor, there = cholesky(precision, root, 0.0)
    expected = np.eye(151) + root[:, None] * precision * root
    assert there
    assert np.all(np.triu(factor, 1) == 0)
    np.testing.assert_allclose(factor @ factor.T, expected, atol=1e-5 * expected.max())


def test_jitter_is_a_share_of_the_largest_element(system):
    precision, root = system
    factor, _ = cholesky(precision, root, 0.5)
    largest = (root * precision.diagonal() * root).max()
    plain = 1 + root * precision.diagonal() * root
    expected = plain + 0.5 * largest
    np.testing.assert_allclose((factor @ factor.T).diagonal(), expected, rtol=1e-5)


def test_a_matrix_without_a_factor_is_told():
    assert not cholesky(-3 * np.eye(5), np.ones(5), 0.0)[1]


def test_systems_are_solved(system, rng):
    factor, _ = cholesky(*system, 0.0)
    for right in (rng.standard_normal(151), rng.standard_normal((151, 3))):
        expected = scipy.linalg.cho_solve((factor.astype(float), True), right)
        given = right.copy()
        found = solve(factor, right)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * abs(expected).max())
        np.testing.assert_array_equal(right, given)


@pytest.mark.parametrize("size", [2, 3, 150, 151])
def test_the_diagonal_of_the_inverse(system, size):
    precision, root = system[0][:size, :size].copy(), system[1][:size]
    factor, _ = cholesky(precision, root, 0.0)
    expected = np.linalg.inv(np.eye(size) + root[:, None] * precision * root).diagonal()
    np.testing.assert_allclose(inverse_diagonal(factor), expected, rtol=1e-3)
