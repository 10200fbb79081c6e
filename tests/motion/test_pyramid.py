"""The pyramid's filters add up to one, and its phases are the motion, with the noise claimed."""

from fractions import Fraction

import numpy as np
import pytest

from phonoscope.errors import InputError, UsageError
from phonoscope.motion import processor, steerable
from phonoscope.motion import pyramid as pyr
from phonoscope.types import Frame, NoiseModel, Region

RATE = Fraction(1000)
SCALE_TOLERANCE = 0.02
PIXEL_NOISE_TOLERANCE = 0.1
EXACT = NoiseModel(np.array([0.0]), np.array([1 / 12]))


def measure(lab, pictures, **options):
    frames = [Frame(n, n / RATE, picture) for n, picture in enumerate(pictures)]
    return pyr.measure_bands(frames, rate_hz=RATE, **options)


def precise(lab, world, motion, bits=16):
    """Noise-free 16-bit pictures: only the method itself errs."""
    camera = lab.Camera(read=0.0, bits=bits, gain=2.0 ** (bits - 8))
    return lab.film(world, motion, camera)


@pytest.mark.parametrize("orientations", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("size", [(96, 80), (91, 77)])
def test_filters_and_residuals_add_up_to_one(size, orientations):
    scales = 3
    pyramid = steerable.build_pyramid(*size, scales=scales, orientations=orientations)
    height, width = pyramid.padded
    wy, wx = steerable.frequencies(pyramid.padded)
    radius = np.hypot(wx, wy[:, None])
    last = steerable.lowpass(radius / 2)
    for scale in range(scales):
        last = last * steerable.lowpass(radius * 2**scale)
    total = steerable.highpass(radius / 2) ** 2 + last**2
    for band in pyramid.bands:
        response = np.zeros((height, width))
        response[band.window] = band.response / 2
        opposite = np.roll(response[::-1, ::-1], 1, (0, 1))
        # Both sides together make the real filter; where one stops, the other begins.
        total += response**2 + opposite**2
    # Nyquist's own row and column have one side only, and so do directions square to a single
    # orientation, whose filter is cut in two.
    inner = (slice(1, None), slice(1, None))
    if orientations == 1:
        inner = (slice(1, None), np.arange(width)[wx != 0][1:])
    np.testing.assert_allclose(total[inner], 1, atol=1e-6)


def test_bands_are_one_sided_and_decimated():
    pyramid = steerable.build_pyramid(128, 128)
    area = [band.samples[0] * band.samples[1] for band in pyramid.bands]
    assert [band.scale for band in pyramid.bands] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert area[0] <= 128 * 64
    assert all(a <= 0.3 * b for a, b in zip(area[2:], area[:-2], strict=True))


@pytest.mark.parametrize(("size", "bits"), [((128, 96), 16), ((101, 83), 12), ((90, 127), 10)])
@pytest.mark.parametrize("orientations", [2, 4])
def test_phases_are_wavevector_times_displacement(lab, size, bits, orientations):
    world = lab.World.make(*size, seed=2)
    motion = np.array([(0, 0), (0.05, 0), (0, 0.05), (-0.03, 0.04), (0.3, -0.2)])
    pictures = precise(lab, world, motion, bits)
    bands = measure(lab, pictures, scales=3, orientations=orientations, noise=EXACT)
    assert bands.phase.shape == (5, 3 * orientations)
    expected = motion @ bands.wavevector.T
    strongest = np.abs(expected).max(axis=0)
    assert (np.abs(bands.phase - expected) < 3 * SCALE_TOLERANCE * strongest).all()
    # All bands together, by least squares: scale, sign and direction.
    found = np.linalg.lstsq(bands.wavevector, bands.phase.T, rcond=None)[0].T
    np.testing.assert_allclose(found, motion, atol=SCALE_TOLERANCE * 0.3, rtol=0)
    np.testing.assert_allclose(found[1:3], motion[1:3], atol=SCALE_TOLERANCE * 0.05, rtol=0)


def test_wavevectors_point_along_the_orientation_and_halve_with_each_scale(lab):
    world = lab.World.make(160, 128, seed=1, waves=2000)
    picture = precise(lab, world, [(0, 0)] * 2)
    bands = measure(lab, picture, scales=3, orientations=4, noise=EXACT)
    along = np.stack([np.cos(bands.orientation_rad), np.sin(bands.orientation_rad)], 1)
    cosine = np.sum(along * bands.wavevector, axis=1) / bands.frequency
    assert (cosine > 0.97).all()
    mean = [bands.frequency[bands.scale == s].mean() for s in range(3)]
    assert mean[0] / mean[1] == pytest.approx(2, rel=0.25)
    assert mean[1] / mean[2] == pytest.approx(2, rel=0.25)


def test_phases_survive_their_wrap(lab):
    # 2.5 px are 0.8 of a turn of the finest band, and far less than half a one of the coarsest.
    world = lab.World.make(160, 160, seed=3)
    bands = measure(lab, precise(lab, world, [(0, 0), (2.5, 0)]), noise=EXACT)
    coarsest = np.flatnonzero((bands.scale == 3) & (bands.orientation_rad == 0))
    found = bands.phase[1, coarsest] / bands.wavevector[coarsest, 0]
    assert np.abs(bands.phase).max() <= np.pi
    assert found == pytest.approx(2.5, rel=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("camera", "averaged"), [((2.0, 0.0), 1), ((1.0, 0.1), 1), ((6.0, 0.0), 8)]
)
def test_claimed_noise_is_the_real_one(lab, camera, averaged):
    world = lab.World.make(80, 72, seed=4)
    noise = NoiseModel(
        np.array([0.0, 255.0]),
        np.array([camera[0] ** 2 + 1 / 12, camera[0] ** 2 + 1 / 12 + 255 * camera[1]]),
    )
    pictures = lab.film(world, np.zeros((400, 2)), lab.Camera(*camera))
    bands = measure(lab, pictures, scales=3, noise=noise, reference_frames=averaged)
    real = np.cov(bands.phase[averaged:].T)
    ratio = np.sqrt(np.diag(real) / bands.noise_variance)
    assert np.abs(ratio - 1).max() < PIXEL_NOISE_TOLERANCE
    deviation = np.sqrt(bands.noise_variance)
    correlation = bands.noise_covariance / np.outer(deviation, deviation)
    assert np.abs(np.corrcoef(bands.phase[averaged:].T) - correlation).max() < 0.15


def test_noise_is_estimated_where_it_is_not_given(lab):
    world = lab.World.make(96, 96, seed=4)
    pictures = lab.film(world, np.zeros((20, 2)), lab.Camera(3.0))
    given = measure(lab, pictures, noise=NoiseModel(np.array([0.0]), np.array([9 + 1 / 12])))
    guessed = measure(lab, pictures)
    np.testing.assert_allclose(guessed.noise_variance, given.noise_variance, rtol=0.05)


def test_the_lamp_does_not_turn_phases(lab):
    world = lab.World.make(96, 80, seed=5)
    camera = lab.Camera(read=0.0, bits=16, gain=200.0)
    still = np.zeros((3, 2))
    pictures = lab.film(world, still, camera, light=np.array([1.0, 0.9, 1.1]))
    bands = measure(lab, pictures, noise=EXACT)
    assert np.abs(bands.phase).max() < 1e-5


def test_neither_length_nor_threads_change_a_frame_s_phases(lab, monkeypatch):
    world = lab.World.make(96, 80, seed=6)
    pictures = lab.film(world, lab.wander(40, 0.05), lab.Camera(1.0))
    whole = measure(lab, iter(pictures), scales=3)
    part = measure(lab, pictures[:23], scales=3)
    monkeypatch.setattr(processor, "_TOGETHER", 3)
    threads = measure(lab, pictures, scales=3)
    np.testing.assert_array_equal(whole.phase[:23], part.phase)
    np.testing.assert_array_equal(whole.phase, threads.phase)
    np.testing.assert_array_equal(whole.time_s, np.arange(40) / 1000)


def test_a_region_is_measured_as_if_it_were_the_picture(lab):
    world = lab.World.make(120, 110, seed=7)
    pictures = lab.film(world, lab.wander(20, 0.05), lab.Camera(1.0))
    region = measure(lab, pictures, region=Region(20, 10, 81, 70))
    cut = measure(lab, [picture[10:80, 20:101] for picture in pictures])
    np.testing.assert_array_equal(region.phase, cut.phase)
    with pytest.raises(InputError, match="leaves the picture, which has 120 x 110 px"):
        measure(lab, pictures, region=Region(60, 0, 61, 110))


def test_a_band_across_which_nothing_varies_is_said_to_see_little(lab):
    # Stripes along x show motion along y alone.
    stripes = 100 + 40 * np.sin(np.arange(96) * 0.8)[:, None] * np.ones(96)
    rng = np.random.default_rng(0)
    pictures = [
        np.rint(stripes + rng.normal(0, 2, stripes.shape)).astype(np.uint8) for _ in "12345678"
    ]
    bands = measure(lab, pictures)
    along_x = (bands.orientation_rad == 0) & (bands.scale == 0)
    assert (bands.frequency[along_x] < 0.1).all()
    along_y = (bands.orientation_rad > 0) & (bands.scale == 1)
    assert bands.wavevector[along_y, 1] == pytest.approx(0.8, rel=0.05)


@pytest.mark.parametrize("deviation", [0.0, 2.0])
def test_a_flat_picture_is_refused(lab, deviation):
    rng = np.random.default_rng(1)
    pictures = [np.rint(90 + deviation * rng.standard_normal((80, 90))) for _ in range(20)]
    with pytest.raises(InputError, match="the picture is flat"):
        measure(lab, [picture.astype(np.uint8) for picture in pictures])


def test_what_does_not_fit_is_refused(lab):
    with pytest.raises(
        UsageError, match=r"4 scales need at least 64 px .* 100 x 60; give at most 3"
    ):
        steerable.build_pyramid(100, 60)
    with pytest.raises(UsageError, match=r"1 scales need at least 8 px .* choose a larger region"):
        steerable.build_pyramid(7, 60, scales=1)
    with pytest.raises(UsageError, match="0 scales"):
        steerable.build_pyramid(64, 64, scales=0)
    with pytest.raises(UsageError, match="17 orientations"):
        steerable.build_pyramid(64, 64, orientations=17)
    picture = np.zeros((64, 64), np.uint8)
    with pytest.raises(InputError, match="at least 2 frames and there are 1"):
        measure(lab, [picture])
    with pytest.raises(UsageError, match="reference_frames is 0"):
        measure(lab, [picture] * 2, reference_frames=0)
