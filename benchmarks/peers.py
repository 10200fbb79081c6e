"""Beside other tools that measure small motion, on the same clips: speed, memory, accuracy.

python benchmarks/peers.py [--frames 400] [--seeds 3] [--rms 0.01 0.05]

Needs `pip install pyidi` in the environment of Phonoscope. Each measurement runs in a process of
its own, from an array in memory. A rigid scene moves as one: the motion of all points is averaged,
by Phonoscope weighed by what each cell knows, and compared with the truth.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import phonoscope as ph
from phonoscope.scene import Camera, Motion, Scene, preset
from phonoscope.scene.truth import Truth
from phonoscope.types import Float64

SIZE, RATE = 704, 2200
POINTS = np.linspace(24, SIZE - 24, 30).round().astype(int)  # of a grid of so many by so many


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rms", type=float, nargs="+", default=[0.01, 0.05], help="of motion, px")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        child(*arguments.child)
        return
    print(f"{SIZE}x{SIZE}, 8 bit, {arguments.frames} frames; median [worst] of the seeds")
    print("method                          | frames/s  peak MB | motion px | SNR dB  scale")
    with tempfile.TemporaryDirectory() as name:
        for rms in arguments.rms:
            clips = [
                render(Path(name), rms, arguments.frames, seed) for seed in range(arguments.seeds)
            ]
            for method in METHODS:
                report(method, rms, [run(method, clip) for clip in clips])


def report(method: str, rms: float, found: list[dict[str, float] | None]) -> None:
    known = [one for one in found if one is not None]
    if not known:
        print(f"{method:31} | not installed, or it failed")
        return
    speed, memory, snr, scale = (
        [one[key] for one in known] for key in ("frames_s", "peak_mb", "snr_db", "scale")
    )
    print(
        f"{method:31} | {median(speed):8.1f}  {max(memory):7.0f} | {rms:9.3f} | "
        f"{median(snr):5.1f} [{min(snr):.1f}]  {median(scale):.3f}",
        flush=True,
    )


def render(folder: Path, rms: float, frames: int, seed: int) -> Path:
    camera = Camera(SIZE, SIZE, Fraction(RATE), read_noise=2.0)
    scene = preset("rigid")
    assert isinstance(scene, Scene)
    scene = replace(scene, camera=camera, motion=Motion(rms, seed=seed), samples=frames, seed=seed)
    path = folder / f"{rms}-{seed}.npz"
    middle = np.array([SIZE // 2])
    truth = Truth(scene).displacement_px(np.arange(frames), middle, middle)[:, 0]
    np.savez(path, frames=np.array(list(scene.frames())), truth=truth)
    return path


def run(method: str, clip: Path) -> dict[str, float] | None:
    given = [sys.executable, __file__, "--child", method, str(clip)]
    done = subprocess.run(given, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "", file=sys.stderr)
        return None
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def child(method: str, clip: str) -> None:
    with np.load(clip) as held:
        frames, truth = held["frames"], held["truth"]
    METHODS[method](frames[:40])  # compiled before the clock runs
    begun = time.perf_counter()
    seen = METHODS[method](frames)
    took = time.perf_counter() - begun
    seen, truth = seen - seen.mean(axis=0), truth[-len(seen) :] - truth[-len(seen) :].mean(axis=0)
    scale = float((seen * truth).sum() / (truth * truth).sum())
    error = float(((seen - truth) ** 2).sum() / (truth**2).sum())
    peak = next(
        int(line.split()[1]) / 1024
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith("VmHWM")
    )
    print(
        json.dumps(
            {
                "frames_s": len(frames) / took,
                "peak_mb": peak,
                "snr_db": -10 * np.log10(error),
                "scale": scale,
            }
        )
    )


def ours(frames: Any) -> Float64:
    field = ph.measure(frames, fps=RATE)
    information = np.linalg.pinv(field.covariance[:, :2, :2])
    known = np.isfinite(field.covariance[:, :2, :2]).all(axis=(1, 2))
    information, motion = information[known], field.motion[:, known].astype(np.float64)
    total = np.linalg.inv(information.sum(axis=0))
    return np.asarray(np.einsum("cij,tcj->ti", information, motion) @ total)


def lucas_kanade(frames: Any, edge: int) -> Float64:
    from pyidi import LucasKanade, VideoReader  # not of this project

    method = LucasKanade(VideoReader(frames, root=".", fps=RATE))
    down, right = np.meshgrid(POINTS, POINTS, indexing="ij")
    method.set_points(np.stack([down.ravel(), right.ravel()], axis=1))
    moved = method.get_displacements(
        autosave=False, roi_size=(edge, edge), verbose=0, show_pbar=False
    )  # (point, frame, (y, x))
    return np.asarray(np.nanmean(moved, axis=0)[:, ::-1], np.float64)


METHODS: dict[str, Callable[[Any], Float64]] = {
    "Phonoscope measure": ours,
    "pyidi, 900 points of 9 x 9": partial(lucas_kanade, edge=9),
    "pyidi, 900 points of 23 x 23": partial(lucas_kanade, edge=23),  # all of the picture
}

if __name__ == "__main__":
    main()
