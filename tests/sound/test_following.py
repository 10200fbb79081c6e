"""Slow motion that a codec follows late: how large it is, and what is not taken for sound."""

import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.scene import Camera, Motion, Scene, Sway, Texture, noise, silence, write_video
from phonoscope.sound import listen
from phonoscope.sound.following import FRAMES_LATE, lags_px
from phonoscope.types import Cells, MotionBlock, MotionField, NoiseModel, VideoFacts

RATE = 500
SAMPLES = 2000
CELLS = 40
EVENLY = np.ones((1, CELLS))
_SPREAD = 0.02


def _field(sound_px, sway_px, codec="h264", block=512, seed=0):
    """Return a field that sways at 1 Hz along x, and sounds along y at 90 Hz."""
    random = np.random.default_rng(seed)
    time = np.arange(SAMPLES) / RATE
    motion = _SPREAD * random.standard_normal((SAMPLES, CELLS, 2))
    motion[:, :, 0] += sway_px * np.sin(2 * np.pi * time)[:, None]
    motion[:, :, 1] += sound_px * np.sqrt(2) * np.sin(2 * np.pi * 90 * time)[:, None]
    gain = 1 + 0.01 * random.standard_normal((SAMPLES, CELLS))
    information = np.zeros((CELLS, 3, 3))
    information[:, [0, 1], [0, 1]] = _SPREAD**-2
    information[:, 2, 2] = 1e4
    cuts = [slice(a, a + block) for a in range(0, SAMPLES, block)]
    blocks = [
        MotionBlock(time[c], motion[c].astype("f4"), gain[c].astype("f4"), information)
        for c in cuts
    ]
    place, size = np.arange(CELLS, dtype=np.int32), np.full(CELLS, 16, np.int32)
    cells = Cells(16 * (place % 10), 16 * (place // 10), size, size, np.zeros(CELLS))
    facts = VideoFacts(
        "drawn", "", codec, "gray", 160, 64, 8, SAMPLES, None, Fraction(RATE), "user"
    )
    model = NoiseModel(np.array([0.0]), np.array([1.0]))
    return MotionField(facts, cells, model, SAMPLES, blocks)


def _lag(sway_px):
    # RMS of a sine's differences.
    return FRAMES_LATE * 2 * np.pi * sway_px / RATE / np.sqrt(2)


@pytest.mark.parametrize("sway_px", [0.3, 3.0])
@pytest.mark.parametrize("sound_px", [0.0, 0.5])
def test_the_lag_is_that_of_the_slow_motion_alone(sway_px, sound_px):
    field = _field(sound_px, sway_px)
    (lag,) = lags_px(field, EVENLY, 20.0)
    assert lag == pytest.approx(_lag(sway_px), rel=0.1)
    assert lags_px(_field(sound_px, sway_px, block=333), EVENLY, 20.0) == pytest.approx([lag])
    # Without a lower edge nothing is slower than the band.
    assert lags_px(field, EVENLY, 0.0) == [0]


def test_cells_that_do_not_count_may_do_what_they_will():
    field = _field(0.0, 1.0)
    blocks = []
    for block in field.blocks:
        motion = block.motion.copy()
        motion[:, 10:] *= 30
        blocks.append(replace(block, motion=motion))
    weights = np.vstack([np.zeros(CELLS), EVENLY])
    weights[0, :10] = 2.0
    quiet, of_all = lags_px(replace(field, blocks=blocks), weights, 20.0)
    assert quiet == pytest.approx(_lag(1.0), rel=0.1)
    assert of_all > 2 * quiet


@pytest.mark.parametrize(
    ("codec", "sound_px", "heard"),
    [
        ("h264", 0.5, False),
        ("hevc", 0.5, False),
        ("h264", 2.0, True),
        ("mjpeg", 0.5, True),
        ("ffv1", 0.5, True),
    ],
)
def test_what_is_smaller_than_the_lag_is_not_heard_from_a_predicting_codec(codec, sound_px, heard):
    lag = _lag(3.0)
    sound = listen(_field(sound_px * lag, 3.0, codec))
    assert sound.verdict.detected is heard
    if heard:
        assert sound.motion_rms_px == pytest.approx(sound_px * lag, rel=0.1)
    else:
        assert "follows late" in sound.verdict.reason
        told = re.search(r"([\d.]+) px in 3 frames", sound.verdict.reason)
        assert float(told[1]) == pytest.approx(lag, rel=0.1)
        assert any("follows late" in warning for warning in sound.warnings)
        assert sound.verdict.heard_hz is None
        assert np.all(np.isneginf(sound.verdict.snr_db))
    # Heard or not: less is not detected.
    assert (sound.verdict.detectable_px >= 0.9 * lag) == (codec in ("h264", "hevc"))


def test_the_detectable_motion_is_no_smaller_than_the_lag():
    quiet = listen(_field(0.0, 3.0))
    assert not quiet.verdict.detected
    assert quiet.verdict.detectable_px == pytest.approx(_lag(3.0), rel=0.1)
    assert listen(_field(0.0, 3.0, "mjpeg")).verdict.detectable_px < 0.5 * _lag(3.0)


def _scene(sound_px, seed):
    return Scene(
        Camera(160, 128, Fraction(120), 0.0, read_noise=2.0, shot_gain=0.05),
        Texture("speckle", seed=seed),
        Motion(sound_px, seed=seed),
        noise(6.0, 8000, 30, 55, seed) if sound_px else silence(6.0, 8000),
        8000,
        600,
        Sway(1.5, 0.8),
        seed=seed,
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("crf", [10, 23])
def test_a_swaying_camera_of_120_frames_a_second_makes_no_sound_in_h264(tmp_path, crf, seed):
    scene = _scene(0.0, seed)
    write_video(scene.frames(), tmp_path / "silent.mkv", 120, codec="h264", crf=crf)
    verdict = ph.recover(tmp_path / "silent.mkv", fps=120).verdict
    assert verdict.p_value < 1e-6  # the codec left something, or there is nothing to be tested
    assert not verdict.detected


@pytest.mark.slow
def test_what_moves_further_than_the_sway_is_heard(tmp_path):
    scene = _scene(0.5, 0)
    write_video(scene.frames(), tmp_path / "loud.mkv", 120, codec="h264", crf=10)
    assert ph.recover(tmp_path / "loud.mkv", fps=120).verdict.detected
