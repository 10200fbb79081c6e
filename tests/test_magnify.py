"""Magnified videos of simulated scenes, against frames that the simulator renders with more motion.

The estimator has no part in the check: frames with 0.9 and 1.1 times the asked motion tell what a
wrong gain would look like, and what was written is fitted to that.
"""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.scene import Camera, Motion, Scene, Texture, tones

FPS, TONE_HZ, FRAMES = 400, 50, 240
GAIN = 25.0
WITHIN = 0.05
PROBE = 0.1  # of the gain


def scene(motion, factor=1.0, seed=3):
    camera = Camera(160, 112, Fraction(FPS), 1 / 4000, read_noise=1.0, shot_gain=0.02)
    moved = replace(motion, rms_px=motion.rms_px * factor)
    sound = tones(FRAMES / FPS, 8000, [TONE_HZ])
    return Scene(camera, Texture("print", seed=seed), moved, sound, 8000, FRAMES, seed=seed)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("modes", [0, 3])
def test_motion_is_gain_times_the_truth(modes, seed, tmp_path):
    motion = Motion(0.03, modes=modes, damping=0.15, seed=seed)
    filmed = np.array(list(scene(motion, seed=seed).frames()))
    out = tmp_path / "out.mkv"
    done = ph.magnify(filmed, out, fps=FPS, band=(40, 60), gain=GAIN)
    assert (done.gain, done.warnings) == (GAIN, ())
    with ph.open_video(out, fps=FPS) as video:
        shown = [frame.luma.astype(float) for frame in video]
    less, asked, more = (scene(motion, GAIN * f, seed) for f in (1 - PROBE, 1.0, 1 + PROBE))
    inner = (slice(12, -12), slice(12, -12))
    along = square = 0.0
    for number in range(60, 180, 5):
        change = (more.clean_frame(number) - less.clean_frame(number))[inner] / (2 * PROBE)
        missed = (shown[number] - asked.clean_frame(number))[inner]
        along += float((change * missed).sum())
        square += float((change**2).sum())
    assert abs(along / square) < WITHIN
