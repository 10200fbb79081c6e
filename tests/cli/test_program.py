"""The program itself: help, version, speed of starting, progress on a terminal, Ctrl-C."""

import os
import re
import select
import signal
import subprocess
import sys
import time

import pytest

import phonoscope as ph
from phonoscope.scene import write_video

PROGRAM = [sys.executable, "-m", "phonoscope.cli"]
HEAVY = ("numpy", "numba", "scipy", "av", "tifffile", "matplotlib", "phonoscope.pipeline")


@pytest.mark.parametrize("command", ["recover", "measure", "simulate", "score"])
def test_help_has_examples(command, phonoscope):
    done = phonoscope(command, "--help")
    assert done.code == 0
    assert "Examples" in done.out
    assert f"phonoscope {command} " in done.out
    assert "[bold]" not in done.out


def test_help_without_a_command(phonoscope):
    for arguments in ([], ["--help"], ["-h"]):
        done = phonoscope(*arguments)
        for command in ("recover", "measure", "simulate", "score"):
            assert command in done.out + done.err


def test_version(phonoscope):
    done = phonoscope("--version")
    assert (done.code, done.out) == (0, f"phonoscope {ph.__version__}\n")


def test_help_loads_nothing_heavy():
    look = f"""
import sys
sys.argv = ["phonoscope", "--help"]
from phonoscope.cli import main
try:
    main()
except SystemExit:
    pass
loaded = [name for name in {HEAVY!r} if name in sys.modules]
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize("count", [40, pytest.param(600, marks=pytest.mark.slow)])
def test_progress_on_a_terminal(count, tools, tmp_path):
    write_video(tools.moving(count), tmp_path / "clip.mp4", tools.fps, codec="h264-lossless")
    code, shown = tools.on_a_terminal([*PROGRAM, "recover", str(tmp_path / "clip.mp4")])
    assert code == 0
    assert f"{count}/{count}" in shown
    assert "learning the picture" in shown
    if count > 500:
        assert re.search(r"[0-9,]+ frames/s", shown)
        assert re.search(r"0:0\d:\d\d", shown)
    assert "clip.wav" in shown
    code, shown = tools.on_a_terminal([*PROGRAM, "recover", "-q", str(tmp_path / "clip.mp4")])
    assert (code, shown) == (0, "")


@pytest.mark.parametrize(
    "command", ["recover", "simulate", pytest.param("measure", marks=pytest.mark.slow)]
)
def test_interrupted(command, tools, tmp_path):
    given = [*PROGRAM, command]
    if command == "simulate":
        given += ["chips", "--out", str(tmp_path / "demo")]
    else:
        write_video(tools.moving(3000), tmp_path / "clip.mkv", tools.fps)
        given += [str(tmp_path / "clip.mkv"), "--cell", "4"]
    before = tools.snapshot(tmp_path)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(
        given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    ) as process:
        _wait_for_a_part(tmp_path, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    # Python ends itself by the signal where it was interrupted inside exec(); shells say 130 too.
    assert process.returncode in (130, -signal.SIGINT)
    assert out == b""
    temporary.rmdir()  # it is empty
    after = tools.snapshot(tmp_path)
    if kept := [path for path in after if path.name.endswith(".part")]:
        assert command != "simulate"
        says = "what is measured is kept, and the same command goes on from there"
        del after[kept[0]]
    else:
        says = "nothing was written"
    assert err.decode() == f"phonoscope: interrupted; {says}.\n"
    assert after == before


def _wait_for_a_part(folder, process):
    end = time.monotonic() + 60
    while time.monotonic() < end and process.poll() is None:
        found = [*folder.rglob(".*.part*"), *folder.rglob("temporary/*/clip.motion")]
        if any(path.stat().st_size for path in found if path.exists()):
            return
        select.select([], [], [], 0.005)
    pytest.fail("the run ended before it could be interrupted")
