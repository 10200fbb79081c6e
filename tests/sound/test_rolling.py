"""Sound from fields whose rows are read one after the other, drawn directly: the truth is known."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from phonoscope.errors import UsageError
from phonoscope.evaluate import si_sdr
from phonoscope.sound import band_of, listen, select
from phonoscope.sound.filter import band_pass
from phonoscope.sound.steady import steady
from phonoscope.types import Cells, MotionBlock, MotionField, NoiseModel, Shutter, VideoFacts

FPS, ROWS, PIECES, HEIGHT = 60, 90, 6, 360
LINE = 0.7 / FPS / HEIGHT
BAND = (80.0, 1000.0)


def _voice(t, seed=1):
    random = np.random.default_rng(seed)
    turns = 118 * t + 6 * np.sin(2 * np.pi * 0.8 * t) / (2 * np.pi * 0.8)
    waves = (
        random.uniform(0.4, 1) * np.cos(2 * np.pi * h * turns + random.uniform(0, 6.28))
        for h in range(1, 8)
    )
    return sum(waves) / 2


def _field(sound, *, gain=None, frames=90, noise=0.03, seed=0, fps=FPS, line=LINE, sway=None):
    """Return a field whose rows move by ``gain(height share) * sound(time)`` px to the right."""
    random = np.random.default_rng(seed)
    row = np.repeat(np.arange(ROWS), PIECES)
    x = np.tile(np.arange(PIECES), ROWS) * 80
    y = row * 4
    shutter = Shutter(line, "down", "user")
    delay = (y + 1.5) * line
    time = np.arange(frames) / fps
    at = time[:, None] + delay
    share = np.ones(len(row)) if gain is None else gain(row / (ROWS - 1))
    truth = np.zeros((frames, len(row), 2))
    truth[:, :, 0] = share * sound(at)
    if sway is not None:
        truth += sway(at)[:, :, None]
    spread = noise * random.uniform(0.7, 1.4, (len(row), 2))
    motion = truth + spread * random.standard_normal(truth.shape)
    information = np.zeros((len(row), 3, 3))
    information[:, [0, 1], [0, 1]] = spread**-2
    information[:, 2, 2] = 1e4
    lit = 1 + 0.01 * random.standard_normal(truth.shape[:2])
    block = MotionBlock(time, motion.astype(np.float32), lit.astype(np.float32), information)
    size = np.full(len(row), 4, np.int32)
    cells = Cells(
        x.astype(np.int32), y.astype(np.int32), 20 * size, size,
        shutter.delay_s(y + 1.5, HEIGHT),
    )  # fmt: skip
    facts = VideoFacts(
        "drawn", "", "", "gray", 480, HEIGHT, 8, frames, None, Fraction(fps), "user",
        shutter=shutter,
    )  # fmt: skip
    return MotionField(facts, cells, NoiseModel(np.zeros(1), np.ones(1)), frames, [block])


def _score(sound, heard):
    rate = float(heard.rate_hz)
    truth = sound(np.arange(len(heard.samples)) / rate)
    return si_sdr(band_pass(truth[:, None], rate, BAND)[:, 0], heard.samples)


def _swaying(share):
    """Return a field that sways by 1 px at 1 Hz, and sounds with that share of what it then moves.

    That is from one frame to the next.
    """
    step = 2 * np.pi / FPS / np.sqrt(2)
    loud = _voice(np.arange(0, 1, 1e-4)).std()
    return step, _field(
        lambda t: share * step / loud * _voice(t),
        sway=lambda at: np.sin(2 * np.pi * at),
    )


@pytest.mark.parametrize(("codec", "share", "heard"), [("h264", 0.5, False), ("h264", 2.0, True),
                                                       ("mjpeg", 0.5, True)])  # fmt: skip
def test_what_a_codec_may_have_made_of_sway_is_not_heard(codec, share, heard):
    step, field = _swaying(share)
    sound = listen(replace(field, facts=replace(field.facts, codec=codec)), band=BAND)
    assert sound.verdict.detected is heard
    if heard:
        assert sound.motion_rms_px == pytest.approx(share * step, rel=0.25)
        said = [w for w in sound.warnings if "the true SNR is lower than claimed" in w]
        assert len(said) == len(sound.warnings) == (codec == "h264")
    else:
        assert "follows late" in sound.verdict.reason
        assert any("follows late" in warning for warning in sound.warnings)
        assert sound.snr_db == -np.inf
        assert sound.motion_rms_px == 0
    assert (sound.verdict.detectable_px > 0.95 * step) == (codec == "h264")


def test_hears_far_above_the_frame_rate():
    heard = listen(_field(lambda t: 0.02 * _voice(t)), band=BAND)
    assert heard.verdict.detected
    assert heard.rate_hz == 4000
    assert _score(_voice, heard) > 7
    assert heard.motion_rms_px == pytest.approx(0.02 * _voice(np.arange(0, 1, 1e-4)).std(), rel=0.2)
    assert not heard.warnings
    assert 0.6 < heard.measured.mean() < 0.8


@pytest.mark.parametrize("seed", [0, 1])
def test_claims_are_true(seed):
    sound = lambda t: 0.03 * _voice(t, seed + 1)  # noqa: E731
    heard = listen(_field(sound, seed=seed), band=BAND)
    rate = float(heard.rate_hz)
    truth = sound(np.arange(len(heard.samples)) / rate)
    real = np.mean((band_pass(truth[:, None], rate, BAND)[:, 0] - heard.samples) ** 2)
    assert 10 * np.log10(real / heard.noise_floor_px**2) == pytest.approx(0, abs=2.5)


def test_claims_hold_what_a_codec_leaves_out():
    sound = lambda t: 0.2 * _voice(t, 3)  # noqa: E731
    field = _field(sound)
    (block,) = field.blocks
    # Each row of blocks, in each frame, leaves out some of the motion, alike across the picture,
    # and somewhat as its neighbour does.
    share = np.random.default_rng(0).uniform(-0.3, 0.8, (field.samples, HEIGHT // 16 + 2))
    left = 1 - (share[:, 1:] + share[:, :-1])[:, field.cells.y_px // 16]
    field = replace(
        field,
        facts=replace(field.facts, codec="h264"),
        blocks=[replace(block, motion=block.motion * left[:, :, None].astype(np.float32))],
    )
    heard = listen(field, band=BAND)
    assert heard.verdict.detected
    rate = float(heard.rate_hz)
    truth = band_pass(sound(np.arange(len(heard.samples)) / rate)[:, None], rate, BAND)[:, 0]
    scale = (truth @ heard.samples) / (truth @ truth)
    real = np.mean((scale * truth - heard.samples) ** 2)
    assert 10 * np.log10(real / heard.noise_floor_px**2) == pytest.approx(0, abs=3)
    uncoded = listen(replace(field, facts=replace(field.facts, codec="")), band=BAND)
    assert 10 * np.log10(real / uncoded.noise_floor_px**2) > 4


def test_parts_that_move_against_each_other_add_up():
    def gain(share):
        return np.cos(1.3 * np.pi * share)  # still in one row, then the other way

    heard = listen(_field(lambda t: 0.05 * _voice(t), gain=gain, noise=0.02), band=BAND)
    assert abs(_score(_voice, heard)) > 8
    apart = listen(_field(lambda t: 0.05 * _voice(t), gain=np.abs, noise=0.02), band=BAND)
    assert apart.verdict.detected


@pytest.mark.parametrize("seed", range(6))
def test_silence_is_called_silence(seed):
    heard = listen(_field(lambda t: 0 * t, seed=seed), band=BAND)
    assert not heard.verdict.detected
    assert heard.snr_db == -np.inf


def _quick(sound, **options):
    return _field(sound, fps=250, line=8e-6, frames=250, **options)


def _peak_hz(heard):
    samples, rate = heard.samples, float(heard.rate_hz)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 8 * len(samples)))
    return spectrum.argmax() * rate / (8 * len(samples))


@pytest.mark.slow
@pytest.mark.parametrize("tone_hz", [31, 64, 101])
def test_a_high_speed_camera_hears_what_its_frames_sample(tone_hz):
    # Much less than a period fits into a read-out: rows cannot tell, and need not.
    heard = listen(_quick(lambda t: 0.02 * np.sin(2 * np.pi * tone_hz * t)))
    assert heard.verdict.detected
    assert heard.verdict.heard_hz[1] < 125
    assert np.all(np.diff(heard.verdict.frequency_hz) > 0)
    assert _peak_hz(heard) == pytest.approx(tone_hz, abs=0.5)
    assert heard.motion_rms_px == pytest.approx(0.02 / np.sqrt(2), rel=0.2)
    assert not heard.warnings


@pytest.mark.slow
def test_a_high_speed_camera_hears_above_half_its_frame_rate():
    heard = listen(_quick(lambda t: 0.05 * np.sin(2 * np.pi * 1130 * t)))
    assert heard.verdict.detected
    assert heard.verdict.heard_hz[1] > 900
    assert _peak_hz(heard) == pytest.approx(1130, abs=0.5)


@pytest.mark.slow
def test_fast_read_outs_are_judged_by_frames_alone():
    field = _field(lambda t: 0.02 * np.sin(400 * t), fps=1000, line=0.8e-6, frames=500)
    heard = listen(field, band=(20, 2000))
    assert heard.verdict.detected
    assert heard.verdict.frequency_hz[-1] == 500
    assert _peak_hz(heard) == pytest.approx(400 / (2 * np.pi), abs=0.5)


@pytest.mark.slow
def test_what_is_as_faint_as_errors_of_sway_is_not_taken_for_sound():
    heard = listen(_quick(lambda t: 0.004 * np.sin(2 * np.pi * 64 * t)))
    assert not heard.verdict.detected
    assert "from frame to frame" in heard.verdict.reason


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_high_speed_camera_calls_silence_silence(seed):
    heard = listen(_quick(lambda t: 0 * t, seed=seed))
    assert not heard.verdict.detected
    assert heard.verdict.false_alarm == pytest.approx(1e-3)


@pytest.mark.slow
def test_sway_a_hundred_times_larger_leaves_no_trace():
    def sway(t):
        return 2.5 * np.sin(2 * np.pi * 0.9 * t) + 0.8 * t

    still = listen(_field(lambda t: 0.02 * _voice(t)), band=BAND)
    swaying = listen(_field(lambda t: 0.02 * _voice(t), sway=sway), band=BAND)
    assert _score(_voice, swaying) > _score(_voice, still) - 0.5


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_a_wrong_line_delay_is_recognised_and_the_right_one_found(factor):
    field = _field(lambda t: 0.05 * _voice(t))
    wrong = select(field, shutter=Shutter(LINE * factor, "down", "user"))
    (warning,) = listen(wrong, band=BAND).warnings
    assert f"{LINE:.2g}"[:3] in warning
    assert "fit together much better" in warning


def test_a_wrong_direction_is_recognised():
    field = _field(lambda t: 0.05 * _voice(t))
    wrong = select(field, shutter=Shutter(LINE, "up", "user"))
    (warning,) = listen(wrong, band=BAND).warnings
    assert "direction down" in warning


def test_an_error_of_the_reference_makes_no_comb():
    field = _field(lambda t: 0 * t)
    (block,) = field.blocks
    pattern = np.random.default_rng(5).standard_normal(block.motion.shape[1:]) * 0.1
    spoiled = replace(field, blocks=[replace(block, motion=block.motion + pattern)])
    (left,) = steady(spoiled, 20.0).blocks
    assert np.abs(left.motion.mean(axis=0)).max() < 0.01  # of 0.4; frames' own noise decides
    assert not listen(spoiled, band=BAND).verdict.detected


def test_loud_frames_leave_nothing_in_quiet_ones():
    def sound(at):
        return 0.3 * _voice(at) * (at < 0.7)  # of 1.5 s

    field = _field(sound)
    (left,) = steady(field, 20.0).blocks
    quiet = left.motion[45:, :, 0].mean(axis=0).reshape(ROWS, PIECES).mean(axis=1)
    # The mean of all frames holds 0.015 of the sound.
    assert quiet.std() < 0.002


def _slopes_wrong_by(share, field):
    """Return a field whose rows each have a slope of their own, right on average."""
    (block,) = field.blocks
    row = np.random.default_rng(3).standard_normal(ROWS)
    wrong = 1 + share * np.repeat(row, PIECES)[:, None]
    return replace(field, blocks=[replace(block, motion=(block.motion * wrong).astype(np.float32))])


def test_rows_whose_slope_is_wrong_make_no_comb_under_sway():
    def sway(at):
        return np.sin(2 * np.pi * 1.3 * at)

    (left,) = steady(_slopes_wrong_by(0.02, _field(np.zeros_like, sway=sway)), 20.0).blocks
    course = sway(left.time_s)
    row = left.motion[:, :, 0].reshape(len(course), ROWS, PIECES).mean(axis=2)
    error = (course - course.mean()) @ row / np.sum((course - course.mean()) ** 2)
    assert error.std() < 0.001  # of 0.02


def test_a_tone_beside_a_multiple_of_the_frame_rate_stays_where_nothing_sways():
    def tone(at):
        return 0.03 * np.sin(2 * np.pi * 304 * at)

    field = _field(tone)
    (left,) = steady(field, 20.0).blocks
    at = left.time_s[:, None] + field.cells.delay_s
    assert np.sum(left.motion[:, :, 0] * tone(at)) > 0.97 * np.sum(tone(at) ** 2)


def test_cells_at_the_edges_of_the_picture_tell_nothing():
    field = _field(lambda t: 0 * t, sway=lambda t: 3 * np.sin(5 * t))
    (block,) = field.blocks
    edge = (field.cells.y_px < 8) | (field.cells.y_px + 4 > HEIGHT - 8)
    # What the edge hides follows the sway, quicker than it.
    error = 0.3 * np.sin(4 * block.motion[:, edge].astype(np.float64))
    motion = block.motion.copy()
    motion[:, edge] += error
    spoiled = replace(field, blocks=[replace(block, motion=motion)])
    (still,) = steady(spoiled, 20.0).blocks
    told = still.information.any(axis=(1, 2))
    assert not told[edge].any()
    # Three px of sway, too, and not the columns, of which it is the smaller part.
    inside = (field.cells.y_px >= 12) & (field.cells.y_px + 4 <= HEIGHT - 12)
    assert told[inside].all()
    heard, clean = listen(spoiled, band=BAND), listen(field, band=BAND)
    assert not heard.verdict.detected
    assert np.std(heard.samples) < 1.1 * np.std(clean.samples)


def test_a_strip_along_an_edge_is_heard_as_it_is():
    field = _field(lambda t: 0.05 * _voice(t))
    cells = field.cells
    strip = replace(cells, y_px=cells.y_px % 8, height_px=cells.height_px)
    (block,) = steady(replace(field, cells=strip), 20.0).blocks
    assert block.information.any(axis=(1, 2)).all()


def test_blocks_make_no_seam():
    field = _field(lambda t: 0.02 * _voice(t), sway=lambda t: np.sin(6 * t), frames=120)
    (whole,) = steady(field, 20.0).blocks
    (block,) = field.blocks
    cuts = [slice(0, 50), slice(50, 70), slice(70, 120)]
    parts = [
        replace(block, time_s=block.time_s[c], motion=block.motion[c], gain=block.gain[c])
        for c in cuts
    ]
    pieces = steady(replace(field, blocks=parts), 20.0).blocks
    joined = np.concatenate([piece.motion for piece in pieces])
    # Each cell's own offset is learned from as much as each block and its neighbours hold.
    assert np.abs(joined - whole.motion).std() < 0.01


def test_bands():
    facts = _field(lambda t: 0 * t, frames=4).facts
    assert band_of(None, facts) == (80.0, 2000.0)
    quick = replace(facts, shutter=Shutter(2e-6, "down", "user"), capture_rate=Fraction(1000))
    assert band_of(None, quick) == (20.0, 2000.0)
    with pytest.raises(UsageError, match="reaches above"):
        band_of((80, 40000), facts)


def test_one_microphone_cannot_be_separated():
    with pytest.raises(UsageError, match="global shutter"):
        listen(_field(lambda t: 0 * t), separate=True)
