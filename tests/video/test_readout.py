"""Read-out times: from tags of every maker that is read, whole, missing and damaged; from a table.

No file of these cameras is free to ship, so each tag is put by hand, box by box, into a file that
FFmpeg has written.
"""

import struct
from fractions import Fraction

import pytest

from phonoscope.types import RateCandidate, Shutter
from phonoscope.video import cameras
from phonoscope.video.boxes import Box, boxes
from phonoscope.video.cameras import look_up
from phonoscope.video.klv import acquisition_tags, gpmf
from phonoscope.video.readout import Tag
from phonoscope.video.shutter import shutter_of
from phonoscope.video.tags import Tags

from .tagged import (
    APPLE,
    ROWS,
    assert_ignored,
    box,
    canon,
    device,
    entry,
    facts_of,
    find,
    full_box,
    insert,
    keyed,
    local,
    look,
    nrtm,
    sony,
    sony_xml,
    srot,
    with_track,
)


def test_file_that_says_nothing(clip):
    assert look(clip) == (Shutter(), [])


@pytest.mark.parametrize("parents", [[b"moov", b"trak"], [b"moov"]])
@pytest.mark.parametrize("box_of_meta", [box, full_box])
@pytest.mark.parametrize(
    "value",
    [
        (21, struct.pack(">i", 33000)),
        (22, struct.pack(">H", 33000)),
        (67, struct.pack(">i", 33000)),
        (23, struct.pack(">f", 33000)),
        (24, struct.pack(">d", 33000)),
        (1, b"33000"),
    ],
)
def test_apple(clip, parents, box_of_meta, value):
    other = {"com.apple.quicktime.camera.identifier": (1, b"Back")}
    insert(clip, parents, keyed(other | {APPLE: value}, box_of_meta))
    shutter, (sentence,) = look(clip)
    assert shutter == Shutter(pytest.approx(33e-3 / ROWS), "down", "file")
    assert all(word in sentence for word in ("33 ms", "916.7 µs", "Apple", "--shutter global"))


@pytest.mark.parametrize(
    "value",
    [(1, b"fast"), (1, b"\xff\xfe"), (21, b""), (23, b"\x00"), (24, bytes(7)), (13, b"\xff\xd8")],
)
def test_damaged_apple(clip, value):
    insert(clip, [b"moov", b"trak"], keyed({APPLE: value}))
    assert_ignored(clip, "Apple", "damaged")


def test_apple_key_without_a_value_is_no_tag(clip):
    full = keyed({APPLE: (21, struct.pack(">i", 32082))})
    names = full.find(b"ilst") - 4
    insert(clip, [b"moov", b"trak"], box(b"meta", full[8:names], box(b"ilst")))
    assert look(clip) == (Shutter(), [])


@pytest.mark.parametrize("ms", [0.0, -3.0, float("nan"), float("inf"), 34.0])
def test_impossible_time(clip, ms):
    insert(clip, [b"moov"], box(b"udta", box(b"GPMF", device(srot(ms)))))
    assert_ignored(clip, "GoPro", "ms")


def test_time_is_held_against_the_rate_of_capture(clip):
    insert(clip, [b"moov"], box(b"udta", box(b"GPMF", device(srot(24.0)))))
    assert look(clip)[0].source == "file"
    shutter, (sentence,) = look(clip, fps=240)
    assert shutter == Shutter()
    assert "longer than a frame lasts at 240 frames/s" in sentence


@pytest.mark.parametrize(("letter", "size"), [("f", 4), ("d", 8), ("L", 4)])
def test_gopro(clip, letter, size):
    number = 24 if letter == "L" else 24.0
    tags = device(entry(b"MINF", "c", b"HERO11 Black", 1, 12), srot(number, letter, size))
    insert(clip, [b"moov"], box(b"udta", box(b"GPMF", tags)))
    shutter, (sentence,) = look(clip)
    assert shutter == Shutter(pytest.approx(24e-3 / ROWS), "down", "file")
    assert "GoPro SROT" in sentence


def test_gopro_in_its_track(clip):
    with_track(clip, b"gpmd", device(srot(24.0)))
    assert look(clip)[0] == Shutter(pytest.approx(24e-3 / ROWS), "down", "file")


def test_first_maker_counts(clip):
    insert(clip, [b"moov"], box(b"udta", box(b"GPMF", device(srot(24.0)))))
    insert(clip, [b"moov"], keyed({APPLE: (21, struct.pack(">i", 20000))}))
    assert look(clip)[0].line_delay_s == pytest.approx(20e-3 / ROWS)


def test_damaged_gopro(clip):
    tag = srot(24.0)
    insert(clip, [b"moov"], box(b"udta", box(b"GPMF", device(tag[:4] + b"c" + tag[5:]))))
    assert_ignored(clip, "GoPro", "damaged")


def test_gopro_cut_short(clip):
    insert(clip, [b"moov"], box(b"udta", box(b"GPMF", device(srot(24.0))[:-2])))
    assert_ignored(clip, "GoPro", "damaged")


def test_gopro_without_the_tag(clip):
    insert(clip, [b"moov"], box(b"udta", box(b"GPMF", device())))
    assert look(clip) == (Shutter(), [])


@pytest.mark.parametrize(
    ("kind", "packet"),
    [
        (b"rtmd", sony(local(0xE40C, bytes(4)), local(0xE40E, struct.pack(">i", 8804)))),
        (b"CNDM", canon(local(0xE20A, bytes(4)), local(0xE209, struct.pack(">I", 8_804_000)))),
    ],
)
def test_acquisition_metadata(clip, kind, packet):
    with_track(clip, kind, packet)
    shutter, (sentence,) = look(clip)
    assert shutter == Shutter(pytest.approx(8.804e-3 / ROWS), "down", "file")
    assert ("Sony" if kind == b"rtmd" else "Canon") in sentence


@pytest.mark.parametrize(
    ("maker", "packet"),
    [
        ("Sony", sony(local(0xE40E, b"\x22\x64"))),
        ("Sony", sony(local(0xE40E, b"\x22", length=4))),
        ("Sony", sony(local(0xE40E, struct.pack(">i", -1)))),
        ("Canon", canon(local(0xE209, bytes(4)))),
    ],
)
def test_damaged_acquisition_metadata(clip, maker, packet):
    with_track(clip, b"rtmd", packet)
    assert_ignored(clip, maker)


@pytest.mark.parametrize(
    "packet",
    [
        sony(local(0xE209, struct.pack(">I", 8_804_000))),  # that number is Canon's, not Sony's
        canon(local(0xE40E, struct.pack(">i", 8804))),
        sony(),
        b"\x00\x1c" + bytes(60),
        b"other" * 20,
    ],
)
def test_packets_without_the_tag(clip, packet):
    with_track(clip, b"rtmd", packet)
    assert look(clip) == (Shutter(), [])


def uhd(tools, path, rate, size=(2160, 3840)):
    return tools.write_video(path, tools.random_frames(1, size) // 4, "mpeg4", "yuv420p", rate=rate)


@pytest.mark.parametrize("parents", [None, [b"moov"]])
def test_table_by_sonys_xml(tools, tmp_path, parents):
    path = uhd(tools, tmp_path / "C0001 é.MP4", Fraction(24000, 1001))
    meta = nrtm(sony_xml("ILCE-7M3"))
    if parents is None:
        path.write_bytes(path.read_bytes() + meta)
    else:
        insert(path, parents, meta)
    facts = facts_of(path)
    assert facts.shutter == Shutter(pytest.approx(24.65e-3 / 2160), "down", "table")
    told = facts.warnings[-1]
    assert all(word in told for word in ("table", "ILCE-7M3", "24.65 ms", "11.41 µs", "--shutter"))
    assert facts_of(path, fps=120).shutter == Shutter()  # the file says 23.98: one of them is wrong


def test_table_by_keys_and_tag_before_table(tools, tmp_path):
    path = uhd(tools, tmp_path / "a.mov", 24)
    names = {"com.apple.quicktime.make": "SONY", "com.apple.quicktime.model": "ILCE-7M3"}
    insert(path, [b"moov"], keyed({key: (1, value.encode()) for key, value in names.items()}))
    assert facts_of(path).shutter.source == "table"
    insert(path, [b"moov", b"trak"], keyed({APPLE: (21, struct.pack(">i", 20000))}))
    assert facts_of(path).shutter == Shutter(pytest.approx(20e-3 / 2160), "down", "file")


def test_damaged_xml_is_an_unknown_camera(clip):
    for damaged in (
        sony_xml("ILCE-7M3")[:-9],
        b"<?xml version='1.0' encoding='shift_jis'?><a/>",
        b"",
    ):
        meta = full_box(b"meta", full_box(b"hdlr", bytes(21)), full_box(b"xml ", damaged))
        insert(clip, [b"moov"], meta)
        assert look(clip) == (Shutter(), [])
        start, _ = find(clip.read_bytes(), [b"moov", b"meta"])[-1]
        data = bytearray(clip.read_bytes())
        data[start + 4 : start + 8] = b"free"
        clip.write_bytes(data)


@pytest.mark.parametrize(
    "other",
    [
        {"make": "Canon"},
        {"make": ""},
        {"model": "ILCE-7M33"},
        {"model": ""},
        {"size": (3840, 1080)},
        {"size": (1920, 2160)},
        {"rate": Fraction(25)},
        {"rate": Fraction(48)},
    ],
)
def test_table_wants_all_of_it(other):
    right = {"make": "Sony", "model": "ILCE-7M3", "size": (3840, 2160), "rate": Fraction(24)}
    assert look_up(**right).read_out_s == pytest.approx(24.65e-3)
    assert look_up(**(right | {"rate": Fraction(24000, 1001)})) == look_up(**right)
    assert look_up(**(right | other)) is None


def test_makes_are_longer_in_some_files():
    found = look_up("NIKON CORPORATION", "NIKON Z 9", (3840, 2160), Fraction(120))
    assert found.read_out_s == pytest.approx(4.87e-3)


def test_camera_that_captured_at_another_rate_is_not_looked_up():
    for told, source in (Fraction(120), "assumed"), (Fraction("23.98"), "table"):
        rates = (RateCandidate(told, "file", "its tag"),)
        tags = Tags(make="Sony", model="ILCE-7M3", rates=rates)
        assert shutter_of(tags, (3840, 2160), Fraction(24))[0].source == source


def test_portrait_of_a_rolling_picture_counts_stored_rows():
    shutter, _ = shutter_of(Tags(Tag("Apple", 0.02)), (1080, 1920), Fraction(30))
    assert shutter.line_delay_s == pytest.approx(0.02 / 1920)


def test_rows_of_the_table():
    rows = cameras()
    assert len({(row.model, row.width, row.height, row.rate_hz) for row in rows}) == len(rows) > 200
    for row in rows:
        assert row.make
        assert row.source.startswith("https://")
        assert 1e-3 < row.read_out_s < 1 / row.rate_hz


def test_damaged_boxes_end_the_walk(tmp_path):
    good = box(b"free", bytes(4))
    huge = struct.pack(">I4sQ", 1, b"mdat", 1 << 40)
    for damaged in (b"\x00\x00\x00\x03abcd", b"\x7f\xff\xff\xffabcd", huge, b"\x00\x00"):
        path = tmp_path / "x"
        path.write_bytes(good + damaged)
        with path.open("rb") as file:
            assert list(boxes(file, 0, path.stat().st_size)) == [Box(b"free", 8, 12)]
    path.write_bytes(good + struct.pack(">I4sQ", 1, b"mdat", 20) + bytes(4) + bytes(4) + b"moov12")
    with path.open("rb") as file:
        found = list(boxes(file, 0, path.stat().st_size))
    assert found == [Box(b"free", 8, 12), Box(b"mdat", 28, 32), Box(b"moov", 40, 42)]


def test_damaged_values_end_the_walk():
    deep = b"\x00" * 4
    for _ in range(3000):
        deep = struct.pack(">4sBBH", b"DEVC", 0, 1, min(len(deep), 65535)) + deep
    assert list(gpmf(deep)) == []
    whole = sony(local(0xE40E, bytes(4)))
    for cut in range(len(whole)):
        list(acquisition_tags(whole[:cut]))
        list(gpmf(whole[:cut]))
    assert (0xE40E, bytes(4)) in list(acquisition_tags(whole))
