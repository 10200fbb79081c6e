"""The whole evaluation, and band ceilings of real speech against published figures."""

import numpy as np
import pytest

from phonoscope.audio import resample
from phonoscope.errors import InputError, UsageError
from phonoscope.evaluate import METRICS, band_ceiling, evaluate, limit_band

RATE = 8000


def test_band_edges():
    n = 80000
    impulse = np.zeros(n)
    impulse[n // 2] = 1
    gain = np.abs(np.fft.rfft(limit_band(impulse, RATE, (80, 1100))))
    hz = np.fft.rfftfreq(n, 1 / RATE)
    assert np.abs(gain[(hz > 84.5) & (hz < 1040)] - 1).max() < 2e-3
    assert gain[(hz < 75.5) | (hz > 1160)].max() < 2e-3
    assert gain[np.searchsorted(hz, 1100)] == pytest.approx(0.5, abs=5e-3)


def test_band_has_no_delay_and_the_full_band_changes_nothing(babble):
    limited = limit_band(babble, RATE, (0, 1100))
    np.testing.assert_allclose(limit_band(babble[::-1], RATE, (0, 1100)), limited[::-1], atol=1e-12)
    np.testing.assert_array_equal(limit_band(babble, RATE, (0, 4000)), babble)


@pytest.mark.parametrize("band", [(100, 100), (-1, 100), (0, float("inf")), (500, 100)])
def test_bands_that_are_none_are_refused(babble, band):
    with pytest.raises(UsageError, match="band_hz"):
        limit_band(babble, RATE, band)


# One sentence's ceilings as the field's figures have them; other sentences differ.
CEILINGS = [
    (120, 0.20, 0.01, 0.12, 0.12),
    (500, 0.62, 0.44, 0.10, 0.15),
    (1100, 0.81, 0.65, 0.08, 0.15),
    (2000, 0.93, 0.85, 0.06, 0.10),
    (3000, 0.99, 0.98, 0.04, 0.09),
]


@pytest.mark.slow
@pytest.mark.parametrize(("high", "stoi", "estoi", "stoi_off", "estoi_off"), CEILINGS)
def test_ceilings_of_real_speech(speech, high, stoi, estoi, stoi_off, estoi_off):
    scores = [band_ceiling(sound, 16000, (0, high)) for sound in speech]
    assert np.mean([s["stoi"] for s in scores]) == pytest.approx(stoi, abs=stoi_off)
    assert np.mean([s["estoi"] for s in scores]) == pytest.approx(estoi, abs=estoi_off)


def test_a_perfect_recovery_reaches_the_ceiling(speech):
    reference = speech[0]
    camera = limit_band(reference, 16000, (80, 1000))
    recovered = resample(-1e-3 * np.roll(camera, 123), 16000, 2200)
    scores = evaluate(reference, 16000, recovered, 2200, band_hz=(80, 1000))
    assert scores.lag_s == pytest.approx(123 / 16000, abs=1e-5)
    assert scores.sign == -1
    assert scores.notes == ()
    for name in scores.ceiling:
        assert scores.estimate[name] == pytest.approx(scores.ceiling[name], abs=0.05), name
    assert scores.in_band["si_sdr_db"] > 30
    assert scores.in_band["segmental_snr_db"] > 25
    assert scores.in_band["coherence"] > 0.999
    assert scores.in_band["llr"] < 0.05


def test_noise_shows_in_the_band_at_its_level(speech):
    reference = speech[1]
    camera = limit_band(reference, 16000, (80, 1000))
    noise = limit_band(np.random.default_rng(0).normal(size=len(camera)), 16000, (80, 1000))
    noise *= camera.std() / noise.std() * 10 ** (-6 / 20)
    upsampled = resample(camera + noise, 16000, 48000)
    scores = evaluate(reference, 16000, upsampled, 48000, band_hz=(80, 1000))
    assert scores.in_band["si_sdr_db"] == pytest.approx(6, abs=0.2)
    assert scores.estimate["si_sdr_db"] < min(
        scores.in_band["si_sdr_db"], scores.ceiling["si_sdr_db"]
    )
    for name in ("stoi", "estoi"):
        assert scores.estimate[name] < scores.ceiling[name]
    assert scores.in_band["llr"] > 0.1


def test_columns_have_the_metrics(babble):
    scores = evaluate(babble, RATE, babble, RATE)
    whole, held = list(METRICS), list(METRICS[:4])
    whole.remove("llr")
    assert list(scores.estimate) == list(scores.ceiling) == whole
    assert list(scores.in_band) == held
    assert scores.band_hz == (0, 4000)
    assert scores.estimate["stoi"] == pytest.approx(1, abs=1e-6)
    assert scores.in_band["si_sdr_db"] > 100


def test_too_short_is_nan_with_a_reason(babble):
    scores = evaluate(babble[:1600], RATE, babble[:1600], RATE)
    assert np.isnan(scores.estimate["stoi"])
    assert np.isnan(scores.in_band["coherence"])
    assert any("386 ms" in note for note in scores.notes)
    assert any("coherence" in note for note in scores.notes)


def test_a_silent_estimate_scores_nothing_and_does_not_fail(babble):
    scores = evaluate(babble, RATE, np.zeros(100), 2200)
    assert scores.in_band["si_sdr_db"] == -np.inf
    assert scores.in_band["coherence"] == 0
    assert scores.estimate["stoi"] == 0


def test_what_cannot_be_scored_is_refused(babble):
    with pytest.raises(InputError, match="silent"):
        evaluate(0 * babble, RATE, babble, RATE)
    with pytest.raises(InputError):
        evaluate(babble, RATE, [], RATE)
    with pytest.raises(UsageError):
        evaluate(babble, RATE, babble, 0)
    with pytest.raises(UsageError, match="band_hz"):
        evaluate(babble, RATE, babble, RATE, band_hz=(1000, 100))
    with pytest.raises(InputError, match="band"):
        evaluate(babble, RATE, babble, RATE, band_hz=(5000, 6000))
