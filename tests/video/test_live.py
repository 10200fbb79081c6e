"""Frames that come in their own time: numbered by their clock, and none is lost unseen."""

import os
import subprocess
import sys
import threading
import time
from fractions import Fraction

import numpy as np
import pytest

from phonoscope.errors import InputError, InputNotFoundError, UsageError
from phonoscope.scene import write_video
from phonoscope.types import Frame
from phonoscope.video import Taking, open_live
from phonoscope.video import live as room
from phonoscope.video.ticking import Ticking

LUMA = np.arange(48, dtype=np.uint8).reshape(6, 8)
FPS = 120


def frames(*indices):
    return (Frame(n, Fraction(n, FPS), LUMA + np.uint8(n % 200)) for n in indices)


def numbered(times, rate=FPS, tick_s=1e-6):
    ticking = Ticking(rate, tick_s)
    return [ticking.number(t) for t in times]


@pytest.mark.parametrize("off", [1.0, 1.002, 0.998])
@pytest.mark.parametrize("jitter", [0.0, 0.3])
def test_skipped_frames_leave_gaps_however_the_clock_jitters(jitter, off):
    random = np.random.default_rng(0)
    true = np.sort(np.concatenate([range(20), random.choice(np.arange(20, 3000), 2600, False)]))
    times = 7.5 + off * (true + random.uniform(-jitter, jitter, len(true))) / FPS
    assert numbered(times) == true.tolist()


@pytest.mark.parametrize(("rate", "tick_s"), [(120, 1e-3), (2200, 1e-3), (30, 1 / 90000)])
def test_coarse_ticks_skip_nothing(rate, tick_s):
    times = np.round(np.arange(5000) / rate / tick_s) * tick_s
    assert numbered(times, rate, tick_s) == list(range(5000))


def test_frames_without_timestamps_and_clocks_set_anew_count_on():
    assert numbered([None] * 5) == list(range(5))
    ticking = Ticking(FPS, 1e-6)
    assert [ticking.number(t) for t in (0, 1 / FPS, 9e4, 9e4 + 1 / FPS, 9e4 + 3 / FPS)] == [
        0, 1, 2, 3, 5,
    ]  # fmt: skip
    assert [ticking.number(t) for t in (1.0, 1.0 + 1 / FPS)] == [6, 7]
    assert ticking.jumps == 2


def all_of(taking, few=4, most=16):
    got = []
    while some := taking.take(few, most):
        assert len(some) <= most
        got += [one.frame for one in some]
    return got


def test_frames_are_taken_in_order_and_gaps_counted():
    taking = Taking(frames(0, 1, 2, 5, 6, 9))
    taking.room = 100
    got = all_of(taking)
    assert [frame.index for frame in got] == [0, 1, 2, 5, 6, 9]
    assert all(np.array_equal(f.luma, LUMA + np.uint8(f.index)) for f in got)
    assert (taking.skipped, taking.dropped, taking.ended) == (4, 0, "")
    taking.close()


def test_a_frame_that_finds_no_room_is_dropped_and_counted():
    taking = Taking(frames(*range(20)))
    taking.room = 5
    taking.take(0, 0)  # which lets them come
    while taking.ended is None:
        time.sleep(0.001)
    assert [frame.index for frame in all_of(taking)] == [0, 1, 2, 3, 4]
    assert (taking.skipped, taking.dropped) == (0, 15)


def test_a_camera_never_waits_for_those_who_measure():
    came = []
    taking = Taking(came.append(frame.index) or frame for frame in frames(*range(50)))
    taking.room = 1
    taking.take(0, 0)
    while taking.ended is None:
        time.sleep(0.001)
    assert came == list(range(50))


def test_a_source_that_breaks_off_says_why_and_gives_what_it_had():
    def broken():
        yield from frames(0, 1, 2)
        raise InputError("the cable is out.")

    taking = Taking(broken())
    taking.room = 9
    assert len(all_of(taking)) == 3
    assert taking.ended == "the cable is out."


def test_other_errors_are_raised_where_frames_are_taken():
    def wrong():
        yield from frames(0)
        raise KeyError("mine")

    taking = Taking(wrong())
    taking.room = 9
    assert len(taking.take(1, 1)) == 1
    with pytest.raises(KeyError, match="mine"):
        taking.take(1, 1)


def test_stopping_closes_the_source_and_leaves_no_thread():
    closed = threading.Event()

    def endless():
        try:
            n = 0
            while True:
                yield from frames(n)
                n += 1
                time.sleep(0.001)
        finally:
            closed.set()

    taking = Taking(endless())
    taking.room = 3
    assert len(taking.take(1, 1)) == 1
    taking.close()
    assert closed.wait(5)
    assert not [t for t in threading.enumerate() if t.name == "phonoscope-camera"]
    assert len(all_of(taking)) <= 3


def read(source, **options):
    with open_live(source, **options) as video:
        return video.facts, list(video.frames)


def test_arrays_are_numbered_and_frames_keep_their_gaps():
    facts, got = read(iter([LUMA, LUMA, LUMA]), fps="30000/1001")
    assert [frame.index for frame in got] == [0, 1, 2]
    assert got[2].time_s == Fraction(2002, 30000)
    assert (facts.width, facts.height, facts.bits, facts.frames) == (8, 6, 8, None)
    _, got = read(frames(4, 5, 9), fps=FPS)
    assert [frame.index for frame in got] == [0, 1, 5]


def test_frames_out_of_order_break_off():
    with pytest.raises(InputError, match="frame 4 came after frame 6"):
        read(frames(5, 6, 4), fps=FPS)


@pytest.fixture
def clock(monkeypatch):
    """A clock that only sleeping moves; what it showed when each sleep ended."""
    shown = [100.0]

    def sleep(seconds):
        shown.append(shown[-1] + seconds)

    monkeypatch.setattr(room.time, "monotonic", lambda: shown[-1])
    monkeypatch.setattr(room.time, "sleep", sleep)
    return shown


def test_a_file_is_played_at_its_own_rate(clock, tmp_path):
    write_video([np.tile(LUMA, (8, 8))] * 30, tmp_path / "clip.mkv", FPS)
    _, got = read(tmp_path / "clip.mkv")
    assert len(got) == 30
    assert np.allclose(np.diff(clock)[1:], 1 / FPS)


def test_a_file_of_slow_motion_is_played_at_the_true_rate(clock, tmp_path):
    write_video([np.tile(LUMA, (8, 8))] * 30, tmp_path / "clip.mkv", 30)
    facts, _ = read(tmp_path / "clip.mkv", fps=600)
    assert facts.capture_rate == 600
    assert clock[-1] - clock[0] == pytest.approx(29 / 600)


def test_a_virtual_camera_is_read_through_ffmpeg():
    with open_live("lavfi:testsrc=size=64x48:rate=50", options={"x": "y"}) as video:
        got = [next(video.frames) for _ in range(5)]
        assert [frame.index for frame in got] == list(range(5))
        assert (video.facts.width, video.facts.height) == (64, 48)
        assert video.facts.capture_rate == 50
        video.frames.close()


SEND = """
import sys
from fractions import Fraction
import av, numpy as np
path, rate, *numbers = sys.argv[1:]
with av.open(path, "w", format="nut") as container:
    stream = container.add_stream("rawvideo", rate=int(rate))
    stream.width, stream.height = 64, 48
    stream.pix_fmt = "gray"
    for n in map(int, numbers):
        frame = av.VideoFrame.from_ndarray(np.full((48, 64), n, np.uint8), format="gray")
        frame.pts, frame.time_base = n, Fraction(1, int(rate))
        container.mux(stream.encode(frame))
"""  # frames that show their numbers


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_stream_through_a_pipe_keeps_the_gaps_of_its_timestamps(tmp_path):
    pipe = tmp_path / "camera"
    os.mkfifo(pipe)
    sent = [n for n in range(100) if n not in (40, 41, 77)]
    # Another program, as in life: opening a pipe to write waits for its reader, and PyAV holds
    # the interpreter meanwhile, which would stop a reader in another thread for good.
    command = [sys.executable, "-c", SEND, str(pipe), str(FPS), *map(str, sent)]
    with subprocess.Popen(command) as sender:
        facts, got = read(pipe)
        assert sender.wait(60) == 0
    first = int(got[0].luma[0, 0])
    assert first < 40  # FFmpeg may keep the first ones, by which it learned the format
    assert [frame.index + first for frame in got] == [n for n in sent if n >= first]
    assert [int(frame.luma[0, 0]) for frame in got] == [n for n in sent if n >= first]
    assert facts.capture_rate == FPS


@pytest.mark.parametrize(
    ("source", "given", "error", "says"),
    [
        ("nosuch.mp4", {}, InputNotFoundError, "does not exist; give a camera"),
        ("/dev/video97", {}, InputNotFoundError, "cannot be opened"),
        ("lavfi:nosuchfilter", {}, InputError, "lavfi:nosuchfilter cannot be opened"),
        (iter([]), {"fps": 30}, InputError, "empty"),
        (iter([LUMA]), {}, UsageError, "does not say how fast"),
        (iter([LUMA]), {"fps": 30, "options": {"a": "b"}}, UsageError, "take no options"),
        (3, {"fps": 30}, UsageError, "is no source of frames"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(source, given, error, says):
    with pytest.raises(error, match=says) as caught, open_live(source, **given):
        pass
    assert str(caught.value).endswith(".")


def test_a_file_takes_no_options_of_a_camera(tmp_path):
    write_video([np.tile(LUMA, (8, 8))] * 5, tmp_path / "clip.mkv", FPS)
    with (
        pytest.raises(UsageError, match="takes no options"),
        open_live(tmp_path / "clip.mkv", options={"video_size": "64x48"}),
    ):
        pass
