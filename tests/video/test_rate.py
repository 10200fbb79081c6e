"""Capture rate, uneven timestamps, and clocks too coarse for the frames."""

from fractions import Fraction

import numpy as np
import pytest

from phonoscope.errors import UsageError
from phonoscope.video import open_video
from phonoscope.video.clock import fit_clock

ONE = np.zeros((2, 4, 4), np.uint8)


@pytest.mark.parametrize(
    ("given", "exact"),
    [
        (2200, Fraction(2200)),
        (59.94, Fraction(5994, 100)),
        ("59.94", Fraction(5994, 100)),
        ("30000/1001", Fraction(30000, 1001)),
        (np.float64(0.1), Fraction(1, 10)),
        (Fraction(1, 3), Fraction(1, 3)),
    ],
)
def test_rates_are_exact(given, exact):
    assert open_video(ONE, fps=given).facts.capture_rate == exact


@pytest.mark.parametrize("given", [0, -1, float("nan"), float("inf"), "fast", "1/0", True, ""])
def test_impossible_rates(given):
    with pytest.raises(UsageError, match="is not a frame rate"):
        open_video(ONE, fps=given)


@pytest.mark.parametrize("more", [{"start": -1}, {"duration": -1}, {"duration": 0}, {"start": "x"}])
def test_impossible_ranges(more):
    with pytest.raises(UsageError, match="give seconds"):
        open_video(ONE, fps=1, **more)


def test_no_clock_no_rate():
    with pytest.raises(UsageError, match="--fps"):
        open_video(ONE)


def test_low_rate_is_warned_of():
    assert "--fps" in open_video(ONE, fps=60).warnings[0]
    assert open_video(ONE, fps=2200).warnings == ()


def test_coarse_clock_is_not_variable(tools, tmp_path):
    video = open_video(tools.mkv(tmp_path, tools.random_frames(300, (8, 8))))
    assert video.facts.container_rate == 2200
    assert not video.facts.variable_rate
    assert [frame.time_s * 2200 for frame in video] == list(range(300))


@pytest.mark.parametrize("fps", [None, 240])
def test_dropped_frames_keep_their_times(fps, tools, tmp_path):
    frames = tools.random_frames(40, (16, 16))
    pts = [number + (number >= 15) + 2 * (number >= 30) for number in range(40)]
    path = tools.mp4(tmp_path, frames, rate=30, pts=pts, time_base=Fraction(1, 30))
    with open_video(path, fps=fps) as video:
        assert video.facts.variable_rate
        assert any("unevenly" in sentence for sentence in video.warnings)
        read = list(video)
    assert [frame.time_s * (fps or 30) for frame in read] == pts
    assert [frame.index for frame in read] == list(range(40))
    start = Fraction(20, fps or 30)
    part = list(open_video(path, fps=fps, start=start))
    assert [frame.time_s for frame in part] == [f.time_s for f in read if f.time_s >= start]


def test_first_timestamp_need_not_be_zero(tools, tmp_path):
    frames = tools.random_frames(20, (16, 16))
    pts = [number + 500 for number in range(20)]
    path = tools.mp4(tmp_path, frames, pts=pts, time_base=1 / Fraction(2200))
    read = list(open_video(path, start=Fraction(13, 2200)))
    assert [frame.index for frame in read] == list(range(13, 20))
    np.testing.assert_array_equal(read[0].luma, frames[13])


@pytest.mark.parametrize("rate", ["24000/1001", "59.94", "240", "1000", "2200", "15000"])
@pytest.mark.parametrize("tick", ["1/1000", "1/600", "1/90000"])
@pytest.mark.parametrize("declare", [True, False])
def test_rounded_even_timestamps_are_even(rate, tick, declare):
    rate, tick = Fraction(rate), Fraction(tick)
    pts = [round(n / rate / tick) for n in range(2000)]
    clock = fit_clock(pts[::-1], tick, [rate] if declare else [])
    assert clock is not None
    assert not clock.variable
    resolution = 2 / max(pts)  # the ends are known to a tick each
    assert float(clock.rate) == pytest.approx(float(rate), rel=resolution)


@pytest.mark.parametrize("jitter_ticks", [0, 900])
def test_jitter_is_variable(jitter_ticks):
    rng = np.random.default_rng(2)
    pts = np.arange(500) * 3000 + rng.integers(-jitter_ticks, jitter_ticks + 1, 500)
    clock = fit_clock(pts.tolist(), Fraction(1, 90000), [Fraction(30)])
    assert clock is not None
    assert clock.variable == (jitter_ticks > 0)


@pytest.mark.parametrize("pts", [(-(2**63) + 1, 2**63 - 1), (-(2**63) + 1, 0, 7, 2**63 - 1)])
def test_timestamps_that_cannot_be_are_none(pts):
    clock = fit_clock(pts, Fraction(1, 90000), [Fraction(30)])
    assert (clock.rate, clock.variable, clock.first) == (Fraction(30), False, None)
    assert fit_clock(pts, Fraction(1, 90000), []) is None
