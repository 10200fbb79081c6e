"""Surfaces are what they claim: band-limited, exactly shiftable, seeded."""

import numpy as np
import pytest

from phonoscope.errors import UsageError
from phonoscope.scene import TEXTURES, Texture


@pytest.mark.parametrize("kind", TEXTURES)
def test_has_the_mean_and_contrast_asked_for_and_stays_in_range(kind):
    spectrum = Texture(kind, mean=0.5, contrast=0.08).spectrum(96, 120)
    picture = np.fft.irfft2(spectrum, (96, 120))
    assert picture.mean() == pytest.approx(0.5, abs=1e-9)
    assert picture.std() == pytest.approx(0.08, rel=1e-6)
    assert 0 < picture.min() < picture.max() < 1


def test_high_contrast_is_squeezed_into_range():
    picture = np.fft.irfft2(Texture("speckle", contrast=0.4).spectrum(96, 120), (96, 120))
    assert picture.min() >= 0.02 - 1e-9
    assert picture.max() <= 0.98 + 1e-9


def test_blur_takes_fine_texture_away_as_a_gaussian_lens_does():
    sharp, soft = (Texture("print", blur_px=b).spectrum(96, 120) for b in (0.6, 1.2))
    row = 5  # any frequency: only the ratio of the two matters, up to one common factor
    x = 2 * np.pi * np.arange(1, 50) / 120
    ratio = np.abs(soft[row, 1:50]) / np.abs(sharp[row, 1:50])
    expected = np.exp(-(1.2**2 - 0.6**2) * x**2 / 2)
    np.testing.assert_allclose(ratio / ratio[0], expected / expected[0], rtol=1e-6)


def test_seeds_make_different_surfaces_and_the_same_seed_the_same():
    one, same, other = (Texture("foil", seed=s).spectrum(64, 64) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1


def test_wood_has_texture_along_one_direction_only():
    picture = np.fft.irfft2(Texture("wood").spectrum(128, 128), (128, 128))
    along, across = np.diff(picture, axis=1).std(), np.diff(picture, axis=0).std()
    assert along < 0.1 * across


def test_unknown_kind_is_refused_with_the_list():
    with pytest.raises(UsageError, match=r"no texture 'velvet'; choose from speckle"):
        Texture("velvet")


@pytest.mark.parametrize("mean", [0.0, 0.01, 1.0])
def test_a_mean_at_the_end_of_the_range_leaves_no_contrast(mean):
    picture = np.fft.irfft2(Texture(mean=mean).spectrum(64, 64), (64, 64))
    np.testing.assert_allclose(picture, mean, atol=1e-12)
