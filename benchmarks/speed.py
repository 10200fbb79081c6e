"""How near to the decoder: `measure` beside decoding the same file and discarding the frames.

python benchmarks/speed.py [h264] [mjpeg] [raw] [--frames 3000] [--repeats 5] [--memory]
"""

import argparse
import itertools
import multiprocessing
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import median

import av

import phonoscope as ph
from phonoscope.scene import Camera, preset, write_video
from phonoscope.types import Luma

SIZE = 704
DISTINCT = 150
KINDS = {"h264": ".mp4", "mjpeg": ".avi", "raw": ".avi"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("codecs", nargs="*", default=[])
    parser.add_argument("--frames", type=int, default=3000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory", action="store_true", help="peak memory, short and long clip")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.memory:
            memory(folder)
        else:
            speed(folder, arguments.codecs or list(KINDS), arguments.frames, arguments.repeats)


def speed(folder: Path, codecs: list[str], frames: int, repeats: int) -> None:
    print(f"measure beside decode-and-discard, {SIZE}x{SIZE}, {frames} frames, median of {repeats}")
    print(
        "codec | decode frames/s  measure frames/s  wall measure/decode [min, max] | motion file %"
    )
    for codec in codecs:
        clip = render(folder / f"clip{KINDS[codec]}", codec, frames)
        output = folder / "clip.motion"
        ph.measure(clip, output=output, fps=2200, duration=0.1)  # compiled before the clock runs
        decode, measured = [], []
        for _ in range(repeats):  # side by side, so that a noisy machine disturbs both
            decode.append(clocked(partial(discard, clip)))
            measured.append(clocked(partial(ph.measure, clip, output=output, fps=2200)))
        ratios = [m / d for m, d in zip(measured, decode, strict=True)]
        share = 100 * output.stat().st_size / (frames * SIZE * SIZE)
        print(
            f"{codec:5} | {frames / median(decode):15,.0f}  {frames / median(measured):16,.0f}"
            f"  {median(ratios):19.2f} [{min(ratios):.2f}, {max(ratios):.2f}] | {share:13.2f}"
        )
        clip.unlink()


def memory(folder: Path) -> None:
    print(f"peak memory of a process that measures, {SIZE}x{SIZE} H.264")
    for frames in (600, 6000):
        clip = render(folder / f"clip{frames}.mp4", "h264", frames)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            peak = pool.apply(peak_mb, (clip, folder / "clip.motion"))
        print(f"{frames:6} frames: {peak:6.0f} MB")
        clip.unlink()


def peak_mb(clip: Path, output: Path) -> float:
    ph.measure(clip, output=output, fps=2200)
    # Not getrusage: its maximum is inherited from the process that rendered the clip.
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def render(path: Path, codec: str, frames: int) -> Path:
    write_video(itertools.islice(scene_frames(), frames), path, 30, codec=codec, crf=12)
    return path


def scene_frames() -> Iterator[Luma]:
    # A scene takes longer to render than to measure, so a few frames go round and round.
    scene = replace(
        preset("rigid"), camera=Camera(SIZE, SIZE, Fraction(2200), read_noise=2.0), samples=DISTINCT
    )
    distinct = list(scene.frames())
    return itertools.cycle(distinct)


def discard(path: Path) -> None:
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for _ in container.decode(video=0):
            pass


def clocked(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
