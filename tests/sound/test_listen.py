"""Sound from motion fields drawn directly: the truth and the noise are known exactly."""

from fractions import Fraction

import numpy as np
import pytest

from phonoscope.errors import InputError, UsageError
from phonoscope.evaluate import sound_bound_db
from phonoscope.sound import chosen_band, listen, select
from phonoscope.sound.filter import band_pass, noise_gain
from phonoscope.types import Cells, MotionBlock, MotionField, NoiseModel, Region, VideoFacts

RATE = 2200


def _field(truth, *, seed=0, cells=60, block=512):
    """Return a field whose cells move by ``truth`` ``(sample, cell, 2)`` plus noise as claimed."""
    rng = np.random.default_rng(seed)
    samples = len(truth)
    information = np.zeros((cells, 3, 3))
    spread = 0.02 * rng.uniform(0.5, 2, (cells, 2))
    information[:, [0, 1], [0, 1]] = spread**-2
    information[:, 2, 2] = 1e4
    motion = (truth + spread * rng.standard_normal((samples, cells, 2))).astype(np.float32)
    gain = (1 + 0.01 * rng.standard_normal((samples, cells))).astype(np.float32)
    time = np.arange(samples) / RATE
    blocks = [
        MotionBlock(time[a : a + block], motion[a : a + block], gain[a : a + block], information)
        for a in range(0, samples, block)
    ]  # fmt: skip
    x = (16 * (np.arange(cells) % 10)).astype(np.int32)
    y = (16 * (np.arange(cells) // 10)).astype(np.int32)
    size = np.full(cells, 16, np.int32)
    facts = VideoFacts("drawn", "", "", "gray", 160, 96, 8, samples, None, Fraction(RATE), "user")
    noise = NoiseModel(np.array([0.0]), np.array([1.0]))
    return MotionField(facts, Cells(x, y, size, size, np.zeros(cells)), noise, samples, blocks)


def _tone(samples, rms, seed=3):
    noise = np.random.default_rng(seed).standard_normal(samples)
    sound = band_pass(noise[:, None], RATE, (100, 800))[:, 0]
    return rms * sound / sound.std()


def _rigid(sound, direction=(0.8, 0.6), cells=60):
    return np.broadcast_to(sound[:, None, None] * np.asarray(direction), (len(sound), cells, 2))


def _si_sdr(estimate, truth):
    projected = truth * (estimate @ truth) / (truth @ truth)
    return 10 * np.log10(np.sum(projected**2) / np.sum((estimate - projected) ** 2))


@pytest.mark.parametrize("rms", [0.003, 0.01])
def test_rigid_sound_reaches_the_bound_in_pixels(rms):
    sound = _tone(4400, rms)
    field = _field(_rigid(sound))
    heard = listen(field)
    bound = sound_bound_db(field.information[:, :2, :2], (0.8, 0.6), rms)
    assert _si_sdr(heard.samples, sound) > bound - 1
    assert heard.motion_rms_px == pytest.approx(rms, rel=0.04)
    error = (heard.samples - sound).std()
    assert heard.snr_db == pytest.approx(20 * np.log10(rms / error), abs=0.7)
    # A Wiener filter keeps of the sound what its error leaves.
    kept = np.dot(heard.samples, sound) / np.dot(sound, sound)
    assert kept == pytest.approx(1 - 10 ** (-heard.snr_db / 10), abs=0.03)
    assert heard.noise_floor_px < error


def test_halves_that_move_against_each_other_do_not_cancel():
    sound = _tone(4400, 0.01)
    truth = _rigid(sound).copy()
    truth[:, 30:] *= -1
    field = _field(truth)
    bound = sound_bound_db(field.information[:, :2, :2], (0.8, 0.6), 0.01)
    assert _si_sdr(listen(field).samples, sound) > bound - 1


def test_noise_alone_is_called_noise():
    alarms = 0
    for seed in range(20):
        heard = listen(_field(np.zeros((1500, 60, 2)), seed=seed))
        alarms += heard.verdict.detected
        if not heard.verdict.detected:
            assert heard.motion_rms_px == 0
            assert heard.snr_db == -np.inf
            assert any("noise floor" in w for w in heard.warnings)
    assert alarms <= 1


@pytest.mark.parametrize("cells", [9, 12, 16, 24])
def test_what_is_taken_off_with_the_lamps_makes_no_sound_of_few_cells(cells):
    # The light's plane and pattern take a third of the gains' noise where there are 12.
    field = _field(np.zeros((1500, cells, 2)), cells=cells, seed=cells)
    assert not listen(field).verdict.detected


@pytest.mark.parametrize("band", [(20, 1100), (80, 1000), (100, 400)])
def test_noise_gain_is_what_the_filter_lets_through(band):
    noise = np.random.default_rng(0).standard_normal((4400, 60))
    seen = np.mean(band_pass(noise, RATE, band) ** 2)
    assert noise_gain(4400, RATE, band) == pytest.approx(seen, rel=0.02)


def test_band_is_flat_and_moves_nothing_in_time():
    t = np.arange(4400) / RATE
    tone = np.sin(2 * np.pi * 200 * t)[:, None]
    kept = band_pass(tone, RATE, (50, 800))
    assert np.abs(kept - tone)[400:-400].max() < 0.01
    gone = band_pass(np.sin(2 * np.pi * 10 * t)[:, None], RATE, (50, 800))
    assert np.abs(gone)[400:-400].max() < 1e-4


def _left_of_sway():
    t = np.arange(4400) / RATE
    sway = 2.5 * np.sin(2 * np.pi * 1.0 * t + 0.4)[:, None]
    return np.abs(band_pass(sway, RATE, (20, 1100)))


def test_slow_sway_leaves_nothing_inside():
    assert _left_of_sway()[440:-440].max() < 1e-4


def test_slow_sway_leaves_next_to_nothing_at_the_ends():
    # 80 dB below the sway: a continuation of higher order would ring more with sound near the edge.
    assert _left_of_sway().max() < 2.5e-4


def test_bands_are_checked():
    assert chosen_band(None, RATE) == (20, 1100)
    for band in [(80, 80), (-1, 100), (80, 1101), (float("nan"), 100)]:
        with pytest.raises(UsageError):
            chosen_band(band, RATE)


def test_too_short_or_blind_is_refused():
    with pytest.raises(InputError, match="too few"):
        listen(_field(np.zeros((16, 60, 2))))


def test_select_keeps_what_was_asked_for():
    field = _field(_rigid(_tone(1500, 0.01)))
    part = select(field, regions=[Region(0, 0, 48, 32)], start=0.2, duration=0.3)
    assert part.samples == 660
    assert len(part.cells) == 6
    kept = [0, 1, 2, 10, 11, 12]
    assert np.array_equal(part.motion, field.motion[440:1100][:, kept])
    assert select(field, fps=Fraction(1100)).time_s == pytest.approx(2 * field.time_s)
    with pytest.raises(UsageError, match="no cell"):
        select(field, regions=[Region(1000, 0, 10, 10)])
    with pytest.raises(UsageError, match="beyond"):
        select(field, start=5)


def _lit(light, *, seed):
    """Return a still field whose cells are lit by ``light`` ``(sample, cell)``."""
    field = _field(np.zeros((4400, 60, 2)), seed=seed)
    (block,) = [
        MotionBlock(field.time_s, field.motion, (field.gain * light).astype(np.float32),
                    field.blocks[0].information)
    ]  # fmt: skip
    return MotionField(field.facts, field.cells, field.noise, 4400, [block])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("hz", [100, 120, 240])
def test_flicker_that_lights_unevenly_is_not_heard(hz, seed):
    random = np.random.default_rng(seed)
    flicker = 0.04 * np.sin(2 * np.pi * hz * np.arange(4400) / RATE)
    share = random.uniform(0.7, 1.3, 60)
    heard = listen(_lit(1 + flicker[:, None] * share, seed=seed))
    assert not heard.verdict.detected


@pytest.mark.parametrize("seed", range(3))
def test_glints_are_heard_through_flicker(seed):
    random = np.random.default_rng(seed)
    sound = _tone(4400, 1.0, seed)
    flicker = 0.04 * np.sin(2 * np.pi * 120 * np.arange(4400) / RATE)
    glints = 0.01 * sound[:, None] * random.standard_normal(60)
    heard = listen(_lit(1 + flicker[:, None] + glints, seed=seed))
    assert heard.verdict.detected
    likeness = abs(np.corrcoef(heard.samples, sound)[0, 1])
    assert likeness > 0.93  # 0.947 to 0.991 over eight seeds
