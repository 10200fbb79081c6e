"""The command `calibrate shutter`, on clips of a lamp's bands."""

import re
from fractions import Fraction

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.pipeline.shutter import calibrate_shutter, doubts
from phonoscope.scene import Camera, Motion, Scene, Texture, write_video

NTSC = Fraction(60000, 1001)
SIZE = (96, 360)
DELAY_S = 0.7 / float(NTSC) / SIZE[1]


def scene(*, fps=NTSC, contrast=0.1, up=False, depth=0.05, seconds=2.0):
    camera = Camera(
        *SIZE, fps, 1 / 500, flicker_depth=depth, line_delay_s=DELAY_S, bottom_up=up
    )  # fmt: skip
    texture = Texture("fabric", contrast=contrast)
    return Scene(camera, texture, Motion(0.0), np.zeros(8), 100, int(seconds * fps))


@pytest.fixture(scope="module")
def wall(tmp_path_factory):
    """A clip of two seconds by the light of a lamp of 120 Hz, as a phone compresses it."""
    path = tmp_path_factory.mktemp("wall") / "wall.mp4"
    write_video(scene().frames(), path, NTSC, codec="h264", crf=20)
    return path


def test_from_a_compressed_clip(wall):
    told = []
    bands = calibrate_shutter(wall, progress=lambda done, total: told.append((done, total)))
    assert bands.line_delay_s == pytest.approx(DELAY_S, rel=0.01)
    assert abs(bands.line_delay_s - DELAY_S) < 4 * bands.uncertainty_s
    assert bands.direction == "down"
    assert bands.rows == SIZE[1]
    assert bands.readout_s == pytest.approx(bands.line_delay_s * (SIZE[1] - 1))
    assert bands.lamp_hz == pytest.approx(120, rel=1e-3)
    assert bands.depth == pytest.approx(0.05, rel=0.2)
    assert told[-1] == (119, 119)


@pytest.mark.slow
def test_command(wall, phonoscope):
    done = phonoscope("calibrate", "shutter", wall)
    assert (done.code, done.err) == (0, "")
    found = re.search(r"line delay  ([\d.]+) µs, ± ([\d.]+)", done.out)
    assert float(found[1]) == pytest.approx(1e6 * DELAY_S, rel=0.01)
    assert 0 < float(found[2]) < 0.01 * float(found[1])
    assert "down (the top row is read first)" in done.out
    quiet = phonoscope("calibrate", "shutter", wall, "--quiet")
    assert quiet.out == f"{found[1]} µs\n"


def test_the_rate_that_is_given_counts(wall, phonoscope):
    done = phonoscope("calibrate", "shutter", wall, "--fps", "30000/1001", "--lamp", 60, "-q")
    assert float(done.out.split()[0]) == pytest.approx(2e6 * DELAY_S, rel=0.01)


def test_upwards():
    frames = np.stack(list(scene(up=True).frames()))
    bands = calibrate_shutter(frames, fps=NTSC)
    assert bands.direction == "up"
    assert bands.line_delay_s == pytest.approx(DELAY_S, rel=0.01)


@pytest.mark.parametrize(
    ("clip", "code", "says"),
    [
        ({"depth": 0.0}, 1, "no bands of a lamp that flickers at 120 Hz"),
        ({"fps": Fraction(60), "contrast": 0.15}, 1, "stand still, and in"),
    ],
)
def test_what_cannot_be_told(clip, code, says, refused, tmp_path):
    shown = scene(seconds=1.0, **clip)
    write_video(shown.frames(), tmp_path / "clip.mkv", shown.camera.fps)
    refused("calibrate", "shutter", tmp_path / "clip.mkv", code=code, says=says)


@pytest.mark.parametrize("lamp", ["0", "-120", "nan", "1e9"])
def test_no_frequency(lamp, wall, refused):
    refused(
        "calibrate", "shutter", wall, "--lamp", lamp, code=2, says="is not a flicker's frequency"
    )


def test_no_clip(refused, tmp_path):
    refused("calibrate", "shutter", tmp_path / "no.mp4", code=1, says="does not exist")


def test_black(refused, tmp_path):
    np.save(tmp_path / "black.npy", np.zeros((20, 64, 64), np.uint8))
    refused(
        "calibrate", "shutter", tmp_path / "black.npy", "--fps", 60, code=1, says="saturated or"
    )


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A clip of a textured scene, whose lamp flickers."""
    path = tmp_path_factory.mktemp("room") / "room.mkv"
    write_video(scene(contrast=0.4).frames(), path, NTSC)
    return path


def test_a_clips_own_lamp_tells_the_line_delay(room):
    shutter = ph.measure(room, shutter="rolling").facts.shutter
    assert shutter.source == "lamp"
    assert shutter.line_delay_s == pytest.approx(DELAY_S, rel=0.01)
    assert shutter.direction == "down"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("factor", "direction", "said"),
    [
        (1.0, "down", None),
        (1.2, "down", "shows a line delay of"),
        (0.8, "down", "shows a line delay of"),
        (1.0, "up", "rows are read the other way; give the direction down"),
    ],
)
def test_a_clips_own_lamp_contradicts_a_wrong_shutter(room, factor, direction, said):
    field = ph.measure(
        room, shutter="rolling", line_delay=factor * DELAY_S, direction=direction
    )  # fmt: skip
    warnings = doubts(field)
    assert len(warnings) == (said is not None)
    if said is None:
        return
    assert said in warnings[0]
    if factor != 1:
        named = float(re.search(r"line delay of ([\d.e-]+) s, not", warnings[0])[1])
        assert named == pytest.approx(DELAY_S, rel=0.02)
