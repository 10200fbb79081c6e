"""Scenes of several objects, sounds and backgrounds, against the truth that comes with them."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from phonoscope.errors import UsageError
from phonoscope.scene import (
    Background,
    Camera,
    Layer,
    Motion,
    Scene,
    Sway,
    Texture,
    noise,
    preset,
    silence,
)

RATE_HZ = 16000
SIZE = (97, 75)  # width, height: odd, and not square
LEFT, RIGHT = (6, 8, 40, 60), (50, 10, 47, 55)  # the right one reaches the frame's border
SERIES = 1e-4  # error of the Taylor series, as a share of the contrast


def low(seed=0):
    return noise(1.0, RATE_HZ, 100, 500, seed)


def high(seed=0):
    return noise(1.0, RATE_HZ, 600, 900, seed)


def scene(**changes):
    base = Scene(
        camera=Camera(*SIZE, Fraction(2000), read_noise=1.0, shot_gain=0.02),
        texture=Texture("speckle", blur_px=1.0),
        motion=Motion(0.02, modes=3),
        sound=low(),
        sound_rate_hz=RATE_HZ,
        samples=60,
    )
    return replace(base, **changes)


def two_objects(**changes):
    neighbour = Layer(
        Texture("foil", seed=4), Motion(0.03, modes=4, seed=2, highest_hz=700), high(), RIGHT
    )
    return scene(
        **{
            "region": LEFT,
            "layers": (neighbour,),
            "background": Background(Texture("leaves", seed=5), 1.5, 8.0, seed=3),
            **changes,
        }
    )


def shown_at(surface, x, y):
    """The surface's brightness at any points of the frame, summed frequency by frequency."""
    height, width = surface.shape
    rows, columns = (part.start for part in surface.frame)
    fy = 2j * np.pi * np.fft.fftfreq(height)
    fx = 2j * np.pi * np.arange(surface.spectrum.shape[1]) / width
    twice = np.where(np.arange(len(fx)) == 0, 1, 2)  # each stands for its mirror image as well
    waves = np.exp(np.multiply.outer(y + rows, fy)) @ surface.spectrum
    return (waves * twice * np.exp(np.multiply.outer(x + columns, fx))).sum(axis=1).real / (
        height * width
    )


def test_every_pixel_shows_its_object_displaced_as_the_truth_says():
    both = two_objects(sway=Sway(1.5, 3.0))
    truth, edges = both.truth, near_an_edge(both)
    behind = 1 - truth.masks.sum(axis=0)
    for number in (0, 21, 53):
        frame = both.clean_frame(number)
        for body, mask in zip(both.bodies, (behind, *truth.masks), strict=True):
            y, x = (a[::37] for a in np.nonzero((mask > 0.5) & ~edges))
            assert len(x) > 5
            moved = truth.displacement_px(np.array([number]), x, y)[0]
            seen = shown_at(body.surface, x - moved[:, 0], y - moved[:, 1]) * 255
            np.testing.assert_allclose(frame[y, x], seen, atol=SERIES * 255)


def near_an_edge(scene, reach=4):
    """Where something else shows no more than `reach` away: as far as sway and edges go."""
    front = np.pad(scene.truth.masks.round(), ((0, 0), (reach, reach), (reach, reach)), "edge")
    front = front[0] + 2 * front[1]
    windows = np.lib.stride_tricks.sliding_window_view(front, (2 * reach + 1, 2 * reach + 1))
    return windows.min(axis=(2, 3)) != windows.max(axis=(2, 3))


def test_masks_are_the_regions_and_tell_what_covers_what():
    both = two_objects()
    masks = both.truth.masks
    assert masks.shape == (2, 75, 97)
    assert masks.min() >= 0
    assert masks.sum(axis=0).max() <= 1 + 1e-12
    for mask, (x, y, width, height) in zip(masks, (LEFT, RIGHT), strict=True):
        inside = np.zeros(mask.shape, bool)
        inside[y : y + height, x : x + width] = True
        assert ((mask > 0.5) == inside).all()
    assert (masks[1][12:60, -1] == 1).all()  # at the border of the frame there is no edge
    over = replace(both, layers=(replace(both.layers[0], region=None),))
    assert (over.truth.masks[0] == 0).all()
    assert (over.truth.masks[1] == 1).all()


def test_each_object_hears_its_own_sound():
    both = two_objects(samples=1000)
    truth = both.truth
    np.testing.assert_array_equal(truth.sound, low()[:8000])
    np.testing.assert_array_equal(truth.sounds, [low()[:8000], high()[:8000]])
    assert truth.source_objects.tolist() == [0, 1]
    frames = np.arange(1000)
    places = np.array([12, 60]), np.array([60, 20])
    moved = truth.displacement_px(frames, *places)
    hz = np.fft.rfftfreq(1000, 1 / 2000)
    power = (np.abs(np.fft.rfft(moved, axis=0)) ** 2).sum(axis=2)
    above = (power[hz > 550] * (hz > 550)[hz > 550, None]).sum(axis=0) / power.sum(axis=0)
    assert above[0] < 0.01
    assert above[1] > 0.97
    y, x = (a.ravel() for a in np.mgrid[10:65:3, 52:95:3])
    alone = truth.displacement_px(frames[::5], x, y)
    assert np.sqrt((alone**2).sum(axis=2).mean()) == pytest.approx(0.03, rel=0.1)


def test_edges_move_with_their_object():
    # Bright before dark, without texture: what the left edge loses is motion times difference.
    bright = scene(
        texture=Texture(mean=0.8, contrast=0.0), motion=Motion(0.3, direction_deg=0),
        region=LEFT, background=Background(Texture(mean=0.2, contrast=0.0)),
    )  # fmt: skip
    x, y = np.array([26]), np.array([38])
    rest = bright.truth.image
    for number in (7, 20, 31):
        moved = bright.truth.displacement_px(np.array([number]), x, y)[0, 0]
        change = (bright.clean_frame(number) - rest)[30]
        left, right = change[:26].sum(), change[26:].sum()
        assert abs(moved[0]) > 0.02
        assert left == pytest.approx(-0.6 * 255 * moved[0], abs=1e-3)
        assert right == pytest.approx(0.6 * 255 * moved[0], abs=1e-3)


def test_gradient_is_exact_at_edges_too():
    still = two_objects(background=Background(), motion=Motion(0.0))
    still = replace(still, layers=(replace(still.layers[0], motion=Motion(0.0)),))
    step = 1e-3
    for axis in range(2):
        drift = tuple(2000 * step * (np.arange(2) == axis))
        moved = replace(still, sway=Sway(drift_px_per_s=drift))
        change = (moved.truth.image - moved.clean_frame(1)) / step
        # A difference over a small step leaves half the second derivative times the step; the
        # frame's own border is no edge.
        np.testing.assert_allclose(change, moved.truth.gradient[..., axis], atol=0.15)


def test_a_background_moves_slowly_and_as_far_as_asked_for():
    waving = scene(
        camera=Camera(*SIZE, Fraction(50)), samples=3000, sound_rate_hz=1000, region=(40, 30, 8, 8),
        background=Background(rms_px=2.0, highest_hz=5.0),
    )  # fmt: skip
    y, x = (a.ravel() for a in np.mgrid[:24:4, :97:4])
    frames = np.arange(0, 3000, 2)
    body = waving.bodies[0]
    courses = body.course(frames / 50)
    assert body.shapes.shape == (4, 2, 75, 97)
    hz = np.fft.rfftfreq(len(frames), 1 / 25)
    power = np.abs(np.fft.rfft(courses * np.hanning(len(frames)), axis=1)) ** 2
    assert power[:, hz > 5.1].sum() < 1e-6 * power.sum()
    overlap = np.einsum("aihw,bihw->ab", body.shapes, body.shapes) / (97 * 75)
    rms = np.sqrt(np.einsum("at,bt,ab->", courses, courses, overlap) / len(frames))
    assert rms == pytest.approx(2.0, rel=0.1)  # a minute of sines at random frequencies
    moved = waving.truth.displacement_px(frames[:3], x, y)
    np.testing.assert_allclose(
        moved, np.einsum("mip,mt->tpi", body.shapes[:, :, y, x], courses[:, :3]), atol=1e-6
    )


@pytest.mark.parametrize("rms_px", [0.3, 2.0])
@pytest.mark.parametrize("line_delay_s", [0.0, 1e-5])
def test_large_modal_motion_is_exact(rms_px, line_delay_s):
    camera = Camera(*SIZE, Fraction(2000), line_delay_s=line_delay_s)
    far = scene(camera=camera, motion=Motion(rms_px, modes=2), sway=Sway(2.0, 5.0))
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 97, 60), rng.integers(0, 75, 60)
    for number in (11, 40):
        moved = far.truth.displacement_px(np.array([number]), x, y)[0]
        assert np.abs(moved).max() > 0.6  # more than the Taylor series about rest can reach
        seen = shown_at(far._surface, x - moved[:, 0], y - moved[:, 1]) * 255
        np.testing.assert_allclose(far.clean_frame(number)[y, x], seen, atol=SERIES * 255)


def test_motion_that_would_fold_the_surface_is_refused():
    with pytest.raises(UsageError, match=r"stretched by .* cannot be rendered exactly; lower rms"):
        next(scene(motion=Motion(3.0, modes=2, object_share=0.6)).frames())


def test_two_sounds_shake_one_object_each_in_its_own_way():
    modal = scene(motion=Motion(0.02, modes=4), sound=low(), more_sounds=(high(),), samples=500)
    nothing = silence(1.0, RATE_HZ)
    alone = replace(modal, more_sounds=(nothing,)), replace(modal, sound=nothing)
    y, x = (a.ravel() for a in np.mgrid[:75:6, :97:6])
    frames = np.arange(500)
    together, first, second = (
        s.truth.displacement_px(frames, x, y).ravel() for s in (modal, *alone)
    )
    shares, rest = np.linalg.lstsq(np.stack([first, second], 1), together, rcond=None)[:2]
    assert rest[0] < 1e-9 * (together**2).sum()
    np.testing.assert_allclose(shares, np.sqrt(0.5), rtol=0.05)  # equally strong, 0.02 px in all
    drive = modal.motion.participation(2)
    assert drive.shape == (2, 4)
    assert (np.sign(drive[0]) != np.sign(drive[1])).any()
    assert modal.truth.source_objects.tolist() == [0, 0]
    np.testing.assert_array_equal(modal.truth.sounds[1], high()[:4000])


def test_the_first_sound_drives_the_modes_whether_or_not_there_is_another():
    motion = Motion(0.02, modes=4, seed=6)
    np.testing.assert_array_equal(motion.participation(1)[0], motion.participation(3)[0])


def test_frames_are_the_same_whenever_they_are_rendered():
    one, again = two_objects(), two_objects()
    frames = list(one.frames(0, 9))
    np.testing.assert_array_equal(frames[8], next(again.frames(8)))
    other = two_objects(background=Background(Texture("leaves", seed=5), 1.5, 8.0, seed=4))
    assert (frames[8] != next(other.frames(8))).mean() > 0.05


def test_preset_two_has_two_sounds_in_two_regions():
    two = preset("two", duration=0.05, seed=2)
    assert len(two.truth.sounds) == 2
    assert two.truth.source_objects.tolist() == [0, 1]
    assert np.abs(np.corrcoef(two.truth.sounds)[0, 1]) < 0.2
    assert (two.truth.masks > 0.5).mean(axis=(1, 2)).min() > 0.3
    record = json.loads(json.dumps(two.truth.record))
    assert record["layers"][0]["region"] == list(two.layers[0].region)
    assert record["background"]["rms_px"] == 0


def test_preset_background_waves_behind_a_chip_bag():
    scene = preset("background", duration=0.05)
    frames, corner, middle = np.arange(0, 110, 5), np.array([[8], [8]]), np.array([[128], [96]])
    behind = scene.truth.displacement_px(frames, *corner)
    bag = scene.truth.displacement_px(frames, *middle)
    assert 0.1 < np.abs(behind).max() < 10
    assert np.abs(bag).max() < 0.2
    assert len(scene.truth.sounds) == 1


@pytest.mark.parametrize(
    ("region", "said"),
    [
        ((90, 0, 8, 8), "region's x 90"),
        ((-1, 0, 20, 20), "region's x -1"),
        ((0, 0.5, 20, 20), "region's y 0.5"),
        ((10, 0, 90, 20), "region's width 90"),
        ((0, 0, 20, 7), "region's height 7"),
    ],
)
def test_regions_lie_in_the_picture(region, said):
    with pytest.raises(UsageError, match=f"{said} cannot be right; give"):
        scene(region=region)
    with pytest.raises(UsageError, match=f"{said} cannot be right; give"):
        scene(layers=(Layer(Texture(), Motion(), low(), region),))


@pytest.mark.parametrize("sound", [np.zeros(7), np.zeros((100, 2)), np.full(100, np.nan)])
def test_every_sound_is_checked(sound):
    for changes in ({"more_sounds": (sound,)}, {"layers": (Layer(Texture(), Motion(), sound),)}):
        with pytest.raises(UsageError):
            scene(**changes)


@pytest.mark.parametrize(
    ("name", "value"), [("rms_px", -1.0), ("highest_hz", 0.0), ("modes", 0), ("seed", -1)]
)
def test_backgrounds_are_checked(name, value):
    with pytest.raises(UsageError, match=f"{value} cannot be right; give"):
        Background(**{name: value})
