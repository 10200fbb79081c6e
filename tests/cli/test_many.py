"""Many files at once: real runs of `recover --out`, and of `recover_many`."""

import contextlib
import csv
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.scene import write_video


@pytest.fixture(scope="session")
def films(tmp_path_factory, tools):
    """A folder of three clips: two with sound, one of silence between them by name."""
    folder = tmp_path_factory.mktemp("films")
    write_video(tools.moving(), folder / "a.mkv", tools.fps)
    still = tools.moving(1)[0].astype(float) + np.random.default_rng(3).normal(0, 2, (200, 64, 96))
    write_video(np.clip(still.round(), 0, 255).astype(np.uint8), folder / "b.mkv", tools.fps)
    write_video(tools.moving(seed=1), folder / "c.mkv", tools.fps)
    return folder


@pytest.fixture
def clips(films, tmp_path, monkeypatch):
    """A copy of them, beside which the command is run; temporary files go to `temporary`."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(films, tmp_path / "clips").name)


def summary(folder):
    with Path(folder, "summary.csv").open(encoding="utf-8", newline="") as file:
        return {row["source"]: row for row in csv.DictReader(file)}


def record(path):
    return json.loads(Path(path).read_text("utf-8"))


def test_many_are_as_each_alone(phonoscope, clips):
    (clips / "broken.mkv").write_bytes((clips / "a.mkv").read_bytes()[:300])
    done = phonoscope("recover", clips, "--fps", 240, "--out", "out", "--jobs", 2)
    assert done.code == 1
    assert done.err.endswith(
        "phonoscope: 1 of 4 files failed; the same command tries only those again.\n"
    )
    lines = {line.split("  ")[0]: line for line in done.out.splitlines()}
    assert "done" in lines["clips/a.mkv"]
    assert "12 to 120 Hz" in lines["clips/a.mkv"]
    assert "dB" in lines["clips/c.mkv"]
    assert "silent" in lines["clips/b.mkv"]
    assert "nothing above the noise floor" in lines["clips/b.mkv"]
    assert "failed" in lines["clips/broken.mkv"]
    assert "broken.mkv" in lines["clips/broken.mkv"].split("failed")[1]
    made = {path.name for path in Path("out").iterdir()}
    assert made == {"a.json", "a.wav", "b.json", "c.json", "c.wav", "summary.csv"}
    assert list(Path("temporary").iterdir()) == []

    for name in ("a", "c"):
        given = ["recover", clips / f"{name}.mkv", "--fps", 240]
        assert phonoscope(*given, "-o", "alone.wav", "--json", "alone.json").code == 0
        assert Path("out", f"{name}.wav").read_bytes() == Path("alone.wav").read_bytes()
        facts = record(f"out/{name}.json")
        assert facts.pop("asked")["version"] == ph.__version__
        assert facts | {"output": "alone.wav"} == record("alone.json")
    assert record("out/b.json")["detected"] is False
    assert record("out/b.json")["output"] is None

    rows = summary("out")
    states = {Path(source).stem: row["status"] for source, row in rows.items()}
    assert states == {"a": "done", "b": "silent", "broken": "failed", "c": "done"}
    assert float(rows["clips/a.mkv"]["snr_db"]) == record("out/a.json")["snr_db"]
    assert rows["clips/a.mkv"]["output"] == "out/a.wav"


@pytest.mark.slow
def test_second_run_does_only_what_is_new(phonoscope, clips, tools):
    given = ["recover", clips / "a.mkv", clips / "b.mkv", "--fps", 240, "--out", "out"]
    assert phonoscope(*given).code == 0
    before = tools.snapshot(Path("out"))
    made = {path.name: path.stat().st_mtime_ns for path in Path("out").glob("[ab].*")}

    done = phonoscope(*given, clips / "c.mkv")
    assert done.code == 0
    assert done.out.count("skipped (done already)") == 2
    assert [row["status"] for row in summary("out").values()] == ["skipped", "skipped", "done"]
    assert {path.name: path.stat().st_mtime_ns for path in Path("out").glob("[ab].*")} == made

    Path("out/a.json").write_text("{")
    done = phonoscope(*given)
    assert [row["status"] for row in summary("out").values()] == ["done", "skipped"]
    after = tools.snapshot(Path("out"))
    assert after[Path("a.wav")] == before[Path("a.wav")]
    assert after[Path("a.json")] == before[Path("a.json")]

    # Other settings: done again, and what only the former wrote is gone.
    done = phonoscope(*given, "--enhance", "general", "--force")
    assert [row["status"] for row in summary("out").values()] == ["done", "silent"]
    assert Path("out/a.enhanced.wav").exists()
    assert Path("out/b.wav").exists()
    done = phonoscope(*given)
    assert [row["status"] for row in summary("out").values()] == ["done", "silent"]
    assert {path.name for path in Path("out").iterdir()} == {
        "a.json", "a.wav", "b.json", "c.json", "c.wav", "summary.csv",
    }  # fmt: skip


@pytest.mark.slow
def test_table_with_settings(phonoscope, clips, tools):
    table = clips / "clips.csv"
    table.write_text(
        "source,fps,band,start,duration,region\n"
        'a.mkv,480,"40,200",0.05,0.15,"0,0,48,64;48,0,32,32"\n'
        "c.mkv,,,,,\n",
        encoding="utf-8",
    )
    assert phonoscope("recover", table, "--fps", 240, "--out", "out", "-q").code == 0
    first, second = record("out/a.json"), record("out/c.json")
    assert (first["capture_fps"], first["band_hz"], first["frames"]) == (480, [40, 200], 72)
    assert first["regions"] == ["0,0,48,64", "48,0,32,32"]
    assert (second["capture_fps"], second["band_hz"], second["frames"]) == (240, [12, 120], 120)

    before = tools.snapshot(Path())
    table.write_text("source,fps\na.mkv,480\nc.mkv,quick\n")
    done = phonoscope("recover", table, "--out", "out")
    assert (done.code, done.out) == (2, "")
    assert "clips.csv, line 3: fps 'quick' is not a frame rate" in done.err
    assert set(tools.snapshot(Path())) == set(before)


@pytest.mark.slow
def test_same_stems_and_odd_names(phonoscope, clips):
    Path("день ♪ 1").mkdir()
    shutil.copy(clips / "a.mkv", "день ♪ 1/my clip é.mkv")
    shutil.copy(clips / "c.mkv", clips / "my clip é.mkv")
    given = ["день ♪ 1/my clip é.mkv", clips / "my clip é.mkv", clips / "a.mkv"]
    done = phonoscope("recover", *given, "--out", "tön e")
    assert done.code == 0
    names = ("день ♪ 1-my clip é", "clips-my clip é", "a")
    for name, source in zip(names, given, strict=True):
        assert Path("tön e", f"{name}.wav").exists()
        assert record(f"tön e/{name}.json")["input"] == str(source)
    assert Path("tön e/a.wav").read_bytes() == Path(f"tön e/{names[0]}.wav").read_bytes()
    assert len(list(Path("tön e").iterdir())) == 7


def test_folder_of_images_is_one_source(phonoscope, tools, clips):
    frames = Path("frames")
    frames.mkdir()
    for number, luma in enumerate(tools.moving(60)):
        (frames / f"{number}.png").write_bytes(tools.encode([luma], "png", "gray"))
    assert phonoscope("recover", frames, "--fps", 240, "--out", "out").code == 0
    assert {path.name for path in Path("out").iterdir()} == {
        "frames.json", "frames.wav", "summary.csv",
    }  # fmt: skip
    done = phonoscope("recover", frames, clips, "--fps", 240, "--out", frames)
    assert done.code == 2
    assert "the folder frames holds the images that are read" in done.err


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["clips/a.mkv", "clips/c.mkv"], "there are 2 sources; give --out DIR"),
        (
            ["clips/a.mkv", "clips/c.mkv", "-o", "x.wav"],
            "results of all, instead of --output x.wav.",
        ),
        (["clips/a.mkv", "-o", "x.wav", "--out", "x"], "--output x.wav is for one source without"),
        (["clips/a.mkv", "--json", "x.json", "--out", "x"], "--json x.json is for one source"),
        (["clips/a.mkv", "--report", "x", "--out", "x"], "phonoscope report"),
        (["0.png", "1.png"], "there are 2 images; if they are of one video, give their folder"),
        (["clips"], "clips holds 3 videos; give --out DIR"),
        (["clips.csv"], "clips.csv is a table of sources; give --out DIR"),
        (["clips/a.mkv", "--jobs", "2"], "--jobs is for many files"),
        (["clips/a.mkv", "--band", "x", "--out", "x"], "band 'x' is not low,high"),
        (["clips/a.mkv", "--out", "mine"], "mine/a.wav exists and was not made by Phonoscope"),
        (["clips/a.mkv", "--out", "table"], "summary.csv exists and was not made by Phonoscope"),
    ],
)
def test_wrong_usage(given, says, refused, clips):
    for folder in ("mine", "table"):
        Path(folder).mkdir()
    Path("mine/a.wav").write_bytes(b"the camera's own sound")
    Path("table/summary.csv").write_text("my,own\n")
    Path("clips.csv").write_text("source\nclips/a.mkv\n")
    refused("recover", *given, code=2, says=says)


def test_images_with_a_video_among_them_are_images_as_ever(phonoscope, tools, clips):
    for number, luma in enumerate(tools.moving(60)):
        (clips / f"{number:02}.png").write_bytes(tools.encode([luma], "png", "gray"))
    for source in (clips, clips / "*"):
        assert phonoscope("recover", source, "--fps", 240, "-o", "x.wav").code == 0
        assert len(ph.read_audio("x.wav")[0]) == 12000


def test_out_is_a_file(refused, clips):
    Path("x").touch()
    refused("recover", clips, "--out", "x", code=1, says="cannot write x")


def test_missing_file_and_missing_rate_fail_alone(clips):
    np.save("frames.npy", np.zeros((9, 8, 8), np.uint8))
    rows = ph.recover_many(["no.mkv", "frames.npy", clips / "a.mkv"], "out", jobs=3)
    assert [row.status for row in rows] == ["failed", "failed", "done"]
    assert rows[0].sentence.startswith("no.mkv does not exist")
    assert "fps" in rows[1].sentence
    assert (rows[2].source, rows[2].output) == ("clips/a.mkv", Path("out/a.wav"))
    assert rows[2].seconds > 0
    assert [row.output for row in rows[:2]] == [None, None]


@pytest.mark.slow
def test_progress_on_a_terminal(clips, tools):
    given = [sys.executable, "-m", "phonoscope.cli", "recover", str(clips), "--out", "out"]
    code, shown = tools.on_a_terminal(given)
    assert code == 0
    for words in ("0/3", "3/3", "a.mkv", "beginning", "summary.csv"):
        assert words in shown
    code, shown = tools.on_a_terminal(given)
    assert code == 0
    assert shown.count("skipped (done already)") == 3
    (clips / "d.mkv").touch()
    code, shown = tools.on_a_terminal([*given, "--quiet"])
    assert code == 1
    says = "1 of 4 files failed (clips/d.mkv: clips/d.mkv is empty (0 bytes)"
    assert " ".join(shown.split()).startswith(f"phonoscope: {says}")


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_process_fails_its_file_alone(jobs, clips, tools):
    write_video(tools.moving(3000), clips / "long.mkv", tools.fps)
    seen, killed = [], []

    def kill(standing):
        seen.append(standing)
        for one in standing.running:
            # Once: it may still be told of when it is gone.
            if one.source.endswith("long.mkv") and one.done and not killed:
                (process,) = _processes_of_long(clips)
                killed.append(process)
                os.kill(process, signal.SIGKILL)

    sources = [clips / "a.mkv", clips / "long.mkv", clips / "c.mkv"]
    rows = ph.recover_many(sources, "out", jobs=jobs, progress=kill, cell=4)
    assert [row.status for row in rows] == ["done", "failed", "done"]
    assert "(SIGKILL), as systems do that run out of memory" in rows[1].sentence
    assert _finished() == {"a.json", "a.wav", "c.json", "c.wav", "summary.csv"}
    assert list(Path("temporary").iterdir()) == []
    assert multiprocessing.active_children() == []
    assert max(len(standing.running) for standing in seen) == jobs
    assert (seen[-1].ended, seen[-1].total, seen[-1].running) == (3, 3, ())


def _processes_of_long(clips):
    """Return the processes of ours that have the long clip open."""
    ours = {process.pid for process in multiprocessing.active_children()}
    found = set()
    for pid in ours:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            if link.is_symlink() and link.resolve() == (clips / "long.mkv").resolve():
                found.add(pid)
    return found


@pytest.mark.slow
def test_interrupted(clips, tools):
    write_video(tools.moving(3000), clips / "long.mkv", tools.fps)
    given = [sys.executable, "-m", "phonoscope.cli", "recover", clips, "--cell", "4"]
    given += ["--out", "out", "--jobs", "2"]
    environment = {**os.environ, "TMPDIR": str(Path("temporary").resolve())}
    with subprocess.Popen(
        given, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        start_new_session=True,
    ) as process:  # fmt: skip
        _wait_until_only_long_runs(process)
        os.killpg(process.pid, signal.SIGINT)  # to all, as a terminal does
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err == (
        "phonoscope: interrupted; what was done is in out, and the same command goes on with the "
        "rest.\n"
    )
    _wait_until_none_is_left(process.pid)
    assert list(Path("temporary").iterdir()) == []
    assert _finished() == {"a.json", "a.wav", "b.json", "c.json", "c.wav"}
    rows = ph.recover_many(sorted(clips.glob("?.mkv")), "out", cell=4)
    assert [row.status for row in rows] == ["skipped"] * 3


def _finished():
    """Return the names of what is in the folder, but for what the long clip can go on with."""
    return {path.name for path in Path("out").iterdir() if ".long.wav.part" not in path.name}


def _wait_until_none_is_left(group):
    end = time.monotonic() + 5  # what Python itself has begun ends a moment later
    while _alive(group):
        assert time.monotonic() < end, _alive(group)
        time.sleep(0.05)


def _alive(group):
    """Return the processes of a group, those that wait to be buried left out."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                found.append(path.parent.name)
    return found


def _wait_until_only_long_runs(process):
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        if Path("out/c.json").exists() and Path("out/.long.wav.part").exists():
            return
        time.sleep(0.02)
    pytest.fail("the run ended before it could be interrupted")
