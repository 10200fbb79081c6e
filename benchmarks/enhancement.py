"""What enhancement does to intelligibility, and the removal of mains hum to sound and silence.

python benchmarks/enhancement.py [speech] [rendered] [level] [mains] [--speakers 24] [--development]
"""

import argparse
import csv
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from phonoscope import recover
from phonoscope.audio import read_audio, resample
from phonoscope.choices import Kind
from phonoscope.evaluate import estoi, limit_band, stoi
from phonoscope.scene import Camera, Motion, Scene, Texture
from phonoscope.sound.enhance import enhance
from phonoscope.sound.mains import FALSE_ALARM, remove_mains
from phonoscope.types import Float64

SPEECH = Path(__file__).parents[2] / "shared" / "data" / "speech"
RATES_HZ = (2200, 4000, 6000)
SNRS_DB = (0, 5, 10, 15, 20)
SCORED_HZ = 10_000  # the rate at which STOI works
FIRST_S, LENGTH_S = 1, 5
MASK_DB = -50  # of noise that covers the images above the band, relative to the sound
RENDERED_SPEAKERS = 12
SEED = {"development": 1, "test": 1001}


@dataclass(frozen=True)
class Case:
    """One sentence at one capture rate: `sound` is what shakes, before noise."""

    sentence: Float64
    sound: Float64
    rate_hz: int
    coloured: bool
    woman: bool
    seed: tuple[int, ...]

    def noisy(self, snr_db: float) -> tuple[Float64, float]:
        """Return the sound of power 1 with white noise, and the noise's density."""
        deviation = 10 ** (-snr_db / 20)
        noise = np.random.default_rng(self.seed).standard_normal(len(self.sound))
        return self.sound + deviation * noise, 2 * deviation**2 / self.rate_hz


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=[])
    parser.add_argument("--speakers", type=int, default=24)
    parser.add_argument("--development", action="store_true", help="the speakers tuned on")
    arguments = parser.parse_args()
    parts = {"speech": speech, "rendered": rendered, "level": level, "mains": mains}
    role = "development" if arguments.development else "test"
    for name in arguments.parts or parts:
        parts[name](role, arguments.speakers)


# --- speakers -----------------------------------------------------------------------------------


def recordings(role: str, count: int) -> list[Path]:
    """Return one recording for each of `count` speakers, women and men by turns.

    Of the many readers every other one, of each sex, is for development. The rest, and the six who
    read more than one sentence, are for the test.
    """
    with (SPEECH / "speakers.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    chosen: dict[str, list[Path]] = {}
    for sex in "FM":
        many = [r["file"] for r in rows if r["sex"] == sex and r["file"].startswith("many/")]
        few = [r["file"] for r in rows if r["sex"] == sex and r["file"].endswith("-0003.flac")]
        names = many[0::2] if role == "development" else few + many[1::2]
        chosen[sex] = [SPEECH / name for name in names]
    return list(itertools.chain(*zip(chosen["F"], chosen["M"], strict=False)))[:count]


def cases(role: str, count: int, rates: tuple[int, ...] = RATES_HZ) -> Iterator[Case]:
    for index, path in enumerate(recordings(role, count)):
        samples, recorded_hz, _ = read_audio(path)
        sentence = samples[FIRST_S * recorded_hz :][: LENGTH_S * recorded_hz]
        for rate, coloured in itertools.product(rates, (False, True)):
            seed = (SEED[role], index, rate, int(coloured))
            sound = limit_band(resample(sentence, recorded_hz, rate), rate, (20, rate / 2))
            if coloured:
                sound = resonances(sound, rate, np.random.default_rng([*seed, 1]))
            spoken = resample(sentence, recorded_hz, SCORED_HZ)
            yield Case(spoken, sound / sound.std(), rate, coloured, index % 2 == 0, seed)


def resonances(sound: Float64, rate_hz: float, rng: np.random.Generator) -> Float64:
    """Pass a sound through 3 to 8 resonances at random, as a surface does."""
    from scipy.signal import lfilter

    total = np.zeros_like(sound)
    for _ in range(rng.integers(3, 9)):
        hz = np.exp(rng.uniform(np.log(80), np.log(0.45 * rate_hz)))
        quality = np.exp(rng.uniform(np.log(3), np.log(30)))
        radius = np.exp(-np.pi * hz / quality / rate_hz)
        strength = rng.choice([-1, 1]) * np.exp(0.5 * rng.standard_normal()) * (1 - radius)
        poles = [1, -2 * radius * np.cos(2 * np.pi * hz / rate_hz), radius**2]
        total += lfilter([strength], poles, sound)
    return total


def score(metric: Callable[..., float], reference: Float64, sound: Float64, rate: float) -> float:
    heard = resample(sound, rate, SCORED_HZ)
    length = min(len(reference), len(heard))
    return metric(reference[:length], heard[:length], SCORED_HZ)


def masked(case: Case, sound: Float64) -> float:
    """Return ESTOI with faint noise over all bands.

    It gives every band the same weight, those above the camera's too, in which there is nothing but
    images at -80 dB that no one hears.
    """
    heard = resample(sound / sound.std(), case.rate_hz, SCORED_HZ)[: len(case.sentence)]
    mask = np.random.default_rng([*case.seed, 2]).standard_normal(len(heard))
    return estoi(case.sentence[: len(heard)], heard + 10 ** (MASK_DB / 20) * mask, SCORED_HZ)


# --- 1. intelligibility -------------------------------------------------------------------------


def speech(role: str, count: int) -> None:
    """ESTOI and STOI before and after, against the whole sentence as it was spoken."""
    print(f"\n1. Speech and white noise; {count} {role} speakers, {LENGTH_S} s each; all medians")
    print("   but the quartiles of the change, and the worst; masked: the change if noise")
    print(f"   at {MASK_DB} dB covers what resampling leaves above the band; own: the change")
    print("   against the sound that was there, resonances and all")
    print(
        "   rate  colour  SNR | ceiling | ESTOI  after  change [quartiles]      worst"
        " | masked [lower] | own    | STOI   after"
    )
    rows: dict[tuple[int, bool, int], list[list[float]]] = {}
    by_sex: dict[str, list[list[float]]] = {}
    for case in cases(role, count):
        own = resample(case.sound, case.rate_hz, SCORED_HZ)
        ceiling = score(estoi, case.sentence, case.sound, case.rate_hz)
        for snr in SNRS_DB:
            noisy, density = case.noisy(snr)
            enhanced = enhance(noisy, case.rate_hz, noise_psd=density)
            row = [ceiling, *(masked(case, x) for x in (noisy, enhanced))]
            for metric, reference in ((estoi, case.sentence), (estoi, own), (stoi, case.sentence)):
                row += [score(metric, reference, x, case.rate_hz) for x in (noisy, enhanced)]
            rows.setdefault((case.rate_hz, case.coloured, snr), []).append(row)
            by_sex.setdefault("women" if case.woman else "men", []).append(row)
    for (rate, coloured, snr), values in sorted(rows.items()):
        print(f"   {rate:4}  {'modes' if coloured else 'none ':6} {snr:4} | {_speech_row(values)}")
    for sex, values in by_sex.items():
        print(f"   {sex:18} | {_speech_row(values)}")
    print(f"   all                | {_speech_row(list(itertools.chain(*rows.values())))}")


def _speech_row(values: list[list[float]]) -> str:
    ceiling, *pairs = np.array(values).T
    covered, plain, own, stois = np.reshape(pairs, (4, 2, -1))
    change = plain[1] - plain[0]
    low, middle, high = np.percentile(change, [25, 50, 75])
    covered_low, covered_middle = np.percentile(covered[1] - covered[0], [25, 50])
    return (
        f"{np.median(ceiling):7.3f} | {np.median(plain[0]):5.3f}  {np.median(plain[1]):5.3f}"
        f"  {middle:+.3f} [{low:+.3f}, {high:+.3f}]  {change.min():+.3f}"
        f" | {covered_middle:+.3f} [{covered_low:+.3f}] | {np.median(own[1] - own[0]):+.3f}"
        f" | {np.median(stois[0]):5.3f}  {np.median(stois[1]):5.3f}"
    )


# --- 2. rendered video --------------------------------------------------------------------------


def rendered(role: str, count: int) -> None:
    """The same of sound that was recovered from rendered video, its noise as it was measured."""
    speakers = min(count, RENDERED_SPEAKERS)
    print(f"\n2. Sound recovered from rendered video, 2,200 frames/s, 5 modes; {speakers} speakers")
    print(
        "   rms px | heard | SNR dB, median [range]   | ESTOI  after  change [quartiles]      worst"
    )
    every = []
    for rms in (0.001, 0.0015, 0.003, 0.006):
        rows = []
        for index, path in enumerate(recordings(role, speakers)):
            samples, recorded_hz, _ = read_audio(path)
            sentence = samples[FIRST_S * recorded_hz :][: 4 * recorded_hz]
            scene = _filmed(sentence, recorded_hz, rms, (SEED[role], index))
            frames = np.stack(list(scene.frames()))
            sound = recover(frames, fps=scene.camera.fps, enhance="speech")
            if sound.verdict is None or not sound.verdict.detected or sound.enhanced is None:
                continue
            spoken = resample(sentence, recorded_hz, SCORED_HZ)
            rate = float(sound.rate_hz)
            pair = [score(estoi, spoken, s, rate) for s in (sound.samples, sound.enhanced)]
            rows.append([sound.snr_db, *pair])
        every += rows
        _rendered_row(f"{rms:6.4f} | {len(rows):2} of {speakers}", rows)
    _rendered_row("   all |         ", every)


def _filmed(sentence: Float64, rate_hz: int, rms: float, seed: tuple[int, int]) -> Scene:
    number = seed[0] + seed[1]
    kind = ("foil", "leaves", "print")[number % 3]
    return Scene(
        Camera(192, 144, Fraction(2200), 0.0, read_noise=2.0, shot_gain=0.05),
        Texture(kind, seed=number),
        Motion(rms, modes=5, seed=number),
        sentence / sentence.std(),
        rate_hz,
        round(2200 * (len(sentence) / rate_hz - 0.2)),
        seed=number,
    )


def _rendered_row(label: str, rows: list[list[float]]) -> None:
    if not rows:
        print(f"   {label}", flush=True)
        return
    snr, before, after = np.array(rows).T
    low, middle, high = np.percentile(after - before, [25, 50, 75])
    print(
        f"   {label} | {np.median(snr):6.1f} [{snr.min():5.1f} to {snr.max():5.1f}] |"
        f" {np.median(before):5.3f}  {np.median(after):5.3f}"
        f"  {middle:+.3f} [{low:+.3f}, {high:+.3f}]  {(after - before).min():+.3f}",
        flush=True,
    )


# --- 3. the noise level -------------------------------------------------------------------------


def level(role: str, count: int) -> None:
    """ESTOI where the noise is not what it is said to be, and for the other kind."""
    print("\n3. Change of ESTOI at 4,000 frames/s, all SNRs and both colours; the noise is ...")
    print("   kind     stated          | median [quartiles]        worst")
    changes: dict[tuple[Kind, float], list[float]] = {}
    conditions: list[tuple[Kind, float]] = [
        ("speech", 0), ("speech", -2), ("speech", 2), ("general", 0),
    ]  # fmt: skip
    for case, snr in itertools.product(cases(role, count, (4000,)), SNRS_DB):
        noisy, density = case.noisy(snr)
        before = score(estoi, case.sentence, noisy, case.rate_hz)
        for kind, error_db in conditions:
            stated = density * 10 ** (error_db / 10)
            enhanced = enhance(noisy, case.rate_hz, noise_psd=stated, kind=kind)
            after = score(estoi, case.sentence, enhanced, case.rate_hz)
            changes.setdefault((kind, error_db), []).append(after - before)
    for (kind, error_db), values in changes.items():
        low, middle, high = np.percentile(values, [25, 50, 75])
        stated_as = f"{error_db:+.0f} dB wrong" if error_db else "right"
        print(
            f"   {kind:8} {stated_as:15} | {middle:+.3f} [{low:+.3f}, {high:+.3f}]"
            f"  {min(values):+.3f}"
        )


# --- 4. mains -----------------------------------------------------------------------------------


def mains(role: str, count: int) -> None:
    """False alarms in noise; what is left of hum, in noise and under speech."""
    print(f"\n4. Mains: false alarms in 200 clips of white noise (stated: {FALSE_ALARM:.0%})")
    for rate, seconds in ((240, 10), (2200, 4), (2200, 20), (6000, 3)):
        noises = [np.random.default_rng([7, s]).standard_normal(rate * seconds) for s in range(200)]
        alarms = sum(bool(remove_mains(noise, rate).lines) for noise in noises)
        print(f"   {rate:4} frames/s, {seconds:2} s: {alarms}")
    print(
        "   Hum of 50.02 Hz (harmonics 1, 2, 3, 4, 6) that wanders by 10 mHz, 6 dB below the sound"
    )
    print("   rate  sound  | harmonics found of 5  left of the hum dB [worst]")
    for rate, sound in itertools.product(RATES_HZ, ("noise", "speech")):
        found, left = [], []
        for case in cases(role, count, (rate,)):
            if case.coloured:
                continue
            # The recordings have hum of their own, which is taken off first.
            clean = remove_mains(case.noisy(20)[0], rate).samples
            if sound == "noise":
                clean = replace(case, sound=0 * case.sound).noisy(0)[0]
            hum = _hum(len(clean), rate, np.random.default_rng(case.seed))
            result = remove_mains(clean + hum, rate)
            found.append(len({line.harmonic for line in result.lines} & {1, 2, 3, 4, 6}))
            rest = np.sum((result.samples - clean) ** 2) / np.sum(hum**2)
            left.append(10 * np.log10(rest))
        print(
            f"   {rate:4}  {sound:6} | {np.mean(found):20.1f}"
            f"  {np.median(left):18.1f} [{max(left):.1f}]"
        )
    _recorded_hum()


def _recorded_hum() -> None:
    names = sorted(SPEECH.glob("*/*.flac"))
    deviations = []
    for name in names:
        samples, recorded_hz, _ = read_audio(name)
        noisy = resample(samples, recorded_hz, 2200)
        noisy += 0.1 * noisy.std() * np.random.default_rng(1).standard_normal(len(noisy))
        lines = remove_mains(noisy, 2200).lines
        deviations += sorted({line.mains_hz - round(line.mains_hz, -1) for line in lines})
    print(
        f"   Hum of their own in {len(names)} recordings of speech: found {len(deviations)} times,"
        f" at most {np.abs(deviations).max() * 1000:.0f} mHz from 50 or 60 Hz"
        f" (median {np.median(np.abs(deviations)) * 1000:.0f}; 100 are allowed)"
    )


def _hum(samples: int, rate_hz: int, rng: np.random.Generator) -> Float64:
    time = np.arange(samples) / rate_hz
    wander = 0.01 * np.sin(2 * np.pi * time / 7 + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(50.02 + wander) / rate_hz
    parts = ((1, 0.5), (2, 1.0), (3, 0.2), (4, 0.5), (6, 0.3))
    hum = sum(size * np.cos(k * phase + rng.uniform(0, 6)) for k, size in parts)
    return np.asarray(0.5 * hum / np.std(hum))


if __name__ == "__main__":
    main()
