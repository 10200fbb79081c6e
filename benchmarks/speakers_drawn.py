"""Readers, conversations between them, and the drawn channel, for training and figures."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phonoscope.audio import read_audio, resample
from phonoscope.evaluate import limit_band
from phonoscope.types import Float64, Turn

SPEECH = Path(__file__).parents[2] / "shared" / "data" / "speech"
RECORDED_HZ = 16000
TURN_S = (2.0, 5.0)
GAP_S = (0.1, 0.6)


@cache
def many() -> dict[str, Float64]:
    """Return the one utterance of each of the many readers, by number."""
    return {name: sounds[0] for name, sounds in _readers(True).items()}


@cache
def six() -> dict[str, list[Float64]]:
    """Return the ten sentences of each of the six readers kept for tests, by number."""
    return _readers(False)


def _readers(is_many: bool) -> dict[str, list[Float64]]:
    with (SPEECH / "speakers.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    found: dict[str, list[Float64]] = {}
    for row in rows:
        if row["file"].startswith("many/") == is_many:
            found.setdefault(row["speaker"], []).append(read_audio(SPEECH / row["file"])[0])
    return found


def drawn(
    voice: Float64,
    rate: float,
    snr_db: float,
    rng: np.random.Generator,
    *,
    coloured: bool | None = None,
) -> tuple[Float64, Float64, Float64]:
    """Return a voice as a surface with resonances and white noise would give it.

    Returns
    -------
    sound
        ``(sample,)`` of power 1 before the noise.
    psd
        ``(2,)`` density of the noise.
    response
        ``(bin,)`` power gain of the surface.
    """
    sound = limit_band(resample(voice, RECORDED_HZ, rate), rate, (20, rate / 2))
    sound, response = surface(sound, rate, rng, coloured)
    sound = sound / sound.std()
    deviation = 10 ** (-snr_db / 20)
    noisy = sound + deviation * rng.standard_normal(len(sound))
    return noisy, np.full(2, 2 * deviation**2 / rate), response


def surface(
    sound: Float64, rate: float, rng: np.random.Generator, coloured: bool | None = None
) -> tuple[Float64, Float64]:
    """Pass a sound through 3 to 8 resonances at random; if None, one time in four none."""
    from scipy.signal import lfilter

    impulse = np.zeros(8192)
    impulse[0] = 1
    if coloured is None:
        coloured = bool(rng.random() > 0.25)
    if not coloured:
        return sound, np.ones(len(impulse) // 2 + 1)
    both = np.concatenate([impulse, sound])
    total = np.zeros_like(both)
    for _ in range(rng.integers(3, 9)):
        hz = np.exp(rng.uniform(np.log(80), np.log(0.45 * rate)))
        quality = np.exp(rng.uniform(np.log(3), np.log(30)))
        radius = np.exp(-np.pi * hz / quality / rate)
        strength = rng.choice([-1, 1]) * np.exp(0.5 * rng.standard_normal()) * (1 - radius)
        poles = [1, -2 * radius * np.cos(2 * np.pi * hz / rate), radius**2]
        total += lfilter([strength], poles, both)
    return total[8192:], np.abs(np.fft.rfft(total[:8192])) ** 2


@dataclass(frozen=True)
class Conversation:
    """People who speak by turns, without overlap, and the truth about it."""

    sound: Float64
    turns: tuple[Turn, ...]
    speakers: int


def conversation(voices: list[Float64], length_s: float, rng: np.random.Generator) -> Conversation:
    """Let people take turns of 2 to 5 s with pauses of 0.1 to 0.6 s; all are equally loud.

    Each speaks at least once, none twice running, and each voice goes on where it stopped.
    """
    count = len(voices)
    voices = [voice / voice.std() for voice in voices]
    place = [0] * count
    parts: list[Float64] = []
    turns: list[Turn] = []
    order = [int(k) for k in rng.permutation(count)]
    total = 0
    while total < length_s * RECORDED_HZ:
        who = order.pop(0)
        if not order:
            order = [int(k) for k in rng.permutation(count)]
            if count > 1 and order[0] == who:
                order = order[1:] + order[:1]
        size = int(rng.uniform(*TURN_S) * RECORDED_HZ)
        size = int(min(size, length_s * RECORDED_HZ - total))
        piece = voices[who][place[who] : place[who] + size]
        place[who] += size
        if len(piece) < RECORDED_HZ / 2:
            break
        turns += _spoken(piece, total, who)
        pause = np.zeros(int(rng.uniform(*GAP_S) * RECORDED_HZ))
        parts += [piece, pause]
        total += len(piece) + len(pause)
    return Conversation(np.concatenate(parts), tuple(turns), len({t.speaker for t in turns}))


def _spoken(piece: Float64, first: int, who: int) -> list[Turn]:
    """Return a turn without the reader's pauses of 0.3 s and more."""
    size = RECORDED_HZ // 100
    count = len(piece) // size
    power = np.mean(piece[: count * size].reshape(count, size) ** 2, axis=1)
    loud = np.flatnonzero(power > 10**-3.0 * np.quantile(power, 0.95))
    runs = np.split(loud, np.flatnonzero(np.diff(loud) > 30) + 1)
    start = first / RECORDED_HZ
    return [Turn(start + run[0] / 100, start + (run[-1] + 1) / 100, who) for run in runs]


def error_rate(truth: tuple[Turn, ...], found: tuple[Turn, ...], collar_s: float = 0.25) -> float:
    """Return the part of the speech that is given to nobody or to the wrong speaker, at best match.

    What is found where nobody speaks counts too. Within `collar_s` of a true boundary nothing is
    counted, as is usual, because readers pause inside of their turns.
    """
    from scipy.optimize import linear_sum_assignment

    end = max(turn.end_s for turn in (*truth, *found))
    time = np.arange(0, end, 0.01)
    real, said = _labels(truth, time), _labels(found, time)
    edges = np.array([t for turn in truth for t in (turn.start_s, turn.end_s)])
    scored = np.abs(time[:, None] - edges).min(axis=1) > collar_s
    real, said = real[scored], said[scored]
    table = np.zeros((real.max() + 1, max(said.max() + 1, 1)))
    both = (real >= 0) & (said >= 0)
    np.add.at(table, (real[both], said[both]), 1)
    rows, columns = linear_sum_assignment(-table)
    right = table[rows, columns].sum()
    missed = np.sum((real >= 0) & (said < 0))
    invented = np.sum((real < 0) & (said >= 0))
    return float((missed + invented + both.sum() - right) / np.sum(real >= 0))


def _labels(turns: tuple[Turn, ...], time: Float64) -> NDArray[np.intp]:
    label = np.full(len(time), -1, dtype=np.intp)
    for turn in turns:
        label[(time >= turn.start_s) & (time < turn.end_s)] = turn.speaker
    return label
