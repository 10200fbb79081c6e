"""On a cluster, a video is measured as on one machine."""

import logging
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.distributed import hands as hands_module
from phonoscope.errors import ClusterError, InputNotFoundError, MissingExtraError, UsageError

ROUNDED = 1 / 8 / 2 * 1.01  # of a cell's own error, by which a motion file may differ


def same(one, other):
    assert one.samples == other.samples
    assert one.warnings == other.warnings
    assert dict(one.parameters) == dict(other.parameters)
    for ours, theirs in zip(one.blocks, other.blocks, strict=True):
        for name in ("time_s", "motion", "gain", "information"):
            assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
        assert ours.lost == theirs.lost
    return True


@pytest.fixture(scope="module")
def alone(clip, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("phonoscope.motion.measure.segment_frames", lambda *_: 256)
        return ph.measure(clip, output=tmp_path_factory.mktemp("alone") / "alone.motion")


pytestmark = pytest.mark.usefixtures("short_segments")


def test_the_same_field(clip, alone, in_process, tmp_path):
    told = []
    field = ph.measure(
        clip, output=tmp_path / "out.motion", dask=in_process,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert same(field, alone)
    assert told[-1] == (1000, 1000)
    assert len(told) > 1
    assert told == sorted(told)
    assert [path.name for path in tmp_path.iterdir()] == ["out.motion"]


def test_the_same_field_in_memory_to_the_rounding_of_a_motion_file(clip, in_process):
    there = ph.measure(clip, dask=in_process)
    here = ph.measure(clip)
    for ours, theirs in zip(there.blocks, here.blocks, strict=True):
        error = 1 / np.sqrt(np.diagonal(theirs.information, axis1=1, axis2=2)[:, :2])
        assert (np.abs(ours.motion - theirs.motion) / error).max() < ROUNDED
        assert np.abs(ours.motion - theirs.motion).max() > 0


def test_a_range_and_a_rolling_shutter(clip, in_process, tmp_path):
    asked = {"start": 0.5, "duration": 3.0, "shutter": "rolling", "readout": "3ms", "fps": 240}
    there = ph.measure(clip, output=tmp_path / "there.motion", dask=in_process, **asked)
    here = ph.measure(clip, output=tmp_path / "here.motion", **asked)
    assert there.facts.shutter.rolling
    assert there.samples == 720
    assert same(there, here)


def test_a_picture_that_drifts_away(lab, in_process, tmp_path, monkeypatch):
    # Not to be found from the reference: every run has to know where the one before it ended.
    monkeypatch.setattr("phonoscope.motion.track.global_shift", lambda *_: (0, 0))
    path = lab.film(tmp_path / "clip.mp4", lab.moving(1000, far_px=4))
    there = ph.measure(path, output=tmp_path / "there.motion", dask=in_process)
    here = ph.measure(path, output=tmp_path / "here.motion")
    assert same(there, here)
    moved = there.blocks[-1].motion.mean(axis=(0, 1)) - there.blocks[0].motion.mean(axis=(0, 1))
    far = 4 * (1000 - (256 + 232) / 2) / 1000  # from the middle of one to that of the other
    assert abs(moved[0] - far) < 0.1


def test_arrays_in_a_file(lab, in_process, tmp_path):
    np.save(tmp_path / "clip.npy", lab.moving(700))
    there = ph.measure(
        tmp_path / "clip.npy", fps=240, output=tmp_path / "there.motion", dask=in_process
    )
    here = ph.measure(tmp_path / "clip.npy", fps=240, output=tmp_path / "here.motion")
    assert same(there, here)


def test_what_cannot_be_cut_is_measured_here_and_says_so(lab, in_process):
    frames = lab.moving(300)
    there, here = ph.measure(frames, fps=240, dask=in_process), ph.measure(frames, fps=240)
    assert there.warnings[:-1] == here.warnings
    assert "was measured on this one" in there.warnings[-1]
    for ours, theirs in zip(there.blocks, here.blocks, strict=True):
        assert np.array_equal(ours.motion, theirs.motion)


def test_damage_is_told_as_on_one_machine(clip, in_process, tmp_path):
    content = bytearray(clip.read_bytes())
    place = len(content) * 7 // 10
    content[place : place + 2000] = bytes(2000)
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(content)
    there = ph.measure(broken, output=tmp_path / "there.motion", dask=in_process)
    here = ph.measure(broken, output=tmp_path / "here.motion")
    assert any("damaged" in warning or "missing" in warning for warning in there.warnings)
    assert same(there, here)


def test_recover_hears_the_same(clip, in_process, tmp_path):
    there = ph.recover(clip, dask=in_process)
    here = ph.recover(clip)
    assert np.array_equal(there.samples, here.samples)
    assert there.record == here.record


class EnoughError(Exception):
    """Ends a run in its midst."""


def test_resumes_what_was_cut_off_without_measuring_it_again(
    clip, alone, in_process, tmp_path, monkeypatch
):
    output = tmp_path / "out.motion"

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ph.measure(clip, output=output, dask=in_process, progress=interrupt)
    kept = tmp_path / ".out.motion.part"
    assert kept.exists()
    assert not output.exists()
    asked = []
    begin = hands_module.Hands.begin
    monkeypatch.setattr(
        hands_module.Hands, "begin",
        lambda self, label, do, task, **more: (
            asked.append(task.run), begin(self, label, do, task, **more),
        ),
    )  # fmt: skip
    assert same(ph.measure(clip, output=output, dask=in_process), alone)
    left = {number for run in asked for number in range(run.first, run.stop or 4)}
    assert left
    assert left < {0, 1, 2, 3}
    assert not kept.exists()


def test_begun_on_one_machine_and_ended_on_a_cluster(clip, alone, in_process, tmp_path):
    output = tmp_path / "out.motion"

    def interrupt(done, total):
        if done >= 500:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ph.measure(clip, output=output, progress=interrupt)
    assert same(ph.measure(clip, output=output, dask=in_process), alone)


def test_a_video_that_workers_do_not_see(clip, in_process, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "phonoscope.video.reading.Reader.anywhere",
        lambda self: type(self)(Path("nowhere.mp4"), self.probe, self.window),
    )
    with pytest.raises(InputNotFoundError, match=r"^on the machine .* same path"):
        ph.measure(clip, output=tmp_path / "out.motion", dask=in_process)


def test_a_worker_that_fails_says_so_in_a_sentence(clip, in_process, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("nobody foresaw it")

    monkeypatch.setattr("phonoscope.distributed.segments.measured_run", broken)
    with pytest.raises(ClusterError, match="ZeroDivisionError: nobody foresaw it"):
        ph.measure(clip, dask=in_process)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "nowhere", "x://y:1", "missing.json"])
def test_no_scheduler(address, clip, tmp_path, monkeypatch):
    monkeypatch.setattr("phonoscope.distributed.cluster._CONNECT_S", 1.0)
    begun = time.monotonic()
    with pytest.raises(ClusterError, match=f"no Dask scheduler answers at {address}"):
        ph.measure(clip, output=tmp_path / "out.motion", dask=address)
    assert time.monotonic() - begun < 60
    assert not list(tmp_path.iterdir())


def test_no_workers(clip, monkeypatch):
    from distributed import LocalCluster

    monkeypatch.setattr(hands_module, "_NO_WORKER_S", 1.0)
    with (
        LocalCluster(
            n_workers=0,
            processes=False,
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        pytest.raises(ClusterError, match="has had no workers for 1 s"),
    ):
        ph.measure(clip, dask=cluster.scheduler_address)


def test_other_versions_are_refused(clip, in_process, monkeypatch):
    from phonoscope.distributed import cluster

    seen = cluster._packages

    def other(found):
        packages = seen(found)
        return packages | {"phonoscope": "0.0.7"} if found.get("worker") else packages

    def with_marks(self, packages):
        versions = get(self, packages=packages)
        for one in versions["workers"].values():
            one["worker"] = True
        return versions

    from distributed import Client

    get = Client.get_versions
    monkeypatch.setattr(Client, "get_versions", with_marks)
    monkeypatch.setattr(cluster, "_packages", other)
    with pytest.raises(ClusterError, match=r"worker inproc.* has phonoscope 0\.0\.7, and here is"):
        ph.measure(clip, dask=in_process)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"workers": 0}, "workers is 0"),
        ({"dask": " "}, "is empty"),
        ({"dask": "tcp://a:1", "workers": 2}, "give one of them"),
    ],
)
def test_what_cannot_be_meant(given, says, clip):
    with pytest.raises(UsageError, match=says):
        ph.measure(clip, **given)


def test_nothing_to_spread(alone, clip):
    with pytest.raises(UsageError, match="measured already"):
        ph.recover(alone, workers=2)
    with pytest.raises(UsageError, match="pyramid"):
        ph.recover(clip, method="pyramid", workers=2)


def test_without_dask(clip, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"phonoscope\[dask\]"):
        ph.measure(clip, workers=2)
