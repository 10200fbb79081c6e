"""What `recover` gives editors: a clap in front of a camera, and where its sound lands."""

import json
import struct
from fractions import Fraction

import av
import numpy as np
import pytest

import phonoscope as ph

FPS, FRAMES, CLAP = 480, 480, 300
PLAYS = 60
START_S = 0.25
CAPTURE_FRAME = 48000 // FPS  # samples


@pytest.fixture(scope="module")
def clapper(tmp_path_factory):
    """A texture that is pushed once, at frame 300, filmed at 480 frames/s and played at 60."""
    rng = np.random.default_rng(5)
    wave = rng.uniform(-1.2, 1.2, (80, 2))
    coefficient = rng.standard_normal(80) + 1j * rng.standard_normal(80)
    y, x = np.mgrid[:64, :96]
    phase = np.exp(1j * (x.ravel()[:, None] * wave[:, 0] + y.ravel()[:, None] * wave[:, 1]))
    shift = np.where(np.arange(FRAMES) == CLAP, 0.2, 0.0)
    moved = coefficient[:, None] * np.exp(-1j * wave[:, :1] * shift)
    picture = 120 + 3 * (phase @ moved).real.T.reshape(FRAMES, 64, 96)
    picture += rng.standard_normal(picture.shape)
    path = tmp_path_factory.mktemp("clapper") / "clip.mov"
    with av.open(str(path), "w") as file:
        file.metadata["timecode"] = "10:00:00:30"
        stream = file.add_stream("libx264", rate=PLAYS, options={"crf": "1", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for luma in np.clip(np.rint(picture), 0, 255).astype(np.uint8):
            frame = av.VideoFrame.from_ndarray(luma, format="gray")
            file.mux(stream.encode(frame.reformat(format="yuv420p")))
        file.mux(stream.encode(None))
    return path


def loudest(samples):
    return int(np.argmax(np.abs(samples)))


def track(path):
    with av.open(str(path)) as file:
        blocks = [block.to_ndarray().ravel() for block in file.decode(file.streams.audio[-1])]
    return np.concatenate(blocks).astype(float)


def test_a_clap_lands_where_it_is_seen(clapper, phonoscope, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = phonoscope(
        "recover", clapper, "--fps", FPS, "--start", START_S, "-o", "s.wav", "--mux", "slow.mov",
        "--timeline", "t.otio", "--json", "s.json",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    assert "slow.mov" in done.out
    record = json.loads((tmp_path / "s.json").read_text("utf-8"))
    assert (record["mux"], record["timeline"]) == ("slow.mov", "t.otio")
    assert record["timecode_s"] == 36000.5
    slower = FPS // PLAYS
    seen = CLAP * 48000 // PLAYS  # sample, as the clip plays
    assert abs(loudest(track("slow.mov")) - seen) <= CAPTURE_FRAME * slower
    samples, _, _ = ph.read_audio("s.wav")
    clap = CLAP * 48000 // FPS - START_S * 48000  # in the sound itself
    assert abs(loudest(samples) - clap) <= CAPTURE_FRAME
    data = (tmp_path / "s.wav").read_bytes()
    reference = struct.unpack_from("<Q", data, data.index(b"bext") + 8 + 338)[0]
    assert reference == (Fraction(1, 2) + 36000 + Fraction(1, 4) * slower) * 48000
    again = phonoscope(
        "recover", clapper, "--fps", FPS, "--start", START_S, "-o", "s.wav", "--mux", "fast.mp4",
        "--speed", "real", "-q",
    )  # fmt: skip
    assert again.code == 0
    assert abs(loudest(track("fast.mp4")) - CLAP * 48000 // FPS) <= CAPTURE_FRAME


def test_from_a_motion_file(clapper, phonoscope, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert phonoscope("measure", clapper, "--fps", FPS, "-o", "m.motion", "-q").code == 0
    done = phonoscope("recover", "m.motion", "-o", "s.wav", "--mux", "out.mkv", "-q")
    assert (done.code, done.err) == (0, "")
    assert abs(loudest(track("out.mkv")) - CLAP * 48000 // PLAYS) <= CAPTURE_FRAME * FPS // PLAYS


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--mux", "out.avi"), 2, "such a clip ends in"),
        (("--mux", "clip.mov"), 2, "is the input itself"),
        (("--mux", "no/out.mov"), 1, "create it first"),
        (("--mux", "o.mov", "--json", "o.mov"), 2, "two results cannot both be written"),
        (("--timeline", "t.xml"), 2, "such a file ends in .otio"),
        (("--speed", "fast"), 2, "playback"),
    ],
)
def test_what_cannot_be(clapper, phonoscope, tmp_path, monkeypatch, options, code, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "clip.mov").write_bytes(clapper.read_bytes())
    done = phonoscope("recover", "clip.mov", "--fps", FPS, *options)
    assert done.code == code
    assert words in " ".join(done.err.split())
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mov"]


def test_images_have_no_container(phonoscope, tmp_path, tools, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("clip.npy", tools.moving(20))
    done = phonoscope("recover", "clip.npy", "--fps", 240, "--mux", "out.mov")
    assert done.code == 1
    assert "not a video" in done.err
