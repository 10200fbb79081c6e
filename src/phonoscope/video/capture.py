"""How fast a camera recorded: from the tags of its maker in a video file.

===========  ========================================================================
maker        where
===========  ========================================================================
Android      QuickTime key ``com.android.capture.fps``
ARRI         QuickTime key ``com.arri.camera.SensorFps``, in thousandths
Canon        ``CaptureFrameRate`` in 0xee of the MDPM beside H.264's first frame [1]_
DJI          ``sensor_fps`` in the first packet of the djmd track [2]_
Fujifilm     0x3820 of the maker's notes in ``moov/udta/MVTG`` [1]_
GoPro        ``VFPS`` of the GPMF in ``moov/udta`` or the first packet of its track
Samsung      recording mode, or ``srfr``, in ``moov/udta/smta`` [3]_
Sony         ``captureFps`` of the NonRealTimeMeta in the file
Sony         0x8106 in the first packet of the rtmd track [4]_
===========  ========================================================================

References
----------
.. [1] P. Harvey, *ExifTool*, https://exiftool.org
.. [2] *telemetry-parser*, https://github.com/AdrianEddy/telemetry-parser
.. [3] Android, *Media3*, ``androidx.media3.extractor.mp4.SmtaAtomUtil``.
.. [4] SMPTE RDD 18:2012, *Acquisition metadata sets for video camera parameters*.
"""

import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO
from xml.etree import ElementTree as ET

from phonoscope.types import RateCandidate
from phonoscope.types.video import RateSource
from phonoscope.video import exif
from phonoscope.video.boxes import boxes, content, find, key_values, quicktime_number, whole
from phonoscope.video.dji import Clip
from phonoscope.video.klv import acquisition_tags, gpmf, gpmf_numbers
from phonoscope.video.rate import exact

_FASTEST_HZ = 10**7  # of any camera
_SLOWEST_HZ = Fraction(1, 86400)  # a frame a day
_ROUNDED = Fraction(1, 5000)  # 23.98 is 24000/1001
_ANDROID, _ARRI = "com.android.capture.fps", "com.arri.camera.sensorfps"
_ARRI_LEAST = 750  # thousandths: no camera of ARRI's records more slowly, nor faster than 750
_SAMSUNG_RATES = {12: 240, 13: 120}  # by recording mode
_SAMSUNG_TOLD, _SAMSUNG_COMPUTED = 21, (9, 22, 23)
_FUJI_DIRECTORY, _FUJI_EXIF, _FUJI_NOTES, _FUJI_RATE = 16, 0x8769, 0x927C, 0x3820
_ACQUIRED_RATE = 0x8106
_MDPM = bytes.fromhex("17ee8c60f84d11d98cd60800200c9a66") + b"MDPM"
_MDPM_ENTRY = 5  # bytes: a tag and four more
_MDPM_MAKE, _MDPM_RATES, _CANON = 0xE0, 0xEE, b"\x10\x11"


@dataclass(frozen=True, slots=True)
class Told:
    """A capture rate that something tells.

    Attributes
    ----------
    where
        In words.
    rate
        Frames a second, or None where what is told is no rate that a camera could have.
    source
        How far it is to be trusted.
    wrong
        What is wrong with what is told, where `rate` is None.
    """

    where: str
    rate: Fraction | None
    source: RateSource = "file"
    wrong: str = "is damaged, or none that a camera has"


def rate_of(told: float | str | Fraction) -> Fraction | None:
    """Return a rate as it was meant; None if no camera has it.

    Two decimals stand for the thousandths of television: 119.88 is 120000/1001.
    """
    rate = exact(f"{told:.7g}" if isinstance(told, float) else told)
    if rate is None or not _SLOWEST_HZ < rate < _FASTEST_HZ:
        return None
    frames = round(rate * 1001 / 1000)
    meant = Fraction(frames * 1000, 1001)
    television = rate.denominator > 1 and frames > 0 and (frames % 24 == 0 or frames % 30 == 0)
    return meant if television and abs(rate / meant - 1) < _ROUNDED else rate


def candidates(told: Iterable[Told]) -> tuple[tuple[RateCandidate, ...], tuple[str, ...]]:
    """Return what can be believed of `told`, and a sentence for each that cannot."""
    found: dict[tuple[str, Fraction], RateCandidate] = {}
    wrong: dict[str, None] = {}
    for one in told:
        if one.rate is None:
            wrong[f"the capture rate in {one.where} {one.wrong}, and is ignored."] = None
        else:
            found.setdefault((one.where, one.rate), RateCandidate(one.rate, one.source, one.where))
    return tuple(found.values()), tuple(wrong)


def rates_of_names(names: Mapping[str, str]) -> Iterator[Told]:
    """Yield the rates in the names and texts, in lower case, that any container may hold."""
    if _ANDROID in names:
        yield Told(_ANDROID, rate_of(names[_ANDROID]))
    if _ARRI in names:
        yield _arri(names[_ARRI])


def rates_of_boxes(file: BinaryIO) -> Iterator[Told]:
    """Yield the rates in the boxes of an MP4 or MOV file."""
    for meta in find(file, whole(file), b"moov", b"meta"):
        for name, kind, value in key_values(file, meta):
            number = quicktime_number(kind, value)
            if name.lower() == _ANDROID:
                yield Told(_ANDROID, None if number is None else rate_of(number))
            elif name.lower() == _ARRI:
                yield _arri(value.decode("ascii", "replace") if kind == 1 else f"{number}")
    for udta in find(file, whole(file), b"moov", b"udta"):
        for smta in find(file, udta, b"smta"):
            yield from _samsung(
                {box.kind: content(file, box) for box in boxes(file, smta.start + 4, smta.end)}
            )
        for notes in find(file, udta, b"MVTG"):
            yield from _fujifilm(content(file, notes)[_FUJI_DIRECTORY:])
        for box in find(file, udta, b"GPMF"):
            yield from rates_of_gopro(content(file, box))


def rates_of_dji(clip: Clip) -> Iterator[Told]:
    """Yield the rate that DJI's metadata tell of a clip."""
    if clip.sensor_fps is not None and not clip.lapsed:
        # A sensor may run faster than frames are kept, but in slow motion all are.
        source: RateSource = "file" if clip.slow_motion else "hint"
        yield Told("DJI's sensor_fps", rate_of(clip.sensor_fps), source)


def rates_of_sony(packet: bytes) -> Iterator[Told]:
    """Yield the rates in Sony's acquisition metadata."""
    for tag, value in acquisition_tags(packet):
        if tag == _ACQUIRED_RATE:
            yield Told("Sony's acquisition metadata (0x8106)", _ratio(value))


def rates_of_gopro(data: bytes) -> Iterator[Told]:
    """Yield the rates in GoPro's GPMF."""
    for key, letter, value in gpmf(data):
        if key == b"VFPS":
            numbers = gpmf_numbers(letter, value)
            rate = None
            if len(numbers) == 1:
                rate = rate_of(numbers[0])
            elif len(numbers) == 2:
                rate = rate_of(f"{numbers[0]:.0f}/{numbers[1]:.0f}")
            yield Told("GoPro's VFPS", rate)


def rates_of_sei(data: bytes, plays: Fraction | None) -> Iterator[Told]:
    """Yield Canon's rate in a message of H.264 beside a frame; `plays` is that of the file.

    It counts frames or fields, as does the rate of the video beside it; only where more were
    captured than are played is it slow motion, and else it tells of film's pulldown.
    """
    start = len(_MDPM) + 1
    if plays is None or not data.startswith(_MDPM) or len(data) < start:
        return
    packs = data[start : start + _MDPM_ENTRY * data[start - 1]]
    told = {
        packs[at]: packs[at + 1 : at + _MDPM_ENTRY]
        for at in range(0, len(packs) - _MDPM_ENTRY + 1, _MDPM_ENTRY)
    }
    if _MDPM_RATES not in told or not told.get(_MDPM_MAKE, b"").startswith(_CANON):
        return
    captured, shown = told[_MDPM_RATES][:2]
    where = f"Canon's CaptureFrameRate ({captured} of {shown})"
    if not captured or not shown:
        yield Told(where, None)
    elif captured >= shown:
        yield Told(where, plays * captured / shown)
    else:
        yield Told(where, Fraction(captured), "hint")


def sony_camera(xml: bytes, where: str, source: RateSource) -> tuple[str, str, Told | None]:
    """Return make, model and capture rate of Sony's NonRealTimeMeta, as far as it tells them."""
    try:
        root = ET.fromstring(xml)
    except (ET.ParseError, ValueError, LookupError):  # none, or damaged: an unknown camera
        return "", "", None
    make = model = ""
    told = None
    for element in root.iter():
        kind = element.tag.rpartition("}")[2]
        if kind == "Device":
            make, model = element.get("manufacturer", ""), element.get("modelName", "")
        elif kind == "VideoFrame" and "captureFps" in element.attrib:
            told = Told(where, _scanned(element.attrib["captureFps"]), source)
    return make, model, told


def computed(file: BinaryIO) -> bool:
    """Return whether a phone of Samsung's says that it has computed frames in between."""
    for smta in find(file, whole(file), b"moov", b"udta", b"smta"):
        for box in boxes(file, smta.start + 4, smta.end):
            if box.kind == b"saut" and _samsung_mode(content(file, box)) in _SAMSUNG_COMPUTED:
                return True
    return False


def _samsung(held: Mapping[bytes, bytes]) -> Iterator[Told]:
    mode = _samsung_mode(held.get(b"saut", b""))
    if mode in _SAMSUNG_RATES:
        where = f"Samsung's recording mode ({mode})"
        yield Told(where, Fraction(_SAMSUNG_RATES[mode]))
    elif mode == _SAMSUNG_TOLD:
        value = held.get(b"srfr", b"")[:4]
        rate = Fraction(int.from_bytes(value, "big"), 1 << 16) if len(value) == 4 else Fraction(0)
        yield Told("Samsung's srfr", rate_of(rate))


def _samsung_mode(author: bytes) -> int | None:
    """Return the recording mode: after four bytes come pairs of a key and a value; 0 is its key."""
    pairs = author[4:8]
    return dict(zip(pairs[::2], pairs[1::2], strict=False)).get(0)


def _fujifilm(data: bytes) -> Iterator[Told]:
    for tag, value in exif.directory(data, 0):
        if tag == _FUJI_EXIF:
            for inner, notes in exif.directory(data, exif.number(value)):
                if inner == _FUJI_NOTES and notes.startswith(b"FUJIFILM") and len(notes) >= 12:
                    for own, number in exif.directory(notes, exif.number(notes[8:12])):
                        if own == _FUJI_RATE:
                            rate = rate_of(Fraction(exif.number(number)))
                            yield Told("Fujifilm's FrameRate (0x3820)", rate)


def _arri(text: str) -> Told:
    number = exact(text.strip())
    if number is not None and number.denominator == 1 and number >= _ARRI_LEAST:
        number /= 1000
    return Told("ARRI's SensorFps", None if number is None else rate_of(number))


def _scanned(text: str) -> Fraction | None:
    """Return frames a second of Sony's ``119.88p``, or of ``59.94i``, which counts fields."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(p|psf|i)?\s*", text.lower())
    rate = rate_of(found[1]) if found else None
    return rate / 2 if found and rate is not None and found[2] == "i" else rate


def _ratio(value: bytes) -> Fraction | None:
    if len(value) != 8:
        return None
    numerator, denominator = struct.unpack(">II", value)
    return rate_of(Fraction(numerator, denominator)) if denominator else None
