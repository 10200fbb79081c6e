"""A rolling shutter, from the command line to the sound file."""

import json
from fractions import Fraction

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.scene import Camera, Motion, Scene, Texture, tones, write_video

LINE = 40e-6
SECONDS = 0.75


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    camera = Camera(
        160, 288, Fraction(60), 1 / 4000, read_noise=0.7, shot_gain=0.005, line_delay_s=LINE
    )
    scene = Scene(
        camera,
        Texture("speckle", seed=4),
        Motion(0.1, direction_deg=25),
        tones(SECONDS + 0.1, 16000, [233, 466, 785]),
        16000,
        round(SECONDS * 60),
        seed=4,
    )
    path = tmp_path_factory.mktemp("rolling") / "ein Clip ü.mkv"
    write_video(scene.frames(), path, Fraction(60))
    return path


def _line(path, low, high):
    samples, rate, _ = ph.read_audio(path)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    frequency = np.fft.rfftfreq(8 * len(samples), 1 / float(rate))
    inside = (frequency > low) & (frequency < high)
    return frequency[inside][spectrum[inside].argmax()]


@pytest.mark.slow
def test_tones_above_the_frame_rate_are_heard(phonoscope, clip, tmp_path):
    out, facts = tmp_path / "out.wav", tmp_path / "out.json"
    done = phonoscope("recover", clip, "--line-delay", "40us", "-o", out, "--json", facts)
    assert done.code == 0, done.err
    assert done.err == ""
    assert "rolling, down, 40 µs a row, 11.52 ms a frame, as given" in done.out
    for tone in (233, 466, 785):
        assert _line(out, tone - 60, tone + 60) == pytest.approx(tone, abs=1)
    record = json.loads(facts.read_text())
    assert record["shutter"] == {
        "kind": "rolling", "source": "user", "line_delay_s": pytest.approx(40e-6),
        "readout_s": pytest.approx(288 * 40e-6), "direction": "down",
    }  # fmt: skip
    assert 0.6 < record["measured_share"] < 0.8
    first, last = record["interpolated_samples"][1]
    assert 0 < last - first < record["sample_rate_hz"] / 60
    assert record["sample_rate_hz"] == 8000


@pytest.mark.slow
def test_what_the_exposure_took_is_told_and_given_back(phonoscope, clip, tmp_path):
    out, facts = tmp_path / "out.wav", tmp_path / "out.json"
    done = phonoscope(
        "recover", clip, "--line-delay", "40us", "--exposure", "1/4000", "-o", out, "--json", facts
    )
    assert done.code == 0, done.err
    told = json.loads(facts.read_text())["parameters"]["exposure"]
    assert told == {
        "exposure_s": 1 / 4000,
        "first_null_hz": 4000,
        "left_at_band_edges": [pytest.approx(0.999, abs=1e-3), pytest.approx(0.637, abs=1e-3)],
    }
    measured, given_back = (
        np.asarray(ph.read_audio(path)[0]) for path in (out, tmp_path / "out.equalized.wav")
    )
    high, low = (
        [
            np.abs(np.exp(-2j * np.pi * hz * np.arange(len(x)) / 48000) @ x)
            for x in (measured, given_back)
        ]
        for hz in (785, 233)
    )
    # Files are scaled to their peaks: the lower tone is the measure.
    lifted = (high[1] / low[1]) / (high[0] / low[0])
    assert lifted == pytest.approx(np.sinc(233 / 4000) / np.sinc(785 / 4000), rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("exposure", "told"),
    [
        ("1/30", "longer than the 0.01667 s from frame to frame"),
        ("soon", "exposure 'soon' is not a time"),
        ("1/0", "exposure '1/0' is not a time"),
    ],
)
def test_an_exposure_that_cannot_be_is_refused(phonoscope, clip, tmp_path, exposure, told):
    out = tmp_path / "out.wav"
    done = phonoscope("recover", clip, "--line-delay", "40us", "--exposure", exposure, "-o", out)
    assert done.code == 2
    assert told in done.err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_low_tone_before_a_high_speed_camera_is_heard(phonoscope, tmp_path):
    scene = Scene(
        Camera(160, 128, Fraction(250), 1 / 4000, read_noise=0.7, line_delay_s=8e-6),
        Texture("speckle", seed=4),
        Motion(0.1, direction_deg=25),
        tones(1.1, 16000, [64]),
        16000,
        250,
        seed=4,
    )
    clip, out = tmp_path / "clip.mkv", tmp_path / "out.wav"
    write_video(scene.frames(), clip, Fraction(250))
    done = phonoscope("recover", clip, "--fps", "250", "--line-delay", "8us", "-o", out)
    assert done.code == 0, done.err
    assert done.err == ""
    assert _line(out, 20, 1000) == pytest.approx(64, abs=0.5)


@pytest.mark.slow
def test_a_motion_file_is_heard_with_another_delay(phonoscope, clip, tmp_path):
    motion, out = tmp_path / "clip.motion", tmp_path / "out.wav"
    readout = f"{288 * LINE * 1.2 * 1e3}ms"
    assert phonoscope("measure", clip, "--readout", readout, "-o", motion).code == 0
    right = ph.recover(motion, line_delay="40us")
    direct = ph.recover(clip, shutter="rolling", line_delay=LINE)
    np.testing.assert_allclose(right.samples, direct.samples, atol=0.02 * direct.samples.std())
    done = phonoscope("recover", motion, "-o", out, "--shutter", "global")
    assert done.code == 2
    assert "measured with a rolling shutter" in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--shutter", "rolling"), "line delay or the read-out time"),
        (("--line-delay", "40us", "--readout", "11ms"), "give one of them"),
        (("--shutter", "global", "--line-delay", "40us"), "a global shutter has no line delay"),
        (("--line-delay", "16"), "is not a time"),
        (("--readout", "fast"), "is not a time"),
        (("--line-delay", "80us"), "longer than the 16.67 ms from frame to frame"),
        (("--line-delay", "40us", "--method", "pyramid"), "takes each frame for one instant"),
        (("--line-delay", "40us", "--separate"), "need a global shutter"),
        (("--line-delay", "40us", "--band", "80,20000"), "reaches above"),
    ],
)
def test_wrong_usage_is_said_in_a_sentence(phonoscope, clip, tmp_path, options, words):
    out = tmp_path / "out.wav"
    done = phonoscope("recover", clip, *options, "-o", out)
    assert done.code == 2
    assert words in done.err.replace("\n", " ")
    assert not out.exists()
