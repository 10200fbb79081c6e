"""Real workers: killed, interrupted, and gone with their scheduler."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.distributed import hands as hands_module
from phonoscope.errors import ClusterError
from phonoscope.motion import open_motion

pytestmark = pytest.mark.slow


def same(one, other):
    assert one.samples == other.samples
    assert one.warnings == other.warnings
    for ours, theirs in zip(one.blocks, other.blocks, strict=True):
        for name in ("time_s", "motion", "gain", "information"):
            assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
    return True


@pytest.fixture(scope="module")
def alone(long_clip, tmp_path_factory):
    return ph.measure(long_clip, output=tmp_path_factory.mktemp("alone") / "alone.motion")


PROGRAM = [sys.executable, "-m", "phonoscope.cli"]


def workers_of(pid):
    """Return the processes below one, of which workers are the lowest."""
    below = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if parent == pid and b"spawn_main" in words:
                below.append(int(entry.name))
    return below


def kill_a_worker(folder, process):
    """Kill one as soon as anything has been measured."""
    part = folder / ".out.motion.part"
    while process.poll() is None:
        if part.exists() and part.stat().st_size > 100_000:
            os.kill(workers_of(process.pid)[0], signal.SIGKILL)
            return
        time.sleep(0.005)
    pytest.fail("it ended before a worker could be killed")


def test_a_killed_worker_changes_nothing(long_clip, alone, tmp_path):
    output = tmp_path / "out.motion"
    given = [*PROGRAM, "measure", str(long_clip), "--workers", "2", "-o", str(output)]
    with subprocess.Popen(given, stderr=subprocess.PIPE, text=True) as process:
        kill_a_worker(tmp_path, process)
        _, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert same(open_motion(output), alone)


def test_interrupted_in_a_terminal(long_clip, alone, tmp_path):
    output = tmp_path / "out.motion"
    given = [*PROGRAM, "measure", str(long_clip), "--workers", "2", "-o", str(output)]
    with subprocess.Popen(
        given, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        part = tmp_path / ".out.motion.part"
        while process.poll() is None and not (part.exists() and part.stat().st_size > 100_000):
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err.startswith("phonoscope: interrupted; what is measured is kept")
    assert err.count("\n") == 1
    assert not workers_of(process.pid)
    assert same(ph.measure(long_clip, output=output), alone)


def test_a_video_that_kills_every_worker_ends_with_a_sentence(long_clip, tmp_path, monkeypatch):
    from distributed import LocalCluster

    begin = hands_module.Hands.begin
    monkeypatch.setattr(
        hands_module.Hands, "begin",
        lambda self, label, *_, **__: begin(self, label, signal.raise_signal, held=signal.SIGKILL),
    )  # fmt: skip
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL + 1,
        ) as cluster,
        pytest.raises(ClusterError, match=r"workers of .* have ended one after the other"),
    ):  # fmt: skip
        ph.measure(long_clip, output=tmp_path / "out.motion", dask=cluster.scheduler_address)


def test_a_scheduler_that_goes_away_leaves_what_was_measured(long_clip, tmp_path):
    address = "tcp://127.0.0.1:18786"
    scheduler = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "18786",
         "--host", "127.0.0.1", "--no-dashboard"],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    worker = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1",
         "--no-dashboard", "--death-timeout", "30", "--local-directory", str(tmp_path)],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        killed = []

        def kill(done, total):
            if not killed:
                killed.append(done)
                scheduler.kill()

        with pytest.raises(ClusterError, match="does not answer any more") as caught:
            ph.measure(long_clip, output=tmp_path / "out.motion", dask=address, progress=kill)
        assert "goes on from there" in caught.value.__notes__[0]
        assert (tmp_path / ".out.motion.part").exists()
    finally:
        for process in (scheduler, worker):
            process.kill()
            process.wait()
