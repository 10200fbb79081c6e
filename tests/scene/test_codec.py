"""Files hold the values that were given to them."""

import av
import numpy as np
import pytest

from phonoscope.errors import InputError, OutputError, UsageError
from phonoscope.scene import write_video


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


@pytest.mark.parametrize(("codec", "suffix"), [("h264", ".mp4"), ("mjpeg", ".avi")])
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
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path, options, name, message):
    with pytest.raises(UsageError, match=message):
        write_video(random_frames(37, 53, 8), tmp_path / name, 2200, **options)
    assert list(tmp_path.iterdir()) == []


def test_no_frames_are_refused(tmp_path):
    with pytest.raises(InputError, match="no frames"):
        write_video([], tmp_path / "a.mkv", 30)


def test_unwritable_place_is_refused(tmp_path):
    with pytest.raises(OutputError, match="does not exist"):
        write_video(random_frames(36, 52, 8), tmp_path / "missing" / "a.mkv", 30)
