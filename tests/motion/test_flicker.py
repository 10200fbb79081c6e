"""Line delay from a lamp's bands, against clips of the simulator."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from phonoscope.errors import InputError
from phonoscope.motion.flicker import check_delay, measure_lamp, read_rows
from phonoscope.motion.seek import search
from phonoscope.motion.wave import Light
from phonoscope.scene import Camera, Motion, Scene, Texture
from phonoscope.types import Frame

NTSC = Fraction(60000, 1001)
DEMANDED = 0.01  # relative error of the line delay
HEIGHT = 360


def film(
    *, fps=NTSC, lamp=120.0, depth=0.05, readout=0.7, texture="print", contrast=0.15, seed=0,
    size=(64, HEIGHT), up=False, duration=2.0, moving_px=0.02, **camera,
):  # fmt: skip
    """Return the frames of a clip that begins at some phase of the lamp, and its line delay."""
    width, height = size
    delay = readout / float(fps) / height
    shot = Camera(
        width, height, Fraction(fps), exposure_s=1 / 500, flicker_depth=depth, flicker_hz=lamp,
        line_delay_s=delay, bottom_up=up, **camera,
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    count, start = int(duration * fps), int(rng.integers(0, 500))
    scene = Scene(
        shot, Texture(texture, contrast=contrast, seed=seed), Motion(moving_px),
        rng.standard_normal(9600 * 5), 4800, start + count, seed=seed,
    )  # fmt: skip
    lumas = scene.frames(start, start + count)
    return [Frame(n, Fraction(n) / fps, luma) for n, luma in enumerate(lumas)], delay


def measured(frames, *, fps=NTSC, lamp=120.0):
    return measure_lamp(read_rows(frames, 8), lamp, 1 / float(fps))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("clip", "direction"),
    [
        ({"seed": 1}, 1),
        ({"seed": 2, "texture": "leaves", "depth": 0.01}, 1),
        ({"seed": 3, "texture": "wood", "readout": 0.65, "up": True}, -1),
        ({"seed": 4, "lamp": 100.0, "fps": 60, "readout": 0.75, "depth": 0.01}, 1),
        ({"seed": 5, "lamp": 100.0, "up": True, "size": (67, 363)}, -1),
        ({"seed": 6, "brightness": 1.6, "contrast": 0.25}, 1),
    ],
    ids=["print", "weak", "upwards", "100 Hz", "odd size", "saturated"],
)
def test_line_delay(clip, direction):
    frames, delay = film(**clip)
    known = {name: clip[name] for name in ("fps", "lamp") if name in clip}
    bands = measured(frames, **known)
    assert bands.sure
    assert not bands.standing
    assert bands.directed
    assert bands.slope_s == pytest.approx(direction * delay, rel=DEMANDED / 2)
    assert abs(bands.slope_s - direction * delay) < 4 * bands.uncertainty_s
    assert bands.uncertainty_s < DEMANDED / 2 * delay


@pytest.mark.slow
def test_claimed_and_real_error_agree():
    ratios = []
    for seed in range(8):
        frames, delay = film(lamp=100.0, seed=seed, size=(64, 90), depth=0.01, duration=0.5)
        bands = measured(frames, lamp=100.0)
        ratios.append((bands.slope_s - delay) / bands.uncertainty_s)
    # chi² of 8 degrees of freedom, 0.1 % on either side
    assert 0.86 < np.sum(np.square(ratios)) < 26.1


def test_lamp_off_its_frequency_is_refined():
    frames, delay = film(lamp=119.94, seed=7, depth=0.1)
    bands = measured(frames)
    assert bands.lamp_hz == pytest.approx(119.94, abs=0.01)
    assert bands.slope_s == pytest.approx(delay, rel=DEMANDED / 2)


def test_standing_bands_on_a_plain_wall():
    frames, delay = film(fps=60, contrast=0.0, moving_px=0.0, up=True)
    bands = measured(frames, fps=60)
    assert bands.sure
    assert bands.standing
    assert not bands.directed
    assert abs(bands.slope_s) == pytest.approx(delay, rel=DEMANDED / 2)
    assert abs(abs(bands.slope_s) - delay) < 4 * bands.uncertainty_s


@pytest.mark.parametrize("texture", ["print", "leaves", "wood"])
def test_standing_bands_are_not_told_from_texture(texture):
    frames, _ = film(fps=60, texture=texture, moving_px=0.0, duration=0.5)
    assert not measured(frames, fps=60).sure


@pytest.mark.slow
def test_bands_that_hardly_roll_leave_the_direction_open():
    frames, delay = film(fps=60, lamp=120.02, up=True)
    bands = measured(frames, fps=60)
    assert bands.sure
    assert not bands.directed
    assert abs(bands.slope_s) == pytest.approx(delay, rel=DEMANDED)


@pytest.mark.parametrize(
    "clip",
    [{"depth": 0.0}, {"depth": 0.0, "contrast": 0.0}, {"readout": 0.0}],
    ids=["no flicker", "plain", "global shutter"],
)
def test_no_bands(clip):
    frames, _ = film(**clip, duration=1.0)
    assert not measured(frames).seen


def with_something_moving(frames):
    """Let a dark object cross the right half of the picture."""
    for frame in frames:
        luma = frame.luma.copy()
        top = 2 * frame.index
        luma[top : top + 80, 36:52] //= 3
        yield replace(frame, luma=luma)


def test_something_moves_in_a_part_of_the_picture():
    frames, delay = film(seed=8)
    bands = measured(with_something_moving(frames))
    assert bands.sure
    assert bands.slope_s == pytest.approx(delay, rel=DEMANDED)


class Dimmed(Camera):
    """Under a lamp that is switched: on for 40 % of its period, with sharp edges."""

    def light(self, time_s):
        period, on = 1 / self.flicker_hz, 0.4

        def lit(until):
            whole, part = np.divmod(until, period)
            return whole * on * period + np.minimum(part, on * period)

        share = (lit(time_s + self.exposure_s) - lit(time_s)) / self.exposure_s
        return 1 + self.flicker_depth * (share - on)


@pytest.mark.slow
@pytest.mark.parametrize(("lamp", "within"), [(100.0, DEMANDED / 2), (120.0, DEMANDED)])
def test_switched_lamp(lamp, within):
    delay = 0.7 / float(NTSC) / HEIGHT
    camera = Dimmed(
        64, HEIGHT, NTSC, 1 / 1000, flicker_depth=0.2, flicker_hz=lamp, line_delay_s=delay
    )
    scene = Scene(camera, Texture("foil"), Motion(0.0), np.zeros(8), 100, 120)
    frames = [Frame(n, n / NTSC, luma) for n, luma in enumerate(scene.frames())]
    assert measured(frames, lamp=lamp).slope_s == pytest.approx(delay, rel=within)


def test_too_few_frames():
    frames, _ = film(duration=0.2)
    with pytest.raises(InputError, match="6 frames are too few"):
        read_rows(frames[:6], 8)


def gains(frames):
    """Return ``(sample, row)`` brightness relative to the mean frame, and the frames' times."""
    rows = np.array([frame.luma.mean(axis=1) for frame in frames])
    return rows / rows.mean(axis=0), [float(frame.time_s) for frame in frames]


@pytest.mark.slow
@pytest.mark.parametrize(("lamp", "wrong"), [(100.0, 1.0), (120.0, 0.95), (240.0, 1.1)])
def test_a_wrong_delay_is_recognised(lamp, wrong):
    frames, delay = film(lamp=lamp, size=(64, 90), depth=0.1)
    gain, time = gains(frames)
    check = check_delay(gain, time, wrong * delay * np.arange(90))
    assert check is not None
    assert check.stretch == pytest.approx(1 / wrong, rel=DEMANDED)
    assert check.uncertainty < DEMANDED
    assert check.lamp_hz == pytest.approx(lamp, rel=1e-3)


@pytest.mark.slow
def test_a_wrong_direction_is_recognised():
    frames, delay = film(lamp=100.0, size=(64, 90), up=True)
    gain, time = gains(frames)
    check = check_delay(gain, time, delay * np.arange(90))
    assert check is not None
    assert check.directed
    assert check.stretch == pytest.approx(-1, rel=DEMANDED)


@pytest.mark.slow
@pytest.mark.parametrize("clip", [{"depth": 0.0}, {"fps": 60}], ids=["none", "standing"])
def test_nothing_to_check_by(clip):
    frames, delay = film(**clip, size=(64, 90))
    gain, time = gains(frames)
    assert check_delay(gain, time, delay * np.arange(90)) is None


@pytest.mark.parametrize("seed", range(8))
def test_a_fit_is_begun_where_there_may_be_a_lamp(seed):
    rng = np.random.default_rng(seed)
    time, place, slope = np.arange(-60, 60) / 59.94, np.linspace(-0.005, 0.005, 40), 0.8
    noise = 0.01 * rng.standard_normal((1, len(time), len(place)))
    phase = 2 * np.pi * 100 * (time[:, None] + slope * place)
    # A lamp of 7 standard deviations; in the end 6 are asked for.
    depth = 0.01 * 7 * (2 / (len(time) * len(place))) ** 0.5
    starts = {}
    for name, swell in (("noise", 0.0), ("lamp", depth)):
        log = (noise + swell * np.cos(phase + seed)).astype(np.float32)
        light = Light(log, np.full((1, len(place)), 1e4), time, place)
        starts[name] = search(light, 100.0, 1.6, 1)
    assert len(starts["noise"]) == 0
    assert min(abs(wave.slope_s - slope) for wave in starts["lamp"]) < 0.31  # 4 deviations


def test_wrong_gains():
    with pytest.raises(InputError, match="not finite values for 20 frames"):
        check_delay(np.ones((20, 9)), np.arange(20.0), np.arange(10.0))
    with pytest.raises(InputError, match="a line delay of 0"):
        check_delay(np.ones((20, 9)), np.arange(20.0), np.zeros(9))
