"""What cannot be used is refused in one sentence that names it and says what to do."""

import wave

import av
import numpy as np
import pytest
import tifffile

from phonoscope.errors import InputError, InputNotFoundError, UsageError
from phonoscope.video import open_video


def refuse(source, words, kind=InputError, **more):
    with pytest.raises(kind, match=words) as caught:
        list(open_video(source, **({"fps": 100} | more)))
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith((".", "OUTPUT.mkv"))


def test_missing(tmp_path):
    refuse(tmp_path / "no.mp4", "does not exist", InputNotFoundError)
    refuse(tmp_path / "*.png", "no file matches", InputNotFoundError)


def test_folder_without_images(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    refuse(tmp_path, "holds no images")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("e.mp4", b"", "is empty"),
        ("t.mp4", b"hello, this is no video\n" * 40, "cannot be opened|text or a playlist"),
        ("t.txt", b"hello, this is no video\n" * 40, "cannot be opened|text or a playlist"),
        ("x.npy", b"junk", "numpy.save"),
        ("x.tif", b"junk", "TIFF"),
        ("x.png", b"junk", "as an image"),
    ],
)
def test_not_a_video(name, content, words, tmp_path, capfd):
    (tmp_path / name).write_bytes(content)
    refuse(tmp_path / name, words)
    assert capfd.readouterr() == ("", "")


def test_sound_only(tmp_path):
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(bytes(16000))
    refuse(tmp_path / "a.wav", "sound only")


def test_mp4_without_index(tools, tmp_path):
    path = tools.mp4(tmp_path, tools.random_frames(10))
    path.write_bytes(path.read_bytes()[:8000])
    refuse(path, "moov")


def test_file_cut_short_is_never_silent(tools, tmp_path, capfd):
    frames = tools.random_frames(40)
    path = tools.mp4(tmp_path, frames, mux={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with open_video(path) as video:
        assert video.facts.frames == 40
        read = list(video)
    assert 10 < len(read) < 40
    assert any("ends early" in sentence and "of 40" in sentence for sentence in video.warnings)
    assert capfd.readouterr() == ("", "")


def test_damaged_frame_leaves_the_others_in_place(tools, tmp_path):
    frames = tools.random_frames(20)
    path = tools.write_video(tmp_path / "x.mp4", frames, "png", "gray", rate=240)
    with av.open(str(path)) as container:
        packet = next(p for n, p in enumerate(container.demux(video=0)) if n == 7)
    raw = bytearray(path.read_bytes())
    raw[packet.pos : packet.pos + 40] = bytes(40)
    path.write_bytes(raw)
    with open_video(path) as video:
        read = list(video)
    assert [frame.index for frame in read] == [n for n in range(20) if n != 7]
    for frame in read:
        np.testing.assert_array_equal(frame.luma, frames[frame.index])
    assert any("could not be decoded" in sentence for sentence in video.warnings)


def test_size_changes_midway(tools, tmp_path):
    for number, size in enumerate([(8, 8), (8, 8), (8, 10)]):
        tools.write_image(tmp_path / f"f{number}.png", np.zeros(size, np.uint8))
    refuse(tmp_path, "f2.png is 10x8 where the frames before are 8x8")


def test_depth_changes_midway(tools, tmp_path):
    for number, dtype in enumerate([np.uint8, np.uint16]):
        tools.write_image(tmp_path / f"f{number}.png", np.zeros((8, 8), dtype))
    refuse(tmp_path, "f1.png has 16")


@pytest.mark.parametrize("dtype", [bool, np.int32, np.float32])
def test_types_without_full_scale(dtype):
    refuse(np.zeros((3, 4, 4), dtype), "convert it to uint8")


def test_shapes():
    refuse(np.zeros((3, 4, 4, 3), np.uint8), "colour")
    refuse(np.zeros((0, 4, 4), np.uint8), "shape")
    refuse([], "empty")
    refuse([np.zeros((4, 4), np.uint8), np.zeros((5, 4), np.uint8)], "frame 1 .* is 4x5")


def test_float_tiff(tmp_path):
    tifffile.imwrite(tmp_path / "x.tif", np.zeros((5, 8, 8), np.float32), photometric="minisblack")
    refuse(tmp_path / "x.tif", "float32")


def test_no_permission(tools, tmp_path, monkeypatch):
    path = tools.mkv(tmp_path, tools.random_frames(2))

    def deny(*_args, **_more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", deny)
    refuse(path, "permissions")


def test_rotation_is_told_not_applied(tools, tmp_path):
    frames = tools.random_frames(3)
    path = tools.mp4(tmp_path, frames, rotation=-90)
    video = open_video(path)
    assert video.facts.rotation_deg == 90
    assert any("unturned" in sentence for sentence in video.warnings)
    assert next(iter(video)).luma.shape == frames[0].shape


def test_names_that_are_no_utf8(tools, tmp_path):
    path = tools.mp4(tmp_path, tools.random_frames(8), mux={"movflags": "faststart"})
    with av.open(str(path)) as old, av.open(str(tmp_path / "named.mp4"), "w") as new:
        new.metadata["comment"] = "a clip"
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    raw = (tmp_path / "named.mp4").read_bytes()
    path.write_bytes(raw.replace(b"a clip", b"a\xe9clip"))
    assert path.read_bytes() != raw
    assert len(list(open_video(path))) == 8


def test_stack_that_breaks_off_is_told(tmp_path, capfd):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.zeros((6, 8, 8), np.uint8), photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path) as tif:
        fourth = tif.pages[3].offset
    path.write_bytes(path.read_bytes()[:fourth])
    with open_video(path, fps=100) as video:
        read = len(list(video))
        assert read == video.facts.frames < 6
        assert any(f"breaks off after {read} pages" in text for text in video.warnings)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("size", [(1 << 31, 1 << 10), (40000, 40000)])
def test_page_that_its_file_cannot_hold(size, tmp_path):
    path = tmp_path / "huge.tif"
    tifffile.imwrite(path, np.zeros((8, 8), np.uint8), compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as tif:
        for name, value in zip(("ImageWidth", "ImageLength"), size, strict=True):
            tif.pages[0].tags[name].overwrite(value, dtype="I")
    refuse(path, f"{size[0]}x{size[1]} pixels do not fit into it")


def test_archive_named_npy(tmp_path):
    with (tmp_path / "a.npy").open("wb") as file:
        np.savez(file, frames=np.zeros((3, 4, 4), np.uint8))
    refuse(tmp_path / "a.npy", "archive of arrays")


@pytest.mark.parametrize("start", ["1e9", "9e11"])
def test_start_beyond_what_timestamps_hold(tools, tmp_path, start):
    refuse(tools.mkv(tmp_path, tools.random_frames(8)), "beyond the end", UsageError, start=start)
