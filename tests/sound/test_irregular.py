"""The posterior mean of irregular samples, against sounds that are known."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonoscope.errors import InputError, UsageError
from phonoscope.sound.filter import band_pass
from phonoscope.sound.irregular import Rows, even_out, log_likelihood, stream_even

RATE, BAND = 4000, 1000.0
FPS, ROWS, LINE = 60.0, 120, 0.7 / 60 / 120


def _sound(seconds, seed=0):
    # Harmonics of a gliding pitch, as a voice has.
    random = np.random.default_rng(seed)
    strength, phase = random.uniform(0.3, 1, 6), random.uniform(0, 6.28, 6)
    pitch = random.uniform(110, 160)

    def sound(t):
        turns = pitch * t + 8 * np.sin(2 * np.pi * 0.7 * t) / (2 * np.pi * 0.7)
        waves = (
            a * np.cos(2 * np.pi * (h + 1) * turns + p)
            for h, (a, p) in enumerate(zip(strength, phase, strict=True))
        )
        return 0.01 * sum(waves)

    return sound


def _rows(sound, seconds, noise, seed=0):
    random = np.random.default_rng(seed)
    times = (np.arange(int(seconds * FPS))[:, None] / FPS + np.arange(ROWS) * LINE).ravel()
    values = sound(times) + noise * random.standard_normal(len(times))
    return Rows(times, values, np.full(len(times), noise**2))


def _error_db(truth, estimate):
    return 10 * np.log10(np.sum(truth**2) / np.sum((truth - estimate) ** 2))


def _in_band(samples):
    return band_pass(samples[:, None], RATE, (80, BAND))[:, 0]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("noise", [0.002, 0.01])
def test_beats_interpolation_by_far_and_knows_its_error(noise, seed):
    sound = _sound(1.0, seed)
    rows = _rows(sound, 1.0, noise, seed)
    even = even_out([rows], rate_hz=RATE, band_hz=BAND)
    truth = sound(np.arange(len(even.samples)) / RATE)
    linear = np.interp(np.arange(len(truth)) / RATE, rows.times_s, rows.values)
    gain = _error_db(truth, even.samples) - _error_db(truth, _in_band(linear))
    assert gain > 6
    real = np.mean((truth - even.samples) ** 2)
    # A steady pitch is known better than windows of it tell; never worse.
    assert even.variance.mean() / 3 < real < 1.5 * even.variance.mean()


def test_chords_of_steady_notes_are_told_from_a_voice():
    hz = (220, 277.2, 329.6, 440, 554.4, 659.3, 880)

    def chord(t):
        return 0.01 * sum(np.cos(2 * np.pi * f * t + k) for k, f in enumerate(hz))

    even = even_out([_rows(chord, 1.0, 0.005)], rate_hz=RATE, band_hz=BAND)
    truth = chord(np.arange(len(even.samples)) / RATE)
    assert _error_db(truth, even.samples) > 20  # as a voice alone 19


def test_follows_a_pitch_that_bends(monkeypatch):
    def bent(t):
        turns = 130 * (t + 0.5 * t**2)
        return 0.01 * sum(np.cos(2 * np.pi * h * turns + h * h) / h**0.5 for h in (1, 2, 3))

    rows = _rows(bent, 1.0, 0.005, 1)
    even = even_out([rows], rate_hz=RATE, band_hz=BAND)
    monkeypatch.setattr("phonoscope.sound.irregular._BEND_COST", 1e9)
    straight = even_out([rows], rate_hz=RATE, band_hz=BAND)
    truth = bent(np.arange(len(even.samples)) / RATE)
    gain = _error_db(truth, even.samples) - _error_db(truth, straight.samples)
    assert gain > 0.3


def test_gaps_are_marked_and_less_sure():
    rows = _rows(_sound(1.0), 1.0, 0.005)
    even = even_out([rows], rate_hz=RATE, band_hz=BAND)
    phase = (np.arange(len(even.samples)) / RATE * FPS) % 1
    inside = (phase > 0.05) & (phase < 0.65)
    gap = (phase > 0.75) & (phase < 0.95)
    assert even.measured[inside].all()
    assert not even.measured[gap].any()
    assert even.variance[gap].mean() > 1.5 * even.variance[inside].mean()


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, 3600), max_size=6))
def test_how_rows_are_cut_into_blocks_changes_nothing(cuts):
    rows = _rows(_sound(0.5), 0.5, 0.005)
    edges = [0, *sorted(c for c in cuts if c < len(rows.values)), len(rows.values)]
    blocks = [
        Rows(rows.times_s[a:b], rows.values[a:b], rows.variance[a:b])
        for a, b in itertools.pairwise(edges)
    ]
    whole = even_out([rows], rate_hz=RATE, band_hz=BAND)
    parts = even_out(blocks, rate_hz=RATE, band_hz=BAND)
    np.testing.assert_allclose(parts.samples, whole.samples, atol=1e-9)
    np.testing.assert_array_equal(parts.measured, whole.measured)


@settings(max_examples=6, deadline=None)
@given(st.floats(-3, 3))
def test_scales_with_the_sound(power):
    scale = 10.0**power
    rows = _rows(_sound(0.4), 0.4, 0.005)
    louder = Rows(rows.times_s, rows.values * scale, rows.variance * scale**2)
    one = even_out([rows], rate_hz=RATE, band_hz=BAND)
    other = even_out([louder], rate_hz=RATE, band_hz=BAND)
    np.testing.assert_allclose(other.samples / scale, one.samples, atol=1e-6)


def test_moves_with_time():
    rows = _rows(_sound(0.5), 0.5, 0.005)
    later = Rows(rows.times_s + 7.25, rows.values, rows.variance)
    one = even_out([rows], rate_hz=RATE, band_hz=BAND)
    other = even_out([later], rate_hz=RATE, band_hz=BAND, start_s=7.25)
    np.testing.assert_allclose(other.samples, one.samples, atol=1e-6)


def test_rows_that_measured_nothing_count_for_nothing():
    rows = _rows(_sound(0.5), 0.5, 0.005)
    dead = np.arange(len(rows.values)) % 4 == 0
    values = np.where(dead, np.nan, rows.values)
    variance = np.where(dead, np.inf, rows.variance)
    without = Rows(rows.times_s[~dead], rows.values[~dead], rows.variance[~dead])
    one = even_out([Rows(rows.times_s, values, variance)], rate_hz=RATE, band_hz=BAND)
    other = even_out([without], rate_hz=RATE, band_hz=BAND)
    size = min(len(one.samples), len(other.samples))
    np.testing.assert_allclose(one.samples[:size], other.samples[:size], atol=1e-6)


@pytest.mark.parametrize("factor", [0.8, 0.95, 1.05, 1.2])
def test_rows_at_their_own_times_are_likelier(factor):
    rows = _rows(_sound(0.7), 0.7, 0.01)
    frame = np.floor(rows.times_s * FPS + 1e-9) / FPS
    moved = Rows(frame + (rows.times_s - frame) * factor, rows.values, rows.variance)
    right = log_likelihood([rows], rate_hz=RATE, band_hz=BAND)
    wrong = log_likelihood([moved], rate_hz=RATE, band_hz=BAND)
    assert right > wrong + 20


def test_silence_stays_silent():
    rows = _rows(lambda t: 0 * t, 1.0, 0.01)
    even = even_out([rows], rate_hz=RATE, band_hz=BAND)
    # Of the noise in a sample of twice the band's rate little is left.
    assert even.samples.std() < 0.01 * np.sqrt(2 * BAND * LINE) / 1.5


def test_refuses_what_cannot_be():
    rows = _rows(_sound(0.2), 0.2, 0.01)
    with pytest.raises(UsageError, match="half the rate, 2000 Hz"):
        list(stream_even([rows], rate_hz=4000, band_hz=2500.0))
    with pytest.raises(InputError, match="no rows"):
        list(stream_even([], rate_hz=RATE, band_hz=BAND))
    backwards = Rows(rows.times_s[::-1], rows.values, rows.variance)
    with pytest.raises(InputError, match="order of time"):
        list(stream_even([backwards], rate_hz=RATE, band_hz=BAND))
    unknown = Rows(rows.times_s, np.full_like(rows.values, np.nan), rows.variance)
    with pytest.raises(InputError, match="not finite"):
        list(stream_even([unknown], rate_hz=RATE, band_hz=BAND))
    short = Rows(rows.times_s[1:], rows.values, rows.variance)
    with pytest.raises(InputError, match="shapes"):
        list(stream_even([short], rate_hz=RATE, band_hz=BAND))
