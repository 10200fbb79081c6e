"""Optical soundtracks against the ideal reader; and the memory that a reel takes.

python benchmarks/film.py [--seeds 3] [--frames 48] [--width 640] [--reel 20000]
"""

import argparse
import multiprocessing
import re
import tempfile
import time
import wave
from pathlib import Path

import numpy as np

import phonoscope as ph
from phonoscope.evaluate import align, si_sdr
from phonoscope.scene import FILM_KINDS, FilmScan, noise
from phonoscope.scene.film import FilmKind
from phonoscope.types import Float64

SOUND_HZ = 16000
BAND_HZ = (100.0, 5000.0)
_STEP = 1e-3


def spoken(seconds: float, seed: int) -> Float64:
    """Return noise with syllables, from -1 to 1."""
    sound = noise(seconds, SOUND_HZ, 150, 3000, seed)
    beat = np.sin(2 * np.pi * 1.7 * np.arange(len(sound)) / SOUND_HZ + seed) ** 2
    sound = sound * (0.15 + beat)
    return np.asarray(sound / np.abs(sound).max())


def limited(sound: Float64, rate_hz: float) -> Float64:
    """Return a sound within the band."""
    spectrum = np.fft.rfft(sound)
    frequency = np.fft.rfftfreq(len(sound), 1 / rate_hz)
    spectrum[(frequency < BAND_HZ[0]) | (frequency > BAND_HZ[1])] = 0
    return np.asarray(np.fft.irfft(spectrum, len(sound)))


def ideal_db(film: FilmScan) -> float:
    """Return the SNR of who knows all but grain and noise: least squares about the truth."""
    full = 2**film.bits - 1
    own = slice((film.height - film.pitch) // 2, (film.height - film.pitch) // 2 + film.pitch)
    errors, sounds = [], []
    for number in range(film.frames):
        other = [0.0] * (np.atleast_2d(film.sound).shape[0] - 1)
        slope = film.clean(number, [_STEP, *other]) - film.clean(number, [-_STEP, *other])
        slope = slope / (2 * _STEP)
        variance = film.spread(number) ** 2 + 1 / 12 / full**2
        weight = np.where(film.damaged(number) > -0.05, slope / variance, 0)
        told = (weight * slope).sum(axis=1)
        error = (weight * (film.scan(number) / full - film.clean(number))).sum(axis=1)
        good = told > 0.2 * np.median(told)
        at = np.arange(len(told))
        errors.append(np.interp(at, at[good], error[good] / told[good])[own])
        sounds.append(film.sound_at(film.lines(number))[0][own])
    power = limited(np.concatenate(sounds), film.line_rate_hz).var()
    return float(10 * np.log10(power / limited(np.concatenate(errors), film.line_rate_hz).var()))


def read_wav(path: Path) -> Float64:
    """Return ``(channel, sample)``."""
    with wave.open(str(path)) as file:
        raw = np.frombuffer(file.readframes(file.getnframes()), np.uint8).reshape(-1, 3)
        wide = np.zeros((len(raw), 4), np.uint8)
        wide[:, 1:] = raw
        return np.asarray(wide.view("<i4").reshape(-1, file.getnchannels()).T / 2**31)


def ours_db(film: FilmScan, sound: Float64) -> float:
    """Return the SNR of a sound that was read from a film's scans, of its first channel."""
    line = np.arange(sound.shape[1]) / 48000 * film.line_rate_hz
    truth = film.sound_at(line + (film.pitch - film.height) / 2)[0]
    inner = slice(2400, -2400)
    want, got = limited(truth, 48000)[inner], limited(sound[0], 48000)[inner]
    aligned, _, _ = align(want, got, 48000, max_lag_s=0.005)
    return si_sdr(want[500:-500], aligned[500:-500])


def _table(how: argparse.Namespace) -> None:
    print(f"{'kind':>10} {'seed':>4} | {'ideal':>6} {'ours':>6} {'loss':>5} | found")
    for kind in FILM_KINDS[:-1]:
        losses = []
        for seed in range(how.seeds):
            film = _film(kind, seed, how)
            scans = np.array(list(film.scans()))
            with tempfile.TemporaryDirectory() as folder:
                try:
                    done = ph.film_track(scans, Path(folder) / "out.wav")
                except ph.InputError as error:
                    print(f"{kind:>10} {seed:>4} | {error}")
                    losses.append(np.inf)
                    continue
                ours = ours_db(film, read_wav(done.output))
            ideal = ideal_db(film)
            losses.append(ideal - ours)
            print(
                f"{kind:>10} {seed:>4} | {ideal:6.2f} {ours:6.2f} {ideal - ours:5.2f} | "
                f"{done.kind}, {done.channels} channels, claimed {done.snr_db:.1f} dB",
                flush=True,
            )
        print(f"{kind:>10}  all | loss {np.median(losses):.2f}, worst {max(losses):.2f}")


def _film(kind: FilmKind, seed: int, how: argparse.Namespace) -> FilmScan:
    channels = 2 if kind == "dual" else 1
    seconds = how.frames / 24 + 0.2
    sound = np.array([spoken(seconds, seed + 100 * c) for c in range(channels)])
    return FilmScan(
        sound, SOUND_HZ, kind=kind, frames=how.frames, width=how.width, seed=seed,
        skew=0.002 * (seed % 3 - 1), gamma=(1.0, 1.6)[seed % 2] if kind == "density" else 1.0,
    )  # fmt: skip


def _reel(path: Path, frames: int) -> None:
    film = FilmScan(spoken(20.0, 0), SOUND_HZ, frames=96, overlap=0.1, width=128, pitch=96)
    few = np.array(list(film.scans()))
    mapped = np.lib.format.open_memmap(path, "w+", np.uint8, (frames, film.height, film.width))
    for first in range(0, frames, len(few)):
        mapped[first : first + len(few)] = few[: frames - first]
    mapped.flush()


def _read(path: Path, answer: "multiprocessing.Queue[tuple[float, float]]") -> None:
    begun = time.perf_counter()
    ph.film_track(path, path.with_suffix(".wav"))
    status = Path("/proc/self/status").read_text("utf-8")
    anonymous = re.search(r"RssAnon:\s+(\d+)", status)
    peak = int(anonymous[1]) / 1024 if anonymous else float("nan")
    answer.put((time.perf_counter() - begun, peak))


def _memory(frames: int) -> None:
    print(f"{'scans':>7} | {'s':>7} {'scans/s':>8} | memory of its own, MB (at the end)")
    for count in sorted({max(200, frames // 10), frames}):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "reel.npy"
            _reel(path, count)
            context = multiprocessing.get_context("spawn")
            answer: multiprocessing.Queue[tuple[float, float]] = context.Queue()
            process = context.Process(target=_read, args=(path, answer))
            process.start()
            seconds, peak = answer.get()
            process.join()
        print(f"{count:7,} | {seconds:7.1f} {count / seconds:8.1f} | {peak:.0f}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--reel", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.reel:
        _memory(chosen.reel)
    else:
        _table(chosen)
