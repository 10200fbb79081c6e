"""Clusters to measure on, and clips that are cut into several runs."""

import logging
from types import SimpleNamespace

import av
import dask
import numpy as np
import pytest

from distributed import LocalCluster

FPS = 240


def moving(count, width=96, height=64, *, seed=0, far_px=0.0):
    """Return ``(count, height, width)`` frames of a texture that swings, and drifts by `far_px`."""
    rng = np.random.default_rng(seed)
    wave = rng.uniform(-1.2, 1.2, (60, 2))
    coefficient = rng.standard_normal(60) + 1j * rng.standard_normal(60)
    y, x = np.mgrid[:height, :width]
    phase = np.exp(1j * (x.ravel()[:, None] * wave[:, 0] + y.ravel()[:, None] * wave[:, 1]))
    shift = 0.05 * np.sin(2 * np.pi * 30 * np.arange(count) / FPS)
    shift = shift + far_px * np.arange(count) / count
    moved = coefficient[:, None] * np.exp(-1j * wave[:, :1] * shift)
    picture = (phase @ moved).real.T.reshape(count, height, width)
    grey = 120 + 3 * picture + rng.standard_normal(picture.shape)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def film(path, frames, *, codec="libx264", apart=50, fps=FPS):
    """Write a clip with a key frame every `apart` frames."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options={"crf": "8", "g": str(apart)})
        stream.height, stream.width = frames[0].shape
        stream.pix_fmt = "yuv420p"
        for number, luma in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(luma, format="gray").reformat(format="yuv420p")
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def lab():
    """Return what test modules cannot import by name."""
    return SimpleNamespace(moving=moving, film=film, fps=FPS)


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """A clip of 1,000 frames. Not to be written beside."""
    return film(tmp_path_factory.mktemp("clip") / "clip.mp4", moving(1000))


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory):
    """A clip of 10,300 frames, of six segments. Not to be written beside."""
    frames = np.tile(moving(480), (22, 1, 1))[:10300]
    return film(tmp_path_factory.mktemp("long") / "clip.mp4", frames)


@pytest.fixture
def short_segments(monkeypatch):
    """Let a clip of 1,000 frames have four segments."""
    monkeypatch.setattr("phonoscope.motion.measure.segment_frames", lambda *_: 256)


@pytest.fixture(scope="session", autouse=True)
def patient():
    """Let nobody be given up who is only held up: machines that test are often overloaded."""
    waits = {f"distributed.comm.timeouts.{kind}": "120s" for kind in ("connect", "tcp")}
    with dask.config.set(waits):
        yield


@pytest.fixture(scope="session")
def in_process():
    """The address of a cluster of two workers, all of it in this process."""
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
    ) as cluster:  # fmt: skip
        yield cluster.scheduler_address
