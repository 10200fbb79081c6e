"""The way from a video to its sound, or to a magnified one, on a device and on the processor."""

import shutil

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.motion.processor import PROCESSOR
from phonoscope.scene import preset, write_video

FPS, FRAMES = 2200, 600
APART_DB = -60.0  # of the sound's own power
NAME = "PyTorch"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    scene = preset("chips", duration=FRAMES / FPS)
    write_video(scene.frames(), path, FPS)
    return path


@pytest.fixture
def device(torch_engine, monkeypatch):
    """A name of a device that this machine does not have, and what stands for it."""
    monkeypatch.setattr(
        "phonoscope.pipeline.request.engine_of",
        lambda name: torch_engine if name == "cuda" else PROCESSOR,
    )
    return "cuda"


def apart_db(one, other):
    return 10 * np.log10(np.mean((one - other) ** 2) / np.mean(other**2))


@pytest.mark.parametrize("how", [{}, {"method": "pyramid"}])
def test_sound_is_the_same(clip, device, how):
    here = ph.recover(clip, fps=FPS, **how)
    there = ph.recover(clip, fps=FPS, device=device, **how)
    assert apart_db(there.samples, here.samples) < APART_DB
    facts = there.record["parameters"] if not how else there.record
    assert facts["device"].startswith(f"cpu ({NAME} ")
    assert (here.record["parameters"] if not how else here.record)["device"] == "cpu"


def test_what_was_begun_on_another_device_is_not_gone_on_with(
    clip, device, tmp_path, torch_engine, monkeypatch
):
    def interrupted(done, total):
        if done > FRAMES // 2:
            raise KeyboardInterrupt

    monkeypatch.setattr("phonoscope.motion.measure.segment_frames", lambda *_: 256)
    out = tmp_path / "out.motion"
    with pytest.raises(KeyboardInterrupt):
        ph.measure(clip, output=out, fps=FPS, device=device, progress=interrupted)
    (part,) = tmp_path.iterdir()
    kept = tmp_path / "kept"
    shutil.copy(part, kept)
    told = []
    field = ph.measure(
        clip, output=out, fps=FPS, device=device, progress=lambda *now: told.append(now)
    )
    assert min(done for done, _ in told) > 256  # gone on with
    whole = ph.measure(clip, output=tmp_path / "whole.motion", fps=FPS, device=device)
    np.testing.assert_array_equal(field.motion, whole.motion)
    shutil.move(kept, part)
    told.clear()
    field = ph.measure(clip, output=out, fps=FPS, progress=lambda *now: told.append(now))
    assert min(done for done, _ in told) <= 64
    assert field.parameters["device"] == "cpu"


def test_magnified_video_is_the_same(clip, device, tmp_path):
    shown = {}
    for name in ("cpu", device):
        out = tmp_path / f"{name}.mkv"
        done = ph.magnify(clip, out, fps=FPS, band=(200, 400), gain=20, duration=0.05, device=name)
        assert done.device.startswith("cpu (" if name == device else "cpu")
        with ph.open_video(out, fps=FPS) as video:
            shown[name] = np.array([frame.luma.astype(int) for frame in video])
        assert done.frames == len(shown[name]) == 110
    apart = np.abs(shown["cpu"] - shown[device])
    assert apart.max() <= 1
    assert apart.mean() < 1e-3


def test_a_device_that_is_not_there_is_refused_before_anything_is_written(torch_engine, tmp_path):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one")
    says = r"^PyTorch .* finds no cuda device; install a PyTorch that was built for it"
    for run in (
        lambda: ph.recover("clip.mkv", device="cuda"),
        lambda: ph.measure("clip.mkv", output=tmp_path / "out.motion", device="cuda"),
        lambda: ph.magnify("clip.mkv", tmp_path / "out.mkv", band=(20, 30), device="cuda:0"),
    ):
        with pytest.raises(ph.UsageError, match=says):
            run()
    assert not list(tmp_path.iterdir())
