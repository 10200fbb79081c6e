"""The verdict on drawn fields: what counts, what would have been heard, and where it is heard."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, iirpeak, lfilter, sosfilt

from phonoscope.sound import listen
from phonoscope.sound.evidence import Evidence
from phonoscope.sound.verdict import counted_bins, detectable_power, judge
from phonoscope.sound.windows import frequencies_hz
from phonoscope.types import Cells, MotionBlock, MotionField, NoiseModel, VideoFacts

RATE = 2200
_BIN_HZ = 2 * RATE / 64  # two bins of a short clip's windows
_AUC = 0.95


def _facts(codec="rawvideo", samples=1500):
    return VideoFacts("drawn", "", codec, "gray", 160, 96, 8, samples, None, Fraction(RATE), "user")


def _field(truth, *, seed=0, scale=1.0, level=1.0, codec="rawvideo", block=512):
    """Return a field that moves by ``truth``, its noise ``level`` times what it claims."""
    random = np.random.default_rng(seed)
    samples, cells, _ = truth.shape
    spread = np.append(0.02 * random.uniform(0.5, 2, (cells, 2)), np.full((cells, 1), 0.01), axis=1)
    drawn = spread * level * random.standard_normal((samples, cells, 3))
    motion = (scale * (truth + drawn[:, :, :2])).astype(np.float32)
    gain = (1 + drawn[:, :, 2]).astype(np.float32)
    spread[:, :2] *= scale
    information = np.zeros((cells, 3, 3))
    information[:, range(3), range(3)] = spread**-2
    time = np.arange(samples) / RATE
    cuts = [slice(a, a + block) for a in range(0, samples, block)]
    blocks = [MotionBlock(time[c], motion[c], gain[c], information) for c in cuts]
    place, size = np.arange(cells, dtype=np.int32), np.full(cells, 16, np.int32)
    where = Cells(16 * (place % 10), 16 * (place // 10), size, size, np.zeros(cells))
    noise = NoiseModel(np.array([0.0]), np.array([1.0]))
    return MotionField(_facts(codec, samples), where, noise, samples, blocks)


def _sound(samples, seed, band=(60, 1000)):
    white = np.random.default_rng(seed).standard_normal(samples + 1000)
    sound = sosfilt(butter(4, band, "bandpass", fs=RATE, output="sos"), white)[1000:]
    return sound / sound.std()


def _rigid(sound, cells=60, direction=(0.8, 0.6)):
    return np.broadcast_to(sound[:, None, None] * np.asarray(direction), (len(sound), cells, 2))


def _modal(sound, seed, cells=60, modes=4):
    """Return motion in a few modes, of 1 px RMS over all cells."""
    random = np.random.default_rng(seed)
    truth = np.zeros((len(sound), cells, 2))
    for f in np.linspace(150, 800, modes):
        part = lfilter(*iirpeak(f, f / 80, fs=RATE), sound)
        truth += part[:, None, None] * random.standard_normal((cells, 2))
    return truth / np.sqrt(np.mean(np.sum(truth**2, axis=2)))


def _still(samples=1500, cells=60):
    return np.zeros((samples, cells, 2))


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp9"])
def test_lines_of_a_predicting_codec_do_not_count(codec):
    frequency = frequencies_hz(128, RATE)
    band = (20.0, 1100.0)
    predicting = counted_bins(frequency, band, _facts(codec))
    for share in (1 / 4, 1 / 3, 1 / 2):
        assert not predicting[np.abs(frequency - share * RATE).argmin()]
    for clear in (100, 400, 650, 900):
        assert predicting[np.abs(frequency - clear).argmin()]
    assert 0.75 < predicting.mean() < 0.9


@pytest.mark.parametrize("codec", ["rawvideo", "mjpeg", "ffv1", ""])
def test_every_bin_of_other_codecs_counts_but_the_ends(codec):
    frequency = frequencies_hz(128, RATE)
    counted = counted_bins(frequency, (20.0, 1100.0), _facts(codec))
    assert counted[2:-1].all()
    assert not counted[0]
    assert not counted[-1]
    narrow = counted_bins(frequency, (200.0, 400.0), _facts(codec))
    assert np.array_equal(narrow, (frequency >= 200) & (frequency <= 400))


@pytest.mark.parametrize("share", [1 / 4, 1 / 3])
def test_a_line_of_the_pattern_is_heard_raw_and_not_from_h264(share):
    line = 0.01 * np.sin(2 * np.pi * share * np.arange(4400))
    raw = listen(_field(_rigid(line), codec="rawvideo"))
    assert raw.verdict.detected
    assert raw.verdict.heard_hz[0] <= share * RATE + 20
    assert raw.verdict.heard_hz[1] >= share * RATE - 20
    coded = listen(_field(_rigid(line), codec="h264"))
    assert not coded.verdict.detected
    # A line elsewhere is heard all the same.
    other = 0.01 * np.sin(2 * np.pi * 0.2 * np.arange(4400))
    assert listen(_field(_rigid(other), codec="h264")).verdict.detected


def _evidence(snr, noise, p_value=1e-9, bins=65, quietest=1.0):
    frequency = frequencies_hz(128, RATE)
    spectrum = np.zeros(bins)
    spectrum[20:30] = snr
    counted = np.ones(bins, np.bool_)
    every = np.broadcast_to(noise, (bins,))
    return Evidence(frequency, every, spectrum, counted, p_value, 20.0, np.ones(bins), quietest)


def _judged(evidence, false_alarm=1e-3):
    return judge(evidence, _facts("h264"), false_alarm, 120, 4000.0, 1e5)


@pytest.mark.parametrize(
    ("snr_db", "level", "detected"),
    [
        (20, 1.0, True),
        (20, 0.65, True),  # not smoothed
        (20, 0.55, False),
        (24, 0.55, False),  # over the camera's own noise that is 21.4 dB
        (26, 0.55, True),
        (32, 0.1, False),  # 22 dB
        (34, 0.1, True),
    ],
)
def test_where_noise_was_smoothed_away_only_sound_far_above_it_counts(snr_db, level, detected):
    verdict = _judged(_evidence(10 ** (snr_db / 10), level))
    assert verdict.detected is detected
    assert bool(verdict.reason) is not detected
    if detected:
        assert verdict.heard_hz == (20 * RATE / 128, 29 * RATE / 128)
    else:
        assert "compression" in verdict.reason
        assert verdict.heard_hz is None


def test_some_smoothed_bins_are_not_most():
    noise = np.ones(65)
    noise[:30] = 0.3
    assert _judged(_evidence(10.0, noise)).detected
    noise[:36] = 0.3
    assert not _judged(_evidence(10.0, noise)).detected


def test_noise_of_the_codecs_own_in_motion_does_not_hide_that_brightness_was_smoothed():
    assert _judged(_evidence(10.0, 1.4)).detected
    assert not _judged(_evidence(10.0, 1.4, quietest=0.1)).detected


def test_a_field_whose_brightness_alone_is_smoothed_says_so():
    truth = _rigid(0.01 * _sound(1500, 3))
    assert listen(_field(truth, level=np.array([1.2, 1.2, 1.0]))).verdict.detected
    dull = listen(_field(truth, level=np.array([1.2, 1.2, 0.2])))
    assert not dull.verdict.detected
    assert "smoothed" in dull.verdict.reason


def test_a_smoothed_field_says_why_and_the_warning_tells():
    truth = _rigid(0.01 * _sound(1500, 3))
    clear = listen(_field(truth))
    assert clear.verdict.detected
    assert clear.verdict.reason == ""
    dull = listen(_field(truth / 4, level=0.4))
    assert not dull.verdict.detected
    assert "smoothed" in dull.verdict.reason
    assert any("smoothed" in w for w in dull.warnings)
    loud = listen(_field(20 * truth, level=0.4))
    assert loud.verdict.detected


def test_the_p_value_is_held_against_the_false_alarm():
    assert not _judged(_evidence(10.0, 1.0, p_value=2e-3)).detected
    assert _judged(_evidence(10.0, 1.0, p_value=2e-3), 1e-2).detected
    verdict = _judged(_evidence(10.0, 1.0, p_value=2e-3))
    assert (verdict.p_value, verdict.false_alarm) == (2e-3, 1e-3)
    assert verdict.reason == ""
    assert np.all(verdict.snr_db == -np.inf)


@given(st.floats(1e-6, 0.1), st.integers(2, 2000), st.floats(500, 1e6))
def test_the_detectable_power_falls_with_all_that_helps(false_alarm, channels, samples):
    power = detectable_power(false_alarm, channels, samples)
    assert 0 < power < 100
    assert detectable_power(false_alarm / 2, channels, samples) > power
    assert detectable_power(false_alarm, 2 * channels, samples) > power
    assert detectable_power(false_alarm, channels, 2 * samples) < power


def _faintest(field):
    return listen(field).verdict.detectable_px


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["rigid", "modal"])
def test_three_db_above_the_detectable_motion_it_is_detected(kind):
    runs, found = 20, 0
    size = np.sqrt(2) * _faintest(_field(_still()))
    for seed in range(runs):
        sound = _sound(1500, seed + 40)
        # `detectable_px` is along a direction at random: of rigid motion, or of each cell's own.
        angle = np.random.default_rng(seed).uniform(0, np.pi)
        rigid = _rigid(sound, direction=(np.cos(angle), np.sin(angle)))
        truth = rigid if kind == "rigid" else _modal(sound, seed)
        found += listen(_field(size * truth, seed=seed)).verdict.detected
    assert found >= 0.95 * runs


def test_a_quarter_of_the_detectable_motion_is_hardly_ever_detected():
    size = _faintest(_field(_still())) / 4
    found = [
        listen(_field(size * _rigid(_sound(1500, seed)), seed=seed)).verdict.detected
        for seed in range(20)
    ]
    assert np.count_nonzero(found) <= 2


def test_the_detectable_motion_follows_the_noise_that_is_measured():
    one, other = _faintest(_field(_still())), _faintest(_field(_still(), level=2.0))
    assert other / one == pytest.approx(2, rel=0.03)
    # With four times the cells half the motion is enough, but for more directions to learn.
    many = _faintest(_field(_still(cells=240)))
    assert 0.5 < many / one < 0.85


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("band", [(100, 300), (300, 800), (500, 600)])
def test_the_band_that_is_heard_contains_the_true_one(band, seed):
    heard = listen(_field(_rigid(0.006 * _sound(4400, seed, band)), seed=seed))
    low, high = heard.verdict.heard_hz
    assert low <= band[0] + _BIN_HZ / 2
    assert high >= band[1] - _BIN_HZ / 2


@pytest.mark.parametrize("band", [(100, 300), (300, 800), (500, 600)])
def test_the_band_that_is_heard_is_not_much_wider_than_the_true_one(band):
    # The fourth-order filter's skirts are 30 dB down at half and at twice the edges.
    heard = listen(_field(_rigid(0.006 * _sound(4400, 0, band))))
    low, high = heard.verdict.heard_hz
    assert low > band[0] / 3
    assert high < min(3 * band[1], 1050)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["rigid", "modal"])
def test_the_cells_that_move_hear_and_the_others_do_not(kind, seed):
    sound = _sound(4400, seed)
    moves = np.random.default_rng(seed).permutation(60) < 20
    truth = 0.02 * (_rigid(sound) if kind == "rigid" else _modal(sound, seed)) * moves[:, None]
    field = _field(truth, seed=seed)
    hearing = listen(field).hearing
    assert hearing.shape == (60,)
    auc = np.mean(hearing[moves][:, None] > hearing[~moves][None, :])
    assert auc > _AUC
    # It is the power of the sound over the noise in each cell.
    power = np.mean(truth**2, axis=0) * np.diagonal(field.information, axis1=1, axis2=2)[:, :2]
    true = power.sum(axis=1)
    assert np.all(hearing[~moves] < 0.05 * np.median(true[moves]))
    assert hearing[moves].sum() == pytest.approx(true[moves].sum(), rel=0.2)
    strong = true > 0.1 * true.max()
    assert np.corrcoef(np.log(hearing[strong]), np.log(true[strong]))[0, 1] > 0.9


def test_in_silence_no_cell_hears():
    heard = listen(_field(_still()))
    assert not heard.verdict.detected
    assert not heard.hearing.any()
    assert heard.verdict.heard_hz is None


@settings(max_examples=8, deadline=None)
@given(st.integers(-6, 6), st.integers(0, 3))
def test_motion_and_noise_of_another_scale_scale_the_sound_and_leave_the_verdict(octaves, seed):
    scale = 2.0**octaves  # exact, lest rounding turn the faintest directions
    truth = _rigid(0.003 * seed * _sound(1024, seed))
    one, other = listen(_field(truth, seed=seed)), listen(_field(truth, seed=seed, scale=scale))
    assert other.verdict.detected == one.verdict.detected
    assert other.verdict.p_value == pytest.approx(one.verdict.p_value, rel=0.02, abs=1e-12)
    assert other.verdict.detectable_px == pytest.approx(scale * one.verdict.detectable_px, rel=0.01)
    assert other.samples == pytest.approx(
        scale * one.samples, abs=1e-3 * np.abs(scale * one.samples).max()
    )


@settings(max_examples=6, deadline=None)
@given(st.integers(40, 1100))
def test_how_the_field_is_cut_into_blocks_does_not_matter(block):
    truth = _rigid(0.004 * _sound(1024, 1))
    one, other = listen(_field(truth)), listen(_field(truth, block=block))
    assert other.samples == pytest.approx(one.samples, abs=1e-4 * np.abs(one.samples).max())
    assert other.snr_db == pytest.approx(one.snr_db, abs=0.01)


def _changed(field, change):
    return replace(field, blocks=[change(b) for b in field.blocks])


def test_turned_around_in_sign_so_is_the_sound():
    field = _field(_rigid(0.004 * _sound(1024, 1)))
    one = listen(field)
    turned = listen(_changed(field, lambda b: replace(b, motion=-b.motion, gain=2 - b.gain)))
    cosine = turned.samples @ one.samples / (one.samples @ one.samples)
    assert cosine == pytest.approx(-1, abs=0.02)


def test_backward_in_time_the_sound_is_backward():
    field = _field(_rigid(0.004 * _sound(1024, 1)), block=1024)
    one = listen(field)
    back = listen(
        _changed(field, lambda b: replace(b, motion=b.motion[::-1], gain=b.gain[::-1]))
    ).samples[::-1]
    assert back @ one.samples / (one.samples @ one.samples) == pytest.approx(1, abs=0.05)
    assert np.corrcoef(back, one.samples)[0, 1] > 0.98
