"""Fit what `phonoscope.speakers` knows of women's and men's pitch, and cross-validate it.

python benchmarks/speakers_training.py [--write] [--excerpts 2]

Without `--write` it prints how readers who were left out fare, and changes nothing.
"""

import argparse
import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import phonoscope.speakers
from phonoscope.files import replace_when_done
from phonoscope.speakers.gender import LEAST, LEAST_VOICED_S, pitch_quantiles, voice_pitch
from phonoscope.types import Float64
from speakers_corpus import CHANNELS, Excerpt, drawn, excerpts, low_passed
from speakers_tables import share

Names = np.ndarray[tuple[int, ...], np.dtype[np.str_]]
SNRS_DB = (0.0, 5.0, 10.0, 20.0, np.inf)
FOLDS = 9
EXCERPT_S, LEAST_S = 5.0, 3.0
PENALTY = 0.1  # on the squared weights of standardised features, against the loss of one reader
PROVENANCE = (
    "Logistic regression on quantiles of log2(pitch / 150 Hz); readers of LibriSpeech (CC BY 4.0, "
    "(c) 2014 Vassil Panayotov), one recording each, in excerpts of 3 to 5 s through drawn "
    "channels of 2200 and 4000 frames/s and a rolling shutter, SNR 0, 5, 10, 20 dB and no noise. "
    "Made by benchmarks/speakers_training.py; no audio is in it."
)


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Pitch quantiles of excerpts through channels.

    Attributes
    ----------
    quantiles
        ``(example, quantile)``.
    woman
        ``(example,)`` 1 or 0.
    speaker, channel
        ``(example,)`` names.
    snr_db
        ``(example,)``; infinite for speech merely low-passed.
    """

    quantiles: Float64
    woman: Float64
    speaker: Names
    channel: Names
    snr_db: Float64


def examples(most: int) -> Examples:
    """Return those of the many readers, `most` excerpts of each."""
    rows = []
    pieces = enumerate(excerpts(many=True, duration_s=EXCERPT_S, most=most, least_s=LEAST_S))
    for (seed, piece), channel, snr_db in itertools.product(pieces, CHANNELS.values(), SNRS_DB):
        quantiles = _quantiles(piece, channel.name, snr_db, seed)
        if quantiles is not None:
            rows.append((quantiles, piece.sex == "F", piece.speaker, channel.name, snr_db))
    found, woman, speaker, name, snrs = zip(*rows, strict=True)
    return Examples(
        np.array(found), np.array(woman, float), np.array(speaker), np.array(name), np.array(snrs)
    )


def _quantiles(piece: Excerpt, name: str, snr_db: float, seed: int) -> Float64 | None:
    channel = CHANNELS[name]
    clean = np.isinf(snr_db)
    heard = (
        low_passed(piece.samples, channel) if clean
        else drawn(piece.samples, channel, snr_db, seed)
    )  # fmt: skip
    pitch = voice_pitch(heard.samples, heard.rate_hz, band_hz=heard.band_hz).pitch_hz
    voiced = pitch[pitch > 0]
    return pitch_quantiles(voiced) if len(voiced) >= 100 * LEAST_VOICED_S else None


def fit(quantiles: Float64, woman: Float64, speaker: Names) -> tuple[Float64, float]:
    """Return weights and offset of the log odds for a woman; each reader weighs the same."""
    from scipy.optimize import minimize  # slow to import

    middle, scale = quantiles.mean(axis=0), quantiles.std(axis=0)
    features = np.column_stack([(quantiles - middle) / scale, np.ones(len(woman))])
    _, reader, count = np.unique(speaker, return_inverse=True, return_counts=True)
    weight = 1 / count[reader]
    sign = 2 * woman - 1

    def loss(w: Float64) -> tuple[float, Float64]:
        margin = sign * (features @ w)
        slope = -(weight * sign * np.exp(-np.logaddexp(0, margin)))
        ridge = PENALTY * np.append(w[:-1], 0)
        value = float(weight @ np.logaddexp(0, -margin) + 0.5 * ridge @ w)
        return value, np.asarray(features.T @ slope + ridge)

    found = minimize(loss, np.zeros(features.shape[1]), jac=True, method="BFGS").x
    weights = found[:-1] / scale
    return np.asarray(weights), float(found[-1] - weights @ middle)


def left_out(data: Examples) -> Float64:
    """Return the ``(example,)`` log odds from fits that did not have their readers."""
    readers = np.random.default_rng(6).permutation(np.unique(data.speaker))
    fold = dict(zip(readers.tolist(), (np.arange(len(readers)) % FOLDS).tolist(), strict=True))
    mine = np.array([fold[str(s)] for s in data.speaker])
    odds = np.zeros(len(mine))
    for number in range(FOLDS):
        known = mine != number
        weights, offset = fit(data.quantiles[known], data.woman[known], data.speaker[known])
        odds[~known] = np.clip(data.quantiles[~known] @ weights + offset, -6, 6)
    return odds


def report(data: Examples, odds: Float64) -> None:
    """Print how many are answered, and how many of those rightly."""
    female = 1 / (1 + np.exp(-odds))
    confidence = np.maximum(female, 1 - female)
    right = (female > 0.5) == (data.woman > 0.5)
    print(f"Readers left out: {len(np.unique(data.speaker))}, in {FOLDS} folds; drawn channels")
    print("   SNR dB | clips | answered             right of those       forced")
    for snr_db in SNRS_DB:
        at = data.snr_db == snr_db
        sure = at & (confidence >= LEAST)
        print(
            f"   {snr_db:6.0f} | {at.sum():5} | {share(int(sure.sum()), int(at.sum()))}"
            f"  {share(int(right[sure].sum()), int(sure.sum()))}"
            f"  {share(int(right[at].sum()), int(at.sum()))}"
        )
    for low, high in itertools.pairwise((0.5, 0.6, 0.7, 0.8, 0.85, 0.95, 1.0)):
        within = (confidence >= low) & (confidence < high)
        count = int(within.sum())
        print(f"   confidence {low:.2f} to {high:.2f}: {share(int(right[within].sum()), count)}"
              f" right of {count}")  # fmt: skip


def write(weights: Float64, offset: float, readers: int) -> Path:
    """Write the parameters where the package looks for them."""
    target = Path(phonoscope.speakers.__file__).parent / "data" / "gender.npz"
    target.parent.mkdir(exist_ok=True)
    with replace_when_done(target) as temporary, temporary.open("wb") as file:
        np.savez(
            file, weights=np.round(weights, 4), offset=round(offset, 4),
            provenance=f"{readers} readers. {PROVENANCE}",
        )  # fmt: skip
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--excerpts", type=int, default=2)
    arguments = parser.parse_args()
    data = examples(arguments.excerpts)
    report(data, left_out(data))
    weights, offset = fit(data.quantiles, data.woman, data.speaker)
    print(f"weights {np.round(weights, 3)}, offset {offset:.3f}")
    if arguments.write:
        print(f"written to {write(weights, offset, len(np.unique(data.speaker))).name}")


if __name__ == "__main__":
    main()
