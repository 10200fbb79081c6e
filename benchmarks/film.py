"""Optical soundtracks against the ideal reader; and the memory that a reel takes.

python benchmarks/film.py [--kinds dual,density] [--seeds 5] [--frames 48] [--reel 20000]
"""

import argparse
import multiprocessing
import re
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import phonoscope as ph
from film_yardsticks import SOUND_HZ, ideal_db, ours_db, read_wav, spoken
from phonoscope.scene import FilmScan

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


def _reel(path: Path, frames: int) -> None:
    film = FilmScan(spoken(20.0, 0), SOUND_HZ, frames=96, overlap=0.1, width=128, pitch=96)
    few = np.array(list(film.scans()))
    mapped = np.lib.format.open_memmap(path, "w+", np.uint8, (frames, film.height, film.width))
    for first in range(0, frames, len(few)):
        mapped[first : first + len(few)] = few[: frames - first]
    mapped.flush()


def _own_mb() -> float:
    """Return the memory of this process that is not of files, MB."""
    anonymous = re.search(r"RssAnon:\s+(\d+)", Path("/proc/self/status").read_text("utf-8"))
    return int(anonymous[1]) / 1024 if anonymous else float("nan")


def _read(path: Path, answer: "multiprocessing.Queue[tuple[float, float]]") -> None:
    begun = time.perf_counter()
    peak = [0.0]

    def watch(*_: object) -> None:
        peak[0] = max(peak[0], _own_mb())

    ph.film_track(path, path.with_suffix(".wav"), progress=watch)
    watch()
    answer.put((time.perf_counter() - begun, peak[0]))


def _memory(frames: int) -> None:
    print(f"{'scans':>7} | {'s':>7} {'scans/s':>8} | memory of its own, MB (most)")
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
