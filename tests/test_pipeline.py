"""From a video to its sound: the right tone, the same by every way."""

import struct
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
import tifffile

import phonoscope as ph
from phonoscope.scene import write_video

from .video.tagged import by_camera, insert, keyed

RATE = 1000
TONE_HZ = 110
AMPLITUDE_PX = 0.05


def moving(time_s, width=96, height=64, *, noise=1.0, seed=0, bits=8):
    """Return ``(len(time_s), height, width)`` frames of a texture that swings along x."""
    rng = np.random.default_rng(seed)
    wave = rng.uniform(-1.2, 1.2, (80, 2))
    coefficient = rng.standard_normal(80) + 1j * rng.standard_normal(80)
    y, x = np.mgrid[:height, :width]
    phase = np.exp(1j * (x.ravel()[:, None] * wave[:, 0] + y.ravel()[:, None] * wave[:, 1]))
    shift = AMPLITUDE_PX * np.sin(2 * np.pi * TONE_HZ * np.asarray(time_s))
    moved = coefficient[:, None] * np.exp(-1j * wave[:, :1] * shift)
    picture = (phase @ moved).real.T.reshape(len(time_s), height, width)
    grey = 120 + 3 * picture + noise * rng.standard_normal(picture.shape)
    full = 2**bits - 1
    return np.clip(np.rint(grey * full / 255), 0, full).astype(np.uint8 if bits == 8 else np.uint16)


@pytest.fixture(scope="module")
def frames():
    return moving(np.arange(600) / RATE)


@pytest.fixture(scope="module")
def clip(frames, tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "clip.mkv"
    write_video(frames, path, RATE)
    return path


@pytest.fixture(scope="module")
def motion(clip, tmp_path_factory):
    path = tmp_path_factory.mktemp("motion") / "clip.motion"
    ph.measure(clip, output=path, fingerprint=True)
    return path


def strongest_line(sound):
    """Return frequency in Hz and amplitude of the strongest line."""
    n = len(sound.samples)
    window = np.hanning(n)
    spectrum = np.abs(np.fft.rfft(sound.samples * window)) * 2 / window.sum()
    place = int(spectrum.argmax())
    low, mid, high = np.log(spectrum[place - 1 : place + 2])
    offset = (low - high) / (2 * (low - 2 * mid + high))
    return (place + offset) * float(sound.rate_hz) / n, np.exp(mid - (low - high) * offset / 4)


def check_tone(sound, hz=TONE_HZ, amplitude=AMPLITUDE_PX):
    found_hz, found_px = strongest_line(sound)
    assert abs(found_hz - hz) < float(sound.rate_hz) / len(sound.samples)
    assert found_px == pytest.approx(amplitude, rel=0.05)


def same(sound, other, tolerance=1e-3):
    """The same to rounding: far below the noise."""
    difference = np.sqrt(np.mean((sound.samples - other.samples) ** 2))
    assert difference < tolerance * sound.motion_rms_px
    assert difference < 0.1 * sound.noise_floor_px
    assert sound.snr_db == pytest.approx(other.snr_db, abs=0.1)


def test_tone_is_found(clip):
    sound = ph.recover(clip)
    check_tone(sound)
    assert sound.motion_rms_px == pytest.approx(AMPLITUDE_PX / np.sqrt(2), rel=0.05)
    assert (sound.rate_hz, len(sound.samples), sound.band_hz) == (1000, 600, (20, 500))


def test_video_equals_its_motion_file(clip, motion):
    direct, stored = ph.recover(clip, fingerprint=True), ph.recover(motion)
    np.testing.assert_array_equal(direct.samples, stored.samples)
    assert stored.record == direct.record | {
        "parameters": direct.record["parameters"]
        | {"listened": {"region": [], "start_s": 0, "duration_s": None}}
    }


def test_memory_equals_file(clip, motion):
    field = ph.measure(clip, fingerprint=True)
    same(ph.recover(field), ph.recover(motion), 5e-3)
    stored = ph.open_motion(motion)
    assert field.parameters == stored.parameters
    assert field.facts == stored.facts
    assert np.abs(field.motion - stored.motion).max() < 0.005


def test_bit_identical_twice(clip):
    first, second = ph.recover(clip), ph.recover(clip)
    np.testing.assert_array_equal(first.samples, second.samples)
    assert first.record == second.record


def test_part_of_a_motion_file_equals_measuring_that_part(clip, motion):
    part = {"region": "16,16,48,32", "start": 0.1, "duration": 0.3}
    stored, measured = ph.recover(motion, **part), ph.recover(clip, **part)
    assert len(stored.samples) == len(measured.samples) == 300
    check_tone(stored)
    check_tone(measured)
    difference = np.std(stored.samples - measured.samples)
    assert difference < 1.5 * measured.noise_floor_px
    assert stored.noise_floor_px == pytest.approx(measured.noise_floor_px, rel=0.1)


def test_frames_keep_their_times(clip):
    field = ph.measure(clip, start=0.2, duration=0.1)
    np.testing.assert_allclose(field.time_s, 0.2 + np.arange(100) / RATE, atol=1e-12)


def test_rate_given_later(motion):
    sound = ph.recover(motion, fps=4000)
    check_tone(sound, 4 * TONE_HZ)
    assert (sound.rate_hz, sound.record["capture_fps_source"]) == (4000, "user")
    early, late = ph.open_motion(motion), ph.recover(motion, fps=4000, duration=0.1)
    assert len(late.samples) == 400
    assert early.facts.capture_rate == 1000


def test_rate_of_the_user_wins_and_is_exact(frames, tmp_path):
    write_video(frames, tmp_path / "slow.mp4", 30, codec="h264-lossless")
    sound = ph.recover(tmp_path / "slow.mp4", fps="1000000/1001")
    assert sound.rate_hz == Fraction(1_000_000, 1001)
    check_tone(sound, TONE_HZ / 1.001)
    assert sound.record["capture_fps_exact"] == "1000000/1001"
    assert sound.record["container_fps"] == 30


def test_slow_motion_needs_no_number(frames, tmp_path):
    path = tmp_path / "slow.mp4"
    write_video(frames, path, 30, codec="h264-lossless")
    tag = {"com.android.capture.fps": (23, struct.pack(">f", RATE))}
    by_camera(insert(path, [b"moov"], keyed(tag)))
    sound = ph.recover(path)
    assert (sound.rate_hz, len(sound.samples), sound.warnings) == (RATE, 600, ())
    check_tone(sound)
    assert sound.record["capture_fps_source"] == "file"
    assert sound.record["capture_fps_found"] == [
        {"fps": RATE, "source": "file", "where": "com.android.capture.fps"},
        {"fps": 30, "source": "container", "where": "the file's playback rate"},
    ]
    field = ph.measure(path, output=tmp_path / "slow.motion")
    assert (field.facts.capture_rate, field.facts.slower) == (RATE, Fraction(RATE, 30))
    assert ph.open_motion(tmp_path / "slow.motion").facts == field.facts
    found = ph.inspect(path)
    assert (found.facts.capture_rate, found.band_hz[1], found.samples) == (RATE, RATE / 2, 600)


@pytest.mark.parametrize("kind", ["array", "list", "iterator", "npy", "png", "tiff"])
def test_every_source_agrees(kind, frames, clip, tmp_path):
    sound = ph.recover(_as(kind, frames, tmp_path), fps=RATE)
    np.testing.assert_allclose(sound.samples, ph.recover(clip).samples, rtol=0, atol=1e-9)


def _as(kind, frames, folder):
    if kind == "npy":
        np.save(folder / "x.npy", frames)
        return folder / "x.npy"
    if kind == "png":
        for number, frame in enumerate(frames):
            (folder / f"{number}.png").write_bytes(_png(frame))
        return folder
    if kind == "tiff":
        tifffile.imwrite(folder / "x.tif", frames, photometric="minisblack")
        return folder / "x.tif"
    return {"array": frames, "list": list(frames), "iterator": iter(frames)}[kind]


def _png(luma):
    context = av.CodecContext.create("png", "w")
    context.height, context.width = luma.shape
    context.pix_fmt, context.time_base = "gray", Fraction(1, 25)
    packets = context.encode(av.VideoFrame.from_ndarray(luma, format="gray"))
    return b"".join(bytes(packet) for packet in packets + context.encode(None))


def test_ten_bits_and_odd_sizes(tmp_path):
    time = np.arange(400) / RATE
    write_video(moving(time, 101, 67), tmp_path / "odd.mkv", RATE)
    check_tone(ph.recover(tmp_path / "odd.mkv"))
    deep = moving(time, 102, 68, bits=10, noise=0.3)
    write_video(deep, tmp_path / "deep.mp4", RATE, codec="h264-lossless", bits=10)
    sound = ph.recover(tmp_path / "deep.mp4")
    assert sound.record["bits"] == 10
    check_tone(sound)


@pytest.mark.slow
def test_variable_frame_rate(tmp_path):
    # Two thirds of the frames at 1,000 frames/s, then 500: a mean rate would bend the tone.
    ticks = np.concatenate([np.arange(400), 400 + 2 * np.arange(200)])
    path = tmp_path / "uneven.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, RATE)
        for tick, luma in zip(ticks, moving(ticks / RATE), strict=True):
            frame = av.VideoFrame.from_ndarray(luma, format="gray").reformat(format="yuv420p")
            frame.planes[0].update(luma.tobytes())
            frame.pts, frame.time_base = int(tick), Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    field = ph.measure(path)
    assert field.facts.variable_rate
    np.testing.assert_allclose(field.time_s, ticks / RATE, atol=1e-9)
    sound = ph.recover(field)
    # The sound comes at even times, with every second one of the latter half filled in.
    assert sound.rate_hz == RATE
    assert len(sound.samples) == 799
    np.testing.assert_array_equal(np.flatnonzero(sound.measured), ticks)
    basis = np.exp(-2j * np.pi * TONE_HZ * np.arange(799) / RATE)
    assert 2 * abs(basis @ sound.samples) / 799 == pytest.approx(AMPLITUDE_PX, rel=0.1)
    assert ph.recover(path).record["frames"] == 600


def test_progress_is_told(clip, frames):
    told = []
    ph.recover(frames, fps=RATE, start=0.1, progress=lambda *counts: told.append(counts))
    assert told[-1] == (500, 500)
    assert [done for done, _ in told] == sorted({done for done, _ in told})
    told.clear()
    ph.measure(iter(frames), fps=RATE, duration=0.25, progress=lambda *counts: told.append(counts))
    assert told[-1] == (250, 250)
    told.clear()
    ph.measure(iter(frames), fps=RATE, progress=lambda *counts: told.append(counts))
    assert told[-1] == (600, None)


@pytest.mark.parametrize("error", [RuntimeError("enough"), OSError("enough")])
def test_an_error_in_progress_ends_the_run(frames, tmp_path, error):
    def stop(_done, _total):
        raise error

    # As it is: what the system refused to the caller is not said of our own file.
    with pytest.raises(type(error), match=r"^enough$"):
        ph.measure(frames, fps=RATE, output=tmp_path / "x.motion", progress=stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "region",
    [
        "16,16,48,32",
        ph.Region(16, 16, 48, 32),
        (16, 16, 48, 32),
        np.array([16, 16, 48, 32]),
        ["16,16,48,32"],
        [(16, 16, 48, 32)],
        [ph.Region(16, 16, 24, 32), [40, 16, 24, 32]],
    ],
)
def test_regions_as_one_likes(region, motion):
    expected = ph.recover(motion, region="16,16,48,32")
    if isinstance(region, list) and len(region) == 2:  # its two halves hold the same cells
        assert ph.recover(motion, region=region).record["cells"] > 0
    else:
        np.testing.assert_array_equal(ph.recover(motion, region=region).samples, expected.samples)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"region": (1, 2, 3)}, "is not x,y,width,height"),
        ({"region": [(1.5, 2, 3, 4)]}, "is not x,y,width,height"),
        ({"region": [7.5]}, "is not x,y,width,height"),
        ({"region": "a"}, "is not x,y,width,height"),
        ({"band": (80,)}, "is not low,high"),
        ({"band": 80}, "is not low,high"),
        ({"band": (80, 900)}, "above 500 Hz"),
        ({"cell": 1.5}, "whole pixels"),
        ({"cell": "large"}, "whole pixels"),
        ({"start": "soon"}, "is not a time"),
        ({"duration": -1}, "is not a time"),
        ({"fps": -1}, "not a frame rate"),
    ],
)
def test_wrong_arguments(wrong, words, clip):
    with pytest.raises(ph.UsageError, match=words):
        ph.recover(clip, **wrong)


def test_measured_already(motion, tmp_path):
    for source in (motion, ph.open_motion(motion)):
        with pytest.raises(ph.InputError, match="measured already"):
            ph.measure(source, output=tmp_path / "x.motion")


def test_wrong_targets(clip, frames, tmp_path):
    with pytest.raises(ph.UsageError, match=r"name it x\.motion"):
        ph.measure(clip, output=tmp_path / "x.wav")
    np.save(tmp_path / "x.npy", frames)
    (tmp_path / "x.npy").rename(tmp_path / "x.motion")
    with pytest.raises(ph.UsageError, match="is the input itself"):
        ph.measure(tmp_path / "x.motion", fps=RATE, output=tmp_path / "x.motion")
    with pytest.raises(ph.InputNotFoundError, match="does not exist"):
        ph.measure(tmp_path / "none.mp4", output=tmp_path / "y.motion")


def test_record_has_no_fingerprint_unless_it_was_asked_for(clip, tmp_path):
    ph.measure(clip, output=tmp_path / "x.motion")
    assert ph.recover(tmp_path / "x.motion").record["input_sha256"] is None


def test_record_survives_the_motion_file(motion, clip):
    record = ph.recover(motion).record
    assert record["input"] == str(clip)
    assert record["input_sha256"] == ph.files.sha256(clip)
    assert record["versions"]["numpy"] == np.__version__
    assert record["versions"]["python"].startswith(f"{sys.version_info.major}.")


@pytest.mark.parametrize("look", [ph.inspect, ph.recover])
def test_a_still_picture_is_told_from_a_still_scene(look):
    frame = np.random.default_rng(0).integers(0, 256, (48, 64)).astype(np.uint8)
    with pytest.raises(ph.InputError, match="show the same picture, noise and all"):
        look([frame] * 300, fps=2200)


def test_what_was_kept_without_a_fingerprint_does_not_serve_one_with(clip, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    kept = tmp_path / ".out.part"
    with monkeypatch.context() as patched:
        patched.setattr("phonoscope.pipeline.recovering.listen", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ph.recover(clip, kept=kept)
    assert kept.exists()
    sound = ph.recover(clip, kept=kept, fingerprint=True)
    assert len(sound.record["input_sha256"]) == 64
    assert not kept.exists()
