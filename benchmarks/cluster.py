"""What a Dask cluster gives, and what it costs: on this machine, workers of one core each.

python benchmarks/cluster.py [--frames 6000] [--repeats 5]     1 and 2 workers, by turns
python benchmarks/cluster.py --kill 20                         a worker killed at random moments
python benchmarks/cluster.py --cost [--frames 3000]            what a plan for much video is made of

The scheduler and the workers are processes of their own, each worker with one thread on one core;
who asks shares the cores with them, as on a machine alone.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import phonoscope as ph
from cluster_http import Parts
from phonoscope.motion import open_motion
from speed import CODECS, RATE, clocked, render, same

PORT = 18700
CORES = sorted(os.sched_getaffinity(0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=6000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--kill", type=int, default=0, help="in so many runs")
    parser.add_argument("--cost", action="store_true")
    arguments = parser.parse_args()
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{len(CORES)} cores; load average before: {load}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.cost:
            cost(folder, arguments.frames)
            return
        if arguments.kill:
            kill(folder, render(folder, "h264", arguments.frames, 352), arguments.kill)
        else:
            clip = render(folder, "h264", arguments.frames)
            speed(folder, clip, arguments.frames, arguments.repeats)
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"load average after: {load}")


def speed(folder: Path, clip: Path, frames: int, repeats: int) -> None:
    """Measure with one worker and with two, by turns, each on a core of its own."""
    with begun(folder, 1) as one, begun(folder, 2) as two:
        measured = {
            workers: partial(
                ph.measure, clip, output=folder / f"{workers}.motion", fps=RATE, dask=a
            )
            for workers, a in ((1, one.address), (2, two.address))
        }
        for action in measured.values():
            action()  # compiled, and the file in memory, before the clock runs
        took = {workers: list[float]() for workers in measured}
        for _ in range(repeats):
            for workers, action in measured.items():
                took[workers].append(clocked(action))
                print(f"  {workers}: {took[workers][-1]:.2f} s", flush=True)
    ratios = [a / b for a, b in zip(took[1], took[2], strict=True)]
    print(f"704x704 H.264, {frames} frames, medians of {repeats}")
    for workers, each in took.items():
        fast = frames / median(each)
        print(f"{workers} worker{'s' * (workers > 1)}: {median(each):.2f} s, {fast:,.0f} frames/s")
    print(f"2 against 1: {median(ratios):.2f} x [{min(ratios):.2f}, {max(ratios):.2f}]")
    print(f"the same field: {same(folder / '1.motion', folder / '2.motion')}")


def kill(folder: Path, clip: Path, times: int) -> None:
    """Kill one of two workers at a random moment of each run, and compare the results."""
    whole, output = folder / "whole.motion", folder / "out.motion"
    ph.measure(clip, output=whole, fps=RATE)
    random, right, hit = np.random.default_rng(0), 0, 0
    with begun(folder, 2) as cluster:
        run = partial(ph.measure, clip, output=output, fps=RATE, dask=cluster.address)
        run()
        length = clocked(run)  # of the shortest so far: a kill after the end would show nothing
        for number in range(times):
            output.unlink(missing_ok=True)
            timer = threading.Timer(
                random.uniform(0, length), cluster.kill_one, (int(random.integers(2)),)
            )
            timer.start()
            took = clocked(run)
            hit += not timer.is_alive()
            length = min(length, took)
            timer.cancel()
            timer.join()
            good = same(whole, output)
            right += good
            print(f"  {number + 1}: {took:.1f} s, {'right' if good else 'WRONG'}", flush=True)
    print(
        f"a worker killed at {times} random moments of {length:.1f} s ({hit} before the end): "
        f"{right} results as that of one machine alone"
    )


def cost(folder: Path, frames: int) -> None:
    """Measure what a plan is made of: processor time, bytes read, bytes kept, time of a task."""
    print("clip | frames | CPU s for 1,000 Mpx | read, of the file | motion bytes a frame")
    CODECS["web"] = ("libx264", "yuv420p", ".mp4", {"preset": "veryfast", "crf": "23"})
    clips = (
        ("H.264 of CRF 12", "h264", 704), ("H.264 of CRF 23", "web", 1088), ("raw", "raw", 704),
    )  # fmt: skip
    for name, codec, side in clips:
        clip = render(folder, codec, frames, side)
        with serving(folder) as served, begun(folder, 1) as cluster:
            url = f"{served.url}/{clip.name}"
            run = partial(
                ph.measure, url, output=folder / "out.motion", fps=RATE, dask=cluster.address
            )
            run()
            before, sent = cluster.cpu_s(), served.sent
            run()
            spent, sent = cluster.cpu_s() - before, served.sent - sent
        field = open_motion(folder / "out.motion")
        kept = (folder / "out.motion").stat().st_size / field.samples
        pixels = side * side / 1e6
        size = clip.stat().st_size
        print(
            f"{side}x{side} {name:15} | {field.samples} | {1000 * spent / pixels / frames:.2f} | "
            f"{sent / size:.2f} of {size / 1e6:.0f} MB | {kept:,.0f} "
            f"({100 * kept / (side * side):.2f} %)",
            flush=True,
        )
        clip.unlink()
    with begun(folder, 1) as cluster:
        print(f"a task that does nothing: {1000 * cluster.empty_task_s(500):.2f} ms")


class Cluster:
    """A scheduler and its workers, each a process of its own with one core."""

    def __init__(self, folder: Path, workers: int) -> None:
        global PORT
        PORT += 1
        self.address = f"tcp://127.0.0.1:{PORT}"
        self._folder = folder
        self._scheduler = _dask(
            "scheduler", "--host", "127.0.0.1", "--port", str(PORT), "--no-dashboard"
        )
        self._workers = [self._worker(n) for n in range(workers)]
        from distributed import Client

        connect: Any = Client
        self._client = connect(self.address, timeout=60, set_as_default=False)
        self._client.wait_for_workers(workers)

    def _worker(self, number: int) -> "subprocess.Popen[bytes]":
        core = CORES[number % len(CORES)]
        return _dask(
            "worker", self.address, "--nthreads", "1", "--no-dashboard", "--name", str(number),
            "--local-directory", str(self._folder), core=core,
        )  # fmt: skip

    def pids(self) -> dict[str, int]:
        """Return the process of each worker, below its nanny, by its address."""
        found: dict[str, int] = self._client.run(os.getpid)
        return found

    def kill_one(self, number: int) -> None:
        """Kill a worker; its nanny begins another."""
        pids = list(self.pids().values())
        if pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pids[number % len(pids)], signal.SIGKILL)

    def cpu_s(self) -> float:
        """Return the processor time of the workers so far."""
        return float(sum(self._client.run(time.process_time).values()))

    def empty_task_s(self, tasks: int) -> float:
        """Return how long a task takes that does nothing."""

        def run() -> None:
            self._client.gather([self._client.submit(int, n, pure=False) for n in range(tasks)])

        run()
        return clocked(run) / tasks

    def close(self) -> None:
        self._client.close()
        for process in (*self._workers, self._scheduler):
            process.terminate()
        for process in (*self._workers, self._scheduler):
            process.wait()


def _dask(kind: str, *given: str, core: int | None = None) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *given]
    pinned = None if core is None else partial(os.sched_setaffinity, 0, {core})
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, preexec_fn=pinned)


@contextlib.contextmanager
def begun(folder: Path, workers: int) -> Iterator[Cluster]:
    cluster = Cluster(folder, workers)
    try:
        yield cluster
    finally:
        cluster.close()


@contextlib.contextmanager
def serving(folder: Path) -> Iterator[Any]:
    """Serve a folder in parts, and count the bytes."""
    web = ThreadingHTTPServer(("127.0.0.1", 0), partial(Parts, folder))
    Parts.sent = 0
    Parts.url = f"http://127.0.0.1:{web.server_address[1]}"
    thread = threading.Thread(target=web.serve_forever)
    thread.start()
    try:
        yield Parts
    finally:
        web.shutdown()
        thread.join()
        web.server_close()


if __name__ == "__main__":
    main()
