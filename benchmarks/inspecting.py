"""What `inspect` foretells, against what then happens.

python benchmarks/inspecting.py [--repeats 3] [--gigabytes 10]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

import phonoscope as ph
from phonoscope.scene import Camera, Motion, Scene, Texture, noise, silence, write_video
from phonoscope.sound import displacement_information
from phonoscope.sound.filter import band_pass
from phonoscope.types import MotionField
from studio import large

RATE_HZ = 8000
RECORDINGS = Path(__file__).parents[2] / "shared" / "data" / "video"
# Both start anew, as for a user. What a process inherits from the one that starts it counts in
# getrusage, not in VmHWM.
_RUN = """
import json, re, sys, time
import phonoscope as ph
begun = time.perf_counter()
name, path, fps, delay = sys.argv[1:]
found = getattr(ph, name)(path, fps=fps, line_delay=float(delay) or None)
took = time.perf_counter() - begun
if name == "inspect":
    told = ("noise_px", "detectable_px", "seconds", "memory_bytes", "band_hz")
    print(json.dumps([took, [getattr(found, one) for one in told]]))
else:
    peak = re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]
    print(json.dumps([took, 1024 * int(peak)]))
"""


@dataclass(frozen=True)
class Clip:
    """A file, how to read it, and whether its noise can be told from what is heard."""

    name: str
    path: Path
    fps: str
    line_delay_s: float
    silent: bool


def clips(folder: Path) -> Iterator[Clip]:
    """Yield rendered clips, stored in several ways, and real ones where they are at hand."""
    cases = (
        ("foil 160 x 128, FFV1", "foil", (160, 128), 2200, 8000, 0.0, 0.0, "ffv1", None),
        ("speckle 704 x 704, FFV1", "speckle", (704, 704), 2200, 1500, 0.0, 0.0, "ffv1", None),
        ("leaves 704 x 704, H.264", "leaves", (704, 704), 2200, 1500, 0.0, 0.0, "h264", 10),
        ("fabric 320 x 240, MJPEG", "fabric", (320, 240), 1000, 4000, 0.0, 0.01, "mjpeg", None),
        ("foil 320 x 720, rolling", "foil", (320, 720), 60, 600, 16e-6, 0.0, "ffv1", None),
        ("print 320 x 720, rolling", "print", (320, 720), 60, 600, 16e-6, 0.05, "ffv1", None),
    )  # fmt: skip
    for number, (name, texture, size, rate, frames, delay, rms, codec, crf) in enumerate(cases):
        length = frames / rate + 1
        scene = Scene(
            Camera(
                *size, Fraction(rate), 1 / 2000 if delay else 0.0,
                read_noise=2.0, shot_gain=0.05, line_delay_s=delay,
            ),
            Texture(texture, seed=number),
            Motion(rms, seed=number),
            noise(length, RATE_HZ, 60, 1000, number) if rms else silence(length, RATE_HZ),
            RATE_HZ,
            frames,
            seed=number,
        )  # fmt: skip
        path = folder / f"{number}.{'avi' if codec == 'mjpeg' else 'mkv'}"
        more = {} if crf is None else {"crf": crf}
        # Played slowly: AVI cannot claim such rates, and cameras do not.
        write_video(scene.frames(), path, min(rate, 60), codec=codec, **more)
        yield Clip(name, path, str(rate), delay, silent=not rms and not delay)
    for path in sorted(RECORDINGS.glob("*fps.mp4")):
        fps = path.stem.rsplit("_", 1)[1].removesuffix("fps")
        yield Clip(path.name, path, fps, 0.0, silent=False)


def real_noise_px(field: MotionField, band: tuple[float, float]) -> float:
    """Return the deviation of the picture's mean motion in a band, along a mean direction."""
    information = displacement_information(field.information)
    total = information.sum(axis=0)
    mean = np.einsum("cij,tcj->ti", information, field.motion) @ np.linalg.inv(total)
    variance = band_pass(mean @ np.linalg.eigh(total)[1], float(field.rate_hz), band).var(axis=0)
    return float(np.mean(1 / variance) ** -0.5)


def in_a_process(name: str, clip: Clip) -> list[Any]:
    """Run `inspect` or `recover`."""
    command = [sys.executable, "-c", _RUN, name, str(clip.path), clip.fps, str(clip.line_delay_s)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return list(json.loads(done.stdout))


def compare(clip: Clip, repeats: int) -> None:
    """Print a row."""
    delay = clip.line_delay_s or None
    looks, runs = [], []
    for _ in range(repeats):
        looks.append(in_a_process("inspect", clip))
        runs.append(in_a_process("recover", clip))
    noise_px, detectable_px, _, told_memory, band_hz = looks[-1][1]
    field = ph.measure(clip.path, fps=clip.fps, line_delay=delay)
    verdict = ph.recover(field).verdict
    assert verdict is not None
    noise_off = ""
    if clip.silent:
        noise_off = f"{noise_px / real_noise_px(field, band_hz) - 1:+.1%}"
    told = statistics.median(look[1][2] for look in looks)
    took = statistics.median(seconds for seconds, _ in runs)
    memory = max(size for _, size in runs)
    print(
        f"{clip.name:30} | {statistics.median(look[0] for look in looks):5.1f} s |"
        f" {noise_px:.5f} {noise_off:>7} |"
        f" {detectable_px:.5f}"
        f" {20 * np.log10(detectable_px / verdict.detectable_px):+5.1f} dB |"
        f" {told:5.1f} {took:5.1f} s {told / took - 1:+6.0%} |"
        f" {told_memory / 2**20:4.0f} {memory / 2**20:4.0f} MB",
        flush=True,
    )


def look_at_a_large_file(gigabytes: float, repeats: int) -> None:
    """Print how long a look takes at much more than is read."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.avi"
        large(path, gigabytes)
        took = []
        for _ in range(repeats):
            begun = time.perf_counter()
            ph.inspect(path, fps=2200)
            took.append(time.perf_counter() - begun)
        print(
            f"A file of {path.stat().st_size / 1e9:.1f} GB is looked at in "
            f"{statistics.median(took):.1f} s (asked: under 5)",
            flush=True,
        )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--gigabytes", type=float, default=10.0, help="of a large file; 0: none")
    arguments = parser.parse_args()
    repeats = arguments.repeats
    if arguments.gigabytes:
        look_at_a_large_file(arguments.gigabytes, repeats)
    print("Foretold by inspect, and by how much it is off; medians of", repeats, "runs")
    print(
        f"{'clip':30} | looking | noise, px, off  | detectable, px, off |"
        " seconds: told, took, off | memory: told, took"
    )
    with tempfile.TemporaryDirectory() as folder:
        for clip in clips(Path(folder)):
            compare(clip, repeats)


if __name__ == "__main__":
    main()
