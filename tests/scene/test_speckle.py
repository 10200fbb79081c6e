"""Laser speckle, against what is known of it: its statistics, its size, how it moves and boils."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from phonoscope.errors import UsageError
from phonoscope.scene import Camera, Speckle, Sway, tones


def scene(**changes):
    plain = Speckle(
        Camera(96, 80, Fraction(4000)), np.zeros(100), 16000, 100, boil_px=math.inf, uneven=0.0
    )
    return replace(plain, **changes)


def drift(x, y, **changes):
    return scene(sway=Sway(drift_px_per_s=(4000.0 * x, 4000.0 * y)), **changes)


def likeness(one, other):
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


def test_is_fully_developed():
    pictures = np.array([scene(seed=seed).clean_frame(0) for seed in range(20)])
    assert pictures.std() / pictures.mean() == pytest.approx(1, abs=0.05)
    assert pictures.mean() == pytest.approx(0.2 * 255, rel=0.05)
    dark = (pictures < 0.1 * pictures.mean()).mean()
    assert dark == pytest.approx(1 - math.exp(-0.1), rel=0.1)  # exponential distribution


@pytest.mark.parametrize("grain", [2.0, 4.0, 6.0])
def test_speckles_have_their_size(grain):
    # Through a round pupil intensities correlate as the square of 2 J1(x) / x, x = pi r / grain;
    # at r = grain / 2 that is 0.5212.
    total = 0.0
    for seed in range(12):
        picture = scene(grain_px=grain, seed=seed).clean_frame(0)
        lag = round(grain / 2)
        total += likeness(picture[:, lag:], picture[:, :-lag])
    assert total / 12 == pytest.approx(0.5212, abs=0.05)


def test_moves_as_the_truth_says():
    moving = drift(2.0, -1.0)
    first, second = moving.clean_frame(0), moving.clean_frame(1)
    np.testing.assert_allclose(second[:-1, 2:], first[1:, :-2], rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(moving.truth.displacement_px(np.arange(2)), [[0, 0], [2, -1]])


def test_boils_by_the_overlap_of_pupils():
    # Two discs of width 1 whose middles are s apart share 2/pi (acos s - s sqrt(1 - s²)).
    for shift in (2, 6, 12):
        share = shift / 40
        overlap = 2 / math.pi * (math.acos(share) - share * math.sqrt(1 - share**2))
        alike = []
        for seed in range(8):
            moving = drift(1.0, 0.0, boil_px=40.0, seed=seed)
            first, last = moving.clean_frame(0), moving.clean_frame(shift)
            alike.append(likeness(first[:, :-shift], last[:, shift:]))
        assert np.mean(alike) == pytest.approx(overlap**2, abs=0.06)


def test_boils_in_time():
    still = scene(boil_s=0.01)
    first = still.clean_frame(0)
    assert likeness(first, still.clean_frame(4)) > 0.9
    assert abs(likeness(first, still.clean_frame(80))) < 0.3


def test_blurs_within_an_exposure():
    camera = Camera(96, 80, Fraction(4000), 1 / 8000)
    sharp, blurred = drift(8.0, 0.0), drift(8.0, 0.0, camera=camera)
    assert blurred.clean_frame(0).std() < 0.9 * sharp.clean_frame(0).std()
    assert blurred.truth.displacement_px(np.arange(1))[0] == pytest.approx([2.0, 0.0])


def test_hears_as_loud_as_is_said():
    heard = scene(sound=tones(0.1, 16000, [200]), rms_px=0.7, samples=400, direction_deg=90.0)
    moved = heard.truth.displacement_px(np.arange(400))
    assert moved.std(axis=0) == pytest.approx([0, 0.7], abs=0.01)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"grain_px": 1.0}, "grain_px 1.0"),
        ({"boil_px": 0.0}, "boil_px 0.0"),
        ({"boil_s": -1.0}, "boil_s -1.0"),
        ({"rms_px": -1.0}, "rms_px -1.0"),
        ({"uneven": 2.0}, "uneven 2.0"),
        ({"sound": np.zeros(3)}, "3 samples of sound"),
        ({"camera": Camera(96, 80, line_delay_s=1e-5)}, "line delay of 1e-05 s"),
    ],
)
def test_what_cannot_be_right(changes, says):
    with pytest.raises(UsageError, match=says):
        scene(**changes)
