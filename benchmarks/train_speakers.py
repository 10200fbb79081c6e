"""Make the parameters of voices in general from a corpus of readers; the same on every run.

python benchmarks/train_speakers.py [background] [calibration] [counting]

Reads shared/data/speech/many, one utterance each of 63 readers, and writes
src/phonoscope/speakers/data. The readers of speech/NNN, who are kept for the tests, are not used.
What is fitted on the scores of readers is fitted on readers who are not in the background that
scores them: there are three folds.
"""

import argparse
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phonoscope.speakers.background import Background, pack
from phonoscope.speakers.calibrate import cllr, equal_error_rate, fit_calibration
from phonoscope.speakers.channel import Channel, measure_channel
from phonoscope.speakers.diarise import LARGEST_GAIN, MOST, cluster, count_probability, turns_of
from phonoscope.speakers.features import Frames, measure_frames, speech_frames, typical_pitch
from phonoscope.speakers.identify import conditions, enrol, joined, scores, tune_ear
from phonoscope.speakers.voices import LEARNED_FRAMES
from phonoscope.types import Float64
from speakers_corpus import CHANNELS as FILMED
from speakers_corpus import filmed
from speakers_drawn import RECORDED_HZ, conversation, drawn, error_rate, many

DATA = Path(__file__).parents[1] / "src" / "phonoscope" / "speakers" / "data"
TYPES = 48
FOLDS = 3
CHANNELS = 42
TESTS = 7  # of each channel
OTHERS = 9  # enrolled beside the one who speaks
FILMED_SNRS_DB = (8.0, 12.0, 16.0, 20.0)
FILMED_S, ENROLLED_S = 5, 10
CONVERSATIONS = 210
PRIOR = np.array([0.3, 0.3, 0.3, 0.1])  # of 1 to 4 speakers
FEWEST_STRETCHES = 3

Trials = tuple[Float64, Float64, NDArray[np.bool_]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=[])
    arguments = parser.parse_args()
    parts = {"background": background, "calibration": calibration, "counting": counting}
    DATA.mkdir(exist_ok=True)
    for name in arguments.parts or parts:
        parts[name]()


# --- the background -----------------------------------------------------------------------------


def background() -> None:
    learned = learn(list(many().values()))
    np.savez_compressed(DATA / "background.npz", **pack(learned))  # type: ignore[arg-type]
    size = (DATA / "background.npz").stat().st_size
    print(f"background.npz: {len(learned)} readers, {size} bytes")


@cache
def fold_without(fold: int) -> Background:
    """Return the background of all readers but those of one fold."""
    return learn([sound for i, sound in enumerate(many().values()) if i % FOLDS != fold])


def learn(sounds: list[Float64]) -> Background:
    """Return the typical spectra of each reader, by k-means, and how readers and stretches vary."""
    from scipy.cluster.vq import kmeans2

    levels, weights, scatter, stretches = [], [], [], []
    for sound in sounds:
        frames = measure_frames(sound, RECORDED_HZ, (0, RECORDED_HZ / 2))
        speech = frames.take(speech_frames(frames))
        spoken = np.log(speech.density / speech.density.mean())
        count = min(TYPES, len(spoken) // 8)
        typical, member = kmeans2(spoken, count, minit="++", iter=20, seed=1)
        level = np.full((TYPES, spoken.shape[1]), spoken.min())
        level[:count] = typical
        levels.append(level)
        weights.append(np.bincount(member, minlength=TYPES) / len(spoken))
        scatter.append(spoken - typical[member])
        parts = np.array_split(np.arange(len(speech)), max(1, len(speech) // LEARNED_FRAMES))
        looks = [speech.part(part[0], part[-1] + 1) for part in parts]
        stretches.append(
            np.array(
                [
                    np.append(
                        np.log(look.density.mean(axis=0) / look.density.mean()),
                        typical_pitch(look),
                    )
                    for look in looks
                ]
            )
        )
    spread = np.cov(np.concatenate(scatter).T)
    return Background(np.array(levels), np.array(weights), spread, *_two_covariances(stretches))


def _two_covariances(readers: list[Float64]) -> tuple[Float64, Float64, Float64]:
    """Return mean, covariance between readers and covariance within one, from (stretch, value)."""
    used = [reader for reader in readers if len(reader) >= FEWEST_STRETCHES]
    for reader in used:
        reader[:, :-1] -= reader[:, :-1].mean(axis=1, keepdims=True)
        pitch = reader[:, -1]
        pitch[~np.isfinite(pitch)] = np.nanmedian(pitch)
    means = np.array([reader.mean(axis=0) for reader in used])
    away = [reader - mean for reader, mean in zip(used, means, strict=True)]
    freedom = sum(len(reader) - 1 for reader in used)
    within = np.einsum("si,sj->ij", np.concatenate(away), np.concatenate(away)) / freedom
    each = np.mean([1 / len(reader) for reader in used])
    size, axes = np.linalg.eigh(np.cov(means.T) - each * within)
    return means.mean(axis=0), (axes * np.maximum(size, 1e-4)) @ axes.T, within


# --- calibration --------------------------------------------------------------------------------


def calibration() -> None:
    """Fit on trials in channels at random, the readers apart from those of the background.

    Where the colour has to be estimated, as of a sound recovered from video, the sound is filmed;
    a colour that was measured is drawn.
    """
    sounds = many()
    drawn_trials = [_trials(sounds, number) for number in range(CHANNELS)]
    filmed_trials = [trial for trial in map(_filmed, range(2 * len(_long(sounds)))) if trial]
    fitted: dict[str, Float64] = {}
    for colour, trials, folds in (
        ("measured", drawn_trials, [number % FOLDS for number in range(CHANNELS)]),
        ("estimated", [trial for _, trial in filmed_trials], [fold for fold, _ in filmed_trials]),
    ):
        raw, where, same = (np.concatenate([trial[i] for trial in trials]) for i in range(3))
        fitted[colour] = fit_calibration(raw, where, same.astype(bool)).weight
        _cross_validated(colour, trials, np.array(folds))
    np.savez_compressed(DATA / "calibration.npz", **fitted)  # type: ignore[arg-type]


def _long(sounds: dict[str, Float64]) -> list[str]:
    return [name for name in sounds if len(sounds[name]) >= 12 * RECORDED_HZ]


def _filmed(number: int) -> tuple[int, Trials] | None:
    """Return fold and trials of a reader whose last seconds were filmed; None if nothing was heard.

    Each is filmed twice, by different cameras.
    """
    sounds = many()
    names = _long(sounds)
    name = names[number % len(names)]
    rng = np.random.default_rng([2028, number])
    camera = list(FILMED.values())[(number + number // len(names)) % len(FILMED)]
    snr_db = float(rng.choice(FILMED_SNRS_DB))
    length = FILMED_S * RECORDED_HZ
    spoken, known = sounds[name][-length:], sounds[name][:-length]
    heard = filmed(spoken / spoken.std(), camera, snr_db, 1000 + number)
    if not heard.detected:
        return None
    every = list(sounds)
    fold = every.index(name) % FOLDS
    readers = fold_without(fold)
    others = [n for n in names if n != name and every.index(n) % FOLDS == fold]
    known = known[: ENROLLED_S * RECORDED_HZ]
    beside = [str(other) for other in rng.permutation(others)[:OTHERS]]
    people = [known, *(_piece(sounds[other], len(known), rng) for other in beside)]
    channel = measure_channel(
        heard.samples, heard.rate_hz, readers, band_hz=heard.band_hz, noise_psd=heard.noise_psd,
        measured=heard.measured,
    )  # fmt: skip
    frames = measure_frames(heard.samples, heard.rate_hz, channel.band_hz, channel.noise_psd)
    print(f"filmed {number}: {camera.name}, {snr_db:.0f} dB", flush=True)
    raw, where, same = _scored(channel, frames, people, readers)
    # Filmed clips are too few to learn what the weights depend on.
    return fold, (raw, where * (np.arange(where.shape[1]) == 0), same)


def _trials(sounds: dict[str, Float64], number: int) -> Trials:
    """Return scores, conditions and truth of the trials of one channel of measured colour."""
    rng = np.random.default_rng([2026, number])
    names = _long(sounds)
    fold = number % FOLDS
    every = list(sounds)
    own = [name for name in names if every.index(name) % FOLDS == fold]
    readers = fold_without(fold)
    rate = float(rng.choice([1800, 2200, 3000, 4000, 6000]))
    snr_db = rng.uniform(2, 22)
    found: list[Trials] = []
    for name in rng.permutation(own)[:TESTS]:
        length = int(rng.uniform(3.0, 5.5) * RECORDED_HZ)
        voice = sounds[name]
        heard, known = (voice[-length:], voice[:-length])
        if rng.random() < 0.5:
            heard, known = (voice[:length], voice[length:])
        sound, psd, response = drawn(heard, rate, snr_db, rng)
        beside = [str(n) for n in rng.permutation([n for n in own if n != name])[:OTHERS]]
        people = [known, *(_piece(sounds[other], len(known), rng) for other in beside)]
        channel = measure_channel(
            sound, rate, readers, band_hz=(80, 0.95 * rate / 2), noise_psd=psd, response=response
        )
        frames = measure_frames(sound, rate, channel.band_hz, psd)
        found.append(_scored(channel, frames, people, readers))
    print(f"channel {number}: {rate:.0f} Hz, {snr_db:.0f} dB", flush=True)
    raw, where, same = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return raw, where, same


def _piece(voice: Float64, length: int, rng: np.random.Generator) -> Float64:
    first = int(rng.integers(0, max(len(voice) - length, 0) + 1))
    return voice[first : first + length]


def _scored(channel: Channel, frames: Frames, people: list[Float64], readers: Background) -> Trials:
    """Return scores, conditions and truth: the first of the people is the one who speaks."""
    voices = [joined(channel, [(person, float(RECORDED_HZ))]) for person in people]
    enrolled = [enrol(channel, voice, readers) for voice in voices]
    where = np.tile(conditions(channel, frames), (len(people), 1))
    return scores(tune_ear(channel, readers), frames, enrolled), where, np.arange(len(people)) == 0


def _cross_validated(colour: str, trials: list[Trials], folds: NDArray[np.intp]) -> None:
    """Print what the calibration does for channels and readers that it was not fitted on."""
    same_llr, other_llr = [], []
    first: list[np.bool_] = []
    for fold in range(FOLDS):
        fit = [trial for trial, own in zip(trials, folds, strict=True) if own != fold]
        raw, where, same = (np.concatenate([trial[i] for trial in fit]) for i in range(3))
        fitted = fit_calibration(raw, where, same.astype(bool))
        for scored, conditioned, truth in [trials[i] for i in np.flatnonzero(folds == fold)]:
            llr = fitted.apply(scored, conditioned)
            same_llr.append(llr[truth])
            other_llr.append(llr[~truth])
            starts = np.flatnonzero(truth)
            first += [np.argmax(llr[start : start + 6]) == 0 for start in starts]
    same_all, other_all = np.concatenate(same_llr), np.concatenate(other_llr)
    print(
        f"{colour}: {len(same_all)} + {len(other_all)} trials; "
        f"EER {equal_error_rate(same_all, other_all):.3f}, Cllr {cllr(same_all, other_all):.3f}, "
        f"first of 6 {np.mean(first):.3f}"
    )


# --- counting -----------------------------------------------------------------------------------


def counting() -> None:
    """Fit what a further voice has to gain, on readers apart from those of the background."""
    evidences, truth, errors = [], [], []
    for number in range(CONVERSATIONS):
        values, speakers, wrong = _conversation(number)
        evidences.append(values)
        truth.append(speakers)
        errors.append(wrong)
    every, count = np.array(evidences), np.array(truth)
    fold = np.arange(len(count)) % FOLDS
    right = np.zeros(len(count), dtype=bool)
    for k in range(FOLDS):
        weight = _fit_counting(every[fold != k], count[fold != k])
        for i in np.flatnonzero(fold == k):
            right[i] = np.argmax(count_probability(every[i], weight)) + 1 == count[i]
    for k in range(1, MOST + 1):
        mean = float(np.nanmean(np.array(errors)[count == k]))
        print(f"{k} speakers: {right[count == k].mean():.2f} right, error rate {mean:.2f}")
    weight = _fit_counting(every, count)
    np.savez_compressed(DATA / "counting.npz", weight=weight)


def _fit_counting(evidences: Float64, count: NDArray[np.intp]) -> Float64:
    gain = np.diff(np.where(np.isfinite(evidences), evidences, -1e3), axis=1)
    gain = np.clip(gain, -LARGEST_GAIN, LARGEST_GAIN)
    steps = []
    for step in range(MOST - 1):
        asked = count >= step + 1
        ones = np.ones((asked.sum(), 1))
        fitted = fit_calibration(gain[asked, step : step + 1], ones, count[asked] > step + 1)
        odds = PRIOR[step + 1 :].sum() / PRIOR[step]
        steps.append(fitted.weight[:, 0] + [0.0, np.log(odds)])
    return np.array(steps)


def _conversation(number: int) -> tuple[Float64, int, float]:
    """Return evidences, truth and error rate, the number given, of one conversation."""
    rng = np.random.default_rng([2027, number])
    fold = number % FOLDS
    count = (1, 2, 3, 2, 3, 1, 4)[number // FOLDS % 7]
    sounds = many()
    least_s = 15 if count == 1 else 20 / count
    fit = [
        sound
        for i, sound in enumerate(sounds.values())
        if i % FOLDS == fold and len(sound) >= least_s * RECORDED_HZ
    ]
    chosen = rng.choice(len(fit), count, replace=False)
    talk = conversation([fit[i] for i in chosen], 20, rng)
    rate = float(rng.choice([2200, 4000]))
    sound, psd, _ = drawn(talk.sound, rate, rng.uniform(5, 20), rng)
    readers = fold_without(fold)
    channel = measure_channel(sound, rate, readers, band_hz=(80, 0.95 * rate / 2), noise_psd=psd)
    frames = measure_frames(sound, rate, channel.band_hz, psd)
    evidences, labels, stretches = cluster(frames, readers)
    wrong = float("nan")
    if len(labels) >= talk.speakers:
        wrong = error_rate(
            talk.turns, turns_of(stretches, labels[talk.speakers - 1], speech_frames(frames))
        )
    return evidences, talk.speakers, wrong


if __name__ == "__main__":
    main()
