"""The studio's application, asked as a browser on this machine asks it."""

import time
from fractions import Fraction

import pytest

from phonoscope.scene import Camera, Motion, Scene, Texture, noise, silence, write_video

FPS = 2200
HEADERS = {"X-Phonoscope": "studio"}
ADDRESS = "http://127.0.0.1:8765"
PATIENCE_S = 120  # a loaded machine imports slowly


def _clip(path, rms_px, frames=440):
    sound = noise(1.5, 8000, 80, 600, seed=1) if rms_px else silence(1.5, 8000)
    camera = Camera(96, 64, Fraction(FPS), 0.0, read_noise=2.0)
    scene = Scene(
        camera, Texture("speckle", seed=1), Motion(rms_px), sound, 8000, frames, seed=1
    )  # fmt: skip
    write_video(scene.frames(), path, FPS)


@pytest.fixture(scope="session")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("my vidéos")
    _clip(folder / "loud clip.mkv", 0.05)
    _clip(folder / "still.mkv", 0.0)
    (folder / "broken.mp4").write_bytes(b"this is no video" * 1000)
    (folder / "inner").mkdir()
    (folder / "notes.txt").write_text("not a video")
    return folder


@pytest.fixture
def make_client(videos, tmp_path):
    """Make clients of an application with folders, limits and a data folder."""
    from starlette.testclient import TestClient

    from phonoscope.studio.app import make_app

    open_ones = []

    def make(folders=None, data=None, headers=HEADERS, **options):
        app = make_app(tuple(folders or [videos]), data or tmp_path / "data", **options)
        client = TestClient(app, base_url=ADDRESS, headers=headers)
        client.__enter__()
        open_ones.append(client)
        return client

    yield make
    for client in open_ones:
        client.__exit__(None, None, None)


@pytest.fixture
def client(make_client):
    return make_client()


@pytest.fixture(scope="session")
def until():
    """Wait for a job to be in one of some states."""

    def wait(client, job, *states):
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up:
            found = client.get(f"/api/jobs/{job['id']}").json()
            if found["state"] in states:
                return found
            time.sleep(0.05)
        raise AssertionError(f"still {found['state']}, not {states}: {found['error']}")

    return wait
