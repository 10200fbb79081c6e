"""How many speak, who when, and which one: how often the answers are right, on the six readers.

python benchmarks/speakers_who.py [identity] [filmed] [count] [--tests 6] [--conversations 60]
                                  [--excerpts 2]

But for what is filmed, the channel is drawn: speech in the band, a surface of a few resonances or
none, white noise. Of filmed clips those count in which `recover` detects sound.
Nothing was fitted to these readers. Intervals are of 95 % (Wilson), as if all tests were
independent; those of one reader are not.
"""

import argparse
import itertools
from dataclasses import dataclass, replace

import numpy as np

from phonoscope.errors import InputError
from phonoscope.speakers import LEAST, find_turns, load_background, measure_channel
from phonoscope.speakers.calibrate import cllr, equal_error_rate
from phonoscope.speakers.channel import Channel
from phonoscope.speakers.features import measure_frames
from phonoscope.speakers.identify import joined, ratios
from phonoscope.types import Float64
from speakers_corpus import recovered
from speakers_drawn import (
    RECORDED_HZ,
    conversation,
    drawn,
    error_rate,
    six,
)
from speakers_tables import share

RATES_HZ = (2200, 4000)
SNRS_DB = (0, 10, 20)
ENROLLED_S, TEST_S = 10, 5
WAYS = ("measured", "estimated", "unmatched")
CONVERSATION_S = 20
_SILENT_DB = -90.0  # of the noise that an unmatched channel is said to have


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=[])
    parser.add_argument("--tests", type=int, default=6, help="of each reader")
    parser.add_argument("--conversations", type=int, default=60, help="of each kind")
    parser.add_argument("--excerpts", type=int, default=2, help="filmed, of each reader")
    arguments = parser.parse_args()
    parts = {
        "identity": lambda: identity(arguments.tests),
        "filmed": lambda: identity_filmed(arguments.excerpts),
        "count": lambda: count(arguments.conversations),
    }
    for name in arguments.parts or parts:
        parts[name]()


# --- which one ----------------------------------------------------------------------------------


@dataclass
class Tally:
    """Log-likelihood ratios, ``(test, person)``, and who it was, ``(test,)``."""

    ratios: list[Float64]
    truth: list[int]

    def line(self) -> str:
        table, who = np.array(self.ratios), np.array(self.truth)
        is_same = who[:, None] == np.arange(table.shape[1])
        same, other = table[is_same], table[~is_same]
        right = int((np.argmax(table, axis=1) == who).sum())
        return (
            f"{share(right, len(who))} | {equal_error_rate(same, other):5.1%}"
            f"  {cllr(same, other):5.2f}"
        )


def identity(tests: int) -> None:
    """Closed set of six; open set: each against the models of the five others too."""
    print(f"\n1. Which one: {ENROLLED_S} s enrolled, {TEST_S} s of test, {tests} tests a reader")
    print("   way: the colour measured; estimated from the voice; or no matching of the channel")
    print("   rate  SNR  surface    way       | first of 6             | EER    Cllr")
    tallies: dict[tuple[str, ...], Tally] = {}
    for rate, snr_db in itertools.product(RATES_HZ, SNRS_DB):
        for number, who in itertools.product(range(tests), range(6)):
            for surface, ways in _test(rate, snr_db, number, who).items():
                for way, found in ways.items():
                    for key in ((str(rate), str(snr_db), surface, way), _pooled(snr_db, way)):
                        tally = tallies.setdefault(key, Tally([], []))
                        tally.ratios.append(found)
                        tally.truth.append(who)
        for surface, way in itertools.product(("none", "resonances"), WAYS):
            line = tallies[str(rate), str(snr_db), surface, way].line()
            print(f"   {rate:4}  {snr_db:3}  {surface:10} {way:9} | {line}", flush=True)
    for way in WAYS:
        tally = tallies[_pooled(10, way)]
        print(f"   all at 10 dB and more {way:9} | {tally.line()}")
        _confidence(tally)


def _pooled(snr_db: int, way: str) -> tuple[str, ...]:
    return ("10 dB and more" if snr_db >= 10 else "below", way)


def _confidence(tally: Tally) -> None:
    table = np.array(tally.ratios)
    share = np.exp(table - table.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    sure, right = share.max(axis=1), np.argmax(table, axis=1) == np.array(tally.truth)
    for low, high in ((0.4, 0.6), (0.6, 0.8), (0.8, 0.95), (0.95, 1.01)):
        inside = (sure >= low) & (sure < high)
        if inside.any():
            print(
                f"      said with {low:.2f} to {min(high, 1):.2f} (mean {sure[inside].mean():.2f}):"
                f" right {share(int(right[inside].sum()), int(inside.sum()))}"
                f" of {inside.sum()}"
            )


def _test(rate: int, snr_db: int, number: int, who: int) -> dict[str, dict[str, Float64]]:
    """Return the ratios of one test by surface and way: half of a reader's sentences enrol."""
    readers = list(six().values())
    enrolled, heard = [], None
    for index, sentences in enumerate(readers):
        order = np.random.default_rng([7, number, index]).permutation(len(sentences))
        known = np.concatenate([sentences[i] for i in order[:5]])
        enrolled.append([(known[: ENROLLED_S * RECORDED_HZ], float(RECORDED_HZ))])
        if index == who:
            heard = np.concatenate([sentences[i] for i in order[5:]])[: TEST_S * RECORDED_HZ]
    assert heard is not None
    found = {}
    for surface in ("none", "resonances"):
        rng = np.random.default_rng([8, number, who, rate])
        sound, psd, response = drawn(heard, rate, snr_db, rng, coloured=surface != "none")
        background = load_background()
        channel = measure_channel(
            sound, rate, background, band_hz=(80, 0.95 * rate / 2), noise_psd=psd
        )
        given = replace(channel, response=response, colour="measured")
        found[surface] = {
            "measured": _ratios(given, sound, enrolled),
            "estimated": _ratios(channel, sound, enrolled),
            "unmatched": _ratios(_unmatched(channel), sound, enrolled),
        }
    return found


def _unmatched(channel: Channel) -> Channel:
    """Return what the channel would be if nothing but the band had happened to the voice."""
    faint = channel.spectrum.mean() * 10 ** (_SILENT_DB / 10)
    flat = np.ones_like(channel.response)
    return replace(channel, noise_psd=np.full(2, faint), response=flat, colour="measured")


def _ratios(
    channel: Channel, sound: Float64, enrolled: list[list[tuple[Float64, float]]]
) -> Float64:
    frames = measure_frames(sound, channel.rate_hz, channel.band_hz, channel.noise_psd)
    voices = [joined(channel, recordings) for recordings in enrolled]
    return ratios(channel, frames, voices, load_background())


def identity_filmed(excerpts: int) -> None:
    """Closed and open set as in 1, of rendered video; enrolled are other sentences."""
    print(f"\n2. Which one, filmed: {ENROLLED_S} s enrolled, 5 s of test; the colour is estimated")
    print("   camera   SNR | first of 6             | EER    Cllr")
    enrolled = [
        [(np.concatenate(sentences[5:])[: ENROLLED_S * RECORDED_HZ], float(RECORDED_HZ))]
        for sentences in six().values()
    ]
    names = list(six())
    background = load_background()
    tallies: dict[tuple[str, ...], Tally] = {}
    for piece, camera, heard in recovered(excerpts):
        if not heard.detected:
            continue
        channel = measure_channel(
            heard.samples, heard.rate_hz, background, band_hz=heard.band_hz,
            noise_psd=heard.noise_psd, measured=heard.measured,
        )  # fmt: skip
        found = _ratios(channel, heard.samples, enrolled)
        keys = [(camera.name, f"{heard.snr_db:.0f}")]
        if heard.snr_db >= 10:
            keys.append(("10 dB and more", "filmed"))
        for key in keys:
            tally = tallies.setdefault(key, Tally([], []))
            tally.ratios.append(found)
            tally.truth.append(names.index(piece.speaker))
    pooled = tallies.pop(("10 dB and more", "filmed"))
    for (camera_name, snr_db), tally in sorted(tallies.items()):
        print(f"   {camera_name:7} {snr_db:>4} | {tally.line()}")
    print(f"   all at 10 dB and more, {len(pooled.truth)} clips | {pooled.line()}")
    _confidence(pooled)


# --- how many -----------------------------------------------------------------------------------


def count(conversations: int) -> None:
    """Count speakers in conversations without overlap, and say who speaks when."""
    print(f"\n3. How many: {CONVERSATION_S} s without overlap; turns of 2 to 5 s")
    print("   error: speech given to nobody or the wrong speaker; the number found / given")
    print(f"   sure: of 10 dB and more, said with a probability of {LEAST:g} or above")
    print("   rate  SNR  speakers | right                  | said 1  2  3  4 | error, found  given")
    sure: list[bool] = []
    for rate, snr_db in itertools.product(RATES_HZ, SNRS_DB):
        total = 0
        for speakers in (1, 2, 3):
            said = np.zeros(4, dtype=int)
            found, given = [], []
            for number in range(conversations // 3):
                one = _conversation(rate, snr_db, speakers, number)
                said[one[0] - 1] += 1
                found.append(one[1])
                given.append(one[2])
                if snr_db >= 10 and one[3] >= LEAST:
                    sure.append(one[0] == speakers)
            total += said[speakers - 1]
            print(
                f"   {rate:4}  {snr_db:3}  {speakers:8} |"
                f" {share(int(said[speakers - 1]), int(said.sum()))} |"
                f"      {said[0]:2} {said[1]:2} {said[2]:2} {said[3]:2} |"
                f" {np.mean(found):12.0%}  {np.mean(given):5.0%}",
                flush=True,
            )
        print(f"   {rate:4}  {snr_db:3}  all      | {share(total, 3 * (conversations // 3))}")
    print(f"   sure: {len(sure)}, right of those {share(sum(sure), len(sure))}")


def _conversation(
    rate: int, snr_db: int, speakers: int, number: int
) -> tuple[int, float, float, float]:
    """Return the number found, the errors with it and with the true number, and its probability."""
    rng = np.random.default_rng([9, rate, snr_db, speakers, number])
    readers = list(six().values())
    voices = []
    for index in rng.choice(len(readers), speakers, replace=False):
        order = rng.permutation(len(readers[index]))
        voices.append(np.concatenate([readers[index][i] for i in order]))
    talk = conversation(voices, CONVERSATION_S, rng)
    sound, psd, _ = drawn(talk.sound, rate, snr_db, rng)
    channel = measure_channel(
        sound, rate, load_background(), band_hz=(80, 0.95 * rate / 2), noise_psd=psd
    )
    free = find_turns(sound, rate, channel=channel)
    try:
        told = find_turns(sound, rate, channel=channel, speakers=speakers)
    except InputError:  # too little stands above the noise to part so many
        told = free
    return (
        free.speakers,
        error_rate(talk.turns, free.turns),
        error_rate(talk.turns, told.turns),
        float(free.probability.max()),
    )


if __name__ == "__main__":
    main()
