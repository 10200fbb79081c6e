"""A picture that has no end: measured group by group as a whole clip would be, gaps filled in."""

import numpy as np
import pytest

from phonoscope.blocks import on_lines
from phonoscope.motion import cut, follow, live_look_frames, look_at, warm_up
from phonoscope.types import GLOBAL, Frame

RATE = 120


def followed(frames, held=32):
    """Return index, motion and whether it was measured, of all samples."""
    frames = list(frames)
    height, width = frames[0].luma.shape
    grids = cut(width, height, (), 16)
    look = look_at(frames[:held], grids, 8, GLOBAL)
    left = frames[held:]

    def take(few, most):
        taken, left[:] = left[:most], left[most:]
        return taken

    some = list(follow(look, frames[:held], take, RATE))
    index = np.concatenate([s.first + np.arange(len(s.measured)) for s in some])
    time = np.concatenate([s.block.time_s for s in some])
    assert np.allclose(time, index / RATE)
    return (
        index,
        np.concatenate([s.block.motion for s in some]),
        np.concatenate([s.measured for s in some]),
    )


@pytest.fixture(scope="module")
def film(lab):
    world = lab.World.make(96, 64)
    motion = lab.wander(150, 0.02) + 0.6 * np.sin(np.arange(150)[:, None] / [30, 45])
    return motion, list(lab.frames(lab.film(world, motion, lab.Camera()), RATE))


def test_motion_is_that_of_the_whole_clip(film, lab):
    motion, frames = film
    index, live, measured = followed(frames)
    _, whole, _, information = lab.measure([frame.luma for frame in frames])
    assert index.tolist() == list(range(150))
    assert measured.all()
    claimed = lab.claimed(information)
    away = live - whole
    away -= away.mean(axis=0)  # another reference, from fewer frames, is elsewhere
    assert np.median(away.std(axis=0) / claimed) < 0.5
    assert np.corrcoef(live[:, :, 0].mean(axis=1), motion[:, 0])[0, 1] > 0.999


def test_missing_frames_are_filled_with_straight_lines_and_marked(film):
    _, frames = film
    missing = {40, 41, 42, 90}
    index, motion, measured = followed(f for f in frames if f.index not in missing)
    assert index.tolist() == list(range(150))
    assert set(index[~measured]) == missing
    for n, share in ((40, 0.25), (41, 0.5), (42, 0.75)):
        line = (1 - share) * motion[39] + share * motion[43]
        assert np.allclose(motion[n], line, atol=1e-6)


def test_a_picture_that_is_hidden_for_a_moment_is_filled_in(film):
    _, frames = film
    hidden = [
        Frame(f.index, f.time_s, np.full_like(f.luma, 90)) if 70 <= f.index < 75 else f
        for f in frames
    ]
    index, motion, measured = followed(hidden)
    assert index.tolist() == list(range(150))
    assert set(index[~measured]) == set(range(70, 75))
    usual = followed(frames)[1]
    apart = np.abs(motion - usual).max(axis=(1, 2))
    assert apart[70:75].max() < 0.3  # the truth goes on by 0.1 px meanwhile, and cells are noisy
    assert apart[80:].max() < 0.05


def test_a_long_gap_is_filled_piece_by_piece(film):
    _, frames = film
    later = [
        f if f.index < 100 else Frame(f.index + 5000, f.time_s + 5000 / 120, f.luma) for f in frames
    ]
    grids = cut(96, 64, (), 16)
    look = look_at(frames[:32], grids, 8, GLOBAL)
    given = [later[32:100], later[100:]]
    some = list(
        follow(look, frames[:32], lambda few, most: given.pop(0)[:16] if given else [], RATE)
    )
    assert max(len(s.measured) for s in some) <= 256
    assert sum(len(s.measured) for s in some) == 5000 + 100 + 16


def test_lines_are_level_beyond_what_is_known():
    values = np.array([[1.0], [3.0]], np.float32)
    known, wanted = np.array([10, 12]), np.array([8, 10, 11, 12, 15])
    assert on_lines(wanted, known, values).ravel().tolist() == [1, 1, 2, 3, 3]
    assert on_lines(wanted, known[:1], values[:1]).ravel().tolist() == [1] * 5


@pytest.mark.parametrize(
    ("rate", "size", "frames"), [(120, (640, 480), 136), (30, (640, 480), 60), (5, (64, 48), 16)]
)
def test_a_live_look_takes_two_seconds_or_what_fits(rate, size, frames):
    assert live_look_frames(*size, 1, rate) == frames


@pytest.mark.parametrize("bits", [8, 10])
def test_warming_up_needs_no_picture(bits):
    warm_up(bits)
