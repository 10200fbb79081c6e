"""The disk is full: the sentence names the place, and nothing is left behind."""

import shutil
import subprocess

import pytest


@pytest.fixture
def temporary(tmp_path):
    """A folder for temporary files, which a run must leave empty."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.mark.slow
def test_sound(spawn_refused, motion, tmp_path):
    given = ["recover", motion, "-o", tmp_path / "out.wav"]
    says = ["cannot write", "out.wav: File too large", "check free space"]
    spawn_refused(*given, code=1, says=says, limit=4096)


@pytest.mark.slow
def test_json(spawn_refused, motion, tmp_path):
    given = ["recover", motion, "--rate", "native", "-o", tmp_path / "out.wav"]
    given += ["--json", tmp_path / "out.json"]
    spawn_refused(*given, code=1, says=["out.json: File too large"], limit=1500)


@pytest.mark.slow
def test_motion_file(spawn_refused, clip, tmp_path):
    given = ["measure", clip, "-o", tmp_path / "out.motion"]
    says = [f"cannot write {tmp_path / 'out.motion'}: ", "check free space"]
    spawn_refused(*given, code=1, says=says, limit=8192)


@pytest.mark.slow
def test_what_recover_measures(spawn_refused, clip, tmp_path):
    given = ["recover", clip, "-o", tmp_path / "out.wav"]
    says = [f"cannot keep what is measured in {tmp_path / '.out.wav.part'}: ", "free some space"]
    spawn_refused(*given, code=1, says=says, limit=8192)


@pytest.mark.slow
def test_temporary_file_of_report(spawn_refused, clip, tmp_path, temporary):
    given = ["report", clip, "-o", tmp_path / "out.html"]
    says = [f"cannot write a temporary file in {temporary}: ", "set TMPDIR to another folder"]
    spawn_refused(*given, code=1, says=says, limit=8192, environment={"TMPDIR": str(temporary)})


@pytest.mark.slow
def test_video_of_simulate(spawn_refused, tmp_path):
    given = ["simulate", "rigid", "--duration", "0.05", "--out", tmp_path / "demo"]
    spawn_refused(*given, code=1, says=["rigid.mkv: ", "check free space"], limit=30000)


@pytest.mark.slow
def test_scores(spawn_refused, motion, tmp_path, spawn):
    spawn("recover", motion, "-o", tmp_path / "a.wav")
    given = ["score", tmp_path / "a.wav", tmp_path / "a.wav", "--json", tmp_path / "s.json"]
    spawn_refused(*given, code=1, says="s.json: File too large", limit=200)


@pytest.fixture
def small_disk(tmp_path):
    """A real disk of 24 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("there is no mount")
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=24k", "tmpfs", str(folder)],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("mounting is not permitted")
    yield folder
    subprocess.run([umount, "-l", str(folder)], check=True)


@pytest.mark.slow
def test_real_full_disk(refused, spawn_refused, clip, small_disk):
    says = f"cannot write {small_disk / 'out.motion'}: "
    refused("measure", clip, "--cell", 4, "-o", small_disk / "out.motion", code=1, says=says)
    refused("recover", clip, "-o", small_disk / "out.wav", code=1, says="disk is full")
    given = ["report", clip, "--cell", 4, "-o", small_disk.parent / "out.html"]
    says = f"cannot write a temporary file in {small_disk}: "
    spawn_refused(*given, code=1, says=says, environment={"TMPDIR": str(small_disk)})
