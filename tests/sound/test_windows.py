"""Short-time spectra: exact there and back, scaled so that white noise of variance 1 is 1."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonoscope.sound import windows
from phonoscope.sound.windows import (
    OVERLAP,
    centres,
    covariances,
    frequencies_hz,
    independent_frames,
    signals_of,
    spectra,
    window_samples,
)

_EXACT = 1e-12
_LEVEL = 0.036  # of the power of noise: 4.5 sigma of 16,600 independent values of a bin
_INDEPENDENT = 0.12  # of the number of independent windows


def _noise(samples, count=1, seed=0):
    return np.random.default_rng(seed).standard_normal((samples, count))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("samples", "window"), [(64, 8), (1000, 32), (1537, 64), (4400, 128)])
def test_there_and_back_is_exact(samples, window, seed):
    signals = _noise(samples, 3, seed)
    seen = spectra(signals, window)
    assert seen.shape == (window // 2 + 1, 3, len(centres(samples, window)))
    for k in range(3):
        back = signals_of(seen[:, k], window, samples)
        assert back.shape == (samples,)
        assert np.abs(back - signals[:, k]).max() < _EXACT


@settings(max_examples=30, deadline=None)
@given(st.integers(40, 500), st.sampled_from([8, 16, 32]), st.integers(0, 99))
def test_there_and_back_is_exact_for_any_length(samples, window, seed):
    signal = _noise(samples, 1, seed)
    back = signals_of(spectra(signal, window)[:, 0], window, samples)
    assert np.abs(back - signal[:, 0]).max() < _EXACT


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("window", [16, 64])
def test_white_noise_of_variance_one_is_one_in_every_bin(window, seed):
    seen = spectra(_noise(1000 * window, 8, seed), window)[:, :, OVERLAP:-OVERLAP]
    power = np.mean(np.abs(seen) ** 2, axis=(1, 2))
    assert power[1:-1] == pytest.approx(np.ones(window // 2 - 1), abs=_LEVEL)
    assert power[[0, -1]] == pytest.approx(np.ones(2), abs=2 * _LEVEL)  # real: twice the variance
    assert power.mean() == pytest.approx(1, abs=_LEVEL / 4)


def test_a_line_stands_in_its_own_bin():
    window, rate, tone = 64, 2200.0, 10
    frequency = frequencies_hz(window, rate)
    assert frequency[tone] == pytest.approx(tone * rate / window)
    assert (frequency[0], frequency[-1], len(frequency)) == (0, rate / 2, window // 2 + 1)
    signal = np.sin(2 * np.pi * frequency[tone] * np.arange(2200) / rate)[:, None]
    power = np.mean(np.abs(spectra(signal, window)[:, 0, 4:-4]) ** 2, axis=-1)
    assert power.argmax() == tone
    assert power[tone + 2 :].max() < 1e-20 * power[tone]
    # A Hann window of unit energy sums to sqrt(2/3 window); the sine's half is there.
    assert power[tone] == pytest.approx(window / 6, rel=1e-9)


@pytest.mark.parametrize(("samples", "window"), [(1000, 32), (1537, 64), (4400, 128)])
def test_each_frame_is_centred_where_it_says(samples, window):
    centre = centres(samples, window)
    assert np.all(np.diff(centre) == window // OVERLAP)
    assert 0 in centre
    for place in (window, samples // 2 // window * window, samples - window):
        click = np.zeros((samples, 1))
        click[place] = 1
        power = np.sum(np.abs(spectra(click, window)[:, 0]) ** 2, axis=0)
        # The power follows the window's square, whose middle is the click.
        assert np.average(centre, weights=power) == pytest.approx(place, abs=0.05 * window)
        assert np.all(power[np.abs(centre - place) >= window // 2] < 1e-20)
        assert np.all(power[np.abs(centre - place) < window // 2] > 0)


@pytest.mark.parametrize(
    ("samples", "rate", "expected"),
    [
        (100_000, 2200.0, 128),  # 17.2 Hz
        (100_000, 4000.0, 256),  # 15.6 Hz
        (100_000, 6000.0, 256),  # 23.4 Hz is nearer than 11.7 on an octave's scale: 353 -> 2^8.46
        (100_000, 20_000.0, 1024),
        (100_000, 60.0, 8),  # never shorter
        (2048, 2200.0, 128),  # 16 windows fit
        (2047, 2200.0, 64),  # short clips: at least 16 windows
        (1024, 20_000.0, 64),
        (32, 2200.0, 8),
    ],
)
def test_window_for_long_and_short_clips(samples, rate, expected):
    assert window_samples(samples, rate) == expected


@given(st.integers(32, 10**6), st.floats(10, 10**6))
def test_window_is_a_power_of_two_and_short_enough(samples, rate):
    window = window_samples(samples, rate)
    assert window >= 8
    assert window & (window - 1) == 0
    assert window <= max(samples / 16, 8)
    assert window <= max(rate / 17 * np.sqrt(2), 8) * 1.001


@pytest.mark.parametrize("frames", [16, 40, 200])
@pytest.mark.parametrize("window", [16, 64])
def test_independent_frames_against_the_spread_of_a_mean(frames, window):
    # |X|² of one bin is exponential: the variance of the mean of n independent ones is 1/n.
    runs = 3000 if frames < 100 else 1500
    samples = (frames - 1) * window // OVERLAP + window
    seen = spectra(_noise(samples, runs, seed=frames), window)[[3, 7]]
    whole = seen[:, :, OVERLAP // 2 : OVERLAP // 2 + frames]
    mean = np.mean(np.abs(whole) ** 2, axis=2)
    independent = 1 / mean.var(axis=1).mean()
    # Few frames have free ends, which the asymptotic factor leaves out; that is the safe side.
    ends = 1 + 2 / frames
    claimed = independent_frames(frames)
    assert claimed < independent * (1 + _INDEPENDENT)
    assert claimed * ends > independent * (1 - _INDEPENDENT)


def test_independent_frames_is_never_less_than_one():
    assert independent_frames(0) == 1
    assert independent_frames(1) == 1
    assert independent_frames(800) / independent_frames(400) == pytest.approx(2)


@pytest.mark.parametrize("bytes_at_once", [1, 5000, 2**22])
def test_products_of_frames_taken_few_at_a_time_are_those_of_all(bytes_at_once, monkeypatch):
    monkeypatch.setattr(windows, "_BYTES_AT_ONCE", bytes_at_once)
    signals = np.random.default_rng(5).standard_normal((700, 3))
    seen = spectra(signals, 64)
    groups = [np.arange(3, 20), np.array([0, 7, seen.shape[2] - 1]), np.array([], np.int64)]
    for group, found in zip(groups, covariances(signals, 64, groups), strict=True):
        own = seen[:, :, group]
        mean = np.einsum("bit,bjt->bij", own, own.conj()) / max(len(group), 1)
        assert found == pytest.approx(mean, abs=1e-12)
