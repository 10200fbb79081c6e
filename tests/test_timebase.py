"""Whatever a file does with frames, fields, curves and turns: the sound is the one that was."""

from fractions import Fraction

import av
import numpy as np
import pytest

import phonoscope as ph
from phonoscope.pipeline import motion_field
from phonoscope.pipeline.record import file_facts
from phonoscope.scene import Camera, Motion, Scene, Texture, tones

RATE = 500
TONE_HZ = 71.0
AMPLITUDE_PX = 0.05
GONE = np.array([*range(200, 225), 400])
COUNT = 600


def _moving(time_s, *, width=96, height=64, tone_hz=TONE_HZ):
    """Return ``(len(time_s), height, width)`` frames of a texture that swings along x."""
    rng = np.random.default_rng(0)
    wave = rng.uniform(-1.2, 1.2, (60, 2))
    coefficient = rng.standard_normal(60) + 1j * rng.standard_normal(60)
    y, x = np.mgrid[:height, :width]
    phase = np.exp(1j * (x.ravel()[:, None] * wave[:, 0] + y.ravel()[:, None] * wave[:, 1]))
    shift = AMPLITUDE_PX * np.sin(2 * np.pi * tone_hz * np.asarray(time_s))
    picture = (phase @ (coefficient[:, None] * np.exp(-1j * wave[:, :1] * shift))).real.T
    grey = 120 + 3 * picture.reshape(len(shift), height, width)
    return np.rint(grey + rng.standard_normal(grey.shape)).clip(0, 255).astype(np.uint8)


def _written(path, frames, ticks, tick_s, *, flags="", rotated=None):
    """Write frames without loss, each at its own time."""
    options = {"qp": "0"} | ({"flags": flags} if flags else {})
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options=options)
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = "yuv420p"
        if rotated is not None:
            stream.set_display_rotation(rotated)
        stream.time_base = stream.codec_context.time_base = tick_s
        for tick, luma in zip(ticks, frames, strict=True):
            frame = av.VideoFrame.from_ndarray(luma, format="gray").reformat(format="yuv420p")
            rows = np.zeros((luma.shape[0], frame.planes[0].line_size), np.uint8)
            rows[:, : luma.shape[1]] = luma
            frame.planes[0].update(rows.tobytes())
            frame.pts, frame.time_base = int(tick), tick_s
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _tone(time_s, samples):
    """Return the complex amplitude of the tone: its phase is that of a sine at time 0."""
    basis = np.stack([np.sin(2 * np.pi * TONE_HZ * time_s), np.cos(2 * np.pi * TONE_HZ * time_s)])
    sine, cosine = np.linalg.lstsq(basis.T, samples, rcond=None)[0]
    return sine + 1j * cosine


def _check_both_sides(sound, slower=1):
    """Check amplitude and phase of the tone before and after the gap."""
    time = np.arange(len(sound.samples)) / float(sound.rate_hz) / slower
    for part in (time < 0.38, time > 0.48):
        part &= (time > 0.02) & (time < time[-1] - 0.02)
        tone = _tone(time[part], sound.samples[part])
        tone *= np.sign(tone.real)
        assert abs(tone) == pytest.approx(AMPLITUDE_PX, rel=0.05)
        # 0.05 rad are 0.1 ms, a twentieth of a frame; a gap that closed up would be 25 frames.
        assert abs(np.angle(tone)) < 0.05


@pytest.fixture(scope="module")
def gappy(tmp_path_factory):
    """Return a file in which frames were dropped, and its motion."""
    ticks = np.setdiff1d(np.arange(COUNT), GONE)
    path = tmp_path_factory.mktemp("gappy") / "x.mp4"
    _written(path, _moving(ticks / RATE), ticks, Fraction(1, RATE))
    return path, ph.measure(path)


@pytest.mark.parametrize("fps", [None, 1000])
def test_dropped_frames_leave_a_gap_in_time(fps, gappy):
    path, field = gappy
    sound = ph.recover(field) if fps is None else ph.recover(path, fps=fps)
    assert sound.rate_hz == (fps or RATE)
    assert len(sound.samples) == COUNT
    np.testing.assert_array_equal(np.flatnonzero(~sound.measured), GONE)
    assert sound.record["frames_missing"] == len(GONE)
    assert sound.record["interpolated_samples"] == [[200, 224], [400, 400]]
    assert any("26 frames are missing, the first at" in sentence for sentence in sound.warnings)
    _check_both_sides(sound, 1 if fps is None else RATE / fps)


def test_a_range_of_a_motion_field_is_one_of_time(gappy):
    _, field = gappy
    whole, part = ph.recover(field), ph.recover(field, start=0.5, duration=0.4)
    assert part.place.start_s == Fraction(1, 2)
    assert len(part.samples) == 200
    np.testing.assert_array_equal(part.measured, whole.measured[250:450])


def test_uneven_times_are_honoured_and_gaps_among_them_marked(tmp_path):
    # A clock of 30 % unrest is no grid.
    ticks = 180 * np.arange(COUNT) + np.random.default_rng(0).integers(-54, 54, COUNT)
    ticks = np.delete(ticks - ticks[0], np.arange(200, 225))
    path = _written(tmp_path / "x.mp4", _moving(ticks / 90000), ticks, Fraction(1, 90000))
    sound = ph.recover(path)
    assert len(sound.samples) == pytest.approx(COUNT, abs=1)
    assert len(sound.samples) / sound.rate_hz == pytest.approx(COUNT / RATE, abs=1 / RATE)
    missing = np.flatnonzero(~sound.measured)
    np.testing.assert_allclose(missing[[0, -1]], [200, 224], atol=1)
    _check_both_sides(sound)


def test_what_was_not_seen_is_no_displacement(gappy):
    ticks = np.setdiff1d(np.arange(COUNT), GONE)
    with motion_field(gappy[1]) as field:
        motion = ph.displacement(field)
    np.testing.assert_allclose(motion.time_s, ticks / RATE, atol=1e-9)


@pytest.mark.parametrize("curve", ["gamma 2.2", "log"])
def test_the_curve_of_the_camera_is_nothing_to_hear(curve):
    scene = Scene(
        Camera(96, 96, Fraction(RATE), 0.0, bits=12, read_noise=8.0, shot_gain=1.0, brightness=0.6),
        Texture("foil", seed=2), Motion(0.03, modes=3, seed=2),
        tones(3.0, 8000, [60.0, 130.0]), 8000, COUNT, seed=2,
    )  # fmt: skip
    linear = [np.asarray(frame) for frame in scene.frames()]
    light = [frame / 4095 for frame in linear]
    if curve == "log":  # much as cameras' log curves are: a stop has as many codes as the next
        curved = [np.log2(1 + 250 * each) / np.log2(251) for each in light]
    else:
        curved = [each ** (1 / 2.2) for each in light]
    ten_bits = [np.rint(1023 * each).astype(np.uint16) << 6 for each in curved]
    true, found = (ph.recover(frames, fps=RATE) for frames in (linear, ten_bits))
    assert true.verdict.detected
    assert found.verdict.detected
    sign = np.sign(true.samples @ found.samples)
    error = np.mean((true.samples - sign * found.samples) ** 2) / np.mean(true.samples**2)
    assert error < 0.01  # both hear with an error of their own of -25 dB
    assert found.motion_rms_px == pytest.approx(true.motion_rms_px, rel=0.03)
    assert found.snr_db == pytest.approx(true.snr_db, abs=1.5)
    np.testing.assert_allclose(found.verdict.heard_hz, true.verdict.heard_hz, atol=20)


@pytest.mark.parametrize("first", ["top", "bottom"])
def test_fields_are_told_and_heard_as_their_mean(first, tmp_path):
    tone_hz, rate = 40.0, 100
    fields = _moving(np.arange(800) / (2 * rate), tone_hz=tone_hz)
    frames = fields[::2].copy()
    later = 1 if first == "top" else 0
    frames[:, later::2] = fields[1::2, later::2]
    flags = "+ildct+ilme"
    path = _written(tmp_path / "x.mp4", frames, np.arange(400), Fraction(1, rate), flags=flags)
    assert ph.open_video(path).facts.interlaced
    sound = ph.recover(path)
    (sentence,) = (w for w in sound.warnings if "interlaced" in w)
    assert "leaves 0.71 of 50 Hz" in sentence
    left = np.cos(np.pi * tone_hz / (2 * rate))
    assert sound.motion_rms_px * np.sqrt(2) == pytest.approx(AMPLITUDE_PX * left, rel=0.05)
    with pytest.raises(
        ph.InputError, match="is interlaced, so that a frame's rows are read in two"
    ):
        ph.recover(path, line_delay=20e-6)


def test_whole_frames_are_not_called_fields(tmp_path):
    path = _written(tmp_path / "x.mp4", _moving([0, 0.1]), [0, 1], Fraction(1, RATE))
    assert not ph.open_video(path).facts.interlaced


@pytest.mark.parametrize("turn", [90, 180])
def test_a_turned_clip_is_heard_by_the_rows_of_its_sensor(turn, tmp_path):
    frames = _moving(np.arange(64) / RATE)
    straight, turned = (
        _written(tmp_path / name, frames, np.arange(64), Fraction(1, RATE), rotated=rotated)
        for name, rotated in (("x.mp4", None), ("turned.mp4", turn))
    )
    true, found = (ph.measure(path, line_delay=20e-6) for path in (straight, turned))
    assert found.facts.rotation_deg == 360 - turn
    assert any("of the picture as stored" in sentence for sentence in found.warnings)
    np.testing.assert_array_equal(found.motion, true.motion)
    # The sensor reads its rows from the top of the picture as stored, however it is shown.
    middle = found.cells.y_px + (found.cells.height_px - 1) / 2
    np.testing.assert_allclose(found.cells.delay_s, 20e-6 * middle)
    assert file_facts(found.facts)["rotation_deg"] == 360 - turn
