"""What the studio takes: memory while idle, the first picture of a large file, another band.

See benchmarks/README.md.
"""

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import phonoscope.studio
from phonoscope.scene import preset, write_video

SIDE = 704
CLIP_S = 2.0  # of the clip that is heard in other bands


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    static = Path(phonoscope.studio.__file__).parent / "static"
    weight = sum(path.stat().st_size for path in static.rglob("*") if path.is_file())
    print(f"page weight            {weight / 1e3:8.0f} kB   (asked: under 1,000)")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        large(folder / "large.avi", arguments.gigabytes)
        scene = preset("chips", duration=CLIP_S)
        write_video(scene.frames(), folder / "chips.mkv", scene.camera.fps)
        begun = time.perf_counter()
        command = [
            sys.executable, "-m", "phonoscope.cli", "studio", name, "--data", str(folder / "data"),
            "--port", "0", "--no-browser",
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            address = server.stdout.readline().split()[1]
            print(f"start                  {time.perf_counter() - begun:8.2f} s")
            print(f"memory, idle           {_memory(server.pid):8.0f} MB   (asked: under 150)")
            _measured(address, folder, arguments.repeats)
            server.terminate()


def _measured(address: str, folder: Path, repeats: int) -> None:
    def ask(path: str, body: Any = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        headers = {} if body is None else {"X-Phonoscope": "studio"}
        request = urllib.request.Request(address + path, data, headers)
        with urllib.request.urlopen(request) as answer:
            return bytes(answer.read())

    path = urllib.parse.quote(str((folder / "large.avi").resolve()))
    size = (folder / "large.avi").stat().st_size / 1e9
    first = _seconds(lambda: ask(f"api/picture?path={path}"))
    print(f"first picture, cold    {first:8.2f} s    ({size:.2f} GB; asked: under 2)")
    again = _seconds(lambda: ask(f"api/picture?path={path}"))
    print(f"first picture, warm    {again:8.2f} s")
    settings = {"fps": "2200", "mains": "auto"}
    body = {"path": str((folder / "chips.mkv").resolve()), "settings": settings}
    job = json.loads(ask("api/jobs", body))["id"]
    while json.loads(ask(f"api/jobs/{job}"))["state"] in ("queued", "running"):
        time.sleep(0.2)
    took = []
    for number in range(repeats + 1):  # the first begins the process that listens
        wanted = {"band": f"{80 + number},{900 + number}"}
        took.append(_seconds(partial(ask, f"api/jobs/{job}/listen", wanted)))
    middle = statistics.median(took[1:])
    print(f"another band, first    {took[0]:8.2f} s    ({CLIP_S:g} s of chips)")
    print(
        f"another band, then     {middle:8.2f} s    [{min(took[1:]):.2f}, {max(took[1:]):.2f}] "
        "(asked: under 1)"
    )


def _seconds(run: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def _memory(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if "VmRSS" in line) / 1024


def large(path: Path, gigabytes: float) -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(30, 220, (SIDE, SIDE))
    noisy = [(picture + rng.integers(-3, 4, picture.shape)).astype(np.uint8) for _ in range(16)]
    count = round(gigabytes * 1e9 / picture.size)
    write_video(itertools.islice(itertools.cycle(noisy), count), path, 240, codec="raw")


if __name__ == "__main__":
    main()
