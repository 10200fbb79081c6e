"""What cannot be right is refused, in one sentence that names the value and what to do."""

from fractions import Fraction

import numpy as np
import pytest

from phonoscope.errors import UsageError
from phonoscope.scene import (
    Camera,
    Motion,
    Scene,
    Sway,
    Texture,
    chirp,
    noise,
    preset,
    silence,
    tones,
    tune,
)

NAN, INF = float("nan"), float("inf")


def scene(**changes):
    return Scene(
        **{
            "camera": Camera(32, 24),
            "texture": Texture(),
            "motion": Motion(),
            "sound": np.zeros(100),
            "sound_rate_hz": 8000,
            "samples": 4,
            **changes,
        }
    )


def check_refused(what, value, **options):
    name = next(iter(options))
    with pytest.raises(UsageError) as caught:
        what(**options)
    text = str(caught.value)
    assert str(value) in text, name
    assert "; give " in text
    assert text.endswith(".")
    assert "\n" not in text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("width", 8),
        ("height", 20.5),
        ("fps", Fraction(0)),
        ("fps", NAN),
        ("fps", INF),
        ("exposure_s", -0.001),
        ("exposure_s", NAN),
        ("bits", 3),
        ("bits", 17),
        ("bits", 9.5),
        ("read_noise", -1.0),
        ("shot_gain", -0.1),
        ("brightness", NAN),
        ("brightness", -1.0),
        ("gamma", 0.0),
        ("gamma", -2.2),
        ("flicker_depth", 1.5),
        ("line_delay_s", -1e-6),
    ],
)
def test_camera(name, value):
    check_refused(Camera, value, **{name: value})


@pytest.mark.parametrize("hz", [0.0, -50.0, NAN])
def test_flicker_needs_a_frequency_only_if_it_has_a_depth(hz):
    check_refused(Camera, hz, flicker_hz=hz, flicker_depth=0.1)
    dark = Camera(flicker_hz=hz, exposure_s=0.001)
    np.testing.assert_array_equal(dark.light(np.array([0.0, 1.0])), 1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rms_px", -0.01),
        ("rms_px", NAN),
        ("modes", -1),
        ("modes", 2.5),
        ("direction_deg", NAN),
        ("lowest_hz", 0.0),
        ("lowest_hz", -5.0),
        ("lowest_hz", 900.0),
        ("highest_hz", NAN),
        ("damping", 0.0),
        ("damping", -0.1),
        ("object_share", 0.0),
        ("object_share", 1.1),
        ("seed", -1),
    ],
)
def test_motion(name, value):
    check_refused(Motion, value, **{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("blur_px", -0.1),
        ("mean", -0.1),
        ("mean", 1.1),
        ("mean", NAN),
        ("contrast", -0.1),
        ("seed", -1),
        ("seed", 1.5),
    ],
)
def test_texture(name, value):
    check_refused(Texture, value, **{name: value})


@pytest.mark.parametrize(("name", "value"), [("amplitude_px", -1.0), ("frequency_hz", -1.0)])
def test_sway(name, value):
    check_refused(Sway, value, **{name: value})
    check_refused(Sway, NAN, drift_px_per_s=(0.0, NAN))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("seed", -1, -1),
        ("samples", 0, 0),
        ("samples", 2.5, 2.5),
        ("sound_rate_hz", 0, 0),
        ("sound_rate_hz", -8000, -8000),
        ("sound", np.zeros(7), 7),
        ("sound", np.zeros(0), "(0,)"),
        ("sound", np.zeros((100, 2)), "(100, 2)"),
        ("sound", np.zeros(100, complex), "complex128"),
        ("sound", np.array([0.0] * 20 + [NAN]), "sample 20 of the sound is nan"),
    ],
)
def test_scene(name, value, said):
    check_refused(scene, said, **{name: value})


def test_negative_frames_are_refused_when_asked_for():
    for options, value in (({"start": -2}, -2), ({"stop": -1}, -1), ({"start": 0.5}, 0.5)):
        check_refused(scene().frames, value, **options)
    check_refused(scene().clean_frame, -1, number=-1)
    assert list(scene().frames(4)) == []
    assert len(list(scene().frames(np.int64(2), 99))) == 2


@pytest.mark.parametrize(
    ("sound", "said"),
    [
        ((np.zeros((100, 2)), 8000), "(100, 2)"),
        ((np.full(100, NAN), 8000), "sample 0 of the sound is nan"),
        ((np.zeros(100), 0), "rate 0"),
        ((np.zeros(0), 8000), "(0,)"),
    ],
)
def test_preset_sound(sound, said):
    check_refused(lambda sound: preset("rigid", sound=sound), said, sound=sound)


def test_preset_seed():
    check_refused(lambda seed: preset("rigid", seed=seed), -1, seed=-1)


@pytest.mark.parametrize(
    ("make", "value"),
    [
        (lambda: tones(1.0, 8000, []), "no frequencies"),
        (lambda: tones(1.0, 8000, [440, 5000]), 5000),
        (lambda: tones(1.0, 8000, [0]), 0),
        (lambda: chirp(1.0, 8000, 0, 100), "0 to 100"),
        (lambda: chirp(1.0, 8000, 100, 100), "100 to 100"),
        (lambda: noise(1.0, 8000, 200, 100), 100),
        (lambda: noise(1.0, 8000, 5000, 6000), 5000),
        (lambda: noise(1.0, 8000, 100, 200, seed=-1), -1),
        (lambda: silence(-1.0, 8000), -1.0),
        (lambda: silence(NAN, 8000), NAN),
        (lambda: tune(1.0, 0), 0),
    ],
)
def test_generated_sounds(make, value):
    check_refused(lambda make: make(), value, make=make)
