"""Bands to sound: the published sum, and the optimal one beside the linear estimator and bound."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.errors import InputError, UsageError
from phonoscope.evaluate import align, displacement_information, si_sdr, sound_bound_db
from phonoscope.motion.pyramid import measure_bands
from phonoscope.scene import Camera, Motion, Scene, Texture, noise
from phonoscope.sound.bands import sum_bands
from phonoscope.types import BandMotion, Frame

FPS = Fraction(2200)
TOLERATED_LOSS_DB = 2.0
SCALE_TOLERANCE = 0.04
DIRECTION_TOLERANCE_DEG = 3.0
NOISE_TOLERANCE = 0.15


def made(phase, wavevector=((1.0, 0.0),), variance=None):
    bands = phase.shape[1]
    return BandMotion(
        phase=phase,
        scale=np.zeros(bands, int),
        orientation_rad=np.zeros(bands),
        wavevector=np.array(wavevector, float),
        noise_covariance=np.diag(np.ones(bands) if variance is None else np.array(variance)),
        time_s=np.arange(len(phase)) / 1000,
        rate_hz=Fraction(1000),
    )


def sound(samples=800, seed=0):
    wave = np.random.default_rng(seed).standard_normal(samples)
    spectrum = np.fft.rfft(wave)
    spectrum[np.fft.rfftfreq(samples, 1e-3) < 60] = 0
    return np.fft.irfft(spectrum, samples)


def test_bands_are_moved_to_one_another_and_summed():
    wave = sound()
    late = np.column_stack([np.roll(wave, 3), 2 * wave, np.roll(wave, -5)])
    result = sum_bands(made(late, [(1, 0)] * 3))
    assert result.anchor == 1
    np.testing.assert_array_equal(result.lag_samples, [3, 0, -5])
    assert np.abs(result.samples).max() == pytest.approx(1)
    inner = slice(60, -60)
    assert si_sdr(wave[inner], result.samples[inner]) > 20


def test_the_largest_lag_can_be_limited():
    wave = sound()
    late = np.column_stack([2 * wave, np.roll(wave, 40)])
    assert sum_bands(made(late, [(1, 0)] * 2)).lag_samples[1] == 40
    assert abs(sum_bands(made(late, [(1, 0)] * 2), max_lag_s=0.01).lag_samples[1]) <= 10


def test_optimal_weights_are_those_of_least_squares():
    rng = np.random.default_rng(3)
    k = np.array([(1.0, 0.0), (0.1, 0.5), (0.3, -0.2), (0.0, 0.0)])
    deviation = np.array([0.3, 0.02, 0.1, 5.0])
    direction = np.array([math.cos(-1.0), math.sin(-1.0)])
    wave = sound(4000)
    phase = np.outer(wave, k @ direction) + deviation * rng.standard_normal((4000, 4))
    result = sum_bands(made(phase, k, deviation**2), weights="optimal")
    expected = k @ -direction / deviation**2  # y is the larger component, and positive
    expected /= (k @ -direction) @ expected
    np.testing.assert_allclose(result.weight, expected, rtol=0.02, atol=1e-9)
    np.testing.assert_allclose(result.direction, -direction, atol=0.01)
    assert result.noise_px == pytest.approx(np.sqrt(result.weight**2 @ deviation**2))
    assert (result.anchor, result.lag_samples.any()) == (None, False)


def test_the_highpass_removes_drift():
    wave = sound()
    drift = 5 * np.sin(2 * np.pi * np.arange(800) / 800)
    both, alone = ((made((w)[:, None])) for w in (wave + drift, wave))
    quiet = sum_bands(both, weights="optimal", highpass_hz=40).samples
    assert si_sdr(sum_bands(alone, weights="optimal", highpass_hz=40).samples, quiet) > 30


def test_bad_options_are_refused():
    bands = made(sound()[:, None])
    with pytest.raises(UsageError, match="no weights 'best'; choose equal or optimal"):
        sum_bands(bands, weights="best")
    with pytest.raises(UsageError, match="high-pass at 500 Hz"):
        sum_bands(bands, highpass_hz=500)
    with pytest.raises(UsageError, match="max_lag_s is -1"):
        sum_bands(bands, max_lag_s=-1)
    with pytest.raises(InputError, match=r"50 samples are too few .* at least 61"):
        sum_bands(made(sound(50)[:, None]))
    with pytest.raises(InputError, match="no band sees any motion"):
        sum_bands(replace(bands, wavevector=np.zeros((1, 2))), weights="optimal")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_on_a_rigid_scene_optimal_weights_come_near_the_linear_estimator(seed):
    samples, rms = 660, 0.01
    direction_deg = 40.0 + 50 * seed
    scene = Scene(
        Camera(128, 96, FPS, 0.0, read_noise=2.0),
        Texture("speckle", seed=seed),
        Motion(rms, direction_deg=direction_deg),
        noise(samples / 2200 + 1, 16000, 140, 1000, seed),
        16000,
        samples,
        seed=seed,
    )
    lumas = list(scene.frames())
    truth = np.array([scene.course(np.array([n / 2200]))[0, 0] for n in range(samples)])
    frames = [Frame(n, n / FPS, luma) for n, luma in enumerate(lumas)]
    bands = measure_bands(frames, rate_hz=FPS)
    optimal = sum_bands(bands, weights="optimal")
    equal = sum_bands(bands)
    linear = ph.recover(iter(lumas), fps=FPS)
    scores = [
        si_sdr(truth, align(truth, heard, float(FPS))[0])
        for heard in (linear.samples, optimal.samples, equal.samples)
    ]
    information = displacement_information(scene.truth.gradient, scene.truth.noise_variance)
    shape = scene.motion.shapes(1, 1)[0, :, 0, 0]
    bound = sound_bound_db(information, shape, rms)
    assert scores[1] > scores[0] - TOLERATED_LOSS_DB
    assert scores[1] > bound - TOLERATED_LOSS_DB
    assert scores[1] >= scores[2]
    # Scale, sign and direction: x to the right, y down, positive where the object moves that way.
    assert optimal.direction is not None
    sign = np.sign(optimal.direction @ shape)
    own = sign * (optimal.samples @ truth) / (truth @ truth)
    assert own == pytest.approx(1, abs=SCALE_TOLERANCE)
    turn = np.degrees(np.arccos(abs(optimal.direction @ shape)))
    assert turn < DIRECTION_TOLERANCE_DEG
    error = sign * optimal.samples - truth
    assert np.std(error) == pytest.approx(optimal.noise_px, rel=NOISE_TOLERANCE)
