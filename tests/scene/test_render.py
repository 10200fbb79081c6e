"""Rendered frames against the truth that comes with them, by oracles written here."""

import json
from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phonoscope as ph
from phonoscope.errors import UsageError
from phonoscope.scene import Camera, Motion, Scene, Sway, Texture, chirp, noise, preset, presets
from phonoscope.scene.motion import _mode_shapes

RATE_HZ = 16000


def scene(**changes):
    base = Scene(
        camera=Camera(96, 80, Fraction(2000), read_noise=1.0, shot_gain=0.0),
        texture=Texture("speckle", blur_px=1.0),
        motion=Motion(0.02),
        sound=noise(1.0, RATE_HZ, 100, 900),
        sound_rate_hz=RATE_HZ,
        samples=60,
    )
    return replace(base, **changes)


def least_squares_motion(scene, frame, window):
    """Displacement (x, y) of a clean frame from rest, by one Gauss-Newton step from the truth."""
    truth = scene.truth
    gradient = truth.gradient[window].reshape(-1, 2)
    change = truth.image[window].ravel() - frame[window].ravel()
    return np.linalg.lstsq(gradient, change, rcond=None)[0]


def test_rigid_motion_is_the_sound_in_the_direction_and_size_asked_for():
    rigid = scene(motion=Motion(0.005, direction_deg=90.0), samples=400)
    moved = rigid.truth.displacement_px(np.arange(400), np.array([10]), np.array([20]))[:, 0]
    assert np.abs(moved[:, 0]).max() < 1e-9
    assert np.sqrt((moved**2).sum(axis=1).mean()) == pytest.approx(0.005, rel=0.001)
    sound = rigid.sound[(np.arange(400) * RATE_HZ) // 2000]
    assert np.corrcoef(moved[:, 1], sound)[0, 1] > 0.9999


@pytest.mark.parametrize("modes", [0, 4])
def test_frames_move_as_the_truth_says(modes):
    moving = scene(motion=Motion(0.004, modes=modes, highest_hz=500))
    window = (slice(30, 46), slice(40, 56))
    y, x = (a.ravel() for a in np.mgrid[window])
    for number in (3, 17, 41):
        seen = least_squares_motion(moving, moving.clean_frame(number), window)
        shift = moving.truth.displacement_px(np.array([number]), x, y)[0]
        # One linear step leaves the square of the motion; a plain mean is a little rough.
        np.testing.assert_allclose(seen, shift.mean(axis=0), atol=4e-4)


def test_large_sway_shifts_the_picture_exactly():
    swaying = scene(motion=Motion(0.0), sway=Sway(3.0, 2.0))
    number = 55
    time = swaying.camera.row_times_s(number)[:1]
    x, y = swaying.sway.at(time)[0]
    assert x > 0.9
    back = replace(swaying, sway=Sway(drift_px_per_s=(0.0, 0.0)))
    still = back._surface
    expected = swaying._surface.moved(np.array([x, y]), 0)[0] * 255
    np.testing.assert_allclose(swaying.clean_frame(number), expected, atol=1e-4)
    assert np.abs(expected - still.moved(np.zeros(2), 0)[0] * 255).max() > 10


def test_series_equals_the_exact_shift():
    # A region of all the frame takes the path of the Taylor series instead of the shifted spectrum.
    rigid = scene(motion=Motion(0.05))
    series = replace(rigid, region=(0, 0, rigid.camera.width, rigid.camera.height))
    for number in (5, 30):
        error = rigid.clean_frame(number) - series.clean_frame(number)
        assert np.abs(error).max() < 1e-4 * rigid.truth.image.std()


def test_rolling_rows_see_what_no_frame_start_shows():
    # The tone is a multiple of the frame rate: it is zero whenever a frame begins.
    tone = np.sin(2 * np.pi * 600 * np.arange(RATE_HZ) / RATE_HZ)
    camera = Camera(96, 80, Fraction(60), line_delay_s=1e-4)
    rolling = scene(camera=camera, motion=Motion(0.1, direction_deg=0), sound=tone, samples=4)
    frame = rolling.clean_frame(2)
    moved = rolling.truth.displacement_px(np.array([2]), np.full(80, 5), np.arange(80))[0]
    assert np.abs(moved).max() > 0.13
    assert_rows_are_shifted(rolling, frame, moved, range(0, 80, 7))


def test_exposure_sees_what_no_frame_start_shows():
    # Half a cycle of the tone is averaged from each zero of it on.
    tone = np.sin(2 * np.pi * 2000 * np.arange(RATE_HZ) / RATE_HZ)
    camera = Camera(96, 80, Fraction(2000), exposure_s=1 / 4000)
    framed = scene(camera=camera, motion=Motion(0.1, 0, 0, object_share=0.9), sound=tone)
    moved = framed.truth.displacement_px(np.array([20]), np.array([48]), np.array([40]))[0]
    assert moved[0, 0] > 0.09
    inside = slice(16, 80)
    frame = framed.clean_frame(20)
    assert_rows_are_shifted(framed, frame, np.repeat(moved, 80, axis=0), [20, 40, 60], inside)


def assert_rows_are_shifted(scene, frame, moved, rows, columns=slice(None)):
    """Each row is that of the whole surface, shifted exactly by what the truth says of the row."""
    for y in rows:
        whole = scene._surface.moved(moved[y], 0)[0] * scene.camera.full_scale
        error = np.abs(frame[y, columns] - whole[y, columns]).max()
        assert error < 1e-4 * scene.truth.image.std()


def test_sway_is_averaged_over_the_exposure():
    camera = Camera(96, 80, Fraction(100), exposure_s=1 / 100)
    swaying = scene(
        camera=camera, motion=Motion(0.0), sway=Sway(3.0, 40.0, (5.0, -2.0)), samples=20
    )
    fine = (np.arange(1000) + 0.5) / 1000 / 100
    for number in (3, 11):
        moved = swaying.truth.displacement_px(np.array([number]), np.array([9]), np.array([9]))[0]
        expected = swaying.sway.at(number / 100 + fine).mean(axis=0)
        np.testing.assert_allclose(moved[0], expected, atol=1e-5)
        assert np.abs(moved[0] - swaying.sway.at(np.array(number / 100))).max() > 0.1
        shifted = swaying._surface.moved(moved[0], 0)[0] * 255
        np.testing.assert_allclose(swaying.clean_frame(number), shifted, atol=1e-4)


@pytest.mark.parametrize("gain", [0.0, 0.1])
@pytest.mark.parametrize("read", [0.5, 2.0, 8.0])
def test_noise_has_the_variance_that_the_truth_claims(read, gain):
    camera = Camera(96, 80, Fraction(2000), read_noise=read, shot_gain=gain)
    still = scene(camera=camera, motion=Motion(0.0), samples=200)
    residual = np.array([f - still.truth.image for f in still.frames()])
    ratio = residual.var(axis=0) / still.truth.noise_variance
    # 200 frames x 7680 pixels: the mean ratio is known to 0.2 %.
    assert ratio.mean() == pytest.approx(1.0, abs=0.01)
    slope = np.polyfit(still.truth.image.ravel(), residual.var(axis=0).ravel(), 1)[0]
    assert slope == pytest.approx(gain, abs=0.004 + 0.004 * read)


def test_bits_round_and_clip():
    bright = scene(camera=Camera(96, 80, Fraction(2000), bits=10, brightness=3.0))
    frame = next(bright.frames())
    assert frame.dtype == np.uint16
    assert frame.max() == 1023


def test_gamma_lifts_the_middle():
    straight = scene(camera=Camera(96, 80, Fraction(2000), read_noise=0.1, shot_gain=0))
    curved = replace(straight, camera=replace(straight.camera, gamma=2.2))
    linear, lifted = (next(s.frames()).astype(float) for s in (straight, curved))
    np.testing.assert_allclose(lifted, 255 * (linear / 255) ** (1 / 2.2), atol=1.6)


@pytest.mark.parametrize("gamma", [0.6, 2.2])
def test_truth_knows_gamma(gamma):
    camera = Camera(96, 80, Fraction(2000), read_noise=1.5, shot_gain=0.02, gamma=gamma)
    step = 1e-3
    still = scene(camera=camera, texture=Texture(contrast=0.08), motion=Motion(0.0), samples=200)
    truth = still.truth
    residual = np.array([frame - truth.image for frame in still.frames()])
    # 1.5 million values: the mean is known to 0.001, the curve bends it by less than 0.01.
    assert abs(residual.mean()) < 0.015
    ratio = residual.var(axis=0) / truth.noise_variance
    assert ratio.mean() == pytest.approx(1.0, abs=0.01)
    dark = truth.image < np.quantile(truth.image, 0.1)
    assert ratio[dark].mean() == pytest.approx(1.0, abs=0.02)
    for axis in range(2):
        drift = tuple(2000 * step * (np.arange(2) == axis))
        drifting = replace(still, sway=Sway(drift_px_per_s=drift))
        change = drifting.truth.image - drifting.clean_frame(1)
        # A difference over a small step leaves half the second derivative times the step.
        np.testing.assert_allclose(change / step, drifting.truth.gradient[..., axis], atol=0.1)
    assert np.abs(truth.gradient).max() > 10


def test_black_has_a_finite_variance():
    black = scene(camera=Camera(96, 80, gamma=2.2), texture=Texture(mean=0.0))
    assert not black.truth.image.any()
    assert np.isfinite(black.truth.noise_variance).all()
    assert not black.truth.gradient.any()


def test_exposure_dampens_a_tone_as_a_sinc():
    frequency = 800.0
    time = np.arange(RATE_HZ) / RATE_HZ
    tone = scene(sound=np.sin(2 * np.pi * frequency * time), samples=500)
    blurred = replace(tone, camera=replace(tone.camera, exposure_s=1 / 2000))
    at = [
        np.array([s.course(np.array([n / 2000]))[0, 0] for n in range(500)])
        for s in (tone, blurred)
    ]
    expected = np.sinc(frequency / 2000)
    assert at[1].std() / at[0].std() == pytest.approx(expected, rel=0.01)


def test_flicker_has_its_depth_and_frequency():
    camera = Camera(96, 80, Fraction(2000), flicker_depth=0.04, flicker_hz=120.0)
    lit = scene(camera=camera, motion=Motion(0.0), samples=400)
    light = np.array([lit.clean_frame(n).mean() for n in range(400)])
    spectrum = np.abs(np.fft.rfft(light / light.mean() - 1)) * 2 / 400
    assert np.argmax(spectrum) == 120 * 400 // 2000
    assert spectrum.max() == pytest.approx(0.04, rel=0.02)


@pytest.mark.parametrize("bottom_up", [False, True])
def test_rolling_shutter_reads_rows_one_after_the_other(bottom_up):
    camera = Camera(96, 80, Fraction(60), line_delay_s=1e-4, bottom_up=bottom_up)
    rolling = scene(camera=camera, motion=Motion(0.02, direction_deg=0), samples=3)
    y = np.arange(80)
    moved = rolling.truth.displacement_px(np.array([1]), np.full(80, 5), y)[0, :, 0]
    delay = (y[::-1] if bottom_up else y) * 1e-4
    at_rows = rolling.course(1 / 60 + delay)[0]
    np.testing.assert_allclose(moved, at_rows, atol=1e-9)
    rows = (slice(20, 24), slice(8, 88))
    seen = least_squares_motion(rolling, rolling.clean_frame(1), rows)
    assert seen[0] == pytest.approx(moved[20:24].mean(), abs=2e-3)


@pytest.mark.slow
def test_modes_have_the_rms_asked_for_and_ring_at_their_resonances():
    modal = scene(motion=Motion(0.01, modes=3, damping=0.01), sound=chirp(2, RATE_HZ, 60, 990),
                  samples=4000)  # fmt: skip
    assert overall_rms(modal) == pytest.approx(0.01, rel=0.01)
    hz = np.fft.rfftfreq(4000, 1 / 2000)
    courses = np.array([modal.course(np.array([n / 2000]))[:, 0] for n in range(4000)]).T
    for course, resonance in zip(courses, modal.motion.resonances_hz(), strict=True):
        peak = hz[np.argmax(np.abs(np.fft.rfft(course)))]
        assert peak == pytest.approx(resonance, rel=0.03)


def test_rms_is_that_of_the_moving_part():
    framed = scene(motion=Motion(0.01, modes=2, object_share=0.5), samples=400)
    moving = (framed._shapes != 0).any(axis=(0, 1))
    assert overall_rms(framed) == pytest.approx(0.01 * np.sqrt(moving.mean()), rel=0.01)


def overall_rms(scene):
    y, x = (a.ravel() for a in np.mgrid[: scene.camera.height, : scene.camera.width])
    blocks = np.array_split(np.arange(scene.samples), scene.samples // 100)
    square = [(scene.truth.displacement_px(block, x, y) ** 2).sum() for block in blocks]
    return np.sqrt(sum(square) / (len(x) * scene.samples))


def test_half_of_each_mode_moves_against_the_other_half():
    for shape in _mode_shapes(6, 60, 80, seed=1):
        part = shape[np.argmax(np.abs(shape).max(axis=(1, 2)))]
        assert 0.25 < (part > 0).mean() < 0.75


def test_still_background_stays_still():
    framed = scene(motion=Motion(0.02, modes=2, object_share=0.5))
    corner = framed.truth.displacement_px(np.arange(20), np.array([2]), np.array([2]))
    middle = framed.truth.displacement_px(np.arange(20), np.array([48]), np.array([44]))
    assert np.abs(corner).max() == 0
    assert np.abs(middle).max() > 1e-4


@settings(max_examples=10, deadline=None)
@given(start=st.integers(0, 50), length=st.integers(1, 5))
def test_a_frame_does_not_depend_on_the_range_rendered(start, length):
    rendered = list(scene().frames(start, start + length))
    for offset, frame in enumerate(rendered):
        np.testing.assert_array_equal(
            frame, next(scene().frames(start + offset, start + offset + 1))
        )


def test_seeds_change_the_noise():
    one, same, other = (next(scene(seed=s).frames()) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).mean() > 0.3


@pytest.mark.slow
@pytest.mark.parametrize("name", presets())
def test_presets_render_and_tell_their_parameters(name):
    ready = preset(name, duration=0.01, seed=3)
    frame = next(ready.frames())
    assert frame.shape == (ready.camera.height, ready.camera.width)
    fps = {"phone": 60, "speckle": 4000}.get(name, 2200)
    assert ready.truth.record["capture_fps"] == fps
    assert len(ready.truth.sound) == round(ready.samples / fps * ready.sound_rate_hz)


def test_record_tells_versions_and_is_ready_for_json():
    record = json.loads(json.dumps(preset("rigid", duration=0.01).truth.record, allow_nan=False))
    assert record["versions"] == {
        "phonoscope": ph.__version__, "numpy": np.__version__, "av": av.__version__
    }  # fmt: skip


def test_preset_plays_a_given_sound():
    time = np.arange(4410) / 44100
    ready = preset("rigid", duration=0.05, sound=(np.sin(2 * np.pi * 440 * time), 44100))
    spectrum = np.abs(np.fft.rfft(ready.truth.sound, 1 << 15))
    assert np.argmax(spectrum) * ready.sound_rate_hz / (1 << 15) == pytest.approx(440, abs=12)


@pytest.mark.parametrize(("name", "duration"), [("moon", None), ("rigid", 0), ("rigid", np.nan)])
def test_wrong_preset_or_duration_is_refused(name, duration):
    with pytest.raises(UsageError):
        preset(name, duration=duration)
