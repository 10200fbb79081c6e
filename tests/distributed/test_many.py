"""Many files on a cluster: the same results as on one machine, and one failure stops no other."""

import json
import logging
import signal
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.cli import main
from phonoscope.distributed import hands as hands_module
from phonoscope.errors import UsageError


@pytest.fixture
def films(lab, tmp_path):
    """Two clips with sound, one with none, and what is no video."""
    folder = tmp_path / "films"
    folder.mkdir()
    lab.film(folder / "a.mp4", lab.moving(240))
    still = lab.moving(1)[0].astype(float) + np.random.default_rng(3).normal(0, 2, (200, 64, 96))
    lab.film(folder / "b.mp4", np.clip(still.round(), 0, 255).astype(np.uint8))
    (folder / "c.mp4").write_bytes(b"no video")
    lab.film(folder / "d.mp4", lab.moving(240, seed=1))
    return folder


@pytest.mark.slow
def test_the_same_results(films, in_process, tmp_path, monkeypatch):
    monkeypatch.chdir(films)  # relative paths are meant from here, not from where workers are
    given = {"fps": 240, "enhance": "general"}
    standing = []
    there = ph.recover_many(
        ".", tmp_path / "there", dask=in_process, progress=standing.append, **given
    )
    here = ph.recover_many(".", tmp_path / "here", **given)
    assert [one.status for one in there] == ["done", "silent", "failed", "done"]
    names = sorted(path.name for path in (tmp_path / "there").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "here").iterdir())
    for ours, theirs in zip(there, here, strict=True):
        assert ours.source == theirs.source
        assert ours.snr_db == theirs.snr_db
        assert ours.warnings == theirs.warnings
        assert ours.status == theirs.status
    for name in ("a.wav", "a.enhanced.wav", "d.wav"):
        one = (tmp_path / "there" / name).read_bytes()
        assert one == (tmp_path / "here" / name).read_bytes()
    ours, theirs = (
        json.loads((tmp_path / where / "a.json").read_text()) for where in ("there", "here")
    )
    assert ours.pop("output") == str(tmp_path / "there" / "a.wav")
    assert ours.pop("enhanced") == str(tmp_path / "there" / "a.enhanced.wav")
    theirs.pop("output"), theirs.pop("enhanced")
    assert ours == theirs
    assert standing[-1].ended == standing[-1].total == 4


def test_what_is_done_is_skipped(films, in_process, tmp_path):
    files = [films / "a.mp4", films / "c.mp4"]
    ph.recover_many(files, tmp_path / "out", fps=240, dask=in_process)
    begun = []
    with pytest.MonkeyPatch.context() as patch:
        begin = hands_module.Hands.begin
        patch.setattr(
            hands_module.Hands, "begin",
            lambda self, number, *given: (begun.append(number), begin(self, number, *given)),
        )  # fmt: skip
        again = ph.recover_many(files, tmp_path / "out", fps=240, dask=in_process)
    assert [one.status for one in again] == ["skipped", "failed"]
    assert len(begun) == 1
    # All are skipped: no cluster is asked for.
    one = ph.recover_many(files[:1], tmp_path / "out", fps=240, dask="tcp://127.0.0.1:9")
    assert [each.status for each in one] == ["skipped"]


def test_jobs_are_for_this_machine(films, tmp_path):
    with pytest.raises(UsageError, match="jobs 2 is for this machine alone"):
        ph.recover_many(films, tmp_path / "out", jobs=2, workers=2)


@pytest.fixture
def phonoscope(monkeypatch, capfd):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["phonoscope", *map(str, arguments)])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        out, err = capfd.readouterr()
        return SimpleNamespace(code=code, out=out, err=err)

    return run


def test_commands(films, in_process, tmp_path, phonoscope):
    done = phonoscope("recover", films, "--out", tmp_path / "out", "--dask", in_process)
    assert done.code == 1
    assert "1 of 4 files failed" in done.err
    assert "silent" in done.out
    done = phonoscope("measure", films / "a.mp4", "-o", tmp_path / "a.motion", "--dask", in_process)
    assert done.code == 0
    assert (tmp_path / "a.motion").exists()


def test_no_cluster_is_one_sentence(films, tmp_path, phonoscope, monkeypatch):
    monkeypatch.setattr("phonoscope.distributed.cluster._CONNECT_S", 1.0)
    for more in (["-o", tmp_path / "a.wav"], ["--out", tmp_path / "out"]):
        done = phonoscope("recover", films / "a.mp4", *more, "--dask", "tcp://127.0.0.1:9")
        assert done.code == 1
        assert done.err.startswith("phonoscope: no Dask scheduler answers at tcp://127.0.0.1:9")
        assert done.err.count("\n") == 1


@pytest.mark.slow
def test_one_that_kills_its_workers_fails_alone(films, tmp_path, monkeypatch):
    from distributed import LocalCluster

    begin = hands_module.Hands.begin

    def begin_or_kill(self, number, do, work, *more):
        if work.item.source.endswith("c.mp4"):
            begin(self, number, signal.raise_signal, held=signal.SIGKILL)
        else:
            begin(self, number, do, work, *more)

    monkeypatch.setattr(hands_module.Hands, "begin", begin_or_kill)
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL + 1,
    ) as cluster:  # fmt: skip
        done = ph.recover_many(films, tmp_path / "out", dask=cluster.scheduler_address)
    assert [one.status for one in done] == ["done", "silent", "failed", "done"]
    assert "ended one after the other" in done[2].sentence
