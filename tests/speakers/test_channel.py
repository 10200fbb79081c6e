"""A clean recording sent through a channel comes out with its band, level, colour and noise."""

from dataclasses import replace

import numpy as np
import pytest

from phonoscope.errors import InputError, UsageError
from phonoscope.speakers import load_background, measure_channel, through
from phonoscope.speakers.background import pack, unpack
from phonoscope.speakers.channel import coloured_noise, drawn_through
from phonoscope.speakers.features import measure_frames, speech_frames

RATE = 2200
NOISE_DB = 0.7
SPECTRUM_DB = 1.5  # of the mean spectrum of speech that was matched
LEVEL_DB = 1.0
SIZE_LIMIT = 300_000


def babble(seed, seconds=8, rate=16000):
    """Return noise that comes and goes like syllables, with a tilted spectrum."""
    rng = np.random.default_rng(seed)
    sound = coloured_noise(1 / (1 + np.linspace(0, 20, 257) ** 2), seconds * rate, rate, seed)
    gate = np.repeat(rng.random(seconds * 5) > 0.4, rate // 5)
    return sound * gate


def channel_of(**changes):
    noise = np.random.default_rng(5).standard_normal(8 * RATE)
    sound = 10 * babble(1, rate=RATE) / babble(1, rate=RATE).std() + noise
    channel = measure_channel(
        sound, RATE, load_background(), band_hz=(80, 1050), noise_psd=np.full(2, 2 / RATE)
    )
    return replace(channel, **changes)


def test_snr_is_that_of_the_sound():
    # Loud syllables: 20 dB, over the 60 % of the time that they last, and the loudest above that.
    assert 18 < channel_of().snr_db < 26


def test_matched_recordings_have_the_mean_spectrum_and_noise():
    channel = channel_of()
    sound = through(channel, babble(2), 16000, matched=True)
    frames = measure_frames(sound, RATE, channel.band_hz, channel.noise_psd)
    spoken = frames.density[speech_frames(frames)].mean(axis=0) - frames.noise
    error = 10 * np.log10(spoken / channel.spectrum)
    assert np.abs(error).max() < SPECTRUM_DB
    quiet = np.sort(frames.density.mean(axis=1))[: len(frames) // 5].mean()
    assert abs(10 * np.log10(quiet / frames.noise.mean())) < NOISE_DB + 1


def test_measured_colour_is_put_on():
    colour = np.exp(np.linspace(0, 3, 513))
    channel = channel_of(response=colour, colour="measured", noise_psd=np.full(2, 1e-12))
    plain = replace(channel, response=np.ones(513))
    found = [
        measure_frames(through(c, babble(3), 16000), RATE, c.band_hz).density.mean(axis=0)
        for c in (channel, plain)
    ]
    ratio = np.log(found[0] / found[1])
    expected = np.log(channel.gain())
    assert np.abs((ratio - ratio.mean()) - (expected - expected.mean())).max() < 0.1


def test_level_is_that_of_the_speech_heard():
    channel = channel_of(noise_psd=np.full(2, 1e-12))
    again = measure_channel(
        through(channel, babble(4), 16000), RATE, load_background(), band_hz=channel.band_hz
    )
    assert abs(10 * np.log10(again.level / channel.level)) < LEVEL_DB


def test_gaps_are_filled_and_the_rest_is_kept():
    read = np.ones(8 * RATE, dtype=bool)
    read[np.arange(len(read)) % 37 < 10] = False
    quiet = channel_of(noise_psd=np.full(2, 1e-12))
    whole = through(quiet, babble(5), 16000)
    holed = through(replace(quiet, measured=read), babble(5), 16000)
    assert np.allclose(whole[read], holed[read])
    assert 0.05 < np.var(holed[~read]) / np.var(whole[~read]) < 0.95


def test_noise_drawn_in_bands_is_that_of_the_sound():
    channel = channel_of()
    frames = drawn_through(channel, load_background(), 3, 4000)
    excess = frames.density.mean(axis=0) - frames.noise
    assert np.abs(10 * np.log10(excess / channel.spectrum)).max() < SPECTRUM_DB


def test_recordings_that_do_not_reach_are_refused():
    channel = channel_of()
    with pytest.raises(InputError, match="full band"):
        through(channel, babble(6)[:8000], 1600)
    with pytest.raises(InputError, match="silent"):
        through(channel, np.zeros(16000), 16000)


def test_noise_without_a_voice_is_refused():
    noise = 0.1 * np.random.default_rng(7).standard_normal(4 * RATE)
    with pytest.raises(InputError, match="no voice"):
        measure_channel(noise, RATE, load_background(), noise_psd=np.full(2, 2 / RATE))
    with pytest.raises(UsageError, match="noise_psd"):
        measure_channel(babble(1), 16000, load_background(), noise_psd=np.full(2, -1.0))


def test_the_background_is_small_and_survives_its_file():
    background = load_background()
    again = unpack(pack(background))
    assert np.abs(again.level - background.level).max() < 0.06
    assert np.allclose(again.between, background.between, rtol=1e-5)
    stored = sum(array.nbytes for array in pack(background).values())
    assert stored < SIZE_LIMIT
    assert len(background) > 50
