"""How many people speak, and who when.

Speech is cut into short stretches at its pauses; stretches are joined, the pair that gains most
first, down to one voice; and the evidence for one to four voices gives the number. All voices come
through one channel, so the colour of the object needs not be known: it is the same for all.
"""

from functools import cache
from importlib import resources
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError, UsageError
from phonoscope.speakers.background import Background, load_background
from phonoscope.speakers.channel import Channel, measure_channel
from phonoscope.speakers.features import HOP_S, WINDOW_S, Frames, measure_frames, speech_frames
from phonoscope.speakers.voices import LEARNED_FRAMES, Sums, between, look_at, sum_up
from phonoscope.types import Diarisation, Float64, Turn

MOST = 4
LARGEST_GAIN = 30.0  # of evidence: beyond, it makes no difference

_STRETCH = LEARNED_FRAMES  # frames of speech, about; longer ones are cut
_SHORTEST = 25  # frames of speech of a stretch that is clustered
_PAUSE = 15  # frames without speech at which stretches end
_MOST_STRETCHES = 120  # beyond, stretches are longer, and neighbours joined
_TURN = 1.0  # what a change of speaker between two stretches costs, as log-evidence
_BRIDGE = 45  # frames without speech that do not end a turn
_NEAR = 100  # frames from a stretch within which other speech is taken for that speaker's
_FAINT_S = 0.15
_ROUNDS = 5
_FILE = "counting.npz"


def find_turns(
    samples: Float64,
    rate_hz: float,
    *,
    channel: Channel | None = None,
    speakers: int | None = None,
) -> Diarisation:
    """Say how many people speak in a recovered sound, and who when.

    Parameters
    ----------
    samples, rate_hz
        ``(sample,)`` the recovered sound and its samples a second.
    channel
        As `measure_channel` returns it; measured from `samples` if None.
    speakers
        How many there are, 1 to 4, where that is known.

    Raises
    ------
    UsageError
        If `speakers` is not from 1 to 4.
    InputError
        If the band is too narrow, nothing stands above the noise, or there is too little speech to
        tell so many apart.
    """
    if speakers is not None and not 1 <= speakers <= MOST:
        raise UsageError(f"speakers is {speakers}; give a number from 1 to {MOST}, or none.")
    background = load_background()
    channel = channel or measure_channel(samples, rate_hz, background)
    frames = measure_frames(samples, rate_hz, channel.band_hz, channel.noise_psd)
    evidences, labels, stretches = cluster(frames, background)
    probability = count_probability(evidences)
    if not labels:
        return Diarisation(0, np.zeros(MOST), ())
    if speakers is not None and speakers > len(labels):
        raise InputError(
            f"there is too little speech to tell {speakers} people apart: {len(stretches)} "
            "stretches of it; give a smaller number, or a longer sound."
        )
    count = speakers or min(int(np.argmax(probability)) + 1, len(labels))
    turns = turns_of(stretches, labels[count - 1], speech_frames(frames))
    return Diarisation(count, probability, turns)


def cluster(
    frames: Frames, background: Background
) -> tuple[Float64, list[NDArray[np.intp]], list[NDArray[np.intp]]]:
    """Group stretches of speech by voice, for each number of voices.

    Returns
    -------
    evidences
        ``(4,)`` log-evidence for 1 to 4 voices, relative to that for 1; ``-inf`` where there are
        fewer stretches.
    labels
        For each number of voices the voice of each stretch, ``(stretch,)``.
    stretches
        The numbers of the frames of each.
    """
    stretches = _stretches(speech_frames(frames))
    evidences = np.full(MOST, -np.inf)
    if not stretches:
        return evidences, [], []
    looks = [look_at(_frames_at(frames, numbers), background) for numbers in stretches]
    sums = sum_up(looks, between(frames.centre_hz, background)[1])
    labels = [_refined(sums, label) for label in _joined(sums)]
    for number, label in enumerate(labels):
        voices = sums.grouped(_members(label, number + 1)).evidence().sum()
        evidences[number] = voices - _TURN * np.count_nonzero(np.diff(label))
    return evidences - evidences[0], labels, stretches


def _stretches(spoken: NDArray[np.bool_]) -> list[NDArray[np.intp]]:
    """Return the numbers of the speech frames of each stretch, none of which spans a pause."""
    numbers = np.flatnonzero(spoken)
    if len(numbers) == 0:
        return []
    longest = max(_STRETCH, len(numbers) // _MOST_STRETCHES)
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > _PAUSE) + 1)
    cut = [part for run in runs for part in np.array_split(run, max(1, round(len(run) / longest)))]
    long = [part for part in cut if len(part) >= _SHORTEST] or [numbers]
    while len(long) > _MOST_STRETCHES:  # joining takes the cube of their number
        long = [np.concatenate(long[at : at + 2]) for at in range(0, len(long), 2)]
    return long


def _frames_at(frames: Frames, numbers: NDArray[np.intp]) -> Frames:
    chosen = np.zeros(len(frames), dtype=bool)
    chosen[numbers] = True
    return frames.take(chosen)


def _members(label: NDArray[np.intp], count: int) -> Float64:
    return np.asarray(label == np.arange(count)[:, None], dtype=np.float64)


def _joined(sums: Sums) -> list[NDArray[np.intp]]:
    """Join the pair of groups that gains most, down to one; return the labels of 1 to 4 groups."""
    groups = [[i] for i in range(len(sums))]
    member = np.eye(len(sums))
    own = sums.evidence()
    gain = np.full((len(sums), len(sums)), -np.inf)
    for i in range(len(sums) - 1):
        gain[i, i + 1 :] = _gains(sums, member, own, i, range(i + 1, len(sums)))
    found: dict[int, NDArray[np.intp]] = {}
    alive = list(range(len(sums)))
    while True:
        if len(alive) <= MOST:
            label = np.zeros(len(sums), dtype=np.intp)
            for number, group in enumerate(alive):
                label[groups[group]] = number
            found[len(alive)] = label
        if len(alive) == 1:
            return [found[count] for count in sorted(found)]
        first, second = divmod(int(np.argmax(gain)), len(sums))
        groups[first] += groups[second]
        member[first] += member[second]
        alive.remove(second)
        gain[second, :] = gain[:, second] = -np.inf
        own[first] = sums.grouped(member[first : first + 1]).evidence()[0]
        rest = [k for k in alive if k != first]
        for k, value in zip(rest, _gains(sums, member, own, first, rest), strict=True):
            gain[min(first, k), max(first, k)] = value


def _gains(
    sums: Sums, member: Float64, own: Float64, one: int, rest: "range | list[int]"
) -> Float64:
    chosen = list(rest)
    if not chosen:
        return np.zeros(0)
    both = sums.grouped(member[chosen] + member[one]).evidence()
    beside = np.pad(member[one, 1:], (0, 1)) + np.pad(member[one, :-1], (1, 0))
    return np.asarray(both - own[chosen] - own[one] + _TURN * (member[chosen] @ beside))


def _refined(sums: Sums, label: NDArray[np.intp]) -> NDArray[np.intp]:
    """Move single stretches to the voice that explains them best, until none moves."""
    label = label.copy()
    count = label.max() + 1
    for _ in range(_ROUNDS if count > 1 else 0):
        moved = False
        for i in range(len(label)):
            member = _members(label, count)
            member[:, i] = 0
            if member[label[i]].sum() == 0:
                continue
            joined = member.copy()
            joined[:, i] = 1
            gain = sums.grouped(joined).evidence() - sums.grouped(member).evidence()
            for neighbour in label[max(i - 1, 0) : i].tolist() + label[i + 1 : i + 2].tolist():
                gain[neighbour] += _TURN
            best = int(np.argmax(gain))
            moved |= best != label[i]
            label[i] = best
        if not moved:
            break
    return label


def turns_of(
    stretches: list[NDArray[np.intp]], label: NDArray[np.intp], spoken: NDArray[np.bool_]
) -> tuple[Turn, ...]:
    """Return the turns: runs of speech of one speaker without a long pause.

    Speech too short for a stretch of its own goes to the nearest one's speaker. A voice begins and
    ends fainter than it is heard, so turns are a little longer than their speech.
    """
    inside, who = np.concatenate(stretches), np.repeat(label, [len(part) for part in stretches])
    if len(inside) < 2:
        return ()
    frames = np.flatnonzero(spoken)
    after = np.clip(np.searchsorted(inside, frames), 1, len(inside) - 1)
    nearest = np.where(frames - inside[after - 1] < inside[after] - frames, after - 1, after)
    near = np.abs(inside[nearest] - frames) < _NEAR
    frames, speaker = frames[near], who[nearest[near]]
    ends = np.flatnonzero((np.diff(frames) >= _BRIDGE) | (np.diff(speaker) != 0)) + 1
    starts = np.append(0, ends)
    number: dict[int, int] = {}
    turns = [
        Turn(
            float(frames[first] * HOP_S),
            float((frames[last - 1] + 1) * HOP_S + WINDOW_S),
            number.setdefault(int(speaker[first]), len(number)),
        )
        for first, last in zip(starts, np.append(ends, len(frames)), strict=True)
    ]
    return _lengthened(turns, float((len(spoken) - 1) * HOP_S + WINDOW_S))


def _lengthened(turns: list[Turn], end_s: float) -> tuple[Turn, ...]:
    middles = [(one.end_s + next_.start_s) / 2 for one, next_ in pairwise(turns)]
    return tuple(
        Turn(max(turn.start_s - _FAINT_S, first), min(turn.end_s + _FAINT_S, last), turn.speaker)
        for turn, first, last in zip(turns, [0.0, *middles], [*middles, end_s], strict=True)
    )


@cache
def _counting() -> Float64:
    file = resources.files("phonoscope.speakers") / "data" / _FILE
    with file.open("rb") as opened, np.load(opened) as stored:
        return np.asarray(stored["weight"], dtype=np.float64)


def count_probability(evidences: Float64, weight: Float64 | None = None) -> Float64:
    """Return the probability of 1 to 4 speakers, ``(4,)``, from `cluster`'s evidences.

    Each step, from 1 to 2, from 2 to 3, from 3 to 4, is a logistic function of what the further
    voice gains, of which `weight`, ``(3, 2)``, holds slope and offset: fitted, because voices and
    noise are not quite Gaussian.
    """
    if not np.isfinite(evidences[0]):
        return np.zeros(MOST)
    weight = _counting() if weight is None else weight
    gain = np.diff(np.maximum(evidences, -1e3))
    gain = np.clip(gain, -LARGEST_GAIN, LARGEST_GAIN)
    more = 1 / (1 + np.exp(-(weight[:, 0] * gain + weight[:, 1])))
    at_least = np.concatenate([[1.0], np.cumprod(more)])
    return np.asarray(at_least - np.append(at_least[1:], 0.0))
