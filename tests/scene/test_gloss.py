"""Glossy surfaces: brightness follows tilt as the truth says, by oracles written here."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from phonoscope.errors import UsageError
from phonoscope.scene import (
    Camera,
    Gloss,
    Layer,
    Motion,
    Scene,
    Texture,
    noise,
    preset,
    silence,
)

RATE_HZ = 16000


def scene(**changes):
    base = Scene(
        camera=Camera(97, 75, Fraction(2000), read_noise=1.0, shot_gain=0.0),
        texture=Texture("foil", blur_px=1.0),
        motion=Motion(0.001, modes=4, highest_hz=500),
        sound=noise(1.0, RATE_HZ, 100, 900),
        sound_rate_hz=RATE_HZ,
        samples=200,
        gloss=Gloss(0.02, facet_px=10.0),
    )
    return replace(base, **changes)


def everywhere(scene, step=1):
    y, x = (a.ravel() for a in np.mgrid[: scene.camera.height : step, : scene.camera.width : step])
    return x, y


@pytest.mark.parametrize("modes", [0, 4])
@pytest.mark.parametrize("line_delay_s", [0.0, 1e-5])
def test_frames_brighten_as_the_truth_says(modes, line_delay_s):
    glossy = scene(motion=Motion(0.001, modes=modes))
    glossy = replace(glossy, camera=replace(glossy.camera, line_delay_s=line_delay_s))
    matt = replace(glossy, gloss=Gloss())
    x, y = everywhere(glossy)
    for number in (30, 111):
        ratio = glossy.clean_frame(number) / matt.clean_frame(number)
        claimed = glossy.truth.brightness(np.array([number]), x, y)[0]
        np.testing.assert_allclose(ratio.ravel() - 1, claimed, atol=2e-6)  # single precision
        assert np.abs(claimed).max() > 0.005
        moved = [s.truth.displacement_px(np.array([number]), x, y) for s in (glossy, matt)]
        np.testing.assert_array_equal(*moved)


def test_to_first_order_a_frame_is_the_picture_moved_and_brightened():
    glossy = scene(motion=Motion(0.003, modes=4, highest_hz=500))
    truth = glossy.truth
    x, y = everywhere(glossy)
    for number in (30, 77, 150):
        change = glossy.clean_frame(number).ravel() - truth.image.ravel()
        at = np.array([number]), x, y
        moved = -(truth.gradient.reshape(-1, 2) * truth.displacement_px(*at)[0]).sum(axis=1)
        brighter = truth.image.ravel() * truth.brightness(*at)[0]
        shares = np.linalg.lstsq(np.stack([moved, brighter], axis=1), change, rcond=None)[0]
        # What is left is of second order, a hundredth of the first.
        np.testing.assert_allclose(shares, 1, atol=0.02)
        assert (change - moved - brighter).std() < 0.02 * change.std()


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"motion": Motion(0.001)},
        {"motion": Motion(0.001, modes=3, object_share=0.6)},
        {"region": (20, 10, 50, 45)},
    ],
)
def test_brightness_has_the_rms_asked_for(changes):
    glossy = scene(**changes)
    x, y = everywhere(glossy)
    brightness = glossy.truth.brightness(np.arange(200), x, y)
    over_time = np.sqrt((brightness**2).mean(axis=0)).reshape(75, 97)
    # 0.1 s of film in 200 instants rather than in 1,600.
    np.testing.assert_allclose(over_time, glossy.truth.brightness_rms, atol=0.02 * 0.02)
    moving = over_time > 0
    assert np.sqrt((over_time[moving] ** 2).mean()) == pytest.approx(0.02, rel=0.02)
    if "region" in changes:
        np.testing.assert_array_equal(moving, glossy.truth.masks[0] > 0.5)


def test_facets_brighten_and_darken_together_with_the_sound():
    rocking = scene(motion=Motion(0.001))
    x, y = everywhere(rocking, 5)
    brightness = rocking.truth.brightness(np.arange(200), x, y)
    sound = rocking.sound[(np.arange(200) * RATE_HZ) // 2000]
    correlation = [np.corrcoef(one, sound)[0, 1] for one in brightness.T]
    assert np.abs(correlation).min() > 0.999
    assert 0.2 < (np.array(correlation) > 0).mean() < 0.8


def test_facets_have_the_size_asked_for():
    for facet_px in (4.0, 12.0):
        wide = scene(camera=Camera(320, 240), motion=Motion(0.001), gloss=Gloss(0.02, facet_px))
        field = wide.bodies[0].responses[0]
        # Of Gaussian noise under a Gaussian blur of s, neighbours d apart correlate as below.
        distance = round(facet_px)
        seen = np.corrcoef(field[:, distance:].ravel(), field[:, :-distance].ravel())[0, 1]
        assert seen == pytest.approx(np.exp(-(distance**2) / (4 * facet_px**2)), abs=0.1)


def test_exposure_averages_brightness():
    tone = np.sin(2 * np.pi * 800 * np.arange(RATE_HZ) / RATE_HZ)
    sharp = scene(sound=tone, motion=Motion(0.001))
    blurred = replace(sharp, camera=replace(sharp.camera, exposure_s=1 / 2000))
    at = np.arange(200), np.array([40]), np.array([30])
    seen = [s.truth.brightness(*at).std() for s in (sharp, blurred)]
    assert seen[1] / seen[0] == pytest.approx(np.sinc(800 / 2000), rel=0.01)


def test_a_glossy_layer_shines_in_its_region_only():
    layer = Layer(Texture("foil", seed=2), Motion(0.001, modes=3),
                  noise(1, RATE_HZ, 100, 900), (30, 20, 40, 33), Gloss(0.03))  # fmt: skip
    both = scene(gloss=Gloss(), layers=(layer,))
    inside = both.truth.masks[1] > 0.5
    brightness = both.truth.brightness_rms
    assert (brightness[~inside] == 0).all()
    assert np.sqrt((brightness[inside] ** 2).mean()) == pytest.approx(0.03, rel=0.02)


def test_silence_does_not_shine():
    quiet = scene(sound=silence(1.0, RATE_HZ))
    np.testing.assert_array_equal(quiet.clean_frame(50), quiet.clean_frame(0))
    assert not quiet.truth.brightness_rms.any()


def test_preset_shines_far_more_than_it_moves():
    glossy = preset("glossy", duration=0.05, seed=1)
    x, y = everywhere(glossy, 7)
    frames = np.arange(0, 110, 3)
    brightness = glossy.truth.brightness(frames, x, y).std()
    gradient = np.abs(glossy.truth.gradient).mean() / glossy.truth.image.mean()
    moved = glossy.truth.displacement_px(frames, x, y).std()
    assert brightness > 20 * gradient * moved
    assert next(glossy.frames()).shape == (192, 256)


def test_seeds_make_different_facets_and_the_same_seed_the_same():
    one, same, other = (scene(gloss=Gloss(0.02, seed=s)).clean_frame(30) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 0.5


@pytest.mark.parametrize(
    ("name", "value"),
    [("rms", -0.1), ("rms", 0.3), ("rms", float("nan")), ("facet_px", 0.0), ("seed", -1)],
)
def test_gloss_is_checked(name, value):
    with pytest.raises(UsageError, match=f"{value} cannot be right; give"):
        Gloss(**{name: value})


def test_gloss_needs_a_motion():
    with pytest.raises(UsageError, match=r"gloss of rms 0\.02 .*; give rms_px above 0"):
        scene(motion=Motion(0.0))
