"""Delays and signs that are known, found again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonoscope.errors import InputError, UsageError
from phonoscope.evaluate import align, limit_band, si_sdr

RATE = 8000


def delayed(sound, samples):
    """Shift by any number of samples; exact, for a sound that is silent at its ends."""
    size = 2 * len(sound)
    turn = np.exp(-2j * np.pi * np.arange(size // 2 + 1) / size * samples)
    return np.fft.irfft(np.fft.rfft(sound, size) * turn, size)[: len(sound)]


def burst(seed, band_hz=(60.0, 3500.0), n=12000):
    sound = np.random.default_rng(seed).normal(size=n)
    inner = np.zeros(n)
    inner[n // 4 : -n // 4] = np.hanning(n - 2 * (n // 4))
    return limit_band(sound, RATE, band_hz) * inner


def test_12_3_ms_and_a_flipped_sign_are_found():
    reference = burst(0)
    aligned, lag_s, sign = align(reference, -3e-3 * delayed(reference, 0.0123 * RATE), RATE)
    assert lag_s == pytest.approx(0.0123, abs=1e-7)
    assert sign == -1
    assert si_sdr(reference, aligned) > 80
    assert aligned @ reference > 0


@pytest.mark.parametrize("band", [(60, 3500), (80, 1000), (200, 400)])
@pytest.mark.parametrize("lag", [-31.37, -0.5, 0.01, 0.49, 7.8])
def test_sub_sample_delay_at_moderate_snr(band, lag):
    reference = burst(1, band)
    errors = []
    for seed in range(8):
        noise = limit_band(np.random.default_rng(100 + seed).normal(size=12000), RATE, band)
        noise *= 10 ** (-15 / 20) * reference.std() / noise.std()
        errors.append(align(reference, delayed(reference, lag) + noise, RATE)[1] * RATE - lag)
    # Cramér-Rao for the delay of a known sound in white noise of its band:
    # sigma = 1 / (w_rms sqrt(2 B T SNR)); 0.02 sample where the band is wide enough for that.
    w_rms = 2 * np.pi * np.sqrt((band[1] ** 3 - band[0] ** 3) / (3 * (band[1] - band[0])))
    sigma = RATE / (w_rms * np.sqrt(2 * (band[1] - band[0]) * 12000 / RATE * 10**1.5))
    assert np.sqrt(np.mean(np.square(errors))) < max(0.02, 2 * sigma)


@given(
    gain=st.floats(1e-6, 1e6).flatmap(lambda g: st.sampled_from([g, -g])),
    lag=st.floats(-300, 300),
    seed=st.integers(0, 5),
)
@settings(max_examples=25, deadline=None)
def test_any_scale_sign_and_delay_are_undone(gain, lag, seed):
    reference = burst(seed)
    aligned, lag_s, sign = align(reference, gain * delayed(reference, lag), RATE)
    assert lag_s * RATE == pytest.approx(lag, abs=1e-3)
    assert sign == np.sign(gain)
    assert si_sdr(reference, aligned) > 55


def test_common_delay_changes_nothing():
    reference, estimate = burst(2), delayed(burst(2), 3.25)
    lag = align(reference, estimate, RATE)[1]
    both = (np.pad(sound, (500, 0)) for sound in (reference, estimate))
    assert align(*both, RATE)[1] == pytest.approx(lag, abs=1e-9)


@pytest.mark.parametrize("length", [6000, 12000, 15000])
def test_lengths_may_differ(length):
    reference = burst(3)
    estimate = np.resize(np.pad(delayed(reference, 40), (0, 6000)), 18000)[:length]
    aligned, lag_s, _ = align(reference, estimate, RATE)
    assert len(aligned) == len(reference)
    assert lag_s * RATE == pytest.approx(40, abs=0.1)
    assert si_sdr(reference[3100:5900], aligned[3100:5900]) > 30


def test_lag_beyond_the_limit_is_not_taken():
    reference = burst(4)
    assert abs(align(reference, delayed(reference, 800), RATE, max_lag_s=0.01)[1]) <= 0.0101
    assert align(reference, delayed(reference, 800), RATE)[1] == pytest.approx(0.1, abs=1e-6)


def test_identity_is_exact_and_silence_stays():
    reference = burst(5)
    aligned, lag_s, sign = align(reference, reference, RATE)
    assert (abs(lag_s) < 1e-9, sign) == (True, 1)
    np.testing.assert_allclose(aligned, reference, atol=1e-6 * np.abs(reference).max())
    aligned, lag_s, sign = align(reference, np.zeros(7), RATE)
    assert (lag_s, sign, aligned.any(), len(aligned)) == (0.0, 1, False, len(reference))


def test_what_cannot_be_aligned_is_refused():
    good = burst(6)
    for reference, estimate in (
        (good * 0, good),
        (good, good * np.nan),
        (good[None], good),
        ([], []),
    ):
        with pytest.raises(InputError):
            align(reference, estimate, RATE)
    with pytest.raises(UsageError, match="max_lag_s"):
        align(good, good, RATE, max_lag_s=-1)
    with pytest.raises(UsageError, match="rate_hz"):
        align(good, good, 0)
