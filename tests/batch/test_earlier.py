"""What an earlier run has left: done already or not, and nobody's files lost."""

import json
import os

import pytest

from phonoscope.audio import write_audio
from phonoscope.batch.earlier import asked_of, is_done, record_of_earlier
from phonoscope.batch.listing import items_of
from phonoscope.batch.processes import _why, default_jobs
from phonoscope.errors import UsageError
from phonoscope.files import sha256


@pytest.fixture
def source(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"a video")
    return tmp_path / "clip.mp4"


@pytest.fixture
def asked(source, tmp_path):
    """Return the file as it is asked for with some settings."""

    def item(**settings):
        return items_of([str(source)], settings, tmp_path)[0]

    return item


@pytest.fixture
def left(asked, tmp_path):
    """Leave what a run would have left."""

    def leave(item, *, silent=False):
        write_audio(item.sound, [0, 1.0, 0, -1], 100, comment="Phonoscope")
        sound = {"output": f"elsewhere/{item.sound.name}", "output_sha256": sha256(item.sound)}
        if silent:
            item.sound.unlink()
            sound = {"output": None}
        record = {"versions": {}, "detected": not silent, "asked": asked_of(item), **sound}
        item.record.write_text(json.dumps(record))

    return leave


def done(item):
    return is_done(item, asked_of(item), record_of_earlier(item))


def test_done_as_long_as_nothing_has_changed(asked, left):
    assert not done(asked())
    left(asked())
    assert done(asked())
    assert done(asked(band=None, force=True))
    assert not done(asked(band="80,1000"))


@pytest.mark.parametrize("change", ["source", "touched", "sound", "no sound", "record", "version"])
def test_done_again_after_a_change(change, asked, left, source, monkeypatch):
    left(asked())
    item = asked()
    if change == "source":
        source.write_bytes(b"another")
    elif change == "touched":
        os.utime(source, (1, 1))
    elif change == "sound":
        write_audio(item.sound, [0, 1.0, 0, -0.5], 100, comment="Phonoscope")
    elif change == "no sound":
        item.sound.unlink()
    elif change == "record":
        item.record.write_bytes(item.record.read_bytes()[:40])
    else:
        monkeypatch.setattr("phonoscope.__version__", "99")
    assert not done(item)


def test_changed_response(asked, left, tmp_path):
    (tmp_path / "bag.response").write_bytes(b"one")
    item = asked(equalize=tmp_path / "bag.response")
    left(item)
    assert done(item)
    (tmp_path / "bag.response").write_bytes(b"another")
    assert not done(item)


def test_silence_is_done_unless_a_file_of_it_is_wanted(asked, left):
    left(asked(), silent=True)
    assert done(asked())
    assert not done(asked(force=True))


@pytest.mark.parametrize("record", ["[]", "{}", '{"versions": {}, "asked": 5}', "{"])
def test_odd_records_are_not_of_use(record, asked, left):
    item = asked()
    item.record.write_text(record)
    if record in ("[]", "{}"):
        with pytest.raises(UsageError, match=r"clip\.json exists and was not made by Phonoscope"):
            record_of_earlier(item)
    else:
        assert not done(item)


def test_nobodys_sound_is_written_over(asked):
    asked().sound.write_bytes(b"the camera's own sound")
    with pytest.raises(UsageError, match=r"clip\.wav exists and was not made by Phonoscope"):
        record_of_earlier(asked())


def test_sound_of_another_video_stays(asked, left, source, tmp_path):
    left(asked())
    (tmp_path / "day 2").mkdir()
    other = tmp_path / "day 2" / "clip.mp4"
    other.write_bytes(b"another day")
    (item,) = items_of([str(other)], {}, tmp_path)
    with pytest.raises(UsageError, match=r"is the sound of another file, .*clip\.mp4; choose"):
        record_of_earlier(item)
    source.unlink()  # moved, say
    assert not done(item)


def test_as_many_as_there_is_memory_for(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 64)
    most = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 5 * 2**30 // 4096}
    monkeypatch.setattr("os.sysconf", most.get)
    assert default_jobs() <= 2  # 2, or fewer where a container has less
    most["SC_PHYS_PAGES"] = 2**20 // 4096
    assert default_jobs() == 1


def test_how_a_process_ended_is_said():
    assert "(SIGKILL), as systems do that run out of memory" in _why(-9)
    assert "broke down (SIGSEGV)" in _why(-11)
    assert "exit code 3" in _why(3)
