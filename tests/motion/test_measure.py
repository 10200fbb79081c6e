"""Claimed error against real error, real error against the bound, light, sway, regions."""

import numpy as np
import pytest

from phonoscope.errors import InputError
from phonoscope.evaluate import displacement_bound
from phonoscope.types import Region

CLAIM = (0.95, 1.05)
BOUND = 1.05
SCALE = 0.01


def _error(motion, truth):
    """Return ``(sample, cell, 2)`` error, each cell's constant taken off, where cells are sure."""
    error = motion - truth[:, None, :]
    return error - error.mean(axis=0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("read", "shot", "cell"),
    [(0.5, 0.0, 16), (2.0, 0.0, 8), (2.0, 0.03, 16), (8.0, 0.0, 16), (2.0, 0.1, 32)],
)
def test_claimed_error_is_the_real_one_and_reaches_the_bound(lab, read, shot, cell):
    world = lab.World.make(128, 96, seed=2)
    truth = lab.wander(256, 0.02)
    lumas = lab.film(world, truth, lab.Camera(read, shot))
    _, motion, _, information = lab.measure(lumas, cell=cell)
    error = _error(motion, truth)
    claimed = lab.claimed(information)
    columns = 128 // cell
    inner = np.array(
        [0 < c % columns < columns - 1 and 0 < c // columns < 96 // cell - 1
         for c in range(len(claimed))]
    )  # fmt: skip
    real = error.std(axis=0)
    assert CLAIM[0] < np.sqrt(np.mean((claimed / real)[inner] ** 2)) < CLAIM[1]

    image, slope = world.image(), world.gradient()
    variance = read**2 + shot * image + 1 / 12
    ratio = []
    for index in np.flatnonzero(inner):
        y, x = cell * (index // columns), cell * (index % columns)
        part = (slice(y, y + cell), slice(x, x + cell))
        bound = displacement_bound(slope[part], variance[part], image[part])
        ratio.append(real[index] ** 2 / np.diag(bound))
    assert np.sqrt(np.mean(ratio)) < BOUND

    weight = 1 / claimed[inner, 0] ** 2
    x = (motion[:, inner, 0] @ weight) / weight.sum()
    assert np.polyfit(truth[:, 0], x, 1)[0] == pytest.approx(1, abs=SCALE)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_deeper_pixels_measure_alike(lab, bits):
    world = lab.World.make(67, 51, seed=4)
    truth = lab.wander(96, 0.02)
    factor = 2.0 ** (bits - 8)
    lumas = lab.film(world, truth, lab.Camera(factor, 0, bits, factor))
    _, motion, _, information = lab.measure(lumas, bits=bits)
    weight = 1 / lab.claimed(information)[:, 0] ** 2
    x = (motion[:, :, 0] @ weight) / weight.sum()
    assert np.polyfit(truth[:, 0], x, 1)[0] == pytest.approx(1, abs=0.02)


def test_noise_model_is_the_cameras(lab):
    world = lab.World.make(128, 96, seed=2)
    lumas = lab.film(world, lab.wander(128, 0.01), lab.Camera(1.5, 0.05))
    m, *_ = lab.measure(lumas)
    level = np.linspace(60, 180, 9)
    truth = 1.5**2 + 0.05 * level + 1 / 12
    assert m.noise.at(level) == pytest.approx(truth, rel=0.05)
    assert np.polyfit(level, m.noise.at(level), 1)[0] == pytest.approx(0.05, rel=0.1)


def _swaying(lab):
    """Return the error of the inner cells, their claims, and the J-weighted mean error along x."""
    rate, samples = 1000, 640
    t = np.arange(samples) / rate
    sway = 2.5 * np.stack([np.sin(2 * np.pi * 1.1 * t), np.cos(2 * np.pi * 0.7 * t) - 1], 1)
    truth = sway + lab.wander(samples, 0.005)
    light = 1 + 0.04 * np.sin(2 * np.pi * 120 * t)
    world = lab.World.make(128, 96, seed=6)
    _, motion, _, information = lab.measure(lab.film(world, truth, lab.Camera(1.5), light=light))
    inner = np.array([0 < c % 8 < 7 and 0 < c // 8 < 5 for c in range(48)])
    error = (motion - truth[:, None])[:, inner]
    error = error - error.mean(axis=0)
    claimed = lab.claimed(information)[inner]
    weight = 1 / claimed[:, 0] ** 2
    return error, claimed, error[:, :, 0] @ weight / weight.sum()


def test_sway_and_flicker_leave_the_claim_true_and_no_line(lab):
    error, claimed, mean = _swaying(lab)
    samples, rate = len(mean), 1000
    assert np.sqrt(np.mean((error / claimed) ** 2)) < 1.1

    spectrum = np.abs(np.fft.rfft(mean * np.hanning(samples))) ** 2
    hz = np.fft.rfftfreq(samples, 1 / rate)
    floor = np.mean(spectrum[(hz > 60) & (hz < 200)])
    # Four bins about the line share a chi-squared scatter of some dB, so their mean is judged.
    assert spectrum[np.abs(hz - 120) < 3.2].mean() < 2 * floor


@pytest.mark.slow
def test_no_step_at_re_linearisations(lab):
    steps = np.abs(np.diff(_swaying(lab)[2]))
    between = np.arange(len(steps)) % 16 == 15
    usual = np.sqrt(np.mean(steps[~between] ** 2))
    assert steps[between].max() < 5 * usual


def test_a_jump_is_followed(lab):
    truth = lab.wander(96, 0.005)
    truth[41:] += (6.0, -3.0)
    world = lab.World.make(128, 96, seed=7)
    m, motion, _, _ = lab.measure(lab.film(world, truth, lab.Camera(1.0)))
    middle = motion[:, 27].copy()
    assert middle[41:].mean(0) - middle[:41].mean(0) == pytest.approx([6, -3], abs=0.02)
    assert not m.lost


def test_frames_of_something_else_are_lost_alone(lab):
    truth = lab.wander(96, 0.03)
    lumas = lab.film(lab.World.make(128, 96, seed=7), truth, lab.Camera(1.0))
    random = np.random.default_rng(3)
    for number in (41, 42):
        lumas[number] = random.integers(0, 255, lumas[number].shape, np.uint8)
    m, motion, _, information = lab.measure(lumas)
    assert m.lost == [41, 42]
    error = (motion[:, 27] - truth) / lab.claimed(information)[27, :2]
    others = np.delete(error - error[:41].mean(0), [41, 42], axis=0)
    assert np.sqrt((others[41:] ** 2).mean()) < 1.3


def test_saturated_and_dead_pixels_weigh_nothing(lab):
    world = lab.World.make(96, 64, seed=8)
    truth = lab.wander(128, 0.03)
    lumas = lab.film(world, truth, lab.Camera(1.5))
    for luma in lumas:
        luma[20:26, 40:46] = 255
        luma[40, 50:54] = 90
    _, motion, _, information = lab.measure(lumas)
    for cell in (1 * 6 + 2, 2 * 6 + 3):
        error = motion[:, cell] - truth
        assert np.polyfit(truth[:, 0], motion[:, cell, 0], 1)[0] == pytest.approx(1, abs=0.03)
        assert (error.std(0) / lab.claimed(information)[cell] < 1.2).all()


def test_regions_together_are_regions_alone(lab):
    lumas = lab.film(lab.World.make(120, 80, seed=9), lab.wander(48, 0.02), lab.Camera(1.0))
    regions = [Region(0, 0, 48, 48), Region(64, 20, 48, 48)]
    together = lab.measure(lumas, regions=regions)[1]
    alone = [lab.measure(lumas, regions=[r])[1] for r in regions]
    assert np.array_equal(together, np.concatenate(alone, axis=1))


def test_brightness_added_everywhere_changes_nothing(lab):
    lumas = lab.film(
        lab.World.make(80, 64, seed=9, contrast=20), lab.wander(48, 0.02), lab.Camera(1.0)
    )
    plain = lab.measure(lumas)[1]
    brighter = lab.measure([luma + np.uint8(20) for luma in lumas])[1]
    assert np.abs(plain - brighter).max() < 1e-3


def test_flat_saturated_and_short_are_refused(lab):
    noise = np.random.default_rng(0)
    flat = [np.clip(np.rint(100 + noise.standard_normal((64, 64))), 0, 255).astype(np.uint8)
            for _ in range(32)]  # fmt: skip
    with pytest.raises(InputError, match="no texture"):
        lab.measure(flat)
    with pytest.raises(InputError, match="saturated"):
        lab.measure([np.full((64, 64), 255, np.uint8)] * 32)
    with pytest.raises(InputError, match="1 frame"):
        lab.measure(flat[:1])
