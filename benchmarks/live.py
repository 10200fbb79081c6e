"""How late live listening is, and whether it loses frames, hour after hour.

python benchmarks/live.py [paced] [stream] [--minutes 5] [--fps 120] [--size 640 480] [--band 6,60]

A rendered clip goes round and round at its own rate: handed over by a thread of the same process
(paced), or sent by another process, uncompressed, over TCP (stream). Beside it a process that does
nothing but sleep says how long the machine itself held everybody up.
"""

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

import phonoscope as ph
from phonoscope.evaluate import si_sdr
from phonoscope.scene import Camera, Motion, Scene, Texture, noise
from phonoscope.types import Float64, Luma

SECONDS = 15  # of the clip
SETTLED_S = 10
SEAM_S = 1.0  # around the place where the clip begins anew
SLEEP_S, STALL_S = 0.005, 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="*", default=[])
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--fps", type=int, default=120)
    parser.add_argument("--size", type=int, nargs=2, default=(640, 480))
    parser.add_argument("--band", default=None)
    parser.add_argument("--send", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--sleep", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.sleep:
        sleep()
    elif given.send:
        send(Path(given.send[0]), given.send[1], given.fps)
    else:
        with tempfile.TemporaryDirectory() as folder:
            clip = Path(folder) / "clip.npy"
            width, height = given.size
            np.save(clip, np.stack(list(scene(width, height, given.fps).frames())))
            for source in given.sources or ("paced", "stream"):
                listen(source, clip, given)


def scene(width: int, height: int, fps: int) -> Scene:
    """Return a printed board that hears noise over most of the band, by 0.01 px RMS."""
    rate = 16000
    return Scene(
        camera=Camera(width, height, Fraction(fps), 1 / (2 * fps), read_noise=1.5, shot_gain=0.02),
        texture=Texture("print", seed=1),
        motion=Motion(0.01),
        sound=noise(SECONDS, rate, fps / 15, 0.46 * fps, seed=3),
        sound_rate_hz=rate,
        samples=SECONDS * fps,
        seed=1,
    )


def listen(source: str, clip: Path, given: argparse.Namespace) -> None:
    frames: Any = np.load(clip, mmap_mode="r")
    own = (sys.executable, __file__, "--fps", str(given.fps))
    sleeper = subprocess.Popen((*own, "--sleep"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    sender = None
    where: Any = paced(frames, given.fps)
    if source == "stream":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            where = f"tcp://127.0.0.1:{free.getsockname()[1]}?listen=1"
        address = where.partition("?")[0]
        sender = subprocess.Popen((*own, "--send", str(clip), address))
    heard: list[Float64] = []
    begun, busy = time.monotonic(), time.process_time()
    settings: dict[str, Any] = {"fps": given.fps, "band": given.band}
    with ph.live(where, duration=60 * given.minutes, **settings) as listening:
        heard.extend(block.samples for block in listening)
        record = listening.record
    busy = (time.process_time() - busy) / (time.monotonic() - begun)
    if sender is not None:
        sender.terminate()
        sender.wait()
    stalls = sleeper.communicate(b"\n")[0].decode().strip()
    dropped, late = record["dropped"], record["latency_s"]
    print(f"{source}: {frames.shape[2]} x {frames.shape[1]}, {given.fps} frames/s, "
          f"{record['duration_s']:.0f} s, {os.cpu_count()} cores, "
          f"load {os.getloadavg()[0]:.1f}, {busy:.2f} cores busy with this")  # fmt: skip
    print(f"  latency: median {late['median']:.3f} s, 99 % {late['p99']:.3f} s, "
          f"most {late['max']:.3f} s; of that the filter {record['delay_s']:.3f} s")  # fmt: skip
    print(f"  frames: {record['frames']:,} measured; {dropped['by_source']} never came, "
          f"{dropped['here']} dropped")  # fmt: skip
    print(f"  heard: {record['audible_s']} s")
    if source == "paced":
        whole = ph.recover(frames, fps=given.fps, band=record["band_hz"]).samples
        print(
            f"  against the whole clip at once: SI-SDR {agreement(heard, whole, given.fps):.1f} dB"
        )
    print(f"  stalls of a sleeping process: {stalls}", flush=True)


def agreement(heard: list[Float64], whole: Float64, fps: int) -> float:
    """Return by how much live and offline differ, dB, but for the start and the clip's seams."""
    samples = np.concatenate(heard)
    number = np.arange(len(samples))
    inside = number % len(whole)
    kept = (number > SETTLED_S * fps) & (inside > SEAM_S * fps)
    kept &= inside < len(whole) - SEAM_S * fps
    return si_sdr(whole[inside[kept]], samples[kept])


def paced(frames: Any, fps: int) -> Iterator[Luma]:
    """Yield the clip's frames round and round, each when its time has come."""
    begun = time.monotonic()
    number = 0
    while True:
        time.sleep(max(0.0, begun + number / fps - time.monotonic()))
        yield np.array(frames[number % len(frames)])
        number += 1


def send(clip: Path, address: str, fps: int) -> None:
    """Send the clip's frames round and round, as a camera on the net would."""
    while True:
        try:
            container = av.open(address, "w", format="nut")
            break
        except av.error.ConnectionRefusedError:
            time.sleep(0.1)
    frames: Any = np.load(clip, mmap_mode="r")
    with contextlib.suppress(OSError), container:  # whoever listens goes when it has enough
        stream: Any = container.add_stream("rawvideo", rate=fps)
        stream.height, stream.width = frames.shape[1:]
        stream.pix_fmt = "gray"
        for number, luma in enumerate(paced(frames, fps)):
            frame = av.VideoFrame.from_ndarray(luma, format="gray")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(stream.encode(frame))


def sleep() -> None:
    """Sleep until a line comes, and say for how long that took longer than it should."""
    stop = threading.Event()

    def wait() -> None:
        sys.stdin.readline()
        stop.set()

    threading.Thread(target=wait, daemon=True).start()
    stalls = []
    while not stop.is_set():
        begun = time.monotonic()
        time.sleep(SLEEP_S)
        late = time.monotonic() - begun - SLEEP_S
        if late > STALL_S:
            stalls.append(late)
    print(f"{len(stalls)} of more than {STALL_S:g} s, the longest {max(stalls, default=0):.2f} s")


if __name__ == "__main__":
    main()
