"""Optical soundtracks against the ideal reader; and the memory that a reel takes.

python benchmarks/film.py [--kinds dual,density] [--seeds 5] [--frames 48] [--reel 20000]
"""

import argparse
import multiprocessing
import re
import tempfile
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np

import phonoscope as ph
from film_yardsticks import SOUND_HZ, ideal_db, limited, ours_db, read_wav, spoken
from phonoscope.scene import FilmScan

_PERIOD = 96  # scans of a reel, which come again and again
KINDS = ("unilateral", "bilateral", "dual", "stereo", "density")


def _table(how: argparse.Namespace) -> None:
    print(f"{'kind':>10} {'seed':>4} | {'ideal':>6} {'ours':>6} {'loss':>5} | found")
    for kind in how.kinds.split(","):
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


def _film(kind: str, seed: int, how: argparse.Namespace) -> FilmScan:
    channels = 2 if kind == "stereo" else 1
    seconds = how.frames / 24 + 0.2
    sound = np.array([spoken(seconds, seed + 100 * c) for c in range(channels)])
    drawn: Any = "dual" if kind == "stereo" else kind
    return FilmScan(
        sound, SOUND_HZ, kind=drawn, frames=how.frames, width=how.width, seed=seed,
        skew=0.002 * (seed % 3 - 1), gamma=(1.0, 1.6)[seed % 2] if kind == "density" else 1.0,
    )  # fmt: skip


def _film_of_reel() -> FilmScan:
    # What comes round again without a seam: its sound is told at both ends of the reel.
    period = limited(spoken(_PERIOD / 24, 0), SOUND_HZ)
    sound = np.tile(period / np.abs(period).max(), 3)
    return FilmScan(sound, SOUND_HZ, frames=3 * _PERIOD, width=320)


def _reel(path: Path, film: FilmScan, frames: int) -> None:
    few = np.array([film.scan(number) for number in range(_PERIOD, 2 * _PERIOD)])
    mapped = np.lib.format.open_memmap(path, "w+", np.uint8, (frames, film.height, film.width))
    for first in range(0, frames, len(few)):
        mapped[first : first + len(few)] = few[: frames - first]
    mapped.flush()


def _period_db(film: FilmScan, path: Path, number: int) -> float:
    """Return the SNR of one of the periods of a reel's sound."""
    length = _PERIOD * 48000 // 24
    with wave.open(str(path)) as file:
        file.setpos(number * length)
        raw = np.frombuffer(file.readframes(length), np.uint8).reshape(-1, 3)
    wide = np.zeros((len(raw), 4), np.uint8)
    wide[:, 1:] = raw
    return ours_db(film, np.asarray(wide.view("<i4").reshape(1, -1) / 2**31))


def _own_mb() -> float:
    """Return the memory of this process that is not of files, MB."""
    anonymous = re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text("utf-8"))
    return int(anonymous[1]) / 1024 if anonymous else float("nan")


def _read(path: Path, answer: "multiprocessing.Queue[tuple[float, float, float]]") -> None:
    begun = time.process_time()
    peak = [0.0]

    def watch(*_: object) -> None:
        peak[0] = max(peak[0], _own_mb())

    done = ph.film_track(path, path.with_suffix(".wav"), progress=watch)
    watch()
    answer.put((time.process_time() - begun, peak[0], done.pitch_lines))


def _memory(frames: int) -> None:
    film = _film_of_reel()
    print(
        f"{'scans':>7} | {'CPU s':>7} | memory, MB (most) | lines a frame | dB, first and last 4 s"
    )
    for count in sorted({max(200, frames // 10), frames}):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "reel.npy"
            _reel(path, film, count)
            context = multiprocessing.get_context("spawn")
            answer: multiprocessing.Queue[tuple[float, float, float]] = context.Queue()
            process = context.Process(target=_read, args=(path, answer))
            process.start()
            seconds, peak, pitch = answer.get()
            process.join()
            ends = [
                _period_db(film, path.with_suffix(".wav"), number)
                for number in (1, count // _PERIOD - 2)
            ]
        print(
            f"{count:7,} | {seconds:7.1f} | {peak:17.0f} | {pitch:8.3f} of {film.pitch} | "
            f"{ends[0]:.2f} {ends[1]:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--reel", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.reel:
        _memory(chosen.reel)
    else:
        _table(chosen)
