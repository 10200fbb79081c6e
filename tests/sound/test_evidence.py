"""The evidence on drawn fields: noise of any level and colour is noise, faint sound is found."""

from dataclasses import replace
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from scipy.signal import lfilter

from phonoscope.errors import InputError
from phonoscope.sound.attend import weigh
from phonoscope.sound.evidence import Evidence, gather
from phonoscope.sound.excess import excess
from phonoscope.sound.filter import band_pass
from phonoscope.sound.subspace import CrossFit, teach, try_out
from phonoscope.sound.verdict import counted_bins, is_smoothed
from phonoscope.sound.whiten import rewhiten, whiten
from phonoscope.sound.windows import frequencies_hz, window_samples
from phonoscope.types import Cells, MotionBlock, MotionField, NoiseModel, VideoFacts

RATE = 2200
BAND = (20.0, 1100.0)
_SNR_DB = 1.5  # of one bin's or one band's snr, against the truth
_LEARNED_LOSS_DB = 2.5  # of a line 5 times the noise, whose direction 25 windows teach
_FAINT_LOSS_DB = 8.0  # of sound no stronger than the noise: its direction is hard to learn
_LEVEL = 0.03  # of the noise's mean level
_RAISED_DB = 2.0  # of noise that only the cells that hear have
_BOILING = 30.0  # variance that adds up from frame to frame, over the camera's
_RATIO = 0.02  # of the mean held-out ratio


def _field(truth, *, seed=0, noise=1.0, color=(1.0,), block=512):
    """Return a field that moves by ``truth`` and claims noise of which it has ``noise`` times."""
    random = np.random.default_rng(seed)
    samples, cells, _ = truth.shape
    spread = np.append(0.02 * random.uniform(0.5, 2, (cells, 2)), np.full((cells, 1), 0.01), axis=1)
    information = np.zeros((cells, 3, 3))
    information[:, range(3), range(3)] = spread**-2
    drawn = random.standard_normal((samples + 50, cells, 3))
    drawn = lfilter(color, [1.0], drawn, axis=0)[50:] if len(color) > 1 else drawn[50:]
    drawn = drawn * spread * np.broadcast_to(noise, (cells,))[:, None]
    motion = (truth + drawn[:, :, :2]).astype(np.float32)
    gain = (1 + drawn[:, :, 2]).astype(np.float32)
    time = np.arange(samples) / RATE
    cuts = [slice(a, a + block) for a in range(0, samples, block)]
    blocks = [MotionBlock(time[c], motion[c], gain[c], information) for c in cuts]
    place = np.arange(cells, dtype=np.int32)
    size = np.full(cells, 16, np.int32)
    where = Cells(16 * (place % 10), 16 * (place // 10), size, size, np.zeros(cells))
    facts = VideoFacts("drawn", "", "", "gray", 160, 96, 8, samples, None, Fraction(RATE), "user")
    return MotionField(
        facts, where, NoiseModel(np.array([0.0]), np.array([1.0])), samples, blocks
    )  # fmt: skip


def _evidence(field) -> Evidence:
    window = window_samples(field.samples, RATE)
    channels = whiten(field)

    def in_band(signals):
        return band_pass(signals, RATE, BAND)

    folds = teach(channels, in_band, window)
    factors = excess(channels, folds.directions)
    if factors is not None:
        channels = rewhiten(channels, factors)
        folds = teach(channels, in_band, window)
    fits = try_out(folds, channels, in_band)
    counted = counted_bins(frequencies_hz(window, RATE), BAND, field.facts)
    return gather(fits, window, RATE, counted)


def _still(samples=1024, cells=60):
    return np.zeros((samples, cells, 2))


def _at_most(share, runs):
    """Return how many of ``runs`` may be below ``share``: 3 sigma of the binomial."""
    return runs * share + 3 * np.sqrt(runs * share * (1 - share))


@cache
def _nulls(cells, runs):
    return [_evidence(_field(_still(cells=cells), seed=1000 + s)) for s in range(runs)]


def _calibrated(p_values, *, least=0.2):
    p = np.asarray(p_values)
    assert np.count_nonzero(p < 0.05) <= _at_most(0.05, len(p))
    assert np.count_nonzero(p < 0.01) <= _at_most(0.01, len(p))
    # Not absurdly conservative: several trials are counted as if each were independent.
    assert np.count_nonzero(p < 0.3) >= least * 0.3 * len(p)


def _drawn_fits(seed, *, samples=1024, learned=16, references=16, snr=0.0, alike=False):
    """Return two folds of drawn noise, and sound of flat spectrum in the third signal of each."""
    random = np.random.default_rng(seed)
    fold = np.arange(samples) // 256 % 2
    sound = np.sqrt(snr) * random.standard_normal(samples)
    parts = [random.standard_normal((samples, learned)) for _ in range(2)]
    if alike:
        parts[1] = parts[0]
    for part in parts:
        part[:, 2] += sound
    beside = [random.standard_normal((samples, references)) for _ in range(2)]
    channels = 1 if alike else 10**6
    none = np.empty((samples, 0))
    return [
        CrossFit(fold == n, parts[n], beside[n], none, np.empty((0, learned, learned)), channels)
        for n in range(2)
    ]


def _of_fits(fits, window=64):
    facts = _field(_still(64, 4)).facts
    return gather(fits, window, RATE, counted_bins(frequencies_hz(window, RATE), BAND, facts))


@pytest.mark.slow
def test_the_held_out_ratio_of_noise_is_one():
    # With a threshold that everything passes, snr is the ratio of the narrowest bands, less 1.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("phonoscope.sound.evidence._SIGNIFICANT", 2.0)
        snr = [_of_fits(_drawn_fits(s)) for s in range(20)]
        ratio = 1 + np.mean([e.snr[e.counted] for e in snr], axis=0)
        fields = [_evidence(_field(_still(), seed=s)) for s in range(12)]
    assert ratio.mean() == pytest.approx(1, abs=_RATIO)
    assert ratio == pytest.approx(np.ones(len(ratio)), abs=8 * _RATIO)
    whole = np.mean([1 + e.snr[e.counted].mean() for e in fields])
    assert whole == pytest.approx(1, abs=1.5 * _RATIO)


@pytest.mark.parametrize("snr", [3.0, 30.0])
def test_the_held_out_ratio_of_sound_is_its_snr(snr):
    found = [_of_fits(_drawn_fits(s, samples=8192, snr=snr)) for s in range(4)]
    assert all(e.p_value < 1e-6 for e in found)
    # A bin's direction is learned from 110 windows of 16 signals, so some of it is missed.
    seen = np.mean([e.snr[e.counted].mean() for e in found])
    assert 10 * np.log10(seen / snr) == pytest.approx(0, abs=_SNR_DB)


@pytest.mark.slow
def test_p_values_of_drawn_folds_are_calibrated():
    _calibrated([_of_fits(_drawn_fits(s)).p_value for s in range(100)])


@pytest.mark.slow
def test_p_values_are_calibrated_where_both_folds_learn_of_the_same_few_channels():
    _calibrated([_of_fits(_drawn_fits(s, alike=True)).p_value for s in range(100)])


@pytest.mark.slow
@pytest.mark.parametrize("cells", [60])
def test_p_values_of_still_fields_are_calibrated(cells):
    _calibrated([e.p_value for e in _nulls(cells, 200)])


def test_p_values_of_few_cells_are_not_absurdly_conservative():
    assert min(_evidence(_field(_still(cells=8), seed=s)).p_value for s in range(30)) < 0.3


@pytest.mark.parametrize("seed", [2, 3, 4, 7])
@pytest.mark.parametrize("factor", [0.5])
def test_less_noise_is_read_and_changes_nothing_else(factor, seed):
    claimed = _evidence(_field(_still(), seed=seed))
    other = _evidence(_field(_still(), seed=seed, noise=factor))
    assert other.noise == pytest.approx(factor**2 * claimed.noise, rel=0.01)
    # Cells whose gains happen to exceed their claim count a little less, where noise is as claimed.
    assert np.log(other.p_value) == pytest.approx(np.log(claimed.p_value), abs=0.4)
    assert other.noise[other.counted].mean() == pytest.approx(factor**2, rel=4 * _LEVEL)


def test_more_noise_than_claimed_raises_no_alarm():
    found = [_evidence(_field(_still(), seed=s, noise=3.0)).p_value for s in range(12)]
    assert np.count_nonzero(np.array(found) < 0.05) <= _at_most(0.05, len(found))


@pytest.mark.slow
def test_noise_of_the_claimed_level_is_read_as_one():
    level = np.mean([e.noise[e.counted].mean() for e in _nulls(60, 200)])
    assert level == pytest.approx(1, abs=1.5 * _LEVEL)  # the lamps' light takes a little with it


@pytest.mark.parametrize("color", [(1.0, 0.7), (1.0, -0.7)])
def test_coloured_noise_is_noise_and_its_colour_is_read(color):
    found = [_evidence(_field(_still(), seed=s, color=color)) for s in range(20)]
    assert np.count_nonzero([e.p_value < 0.05 for e in found]) <= _at_most(0.05, len(found))
    counted = found[0].counted & (found[0].frequency_hz > 60)
    turn = np.exp(-2j * np.pi * found[0].frequency_hz[counted] / RATE)
    truth = np.abs(color[0] + color[1] * turn) ** 2
    seen = np.mean([e.noise[counted] for e in found], axis=0)
    # Its level is taken for an excess where it is rough; a Hann window leaks a little.
    shape = truth / truth.mean()
    assert seen / seen.mean() == pytest.approx(shape, rel=0.05, abs=0.03)


def _matched(field, direction=(0.8, 0.6)):
    """Return the information of one motion of all cells along a direction, px⁻²."""
    return float(np.einsum("i,cij,j->", direction, field.information[:, :2, :2], direction))


def _moving(sound, cells=60, direction=(0.8, 0.6)):
    return np.broadcast_to(sound[:, None, None] * np.asarray(direction), (len(sound), cells, 2))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("snr", [5.0, 50.0])
def test_a_line_is_found_in_its_bin_with_its_power(snr, seed):
    samples, window = 4400, 128
    information = _matched(_field(_still(samples), seed=seed))
    tone = 20 + 7 * seed
    # A sine of amplitude 1 in the middle of a bin has a power of window / 6 there.
    size = np.sqrt(snr / information * 6 / window)
    sound = size * np.sin(2 * np.pi * tone / window * np.arange(samples) + seed)
    found = _evidence(_field(_moving(sound), seed=seed))
    assert found.p_value < 1e-6
    assert found.snr.argmax() == tone
    loss = _SNR_DB if snr > 10 else _LEARNED_LOSS_DB
    assert -loss < 10 * np.log10(found.snr[tone] / snr) < _SNR_DB
    assert np.all(found.snr <= found.snr[tone])


@pytest.mark.parametrize("seed", range(2))
def test_where_there_is_no_line_no_snr_is_claimed(seed):
    samples, window, tone = 4400, 128, 20
    information = _matched(_field(_still(samples), seed=seed))
    size = np.sqrt(50 / information * 6 / window)
    sound = size * np.sin(2 * np.pi * tone / window * np.arange(samples))
    found = _evidence(_field(_moving(sound), seed=seed))
    assert np.all(found.snr[[*range(tone - 3), *range(tone + 4, len(found.snr))]] < 0.1)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("snr", [1.0, 4.0])
def test_faint_broad_sound_is_found_with_its_power(snr, seed):
    samples = 4400
    information = _matched(_field(_still(samples), seed=seed))
    sound = np.sqrt(snr / information) * np.random.default_rng(seed + 50).standard_normal(samples)
    found = _evidence(_field(_moving(sound), seed=seed))
    assert found.p_value < 1e-3
    seen = found.snr[found.counted].mean()
    # Where its direction is learned badly, some of it is missed; none is made up.
    least = -_SNR_DB if snr > 2 else -_FAINT_LOSS_DB
    assert least < 10 * np.log10(seen / snr) < _SNR_DB / 2
    assert np.mean(found.snr[found.counted] > 0) > 0.8
    assert found.noise[found.counted].mean() == pytest.approx(1, abs=2 * _LEVEL)


def _alarms_over_a_background(highest_hz, runs):
    time = np.arange(1024) / RATE
    found = []
    for seed in range(runs):
        random = np.random.default_rng(seed + 9)
        truth = _still()
        f = highest_hz * random.uniform(0.5, 1)
        slow = np.sin(2 * np.pi * (f * time + random.uniform()))
        truth[:, :20] += slow[:, None, None] * random.standard_normal(2)
        found.append(_evidence(_field(truth, seed=seed)).p_value)
    return np.count_nonzero(np.array(found) < 0.05)


def test_a_large_slow_background_raises_no_alarm():
    assert _alarms_over_a_background(2.0, 25) <= _at_most(0.05, 25)


def test_a_large_background_just_below_the_band_raises_no_alarm():
    assert _alarms_over_a_background(10.0, 12) <= _at_most(0.05, 12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_large_slow_background_hides_no_sound(seed):
    time = np.arange(4400) / RATE
    sound = np.random.default_rng(seed).standard_normal(4400)
    truth = _moving(0.003 * sound).copy()
    still = _evidence(_field(truth, seed=seed))
    truth[:, :20] += 2 * np.sin(2 * np.pi * 4 * time)[:, None, None]
    moving = _evidence(_field(truth, seed=seed))
    assert still.p_value < 1e-3
    assert moving.p_value < 1e-3
    ratio = moving.snr[moving.counted].mean() / still.snr[still.counted].mean()
    assert 10 * np.log10(ratio) == pytest.approx(0, abs=_SNR_DB)


@pytest.mark.slow
@pytest.mark.parametrize("times", [1.5, 3.0, 10.0])
def test_hot_cells_raise_no_alarm(times):
    noise = np.ones(60)
    noise[[7, 23, 41]] = times
    found = [_evidence(_field(_still(), seed=s, noise=noise)).p_value for s in range(12)]
    assert np.count_nonzero(np.array(found) < 0.05) <= _at_most(0.05, len(found))


def test_how_the_field_is_cut_into_blocks_does_not_matter():
    one, other = (_evidence(_field(_still(), seed=3, block=size)) for size in (1024, 77))
    assert other.p_value == pytest.approx(one.p_value, rel=1e-3)
    assert other.noise == pytest.approx(one.noise, rel=1e-4)


def test_turned_around_in_sign_it_is_the_same():
    field = _field(_moving(0.002 * np.random.default_rng(0).standard_normal(1024)), seed=5)
    turned = replace(
        field, blocks=[replace(b, motion=-b.motion, gain=2 - b.gain) for b in field.blocks]
    )
    one, other = _evidence(field), _evidence(turned)
    # Not exactly: the light divides, so that glints of either sign are not quite alike.
    assert other.snr == pytest.approx(one.snr, rel=0.1, abs=0.1)
    assert other.noise == pytest.approx(one.noise, rel=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_noise_that_only_the_moving_cells_have_is_noise_and_not_sound(seed):
    # As a codec leaves it around a strong line: alike within blocks of 2 x 2 cells.
    samples, window, tone, times = 4400, 128, 20, 25.0
    place = np.arange(240)
    moving = place // 10 < 12
    block = place % 10 // 2 + 5 * (place // 20)
    line = 0.5 * np.sin(2 * np.pi * tone / window * np.arange(samples))
    left = np.random.default_rng(seed + 70).standard_normal((samples, block.max() + 1, 2))
    truth = moving[:, None] * (_moving(line, 240) + 0.02 * np.sqrt(times) * left[:, block])
    field = _field(truth, seed=seed)
    found = _evidence(field)
    # What the best combination for the line hears of it.
    root = np.sqrt(np.diagonal(field.information, axis1=1, axis2=2)[:, :2]) * moving[:, None]
    weights = root * np.array([0.8, 0.6])
    loads = weights * root / np.linalg.norm(weights)
    shared = np.stack([loads[block == b].sum(axis=0) for b in range(block.max() + 1)])
    expected = 0.02**2 * times * np.sum(shared**2)
    away = found.counted & (np.abs(np.arange(len(found.noise)) - tone) > 4)
    level = float(np.median(found.noise[away]))
    assert 10 * np.log10(level / expected) == pytest.approx(0, abs=_RAISED_DB)
    assert np.median(found.raised[away]) > 5
    assert np.median(found.snr[away]) < 1
    assert found.snr.argmax() == tone
    assert found.snr[tone] > 1000


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_where_all_cells_are_alike_no_noise_is_raised(seed):
    sound = 0.02 * np.random.default_rng(seed).standard_normal(4400)
    found = _evidence(_field(_moving(sound), seed=seed))
    assert np.all(found.snr[found.counted] > 30)
    assert np.all(found.raised == 1)


@pytest.mark.parametrize("seed", range(5))
def test_a_cell_of_straight_edges_is_no_quiet_cell(seed):
    # It knows its motion across its edges alone: x and y are one and the same.
    field = _field(_still(cells=40), seed=seed)
    across, deviation = np.array([0.6, 0.8]), 0.2
    noise = deviation * np.random.default_rng(seed).standard_normal(field.samples)
    blocks, first = [], 0
    for block in field.blocks:
        motion, information = block.motion.copy(), block.information.copy()
        motion[:, 7] = noise[first : first + len(motion), None] * across
        information[7, :2, :2] = np.outer(across, across) / deviation**2
        blocks.append(replace(block, motion=motion, information=information))
        first += len(motion)
    spoiled = replace(field, blocks=blocks)
    channels = whiten(spoiled)
    factors = excess(channels, np.random.default_rng(seed).standard_normal((120, 4)))
    assert factors is None or factors[7] == pytest.approx(1, abs=0.4)
    assert _evidence(spoiled).p_value > 1e-3


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("what", "times"), [("motion", 1e30), ("information", 1e36)])
def test_what_nothing_could_have_measured_is_refused(what, times):
    field = _field(_still(64, 12))
    (block,) = field.blocks
    wrong = replace(block, **{what: (getattr(block, what) * times)})
    with pytest.raises(InputError, match="nothing could have measured"):
        whiten(replace(field, blocks=[wrong]))


def _adding_up(seed, *, truth=None, samples=512, cells=16):
    """Return a field as of speckle: a camera's noise, and what adds up, of each cell its own."""
    random = np.random.default_rng(seed)
    share = _BOILING * random.uniform(0.5, 2, (cells, 2))
    noise = random.standard_normal((2, samples + 50, cells, 2))
    change = lfilter(np.ones(8) / np.sqrt(8), [1.0], noise[1], axis=0)
    wrong = 0.02 * (noise[0] + np.cumsum(np.sqrt(share) * change, axis=0))[50:]
    moved = _still(samples, cells) if truth is None else truth
    field = _field(moved, noise=0.0, seed=seed, block=samples)
    (block,) = field.blocks
    information = np.zeros((cells, 3, 3))
    # Half of the variance of a change from frame to frame.
    information[:, range(2), range(2)] = 1 / (0.02**2 * (1 + share / 2))
    motion = (moved + wrong).astype(np.float32)
    block = replace(block, motion=motion, gain=np.ones_like(block.gain), information=information)
    size = np.full(cells, 32, np.int32)
    place = 32 * np.arange(cells, dtype=np.int32)
    where = replace(
        field.cells, x_px=place % 128, y_px=32 * (place // 128), width_px=size, height_px=size
    )
    return replace(field, blocks=[block], cells=where, parameters={"pattern": "speckle"})


def test_noise_that_adds_up_is_noise():
    found = [weigh(_adding_up(seed), BAND, 1e-3) for seed in range(12)]
    _calibrated([one.verdict.p_value for one in found], least=0.0)
    # At high frequencies there is far less than cells claim, which no codec has taken.
    assert not any(is_smoothed(one.evidence) for one in found)


def test_slow_noise_that_adds_up_is_noise():
    def slow(part):
        change = lfilter(np.ones(48) / np.sqrt(48), [1.0], part, axis=0)
        return band_pass(np.cumsum(change, axis=0) + part, RATE, BAND)

    window = 32
    counted = counted_bins(
        frequencies_hz(window, RATE), BAND, _field(_still(64, 4)).facts, adds_up=True
    )
    p_values = []
    for seed in range(30):
        fits = [
            replace(drawn, learned=slow(drawn.learned), references=slow(drawn.references))
            for drawn in _drawn_fits(seed, samples=512, learned=11)
        ]
        evidence = gather(fits, window, RATE, counted, adds_up=True)
        p_values.append(evidence.p_value)
    _calibrated(p_values)
    # What is told of the noise is that of the signals, not of their steps.
    assert evidence.noise == pytest.approx(gather(fits, window, RATE, counted).noise)


def test_sound_in_noise_that_adds_up_is_found():
    time = np.arange(512) / RATE
    truth = 0.1 * np.sin(2 * np.pi * 400 * time)[:, None, None] * np.ones((16, 2))
    verdict = weigh(_adding_up(1, truth=truth), BAND, 1e-3).verdict
    assert verdict.detected
    assert verdict.heard_hz[0] == pytest.approx(400, abs=100)
