"""How near to the decoder: `measure` and `recover` beside decoding the file and no more.

python benchmarks/speed.py [h264] [hevc] [mjpeg] [raw] [raw16] [mraw12] [cine16] [--frames 3000]
python benchmarks/speed.py --memory [--frames 2000 20000] | --start | --size | --resume 50

Times of one file are taken by turns in one run, so that a noisy machine disturbs all; figures are
medians. FFmpeg's program is used where there is one (`pip install imageio-ffmpeg`, or on the path).
"""

import argparse
import importlib
import itertools
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import av
import numpy as np

import phonoscope as ph
from fuzz_tags import builders
from phonoscope.motion import open_motion
from phonoscope.scene import Camera, preset, write_video
from phonoscope.types import Luma
from phonoscope.video import open_video

SIZE = 704
PERIOD = 750  # frames: a scene takes longer to render than to measure, so it goes round and round
DISTINCT = 150
GROUP = 250  # frames from one key frame to the next, as x264 and x265 choose by themselves
RATE = 2200
CODECS = {
    "h264": ("libx264", "yuv420p", ".mp4", {"preset": "veryfast", "crf": "12"}),
    "hevc": ("libx265", "yuv420p", ".mp4", {"preset": "ultrafast", "crf": "14"}),
    "mjpeg": ("mjpeg", "yuvj420p", ".avi", {"qmin": "1", "qmax": "2"}),
}
LAB = {"mraw12": "mraw12.cih", "cine16": "cine16.cine"}
NOT_FFMPEG = (".npy", ".cih", ".cine")  # what is not decoded, or is by us
PROGRAM = (sys.executable, "-m", "phonoscope.cli")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("codecs", nargs="*", default=[])
    parser.add_argument("--frames", type=int, nargs="+", default=[3000])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory", action="store_true", help="peak memory for each of --frames")
    parser.add_argument("--start", action="store_true", help="of the program, until it has written")
    parser.add_argument("--size", action="store_true", help="cost against pixels and frames")
    parser.add_argument("--resume", type=int, default=0, help="kill it so often at random moments")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, codecs = Path(name), arguments.codecs or ["h264", "mjpeg", "raw"]
        if arguments.memory:
            memory(folder, codecs, arguments.frames)
        elif arguments.start:
            start(folder, arguments.repeats)
        elif arguments.size:
            size(folder, arguments.repeats)
        elif arguments.resume:
            resume(folder, arguments.resume)
        else:
            speed(folder, codecs, arguments.frames[0], arguments.repeats)


def speed(folder: Path, codecs: list[str], frames: int, repeats: int) -> None:
    print(f"{SIZE}x{SIZE}, {frames} frames: frames/s, median of {repeats}; [ratio of wall times]")
    print(f"load average at the start: {os.getloadavg()[0]:.1f} of {os.cpu_count()} cores")
    print("codec  | read, one thread  in stretches  ffmpeg |  measure  recover | recover/ffmpeg")
    for codec in codecs:
        clip, output = render(folder, codec, frames), folder / "clip.motion"
        actions: dict[str, Callable[[], object]] = {
            "one": partial(discard, clip),
            "stretches": partial(discard_in_stretches, clip),
            "measure": partial(ph.measure, clip, output=output, fps=RATE),
            "recover": partial(ph.recover, clip, fps=RATE),
        }
        if (program := ffmpeg()) and clip.suffix not in NOT_FFMPEG:
            given = [program, "-loglevel", "error", "-i", str(clip), "-f", "null", "-"]
            actions["ffmpeg"] = partial(subprocess.run, given, check=True)
        ph.recover(clip, fps=RATE, duration=0.1)  # compiled before the clock runs
        took: dict[str, list[float]] = {name: [] for name in actions}
        for _ in range(repeats):
            for name, action in actions.items():
                took[name].append(clocked(action))
        best = {name: frames / median(each) for name, each in took.items()}
        ratios = [r / f for r, f in zip(took["recover"], took.get("ffmpeg", []), strict=False)]
        spread = f"{median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]" if ratios else "-"
        print(
            f"{codec:6} | {best['one']:16,.0f}  {best['stretches']:12,.0f}"
            f"  {best.get('ffmpeg', np.nan):6,.0f} | {best['measure']:8,.0f}"
            f"  {best['recover']:7,.0f} | {spread}",
            flush=True,
        )
        remove(clip)


def memory(folder: Path, codecs: list[str], lengths: list[int]) -> None:
    print(f"peak memory of the commands, {SIZE}x{SIZE}")
    for codec in codecs:
        for frames in lengths:
            clip = render(folder, codec, frames)
            given = [str(clip), "--fps", str(RATE), "-q", "-o"]
            measured = peak_mb("measure", *given, str(folder / "out.motion"))
            heard = peak_mb("recover", *given, str(folder / "out.wav"), "--force")
            print(
                f"{codec:6} {frames:7,} frames: measure {measured:4.0f} MB, recover {heard:4.0f} MB"
            )
            remove(clip)


def peak_mb(*given: str) -> float:
    # Not getrusage: its maximum is inherited from the process that rendered the clip.
    with subprocess.Popen([*PROGRAM, *given], stdout=subprocess.DEVNULL) as process:
        peak = 0
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            for line in status.read_text().splitlines():
                if line.startswith("VmHWM"):
                    peak = int(line.split()[1])
            time.sleep(0.02)
    if process.returncode:
        raise SystemExit(f"phonoscope {' '.join(given)} failed")
    return peak / 1024


def start(folder: Path, repeats: int) -> None:
    clip = render(folder, "h264", 480)  # 2 s at 240 frames/s
    output = str(folder / "out.wav")
    given = [*PROGRAM, "recover", str(clip), "--fps", "240", "-q", "--force", "-o", output]
    for name, command in (("--help", [*PROGRAM, "--help"]), ("recover, 480 frames", given)):
        run = partial(
            subprocess.run, command, check=True, stdout=subprocess.DEVNULL, env=as_installed()
        )
        run()
        print(
            f"{name}: {median([clocked(run) for _ in range(repeats)]):.2f} s, median of {repeats}"
        )


def as_installed() -> dict[str, str]:
    """Return the environment, less what would have modules compiled anew at every start."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def size(folder: Path, repeats: int) -> None:
    rows = []
    for side in (352, 512, 704):
        for frames in (2000, 4000, 8000):
            clip = render(folder, "raw", frames, side)
            run = partial(ph.measure, clip, output=folder / "out.motion", fps=RATE)
            run()
            rows.append((side * side * frames, median(clocked(run) for _ in range(repeats))))
            print(f"{side:4}^2 px, {frames:5} frames: {rows[-1][1]:6.2f} s", flush=True)
            clip.unlink()
    pixels, seconds = np.array(rows).T
    slope, at_least = np.polyfit(pixels, seconds, 1)
    residual = seconds - (slope * pixels + at_least)
    r_squared = 1 - residual.var() / seconds.var()
    print(f"{at_least:.2f} s + {slope * 1e9:.3f} ns a pixel; R^2 = {r_squared:.4f}")
    # Each pixel is read from the file's pages, put into a frame, and read by the pixel pass.
    moved, most = 3 / slope / 1e9, bandwidth_gb_s()
    print(f"3 bytes a pixel: {moved:.1f} GB/s of the {most:.1f} GB/s that two threads can read")


def bandwidth_gb_s() -> float:
    """Return how fast two threads read memory that is in no cache, each a part of its own."""
    parts = [np.ones(2**28, np.uint8) for _ in range(2)]

    def read() -> None:
        threads = [threading.Thread(target=part.max) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return sum(part.nbytes for part in parts) / 1e9 / min(clocked(read) for _ in range(5))


def resume(folder: Path, times: int) -> None:
    clip = render(folder, "mjpeg", 6000, 352)
    whole, output = folder / "whole.motion", folder / "out.motion"
    given = [*PROGRAM, "measure", str(clip), "--fps", str(RATE), "-q", "-o"]
    length = clocked(partial(subprocess.run, [*given, str(whole)], check=True))
    random, right, cut_off, gone_on = np.random.default_rng(0), 0, 0, 0
    for _ in range(times):
        with subprocess.Popen([*given, str(output)]) as process:
            time.sleep(random.uniform(0, length))
            process.kill()
        cut_off += not output.exists()
        gone_on += (folder / ".out.motion.part").exists()
        subprocess.run([*given, str(output)], check=True)
        right += same(whole, output)
        output.unlink()
    print(
        f"killed at {times} random moments of {length:.1f} s ({cut_off} before the end, {gone_on} "
        f"with something to go on with): {right} results as that of a run that was not"
    )


def same(one: Path, other: Path) -> bool:
    one_field, other_field = open_motion(one), open_motion(other)
    names = ("time_s", "motion", "gain", "information")
    return one_field.warnings == other_field.warnings and all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for a, b in zip(one_field.blocks, other_field.blocks, strict=True)
        for name in names
    )


def render(folder: Path, codec: str, frames: int, side: int = SIZE) -> Path:
    """Encode one period of a scene, and repeat its packets as often as is needed.

    16 bits are a NumPy file: uncompressed containers that FFmpeg writes call them RGB. Formats of
    laboratories are written as the tests write them.
    """
    if codec == "raw16":
        return render_deep(folder / "raw16.npy", frames, side)
    if codec in LAB:
        return render_lab(folder / LAB[codec], frames, side)
    if codec == "raw":
        write_video(scene_frames(side, frames), folder / "raw.avi", 30, codec="raw")
        return folder / "raw.avi"
    encoder, form, suffix, options = CODECS[codec]
    once, path = folder / f"once{suffix}", folder / f"{codec}{suffix}"
    with av.open(str(once), "w") as container:
        video: Any = container.add_stream(encoder, rate=30, options={**options, "g": str(GROUP)})
        video.width, video.height, video.pix_fmt = side, side, form
        for number, luma in enumerate(scene_frames(side, min(frames, PERIOD))):
            grey = av.VideoFrame.from_ndarray(np.asarray(luma, np.uint8), format="gray")
            frame = grey.reformat(format=form, dst_color_range="JPEG" if "j" in form else None)
            frame.pts = number
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    repeat(once, path, frames)
    once.unlink()
    return path


def render_deep(path: Path, frames: int, side: int) -> Path:
    distinct = [luma.astype(np.uint16) << 8 for luma in scene_frames(side, DISTINCT)]
    deep = np.lib.format.open_memmap(path, "w+", np.uint16, (frames, side, side))
    for number in range(frames):
        deep[number] = distinct[number % DISTINCT]
    deep.flush()
    return path


def render_lab(path: Path, frames: int, side: int) -> Path:
    """Write a file of a few frames as the tests do, and repeat their bytes."""
    distinct = [luma.astype(np.uint16) << 4 for luma in scene_frames(side, DISTINCT)]
    few, labs = np.array(distinct), builders("labs")
    if path.suffix == ".cih":
        labs.photron(path, few[:1], depth=12, **{"Total Frame": frames})
        parts = [labs.pack12(frame) for frame in few]
        with path.with_suffix(".mraw").open("wb") as file:
            for number in range(frames):
                file.write(parts[number % len(parts)])
        return path
    # The table of places lies before the images: written for as many as there will be.
    labs.cine(path, np.broadcast_to(np.zeros((1, 1, 1), np.uint16), (frames, side, side)), bits=12,
              head_only=True)  # fmt: skip
    with path.open("ab") as file:
        head = struct.pack("<II", 8, 2 * side * side)
        parts = [head + frame[::-1].tobytes() for frame in few]
        for number in range(frames):
            file.write(parts[number % len(parts)])
    return path


def remove(clip: Path) -> None:
    for path in clip.parent.glob(f"{clip.stem}.*"):
        path.unlink()


def repeat(once: Path, path: Path, frames: int) -> None:
    with av.open(str(once)) as source, av.open(str(path), "w") as target:
        stream: Any = source.streams.video[0]
        copied = target.add_stream_from_template(stream)
        packets: list[Any] = [packet for packet in source.demux(stream) if packet.size]
        step = round(1 / (30 * stream.time_base))
        for repetition in range(-(-frames // PERIOD)):
            shift = repetition * PERIOD * step
            for packet in packets[: frames - repetition * PERIOD]:
                copy = av.Packet(bytes(packet))
                copy.pts, copy.dts = packet.pts + shift, packet.dts + shift
                copy.time_base, copy.is_keyframe = packet.time_base, packet.is_keyframe
                copy.duration, copy.stream = packet.duration, copied
                target.mux(copy)


def scene_frames(side: int, frames: int) -> Iterator[Luma]:
    camera = Camera(side, side, Fraction(RATE), read_noise=2.0)
    distinct = list(replace(preset("rigid"), camera=camera, samples=DISTINCT).frames())
    return (distinct[n % DISTINCT] for n in range(frames))


def discard(path: Path) -> None:
    if path.suffix in NOT_FFMPEG:
        with open_video(path, fps=RATE) as video:
            for frame in video:
                if path.suffix == ".npy":
                    frame.luma.max()  # it is mapped, and not read before it is looked at
        return
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for _ in container.decode(video=0):
            pass


def discard_in_stretches(path: Path, parts: int = 2) -> None:
    """Decode with a container and a thread for each part: the fastest that we know."""
    with open_video(path, fps=RATE) as video:
        stretches: Any = video.stretches()
        edges = np.linspace(stretches.first, stretches.stop, parts + 1).round().astype(int).tolist()

        def read(first: int, stop: int) -> None:
            for _ in stretches.read(first, stop):
                pass

        threads = [threading.Thread(target=read, args=pair) for pair in itertools.pairwise(edges)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def ffmpeg() -> str | None:
    try:
        return str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except ImportError:
        return shutil.which("ffmpeg")


def clocked(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
