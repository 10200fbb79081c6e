"""Frames that a camera took are told from copies, and gaps in time stay gaps."""

from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.blocks import LazyBlocks
from phonoscope.scene import (
    Camera,
    Motion,
    Scene,
    Sway,
    Texture,
    noise,
    silence,
    tones,
    write_video,
)  # fmt: skip
from phonoscope.sound import in_true_time
from phonoscope.sound.repeats import copies
from phonoscope.types import NoiseModel, Shutter

RATE = 240
COUNT = 480
TONE_HZ = 41.0


def _scene(sound="tone", *, read_noise=2.0, seed=1, frames=COUNT, **more):
    length = frames / RATE + 1
    made = {
        "tone": lambda: tones(length, 8000, [TONE_HZ]),
        "quarter": lambda: tones(length, 8000, [RATE / 4]),
        "noise": lambda: noise(length, 8000, 20, 100, seed),
        "silence": lambda: silence(length, 8000),
    }[sound]()
    if more.pop("gated", False):
        made = made * (np.arange(len(made)) // 2000 % 2)
    return Scene(
        Camera(96, 64, Fraction(RATE), 0.0, read_noise=read_noise),
        Texture("leaves", seed=seed),
        Motion(0.02 if sound != "silence" else 0.0, seed=seed),
        made, 8000, frames, seed=seed, **more,
    )  # fmt: skip


@cache
def _frames(**more):
    return tuple(_scene(**more).frames())


@cache
def _sound():
    return ph.recover(list(_frames()), fps=RATE)


def _agreement(sound, measured=slice(None)):
    """Return the correlation with the sound of all frames, each at its own time."""
    true = _sound().samples[: len(sound.samples)][measured]
    return abs(np.corrcoef(true, sound.samples[measured])[0, 1])


def _converted(share):
    """Return all frames at a faster rate, of whose frames this `share` are new."""
    return [_frames()[int(n * share)] for n in range(int(COUNT / share))]


@pytest.mark.parametrize("share", ["1/2", "4/5", "24/25", "5/12", "711/1000"])
def test_copies_at_even_distances_are_left_out(share):
    share = Fraction(share)
    sound = ph.recover(_converted(share), fps=RATE / share)
    if share.denominator < 100:
        assert sound.rate_hz == RATE
    assert float(sound.rate_hz) == pytest.approx(RATE, rel=1 / COUNT)
    assert abs(len(sound.samples) - COUNT) <= 1
    assert _agreement(sound) > 0.999  # that is the frequency, too: over 82 periods
    assert sound.measured is None
    copies = int(COUNT / share) - COUNT
    assert abs(sound.record["frames_repeated"] - copies) <= 1
    assert sound.record["frames_shown"] == pytest.approx(float(1 / share), rel=1 / COUNT)
    assert sound.record["frames_missing"] == 0
    (sentence,) = (w for w in sound.warnings if "copies" in w)
    assert f"frames/s are shown as {float(RATE / share):.6g}" in sentence


def test_a_file_plays_as_long_as_its_copies_say(tmp_path):
    write_video(_converted(Fraction(4, 5)), tmp_path / "clip.mkv", 30)
    sound = ph.recover(tmp_path / "clip.mkv")
    assert sound.rate_hz == 24
    assert sound.place.slower == 1
    sound = ph.recover(tmp_path / "clip.mkv", fps=300)
    assert sound.rate_hz == RATE
    assert sound.place.slower == 10


@pytest.mark.parametrize(
    ("pattern", "codec", "crf"),
    [
        ("4/5", "h264-forward", 8),
        pytest.param("1/2", "h264-forward", 8, marks=pytest.mark.slow),
        pytest.param("1/2", "h264", 4, marks=pytest.mark.slow),
        pytest.param("4/5", "h264", 4, marks=pytest.mark.slow),
    ],
)
def test_copies_are_told_behind_a_codec(pattern, codec, crf, tmp_path):
    path = tmp_path / "clip.mkv"
    write_video(_converted(Fraction(pattern)), path, RATE, codec=codec, crf=crf)
    sound = ph.recover(path, fps=RATE / Fraction(pattern))
    assert sound.rate_hz == RATE
    assert sound.measured is None
    assert _agreement(sound) > 0.96


@pytest.mark.parametrize(
    "more",
    [
        {"sound": "silence"},
        {"sound": "noise", "sway": Sway(2.0, 1.0)},
        {"sound": "silence", "read_noise": 0.0},
        {"sound": "noise", "read_noise": 0.0},
        {"sound": "tone", "read_noise": 0.0, "gated": True},
        {"sound": "quarter", "read_noise": 0.0},  # steps of 0, 1, 0, -1
    ],
)
def test_what_was_taken_is_no_copy(more):
    field = ph.measure(_scene(**more).frames(), fps=RATE)
    assert in_true_time(field) is field


@pytest.mark.parametrize(
    ("variance", "predicted", "told"),
    [(1.0, False, True), (1 / 12, False, False), (1.0, True, False)],
)
def test_copies_in_long_stretches_are_told_by_noise_alone(variance, predicted, told):
    # Two thirds are: without noise that may be a pause, and behind a codec a scene at rest.
    news = np.tile(np.repeat([1.0, 0.0], [20, 40]), 10)
    noise = NoiseModel(np.array([0.0]), np.array([variance]))
    found = copies(news, noise, predicted=predicted)
    np.testing.assert_array_equal(found, (news == 0) & told)


@pytest.mark.parametrize(("share", "told"), [(0.003, True), (0.02, False)])
def test_one_frame_in_doubt_is_no_doubt_and_many_are(share, told):
    news = np.tile([1.0, 1.0, 0.0, 1.0, 0.01], 200)
    news[: round(share * len(news))] = 0.1
    noise = NoiseModel(np.array([0.0]), np.array([1.0]))
    assert copies(news, noise, predicted=False).any() == told


@pytest.mark.parametrize(
    ("news", "period"),
    [
        ([1, 0, 1, 1], 4),  # as a group of predicted frames may be
        ([1, 0, 1], 3),
        ([1, *[0] * 11], 12),  # key frames
        ([1, 0.2, 1, 1, 1], 5),  # one that differs little is none
    ],
)
def test_what_a_codec_does_in_a_pattern_is_no_copy(news, period):
    # A tenth of the frames are anything.
    random = np.random.default_rng(0)
    seen = np.tile(np.array(news, float), 100) * random.uniform(0.7, 1.3, 100 * period)
    seen[random.random(len(seen)) < 0.1] = 0.15
    noise = NoiseModel(np.array([0.0]), np.array([4.0]))
    assert not copies(seen, noise, predicted=True).any()


@pytest.mark.parametrize(
    ("codec", "crf"),
    [
        ("h264", 23),
        ("h264-forward", 30),
        *(
            pytest.param(codec, crf, marks=pytest.mark.slow)
            for codec in ("h264", "h264-forward")
            for crf in (12, 18, 23, 30)
        ),
    ],
)
def test_what_a_codec_repeats_of_a_scene_at_rest_is_no_copy(codec, crf, tmp_path):
    path = tmp_path / "clip.mkv"
    write_video(_frames(sound="silence"), path, RATE, codec=codec, crf=crf)
    field = in_true_time(ph.measure(path))
    assert field.repeated == 0
    assert field.rate_hz == RATE


def test_copies_here_and_there_stand_for_dropped_frames():
    dropped = np.sort(np.random.default_rng(0).choice(np.arange(2, COUNT - 2), 24, replace=False))
    frames = list(_frames())
    for n in dropped:
        frames[n] = frames[n - 1]
    sound = ph.recover(frames, fps=RATE)
    assert sound.rate_hz == RATE
    assert len(sound.samples) == COUNT
    np.testing.assert_array_equal(np.flatnonzero(~sound.measured), dropped)
    assert sound.record["frames_repeated"] == sound.record["frames_missing"] == 24
    assert sound.record["frames"] == COUNT - 24
    assert sum(b - a + 1 for a, b in sound.record["interpolated_samples"]) == 24
    assert any("24 of 480 frames are copies" in w and "here and there" in w for w in sound.warnings)
    # Straight lines alone would leave an error of -17 dB, and copies taken for frames -11 dB.
    assert _agreement(sound, sound.measured) > 0.999
    assert _agreement(sound) > 0.998


def test_a_camera_that_stood_still_leaves_a_gap():
    frames = list(_frames())
    frames[200:240] = frames[199:200] * 40
    sound = ph.recover(frames, fps=RATE)
    np.testing.assert_array_equal(np.flatnonzero(~sound.measured), np.arange(200, 240))
    assert _agreement(sound, sound.measured) > 0.998


def test_dropped_frames_of_doubled_ones():
    doubled = [frame for frame in _frames() for _ in range(2)]
    doubled[300:302] = doubled[298:300]
    sound = ph.recover(doubled, fps=2 * RATE)
    assert sound.rate_hz == RATE
    assert len(sound.samples) == COUNT
    np.testing.assert_array_equal(np.flatnonzero(~sound.measured), [150])


def _without(field, gone):
    """Return a field of which some samples are not there; their times are."""
    kept = np.setdiff1d(np.arange(field.samples), gone)
    parts = np.array_split(kept, 7)

    def read(n):
        return replace(
            field.blocks[0], time_s=field.time_s[parts[n]], motion=field.motion[parts[n]],
            gain=field.gain[parts[n]],
        )  # fmt: skip

    blocks = LazyBlocks([len(part) for part in parts], read)
    return replace(field, samples=len(kept), blocks=blocks)


@pytest.mark.parametrize("gone", [[5, 6, 7], [70, *range(100, 180)], [68, 69, 200, 202]])
def test_gaps_are_filled_whatever_the_blocks(gone):
    whole = ph.measure(list(_frames()), fps=RATE)
    field = in_true_time(_without(whole, gone))
    assert field.samples == COUNT
    assert [len(block.time_s) for block in field.blocks] == field.blocks.samples
    np.testing.assert_array_equal(np.flatnonzero(~field.measured), gone)
    np.testing.assert_allclose(field.time_s, whole.time_s, atol=1e-9)
    kept = field.measured
    np.testing.assert_array_equal(field.motion[kept], whole.motion[kept])
    lines = np.interp(np.arange(COUNT), np.flatnonzero(kept), whole.motion[kept][:, 3, 0])
    np.testing.assert_allclose(field.motion[:, 3, 0], lines, atol=1e-6)
    assert in_true_time(field) is field


def test_frames_that_could_not_be_followed_are_filled_in():
    field = ph.measure(list(_frames()), fps=RATE)
    (block, *rest) = field.blocks
    motion = block.motion.copy()
    motion[[40, 41]] = 3.0
    wrong = replace(field, blocks=[replace(block, motion=motion, lost=(40, 41)), *rest])
    sound = ph.recover(wrong)
    np.testing.assert_array_equal(np.flatnonzero(~sound.measured), [40, 41])
    assert _agreement(sound) > 0.999


def test_rows_need_no_even_times():
    field = ph.measure(list(_frames()), fps=RATE)
    (block, *rest) = field.blocks
    rolling = replace(
        field,
        facts=replace(field.facts, shutter=Shutter(1e-5, "down", "user")),
        blocks=[replace(block, lost=(5, 6)), *rest],
    )
    found = in_true_time(rolling)
    assert found.measured is None
    np.testing.assert_array_equal(found.time_s, np.delete(field.time_s, [5, 6]))
    np.testing.assert_array_equal(found.motion, np.delete(field.motion, [5, 6], axis=0))
    assert found.rate_hz == RATE
    assert "2 frames are missing; time runs on" in found.warnings[-1]
    again = in_true_time(found)
    assert again.warnings == found.warnings
    np.testing.assert_array_equal(again.time_s, found.time_s)


def test_pauses_longer_than_the_clip_are_refused():
    field = ph.measure(list(_frames()), fps=RATE)
    first, *rest = field.blocks
    rest = [replace(block, time_s=block.time_s + 3600) for block in rest]
    late = replace(field, blocks=[first, *rest])
    with pytest.raises(ph.InputError, match="room for 86"):
        in_true_time(late)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["converted", "dropped"])
def test_rows_of_copies_are_no_rows(how):
    scene = Scene(
        Camera(320, 360, Fraction(60), 1 / 4000, read_noise=1.5, shot_gain=0.02,
               line_delay_s=32e-6),
        Texture("leaves", seed=1), Motion(0.03, seed=1), tones(4.0, 8000, [510.0]), 8000, 120,
        seed=1,
    )  # fmt: skip
    frames = list(scene.frames())
    given = {"line_delay": 32e-6, "band": (80, 1000)}
    true = ph.recover(frames, fps=60, **given)
    if how == "converted":
        sound = ph.recover([frames[n * 4 // 5] for n in range(150)], fps=75, **given)
        assert sound.rate_hz == true.rate_hz
        assert len(sound.samples) == len(true.samples)
    else:
        for n in (20, 50, 51, 90):
            frames[n] = frames[n - 1]
        sound = ph.recover(frames, fps=60, **given)
        assert sound.record["frames_repeated"] == 4
        gone = true.measured & ~sound.measured
        assert np.mean(gone) == pytest.approx(4 / 120 * np.mean(true.measured), rel=0.1)
    assert sound.record["capture_fps"] == 60
    both = sound.measured & true.measured
    assert abs(np.corrcoef(sound.samples[both], true.samples[both])[0, 1]) > 0.99
