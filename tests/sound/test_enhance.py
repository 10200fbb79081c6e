"""Enhancement of sounds whose truth and noise are known."""

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonoscope.audio import read_audio, resample
from phonoscope.errors import InputError, UsageError
from phonoscope.evaluate import estoi, si_sdr
from phonoscope.sound.enhance import enhance

SPEECH = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "speech"
RATES = (2200, 4000, 6000)
KINDS = ("speech", "general")

# Noise alone is left this much lower at least. The gain's floors are -30 and -15 dB; what is above
# is noise that might have been sound.
QUIETER_DB = {"speech": -18.0, "general": -13.5}
QUIETER_AT_240_DB = {"speech": -13.0, "general": -11.0}  # few bins, and so little evidence in each
SAME = 1e-9  # relative rounding


def _noise(seconds, rate, seed=0):
    """White noise of variance 1 and its one-sided density."""
    samples = round(seconds * float(rate))
    return np.random.default_rng(seed).standard_normal(samples), 2 / float(rate)


def _db(sound):
    return 10 * np.log10(np.mean(np.square(sound)))


def _chords(rate, seconds=4, seed=0):
    """Notes that are struck and die away, of power 1."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    sound = np.zeros_like(time)
    for start in np.arange(0, seconds, 0.4):
        since = np.maximum(time - start, 0)
        pitch = 110 * 2 ** (rng.integers(0, 24) / 12)
        for part in range(1, 4):
            tone = np.sin(2 * np.pi * part * pitch * since + rng.uniform(0, 6))
            sound += tone / part * np.exp(-4 * since) * (time >= start)
    return sound / sound.std()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", [240, *RATES])
@pytest.mark.parametrize("seed", range(3))
def test_noise_alone_becomes_quiet(kind, rate, seed):
    noise, density = _noise(4, rate, seed)
    limit = QUIETER_DB if rate in RATES else QUIETER_AT_240_DB
    assert _db(enhance(noise, rate, noise_psd=density, kind=kind)) < limit[kind]


def test_coloured_noise_becomes_quiet():
    noise, density = _noise(4, 4000)
    spectrum = np.fft.rfft(noise)
    shape = np.geomspace(1, 0.05, 65)
    coloured = np.fft.irfft(
        spectrum
        * np.sqrt(np.interp(np.linspace(0, 1, len(spectrum)), np.linspace(0, 1, 65), shape))
    )
    quiet = enhance(coloured, 4000, noise_psd=density * shape)
    assert _db(quiet) - _db(coloured) < QUIETER_DB["speech"]


def test_noise_of_a_band_becomes_quiet():
    noise, density = _noise(4, 2200)
    band = (80, 800)
    spectrum, frequency = np.fft.rfft(noise), np.fft.rfftfreq(len(noise), 1 / 2200)
    limited = np.fft.irfft(spectrum * ((frequency > band[0]) & (frequency < band[1])))
    step = np.linspace(0, 1100, 221)
    shape = density * ((step > band[0]) & (step < band[1]))
    for stated in (density, shape):
        assert _db(enhance(limited, 2200, noise_psd=stated)) - _db(limited) < QUIETER_DB["speech"]


@pytest.mark.parametrize("kind", KINDS)
def test_silence_stays_silence(kind):
    assert not enhance(np.zeros(3000), 2200, noise_psd=1e-6, kind=kind).any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_invented(kind, seed):
    # No band of an eighth of the spectrum gets louder than it was, in any half second.
    noise, density = _noise(4, 4000, seed)
    sound = _chords(4000, seed=seed) * np.linspace(0, 3, 16000) + noise
    enhanced = enhance(sound, 4000, noise_psd=density, kind=kind)
    window = np.hanning(2000)
    for start in range(0, 14001, 1000):
        before, after = (
            (np.abs(np.fft.rfft(x[start : start + 2000] * window)[:1000]) ** 2)
            .reshape(8, -1)
            .sum(axis=1)
            for x in (sound, enhanced)
        )
        assert (after < 1.02 * before).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rate", RATES)
def test_sound_far_above_the_noise_is_left_alone(kind, rate):
    sound = np.random.default_rng(1).standard_normal(3 * rate)
    enhanced = enhance(sound, rate, noise_psd=1e-8 * 2 / rate, kind=kind)
    assert si_sdr(sound, enhanced) > 60


def test_without_noise_nothing_is_done():
    sound = _chords(2200)
    np.testing.assert_allclose(enhance(sound, 2200, noise_psd=0.0), sound, atol=1e-9)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("seed", range(3))
def test_music_gains(rate, seed):
    noise, density = _noise(4, rate, seed)
    sound = _chords(rate, seed=seed)
    noisy = sound + noise * 10 ** (-5 / 20)
    enhanced = enhance(noisy, rate, noise_psd=density * 10 ** (-5 / 10), kind="general")
    assert si_sdr(sound, enhanced) > si_sdr(sound, noisy) + 5


def test_noise_that_is_2_db_louder_than_stated_is_followed():
    noise, density = _noise(6, 4000)
    followed = enhance(noise, 4000, noise_psd=density / 10**0.2)
    assert _db(followed) < QUIETER_DB["speech"] + 2


def test_level_does_not_matter_and_input_is_kept():
    noise, density = _noise(1, 2200)
    sound = _chords(2200, 1) + noise
    kept = sound.copy()
    expected = enhance(sound, 2200, noise_psd=density)

    @settings(max_examples=15, deadline=None)
    @given(st.floats(-9, 9), st.sampled_from([-1, 1]))
    def scaled(exponent, sign):
        scale = sign * 10**exponent
        enhanced = enhance(scale * sound, 2200, noise_psd=scale**2 * density)
        np.testing.assert_allclose(enhanced / scale, expected, atol=SAME)

    scaled()
    np.testing.assert_array_equal(sound, kept)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 300),
    st.sampled_from([10.0, 240, Fraction(30000, 1001), 2200, 6000]),
    st.sampled_from(KINDS),
)
def test_any_length_comes_back_finite(samples, rate, kind):
    sound = np.random.default_rng(samples).standard_normal(samples)
    enhanced = enhance(sound, rate, noise_psd=1 / float(rate), kind=kind)
    assert enhanced.shape == sound.shape
    assert np.isfinite(enhanced).all()
    assert np.abs(enhanced).max() <= 4 * np.abs(sound).max()


def test_the_same_at_a_number_and_at_a_flat_density():
    noise, density = _noise(1, 2200)
    sound = _chords(2200, 1) + noise
    number = enhance(sound, 2200, noise_psd=density)
    flat = enhance(sound, Fraction(2200), noise_psd=np.full(33, density))
    np.testing.assert_allclose(number, flat, atol=SAME)


def test_nothing_moves_in_time():
    noise, density = _noise(2, 2200)
    sound = _chords(2200, 2)
    enhanced = enhance(sound + 0.1 * noise, 2200, noise_psd=density / 100)
    lag = np.argmax(np.correlate(enhanced, sound, "full")) - (len(sound) - 1)
    assert lag == 0


@pytest.mark.parametrize("sound", [[], [[1.0, 2.0]], [0.0, np.nan], [np.inf, 0.0]])
def test_what_is_no_sound_is_refused(sound):
    with pytest.raises(InputError):
        enhance(sound, 2200, noise_psd=1.0)


@pytest.mark.parametrize(
    ("rate", "options"),
    [
        (0, {"noise_psd": 1.0}),
        (np.nan, {"noise_psd": 1.0}),
        (2200, {"noise_psd": -1.0}),
        (2200, {"noise_psd": [1.0, np.nan]}),
        (2200, {"noise_psd": [[1.0]]}),
        (2200, {"noise_psd": []}),
        (2200, {"noise_psd": 1.0, "kind": "loud"}),
    ],
)
def test_what_cannot_be_right_is_refused(rate, options):
    with pytest.raises(UsageError):
        enhance(np.ones(100), rate, **options)


def _readers():
    """One sentence each of two women and two men, none of whom the method was tuned on."""
    if not SPEECH.is_dir():
        pytest.skip(f"no recordings at {SPEECH}")
    with (SPEECH / "speakers.csv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["file"].endswith("-0003.flac")]
    chosen = [r for sex in "FM" for r in [r for r in rows if r["sex"] == sex][:2]]
    for row in chosen:
        samples, rate, _ = read_audio(SPEECH / row["file"])
        yield samples[: 4 * rate], rate


@pytest.mark.parametrize("rate", RATES)
def test_speech_becomes_easier_to_understand(rate):
    changes = []
    for seed, (sentence, recorded_hz) in enumerate(_readers()):
        sound = resample(sentence, recorded_hz, rate)
        sound /= sound.std()
        noise, density = _noise(len(sound) / rate, rate, seed)
        for snr in (0, 10, 20):
            noisy = sound + noise * 10 ** (-snr / 20)
            enhanced = enhance(noisy, rate, noise_psd=density * 10 ** (-snr / 10))
            scores = [
                estoi(resample(sentence, recorded_hz, 10000), resample(x, rate, 10000), 10000)
                for x in (noisy, enhanced)
            ]
            changes.append(scores[1] - scores[0])
    assert np.median(changes) > 0.02
    assert np.percentile(changes, 25) > 0
