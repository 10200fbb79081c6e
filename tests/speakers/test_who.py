"""Who speaks, how many and when, on readers that no parameter was fitted to."""

from pathlib import Path

import numpy as np
import pytest

from phonoscope.audio import read_audio, resample
from phonoscope.errors import InputError, UsageError
from phonoscope.speakers import find_turns, identify_speaker, load_background, measure_channel
from phonoscope.speakers.diarise import cluster
from phonoscope.speakers.features import measure_frames

SPEECH = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "speech"
RATE = 4000
SNR_DB = 20.0
FEWEST_IN_ORDER = 0.7  # of pairs of a talk of two and a talk of one; 0.5 is chance

needs_speech = pytest.mark.skipif(not SPEECH.exists(), reason="needs the recordings of speech")


def reader(name, sentence):
    path = sorted((SPEECH / name).glob("*.flac"))[sentence]
    return read_audio(path)[0]


def recovered(voice, seed=1):
    sound = resample(voice, 16000, RATE)
    sound /= sound.std()
    deviation = 10 ** (-SNR_DB / 20)
    noise = deviation * np.random.default_rng(seed).standard_normal(len(sound))
    return sound + noise, np.full(2, 2 * deviation**2 / RATE)


@needs_speech
@pytest.mark.parametrize("who", ["1998", "2033"])
def test_the_reader_is_found_among_others(who):
    heard, psd = recovered(reader(who, 6)[: 6 * 16000])
    channel = measure_channel(
        heard, RATE, load_background(), noise_psd=psd, response=np.ones(2), band_hz=(80, 1900)
    )
    enrolled = {name: [(reader(name, 0), 16000)] for name in ("1998", "2033", "1688")}
    answer = identify_speaker(heard, RATE, enrolled, channel=channel)
    assert answer.best.name == who
    assert answer.best.log10_lr > 0
    assert all(other.log10_lr < answer.best.log10_lr for other in answer.comparisons[1:])
    assert sum(c.probability for c in answer.comparisons) == pytest.approx(1.0)
    assert answer.none_probability < 0.5
    assert answer.colour == "measured"


@needs_speech
def test_a_stranger_is_none_of_them():
    heard, psd = recovered(reader("367", 3)[: 6 * 16000])
    channel = measure_channel(
        heard, RATE, load_background(), noise_psd=psd, response=np.ones(2), band_hz=(80, 1900)
    )
    enrolled = {name: [(reader(name, 0), 16000)] for name in ("1998", "2033")}
    answer = identify_speaker(heard, RATE, enrolled, channel=channel)
    assert answer.none_probability > 0.5
    certain = identify_speaker(heard, RATE, enrolled, channel=channel, none_prior=0.0)
    assert certain.none_probability == 0.0


def channel_of(heard, psd):
    return measure_channel(heard, RATE, load_background(), noise_psd=psd, band_hz=(80, 1900))


def talk(one, other):
    """Return four turns of 4 s, by turns, with pauses of half a second."""
    size, pause = 4 * 16000, np.zeros(8000)
    turns = [one[:size], other[:size], one[size : 2 * size], other[size : 2 * size]]
    return np.concatenate([part for t in turns for part in (t / t.std(), pause)])


@needs_speech
def test_two_of_unlike_pitch_are_told_apart():
    # Praat's medians are 245 and 116 Hz, the furthest apart of the six: this holds the mechanism,
    # not the error rate, which the benchmark measures.
    heard, psd = recovered(talk(reader("367", 2), reader("2609", 2)))
    found = find_turns(heard, RATE, channel=channel_of(heard, psd), speakers=2)
    middle = [next(t.speaker for t in found.turns if t.end_s > s) for s in (2.0, 6.5, 11.0, 15.5)]
    assert middle == [0, 1, 0, 1]
    assert found.probability.sum() == pytest.approx(1.0)


@needs_speech
def test_two_voices_give_more_evidence_for_two_than_one_does():
    names = ("1688", "1998", "2033", "2609", "3080", "367")
    sounds = {n: np.concatenate([reader(n, i) for i in (3, 4, 5)])[: 8 * 16000] for n in names}
    alone, both = [], []
    for i, name in enumerate(names):
        for other, values in ((name, alone), (names[(i + 3) % 6], both)):
            second = np.concatenate([reader(name, i) for i in (6, 7, 8)])[: 8 * 16000]
            heard, psd = recovered(talk(sounds[name], second if other == name else sounds[other]))
            channel = channel_of(heard, psd)
            frames = measure_frames(heard, RATE, channel.band_hz, psd)
            values.append(cluster(frames, load_background())[0][1])
    right = np.mean(np.subtract.outer(both, alone) > 0)
    assert right > FEWEST_IN_ORDER


@needs_speech
def test_the_number_can_be_given():
    heard, _ = recovered(reader("2033", 6)[: 15 * 16000])
    assert {turn.speaker for turn in find_turns(heard, RATE, speakers=1).turns} == {0}
    assert {turn.speaker for turn in find_turns(heard, RATE, speakers=2).turns} == {0, 1}


@needs_speech
def test_what_cannot_be_answered_is_refused():
    heard, _ = recovered(reader("2033", 0)[: 6 * 16000])
    with pytest.raises(UsageError, match="nobody"):
        identify_speaker(heard, RATE, {})
    with pytest.raises(UsageError, match="none_prior"):
        identify_speaker(heard, RATE, {"a": [(heard, RATE)]}, none_prior=1.0)
    with pytest.raises(UsageError, match="from 1 to 4"):
        find_turns(heard, RATE, speakers=5)
    with pytest.raises(InputError, match="at least"):
        identify_speaker(heard[: RATE // 2], RATE, {"a": [(heard, RATE)]})
    with pytest.raises(InputError, match="without a recording"):
        identify_speaker(heard, RATE, {"a": []})
