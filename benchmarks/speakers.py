"""Who speaks: how often the answers are right, on readers that nothing was fitted to.

python benchmarks/speakers.py [silence] [speech] [gender] [drawn] [--excerpts 1] [--clips 210]
                              [--folder FOLDER]

Intervals are of 95 % (Wilson), as if all clips were independent; those of one reader are not.
"""

import argparse
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phonoscope.speakers.gender import tell_gender, voice_pitch
from phonoscope.speakers.speech import find_speech
from phonoscope.types import Gender, SpeechActivity
from rolling_yardsticks import music
from speakers_corpus import (
    CHANNELS,
    FOLDER,
    Excerpt,
    Heard,
    drawn,
    excerpts,
    low_passed,
    recovered,
)
from speakers_noise import KINDS, noise_clip
from speakers_tables import share

SNRS_DB = (0.0, 5.0, 10.0, 20.0)
DRAWN_EXCERPTS = 8  # of each reader, at most
_NOISE_SEED = 70_000
_SEXES = {"F": "female", "M": "male"}


@dataclass(frozen=True, slots=True)
class Options:
    """What the parts share."""

    most: int
    clips: int
    folder: Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=[])
    parser.add_argument("--excerpts", type=int, default=1, help="filmed, of each reader")
    parser.add_argument("--clips", type=int, default=210, help="of noise")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    arguments = parser.parse_args()
    options = Options(arguments.excerpts, arguments.clips, arguments.folder)
    parts: dict[str, Callable[[Options], None]] = {
        "silence": silence, "speech": speech, "drawn": drawn_gender, "gender": filmed_gender,
    }  # fmt: skip
    for name in arguments.parts or parts:
        parts[name](options)


# --- 1. noise without speech --------------------------------------------------------------------


def silence(options: Options) -> None:
    """How often speech is found where there is none; music beside it."""
    print(f"\n1. Noise without speech: {options.clips} clips of 2 to 12 s, 2200 to 8000 samples/s.")
    print("   score: speech counts as detected from 1 on (target: none is)")
    print("   kind      | clips  detected | score: median  highest")
    scores: dict[str, list[SpeechActivity]] = {}
    for number, kind in zip(range(options.clips), itertools.cycle(KINDS), strict=False):
        sound, rate, band = noise_clip(kind, _NOISE_SEED + number)
        scores.setdefault(kind, []).append(find_speech(sound, rate, band_hz=band))
    for kind, found in scores.items():
        _score_row(kind, found)
    every = list(itertools.chain(*scores.values()))
    detected = sum(activity.detected for activity in every)
    print(f"   all: {share(detected, len(every))} of {len(every)}")
    channel = CHANNELS["4000"]
    tunes = [drawn(music(5.0, seed), channel, 20.0, seed) for seed in range(30)]
    _score_row("(music)", [find_speech(t.samples, t.rate_hz, band_hz=t.band_hz) for t in tunes])


def _score_row(kind: str, found: list[SpeechActivity]) -> None:
    scores = [activity.score for activity in found]
    print(
        f"   {kind:9} | {len(found):5}  {sum(a.detected for a in found):8} |"
        f" {np.median(scores):13.2f}  {max(scores):7.2f}",
        flush=True,
    )


# --- 2. speech ----------------------------------------------------------------------------------


def speech(options: Options) -> None:
    """How often speech is found where there is some, in drawn channels and filmed."""
    print("\n2. Speech of 5 s: the six readers. Drawn, 8 excerpts of each; filmed, those that")
    print("   `recover` detects at all")
    print("   how     channel   SNR | clips  detected               | score: median  lowest")
    rows: dict[tuple[str, str, float], list[SpeechActivity]] = {}
    pieces = list(excerpts(many=False, most=8))
    for (seed, piece), channel, snr in itertools.product(
        enumerate(pieces), CHANNELS.values(), SNRS_DB
    ):
        heard = drawn(piece.samples, channel, snr, seed)
        rows.setdefault(("drawn", channel.name, snr), []).append(_found(heard))
    for _, channel, heard in recovered(options.most, folder=options.folder):
        if heard.detected:
            rows.setdefault(("filmed", channel.name, heard.snr_db), []).append(_found(heard))
    for (how, name, snr), found in sorted(rows.items()):
        scores = [activity.score for activity in found]
        detected = sum(activity.detected for activity in found)
        print(
            f"   {how:6}  {name:7} {snr:5.0f} | {len(found):5}  {share(detected, len(found))}"
            f" | {np.median(scores):13.2f}  {min(scores):6.2f}",
            flush=True,
        )


def _found(heard: Heard) -> SpeechActivity:
    return find_speech(heard.samples, heard.rate_hz, band_hz=heard.band_hz)


# --- 3. woman or man ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Told:
    """An answer beside the truth."""

    answer: Gender
    sex: str
    speaker: str

    @property
    def answered(self) -> bool:
        return self.answer.answer != "cannot tell"

    @property
    def right(self) -> bool:
        """Whether the more probable of the two is right, answered or not."""
        return ("female" if self.answer.female > 0.5 else "male") == self.sex


def told(piece: Excerpt, heard: Heard) -> Told:
    track = voice_pitch(heard.samples, heard.rate_hz, band_hz=heard.band_hz)
    return Told(tell_gender(track), _SEXES[piece.sex], piece.speaker)


def drawn_gender(options: Options) -> None:
    """Gender through drawn channels and merely low-passed: many excerpts, the six readers."""
    print(f"\n3. Woman or man, drawn channels: the six readers, up to {DRAWN_EXCERPTS} excerpts of "
          "5 s each")  # fmt: skip
    rows: dict[tuple[str, float], list[Told]] = {}
    pieces = list(excerpts(many=False, most=DRAWN_EXCERPTS))
    for (seed, piece), channel in itertools.product(enumerate(pieces), CHANNELS.values()):
        for snr in SNRS_DB:
            one = told(piece, drawn(piece.samples, channel, snr, seed))
            rows.setdefault((channel.name, snr), []).append(one)
        clean = told(piece, low_passed(piece.samples, channel))
        rows.setdefault((channel.name, np.inf), []).append(clean)
    _gender_table(rows)


def filmed_gender(options: Options) -> None:
    """Gender from rendered video."""
    print(f"\n4. Woman or man, filmed: the six readers, up to {options.most} excerpts of 5 s each;")
    print("   a clip in which `recover` detects no sound gets no answer")
    rows: dict[tuple[str, float], list[Told]] = {}
    unheard: dict[tuple[str, float], int] = {}
    claims: dict[tuple[str, float], list[float]] = {}
    for piece, channel, heard in recovered(options.most, folder=options.folder):
        key = (channel.name, heard.snr_db)
        unheard[key] = unheard.get(key, 0) + (not heard.detected)
        if heard.detected:
            rows.setdefault(key, []).append(told(piece, heard))
            claims.setdefault(key, []).append(heard.claimed_db)
    _gender_table(rows)
    for (name, snr), count in sorted(unheard.items()):
        claimed = claims.get((name, snr), [])
        middle = f"{np.median(claimed):.1f} dB" if claimed else "nothing"
        print(f"   {name:7} {snr:5.0f}: {count} unheard; `recover` claims {middle} (median)")


def _gender_table(rows: dict[tuple[str, float], list[Told]]) -> None:
    print("   channel   SNR | clips  answered                right of those           forced")
    for (name, snr), found in sorted(rows.items()):
        _gender_row(f"{name:7} {snr:5.0f}", found)
    high = [one for (_, snr), found in rows.items() if snr >= 10 for one in found]
    low = [one for (_, snr), found in rows.items() if snr == 0 for one in found]
    _gender_row(">= 10 dB     ", high)
    print("                   target: answered >= 95 %, right >= 97 %; at 0 dB right >= 90 %")
    _gender_row("0 dB         ", low)
    every = list(itertools.chain(*rows.values()))
    near = [one for one in every if 0.85 <= one.answer.confidence < 0.95]
    right = sum(one.right for one in near)
    print(f"   confidence 0.85 to 0.95: {share(right, len(near))} right of {len(near)} (target 85 "
          "to 95 %)")  # fmt: skip
    for speaker in sorted({one.speaker for one in every}):
        own = [one for one in every if one.speaker == speaker]
        pitch = np.nanmedian([one.answer.pitch_hz for one in own])
        wrong = sum(one.answered and not one.right for one in own)
        silent = sum(not one.answered for one in own)
        print(f"   reader {speaker:4}, {own[0].sex:6}, {pitch:3.0f} Hz: {wrong} wrong, {silent} not"
              f" answered, of {len(own)}")  # fmt: skip


def _gender_row(label: str, found: list[Told]) -> None:
    sure = [one for one in found if one.answered]
    print(
        f"   {label} | {len(found):5}  {share(len(sure), len(found))}"
        f"  {share(sum(one.right for one in sure), len(sure))}"
        f"  {share(sum(one.right for one in found), len(found))}",
        flush=True,
    )


if __name__ == "__main__":
    main()
