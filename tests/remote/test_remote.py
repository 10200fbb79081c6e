"""Videos at addresses: read by range, as if they were here."""

import pickle
import sys

import av
import numpy as np
import pytest

import phonoscope as ph
from phonoscope import remote
from phonoscope.errors import (
    InputError,
    InputNotFoundError,
    InputUnreachableError,
    MissingExtraError,
)
from phonoscope.files import identity, sha256
from phonoscope.remote import is_url, matching, name_of, remote_file, shown

FRAMES = 2400
BLOCK = 16 << 10


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(remote, "_BLOCK", BLOCK)
    monkeypatch.setattr(remote, "_KEPT", 8)
    monkeypatch.setattr("phonoscope.video.probe._BUFFER", BLOCK)


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """A clip with many key frames, of 2.4 MB."""
    path = tmp_path_factory.mktemp("film") / "clip.mp4"
    rng = np.random.default_rng(0)
    base = rng.normal(0, 1, (96, 128))
    base = 120 + 40 * (base + np.roll(base, 1, 0) + np.roll(base, 1, 1)) / 3
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=240, options={"crf": "8", "g": "20"})
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for number in range(FRAMES):
            luma = np.clip(base + rng.normal(0, 2, base.shape), 0, 255).astype(np.uint8)
            picture = av.VideoFrame.from_ndarray(luma, format="gray").reformat(format="yuv420p")
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def place(server, film, name="clip.mp4"):
    (server.folder / name).write_bytes(film.read_bytes())
    return f"{server.url}/{name}"


def same(one, other):
    for ours, theirs in zip(one.blocks, other.blocks, strict=True):
        assert np.array_equal(ours.motion, theirs.motion)
        assert np.array_equal(ours.time_s, theirs.time_s)
    return True


def test_measured_as_if_it_were_here(server, film, tmp_path):
    url = place(server, film)
    there = ph.measure(url, output=tmp_path / "there.motion")
    assert same(there, ph.measure(film, output=tmp_path / "here.motion"))
    assert there.facts.name == url


def test_other_file_systems(film, tmp_path):
    import fsspec

    with fsspec.open("memory://box/clip.mp4", "wb") as file:
        file.write(film.read_bytes())
    here = ph.measure(film, duration=0.5)
    assert same(ph.measure("memory://box/clip.mp4", duration=0.5), here)
    assert same(ph.measure(f"file://{film}", duration=0.5), here)


def test_a_short_range_costs_little(server, film, small_blocks):
    url = place(server, film)
    size = film.stat().st_size
    assert size > 20 * BLOCK
    frames = []
    with ph.open_video(url) as video:
        opened = server.sent
        stretches = video.stretches()
        frames = list(stretches.read(1500, 1510))
    assert [frame.index for frame in frames] == list(range(1500, 1510))
    with ph.open_video(film) as video:
        here = list(video.stretches().read(1500, 1510))
    assert all(np.array_equal(a.luma, b.luma) for a, b in zip(frames, here, strict=True))
    assert server.sent - opened < size / 4


def test_nothing_is_fetched_twice_while_it_is_kept(server, film):
    url = place(server, film)
    with ph.open_video(url) as video:
        assert sum(1 for _ in video) == FRAMES
    assert server.sent <= film.stat().st_size  # of 2 MiB blocks, all are kept


def test_another_process_reads_the_same_file_or_none(server, film):
    url = place(server, film)
    sent = pickle.dumps(remote_file(url))
    assert pickle.loads(sent).size == film.stat().st_size
    remote._same_file.cache_clear()
    server.tag = '"two"'
    with pytest.raises(InputError, match=r"clip\.mp4 has changed"):
        pickle.loads(sent)


def test_what_a_server_says_twice_to_come_again(server, film):
    url = place(server, film)
    server.broken["/clip.mp4"] = 3
    assert remote_file(url).size == film.stat().st_size


def test_a_server_that_fails_midway(server, film, small_blocks, tmp_path, monkeypatch):
    monkeypatch.setattr("phonoscope.motion.measure.segment_frames", lambda *_: 256)
    url = place(server, film)
    whole = ph.measure(film, output=tmp_path / "whole.motion")

    def break_it(done, total):
        server.broken["/clip.mp4"] = 10**6

    with pytest.raises(InputUnreachableError, match=r"cannot be reached \(status 503\)"):
        ph.measure(url, output=tmp_path / "out.motion", progress=break_it)
    del server.broken["/clip.mp4"]
    assert same(ph.measure(url, output=tmp_path / "out.motion"), whole)


def test_known_again_by_what_the_server_says(server, film):
    url = place(server, film)
    before = identity(url)
    assert identity(f"{url}?signature=secret") == before
    server.tag = '"two"'
    assert identity(url) != before
    assert sha256(url) == sha256(film)


def test_secrets_are_not_shown():
    url = "https://me:word@host.org/a%20b/clip.mp4?X-Amz-Signature=abc#t"
    assert shown(url) == "https://host.org/a%20b/clip.mp4"
    assert name_of(url) == "clip.mp4"
    assert is_url(url)
    assert not is_url("a/b.mp4")
    assert not is_url("C:/clip.mp4")


def test_wrong_addresses(server, film):
    url = place(server, film)
    server.secret.add("/secret.mp4")
    cases = [
        (f"{server.url}/none.mp4", InputNotFoundError, r"none\.mp4 does not exist"),
        (f"{server.url}/secret.mp4", InputError, r"may not be read \(status 403\)"),
        ("http://127.0.0.1:9/clip.mp4", InputUnreachableError, "cannot be reached"),
        ("gopher://host/clip.mp4", InputError, "gopher:// are not read"),
        ("memory://box/none.mp4", InputNotFoundError, "does not exist"),
        (url.replace("clip.mp4", "frames.tif"), InputNotFoundError, "does not exist"),
    ]
    for wrong, kind, says in cases:
        with pytest.raises(kind, match=says) as caught:
            ph.open_video(wrong)
        assert str(caught.value).count("\n") == 0
    (server.folder / "frames.tif").write_bytes(b"II*\0")
    with pytest.raises(InputError, match="from disk only"):
        ph.open_video(f"{server.url}/frames.tif", fps=1)
    (server.folder / "empty.mp4").write_bytes(b"")
    with pytest.raises(InputError, match=r"empty\.mp4"):
        ph.open_video(f"{server.url}/empty.mp4")
    (server.folder / "text.mp4").write_bytes(b"no video at all" * 100)
    with pytest.raises(InputError, match="cannot be opened as a video"):
        ph.open_video(f"{server.url}/text.mp4")


def test_a_server_that_sends_no_parts(server, film, small_blocks):
    server.ranges = False
    with pytest.raises(InputError, match="does not send parts of a file"):
        ph.open_video(place(server, film))


def test_packages_that_are_missing(monkeypatch):
    with pytest.raises(MissingExtraError, match=r"sftp:// needs another package .*paramiko"):
        ph.open_video("sftp://host/clip.mp4")
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtraError, match=r"phonoscope\[remote\]"):
        ph.open_video("https://host/clip.mp4")


def test_a_playlist_from_afar_names_no_file_here(server, film):
    text = f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{film}\n#EXT-X-ENDLIST\n"
    (server.folder / "list.m3u8").write_text(text)
    with pytest.raises(InputError):
        ph.open_video(f"{server.url}/list.m3u8")


def test_patterns(film):
    import fsspec

    for name in ("b.mp4", "a.mp4", "c.txt"):
        with fsspec.open(f"memory://films/{name}", "wb") as file:
            file.write(b"x")
    assert matching("memory://films/*.mp4") == ["memory:///films/a.mp4", "memory:///films/b.mp4"]
    assert matching("memory://films/a.mp4") == []
