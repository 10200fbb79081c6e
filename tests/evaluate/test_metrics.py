"""Every metric against values that are known without it."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal

from phonoscope.errors import InputError, MissingExtraError, UsageError
from phonoscope.evaluate import (
    estoi,
    log_likelihood_ratio,
    segmental_snr,
    si_sdr,
    stoi,
    weighted_coherence,
)

RATE = 8000
WITH_RATE = [segmental_snr, weighted_coherence, log_likelihood_ratio, stoi, estoi]


def orthogonal(seed, n=16000):
    """Two sounds of unit power, without mean, and exactly orthogonal."""
    s, v = np.random.default_rng(seed).normal(size=(2, n))
    s -= s.mean()
    v -= v.mean()
    v -= v @ s / (s @ s) * s
    return s / s.std(), v / v.std()


@pytest.mark.parametrize("db", [-20.0, 0.0, 3.7, 40.0])
def test_si_sdr_of_orthogonal_noise_is_its_level(db):
    s, v = orthogonal(0)
    assert si_sdr(s, s + 10 ** (-db / 20) * v) == pytest.approx(db, abs=1e-9)
    assert si_sdr(s + 5, 0.01 * (s + 10 ** (-db / 20) * v) - 3) == pytest.approx(db, abs=1e-6)


def test_si_sdr_at_its_ends():
    s, v = orthogonal(1)
    assert si_sdr(s, -2 * s) > 250
    assert si_sdr(s, 0 * s) == -np.inf
    assert si_sdr(s, v) < -250
    with pytest.raises(InputError, match="constant"):
        si_sdr(np.ones(10), np.arange(10))


@pytest.mark.parametrize("db", [-9.0, 0.0, 12.0, 30.0])
def test_segmental_snr_of_stationary_noise_is_its_level(db):
    s, v = orthogonal(2)
    got = segmental_snr(s, s + 10 ** (-db / 20) * v, RATE)
    assert got == pytest.approx(db, abs=0.15)  # 125 frames of about 256 samples


def test_segmental_snr_is_clamped():
    s, v = orthogonal(3)
    assert segmental_snr(s, s, RATE) == 35
    assert segmental_snr(s, s + 100 * v, RATE) == -10
    assert segmental_snr(s, 0 * s, RATE) == pytest.approx(0, abs=1e-12)
    half = np.where(np.arange(len(s)) < len(s) // 2, s, s + 1000 * v)
    assert segmental_snr(s, half, RATE) == pytest.approx((35 - 10) / 2, abs=0.5)


def test_segmental_snr_leaves_digital_silence_out():
    s, v = orthogonal(4)
    e = s + 0.1 * v
    gap = np.zeros(8000)
    whole = segmental_snr(np.concatenate([s, gap]), np.concatenate([e, gap + 1]), RATE)
    assert whole == pytest.approx(segmental_snr(s, e, RATE), abs=0.3)


def test_coherence_is_blind_to_filtering(babble):
    b, a = signal.butter(2, [200, 900], "bandpass", fs=RATE)
    assert weighted_coherence(babble, signal.lfilter(b, a, babble), RATE) > 0.97
    assert weighted_coherence(babble, -3 * babble, RATE) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("snr", [0.25, 1.0, 9.0])
def test_coherence_of_white_noise_is_snr_over_one_plus_snr(snr):
    s, v = orthogonal(5, 80000)
    got = weighted_coherence(s, s + v / np.sqrt(snr), RATE)
    assert got == pytest.approx(snr / (1 + snr), abs=0.02)


def test_coherence_of_independent_noise_is_its_bias():
    got = []
    for seed in range(20):
        s, v = np.random.default_rng(seed).normal(size=(2, 16000))
        got.append(weighted_coherence(s, v, RATE))
    segments = (16000 - 1024) // 512 + 1
    assert np.mean(got) == pytest.approx(1.06 / segments, rel=0.05)


def test_coherence_weighs_by_the_reference():
    t = np.arange(32000) / RATE
    strong, weak = np.sin(2 * np.pi * 300 * t), 0.1 * np.sin(2 * np.pi * 2000 * t)
    noise = 1e-3 * np.random.default_rng(6).normal(size=len(t))
    assert weighted_coherence(strong + weak, strong + noise, RATE) == pytest.approx(
        1 / 1.01, abs=2e-3
    )


def test_too_short_for_coherence_is_nan():
    s, v = orthogonal(7, 4608)
    assert np.isfinite(weighted_coherence(s, v, RATE))
    assert np.isnan(weighted_coherence(s[:-1], v[:-1], RATE))


def test_llr_of_the_same_envelope_is_zero(babble):
    assert log_likelihood_ratio(babble, babble, RATE) == pytest.approx(0, abs=1e-9)
    assert log_likelihood_ratio(babble, -7 * babble, RATE) == pytest.approx(0, abs=1e-6)


def test_llr_of_an_ar_process_against_white_noise_is_its_prediction_gain():
    # A white estimate predicts nothing: the ratio is r(0) over the error power, 1 / (1 - a²).
    a = 0.9
    rng = np.random.default_rng(8)
    s = signal.lfilter([1], [1, -a], rng.normal(size=80000))
    got = log_likelihood_ratio(s, rng.normal(size=80000), RATE, order=1)
    assert got == pytest.approx(-np.log(1 - a**2), rel=0.12)  # frames differ; the worst are cut


def test_llr_of_a_silent_estimate_is_finite(babble):
    assert log_likelihood_ratio(babble, 0 * babble, RATE) > 0.5
    half = np.where(np.arange(len(babble)) < 16000, babble, 0)
    assert 0 < log_likelihood_ratio(babble, half, RATE) < 5
    assert np.isfinite(log_likelihood_ratio(babble[:3], babble[:3], RATE))


def test_stoi_at_its_ends(babble):
    noise = np.random.default_rng(9).normal(size=len(babble))
    for metric in (stoi, estoi):
        assert metric(babble, babble, RATE) == pytest.approx(1, abs=1e-6)
        assert abs(metric(babble, noise, RATE)) < 0.35
        assert metric(babble, 0 * babble, RATE) == 0
        assert np.isnan(metric(babble[:2000], babble[:2000], RATE))
        # long enough, but loud for a moment only
        click = np.where(np.arange(len(babble)) < 800, 1.0, 1e-4) * noise
        assert np.isnan(metric(click, click, RATE))


def test_stoi_falls_with_noise(babble):
    noise = np.random.default_rng(10).normal(size=len(babble)) * babble.std()
    for metric in (stoi, estoi):
        scores = [metric(babble, babble + g * noise, RATE) for g in (0, 0.1, 0.3, 1, 3, 10)]
        assert (np.diff(scores) < 0).all()


def test_stoi_without_pystoi_names_the_extra(monkeypatch, babble):
    monkeypatch.setitem(sys.modules, "pystoi", None)
    with pytest.raises(MissingExtraError, match=r"phonoscope\[evaluate\]"):
        stoi(babble, babble, RATE)


@pytest.mark.slow
@given(
    gain=st.floats(1e-5, 1e5).flatmap(lambda g: st.sampled_from([g, -g])),
    seed=st.integers(0, 3),
)
@settings(max_examples=15, deadline=None)
def test_scale_and_sign_do_not_matter(gain, seed, babble):
    noise = np.random.default_rng(seed).normal(size=len(babble)) * babble.std()
    estimate = babble + 0.3 * noise
    assert si_sdr(babble, gain * estimate) == pytest.approx(si_sdr(babble, estimate), abs=1e-6)
    for metric in (weighted_coherence, log_likelihood_ratio, stoi, estoi):
        first = metric(babble, estimate, RATE)
        assert metric(babble, gain * estimate, RATE) == pytest.approx(first, abs=1e-5)
        assert metric(abs(gain) * babble, estimate, RATE) == pytest.approx(first, abs=1e-5)


@pytest.mark.slow
@given(pad=st.integers(0, 3000))
@settings(max_examples=15, deadline=None)
def test_common_silence_hardly_matters(pad, babble):
    noise = np.random.default_rng(0).normal(size=len(babble)) * babble.std()
    pair = babble, babble + 0.3 * noise
    padded = tuple(np.pad(sound, (pad, pad)) for sound in pair)
    # si_sdr takes the mean off the whole, hence not exactly equal
    assert si_sdr(*padded) == pytest.approx(si_sdr(*pair), abs=0.01)
    assert segmental_snr(*padded, RATE) == pytest.approx(segmental_snr(*pair, RATE), abs=0.5)
    assert weighted_coherence(*padded, RATE) == pytest.approx(
        weighted_coherence(*pair, RATE), abs=0.03
    )
    assert stoi(*padded, RATE) == pytest.approx(stoi(*pair, RATE), abs=0.02)


@pytest.mark.parametrize("metric", WITH_RATE)
def test_what_cannot_be_compared_is_refused(metric, babble):
    cases = [
        (babble, babble[:-1]),
        (babble[None], babble[None]),
        (babble, babble * np.nan),
        (0 * babble, babble),
        ([], []),
    ]
    for reference, estimate in cases:
        with pytest.raises(InputError):
            metric(reference, estimate, RATE)
        with pytest.raises(InputError):
            si_sdr(reference, estimate)
    for rate in (0, -8000, float("nan")):
        with pytest.raises(UsageError, match="rate_hz"):
            metric(babble, babble, rate)
