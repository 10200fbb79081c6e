"""Formats of laboratories: every value that was written comes back, and what the camera says."""

import itertools
from fractions import Fraction

import av
import h5py
import numpy as np
import pytest

from phonoscope.errors import InputError, InputNotFoundError, MissingExtraError, UsageError
from phonoscope.video import open_video
from phonoscope.video.lab.packed import linear10

from . import labs

TICKS = labs.TICKS


def frames_of(bits, shape=(37, 52), count=5, seed=0):
    dtype = np.uint8 if bits <= 8 else np.uint16
    return np.random.default_rng(seed).integers(0, 2**bits, (count, *shape)).astype(dtype)


def smooth(bits, shape=(36, 52), count=5):
    """Return frames whose neighbours are alike, as pictures' are."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    waves = [np.sin(x / 7 + n) + np.cos(y / 5) for n in range(count)]
    top = 2**bits - 1
    return ((np.array(waves) / 4 + 0.5) * top).astype(np.uint8 if bits <= 8 else np.uint16)


def read(path, **more):
    with open_video(path, **more) as video:
        frames = list(video)
        return video.facts, frames, video.warnings


def check(path, expected, bits, **more):
    """Check facts and every pixel, in order and at random; return the facts and warnings."""
    facts, frames, warnings = read(path, **more)
    assert (facts.height, facts.width) == expected.shape[1:]
    assert (facts.bits, facts.frames) == (bits, len(expected))
    assert [frame.index for frame in frames] == list(range(len(expected)))
    for frame in frames:
        assert not frame.luma.flags.writeable
        assert frame.luma.flags.c_contiguous
        assert frame.luma.dtype == (np.uint8 if bits <= 8 else np.uint16)
        np.testing.assert_array_equal(frame.luma, expected[frame.index])
    return facts, warnings


# Phantom


@pytest.mark.parametrize(
    ("bits", "more"),
    [
        (8, {}), (12, {"bits": 12}), (14, {"bits": 14}), (16, {"bits": 16}),
        (12, {"bits": 12, "top_down": True}), (12, {"bits": 12, "notes": b"annotation!!"}),
        (12, {"packing": 1024}), (16, {"bits": 0}),
    ],
)  # fmt: skip
def test_cine_grey(bits, more, tmp_path):
    frames = frames_of(bits)
    facts, warnings = check(labs.cine(tmp_path / "x.cine", frames, **more), frames, bits)
    assert (facts.capture_rate, facts.capture_rate_source) == (2200, "file")
    assert facts.exposure_s == pytest.approx(1e-4)
    assert facts.camera == "Phantom, version 2512"
    assert facts.container_rate is None
    assert warnings == ()


def test_cine_packed_10_bits(tmp_path):
    codes = frames_of(10)
    check(labs.cine(tmp_path / "x.cine", codes, packing=256), linear10()[codes], 12)


def test_table_of_10_bits_is_the_published_one():
    table = linear10().astype(int)
    anchors = {0: 2, 1: 5, 13: 17, 14: 17, 64: 64, 1013: 4056, 1014: 4064, 1015: 4095, 1023: 4095}
    assert {code: table[code] for code in anchors} == anchors
    assert (np.diff(table) >= 0).all()
    # It undoes Rec. 709's curve, from black (63) to white (1014 for 4064), to the last bit.
    light = (np.arange(4096) - 63) / (4064 - 63)
    curve = np.where(light < 0.018, 4.5 * light, 1.099 * np.abs(light) ** 0.45 - 0.099)
    first = np.searchsorted(np.floor(63 + (1014 - 63) * curve), np.arange(70, 1014))
    assert np.abs(first - table[70:1014]).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_cine_colours(dtype, tmp_path):
    bgr = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (3, 12, 16, 3))
    path = labs.cine(tmp_path / "x.cine", bgr.astype(dtype), bits=8 * dtype().itemsize)
    luma = bgr @ [29, 150, 77]
    check(path, luma >> (8 if dtype is np.uint16 else 0), 16)


@pytest.mark.parametrize(
    ("bits", "more"), [(8, {}), (12, {"bits": 12}), (16, {"bits": 16}), (12, {"packing": 1024})]
)
@pytest.mark.parametrize("shape", [(36, 52), (37, 52)])
def test_cine_mosaic_is_summed_by_fours(bits, more, shape, tmp_path):
    frames = frames_of(bits, shape) // 2  # none is at full scale
    path = labs.cine(tmp_path / "x.cine", frames, compression=2, filters=3, **more)
    even = frames[:, :36].astype(int)
    four = sum(even[:, y::2, x::2] for y in (0, 1) for x in (0, 1))
    if bits == 16:
        four >>= 2
    facts, warnings = check(path, four, min(bits + 2, 16))
    assert any("1 px here is 2 px of the sensor" in sentence for sentence in warnings)
    assert facts.pixel_format.startswith("mosaic")


def test_a_saturated_filter_saturates_the_four(tmp_path):
    frames = np.full((2, 8, 8), 100, np.uint16)
    frames[:, 2, 5] = 4095
    path = labs.cine(tmp_path / "x.cine", frames, compression=2, filters=3, bits=12)
    _, (first, _), _ = read(path)
    assert first.luma[1, 2] == 2**14 - 1
    assert (first.luma == 400).sum() == 15


def test_cine_of_older_software(tmp_path):
    frames = frames_of(8)
    path = labs.cine(tmp_path / "x.cine", frames, length=700, rate=1000, shutter_ns=250_000)
    facts, _ = check(path, frames, 8)
    assert facts.capture_rate == 1000
    assert facts.exposure_s == pytest.approx(250e-6)


def test_cine_faster_than_its_old_field_can_say(tmp_path):
    facts, _, _ = read(labs.cine(tmp_path / "x.cine", frames_of(8), rate=210_000))
    assert facts.capture_rate == 210_000


def test_cine_that_players_flip(tmp_path):
    frames = frames_of(8)
    path = labs.cine(tmp_path / "x.cine", frames, flips=(0, 1))
    _, warnings = check(path, frames, 8)
    assert "flip" in warnings[0]


def test_cine_with_more_bits_than_it_says(tmp_path):
    frames = frames_of(16)
    _, warnings = check(labs.cine(tmp_path / "x.cine", frames, bits=10), frames, 16)
    assert "10 significant bits" in warnings[0]


def stamps(places, rate=2200, begin=1_700_000_000, unrest=0.0):
    rng = np.random.default_rng(1)
    times = np.asarray(places) / rate + rng.uniform(-unrest, unrest, len(places)) / rate
    return begin * TICKS + np.rint(times * TICKS).astype(np.int64)


def test_even_times_leave_the_rate_alone(tmp_path):
    frames = frames_of(8, count=60)
    path = labs.cine(tmp_path / "x.cine", frames, times=stamps(range(60)))
    facts, warnings = check(path, frames, 8)
    assert facts.capture_rate == 2200
    assert not facts.variable_rate
    assert [rate.where for rate in facts.rates] == ["FrameRate in the camera's setup"]
    assert warnings == ()


def test_times_win_over_the_setting(tmp_path):
    path = labs.cine(tmp_path / "x.cine", frames_of(8, count=60), times=stamps(range(60), 1000))
    facts, frames, warnings = read(path)
    assert facts.capture_rate == 1000
    assert frames[7].time_s == Fraction(7, 1000)
    assert [float(rate.rate) for rate in facts.rates] == [1000, 2200]
    assert any("2200 frames/s where the times of the images" in text for text in warnings)


@pytest.mark.parametrize("fps", [None, 4400])
def test_dropped_frames_leave_gaps(fps, tmp_path):
    places = [n + 3 * (n >= 10) + (n >= 40) for n in range(60)]
    pictures = frames_of(8, count=60)
    path = labs.cine(tmp_path / "x.cine", pictures, times=stamps(places, unrest=0.03))
    facts, frames, warnings = read(path, fps=fps)
    rate = fps or 2200
    assert facts.variable_rate
    assert [frame.time_s * rate for frame in frames] == places
    assert [frame.index for frame in frames] == list(range(60))
    assert any("4 frames were dropped, the first before frame 10" in text for text in warnings)
    start, duration = Fraction(8, rate), Fraction(6, rate)
    _, part, _ = read(path, fps=fps, start=start, duration=duration)
    assert [frame.index for frame in part] == [8, 9, 10]
    assert [frame.time_s * rate for frame in part] == [8, 9, 13]
    with open_video(path, fps=fps) as video:
        stretches = video.stretches()
        joined = [f for a, b in itertools.pairwise((0, 9, 30, None)) for f in stretches.read(a, b)]
    assert [(f.index, f.time_s) for f in joined] == [(f.index, f.time_s) for f in frames]


def test_an_unsteady_clock_is_no_uneven_rate(tmp_path):
    path = labs.cine(
        tmp_path / "x.cine", frames_of(8, count=200), times=stamps(range(200), unrest=0.2)
    )
    facts, _, warnings = read(path)
    assert not facts.variable_rate
    assert facts.capture_rate == 2200
    assert any("unsteady" in text for text in warnings)


def test_uneven_times_are_taken_as_they_are(tmp_path):
    places = np.cumsum(np.random.default_rng(0).uniform(0.5, 1.5, 60))
    path = labs.cine(tmp_path / "x.cine", frames_of(8, count=60), times=stamps(places))
    facts, frames, warnings = read(path)
    assert facts.variable_rate
    times = [float(frame.time_s) for frame in frames]
    np.testing.assert_allclose(times, (places - places[0]) / 2200, atol=1e-9)
    assert any("unevenly" in text for text in warnings)


def test_damaged_times_are_counted_on(tmp_path):
    times = stamps(range(60))
    times[58:] = 1 << 62
    path = labs.cine(tmp_path / "x.cine", frames_of(8, count=60), times=times)
    facts, frames, warnings = read(path)
    assert not facts.variable_rate
    assert frames[59].time_s == Fraction(59, 2200)
    assert any("times of 2 frames from frame 58 on are damaged" in text for text in warnings)


@pytest.mark.parametrize("times", [np.zeros(60), np.arange(60)[::-1], stamps(range(59))])
def test_useless_times_count_for_nothing(times, tmp_path):
    path = labs.cine(tmp_path / "x.cine", frames_of(8, count=60), times=times)
    facts, _, _ = read(path)
    assert (facts.capture_rate, facts.variable_rate) == (2200, False)


def test_the_users_word_wins_and_is_doubted(tmp_path):
    path = labs.cine(tmp_path / "x.cine", frames_of(8))
    facts, _, warnings = read(path, fps=1000)
    assert (facts.capture_rate, facts.capture_rate_source) == (1000, "user")
    assert [rate.source for rate in facts.rates] == ["user", "file"]
    assert any("says 2200 frames/s where the rate given" in text for text in warnings)
    assert read(path, fps="2200.5")[2] == ()


def test_cine_cut_short(tmp_path):
    frames = frames_of(8)
    path = labs.cine(tmp_path / "x.cine", frames, missing=2 * frames[0].size + 17)
    _, warnings = check(path, frames[:2], 8)
    assert any("holds 2 of 5 frames" in text for text in warnings)


def refuse(path, words, kind=InputError, **more):
    with pytest.raises(kind, match=words) as caught:
        read(path, **more)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")


def test_cines_that_cannot_be_read(tmp_path):
    frames = frames_of(8)
    path = tmp_path / "x.cine"
    refuse(labs.cine(path, frames, compression=1), "JPEG.*raw cine")
    refuse(labs.cine(path, frames_of(10), packing=256, missing=10**6), "breaks off|copy it again")
    refuse(labs.cine(path, frames, rate=0), "--fps", UsageError)
    for cut in (3, 50, 100, 300):
        path.write_bytes(labs.cine(path, frames).read_bytes()[:cut])
        refuse(path, "copy it again")
    path.write_bytes(b"RIFF" + bytes(2000))
    refuse(path, "is not a Phantom cine")
    data = bytearray(labs.cine(path, frames).read_bytes())
    data[44 + 16 : 44 + 20] = (777).to_bytes(4, "little")
    path.write_bytes(data)
    refuse(path, r"8 bits, compression 777\).*save it again")
    data[44 + 4 : 44 + 8] = (2**30).to_bytes(4, "little")
    path.write_bytes(data)
    refuse(path, "1073741824 x 37 px")


# Photron


@pytest.mark.parametrize("suffix", [".cih", ".cihx"])
@pytest.mark.parametrize(
    ("depth", "bits", "told"),
    [
        (8, 8, {"EffectiveBit Depth": 12, "EffectiveBit Side": "Higher"}),
        (12, 12, {}), (16, 12, {}), (16, 12, {"Color Type": "Raw"}), (16, 16, {}),
    ],
)  # fmt: skip
def test_photron(suffix, depth, bits, told, tmp_path):
    frames = frames_of(bits, (37, 53))
    told = {"EffectiveBit Depth": bits} | told
    path = labs.photron(tmp_path / f"x{suffix}", frames, depth=depth, **told)
    for given in (path, path.with_suffix(".mraw")):
        facts, warnings = check(given, frames, bits)
        assert (facts.capture_rate, facts.capture_rate_source) == (2200, "file")
        assert facts.exposure_s == pytest.approx(1 / 5000)
        assert facts.camera == "Photron FASTCAM TEST"
        assert warnings == ()


def test_photron_in_the_higher_bits(tmp_path):
    frames = frames_of(12)
    told = {"EffectiveBit Side": "Higher"}
    check(labs.photron(tmp_path / "x.cih", frames << 4, depth=16, **told), frames, 12)


def test_photron_colours(tmp_path):
    rgb = frames_of(8, (12, 16, 3))
    check(labs.photron(tmp_path / "x.cih", rgb, depth=24), rgb.astype(int) @ [77, 150, 29], 16)
    rgb = frames_of(12, (12, 16, 3))
    luma = rgb.astype(int) @ [77, 150, 29] >> 4
    check(labs.photron(tmp_path / "x.cih", rgb, depth=36), luma, 16)


@pytest.mark.parametrize(("kind", "seen"), [("Raw", 0.5), ("Bayer", 1.0)])
def test_photron_mosaic(kind, seen, tmp_path):
    frames = (smooth(12) * np.float64(0.9)).astype(np.uint16)
    frames[:, ::2, ::2] = frames[:, ::2, ::2] * seen
    frames[:, 1::2, 1::2] = frames[:, 1::2, 1::2] * seen
    path = labs.photron(tmp_path / "x.cih", frames, depth=12, **{"Color Type": kind})
    four = sum(frames[:, y::2, x::2].astype(int) for y in (0, 1) for x in (0, 1))
    check(path, four, 14)


def test_photron_frames_that_may_have_been_left_out(tmp_path):
    frames = frames_of(8)
    told = {"Save Step": "100", "Original Total Frame": 1000}
    _, warnings = check(labs.photron(tmp_path / "x.cih", frames, **told), frames, 8)
    assert "22 frames/s" in warnings[0]
    told["Original Total Frame"] = 300  # of which 5 cannot be every 100th
    assert check(labs.photron(tmp_path / "x.cih", frames, **told), frames, 8)[1] == ()


def test_photron_counts_that_differ(tmp_path):
    frames = frames_of(8)
    path = labs.photron(tmp_path / "x.cih", frames, missing=frames[0].size + 1)
    assert "holds 3 of 5 frames" in check(path, frames[:3], 8)[1][0]
    path = labs.photron(tmp_path / "x.cih", frames, **{"Total Frame": 4})
    assert "room for 5 frames" in check(path, frames[:4], 8)[1][0]


def test_photron_names_in_any_case(tmp_path):
    frames = frames_of(8)
    path = labs.photron(tmp_path / "x.cih", frames)
    path.with_suffix(".mraw").rename(tmp_path / "X.MRAW")
    check(path.rename(tmp_path / "x.CIH"), frames, 8)


def test_photron_that_cannot_be_read(tmp_path):
    frames = frames_of(8)
    path = labs.photron(tmp_path / "x.cih", frames)
    path.with_suffix(".mraw").unlink()
    refuse(path, "no x.mraw beside", InputNotFoundError)
    path = labs.photron(tmp_path / "y.cih", frames)
    path.unlink()
    refuse(tmp_path / "y.mraw", "no y.cihx or y.cih beside", InputNotFoundError)
    for told, words in (
        ({"File Format": "AVI"}, "format 'AVI'"),
        ({"Color Bit": 10}, "10 bits a pixel"),
        ({"Image Width": "wide"}, "'wide' of 'Image Width'"),
        ({"Image Width": "0"}, "'0' of 'Image Width'"),
        ({"Image Width": "2000000000"}, "claims pictures"),
        ({"Image Width": "5000"}, "no whole frame"),
    ):
        refuse(labs.photron(tmp_path / "z.cih", frames, **told), words)
    path = labs.photron(tmp_path / "z.cih", frames, **{"Record Rate(fps)": "fast"})
    refuse(path, "--fps", UsageError)
    labs.photron(tmp_path / "z.cihx", frames)
    (tmp_path / "z.cihx").write_bytes(b"<cih><broken></cih>")
    refuse(tmp_path / "z.cihx", "as a Photron header")
    (tmp_path / "z.cih").write_bytes(b"junk")
    refuse(tmp_path / "z.cih", "''.*where a number should be")


# SER


@pytest.mark.parametrize("flag", [0, 1])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_ser_whatever_its_flag_says(flag, big, bits, tmp_path):
    frames = smooth(bits)
    path = labs.ser(tmp_path / "x.ser", frames, depth=bits, big=big and bits > 8, flag=flag)
    facts, warnings = check(path, frames, bits, fps=300)
    assert facts.camera == "A camera"
    assert warnings == ()
    refuse(path, "--fps", UsageError)


def test_ser_colours(tmp_path):
    rgb = np.stack([smooth(16, count=3)] * 3, axis=3)
    rgb[..., 0] //= 3
    for colour, weights in ((100, [77, 150, 29]), (101, [29, 150, 77])):
        path = labs.ser(tmp_path / "x.ser", rgb, colour=colour, big=True)
        check(path, rgb.astype(int) @ weights >> 8, 16, fps=300)


def test_ser_mosaic(tmp_path):
    frames = smooth(12)
    frames[:, ::2, 1::2] //= 2
    four = sum(frames[:, y::2, x::2].astype(int) for y in (0, 1) for x in (0, 1))
    four[four > 4 * 4094] = 2**14 - 1
    for big in (False, True):
        path = labs.ser(tmp_path / "x.ser", frames, colour=9, depth=12, big=big)
        _, _, warnings = read(path, fps=300)
        assert any("2 px of the sensor" in text for text in warnings)
        facts, found, _ = read(path, fps=300)
        assert facts.bits == 14
        full = frames.reshape(5, 18, 2, 26, 2).max(axis=(2, 4)) >= 4095
        np.testing.assert_array_equal([f.luma for f in found], np.where(full, 2**14 - 1, four))


def test_ser_times(tmp_path):
    frames = smooth(8, count=40)
    ticks = 10**17 + np.arange(40) * 40000  # of 100 ns
    facts, _, _ = read(labs.ser(tmp_path / "x.ser", frames, times=ticks))
    assert (facts.capture_rate, facts.capture_rate_source) == (250, "file")
    ticks[20:] += 80000
    facts, found, warnings = read(labs.ser(tmp_path / "x.ser", frames, times=ticks))
    assert facts.variable_rate
    assert found[20].time_s == Fraction(22, 250)
    assert any("2 frames were dropped, the first before frame 20" in text for text in warnings)


def test_ser_that_is_damaged(tmp_path):
    frames = smooth(8)
    path = labs.ser(tmp_path / "x.ser", frames, told=9)
    assert "holds 5 of 9 frames" in check(path, frames, 8, fps=300)[1][0]
    refuse(labs.ser(tmp_path / "x.ser", frames, colour=50), "colours 50", fps=300)
    refuse(labs.ser(tmp_path / "x.ser", frames, depth=32), "32 bits", fps=300)
    refuse(labs.ser(tmp_path / "x.ser", frames, missing=5 * frames[0].size), "no whole", fps=300)
    path.write_bytes(b"LUCAM-RECORDER")
    refuse(path, "not a SER video", fps=300)


# FITS


@pytest.mark.parametrize("unit", [0, 1])
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("suffix", [".fits", ".fit", ".fts"])
def test_fits(unit, bits, suffix, tmp_path):
    frames = frames_of(bits)
    told = {"FPS": "500.5 / of the camera", "EXPTIME": 1e-3, "INSTRUME": "'Cam ''A'''"}
    path = labs.fits(tmp_path / f"x{suffix}", frames, unit=unit, **told)
    facts, warnings = check(path, frames, bits)
    assert (facts.capture_rate, facts.capture_rate_source) == (Fraction(1001, 2), "file")
    assert facts.exposure_s == 1e-3
    assert facts.camera.startswith("Cam")
    assert warnings == ()


def test_fits_periods_and_contradictions(tmp_path):
    frames = frames_of(8)
    facts, _, _ = read(labs.fits(tmp_path / "x.fits", frames, KCT="2.5E-3"))
    assert facts.capture_rate == 400
    facts, _, warnings = read(labs.fits(tmp_path / "x.fits", frames, FRATE=500, CADENCE="0.01"))
    assert facts.capture_rate == 500
    assert any("CADENCE in the FITS header says 100 frames/s" in text for text in warnings)


def test_fits_signed(tmp_path):
    frames = np.random.default_rng(0).integers(-300, 4000, (4, 12, 16)).astype(np.int16)
    _, warnings = check(
        labs.fits(tmp_path / "x.fits", frames), frames.astype(int) + 32768, 16, fps=300
    )
    assert "32768 was added" in warnings[0]


def test_fits_that_cannot_be_read(tmp_path):
    frames = frames_of(8)
    path = labs.fits(tmp_path / "x.fits", frames[0])
    refuse(path, "no cube", fps=300)
    refuse(labs.fits(path, frames.astype(np.float32)), "BITPIX = -32", fps=300)
    refuse(labs.fits(path, frames), "--fps", UsageError)
    refuse(labs.fits(path, frames, ZIMAGE="T"), "funpack", fps=300)
    path.write_bytes(labs.fits(path, frames).read_bytes()[:2000])
    refuse(path, "has no end", fps=300)
    path.write_bytes(b"SIMPLE" + bytes(6000))
    refuse(path, "as FITS", fps=300)
    path = labs.fits(path, frames, missing=2880 * 2)
    assert any("of 5 frames" in text for text in read(path, fps=300)[2])


# HDF5


@pytest.mark.parametrize("bits", [8, 16])
def test_hdf5(bits, tmp_path):
    frames, small = frames_of(bits), frames_of(8, (4, 4), 2)
    path = tmp_path / "run.h5"
    with h5py.File(path, "w") as file:
        file["small"] = small
        file["not/images"] = np.zeros((9, 99, 99), np.float32)
        chunked = file.create_dataset(
            "run/images", data=frames, chunks=(1, 37, 52), compression="gzip", shuffle=True
        )
        chunked.attrs["Frame_Rate"] = 750.5
        file.attrs["exposure_s"] = 2e-4
    facts, warnings = check(path, frames, bits)
    assert (facts.capture_rate, facts.capture_rate_source) == (Fraction(1501, 2), "file")
    assert facts.exposure_s == 2e-4
    assert warnings == ()
    facts, _ = check(f"{path}::small", small, 8, fps=300)
    assert facts.name.endswith("run.h5::small")
    refuse(f"{path}::/not/images", "no stack of images", fps=300)
    refuse(f"{path}::/nothing", "no stack of images", fps=300)
    refuse(f"{tmp_path}/gone.h5::/nothing", "does not exist", InputNotFoundError, fps=300)


def test_hdf5_that_cannot_be_read(tmp_path, monkeypatch):
    path = tmp_path / "run.hdf5"
    path.write_bytes(b"no such thing" * 100)
    refuse(path, "as HDF5", fps=300)
    with h5py.File(path, "w") as file:
        file.create_dataset("x", (9000, 200, 200), np.uint8, chunks=(9000, 200, 200))
    refuse(path, "one frame", fps=300)
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    refuse(path, r"phonoscope\[export\]", MissingExtraError, fps=300)


# Real recordings


@pytest.mark.parametrize(
    ("name", "size", "bits", "rate", "exposure_s"),
    [
        ("data_small_cine.cine", (235, 32, 256), 12, 100, 70e-6),
        ("data_showcase.cih", (75, 40, 640), 8, 15000, 65.06e-6),
        ("ball_12bit.cihx", (15, 384, 384), 12, 30000, 20e-6),
        ("beam.cihx", (4, 80, 1024), 12, 50000, 5e-6),
    ],
)
def test_real_files(name, size, bits, rate, exposure_s, data):
    facts, frames, _ = read(data / "formats" / name)
    assert (len(frames), facts.height, facts.width) == size
    assert (facts.bits, facts.capture_rate, facts.capture_rate_source) == (bits, rate, "file")
    assert facts.exposure_s == pytest.approx(exposure_s)


def test_real_cine_is_as_ffmpeg_reads_it(data):
    path = data / "formats" / "data_small_cine.cine"
    with av.open(str(path)) as container:  # which leaves the curve on
        codes = [frame.to_ndarray() >> 6 for frame in container.decode(video=0)]
    _, frames, warnings = read(path)
    np.testing.assert_array_equal([f.luma for f in frames], linear10()[np.array(codes)])
    assert any("frame 234 on are damaged" in text for text in warnings)  # as it is in this file


def test_real_mraw_is_as_numpy_reads_it(data):
    stored = np.fromfile(data / "formats" / "ball_12bit.mraw", np.uint8)
    digits = np.stack([stored >> 4, stored & 15], axis=1).reshape(-1, 3).astype(int)
    expected = (digits @ [256, 16, 1]).reshape(15, 384, 384)
    _, frames, _ = read(data / "formats" / "ball_12bit.cihx")
    np.testing.assert_array_equal([frame.luma for frame in frames], expected)
    for name, kind, size in (
        ("beam", "<u2", (4, 80, 1024)),
        ("data_showcase", "u1", (75, 40, 640)),
    ):
        _, frames, _ = read(data / "formats" / f"{name}.mraw")
        stored = np.fromfile(data / "formats" / f"{name}.mraw", kind).reshape(size)
        np.testing.assert_array_equal([frame.luma for frame in frames], stored)
