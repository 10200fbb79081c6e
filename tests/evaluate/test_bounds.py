"""Bounds against least squares on many noisy copies of a random cell that really moves."""

import numpy as np
import pytest

from phonoscope.errors import InputError, UsageError
from phonoscope.evaluate import (
    displacement_bound,
    displacement_information,
    si_sdr,
    sound_bound_db,
)

TRIALS = 40_000
CLAIM = 0.03  # of a variance; the spread of one over 40,000 trials is 0.7 %


class Cell:
    """A texture of random waves, known at any displacement, with shot noise."""

    def __init__(self, seed, height=12, width=16):
        rng = np.random.default_rng(seed)
        self.k = rng.normal(size=(6, 2)) * 0.6
        self.phase = rng.uniform(0, 2 * np.pi, 6)
        self.y, self.x = np.mgrid[:height, :width].astype(float)
        self.variance = 1.0 + 0.05 * self.at((0, 0))

    def angle(self, u):
        x, y = self.x - u[0], self.y - u[1]
        return self.k[:, 0] * x[..., None] + self.k[:, 1] * y[..., None] + self.phase

    def at(self, u):
        return 120 + 12 * np.cos(self.angle(u)).sum(axis=-1)

    def gradient(self):
        return -12 * np.sin(self.angle((0, 0))) @ self.k


def least_squares(cell, nuisance, seed):
    """Estimate a small displacement from each of many noisy frames."""
    rng = np.random.default_rng(seed)
    u = (0.01, -0.02)
    gradient, image = cell.gradient().reshape(-1, 2), cell.at((0, 0)).ravel()
    moved, basis = cell.at(u).ravel(), -gradient
    if nuisance:
        moved = 1.05 * moved - 3
        basis = np.column_stack([basis, image, np.ones_like(image)])
    sigma = np.sqrt(cell.variance).ravel()
    noisy = moved + sigma * rng.normal(size=(TRIALS, len(sigma)))
    solve = np.linalg.pinv(basis / sigma[:, None]) / sigma
    return (noisy - image) @ solve[:2].T, u


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("nuisance", [False, True])
def test_least_squares_reaches_the_claimed_covariance(seed, nuisance):
    cell = Cell(seed)
    estimates, u = least_squares(cell, nuisance, seed)
    real = np.cov(estimates.T)
    claimed = displacement_bound(
        cell.gradient(), cell.variance, cell.at((0, 0)) if nuisance else None
    )
    if nuisance:
        # The linear model reads gain times displacement; the truth has a gain of 1.05.
        estimates = estimates / 1.05
    root = np.linalg.cholesky(claimed)
    whitened = np.linalg.solve(root, np.linalg.solve(root, real).T)
    np.testing.assert_allclose(np.linalg.eigvalsh(whitened), 1, atol=CLAIM)
    np.testing.assert_allclose(
        estimates.mean(axis=0), u, atol=4 * np.sqrt(real.max() / TRIALS) + 1e-4
    )


def test_nuisance_is_the_schur_complement():
    cell = Cell(3)
    g, image = cell.gradient().reshape(-1, 2), cell.at((0, 0)).ravel()
    basis = np.column_stack([g, image, np.ones_like(image)])
    whole = basis.T @ (basis / cell.variance.ravel()[:, None])
    expected = np.linalg.inv(whole)[:2, :2]
    claimed = displacement_bound(cell.gradient(), cell.variance, cell.at((0, 0)))
    np.testing.assert_allclose(claimed, expected, rtol=1e-9)
    without = displacement_bound(cell.gradient(), cell.variance)
    assert (np.linalg.eigvalsh(claimed - without) > 0).all()


def test_dead_pixels_tell_nothing():
    cell = Cell(4)
    variance = cell.variance.copy()
    variance[:, 8:] = np.inf
    image = cell.at((0, 0))
    np.testing.assert_allclose(
        displacement_bound(cell.gradient(), variance, image),
        displacement_bound(cell.gradient()[:, :8], cell.variance[:, :8], image[:, :8]),
        rtol=1e-9,
    )
    dead = np.full_like(variance, np.inf)
    np.testing.assert_array_equal(
        displacement_bound(cell.gradient(), dead, image), np.diag([np.inf, np.inf])
    )


def test_an_edge_is_blind_along_itself():
    edge = np.zeros((8, 8, 2))
    edge[:, 4, 0] = 10
    got = displacement_bound(edge, np.ones((8, 8)))
    np.testing.assert_allclose(got, [[1 / 800, 0], [0, np.inf]])
    slanted = np.full((8, 8, 2), 10.0)
    np.testing.assert_array_equal(
        displacement_bound(slanted, np.ones((8, 8))), np.diag([np.inf, np.inf])
    )
    # A plain ramp of brightness cannot be told from a change of offset.
    image = 10 * np.mgrid[:8, :8][1].astype(float)
    ramp = np.zeros((8, 8, 2))
    ramp[..., 0] = 10
    np.testing.assert_array_equal(
        displacement_bound(ramp, np.ones((8, 8)), image), np.diag([np.inf, np.inf])
    )


def test_sound_bound_is_reached_by_the_weighted_mean_of_a_rigid_scene():
    rng = np.random.default_rng(5)
    cells = [Cell(seed) for seed in range(10, 14)]
    information = np.array([displacement_information(c.gradient(), c.variance) for c in cells])
    direction = np.array([0.6, -0.8])
    sound = rng.normal(size=20_000)
    sound *= 0.01 / sound.std()
    heard, weights = 0, 0
    for j in information:
        noise = rng.normal(size=(len(sound), 2)) @ np.linalg.cholesky(np.linalg.inv(j)).T
        heard = heard + (sound[:, None] * direction + noise) @ j @ direction
        weights += direction @ j @ direction
    bound = sound_bound_db(information, 5 * direction, 0.01)
    assert si_sdr(sound, heard / weights) == pytest.approx(bound, abs=0.15)
    assert sound_bound_db(information, direction, 0.02) == pytest.approx(bound + 6.0206, abs=1e-3)
    assert sound_bound_db(information[0], direction, 0.01) < bound


def test_nothing_to_hear_is_minus_infinity():
    assert sound_bound_db(np.zeros((3, 2, 2)), (1, 0), 0.01) == -np.inf
    assert sound_bound_db(np.eye(2), (1, 0), 0) == -np.inf


def test_what_has_no_bound_is_refused():
    g, v = np.ones((4, 5, 2)), np.ones((4, 5))
    for gradient, variance, image in (
        (g, v.T, None),
        (g[..., :1], v, None),
        (g, 0 * v, None),
        (g, v * np.nan, None),
        (g * np.nan, v, None),
        (g, v, v.T),
        (g[:0], v[:0], None),
    ):
        with pytest.raises(InputError):
            displacement_bound(gradient, variance, image)
    with pytest.raises(InputError):
        sound_bound_db(np.ones(3), (1, 0), 0.01)
    for direction, rms in (((0, 0), 1), ((1, 2, 3), 1), ((1, 0), -1), ((1, 0), np.nan)):
        with pytest.raises(UsageError):
            sound_bound_db(np.eye(2), direction, rms)
