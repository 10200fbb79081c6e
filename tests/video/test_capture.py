"""Capture rates: from every maker's tag that is read, whole, contradictory and damaged.

No file of these cameras is free to ship, so each tag is put by hand into one that FFmpeg wrote.
"""

import struct
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonoscope.errors import UsageError
from phonoscope.types import RateCandidate
from phonoscope.video import exif, open_video
from phonoscope.video.capture import candidates, rate_of, rates_of_sei
from phonoscope.video.clock import Clock
from phonoscope.video.rate import candidates_of, choose_rate, weighed
from phonoscope.video.sidecar import edgertronic

from . import labs
from .tagged import (
    box,
    by_camera,
    canon,
    device,
    directory,
    dji,
    entry,
    facts_of,
    fujifilm,
    insert,
    keyed,
    mdpm,
    message,
    nrtm,
    samsung,
    sony,
    sony_xml,
    srot,
    vfps,
    with_message,
    with_track,
)

ANDROID, ARRI = "com.android.capture.fps", "com.arri.camera.SensorFps"
NTSC = Fraction(24000, 1001)


def told_of(path, **more):
    """Return the capture rate, its source, and (rate, source, where) of every other candidate."""
    facts = facts_of(path, **more)
    first, *others = facts.rates
    assert facts.capture_rate_source == first.source
    return facts.capture_rate, first.source, first.where, others


def suspicions(path, **more):
    """Return what is said beyond that whole frames hold little."""
    return [
        text for text in facts_of(path, **more).warnings if not text.startswith("at a capture rate")
    ]


def udta(*parts):
    return box(b"udta", *parts)


def float32(value):
    return 23, struct.pack(">f", value)


BOXES = {
    "android": (keyed({ANDROID: float32(240)}), 240, ANDROID),
    "android, a whole number": (keyed({ANDROID: (67, struct.pack(">i", 240))}), 240, ANDROID),
    "android, a text": (keyed({ANDROID: (1, b"240.000000")}), 240, ANDROID),
    "android, as it measured": (keyed({ANDROID: float32(239.5)}), Fraction("239.5"), ANDROID),
    "arri": (keyed({ARRI: (77, struct.pack(">I", 200000))}), 200, "ARRI"),
    "arri, television's": (keyed({ARRI: (1, b"59940")}), Fraction(60000, 1001), "ARRI"),
    "arri, a fraction": (keyed({ARRI: (1, b"120000/1001")}), Fraction(120000, 1001), "ARRI"),
    "arri, no thousandths": (keyed({ARRI: (1, b"120")}), 120, "ARRI"),
    "samsung": (udta(samsung(12)), 240, "Samsung's recording mode (12)"),
    "samsung, half": (udta(samsung(13, swapped=True)), 120, "Samsung's recording mode (13)"),
    "samsung, told": (
        udta(samsung(21, box(b"srfr", struct.pack(">I", 480 << 16)))),
        480,
        "Samsung's srfr",
    ),
    "gopro": (
        udta(box(b"GPMF", device(vfps(240000, 1001)))),
        Fraction(240000, 1001),
        "GoPro's VFPS",
    ),
    "gopro, a float": (udta(box(b"GPMF", device(vfps(400.0, letter="f")))), 400, "GoPro's VFPS"),
    "fujifilm": (udta(fujifilm(120)), 120, "Fujifilm's FrameRate"),
    "sony": (
        nrtm(sony_xml(capture="119.88p", plays="29.97p")),
        Fraction(120000, 1001),
        "Sony's captureFps",
    ),
}


@pytest.mark.parametrize(("tag", "rate", "where"), BOXES.values(), ids=BOXES)
def test_tag_in_boxes(clip, tag, rate, where):
    insert(by_camera(clip), [b"moov"], tag)
    found, source, told, others = told_of(clip)
    assert (found, source) == (rate, "file")
    assert told.startswith(where)
    assert [(one.rate, one.source) for one in others] == [(30, "container")]
    assert suspicions(clip) == []
    with open_video(clip) as video:
        assert [frame.time_s for frame in video] == [Fraction(n) / rate for n in range(8)]


def dji_ran(rate, at=11, **more):
    return dji(**{f"f{at}": message(f1=float(rate))}, **more)


@pytest.mark.parametrize(
    ("kind", "packet", "rate", "where"),
    [
        (b"rtmd", sony(capture=(120000, 1001)), Fraction(120000, 1001), "Sony's acquisition"),
        (b"gpmd", device(vfps(240, 1)), 240, "GoPro's VFPS"),
        (b"djmd", dji_ran(119.88, kind=2), Fraction(120000, 1001), "DJI's sensor_fps"),
        (b"djmd", dji_ran(119.95, at=9, kind=2), Fraction("119.95"), "DJI's sensor_fps"),
    ],
)
def test_tag_in_a_packet(clip, kind, packet, rate, where):
    with_track(by_camera(clip), kind, packet)
    found, source, told, _ = told_of(clip)
    assert (found, source) == (rate, "file")
    assert told.startswith(where)


def test_sensor_that_ran_faster_than_frames_were_kept_is_a_hint(clip):
    with_track(by_camera(clip), b"djmd", dji_ran(59.94))
    rate, source, _, (hint,) = told_of(clip)
    assert (rate, source, hint.source) == (30, "container", "hint")
    (sentence,) = (text for text in suspicions(clip) if "sensor_fps" in text)
    assert "DJI's sensor_fps says 59.94" in sentence
    assert "give it with fps" in sentence


@pytest.mark.parametrize("packet", [dji_ran(59.94, kind=4), dji(), canon()])
def test_packets_that_tell_no_rate_of_frames(clip, packet):
    with_track(by_camera(clip), b"djmd", packet)
    assert told_of(clip)[1:] == ("container", "the file's playback rate", [])


@pytest.mark.parametrize(
    ("captured", "rate", "source"),
    [(120, 100, "file"), (30, 25, "file"), (24, 25, "container"), (0, 25, "container")],
)
def test_canons_message(tools, tmp_path, captured, rate, source):
    frames = tools.random_frames(8, (36, 64))
    path = tools.write_video(tmp_path / "a.h264", frames, "libx264", "yuv420p", rate=25)
    with_message(
        path, mdpm((0x18, 1, 2, 3, 4), (0xE0, 0x10, 0x11, 3, 1), (0xEE, captured, 30, 8, 1))
    )
    found, told, _, others = told_of(path)
    assert (found, told) == (rate, source)
    if captured == 24:  # film's pulldown: neither slow motion nor the rate of this file
        assert [(one.rate, one.source) for one in others] == [(24, "hint")]
    assert any("CaptureFrameRate (0 of 30) is damaged" in text for text in suspicions(path)) == (
        not captured
    )


def test_another_makers_message_tells_no_rate():
    for packs in ([(0xE0, 1, 8, 3, 1), (0xEE, 120, 30, 8, 1)], [(0xEE, 120, 30, 8, 1)]):
        assert list(rates_of_sei(mdpm(*packs), Fraction(30))) == []


@pytest.mark.parametrize("name", ["{}M01.XML", "{}M01.xml"])
def test_sonys_metadata_beside_the_video(clip, name):
    by_camera(clip)
    beside = clip.with_name(name.format(clip.stem))
    beside.write_bytes(sony_xml(capture="120p", plays="30p"))
    found, source, where, _ = told_of(clip)
    assert (found, source) == (120, "sidecar")
    assert beside.name in where
    assert facts_of(clip).camera == "Sony ILCE-7M3"
    insert(clip, [b"moov"], nrtm(sony_xml(model="", capture="240p", plays="30p")))
    found, source, _, others = told_of(clip)
    assert (found, source) == (240, "file")  # what lies in the file itself counts first
    assert [one.source for one in others] == ["sidecar", "container"]
    (sentence,) = suspicions(clip)
    assert all(word in sentence for word in ("says 120", "says 240", beside.name, "--fps"))


EDGERTRONIC = (
    "Camera time:\tWed Dec 14 05:04:44 2016\t\nModel:\tSC1 Monochrome 8 GB\t\n"
    "Shutter:\t1/5000\tSeconds\n{}Horizontal:\t1280\tPixels\nFrame count:\t120\tframes\n"
)
ONE_RATE = "Frame Rate:\t2200\tFrames/Second\nDuration:\t4\tSeconds\n"
PARTS = (
    "Pre-trigger Frame Rate:\t10\tFrames/Second\nPost-trigger 1 Frame Rate:\t6000\tFrames/Second\n"
    "Pre-trigger Duration:\t{}\tSeconds\nPost-trigger 1 Duration:\t2\tSeconds\n"
)


@pytest.mark.parametrize(
    ("text", "rate"), [(ONE_RATE, 2200), (PARTS.format("0"), 6000), (PARTS.format("1"), None)]
)
def test_text_of_an_edgertronic(clip, text, rate):
    by_camera(clip).with_suffix(".txt").write_text(EDGERTRONIC.format(text), encoding="utf-8")
    found, source, where, _ = told_of(clip)
    if rate is None:
        assert (found, source) == (30, "container")
        assert "changes within the clip" in suspicions(clip)[0]
        return
    assert (found, source, where) == (rate, "sidecar", f"{clip.stem}.txt beside the video")


@pytest.mark.parametrize("suffix", [".cih", ".cihx"])
def test_photrons_header_beside_an_export(clip, tools, suffix):
    frames = tools.random_frames(8, (36, 64))
    labs.photron(clip.with_suffix(suffix), frames, **{"Record Rate(fps)": 50000})
    found, source, where, _ = told_of(by_camera(clip))
    assert (found, source) == (50000, "sidecar")
    assert where == f"the record rate in {clip.stem}{suffix} beside the video"
    assert suspicions(clip) == []
    labs.photron(clip.with_suffix(suffix), frames, **{"Save Step": 10, "Original Total Frame": 80})
    assert "one frame in 10 was saved" in suspicions(clip)[0]
    clip.with_suffix(suffix).write_bytes(b"<cih>no header")
    assert told_of(clip)[1] == "container"
    assert "is damaged" in suspicions(clip)[0]


def test_header_that_a_camera_wrote(clip, data):
    header = data / "formats" / "beam.cihx"
    clip.with_suffix(".cihx").write_bytes(header.read_bytes())
    assert told_of(by_camera(clip))[:2] == (50000, "sidecar")


def test_other_texts_beside_a_video_are_none(clip):
    clip.with_suffix(".txt").write_text("Frame Rate: as in the film\nDuration: 4 Seconds\n")
    clip.with_name(f"{clip.stem}M01.XML").mkdir()
    assert told_of(clip)[1:] == ("container", "the file's playback rate", [])
    clip.with_suffix(".txt").write_text(EDGERTRONIC.format(ONE_RATE) + " " * (1 << 20))
    assert told_of(clip)[1] == "container"


def test_tag_that_another_container_has_kept(clip, tools, tmp_path):
    import av

    insert(clip, [b"moov"], keyed({ANDROID: float32(240)}))
    path = tmp_path / "copied.mkv"
    with av.open(str(clip)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        target.metadata.update(source.metadata)
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    assert told_of(path)[:3] == (240, "file", ANDROID)
    (sentence,) = suspicions(path)
    assert "FFmpeg has written the file" in sentence


@pytest.mark.parametrize(
    "wrong",
    [
        keyed({ANDROID: float32(0)}),
        keyed({ANDROID: float32(-30)}),
        keyed({ANDROID: float32(float("nan"))}),
        keyed({ANDROID: float32(float("inf"))}),
        keyed({ANDROID: float32(1e9)}),
        keyed({ANDROID: (23, b"\x43\x70")}),
        keyed({ANDROID: (1, b"fast")}),
        keyed({ARRI: (1, b"\xff\xfe")}),
        keyed({ARRI: (1, b"1e999999999")}),
        keyed({ARRI: (77, bytes(4))}),
        udta(samsung(21)),
        udta(samsung(21, box(b"srfr", b"\x00\x78"))),
        udta(samsung(21, box(b"srfr", bytes(4)))),
        udta(box(b"GPMF", device(vfps(60, 0)))),
        udta(box(b"GPMF", device(vfps(1, 2, 3)))),
        udta(box(b"GPMF", device(entry(b"VFPS", "L", bytes(6), 6)))),
        udta(box(b"GPMF", device(vfps(float("nan"), 1.0, letter="f")))),
        udta(fujifilm(0)),
        nrtm(sony_xml(capture="0p")),
        nrtm(sony_xml(capture="")),
        nrtm(sony_xml(capture="23.98p " * 2)),
        nrtm(sony_xml(capture="1" * 400 + "p")),
    ],
)
def test_wrong_tags_are_ignored_and_told(clip, wrong):
    insert(by_camera(clip), [b"moov"], wrong)
    assert told_of(clip)[:2] == (30, "container")
    (sentence,) = suspicions(clip)
    assert "damaged, or none that a camera has, and is ignored" in sentence


@pytest.mark.parametrize(
    "silent",
    [
        udta(samsung(0)),
        udta(samsung(12)[:24]),
        udta(fujifilm(120)[:60]),
        udta(box(b"MVTG", bytes(8))),
        udta(box(b"GPMF", device(srot(24.0)))),
        keyed({"com.android.version": (1, b"14"), "com.arri.camera.ProjectFps": (1, b"24000")}),
        nrtm(sony_xml(capture="240p")[:-9]),
    ],
)
def test_boxes_without_a_rate(clip, silent):
    size = len(silent)
    insert(by_camera(clip), [b"moov"], struct.pack(">I", size) + silent[4:])
    assert told_of(clip)[:2] == (30, "container")


def test_samsungs_computed_frames_are_told(clip):
    insert(by_camera(clip), [b"moov"], udta(samsung(9)))
    (sentence,) = suspicions(clip)
    assert "computed some of the frames" in sentence


def test_apples_originals_keep_the_time(clip):
    names = {"com.apple.quicktime.make": (1, b"Apple")}
    names["com.apple.quicktime.full-frame-rate-playback-intent"] = (22, b"\x00")
    insert(clip, [b"moov"], keyed(names))
    assert told_of(clip)[2] == "the file's playback rate"  # another program has written it
    where = told_of(by_camera(clip))[2]
    assert "Apple" in where
    assert "that of capture" in where


def test_rate_that_is_only_of_playback_is_called_so(tools, tmp_path):
    path = tools.write_video(
        tmp_path / "a.mp4", tools.random_frames(8, (36, 64)), "mpeg4", "yuv420p", rate=240
    )
    (sentence,) = suspicions(path)
    assert "240 frames/s, is only the file's playback rate;" in sentence


def test_your_word_counts_first_and_contradictions_are_told(clip):
    insert(by_camera(clip), [b"moov"], keyed({ANDROID: float32(240)}))
    rate, source, _, others = told_of(clip, fps=2000)
    assert (rate, source) == (2000, "user")
    assert [(one.rate, one.source) for one in others] == [(240, "file"), (30, "container")]
    (sentence,) = suspicions(clip, fps=2000)
    assert all(word in sentence for word in (ANDROID, "says 240", "says 2000"))
    assert suspicions(clip, fps=240) == []


@pytest.mark.parametrize(
    ("plays", "tag", "rate", "words"),
    [
        (Fraction(30000, 1001), 30, Fraction(30000, 1001), ()),  # the file's clock is the exact one
        (30, 1, 1, ("time lapse", "30 times faster")),
        (24, 30, 30, ("rare for slow motion", "says 30")),
    ],
)
def test_tag_beside_the_rate_of_playback(tools, tmp_path, plays, tag, rate, words):
    frames = tools.random_frames(8, (36, 64))
    path = tools.write_video(tmp_path / "a.mp4", frames, "mpeg4", "yuv420p", rate=plays)
    insert(by_camera(path), [b"moov"], keyed({ANDROID: float32(tag)}))
    assert told_of(path)[:2] == (rate, "file")
    assert facts_of(path).rates[0].rate == tag  # as it is written
    told = suspicions(path)
    assert len(told) == bool(words)
    assert all(word in told[0] for word in words)


@pytest.mark.parametrize(("tag", "rate", "slower"), [(240, 240, 8), (35, None, 1), (30, None, 1)])
def test_uneven_times_are_stretched_only_where_the_tag_is_far_from_them(
    tools, tmp_path, tag, rate, slower
):
    frames = tools.random_frames(40, (36, 64))
    pts = [number + (number >= 15) + 2 * (number >= 30) for number in range(40)]
    path = tools.mp4(tmp_path, frames, rate=30, pts=pts, time_base=Fraction(1, 30))
    insert(path, [b"moov"], keyed({ANDROID: float32(tag)}))
    with open_video(path) as video:
        facts = video.facts
        assert [frame.time_s * 30 * slower for frame in video] == pts
    assert facts.variable_rate
    assert facts.slower == slower
    assert facts.capture_rate == (rate or facts.container_rate)
    assert [one.source for one in facts.rates] == (
        ["container", "hint"] if tag == 35 else ["file", "container"]
    )
    assert any("stretched" in text for text in facts.warnings) == (slower > 1)


def test_hints_are_borne_out_or_not_chosen():
    clock = Clock(Fraction(60), Fraction(60), False, Fraction(1, 60), 0)
    hint = RateCandidate(Fraction("59.97"), "hint", "a hint")
    assert weighed(hint, clock).source == "file"
    assert weighed(hint, None) == hint
    with pytest.raises(UsageError, match="does not say how fast"):
        choose_rate(candidates_of(None, hint), "clip")


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("119.88", Fraction(120000, 1001)),
        ("23.98", NTSC),
        (23.976, NTSC),
        (29.969999313354492, Fraction(30000, 1001)),
        ("25", 25),
        (59.969295501708984, Fraction("59.9693")),  # a sensor's own
        ("240", 240),
        ("2200.5", Fraction("2200.5")),  # a rate of no television
        (Fraction(2200), 2200),
        ("1e8", None),
        ("-24", None),
        ("1e-9", None),
        ("1/0", None),
        ("", None),
    ],
)
def test_rates_as_they_are_meant(told, meant):
    assert rate_of(told) == meant


@pytest.mark.parametrize("told", ["59.94i", "29.97p", "29.97PsF"])
def test_interlaced_rates_count_fields(clip, told):
    insert(by_camera(clip), [b"moov"], nrtm(sony_xml(capture=told, plays=told)))
    assert facts_of(clip).rates[0].rate == Fraction(30000, 1001)
    assert told_of(clip)[:2] == (30, "file")


def test_values_beyond_the_end_are_left_out():
    whole = directory(0, (1, 2, 9, b"123456789"), (2, 3, 1, b"\x07\x00"))
    assert list(exif.directory(whole, 0)) == [(1, b"123456789"), (2, b"\x07\x00")]
    assert list(exif.directory(whole[:-1], 0)) == [(2, b"\x07\x00")]


@given(st.binary(max_size=80), st.integers(0, 90))
def test_any_bytes_end_the_walk(data, at):
    for _, value in exif.directory(data, at):
        assert value in data
    list(rates_of_sei(mdpm()[:20] + data, Fraction(30)))
    found, wrong = candidates(edgertronic(data.decode("latin-1"), "a text"))
    assert not found
    assert not wrong


@given(st.floats(width=32), st.integers(-(2**31), 2**31))
def test_any_number_is_a_rate_or_none(number, whole):
    for one in (number, f"{number}", f"{whole}/7"):
        rate = rate_of(one)
        assert rate is None or 0 < rate < 1e7
        assert rate is None or np.isclose(float(rate), float(Fraction(str(one))), rtol=3e-4)
