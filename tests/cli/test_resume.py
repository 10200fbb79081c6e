"""Cut off at any moment, a measurement goes on where it was, and comes out the same."""

import itertools
import json
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from phonoscope.motion import open_motion
from phonoscope.scene import write_video

PROGRAM = [sys.executable, "-m", "phonoscope.cli"]
FRAMES = 7000
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory, request):
    """A clip of four segments; not to be written beside."""
    path = tmp_path_factory.mktemp("long") / "clip.avi"
    moving = request.getfixturevalue("tools").moving(240)
    write_video(itertools.islice(itertools.cycle(moving), FRAMES), path, 240, codec="mjpeg")
    return path


def begun(command, path, output):
    given = [*PROGRAM, command, str(path), "--cell", "8", "-o", str(output)]
    return subprocess.Popen(given, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(command, path, output):
    with begun(command, path, output) as process:
        _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return err


def wait_until_something_is_kept(folder, process):
    while process.poll() is None:
        if any(part.stat().st_size > 200_000 for part in folder.glob(".*.part")):
            return
        time.sleep(0.005)
    pytest.fail(f"it ended before it could be cut off: {process.communicate()}")


def same(one, other):
    one, other = open_motion(one), open_motion(other)
    assert one.samples == other.samples
    assert one.warnings == other.warnings
    for ours, theirs in zip(one.blocks, other.blocks, strict=True):
        for name in ("time_s", "motion", "gain", "information"):
            assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
        assert ours.lost == theirs.lost
    return True


@pytest.fixture(scope="module")
def whole(long_clip, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    run("measure", long_clip, folder / "out.motion")
    run("recover", long_clip, folder / "out.wav")
    return folder


@pytest.mark.parametrize("cut_off", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("command", ["measure", "recover"])
def test_goes_on(command, cut_off, long_clip, whole, tmp_path):
    output = tmp_path / ("out.motion" if command == "measure" else "out.wav")
    for _ in range(2):
        with begun(command, long_clip, output) as process:
            wait_until_something_is_kept(tmp_path, process)
            process.send_signal(cut_off)
            process.communicate()
        assert not output.exists()
    assert [path.name for path in tmp_path.iterdir() if "journal" not in path.name] == [
        f".{output.name}.part"
    ]
    run(command, long_clip, output)
    assert [path.name for path in tmp_path.iterdir()] == [output.name]
    if command == "measure":
        assert same(output, whole / output.name)
    else:
        assert output.read_bytes() == (whole / output.name).read_bytes()


def test_what_is_kept_of_another_video_is_not_gone_on_with(long_clip, tools, tmp_path):
    clip, output = tmp_path / "clip.avi", tmp_path / "out.motion"
    clip.write_bytes(long_clip.read_bytes())
    with begun("measure", clip, output) as process:
        wait_until_something_is_kept(tmp_path, process)
        process.kill()
        process.communicate()
    # The same beginning, so that all that the first look learns is the same, and another rest.
    moving = tools.moving(240)
    frames = itertools.islice(itertools.cycle(moving), 1000)
    other = itertools.islice(itertools.cycle(moving[::-1]), FRAMES - 1000)
    write_video(itertools.chain(frames, other), clip, 240, codec="mjpeg")
    run("measure", clip, output)
    run("measure", clip, tmp_path / "anew.motion")
    assert same(output, tmp_path / "anew.motion")


def test_two_at_once_are_refused(long_clip, whole, tmp_path):
    output = tmp_path / "out.motion"
    with begun("measure", long_clip, output) as first:
        wait_until_something_is_kept(tmp_path, first)
        first.send_signal(signal.SIGSTOP)
        with begun("measure", long_clip, output) as second:
            _, err = second.communicate(timeout=60)
        first.send_signal(signal.SIGCONT)
        first.communicate(timeout=60)
    assert second.returncode == 1
    assert err.decode().startswith(f"phonoscope: cannot write {output}: another process is writing")
    assert err.count(b"\n") == 1
    assert first.returncode == 0
    assert same(output, whole / output.name)


def test_a_file_of_another_kind_in_its_place_does_no_harm(long_clip, whole, tmp_path):
    (tmp_path / ".out.motion.part").write_text(json.dumps({"no": "motion"}))
    run("measure", long_clip, tmp_path / "out.motion")
    assert same(tmp_path / "out.motion", whole / "out.motion")
