"""The yardsticks of the rolling shutter's benchmark are as good as they should be."""

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from phonoscope.scene import noise, tones

RATE_HZ = 16000
EXPOSURE_S = 1 / 2000


@pytest.fixture
def yardsticks(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "benchmarks")
    import rolling_yardsticks

    return rolling_yardsticks


def test_rows_see_a_tone_as_the_exposure_leaves_it(yardsticks: ModuleType) -> None:
    clip = yardsticks.filmed(tones(1.0, RATE_HZ, [500.0]), 1.0, EXPOSURE_S, 720, 0)
    middle = clip.times_s + EXPOSURE_S / 2
    seen = np.sinc(500 * EXPOSURE_S) * np.sqrt(2) * np.sin(2 * np.pi * 500 * middle)
    inside = (middle > 0.05) & (middle < 0.95)
    error = clip.values[inside] - seen[inside]
    assert error.std() == pytest.approx(yardsticks.NOISE_PX, rel=0.02)
    assert len(clip.lines) == 60 * 1040
    assert np.isnan(clip.lines).mean() == pytest.approx(1 - 720 / 1040)


def test_means_of_rows_have_the_noise_that_is_told(yardsticks: ModuleType) -> None:
    clip = yardsticks.filmed(noise(1.0, RATE_HZ, 100, 1000), 0.0, EXPOSURE_S, 360, 0)
    known = clip.bins[~np.isnan(clip.bins)]
    assert np.mean(known**2) == pytest.approx(clip.bin_variance, rel=0.05)


def test_a_delayed_copy_scores_as_a_copy(yardsticks: ModuleType) -> None:
    sound = noise(1.0, RATE_HZ, 100, 1500)
    assert yardsticks.score_db(sound, np.roll(sound, 9), RATE_HZ) > 25
    assert yardsticks.score_db(sound, noise(1.0, RATE_HZ, 100, 1500, 1), RATE_HZ) < -10


def test_janssen_continues_tones_through_gaps(yardsticks: ModuleType) -> None:
    truth = np.sin(0.3 * np.arange(1200)) + np.sin(0.47 * np.arange(1200))
    seen = np.where(np.arange(1200) % 130 < 90, truth, np.nan)
    filled = yardsticks.janssen(seen, 650, 130, iterations=5)
    known = ~np.isnan(seen)
    assert np.array_equal(filled[known], truth[known])
    error = (filled - truth)[260:-260]
    assert 10 * np.log10(np.mean(truth**2) / np.mean(error**2)) > 25
    straight = (yardsticks.linear(seen) - truth)[260:-260]
    assert np.mean(error**2) < 0.01 * np.mean(straight**2)


def test_wiener_takes_noise_off_a_tone(yardsticks: ModuleType) -> None:
    truth = np.sin(0.5 * np.arange(7800))
    seen = truth + 0.5 * np.random.default_rng(0).standard_normal(7800)
    error = yardsticks.wiener(seen, 7800, 0.25) - truth
    assert np.mean(error**2) < 0.25 / 8


@pytest.mark.parametrize("smoothed", [False, True])
def test_local_spectra_hold_the_power_of_the_sound(yardsticks: ModuleType, smoothed: bool) -> None:
    power = yardsticks.local_spectra(noise(2.0, RATE_HZ, 200, 1500), 0.07, smoothed=smoothed)
    assert power[3:-3].sum(axis=1).mean() == pytest.approx(1, rel=0.05)


def test_the_true_spectrum_is_better_than_a_wrong_one(yardsticks: ModuleType) -> None:
    sound = noise(2.0, RATE_HZ, 400, 900)
    clip = yardsticks.filmed(sound, 0.01, 1 / 8000, 720, 0)
    hz = yardsticks._FREQUENCIES
    scores = []
    for low, high in ((400, 900), (200, 1200), (600, 700)):
        band = np.where((hz >= low) & (hz <= high), 1e-4, 1e-12)
        power = np.tile(band * 1e-4 / band.sum(), (121, 1))
        scores.append(yardsticks.score_db(clip.averaged, yardsticks.posterior(clip, power), 7800))
    assert scores[0] > max(scores[1:]) + 1
    assert scores[0] > yardsticks.score_db(clip.averaged, yardsticks.linear(clip.bins), 7800) + 3


def test_a_drawn_process_has_the_spectrum_that_it_was_drawn_from(yardsticks: ModuleType) -> None:
    flat = yardsticks.local_spectra(noise(2.0, RATE_HZ, 300, 600), 0.07, smoothed=True).mean(axis=0)
    # Twice as loud in its second half.
    power = np.repeat([flat, 4 * flat], [60, 61], axis=0)
    sound = np.concatenate([yardsticks.drawn(power, 2 * RATE_HZ, seed) for seed in range(8)])
    halves = sound.reshape(8, 2, RATE_HZ)[:, :, 1000:-1000]
    expected = np.array([flat.sum(), 4 * flat.sum()])
    assert np.mean(halves**2, axis=(0, 2)) == pytest.approx(expected, rel=0.1)
    seen = np.abs(np.fft.rfft(halves[:, 0])) ** 2
    hz = np.fft.rfftfreq(halves.shape[2], 1 / RATE_HZ)
    assert seen[:, (hz > 300) & (hz < 600)].sum() > 0.8 * seen.sum()
    assert seen[:, hz > 2010].sum() < 1e-3 * seen.sum()


def test_who_knows_the_true_spectrum_is_not_beaten_by_another(yardsticks: ModuleType) -> None:
    power = yardsticks.local_spectra(tones(1.0, RATE_HZ, [300.0, 700.0]), 0.07, smoothed=True)
    clip = yardsticks.filmed(yardsticks.drawn(power, RATE_HZ, 5), 0.02, EXPOSURE_S, 360, 0)
    hops = round(len(clip.averaged) * yardsticks.HOPS_PER_S / RATE_HZ) + 1
    known = yardsticks.exposed(power[:hops], EXPOSURE_S)
    rate = yardsticks.FPS * yardsticks.BINS
    scores = [
        yardsticks.score_db(clip.averaged, yardsticks.posterior(clip, own * 0.02**2), rate)
        for own in (known, np.broadcast_to(known.mean(axis=1, keepdims=True), known.shape))
    ]
    assert scores[0] > scores[1] + 3
