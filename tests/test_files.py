"""Outputs appear whole or not at all; temporary files go; fingerprints are those of sha256sum."""

import errno
import hashlib
import os

import pytest

from phonoscope.errors import InputNotFoundError, OutputError
from phonoscope.files import check_writable, replace_when_done, sha256, temporary_file, unwritable


def test_whole_file_appears(tmp_path):
    target = tmp_path / "out.wav"
    with replace_when_done(target) as part:
        assert (part.parent, part.suffix) == (tmp_path, ".wav")
        part.write_text("new")
        assert not target.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out.wav"]
    assert target.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, OSError])
def test_nothing_is_left_when_the_block_fails(error, tmp_path):
    target = tmp_path / "out.wav"
    target.write_text("old")

    def fail():
        with replace_when_done(target) as part:
            part.write_text("half")
            raise error

    with pytest.raises(OutputError if error is OSError else error):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == ["out.wav"]
    assert target.read_text() == "old"


def fail_with(target, error):
    with replace_when_done(target):
        raise error


def test_errors_about_other_files_pass_through(tmp_path):
    lost = FileNotFoundError(errno.ENOENT, "No such file", "clip.mp4")
    with pytest.raises(FileNotFoundError, match=r"clip\.mp4"):
        fail_with(tmp_path / "out.wav", lost)
    with pytest.raises(InputNotFoundError, match="no clip"):
        fail_with(tmp_path / "out.wav", InputNotFoundError("no clip"))
    with pytest.raises(OutputError, match="cannot write elsewhere: full"):
        fail_with(tmp_path / "out.wav", unwritable("elsewhere", OSError("full")))


def test_temporary_names_never_show(tmp_path):
    def nested():
        with replace_when_done(tmp_path / "out.wav") as part, replace_when_done(part) as inner:
            raise OSError(errno.ENOSPC, "No space left on device", str(inner))

    with pytest.raises(OutputError) as caught:
        nested()
    assert str(caught.value) == (
        f"cannot write {tmp_path / 'out.wav'}: No space left on device; check free space and "
        "permissions, or choose another place."
    )


def test_places_that_cannot_be(tmp_path):
    (tmp_path / "file").touch()
    for path, words in (
        (tmp_path, "it is a folder"),
        (tmp_path / "none" / "x.wav", "does not exist"),
        (tmp_path / "file" / "x.wav", "is not a folder"),
        ("/dev/null", "no regular file"),
        (tmp_path / ("x" * 300 + ".wav"), "name too long"),
    ):
        with pytest.raises(OutputError, match=words):
            check_writable(path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_check_writable_changes_nothing(tmp_path):
    check_writable(tmp_path / "new.wav")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "old.wav").write_text("old")
    check_writable(tmp_path / "old.wav")
    assert (tmp_path / "old.wav").read_text() == "old"


def test_name_as_long_as_a_name_may_be(tmp_path):
    target = tmp_path / ("x" * 251 + ".wav")
    with replace_when_done(target) as part:
        part.write_text("new")
    assert target.read_text() == "new"


def test_link_stays_a_link(tmp_path):
    (tmp_path / "real.wav").write_text("old")
    (tmp_path / "link.wav").symlink_to("real.wav")
    with replace_when_done(tmp_path / "link.wav") as part:
        part.write_text("new")
    assert (tmp_path / "link.wav").is_symlink()
    assert (tmp_path / "real.wav").read_text() == "new"


def test_link_in_a_circle(tmp_path):
    (tmp_path / "a.wav").symlink_to("b.wav")
    (tmp_path / "b.wav").symlink_to("a.wav")
    with replace_when_done(tmp_path / "a.wav") as part:
        part.write_text("new")
    assert (tmp_path / "a.wav").read_text() == "new"


def test_temporary_file_goes(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with temporary_file("clip.motion") as path:
        path.write_text("x")
        assert path.name == "clip.motion"
    assert list(tmp_path.iterdir()) == []


def test_temporary_folder_full_or_absent(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def fill():
        with temporary_file("clip.motion") as path:
            raise unwritable(path, OSError("database or disk is full"))

    with pytest.raises(
        OutputError, match=f"temporary file in {tmp_path}: database or disk is full"
    ):
        fill()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))
    with pytest.raises(OutputError, match="set TMPDIR"), temporary_file("clip.motion"):
        pass


def test_sha256_of_file_folder_and_pattern(tmp_path):
    for name in ("b.png", "a.png"):
        (tmp_path / name).write_text(name)
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "inner").mkdir()

    def of(text):
        return hashlib.sha256(text.encode()).hexdigest()

    assert sha256(tmp_path / "a.png") == of("a.png")
    listing = f"{of('a.png')}  a.png\n{of('b.png')}  b.png\n"
    assert sha256(tmp_path) == of(listing)
    assert sha256(tmp_path / "*.png") == of(listing)
    assert sha256(os.fspath(tmp_path / "a*")) == of(f"{of('a.png')}  a.png\n")


def test_sha256_can_be_stopped(tmp_path):
    (tmp_path / "a.png").write_text("x")
    assert sha256(tmp_path / "a.png", stopped=lambda: True) is None
    assert sha256(tmp_path, stopped=lambda: True) is None
