"""Small clips whose motion is known, and the command line run in this process or another."""

import hashlib
import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import numpy as np
import pytest

from phonoscope.cli import main
from phonoscope.scene import write_video

FPS = 240
TONE_HZ = 30
AMPLITUDE_PX = 0.05


def moving(count=120, width=96, height=64, *, noise=1.0, seed=0):
    """Return ``(count, height, width)`` frames of a texture that swings along x."""
    rng = np.random.default_rng(seed)
    wave = rng.uniform(-1.2, 1.2, (80, 2))
    coefficient = rng.standard_normal(80) + 1j * rng.standard_normal(80)
    y, x = np.mgrid[:height, :width]
    phase = np.exp(1j * (x.ravel()[:, None] * wave[:, 0] + y.ravel()[:, None] * wave[:, 1]))
    shift = AMPLITUDE_PX * np.sin(2 * np.pi * TONE_HZ * np.arange(count) / FPS)
    moved = coefficient[:, None] * np.exp(-1j * wave[:, :1] * shift)
    picture = (phase @ moved).real.T.reshape(count, height, width)
    grey = 120 + 3 * picture + noise * rng.standard_normal(picture.shape)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)


def snapshot(folder: Path):
    """Return the name and the SHA-256 of everything below a folder."""
    return {
        path.relative_to(folder): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else "folder"
        for path in folder.rglob("*")
    }


def encode(frames, codec, pix_fmt) -> bytes:
    """Return a bare stream, without a container."""
    context = av.CodecContext.create(codec, "w")
    context.height, context.width = frames[0].shape
    context.pix_fmt = pix_fmt
    context.time_base = Fraction(1, FPS)
    packets = []
    for number, luma in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(luma, format="gray").reformat(format=pix_fmt)
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        packets += context.encode(frame)
    return b"".join(bytes(packet) for packet in packets + context.encode(None))


DRAWN_CELLS = 60


def write_drawn(path, truth, *, noise_px=0.01, seed=0):
    """Write a motion file whose cells move by ``truth`` ``(sample, cell, 2)``, px, plus noise."""
    from phonoscope.motion import Segment, writing_motion
    from phonoscope.types import Cells, MotionBlock, NoiseModel, VideoFacts

    samples, cells, _ = truth.shape
    random = np.random.default_rng(seed)
    motion = truth + noise_px * random.standard_normal(truth.shape)
    gain = 1 + 0.01 * random.standard_normal((samples, cells))
    information = np.zeros((cells, 3, 3))
    information[:, range(3), range(3)] = np.array([noise_px, noise_px, 0.01]) ** -2.0
    block = MotionBlock(
        np.arange(samples) / FPS, motion.astype(np.float32), gain.astype(np.float32), information
    )
    place, size = np.arange(cells, dtype=np.int32), np.full(cells, 16, np.int32)
    where = Cells(16 * (place % 10), 16 * (place // 10), size, size, np.zeros(cells))
    facts = VideoFacts("drawn", "", "", "gray", 160, 96, 8, samples, None, Fraction(FPS), "user")
    model = NoiseModel(np.array([0.0]), np.array([1.0]))
    picture = np.full((96, 160), 128, np.uint8)
    writing = writing_motion(
        Path(path), facts=facts, cells=where, noise=model, picture=picture, origin={}
    )
    with writing as motion_file:
        motion_file.add(Segment(0, [block], (), ()))
        motion_file.finish({"cell_px": 16}, ())


def on_a_terminal(command):
    """Return exit code and words of a command that believes in a terminal."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                read = os.read(ours, 4096)
            except OSError:  # how Linux says that the other side has closed
                break
            if not read:
                break
            shown += read
    os.close(ours)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    return process.returncode, plain


@pytest.fixture(scope="session")
def clip(tmp_path_factory) -> Path:
    """A lossless clip of 120 frames at 240 frames/s. Not to be written beside."""
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    write_video(moving(), path, FPS)
    return path


@pytest.fixture(scope="session")
def motion(clip, tmp_path_factory) -> Path:
    """Its motion file."""
    from phonoscope import measure

    path = tmp_path_factory.mktemp("motion") / "clip.motion"
    measure(clip, output=path)
    return path


@pytest.fixture(scope="session")
def tools():
    """Return what test modules cannot import by name."""
    return SimpleNamespace(
        moving=moving, snapshot=snapshot, encode=encode, fps=FPS, tone_hz=TONE_HZ,
        amplitude_px=AMPLITUDE_PX, drawn_cells=DRAWN_CELLS, write_drawn=write_drawn,
        on_a_terminal=on_a_terminal,
    )  # fmt: skip


@pytest.fixture
def here(clip, tmp_path, monkeypatch):
    """A folder with the clip, where the command is run."""
    shutil.copy(clip, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def phonoscope(monkeypatch, capfd) -> Callable:
    """Run the command line in this process."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["phonoscope", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return SimpleNamespace(code=code, out=out, err=err)

    return run


@pytest.fixture
def refused(phonoscope, tmp_path) -> Callable:
    """Run the command line; check its exit code and sentence, and that all files stay the same."""

    def run(*arguments, code, says):
        before = snapshot(tmp_path)
        done = phonoscope(*arguments)
        check_sentence(done, code, says)
        assert snapshot(tmp_path) == before

    return run


def check_sentence(done, code, says):
    assert (done.code, done.out) == (code, ""), done
    assert done.err.startswith("phonoscope: "), done.err
    assert done.err.count("\n") == 1, done.err
    assert done.err.endswith((".\n", "OUTPUT.mkv\n")) or "phonoscope measure" in done.err, done.err
    for words in [says] if isinstance(says, str) else says:
        assert words in done.err, done.err


@pytest.fixture
def spawn(tmp_path) -> Callable:
    """Run the command line in a process of its own, which may write files of `limit` bytes."""

    def run(*arguments, limit=None, environment=None):
        def confine():
            import resource

            if limit is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        done = subprocess.run(
            [sys.executable, "-m", "phonoscope.cli", *map(str, arguments)],
            capture_output=True, text=True, timeout=120, preexec_fn=confine, check=False,
            env={**os.environ, **(environment or {})},
        )  # fmt: skip
        assert "Traceback" not in done.stderr
        return SimpleNamespace(code=done.returncode, out=done.stdout, err=done.stderr)

    return run


@pytest.fixture
def spawn_refused(spawn, tmp_path) -> Callable:
    """As `refused`, in a process of its own."""

    def run(*arguments, code, says, **how):
        before = snapshot(tmp_path)
        done = spawn(*arguments, **how)
        check_sentence(done, code, says)
        assert snapshot(tmp_path) == before

    return run
