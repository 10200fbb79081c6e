"""Every backend yields the same known frames, with the same promises."""

import itertools
import struct
from fractions import Fraction

import numpy as np
import pytest
import tifffile

from phonoscope.errors import InputError, UsageError
from phonoscope.video import Video, open_video, prefetch

RATE = Fraction(2200)


def same(read, frames, indices):
    assert [frame.index for frame in read] == list(indices)
    for frame in read:
        assert frame.time_s == Fraction(frame.index) / RATE
        assert not frame.luma.flags.writeable
        np.testing.assert_array_equal(frame.luma, frames[frame.index])
        assert frame.luma.dtype == frames.dtype


def test_frames_times_and_facts(make, tools):
    frames = tools.random_frames()
    with open_video(make(frames), fps="2200") as video:
        assert isinstance(video, Video)
        facts = video.facts
        assert (facts.width, facts.height, facts.bits) == (53, 37, 8)
        assert facts.frames in (None, len(frames))
        assert (facts.capture_rate, facts.capture_rate_source) == (RATE, "user")
        assert not facts.variable_rate
        same(list(video), frames, range(len(frames)))
        assert video.warnings == ()


@pytest.mark.parametrize(("first", "count"), [(0, 5), (1, 1), (20, 17), (40, 8), (47, 1)])
def test_range_equals_slice(make, tools, first, count):
    frames = tools.random_frames()
    start, duration = first / RATE, count / RATE
    with open_video(make(frames), fps=RATE, start=start, duration=duration) as video:
        same(list(video), frames, range(first, first + count))


@pytest.mark.parametrize("cuts", [(1,), (12, 24), (13, 20, 47), (47,)])
def test_stretches_are_the_whole(make, tools, cuts):
    frames = tools.random_frames()
    with open_video(make(frames), fps=RATE, start=1 / RATE) as video:
        stretches = video.stretches()
        if stretches is None:
            pytest.skip("such a source is read in order only")
        assert (stretches.first, stretches.stop) == (1, len(frames))
        assert 1 <= stretches.apart <= len(frames)
        edges = [1, *(cut for cut in cuts if cut > 1), None]
        parts = [stretches.read(a, b) for a, b in itertools.pairwise(edges)]
        read = [frame for part in reversed(parts) for frame in part]  # each has its own file
        same(sorted(read, key=lambda frame: frame.index), frames, range(1, len(frames)))
        stretches.conclude()
        assert not stretches.damaged()
        assert video.warnings == ()


def test_damage_is_counted_once_whatever_the_stretches(tools, tmp_path, monkeypatch):
    # Only the beginning of a long file is looked at first; what is missing later is damage.
    monkeypatch.setattr("phonoscope.video.probe.SCAN_PACKETS", 10)
    monkeypatch.setattr("phonoscope.video.probe.REORDERING", 1)
    frames = tools.random_frames()
    pts = [n for n in range(50) if n not in (13, 24)]
    options = {"bf": "0", "g": "4"}
    path = tools.mp4(tmp_path, frames, pts=pts, options=options)
    with open_video(path, fps=RATE) as video:
        whole = list(video)
        says = video.warnings
    assert any("2 frames are missing, the first at frame 13" in one for one in says), says
    for cut in (12, 13, 14, 23, 24, 25):
        with open_video(path, fps=RATE) as video:
            stretches = video.stretches()
            read = [f for a, b in ((0, cut), (cut, None)) for f in stretches.read(a, b)]
            stretches.conclude()
            assert stretches.damaged()
            assert video.warnings == says
        assert [f.index for f in read] == [f.index for f in whole]


def test_a_file_that_breaks_off_in_stretches(tools, tmp_path):
    frames = tools.random_frames()
    path = tools.write_video(tmp_path / "clip.avi", frames, "mjpeg", "yuvj420p", rate=30)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with open_video(path, fps=RATE) as video:
        whole, says = list(video), video.warnings
    assert 10 < len(whole) < 40
    with open_video(path, fps=RATE) as video:
        stretches = video.stretches()
        if stretches is not None:
            read = [f for a, b in ((0, 20), (20, 44), (44, None)) for f in stretches.read(a, b)]
            stretches.conclude()
            assert [f.index for f in read] == [f.index for f in whole]
            assert video.warnings == says


def test_a_stretch_ends_with_its_video(tools, tmp_path):
    with open_video(tools.mp4(tmp_path, tools.random_frames())) as video:
        running = video.stretches().read(20, None)
        next(running)
    assert next(running, None) is None


def test_read_again(make, tools):
    frames = tools.random_frames(6)
    with open_video(make(frames), fps=RATE) as video:
        same(list(video), frames, range(6))
        if video.facts.container == "array" and video.facts.frames is None:
            with pytest.raises(InputError, match="once only"):
                list(video)
        else:
            same(list(video), frames, range(6))


def test_closed_video_says_so(make, tools):
    with open_video(make(tools.random_frames(6)), fps=RATE) as video:
        running = iter(video)
        next(running)
    assert next(running, None) is None
    with pytest.raises(UsageError, match="closed"):
        iter(video)


def test_beyond_the_end(make, tools):
    source = make(tools.random_frames(8))
    with pytest.raises(UsageError, match="beyond the end"):
        list(open_video(source, fps=RATE, start=1.0))


def test_duration_beyond_the_end(make, tools):
    source = make(tools.random_frames(8))
    with pytest.raises(UsageError, match="beyond the end"):
        list(open_video(source, fps=RATE, duration=1.0))


def test_prefetched_is_the_same(make, tools):
    frames = tools.random_frames()
    with open_video(make(frames), fps=RATE) as video:
        same(list(prefetch(video, depth=3)), frames, range(len(frames)))


@pytest.mark.parametrize(
    "kind", ["array", "npy", "png", "tiff", "gray10le", "gray12le", "gray16le"]
)
def test_deep_samples(kind, tools, tmp_path):
    bits = int(kind[4:6]) if kind.startswith("gray") else 16
    frames = tools.random_frames(5, bits=bits)
    source = frames
    if kind == "npy":
        source = tmp_path / "x.npy"
        np.save(source, frames)
    elif kind == "png":
        for number, frame in enumerate(frames):
            tools.write_image(tmp_path / f"f{number}.png", frame)
        source = str(tmp_path / "*.png")
    elif kind == "tiff":
        source = tmp_path / "x.tif"
        tifffile.imwrite(source, frames, photometric="minisblack", byteorder=">")
    elif kind.startswith("gray"):
        source = tools.write_video(tmp_path / "x.mkv", frames, "ffv1", kind)
    with open_video(source, fps=RATE) as video:
        assert video.facts.bits == bits
        same(list(video), frames, range(5))


@pytest.mark.parametrize("start", [1, 11, 12, 13, 35, 36, 37, 46, 47])
def test_seeking_among_b_frames_equals_slicing(start, tools, tmp_path):
    frames = tools.random_frames()
    with open_video(tools.mp4(tmp_path, frames), start=start / RATE) as video:
        same(list(video), frames, range(start, len(frames)))


def test_frames_outlive_the_video(tools, tmp_path):
    frames = tools.random_frames()
    with open_video(tools.mp4(tmp_path, frames)) as video:
        kept = list(video)
    same(kept, frames, range(len(frames)))


@pytest.mark.parametrize("bottom_up", [False, True])
def test_rgb_luma_is_exact(bottom_up, tools, tmp_path):
    bgr = np.random.default_rng(1).integers(0, 256, (3, 37, 53, 3)).astype(np.uint8)
    path = tmp_path / "x.avi"
    tools.write_video(path, list(bgr), "rawvideo", "bgr24", rate=30, array_format="bgr24")
    truth = bgr.astype(int) @ [29, 150, 77]
    if bottom_up:  # as most uncompressed AVIs are: the same bytes with a positive height
        down, up = struct.pack("<ii", 53, -37), struct.pack("<ii", 53, 37)
        content = path.read_bytes()
        assert content.count(down) == 1
        path.write_bytes(content.replace(down, up))
        truth = truth[:, ::-1]
    with open_video(path, fps=RATE) as video:
        assert video.facts.bits == 16
        read = list(video)
    assert len(read) == 3
    for frame in read:
        np.testing.assert_array_equal(frame.luma, truth[frame.index])


@pytest.mark.parametrize("name", ["a:b.mkv", "x %03d.mkv", "-x.mkv", "ünï cødé.mkv", "[1].mkv"])
def test_strange_names(name, tools, tmp_path, monkeypatch):
    frames = tools.random_frames(3)
    tools.mkv(tmp_path, frames).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    same(list(open_video(name)), frames, range(3))


@pytest.mark.parametrize(
    "how",
    [
        {"bigtiff": True}, {"bigtiff": True, "rowsperstrip": 5}, {"tile": (16, 32)},
        {"bigtiff": True, "tile": (16, 16), "compression": "zlib"}, {"byteorder": ">"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("pages", [True, False])
def test_every_kind_of_tiff(how, bits, pages, tools, tmp_path):
    frames = tools.random_frames(5, bits=bits)
    whole = {key: how[key] for key in how if key in ("bigtiff", "byteorder")}
    each = {key: how[key] for key in how if key not in whole}
    with tifffile.TiffWriter(tmp_path / "x.tif", **whole) as writer:
        for part in frames if pages else [frames]:
            writer.write(part, contiguous=not pages, photometric="minisblack", **each)
    with open_video(tmp_path / "x.tif", fps=RATE) as video:
        assert video.facts.bits == bits
        same(list(video), frames, range(5))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_folder_of_16_bit_images(suffix, tools, tmp_path):
    frames = tools.random_frames(12, bits=16)
    for number, frame in enumerate(frames):
        path = tmp_path / f"frame{number}{suffix}"
        if suffix == ".png":
            tools.write_image(path, frame)
        else:
            tifffile.imwrite(path, frame)
    with open_video(tmp_path, fps=RATE) as video:
        assert video.facts.bits == 16
        same(list(video), frames, range(12))


def test_real_clip(data):
    with open_video(data / "video/tuning_fork_64hz_250fps.mp4") as video:
        assert sum(1 for _ in video) == 888
        assert not video.facts.variable_rate
        assert (video.facts.capture_rate, video.facts.capture_rate_source) == (50, "container")
        assert "--fps" in video.warnings[0]
