"""A studio of its own for each test module, clips with known sound, and a real browser."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import pytest

from phonoscope.scene import Camera, Motion, Scene, Texture, noise, silence, write_video

RECORDINGS = Path(__file__).resolve().parents[4] / "shared" / "data" / "video"
FORK = RECORDINGS / "tuning_fork_64hz_500fps.mp4"
BAND_HZ = (80, 600)  # of the sound in the clip
FPS = 2200
READY_S = 60  # a loaded machine imports slowly
SIZE = {"width": 1280, "height": 720}


def clip(path: Path, rms_px: float, frames: int = 1100) -> Path:
    """Render foil that hears noise between 80 and 600 Hz, or silence."""
    length = frames / FPS + 1
    sound = noise(length, 8000, *BAND_HZ, 1) if rms_px else silence(length, 8000)
    camera = Camera(160, 128, Fraction(FPS), 0.0, read_noise=2.0, shot_gain=0.05)
    scene = Scene(
        camera, Texture("foil", seed=1), Motion(rms_px, seed=1), sound, 8000, frames, seed=1
    )
    write_video(scene.frames(), path, FPS)
    return path


class Studio:
    """A server in a process of its own, which can be stopped and started again."""

    def __init__(self, folders: list[Path], data: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self._folders, self._data = folders, data
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [
            sys.executable, "-m", "phonoscope.cli", "studio", *map(str, self._folders),
            "--data", str(self._data), "--port", str(self.port), "--no-browser",
        ]  # fmt: skip
        self._process = subprocess.Popen(command)
        give_up = time.monotonic() + READY_S
        while time.monotonic() < give_up:
            assert self._process.poll() is None, "the studio ended at once."
            with suppress(OSError), urllib.request.urlopen(f"{self.url}api/config"):
                return
            time.sleep(0.1)
        raise AssertionError("the studio does not answer.")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(READY_S)
            self._process = None


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    clip(folder / "foil.mkv", 0.02)
    clip(folder / "still.mkv", 0.0)
    (folder / "broken.mp4").write_bytes(b"this is no video" * 1000)
    return folder


@pytest.fixture(scope="module")
def studio(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    folders = [videos, *([RECORDINGS] if RECORDINGS.is_dir() else [])]
    server = Studio(folders, tmp_path_factory.mktemp("studio"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def page(browser, studio: Studio) -> Iterator[object]:
    """A page that fails the test if a script fails, or the policy of the page is broken."""
    context = browser.new_context(viewport=SIZE, accept_downloads=True)
    made = context.new_page()
    made.set_default_timeout(150_000)
    wrong: list[str] = []
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on(
        "console",
        lambda said: "Content Security Policy" in said.text and wrong.append(said.text),
    )
    made.goto(studio.url)
    yield made
    context.close()
    assert wrong == []


@pytest.fixture
def picture(page, tmp_path: Path) -> Callable[[str], None]:
    """Write a screenshot in light and in dark, for people to look at."""
    folder = Path(os.environ.get("PHONOSCOPE_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)

    def take(name: str) -> None:
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(150)  # canvases are drawn anew
            page.screenshot(path=folder / f"{name}-{scheme}.png")

    return take
