"""Files hold the values that were given to them."""

from dataclasses import replace

import av
import numpy as np
import pytest

import phonoscope as ph
from phonoscope.errors import InputError, OutputError, UsageError
from phonoscope.scene import CODECS, Sway, Texture, preset, write_video


def luma_of(path):
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            plane = frame.planes[0]
            kind = np.uint8 if frame.format.components[0].bits == 8 else np.uint16
            rows = np.frombuffer(plane, kind).reshape(
                -1, plane.line_size // np.dtype(kind).itemsize
            )
            yield rows[: frame.height, : frame.width].copy()


def random_frames(height, width, bits, count=6):
    rng = np.random.default_rng(5)
    kind = np.uint8 if bits == 8 else np.uint16
    return [rng.integers(0, 2**bits, (height, width)).astype(kind) for _ in range(count)]


@pytest.mark.parametrize(
    ("codec", "suffix", "bits", "size"),
    [
        ("ffv1", ".mkv", 8, (37, 53)),
        ("ffv1", ".mkv", 16, (37, 53)),
        ("raw", ".mkv", 8, (37, 53)),
        ("h264-lossless", ".mp4", 8, (36, 52)),
        ("h264-lossless", ".mp4", 10, (36, 52)),
    ],
)
def test_lossless_codecs_keep_every_value(tmp_path, codec, suffix, bits, size):
    frames = random_frames(*size, bits)
    write_video(frames, tmp_path / f"clip{suffix}", 500, codec=codec, bits=bits)
    np.testing.assert_array_equal(list(luma_of(tmp_path / f"clip{suffix}")), frames)


@pytest.mark.parametrize(
    ("codec", "suffix"), [("h264", ".mp4"), ("h264-forward", ".mkv"), ("mjpeg", ".avi")]
)
def test_lossy_codecs_keep_the_range(tmp_path, codec, suffix):
    frames = [np.full((36, 52), value, np.uint8) for value in (5, 100, 250)]
    write_video(frames, tmp_path / f"clip{suffix}", 30, codec=codec)
    for given, read in zip(frames, luma_of(tmp_path / f"clip{suffix}"), strict=True):
        assert np.abs(read.astype(int) - given).max() <= 2


@pytest.mark.parametrize(
    ("options", "name", "message"),
    [
        ({"codec": "divx"}, "a.mkv", "no codec 'divx'; choose from ffv1"),
        ({"codec": "mjpeg", "bits": 12}, "a.avi", "cannot hold 12 bits"),
        ({"codec": "h264"}, "a.mp4", "frames of 53 x 37 px need even sizes"),
        ({"codec": "raw"}, "a.avi", "an AVI cannot claim 2200 frames/s"),
        ({"codec": "raw"}, "a.mp4", "an MP4 cannot hold the codec raw"),
        ({}, "a.xyz", r"a\.xyz must tell the container; end it in \.mkv, \.mp4 or \.avi"),
        ({}, "a", "must tell the container"),
        ({"bits": 3}, "a.mkv", "bits 3 cannot be right; give a whole number from 8 to 16"),
        ({"codec": "h264", "bits": 9}, "a.mp4", "codec h264 cannot hold 9 bits; choose ffv1"),
        ({"codec": "h264", "crf": 52}, "a.mp4", "crf 52 cannot be right; give a number from 0"),
        ({"codec": "h264", "crf": -1}, "a.mp4", "crf -1 cannot be right"),
        ({"fps": 0}, "a.mkv", "fps 0 cannot be right; give a number above 0"),
        ({"fps": float("nan")}, "a.mkv", "fps nan cannot be right"),
        ({"fps": 10**7}, "a.mkv", "fps 10000000 cannot be right"),
        ({"fps": 29.97}, "a.mkv", r"29\.97 frames/s exactly; give a whole number or a fraction"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path, options, name, message):
    with pytest.raises(UsageError, match=message):
        write_video(random_frames(37, 53, 8), tmp_path / name, **{"fps": 2200, **options})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("frames", "bits", "message"),
    [
        (random_frames(36, 52, 8), 12, "uint8 of shape .* where uint16"),
        (random_frames(36, 52, 16), 8, "uint16 of shape .* where uint8"),
        (random_frames(36, 52, 8) + random_frames(36, 50, 8), 8, r"\(36, 50\) where uint8 .*52\)"),
        ([np.zeros((36, 52, 3), np.uint8)], 8, r"shape \(36, 52, 3\)"),
        ([np.zeros((36, 52))], 8, "float64"),
        ([np.full((36, 52), 4096, np.uint16)], 12, "holds 4096, too much for 12 bits"),
        ([np.zeros((0, 0), np.uint8)], 8, "no frames"),
    ],
)
def test_frames_that_do_not_fit_are_refused_and_leave_nothing(tmp_path, frames, bits, message):
    with pytest.raises(InputError, match=message):
        write_video(frames, tmp_path / "a.mkv", 30, bits=bits)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [
        ("ffv1", ".mkv"),
        ("raw", ".mkv"),
        ("h264", ".mkv"),
        ("h264-lossless", ".mp4"),
        ("mjpeg", ".avi"),
    ],
)
def test_the_same_frames_make_the_same_file(tmp_path, codec, suffix):
    for name in ("one", "two"):
        write_video(random_frames(36, 52, 8), tmp_path / f"{name}{suffix}", 500, codec=codec)
    one, two = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize("codec", CODECS)
def test_silence_under_a_flickering_lamp_and_sway_goes_through_every_codec(tmp_path, codec):
    silent = preset("silent", duration=0.01)
    camera = replace(silent.camera, width=128, height=96, flicker_depth=0.04, flicker_hz=100.0)
    changed = replace(silent, camera=camera, sway=Sway(2.0, 20.0), texture=Texture("fabric"))
    write_video(changed.frames(), tmp_path / "a.mkv", 2200, codec=codec)
    written = np.array(list(luma_of(tmp_path / "a.mkv")), float)
    assert len(written) == 22
    error = written - [changed.clean_frame(number) for number in range(22)]
    assert 0.8 < error.std() < 3  # the camera's noise, with or without a codec's
    light = written.mean(axis=(1, 2))
    expected = camera.light(np.arange(22) / 2200)
    np.testing.assert_allclose(light / light[0], expected / expected[0], atol=0.01)
    moved = changed.truth.displacement_px(np.array([11]), np.array([5]), np.array([5]))
    assert not changed.truth.sounds.any()
    assert np.abs(moved).max() > 1


def test_no_frames_are_refused(tmp_path):
    with pytest.raises(InputError, match="no frames"):
        write_video([], tmp_path / "a.mkv", 30)


def test_unwritable_place_is_refused(tmp_path):
    with pytest.raises(OutputError, match="does not exist"):
        write_video(random_frames(36, 52, 8), tmp_path / "missing" / "a.mkv", 30)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(("codec", "least", "most"), [("h264", 0.5, 0.8), ("h264-forward", 0, 0)])
def test_frames_in_between_are_counted(tmp_path, codec, suffix, least, most):
    rng = np.random.default_rng(0)
    ramp = np.add.outer(np.arange(64), np.arange(64)) * 3 % 200
    frames = np.clip(ramp + rng.normal(0, 2, (60, 64, 64)), 0, 255).astype(np.uint8)
    write_video(frames, tmp_path / f"clip{suffix}", 60, codec=codec, crf=18)
    with ph.open_video(tmp_path / f"clip{suffix}") as video:
        assert least <= video.facts.reordered <= most
