"""Derivative, spline and linearisation against analytic truth."""

import numpy as np
import pytest

from phonoscope.errors import InputError, UsageError
from phonoscope.motion import cut
from phonoscope.motion.derivative import derivatives, gradient, noise_gram, response, taps
from phonoscope.motion.linearise import linearise
from phonoscope.motion.spline import coefficients, warp, warp_share
from phonoscope.motion.track import accustomed
from phonoscope.types import Region

RESPONSE_TOLERANCE = 3e-3
GRAM_TOLERANCE = 0.03
WARP_TOLERANCE = 0.02  # grey levels of 40 RMS
SCALE_TOLERANCE = 5e-3


def test_derivative_is_true_up_to_three_quarters_of_nyquist():
    omega = np.linspace(0.01, 0.75, 300) * np.pi
    assert np.abs(response(omega) / omega - 1).max() < RESPONSE_TOLERANCE


def test_derivative_of_a_ramp_is_exact_and_of_a_constant_nothing():
    k = np.arange(len(taps())) - len(taps()) // 2
    assert taps().astype(float) @ k == pytest.approx(1, abs=1e-6)
    assert abs(taps().sum()) < 1e-6


def test_gradient_matches_the_analytic_one(lab):
    world = lab.World.make(91, 67)
    seen = np.moveaxis(gradient(world.image().astype(np.float32)), 0, -1)
    inner = (slice(9, -9), slice(9, -9))
    truth = world.gradient()[inner]
    assert np.sqrt(np.mean((seen[inner] - truth) ** 2) / np.mean(truth**2)) < RESPONSE_TOLERANCE


def test_noise_gram_is_the_covariance_of_derivatives_of_noise():
    noise = np.random.default_rng(0).standard_normal((700, 700)).astype(np.float32)
    stack = derivatives(noise)[:, 30:-30, 30:-30].reshape(10, -1).astype(float)
    expected = noise_gram()
    seen = stack @ stack.T / stack.shape[1]
    size = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert np.abs((seen - expected) / size).max() < GRAM_TOLERANCE


@pytest.mark.parametrize("shift", [(0.0, 0.0), (0.25, -0.4), (2.5, 1.3), (-3.7, 0.5)])
def test_warp_shifts_as_the_texture_does(lab, shift):
    world = lab.World.make(90, 71)
    c = coefficients(world.image().astype(np.float32))
    dx, dy = (np.full((71, 90), s, np.float32) for s in shift)
    moved, inside = warp(c, dx, dy)
    inner = (slice(20, -20), slice(20, -20))
    assert np.abs(moved[inner] - world.image(shift)[inner]).max() < WARP_TOLERANCE
    assert inside[inner].all()
    assert inside.all() == (shift == (0.0, 0.0))


def test_warp_by_nothing_is_the_picture_up_to_its_edges(lab):
    image = lab.World.make(41, 33).image().astype(np.float32)
    zero = np.zeros_like(image)
    assert np.abs(warp(coefficients(image), zero, zero)[0] - image).max() < 1e-3


def _linear(image, cell, averaged=1e9):
    (grid,) = cut(image.shape[1], image.shape[0], (), cell)
    weight = np.ones(image.shape, np.float32)
    weight[:8], weight[-8:], weight[:, :8], weight[:, -8:] = 0, 0, 0, 0
    lin = linearise(image.astype(np.float32), weight, grid, (0, 0), averaged)

    def read(frame):
        product = lin.weights * frame.astype(np.float64)
        rows = np.add.reduceat(product, grid.y_edges[:-1], axis=1)
        return np.add.reduceat(rows, grid.x_edges[:-1], axis=2).reshape(3, -1).T

    return lin, read


@pytest.mark.parametrize("cell", [8, 16, 32])
def test_scale_of_small_motion(lab, cell):
    world = lab.World.make(96, 64, seed=3)
    lin, read = _linear(world.image(), cell)
    seen = read(world.image((0.01, -0.006)))[:, :2] - read(world.image())[:, :2]
    weight = np.linalg.pinv(lin.covariance[:, :2, :2], rcond=1e-6)
    total = np.linalg.solve(weight.sum(0), np.einsum("cij,cj->i", weight, seen))
    assert total == pytest.approx([0.01, -0.006], rel=SCALE_TOLERANCE)


def test_gain_and_offset_do_not_look_like_motion(lab):
    world = lab.World.make(96, 64, seed=3)
    _, read = _linear(world.image(), 16)
    moved = world.image((0.01, 0))
    seen, lit = read(moved), read(1.04 * moved + 5)
    assert np.abs(lit[:, :2] / 1.04 - seen[:, :2]).max() < 1e-4
    assert lit[:, 2] == pytest.approx(1.04 * seen[:, 2], abs=1e-4)


def test_noisy_reference_keeps_the_scale(lab):
    # Noise of 8 grey levels, 8 frames in the reference: uncorrected, 30 % of the gradient energy
    # of the weaker textures would be noise.
    scales = []
    for seed in range(4):
        world = lab.World.make(160, 128, seed=seed, contrast=15)
        noise = np.random.default_rng(seed).standard_normal((128, 160)) * 8 / np.sqrt(8)
        image = world.image() + noise
        (grid,) = cut(160, 128, (), 16)
        weight = np.full(image.shape, 1 / 64, np.float32)
        weight[:8], weight[-8:], weight[:, :8], weight[:, -8:] = 0, 0, 0, 0
        lin = linearise(image.astype(np.float32), weight, grid, (0, 0), 8)
        change = (world.image((0.05, 0)) - world.image((-0.05, 0))) / 0.1
        sums = np.add.reduceat(lin.weights[0] * change, grid.y_edges[:-1], axis=0)
        scales.append(np.add.reduceat(sums, grid.x_edges[:-1], axis=1).mean())
    assert np.mean(scales) == pytest.approx(1, abs=0.01)


def test_a_grating_tells_motion_along_one_direction_only():
    x = np.arange(64)
    image = np.broadcast_to(100 + 30 * np.cos(0.8 * x), (64, 64)).copy()
    lin, _ = _linear(image, 16)
    assert lin.known[:, 0, 0] == pytest.approx(1, abs=1e-6)
    assert np.abs(lin.known[:, 1, 1]).max() < 1e-6
    assert np.abs(lin.covariance[:, 1, 1]).max() < 1e-15


def test_a_flat_picture_tells_nothing():
    lin, _ = _linear(np.full((64, 64), 100.0), 16)
    assert not lin.weights.any()
    assert not lin.known.any()


def test_cells_cover_every_pixel_once():
    seen = np.zeros((67, 101), int)
    (grid,) = cut(101, 67, (), 16)
    for top, bottom in zip(grid.y_edges, grid.y_edges[1:], strict=False):
        for left, right in zip(grid.x_edges, grid.x_edges[1:], strict=False):
            seen[top:bottom, left:right] += 1
    assert (seen == 1).all()


@pytest.mark.parametrize(
    ("region", "cell", "error"),
    [
        (Region(60, 0, 50, 50), 16, UsageError),
        (Region(0, 0, 8, 50), 16, UsageError),
        (None, 2, UsageError),
        (None, 128, InputError),
    ],
)
def test_impossible_cells_are_refused(region, cell, error):
    with pytest.raises(error):
        cut(100, 80, [region] if region else [], cell)


@pytest.mark.parametrize("piece", [1, 2, 5, 16])
def test_what_usually_strays_is_learned_frame_by_frame_however_they_are_cut(piece):
    # Learned piece by piece, pieces of two frames would teach a tracker to call lost frames usual.
    squares = np.linspace(1.0, 9.0, 80)
    usual = 1.0
    for first in range(0, len(squares), piece):
        usual = accustomed(usual, squares[first : first + piece])
    assert usual == pytest.approx(accustomed(1.0, squares))
    assert 1.5 < usual < 2.5  # 80 frames are little beside 256


def test_a_mask_moves_with_its_picture():
    mask = np.zeros((12, 15), bool)
    mask[5, 6] = True
    dx, dy = np.full(mask.shape, 2.25, np.float32), np.full(mask.shape, -1.0, np.float32)
    share = warp_share(mask, dx, dy)
    expected = np.zeros(mask.shape)
    expected[4, 8], expected[4, 9] = 0.75, 0.25
    np.testing.assert_allclose(share, expected, atol=1e-6)
