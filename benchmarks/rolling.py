"""Sound from a rolling shutter: how near to the oracle, tones, cost, rendered video, silence.

python benchmarks/rolling.py [rows] [drawn] [tones] [cost] [rendered] [bound] [coded]
    [silence] [--seeds 4] [--rows 720] [--clips 20] [--first 0]
"""

import argparse
import itertools
import time
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import scipy.linalg  # noqa: F401 - limits hold for libraries that are loaded by now
from threadpoolctl import threadpool_limits

from listening_truth import RATE_HZ, voice
from phonoscope.evaluate import evaluate, limit_band
from phonoscope.scene.generate import _KEY_HZ, _TUNE, tones, tune
from phonoscope.sound.irregular import Even, Rows, even_out, stream_even
from phonoscope.types import Float64
from rolling_video import coded, rendered, silent
from rolling_yardsticks import (
    BAND_HZ,
    BINS,
    FPS,
    HOPS_PER_S,
    NOISE_PX,
    PERIODS,
    Clip,
    drawn,
    exposed,
    filmed,
    janssen,
    linear,
    local_spectra,
    posterior,
    score_db,
    sharpened,
    sound_of,
    wiener,
)

EXPOSURES = (2000, 4000)  # 1/s
LEVELS_PX = (0.003, 0.01, 0.03, 0.1)
SECONDS = 2.0
NEAR_DB = 2.5
TONES_HZ = (440.0, 785.0, 1400.0)
CHORD_HZ = (440.0, 554.37)
STEADY = ("linear", "AR+Wiener", "ours")  # methods that hear tones
BIN_HZ = FPS * BINS
_OURS_HZ = 8000
_ORACLE_S = 0.07
_OURS_S = 0.085  # of the rows that ours looks at together
_HOPS = round(SECONDS * HOPS_PER_S) + 1
_TUNE_S = 8.0
Estimate = tuple[Float64, float]
"""Samples and their rate, Hz."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--rows", type=int, default=720, choices=PERIODS)
    parser.add_argument("--clips", type=int, default=20, help="silent clips")
    parser.add_argument("--first", type=int, default=0, help="first seed of the silent clips")
    arguments = parser.parse_args()
    seeds = range(arguments.seeds)
    parts: dict[str, Callable[[], None]] = {
        "rows": lambda: against_oracle(seeds, arguments.rows),
        "drawn": lambda: against_truth(seeds, arguments.rows),
        "tones": lambda: steady(seeds, arguments.rows),
        "cost": lambda: cost(arguments.rows),
        "rendered": lambda: rendered(seeds),
        "bound": lambda: readers(seeds, arguments.rows),
        "coded": lambda: coded(seeds),
        "silence": lambda: silent(arguments.clips, arguments.first),
    }
    # As `listen_to_rows` does: threads that wait for each other take many times as long.
    with threadpool_limits(1, "blas"):
        for name in arguments.parts or parts:
            parts[name]()


# --- methods ------------------------------------------------------------------------------------


def interpolated(clip: Clip) -> Estimate:
    """Straight lines over the gaps."""
    return linear(clip.lines), float(FPS * clip.period)


def at_row_rate(clip: Clip) -> Estimate:
    """Janssen's method on the rows as they are, three frames at a time."""
    filled = janssen(clip.lines, 3 * clip.period, 2 * clip.period, iterations=3)
    return filled, float(FPS * clip.period)


def autoregressive(clip: Clip) -> Estimate:
    """Janssen's method on means of neighbouring rows: less noise, and a shorter process."""
    return sharpened(janssen(clip.bins, 5 * BINS, BINS, iterations=3), BIN_HZ), BIN_HZ


def denoised(clip: Clip) -> Estimate:
    """The best found: a process of fixed order, and a Wiener filter after it, told the noise."""
    filled = janssen(clip.bins, 5 * BINS, BINS, iterations=3, order=100)
    return sharpened(wiener(filled, BIN_HZ, clip.bin_variance), BIN_HZ), BIN_HZ


def ours(clip: Clip) -> Estimate:
    """`phonoscope.sound.irregular.even_out`."""
    variance = np.full(len(clip.values), NOISE_PX**2)
    rows = Rows(clip.times_s, clip.values, variance)
    return even_out([rows], rate_hz=_OURS_HZ, band_hz=BAND_HZ[1]).samples, _OURS_HZ


def oracle(window_s: float, *, smoothed: bool) -> Callable[[Clip], Estimate]:
    """Return the posterior that knows the local spectrum."""

    def method(clip: Clip) -> Estimate:
        return posterior(clip, local_spectra(clip.averaged, window_s, smoothed=smoothed)), BIN_HZ

    return method


METHODS: dict[str, Callable[[Clip], Estimate]] = {
    "linear": interpolated,
    "AR rows": at_row_rate,
    "AR": autoregressive,
    "AR+Wiener": denoised,
    "ours": ours,
    "oracle": oracle(_ORACLE_S, smoothed=True),
    "70 ms": oracle(_ORACLE_S, smoothed=False),
    "40 ms": oracle(0.04, smoothed=False),
}


# --- 1. rows ------------------------------------------------------------------------------------


def against_oracle(seeds: range, rows: int) -> None:
    """SI-SDR of speech and music from rows drawn directly, each method on the same clips."""
    low, high = BAND_HZ
    print(
        f"\n1. Rows: {rows} rows, {FPS} frames/s, {rows / PERIODS[rows]:.0%} of the time read out,"
    )
    print(f"   row noise {NOISE_PX} px; SI-SDR, dB, {low:g} to {high:g} Hz, gaps included, against")
    print(f"   the sound averaged over the exposure; median [worst] of {len(seeds)} seeds of 2 s")
    print("   AR: Janssen et al. 1986, on rows, on means of rows, and with a Wiener filter")
    print("   oracle: the local spectrum known; 70 ms, 40 ms: even this sound's amplitudes known")
    print("   loss: ours below the oracle; played: ours and the oracle against the sound itself")
    heads = " ".join(f"{name:>14}" for name in METHODS)
    print(f"   sound   exposure  rms px | {heads} |  loss [worst]  | played: ours, oracle")
    losses: list[float] = []
    for kind, exposure, rms in itertools.product(("speech", "music"), EXPOSURES, LEVELS_PX):
        results = [_scores(kind, exposure, rms, rows, seed) for seed in seeds]
        table = {name: np.array([row[name] for row in results]) for name in results[0]}
        loss = table["oracle"] - table["ours"]
        losses += list(loss)
        cells = " ".join(_spread(table[name]) for name in METHODS)
        played = "  ".join(f"{np.median(table[name]):6.2f}" for name in ("+ours", "+oracle"))
        print(
            f"   {kind:6}    1/{exposure:<6} {rms:6.3f} | {cells} |"
            f" {np.median(loss):5.2f} [{loss.max():5.2f}] | {played}",
            flush=True,
        )
    near = sum(loss <= NEAR_DB for loss in losses)
    print(
        f"   all: loss {np.median(losses):.2f} [{max(losses):.2f}] dB; within {NEAR_DB:g} dB: "
        f"{near} of {len(losses)} (target: all)"
    )


def _scores(kind: str, exposure: int, rms_px: float, rows: int, seed: int) -> dict[str, float]:
    """Return the SI-SDR of each method, and with a plus against what was played."""
    clip = filmed(sound_of(kind, SECONDS, seed), rms_px, 1 / exposure, rows, seed)
    heard = {name: method(clip) for name, method in METHODS.items()}
    scores = {name: score_db(clip.averaged, *one) for name, one in heard.items()}
    played = {f"+{name}": score_db(clip.sound, *heard[name]) for name in ("ours", "oracle")}
    return scores | played


def _spread(values: Float64) -> str:
    return f"{np.median(values):6.2f} [{values.min():5.2f}]"


def _range(values: Float64) -> str:
    return f"{np.median(values):5.2f} [{values.min():5.2f}, {values.max():5.2f}]"


def against_truth(seeds: range, rows: int) -> None:
    """SI-SDR of processes whose local spectrum is known, for they were drawn from it."""
    print(f"\n1b. As 1, of Gaussian processes drawn from the spectra of such sounds, {rows} rows,")
    print(f"   exposure 1/{EXPOSURES[0]} s; median [worst] of {len(seeds)} seeds. Of the best")
    print("   estimate of a process whose spectrum is known to be:")
    print("   true: what it was drawn from. No estimate is better on average")
    print("   oracle: of 1, which takes it from the very sound that it is to find, so it is better")
    print("   second: taken so from another performance, of the same process, clean, without gaps")
    names = ("true", "oracle", "second", "AR+Wiener", "ours")
    print(f"   drawn    rms px | {' '.join(f'{name:>14}' for name in names)} |"
          " ours below: true [from, to]     second [from, to]")  # fmt: skip
    for kind, rms in itertools.product(("speech", "music"), LEVELS_PX):
        table = np.array([_drawn_scores(kind, rms, rows, seed) for seed in seeds]).T
        below = [table[n] - table[-1] for n in (0, 2)]
        print(
            f"   {kind:6}   {rms:6.3f} | {' '.join(_spread(column) for column in table)} |"
            f" {_range(below[0]):>18}  {_range(below[1])}",
            flush=True,
        )


def _drawn_scores(kind: str, rms_px: float, rows: int, seed: int) -> list[float]:
    sound, exposure = sound_of(kind, SECONDS, seed), 1 / EXPOSURES[0]
    power = local_spectra(sound, _ORACLE_S, smoothed=True)
    # Both performances at the level of the process, which is not quite that of either.
    level = 1 / np.sqrt(power.sum(axis=1).mean())
    clip, second = (
        filmed(level * drawn(power, len(sound), number), rms_px, exposure, rows, number)
        for number in (seed, seed + 1000)
    )
    hops = round(len(clip.averaged) * HOPS_PER_S / RATE_HZ) + 1
    spectra_of = (
        exposed(power[:hops] * (level * rms_px) ** 2, exposure),
        local_spectra(clip.averaged, _ORACLE_S, smoothed=True),
        local_spectra(second.averaged, _ORACLE_S, smoothed=True),
    )
    best = [(posterior(clip, spectrum), BIN_HZ) for spectrum in spectra_of]
    heard = [*best, denoised(clip), ours(clip)]
    return [score_db(clip.averaged, *one) for one in heard]


# --- 2. tones -----------------------------------------------------------------------------------


def steady(seeds: range, rows: int) -> None:
    """Tones and a chord against all else in the band, and a tune of which each note is named."""
    print("\n2. Tones: power of the lines over all else in the band, dB; of the tune's 26 notes")
    print("   those recognised within half a semitone, and how far off one is at most, semitones;")
    print(f"   exposure 1/2000 s; median [worst] of {len(seeds)} seeds of the noise")
    print("   line: who knows that these lines are all there is, and hears as long a piece as ours")
    print("   played          rms px | " + " ".join(f"{name:>14}" for name in (*STEADY, "line")))
    for lines in (*((hz,) for hz in TONES_HZ), CHORD_HZ):
        label = " + ".join(f"{hz:.0f}" for hz in lines) + " Hz"
        sound = tones(SECONDS, RATE_HZ, lines)
        for rms in LEVELS_PX:
            cells = []
            for name in STEADY:
                heard = _heard(sound, rms, rows, seeds, name)
                cells.append(_spread(np.array([lines_over_rest(*one, lines) for one in heard])))
            known = (_lines_known(sound, rms, rows, seed, lines) for seed in seeds)
            cells.append(_spread(np.array([lines_over_rest(*one, lines) for one in known])))
            print(f"   {label:15} {rms:6.3f} | {' '.join(cells)}", flush=True)
    sound = tune(_TUNE_S, RATE_HZ)
    for rms in LEVELS_PX:
        cells = []
        for name in STEADY:
            heard = _heard(sound, rms, rows, seeds, name)
            off = np.abs([notes_off(*one) for one in heard])
            right = np.sum(off < 0.5, axis=1)
            cells.append(f"{np.median(right):3.0f} [{right.min():2}] {off.max():5.2f}")
        print(f"   {'tune':15} {rms:6.3f} | {' '.join(cells)}", flush=True)


def _heard(sound: Float64, rms_px: float, rows: int, seeds: range, name: str) -> Iterator[Estimate]:
    for seed in seeds:
        yield METHODS[name](filmed(sound, rms_px, 1 / EXPOSURES[0], rows, seed))


def _lines_known(
    sound: Float64, rms_px: float, rows: int, seed: int, lines_hz: tuple[float, ...]
) -> Estimate:
    """Return the posterior that knows which lines there are: what noise leaves of them at best."""
    clip, hz = filmed(sound, rms_px, 1 / EXPOSURES[0], rows, seed), np.array(lines_hz)
    power = np.tile(rms_px**2 / len(hz) * np.sinc(hz / EXPOSURES[0]) ** 2, (_HOPS, 1))
    return posterior(clip, power, _OURS_S, lines_hz=hz), BIN_HZ


def lines_over_rest(samples: Float64, rate_hz: float, lines_hz: tuple[float, ...]) -> float:
    """Return the power of sines at these frequencies over all else in the band, dB."""
    heard = limit_band(samples, rate_hz, BAND_HZ)
    time = np.arange(len(heard)) / rate_hz
    waves = np.exp(2j * np.pi * np.outer(time, lines_hz))
    basis = np.hstack([waves.real, waves.imag])
    fit = basis @ np.linalg.lstsq(basis, heard, rcond=None)[0]
    return float(10 * np.log10((fit @ fit) / np.sum((heard - fit) ** 2)))


def notes_off(samples: Float64, rate_hz: float) -> Float64:
    """Return how far each note of the tune is off, semitones.

    A note's pitch is the strongest line of its time between 220 and 450 Hz.
    """
    beats = np.array([length for _, length in _TUNE])
    edges = np.round(np.append(0, np.cumsum(beats)) / beats.sum() * len(samples)).astype(int)
    off = []
    for (semitones, _), begin, end in zip(_TUNE, edges, edges[1:], strict=False):
        own = samples[begin:end] * np.hanning(end - begin)
        hz = np.fft.rfftfreq(1 << 16, 1 / rate_hz)
        power = np.where((hz > 220) & (hz < 450), np.abs(np.fft.rfft(own, 1 << 16)), 0)
        pitch = hz[power.argmax()]
        off.append(12 * np.log2(pitch / _KEY_HZ) - semitones)
    return np.array(off)


# --- 3. cost ------------------------------------------------------------------------------------


def cost(rows: int) -> None:
    """Seconds for each second of video, and memory of a short and a long one."""
    print(f"\n3. Cost of reconstruction, {rows} rows at {FPS} frames/s")
    for seconds in (4.0, 20.0):
        begin = time.perf_counter()
        for _ in _streamed(seconds, rows):
            pass
        took = time.perf_counter() - begin
        tracemalloc.start()
        for _ in _streamed(seconds, rows):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(
            f"   {seconds:3.0f} s of video: {took / seconds:5.2f} s for each, {peak / 1e6:6.1f} MB",
            flush=True,
        )


def _streamed(seconds: float, rows: int) -> Iterator[Even]:
    """Reconstruct a glide whose rows are drawn frame by frame, with noise."""
    rng = np.random.default_rng(0)
    period = PERIODS[rows]
    variance = np.full(rows, NOISE_PX**2)

    def blocks() -> Iterator[Rows]:
        for frame in range(round(seconds * FPS)):
            times = (frame + np.arange(rows) / period) / FPS
            glide = 0.01 * np.sin(2 * np.pi * (300 + 5 * times) * times)
            yield Rows(times, glide + NOISE_PX * rng.standard_normal(rows), variance)

    return stream_even(blocks(), rate_hz=_OURS_HZ, band_hz=BAND_HZ[1])


# --- 4b. how intelligible speech can be ---------------------------------------------------------

_LOUD_PX = 0.15


def readers(seeds: range, rows: int) -> None:
    """STOI of each reader from rows drawn directly, without a codec: what holds it back."""
    print(
        f"\n4b. Bound of 4: the same voices at {_LOUD_PX} px as {rows} drawn rows, no codec; STOI"
    )
    print("   exposure: no gaps and no noise; oracle, 70 ms: as in 1")
    methods = {name: METHODS[name] for name in ("ours", "oracle", "70 ms")}
    print("   reader  exposure  " + "  ".join(f"{name:>6}" for name in methods))
    for seed in seeds:
        played = voice(seed, SECONDS + 1)
        clip = filmed(played, _LOUD_PX, 1 / EXPOSURES[0], rows, seed)
        heard: list[Estimate] = [(clip.averaged, RATE_HZ), *(m(clip) for m in methods.values())]
        stoi = [
            evaluate(clip.sound, RATE_HZ, *one, band_hz=BAND_HZ).estimate["stoi"] for one in heard
        ]
        print(f"   {seed:6}    {'   '.join(f'{one:.3f}' for one in stoi)}", flush=True)


if __name__ == "__main__":
    main()
