"""The command `magnify`: a video in which the vibration is seen."""

import inspect

import numpy as np
import pytest

import phonoscope as ph
from phonoscope import pipeline
from phonoscope.cli import magnifying

GAIN = 20.0
WITHIN = 0.05  # of gain x truth


def luma(path, fps=240):
    with ph.open_video(path, fps=fps) as video:
        return np.array([frame.luma for frame in video])


def swing(frames, tools):
    """Return the amplitude at the tone, px, found by moving the mean picture about."""
    inner = frames[:, 12:-12, 12:-12].astype(float)
    truth = tools.moving(1, noise=0.0)[0].astype(float)
    steps = np.linspace(-2, 2, 81)
    x = np.fft.fftfreq(truth.shape[1])
    spectrum = np.fft.fft(truth, axis=1)
    moved = [
        np.fft.ifft(spectrum * np.exp(-2j * np.pi * x * step), axis=1).real[12:-12, 12:-12]
        for step in steps
    ]
    at = np.array([[((frame - one) ** 2).sum() for one in moved] for frame in inner])
    best = at.argmin(axis=1).clip(1, len(steps) - 2)
    low, mid, high = (at[np.arange(len(at)), best + n] for n in (-1, 0, 1))
    shift = steps[best] + (low - high) / (low + high - 2 * mid) / 2 * (steps[1] - steps[0])
    time = np.arange(len(shift)) / tools.fps
    return 2 * abs(np.mean(shift * np.exp(-2j * np.pi * tools.tone_hz * time)))


def test_motion_is_gain_times_the_truth(phonoscope, here, tools):
    given = ["--fps", 240, "--band", "25,35", "--gain", GAIN, "-o", "out.mkv"]
    done = phonoscope("magnify", "clip.mkv", *given)
    assert (done.code, done.err) == (0, "")
    for words in ("out.mkv", "120 frames", "25 to 35 Hz", "20 times", "24 frames/s"):
        assert words in done.out
    shown = luma("out.mkv")
    assert shown.shape == (120, 64, 96)
    assert swing(shown, tools) == pytest.approx(GAIN * tools.amplitude_px, rel=WITHIN)
    with ph.open_video("out.mkv") as video:
        assert video.facts.container_rate == 24
    assert sorted(path.name for path in here.iterdir()) == ["clip.mkv", "out.mkv"]


def test_mp4_plays_everywhere(phonoscope, here, tools):
    done = phonoscope(
        "magnify", "clip.mkv", "-q", "--fps", 240, "--band", "25,35", "--gain", GAIN,
        "-o", "out.mp4", "--playback", 30,
    )  # fmt: skip
    assert (done.code, done.out, done.err) == (0, "", "")
    with ph.open_video("out.mp4") as video:
        facts = video.facts
    assert (facts.codec, facts.container_rate) == ("h264", 30)
    assert facts.pixel_format in ("yuv420p", "yuvj420p")
    assert swing(luma("out.mp4"), tools) == pytest.approx(GAIN * tools.amplitude_px, rel=WITHIN)


def test_gain_one_is_the_video_itself(here):
    ph.magnify("clip.mkv", "out.mkv", band=(25, 35), gain=1)
    assert np.array_equal(luma("out.mkv"), luma("clip.mkv"))


def test_gain_zero_takes_the_motion_out(here, tools):
    ph.magnify("clip.mkv", "out.mkv", band=(25, 35), gain=0)
    assert swing(luma("out.mkv"), tools) < 0.1 * tools.amplitude_px


def test_stored_motion_gives_the_same(here, motion):
    kept = ph.magnify("clip.mkv", "a.mkv", band=["25,35"], gain=GAIN, motion=motion)
    fresh = ph.magnify("clip.mkv", "b.mkv", band=(25, 35), gain=GAIN)
    assert kept.largest_px == pytest.approx(fresh.largest_px)
    assert np.array_equal(luma("a.mkv"), luma("b.mkv"))


def test_only_the_region_moves(here):
    done = ph.magnify("clip.mkv", "out.mkv", band=(25, 35), gain=10, region="0,0,32,64")
    assert done.largest_px > 0.02
    was, shown = luma("clip.mkv"), luma("out.mkv")
    assert np.array_equal(shown[:, :, 72:], was[:, :, 72:])
    assert not np.array_equal(shown[:, :, :32], was[:, :, :32])


def test_where_nothing_moves_the_picture_is_left(here):
    done = ph.magnify("clip.mkv", "out.mkv", band=(80, 90))
    assert done.largest_px < 0.003  # a seventeenth of the motion at the tone


def test_gain_is_lowered_before_the_picture_folds(here):
    done = ph.magnify("clip.mkv", "out.mkv", band=(25, 35), gain=1e6)
    assert 1 < done.gain < 1e6
    assert any(f"the gain is {done.gain:.3g} instead of" in said for said in done.warnings)


def test_lost_frames_fold_nothing_and_spread_to_none(here, tools):
    frames = tools.moving(120)
    kept = ph.magnify(frames, "whole.mkv", band=(25, 35), gain=GAIN, fps=240)
    frames[50:52] = tools.moving(2, seed=9)  # another picture
    done = ph.magnify(frames, "torn.mkv", band=(25, 35), gain=GAIN, fps=240)
    assert done.gain == kept.gain
    assert done.largest_px == pytest.approx(kept.largest_px, rel=0.1)
    assert any("2 frames (the first is 50)" in said for said in done.warnings)
    whole, torn = luma("whole.mkv").astype(float), luma("torn.mkv").astype(float)
    apart = np.sqrt(((whole - torn) ** 2).mean(axis=(1, 2)))
    moved = np.sqrt(((whole[1:] - whole[:-1]) ** 2).mean())
    assert np.delete(apart, [50, 51]).max() < 0.5 * moved


def test_odd_sizes_get_a_double_edge(here, tools):
    frames = tools.moving(60, 95, 63)
    ph.magnify(frames, "out.mp4", band=(25, 35), gain=5, fps=240)
    assert luma("out.mp4").shape == (60, 64, 96)


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["--band", "70,60"], 2, "give frequencies that rise, above 0 and up to 120"),
        (["--band", "0,60"], 2, "band 0,60 Hz cannot be magnified"),
        (["--band", "100,130"], 2, "up to 120"),
        (["--band", "loud"], 2, "'loud' is not low,high in Hz"),
        (["--band", "25,35", "--gain", "-1"], 2, "give 0 or more"),
        (["--band", "25,35", "--gain", "nan"], 2, "give 0 or more"),
        (["--band", "25,35", "-o", "out.gif"], 2, "must end in .mp4 or .mkv"),
        (["--band", "25,35", "-o", "clip.mkv"], 2, "is the input itself"),
        (["--band", "25,35", "--playback", "0"], 2, "give a number above 0"),
        (["--band", "25,35", "--motion", "clip.mkv"], 1, "is no motion file"),
        (["--band", "25,35", "-o", "no/out.mp4"], 1, "create it first"),
    ],
)
def test_refused(options, code, says, refused, here):
    given = options if "-o" in options else [*options, "-o", "out.mp4"]
    refused("magnify", "clip.mkv", *given, code=code, says=says)


def test_motion_of_another_video_is_refused(refused, here, motion):
    given = ["--band", "25,35", "-o", "out.mp4", "--motion", motion, "--fps", 240]
    (here / "frames.npy").touch()
    np.save("frames.npy", np.zeros((40, 32, 32), np.uint8))
    refused("magnify", "frames.npy", *given, code=1, says="is of a video of 96 x 64 px")
    refused("magnify", motion, *given, code=2, says="holds no frames to bend")


def test_motion_of_another_stretch(here):
    ph.measure("clip.mkv", output="late.motion", start=0.1)
    with pytest.raises(ph.InputError, match=r"begins at 0\.1 s and the frames at 0 s"):
        ph.magnify("clip.mkv", "out.mkv", band=(25, 35), motion="late.motion")
    assert not (here / "out.mkv").exists()
    ph.measure("clip.mkv", output="short.motion", duration=0.25)
    done = ph.magnify("clip.mkv", "out.mkv", band=(25, 35), motion="short.motion")
    assert done.frames == 60
    assert any("ends after 60 frames" in said for said in done.warnings)


def test_iterator_is_refused(tools, tmp_path):
    with pytest.raises(ph.UsageError, match="read only once"):
        ph.magnify(iter(tools.moving(9)), tmp_path / "out.mp4", band=(25, 35), fps=240)


def test_interrupted_leaves_nothing(here):
    def stop(done, total):
        if total and done == total - 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ph.magnify("clip.mkv", "out.mp4", band=(25, 35), progress=stop)
    assert [path.name for path in here.iterdir()] == ["clip.mkv"]


def test_progress_counts_both_passes(here):
    told = []
    ph.magnify("clip.mkv", "out.mkv", band=(25, 35), progress=lambda *now: told.append(now))
    assert told[-1] == (240, 240)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_options_are_those_of_the_function():
    of_function = dict(inspect.signature(pipeline.magnify).parameters)
    of_command = dict(inspect.signature(magnifying.magnify).parameters)
    del of_function["progress"]
    assert of_command.keys() - of_function.keys() == {"quiet"}
    assert of_function.keys() <= of_command.keys()
    assert all(
        of_command[name].default == of_function[name].default
        for name in ("gain", "cell", "start", "duration", "motion", "playback")
    )
