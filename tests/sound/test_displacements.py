"""The motion of a place in numbers, against drawn fields whose truth and noise are known."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.scene import Camera, Motion, Scene, Texture, tones
from phonoscope.types import MotionBlock

RATE = 2200
SAMPLES = 4400
SHARED = Path(__file__).parents[3] / "shared" / "data"


def _tone(hz, *, cells=60, x=0.02, y=-0.01):
    wave = np.sin(2 * np.pi * hz * np.arange(SAMPLES) / RATE)
    return np.stack([x * wave, y * wave], 1)[:, None, :].repeat(cells, axis=1)


def _changed(field, **arrays):
    (block,) = field.blocks
    return replace(field, blocks=[replace(block, **arrays)])


@pytest.mark.parametrize("seed", range(5))
def test_the_error_is_as_claimed(drawn_field, seed):
    truth = _tone(200)
    found = ph.displacement(drawn_field(truth, seed=seed))
    assert (found.unit, found.cells, found.rate_hz) == ("px", 60, RATE)
    error = found.displacement - truth[:, 0]
    # The scatter of a variance over 4400 samples is 2 %; five seeds, two axes.
    ratio = np.diagonal(np.cov(error.T)) / np.diagonal(found.covariance)
    np.testing.assert_allclose(ratio, 1, atol=0.08)


def test_cells_weigh_by_what_they_know(drawn_field):
    field = drawn_field(_tone(200), seed=0)
    weights = 1 / np.diagonal(field.covariance, axis1=1, axis2=2)[:, :2]
    best = 1 / weights.sum(axis=0)
    np.testing.assert_allclose(np.diagonal(ph.displacement(field).covariance), best, rtol=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_a_tones_amplitude_and_the_floor(drawn_field, seed):
    hz = 276.0  # on a bin
    motion = ph.displacement(drawn_field(_tone(hz), seed=seed))
    spectrum = ph.displacement_spectrum(motion, resolution_hz=1.44 * 4)
    n = np.argmin(np.abs(spectrum.frequency_hz - hz))
    assert spectrum.frequency_hz[n] == pytest.approx(hz)
    np.testing.assert_allclose(spectrum.amplitude[n], [0.02, 0.01], rtol=0.01)
    away = np.abs(spectrum.frequency_hz - hz) > 20
    away[:4] = away[-4:] = False  # the line taken off; Nyquist
    floor = spectrum.density[away].mean(axis=0)
    np.testing.assert_allclose(floor, spectrum.noise_density, rtol=0.08)


def test_the_density_holds_the_variance(drawn_field):
    motion = ph.displacement(drawn_field(_tone(275), seed=1))
    spectrum = ph.displacement_spectrum(motion)
    total = spectrum.density.sum(axis=0) * spectrum.frequency_hz[1]
    np.testing.assert_allclose(total, motion.displacement.var(axis=0), rtol=0.03)


def test_micrometres(drawn_field):
    field = drawn_field(_tone(275), seed=2)
    pixels, real = ph.displacement(field), ph.displacement(field, scale=12.5)
    assert real.unit == "µm"
    np.testing.assert_allclose(real.displacement, 12.5 * pixels.displacement)
    np.testing.assert_allclose(real.covariance, 12.5**2 * pixels.covariance)
    in_px, in_um = ph.displacement_spectrum(pixels), ph.displacement_spectrum(real)
    np.testing.assert_allclose(in_um.density, 12.5**2 * in_px.density)
    np.testing.assert_allclose(in_um.noise_density, 12.5**2 * in_px.noise_density)
    assert in_um.unit == "µm"


def test_a_point_is_the_cell_that_holds_it(drawn_field):
    truth = np.zeros((SAMPLES, 60, 2))
    truth[:, 23] = _tone(275)[:, 23]  # in the third row, the fourth column
    field = drawn_field(truth, seed=3, noise=0.01)
    for at in [(48, 32), (63, 47)]:
        moved = ph.displacement(field, at=at).displacement
        np.testing.assert_allclose(moved.std(axis=0), [0.02 / 2**0.5, 0.01 / 2**0.5], rtol=0.02)
    assert ph.displacement(field, at=(47, 32)).displacement.std() < 1e-3
    assert ph.displacement(field, at=(48, 31)).displacement.std() < 1e-3
    region = ph.displacement(field, region="48,32,16,16")
    np.testing.assert_array_equal(
        region.displacement, ph.displacement(field, at=(50, 40)).displacement
    )


def test_blocks_make_no_difference(drawn_field):
    field = drawn_field(_tone(275), seed=4)
    (b,) = field.blocks
    cuts = [slice(0, 999), slice(999, 1000), slice(1000, None)]
    parts = [MotionBlock(b.time_s[c], b.motion[c], b.gain[c], b.information) for c in cuts]
    whole, cut = ph.displacement(field), ph.displacement(replace(field, blocks=parts))
    np.testing.assert_allclose(cut.displacement, whole.displacement, atol=1e-12)
    np.testing.assert_allclose(cut.covariance, whole.covariance, rtol=1e-9)


def test_what_cannot_be_told_is_no_number(drawn_field):
    field = drawn_field(_tone(275), seed=5)
    information = field.blocks[0].information.copy()
    information[:, 1, :] = information[:, :, 1] = 0  # upright edges
    motion = ph.displacement(_changed(field, information=information))
    assert np.isfinite(motion.displacement[:, 0]).all()
    assert np.isnan(motion.displacement[:, 1]).all()
    assert motion.covariance[1, 1] == np.inf
    spectrum = ph.displacement_spectrum(motion)
    assert np.isnan(spectrum.density[:, 1]).all()
    assert np.isfinite(spectrum.density[:, 0]).all()
    blind = _changed(field, information=np.zeros_like(information))
    with pytest.raises(ph.InputError, match="the picture has no texture"):
        ph.displacement(blind)
    with pytest.raises(ph.InputError, match="the cell at 5,7 has no texture"):
        ph.displacement(blind, at=(5, 7))


def test_information_that_changes(drawn_field):
    calm, rough = (drawn_field(_tone(276), seed=8, noise=noise).blocks[0] for noise in (1, 3))
    half = SAMPLES // 2
    parts = [
        MotionBlock(b.time_s[c], b.motion[c], b.gain[c], b.information)
        for b, c in ((calm, slice(0, half)), (rough, slice(half, None)))
    ]
    field = replace(drawn_field(_tone(276), seed=8), blocks=parts)
    motion = ph.displacement(field)
    error = (motion.displacement - _tone(276)[:, 0]).var(axis=0)
    np.testing.assert_allclose(np.diagonal(motion.covariance), error, rtol=0.08)
    information = rough.information.copy()
    information[:, 1, :] = information[:, :, 1] = 0  # only upright edges are left
    field = replace(field, blocks=[parts[0], replace(parts[1], information=information)])
    motion = ph.displacement(field)
    assert np.isfinite(motion.displacement[:half]).all()
    assert np.isnan(motion.displacement[half:, 1]).all()
    assert np.isfinite(motion.displacement[half:, 0]).all()
    assert np.isfinite(motion.covariance).all()
    assert np.isnan(ph.displacement_spectrum(motion).density[:, 1]).all()


def test_cells_with_clocks_of_their_own(drawn_field):
    field = drawn_field(_tone(275), seed=6)
    rolling = replace(field, cells=replace(field.cells, delay_s=1e-5 * field.cells.y_px))
    with pytest.raises(ph.UsageError, match=r"different times, over 0.8 ms"):
        ph.displacement(rolling)
    motion = ph.displacement(rolling, at=(0, 40))
    np.testing.assert_allclose(motion.time_s, field.time_s + 32e-5)


def test_uneven_times_are_evened_out(drawn_field):
    random = np.random.default_rng(7)
    time = (np.arange(SAMPLES) + random.uniform(-0.2, 0.2, SAMPLES)) / RATE
    wave = np.sin(2 * np.pi * 55 * time)
    truth = 0.02 * np.stack([wave, wave], 1)[:, None].repeat(60, axis=1)
    field = _changed(drawn_field(truth, seed=7), time_s=time)
    spectrum = ph.displacement_spectrum(ph.displacement(field), resolution_hz=1.44 * 5)
    strongest = spectrum.frequency_hz[spectrum.amplitude[:, 0].argmax()]
    assert strongest == pytest.approx(55)
    assert spectrum.amplitude[:, 0].max() == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"at": (1, 1), "region": "0,0,9,9"}, "not both"),
        ({"at": (160, 1)}, "no cell of the motion field holds the point 160,1"),
        ({"region": "1000,0,9,9"}, "no cell of the motion field lies in region"),
        ({"scale": 0}, "scale 0 is not"),
        ({"scale": float("nan")}, "scale nan is not"),
    ],
)
def test_what_cannot_be_right(drawn_field, options, words):
    with pytest.raises(ph.UsageError, match=words):
        ph.displacement(drawn_field(np.zeros((64, 60, 2)), seed=0), **options)


def test_resolutions_that_cannot_be(drawn_field):
    motion = ph.displacement(drawn_field(np.zeros((640, 60, 2)), seed=0))
    with pytest.raises(ph.UsageError, match=r"takes 1.44 s, and the clip has 0.2909 s; give 4.95"):
        ph.displacement_spectrum(motion, resolution_hz=1)
    with pytest.raises(ph.UsageError, match="must be above 0"):
        ph.displacement_spectrum(motion, resolution_hz=0)
    with pytest.raises(ph.UsageError, match="tells no frequencies apart"):
        ph.displacement_spectrum(motion, resolution_hz=1000)


def test_a_rendered_tone_has_its_amplitude():
    scene = Scene(
        Camera(160, 96, Fraction(2200), 0.0), Texture("speckle"), Motion(0.05),
        tones(0.5, 8000, [220]), 8000, 1100,
    )  # fmt: skip
    motion = ph.displacement(ph.measure(scene.frames(), fps=2200), region="16,16,128,64")
    spectrum = ph.displacement_spectrum(motion, resolution_hz=1.44 * 10)
    middle = np.array([80]), np.array([48])
    truth = replace(
        motion, displacement=scene.truth.displacement_px(np.arange(1100), *middle)[:, 0]
    )
    expected = ph.displacement_spectrum(truth, resolution_hz=1.44 * 10)
    n = int(expected.amplitude[:, 0].argmax())
    assert expected.frequency_hz[n] == pytest.approx(220)
    assert expected.amplitude[n, 0] > 0.03
    np.testing.assert_allclose(spectrum.amplitude[n], expected.amplitude[n], rtol=0.01)


@pytest.mark.skipif(not SHARED.exists(), reason="the recordings are not here")
def test_the_line_of_a_recording():
    field = ph.measure(SHARED / "formats" / "data_small_cine.cine")
    spectrum = ph.displacement_spectrum(ph.displacement(field), resolution_hz=1)
    strongest = np.nanmax(spectrum.density, axis=1)
    strongest[spectrum.frequency_hz < 5] = 0
    assert spectrum.frequency_hz[strongest.argmax()] == pytest.approx(21, abs=1)
