"""Timecode and the time of recording, as a file says them."""

from fractions import Fraction

import pytest

from phonoscope.video.timecode import recorded_at, timecode_of

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("text", "rate", "seconds"),
    [
        ("01:00:00:12", Fraction(25), 3600 + Fraction(12, 25)),
        ("00:00:00:00", Fraction(30), 0),
        ("01:00:00:00", NTSC, Fraction(108000) / NTSC),
        # SMPTE 12M: after a minute of drop-frame come number 2, after ten minutes number 0.
        ("00:01:00;02", NTSC, Fraction(1800) / NTSC),
        ("00:10:00;00", NTSC, Fraction(17982) / NTSC),
        ("01:00:00;00", NTSC, Fraction(107892) / NTSC),
        ("00:01:00;04", 2 * NTSC, Fraction(3600) / NTSC / 2),
        ("00:00:00:30", Fraction(30), None),
        ("00:61:00:00", Fraction(30), None),
        ("nonsense", Fraction(30), None),
        ("01:00:00:00", None, None),
    ],
)
def test_timecode_counts_frames(text, rate, seconds):
    assert timecode_of([{}, {"TIMECODE": text}], rate) == seconds


def test_time_of_recording():
    assert recorded_at({"creation_time": "2026-05-04T10:11:12.000000Z"}) == "2026-05-04T10:11:12"
    assert recorded_at({"CREATION_TIME": "2026-05-04 10:11:12"}) == "2026-05-04T10:11:12"
    assert recorded_at({"creation_time": "yesterday"}) == ""
    assert recorded_at({}) == ""
