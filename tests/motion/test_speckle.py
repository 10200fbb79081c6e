"""Speckle is followed as far as it goes, as well as the camera allows, with claims that hold."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.errors import InputError, UsageError
from phonoscope.motion import cut, measure_frames, speckle_at
from phonoscope.motion.speckle_look import look_at_speckle
from phonoscope.motion.speckle_track import SpeckleTracker
from phonoscope.scene import Camera, Speckle, Sway, noise
from phonoscope.types import Frame

FPS = 4000
CAMERA = Camera(96, 96, Fraction(FPS), 1 / 16000, read_noise=1.5, shot_gain=0.05)


def rendered(frames, **changes):
    plain = Speckle(
        CAMERA, noise(frames / FPS + 0.1, 16000, 100, 1200), 16000, frames, rms_px=0.3, seed=5
    )
    scene = replace(plain, **changes)
    return scene, list(scene.frames())


def tracker(frames, cell=32):
    height, width = frames[0].shape
    grid = cut(width, height, (), cell)[0]
    return SpeckleTracker(look_at_speckle(frames[:100], grid, 255), grid)


def followed(frames):
    own = tracker(frames)
    return [own.follow(frame) for frame in frames]


def mean_of(field):
    return ph.displacement(field).displacement


def errors(scene, motion):
    wrong = motion - scene.truth.displacement_px(np.arange(len(motion)))
    return wrong - wrong[0]


def test_noise_and_grain_are_measured_though_the_pattern_moves():
    _, frames = rendered(60, rms_px=3.0, sway=Sway(20.0, 2.0))
    look = look_at_speckle(frames, cut(96, 96, (), 32)[0], 255)
    variance = look.dark + look.slope * 50
    assert variance == pytest.approx(1.5**2 + 1 / 12 + 0.05 * 50, rel=0.1)
    assert look.grain_px == pytest.approx(4.1, abs=0.5)


def test_comes_near_the_bound_where_nothing_boils():
    scene, frames = rendered(250, rms_px=0.05, boil_px=math.inf)
    still = replace(scene, rms_px=0.0)
    image = still.clean_frame(0)
    moved = (Sway(drift_px_per_s=(0.01 * FPS * a, 0.01 * FPS * (1 - a))) for a in (1, 0))
    slopes = [(replace(still, sway=one).clean_frame(1) - image) / 0.01 for one in moved]
    variance = scene.camera.noise_variance(image)
    variance[image > 250] = np.inf  # saturated, and so silent
    told = np.array([[np.sum(a * b / variance) for b in slopes] for a in slopes])
    bound = np.sqrt(np.diagonal(np.linalg.inv(told)))
    field = ph.measure(np.array(frames), fps=FPS, pattern="speckle")
    wrong = np.std(errors(scene, mean_of(field)), axis=0)
    # The outermost pixels, an eighth here, and those beside saturated ones do not count, and
    # each cell has a light of its own.
    assert (wrong < 1.35 * bound).all()
    assert (wrong > 0.95 * bound).all()
    claimed = np.sqrt(np.diagonal(np.linalg.inv(field.information[:, :2, :2].sum(axis=0))))
    assert claimed == pytest.approx(wrong, rel=0.1)


def test_far_motion_is_followed_without_drift_where_nothing_boils():
    scene, frames = rendered(150, rms_px=4.0, boil_px=math.inf, sway=Sway(30.0, 8.0))
    own = followed(frames)
    assert not any(one.lost for one in own)
    wrong = errors(scene, np.array([one.motion.mean(axis=0) for one in own]))
    assert np.abs(scene.truth.displacement_px(np.arange(150))).max() > 30
    assert np.abs(wrong).max() < 0.05


@pytest.mark.parametrize("how", [{"sway": Sway(20.0, 3.0)}, {"boil_s": 0.02}])
def test_follows_a_pattern_that_boils_and_its_claims_hold(how):
    scene, frames = rendered(250, rms_px=0.5, boil_px=80.0, **how)
    field = ph.measure(np.array(frames), fps=FPS, pattern="speckle")
    assert field.warnings == ()
    truth = scene.truth.displacement_px(np.arange(250))
    wrong = np.diff(field.motion - truth[:, None], axis=0)
    claimed = 2 * np.diagonal(field.covariance, axis1=1, axis2=2)[:, :2]
    assert np.median(claimed / wrong.var(axis=0)) == pytest.approx(1, abs=0.2)
    # Cells err each for itself: their mean errs less by the root of their number.
    alone, together = wrong.std(axis=(0, 1)), wrong.mean(axis=1).std(axis=0)
    assert (together < 1.4 * alone / math.sqrt(wrong.shape[1])).all()


def test_a_pattern_that_boils_faster_is_known_less():
    slow, fast = (
        followed(rendered(40, boil_px=boil, rms_px=2.0)[1])[-1].information for boil in (200, 25)
    )
    assert np.trace(fast.mean(axis=0)) < 0.5 * np.trace(slow.mean(axis=0))


def test_goes_on_where_another_left_it():
    _, frames = rendered(60, boil_px=60.0, sway=Sway(20.0, 4.0))
    whole = followed(frames)
    first = tracker(frames)
    for frame in frames[:25]:
        first.follow(frame)
    grid = cut(96, 96, (), 32)[0]
    second = SpeckleTracker(look_at_speckle(frames[:100], grid, 255), grid, first.state)
    for frame, known in zip(frames[25:], whole[25:], strict=True):
        one = second.follow(frame)
        np.testing.assert_array_equal(one.motion, known.motion)
        np.testing.assert_array_equal(one.information, known.information)


def test_a_pattern_that_is_another_is_lost_and_begun_anew():
    _, frames = rendered(60)
    other, others = rendered(60, seed=77)
    own = tracker(frames)
    before = [own.follow(frame) for frame in frames[:30]]
    after = [own.follow(frame) for frame in others[30:]]
    assert [one.lost for one in after] == [True] + 29 * [False]
    np.testing.assert_allclose(after[0].motion, before[-1].motion, atol=0.05)
    moved = np.array([one.motion.mean(axis=0) for one in after])
    truth = other.truth.displacement_px(np.arange(30, 60))
    assert np.abs((moved - moved[0]) - (truth - truth[0])).max() < 0.05


def test_lost_frames_are_told():
    _, frames = rendered(60)
    _, others = rendered(60, seed=77)
    clip = np.array(frames[:30] + others[30:])
    field = ph.measure(clip, fps=FPS, pattern="speckle")
    assert field.blocks[0].lost == (30,)
    assert "1 frame (the first is 30) moved too far" in field.warnings[0]


def test_saturated_speckles_do_not_mislead():
    bright = replace(CAMERA, brightness=2.5)
    scene, frames = rendered(80, camera=bright, boil_px=math.inf, sway=Sway(10.0, 5.0))
    assert np.mean(np.array(frames) == 255) > 0.1
    own = followed(frames)
    wrong = errors(scene, np.array([one.motion.mean(axis=0) for one in own]))
    assert np.abs(wrong).max() < 0.05


@pytest.mark.slow
@pytest.mark.parametrize(("boil_s", "sway"), [(0.02, 0.0), (math.inf, 20.0)])
def test_silence_that_boils_is_silence(boil_s, sway):
    dim = replace(CAMERA, read_noise=3.0, shot_gain=0.3, brightness=0.25)
    scene = {"rms_px": 0.0, "boil_px": 100.0, "boil_s": boil_s, "sway": Sway(sway, 2.0)}
    _, frames = rendered(500, camera=dim, **scene)
    assert not ph.recover(np.array(frames), fps=FPS, pattern="speckle").verdict.detected


def test_segments_begin_where_the_one_before_ended():
    # As a measurement that was cut off is gone on with.
    small = replace(CAMERA, width=32, height=32)
    _, frames = rendered(2100, camera=small, boil_px=60.0, sway=Sway(5.0, 2.0), grain_px=3.0)
    grids = cut(32, 32, (), 16)

    def measurement():
        taken = (Frame(n, Fraction(n, FPS), luma) for n, luma in enumerate(frames))
        return measure_frames(taken, grids, bits=8, look_at=speckle_at)

    first, second = measurement().segments()
    assert (first.samples, second.samples) == (2048, 52)
    (again,) = measurement().segments({0}, known=lambda number: [first.poses][number])
    np.testing.assert_array_equal(again.blocks[0].motion, second.blocks[0].motion)
    step = np.abs(
        np.diff(np.concatenate([first.blocks[-1].motion, second.blocks[0].motion]), axis=0)
    )
    assert step.max() < 3


def test_regions_are_followed_each_for_itself():
    _, frames = rendered(40, boil_px=math.inf)
    regions = ["0,0,48,96", "48,0,48,96"]
    field = ph.measure(np.array(frames), fps=FPS, pattern="speckle", region=regions)
    left, right = field.motion[:, :2].mean(axis=1), field.motion[:, -2:].mean(axis=1)
    assert len(field.cells) == 16
    assert np.abs(left - right).max() < 0.1


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"shutter": "rolling", "line_delay": 1e-6}, "film with a global shutter"),
        ({"device": "cuda"}, "not on the device cuda"),
        ({"workers": 2}, "leave dask and workers out"),
        ({"method": "pyramid"}, "take the method array"),
        ({"pattern": "dots"}, "pattern 'dots' is not known; give texture or speckle"),
    ],
)
def test_what_does_not_go_with_speckle(how, says):
    with pytest.raises(UsageError, match=says):
        ph.recover(np.zeros((8, 64, 64), np.uint8), fps=FPS, **{"pattern": "speckle", **how})


def test_a_motion_field_is_measured_already():
    _, frames = rendered(8)
    field = ph.measure(np.array(frames), fps=FPS, pattern="speckle")
    assert field.parameters["pattern"] == "speckle"
    with pytest.raises(UsageError, match="measured already"):
        ph.recover(field, pattern="speckle")


@pytest.mark.parametrize(
    ("clip", "region", "says"),
    [
        (np.full((8, 64, 64), 90, np.uint8), (), "no speckle: the picture is flat"),
        (None, "0,0,32,20", "too small for speckles of"),
    ],
)
def test_what_shows_no_speckle(clip, region, says):
    if clip is None:
        clip = np.array(rendered(8)[1])
    with pytest.raises(InputError, match=says):
        ph.measure(clip, fps=FPS, pattern="speckle", region=region, cell=16)
