"""The multichannel Wiener filter on drawn modes, beside an oracle that knows all statistics."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import butter, freqz, freqz_sos, iirpeak, lfilter, sosfilt

from phonoscope.evaluate import sound_bound_db
from phonoscope.sound.array import alignment, denoised, multichannel_wiener, unfitted, unspiked
from phonoscope.sound.windows import frequencies_hz, shares_of_power

RATE = 2200.0
SAMPLES = 8800
WINDOW = 128
COUNT = 10  # virtual channels
_START = 4000  # samples until the resonators have forgotten their rest
_ORACLE_DB = 1.5
_CLAIM_DB = 1.5
_CROWDED_DB = 1.6
_POWER = 0.2  # of the sound, of which the faintest bins are not seen
_BAND = butter(4, (100, 800), "bandpass", fs=RATE, output="sos")


def _modes(modes, seed):
    """Return ``(mode,)`` filters and ``(channel, mode)`` shapes: the reference hears them all."""
    random = np.random.default_rng(seed)
    centre = np.linspace(130, 750, modes) + random.uniform(-25, 25, modes)
    width = random.uniform(25, 90, modes)
    resonators = [iirpeak(f, f / w, fs=RATE) for f, w in zip(centre, width, strict=True)]
    shapes = random.standard_normal((COUNT, modes))
    shapes[0] = np.abs(shapes[0]) + 0.8
    return resonators, shapes


def _source(seed, samples=SAMPLES):
    white = np.random.default_rng(seed).standard_normal(samples + _START)
    return sosfilt(_BAND, white)


def _clean(resonators, shapes, source):
    modal = np.stack([lfilter(b, a, source) for b, a in resonators], axis=1)[_START:]
    return modal @ shapes.T


def _scene(modes, snr_db, seed, color=None):
    """Return noisy channels, the clean ones, the noise's power by frequency and the response."""
    resonators, shapes = _modes(modes, seed)
    clean = _clean(resonators, shapes, _source(seed + 100))
    scale = 10 ** (snr_db / 20) / clean[:, 0].std()
    noise = np.random.default_rng(seed + 200).standard_normal((SAMPLES + _START, COUNT))
    if color is not None:
        noise = lfilter(color, [1.0], noise, axis=0)
    channels = scale * clean + noise[_START:]

    def noise_at(frequency):
        return np.abs(freqz(color or [1.0], [1.0], frequency, fs=RATE)[1]) ** 2

    def response(frequency):
        modal = [freqz(b, a, frequency, fs=RATE)[1] for b, a in resonators]
        source = freqz_sos(_BAND, frequency, fs=RATE)[1]
        return scale * (shapes @ np.array(modal)) * source

    return channels, scale * clean, noise_at, response


def _oracle(channels, noise_at, response):
    """Return the reference through the best linear filter: the truth's statistics are known."""
    frequency = np.fft.rfftfreq(len(channels), 1 / RATE)
    h, noise = response(frequency), noise_at(frequency)
    power = np.sum(np.abs(h) ** 2, axis=0)
    weights = h[0] * h.conj() / (power + noise)
    spectrum = np.sum(weights * np.fft.rfft(channels, axis=0).T, axis=0)
    return np.fft.irfft(spectrum, len(channels))


def _si_sdr(estimate, truth):
    projected = truth * (estimate @ truth) / (truth @ truth)
    return 10 * np.log10(np.sum(projected**2) / np.sum((estimate - projected) ** 2))


def _db(ratio):
    return 10 * np.log10(ratio)


def _heard(channels, noise_at=None):
    frequency = frequencies_hz(WINDOW, RATE)
    noise = np.ones(len(frequency)) if noise_at is None else noise_at(frequency)
    return multichannel_wiener(channels, noise, WINDOW)


@pytest.mark.parametrize("color", [None, [1.0, 0.5], [1.5, -0.9]])
@pytest.mark.parametrize("snr_db", [-3, 4, 12])
@pytest.mark.parametrize(("modes", "seed"), [(3, 0), (4, 1), (5, 2), (6, 3)])
def test_modes_are_heard_as_by_the_oracle_and_the_claims_are_true(modes, seed, snr_db, color):
    channels, clean, noise_at, response = _scene(modes, snr_db, seed, color)
    heard = _heard(channels, noise_at)
    truth = clean[:, 0]
    reached = _si_sdr(heard.signal, truth)
    assert reached > _si_sdr(_oracle(channels, noise_at, response), truth) - _ORACLE_DB
    error = np.mean((heard.signal - truth) ** 2)
    assert _db(heard.power / heard.error) == pytest.approx(
        _db(np.mean(truth**2) / error), abs=_CLAIM_DB
    )
    assert heard.power == pytest.approx(np.mean(truth**2), rel=_POWER)
    # The array is worth having: better than the reference alone with its own oracle.
    alone = _oracle(channels[:, :1], noise_at, lambda f: response(f)[:1])
    assert reached > _si_sdr(alone, truth) + 1


@pytest.mark.parametrize("seed", range(4))
def test_noise_left_and_covariance_are_as_claimed(seed):
    channels, clean, noise_at, _ = _scene(4, 5, seed)
    heard = _heard(channels, noise_at)
    truth = np.cov(clean.T, bias=True)
    assert np.linalg.norm(heard.covariance - truth) < 0.08 * np.linalg.norm(truth)
    # The signal holds the sound that the filter keeps, and the noise that is left: they add.
    left = float(heard.noise @ shares_of_power(WINDOW))
    assert 0 < left < heard.error
    sound = heard.power - heard.error  # what any Wiener filter's output has in common with it
    assert np.mean(heard.signal**2) == pytest.approx(sound, rel=0.06)
    # The noise left is what the filter passes of the noise of the same channels.
    again = heard.signal - heard.signal @ clean[:, 0] / (clean[:, 0] @ clean[:, 0]) * clean[:, 0]
    assert 0.4 * np.mean(again**2) < left < 1.4 * np.mean(again**2)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rms", [0.003, 0.01])
def test_rigid_motion_reaches_the_bound(rms, seed):
    random = np.random.default_rng(seed)
    direction = np.array([0.8, 0.6])
    information = np.eye(2) * random.uniform(500, 10_000, (60, 1, 1))
    sound = _source(seed)[_START:]
    sound *= rms / sound.std()
    virtual = np.sqrt(np.einsum("i,cij,j->", direction, information, direction)) * sound
    channels = random.standard_normal((SAMPLES, COUNT))
    channels[:, 0] += virtual
    heard = _heard(channels)
    bound = sound_bound_db(information, direction, rms)
    assert _si_sdr(channels[:, 0], virtual) == pytest.approx(bound, abs=0.2)
    # The sound fills 700 of 1,100 Hz, so that a filter is to be better than the whole band.
    assert _si_sdr(heard.signal, virtual) > bound + 0.5
    assert heard.power == pytest.approx(np.mean(virtual**2), rel=0.05)


@pytest.mark.parametrize("seed", range(10))
def test_silence_gives_almost_nothing(seed):
    noise = np.random.default_rng(seed).standard_normal((SAMPLES, COUNT))
    heard = _heard(noise)
    assert np.mean(heard.signal**2) < 0.01
    assert heard.power < 0.02
    assert heard.error < 0.02


def test_digital_silence_gives_zeros():
    heard = _heard(np.zeros((SAMPLES, COUNT)))
    assert np.array_equal(heard.signal, np.zeros(SAMPLES))
    assert (heard.power, heard.error, heard.noise.any()) == (0, 0, False)


@pytest.mark.parametrize("seed", range(4))
def test_two_independent_sources_are_both_kept(seed):
    random = np.random.default_rng(seed)
    sources = np.stack([_source(seed + 10 * k)[_START:] for k in (1, 2)], axis=1)
    sources *= 2 / sources.std(axis=0)
    shapes = random.standard_normal((COUNT, 2))
    shapes /= np.linalg.norm(shapes, axis=0)
    shapes[0] = (0.8, -0.7)
    clean = sources @ shapes.T
    heard = _heard(clean + random.standard_normal(clean.shape))
    parts = np.linalg.lstsq(sources, heard.signal, rcond=None)[0] / shapes[0]
    assert np.all(parts > 0.75)
    assert np.all(parts < 1.02)
    error = np.mean((heard.signal - clean[:, 0]) ** 2)
    assert _db(heard.power / heard.error) == pytest.approx(
        _db(np.mean(clean[:, 0] ** 2) / error), abs=_CLAIM_DB
    )


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([-1.0, 0.25, 3.0, -40.0]), st.integers(0, 50))
def test_scale_and_sign_of_everything_are_those_of_the_sound(factor, seed):
    channels = _scene(3, 3, seed % 3)[0][:2000, :4]
    noise = np.random.default_rng(seed).uniform(0.5, 2, WINDOW // 2 + 1)
    one = multichannel_wiener(channels, noise, WINDOW)
    other = multichannel_wiener(factor * channels, factor**2 * noise, WINDOW)
    assert other.signal == pytest.approx(factor * one.signal, abs=1e-9 * abs(factor))
    for name in ("power", "error", "noise"):
        assert getattr(other, name) == pytest.approx(factor**2 * getattr(one, name))


def test_backward_in_time_the_sound_is_the_same_backward():
    # A length whose frames lie alike from both ends.
    channels = _scene(3, 3, 1)[0][: 60 * WINDOW // 4 + 1]
    one, other = _heard(channels), _heard(channels[::-1])
    assert other.signal[::-1] == pytest.approx(one.signal, abs=1e-9)
    assert other.power == pytest.approx(one.power)


def test_other_channels_may_be_turned_among_themselves():
    channels = _scene(4, 5, 2)[0]
    random = np.random.default_rng(0)
    turn = np.eye(COUNT)
    turn[1:, 1:] = np.linalg.qr(random.standard_normal((COUNT - 1, COUNT - 1)))[0]
    one, other = _heard(channels), _heard(channels @ turn)
    assert other.signal == pytest.approx(one.signal, abs=1e-8)


def _spiked(power, channels, samples, random):
    """Return the greatest eigenvalue of a noisy sample covariance and its squared cosine."""

    def draw(*shape):
        return (random.standard_normal(shape) + 1j * random.standard_normal(shape)) / np.sqrt(2)

    true = draw(channels)
    true /= np.linalg.norm(true)
    seen = draw(channels, samples) + np.sqrt(power) * np.outer(true, draw(samples))
    values, vectors = np.linalg.eigh(seen @ seen.conj().T / samples)
    return values[-1], np.abs(true.conj() @ vectors[:, -1]) ** 2


@pytest.mark.parametrize("power", [1.5, 4.0, 30.0])
@pytest.mark.parametrize(("channels", "samples"), [(16, 64), (16, 160), (40, 400)])
def test_spikes_and_their_alignment_against_monte_carlo(power, channels, samples):
    random = np.random.default_rng(channels + samples)
    drawn = np.array([_spiked(power, channels, samples, random) for _ in range(150)])
    crowding = channels / samples
    found, aligned = unspiked(drawn[:, 0], crowding)
    assert np.mean(found) == pytest.approx(power, rel=0.08)
    assert np.mean(drawn[:, 1]) == pytest.approx(float(alignment(power, crowding)), abs=0.03)
    assert np.mean(aligned) == pytest.approx(np.mean(drawn[:, 1]), abs=0.04)


def test_what_noise_alone_reaches_is_no_spike():
    random = np.random.default_rng(0)
    values = np.array([_spiked(0.0, 16, 160, random)[0] for _ in range(200)])
    power, aligned = unspiked(values, 0.1)
    assert np.mean(power > 0) < 0.25
    assert np.all(aligned[power == 0] == 0)
    # Below the transition nothing can be learned.
    assert alignment(np.sqrt(0.1) * 0.99, 0.1) == 0
    assert alignment(np.sqrt(0.1) * 1.05, 0.1) > 0


@given(st.floats(0.01, 2), st.floats(1.001, 1e4))
def test_unspiked_undoes_what_noise_adds(crowding, above):
    power = np.sqrt(crowding) * above
    value = (1 + power) * (1 + crowding / power)
    found, aligned = unspiked(np.array([value]), crowding)
    assert found[0] == pytest.approx(power, rel=1e-3)
    assert aligned[0] == pytest.approx(float(alignment(power, crowding)), abs=2e-3)


@pytest.mark.parametrize("seed", range(4))
def test_what_few_windows_cannot_teach_is_claimed_as_lost(seed):
    # 2,200 samples hold 33 independent windows for 10 channels: directions are learned badly.
    channels, clean, _, _ = _scene(3, 0, seed)
    heard = _heard(channels[:2200])
    error = np.mean((heard.signal - clean[:2200, 0]) ** 2)
    assert _db(heard.error / error) == pytest.approx(0, abs=_CROWDED_DB)


@pytest.mark.parametrize("snr_db", [3, 10])
def test_every_virtual_channel_is_denoised_like_the_reference(snr_db):
    channels, clean, _, _ = _scene(4, snr_db, 3)
    white = np.ones(WINDOW // 2 + 1)
    every = denoised(channels, white, WINDOW)
    assert every[:, 0] == pytest.approx(multichannel_wiener(channels, white, WINDOW).signal)
    assert np.mean((every - clean) ** 2) < 0.3 * np.mean((channels - clean) ** 2)


@pytest.mark.parametrize("power", [0.3, 1.0, 5.0])
def test_what_a_learned_direction_owes_to_noise_is_taken_off(power):
    channels, samples, found = 400, 4000, []
    for seed in range(4):
        random = np.random.default_rng(seed)
        true = np.zeros(channels)
        true[0] = 1
        sound = math.sqrt(power) * random.standard_normal(samples)
        noise = random.standard_normal((samples, channels))
        learned = sound @ (sound[:, None] * true + noise)
        learned /= np.linalg.norm(learned)
        heard = np.mean(((sound[:, None] * true + noise) @ learned) * sound) ** 2 / power
        found.append(
            (*unfitted(heard, channels / samples), power * learned[0] ** 2, learned[0] ** 2)
        )
    expected, cosine, real, real_cosine = np.mean(found, axis=0)
    assert expected == pytest.approx(real, rel=0.05)
    assert cosine == pytest.approx(real_cosine, abs=0.03)
