"""How long a sensor takes to be read out: from the tags of its maker, or a table of cameras.

Read here are the tags of these makers; the first that is found counts.

======  ============================================================================  ====
maker   where                                                                         unit
======  ============================================================================  ====
Apple   QuickTime key ``com.apple.quicktime.camera.framereadouttimeinmicroseconds``   µs
GoPro   ``SROT`` of the GPMF in ``moov/udta``, or in the first packet of its track    ms
Sony    0xe40e of the acquisition metadata in the first packet of the rtmd track      µs
Canon   0xe209 of the acquisition metadata in the first packet of the metadata track  ns
DJI     ``sensor_readout_time`` in the first packet of the djmd track                 ns
======  ============================================================================  ====

Places, types and units are as ExifTool [1]_ and telemetry-parser [2]_ read them; no untouched file
of these cameras was at hand to verify them. Some of DJI's models do not write it.

References
----------
.. [1] P. Harvey, *ExifTool*, https://exiftool.org
.. [2] *telemetry-parser*, https://github.com/AdrianEddy/telemetry-parser
"""

import math
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO, Literal
from xml.etree import ElementTree as ET

import av
from av.container import InputContainer

from phonoscope.choices import Direction
from phonoscope.remote import Place
from phonoscope.types import Shutter
from phonoscope.video.boxes import Box, content, find, key_values
from phonoscope.video.cameras import RATE_TOLERANCE, look_up
from phonoscope.video.dji import clip_of
from phonoscope.video.klv import acquisition_tags, gpmf, gpmf_number
from phonoscope.video.rate import plain

# First packets of metadata lie near the first frames: this far they are looked for.
PACKETS = 256
PACKET_BYTES = 64 << 20

_APPLE = "com.apple.quicktime.camera.framereadouttimeinmicroseconds"
_MAKES = ("com.apple.quicktime.make", "com.android.manufacturer", "make")
_MODELS = ("com.apple.quicktime.model", "com.android.model", "model")
_SONY_HEAD = b"\x00\x1c"  # the length of what precedes the sets in a packet of rtmd
_CANON_HEADS = (b"\x01\x00\x00\x00", b"\x02\x00\x00\x00")  # time code; acquisition metadata
_LONGEST_NUMBER = 8  # bytes
_STEADIED = (
    " The camera has also steadied the picture, which moves rows away from where they were read: "
    "expect less, and film with that off."
)


@dataclass(frozen=True, slots=True)
class Tag:
    """A read-out time in a file.

    Attributes
    ----------
    name
        Of the tag.
    read_out_s
        Its value, s; None if it is no number.
    direction
        In which rows are read, where that is told; None if columns are read.
    steadied
        Whether the camera says that it has moved the picture to steady it.
    """

    name: str
    read_out_s: float | None
    direction: Direction | None = "down"
    steadied: bool = False


@dataclass(frozen=True, slots=True)
class Tags:
    """What a file says of the camera that wrote it.

    Attributes
    ----------
    read_out
        The sensor's read-out time, or None where no known tag tells it.
    make, model
        Of the camera, as it writes them; empty where unknown.
    rate
        Frames a second that the camera captured, or None where only the container tells a rate.
    """

    read_out: Tag | None = None
    make: str = ""
    model: str = ""
    rate: Fraction | None = None


def camera_tags(
    path: Place, container: InputContainer, reopen: Callable[[], InputContainer]
) -> Tags:
    """Read the tags of a video file that tell its camera, and how its sensor was read out.

    Parameters
    ----------
    path
        Of the file.
    container
        The same file, opened; only what it says of itself and its streams is looked at.
    reopen
        Opens the file once more, for its first packets; called where it has metadata tracks.
    """
    found: list[Tag] = []
    xml = b""
    if "mp4" in container.format.name:
        with path.open("rb") as file:
            found += _tags_of_boxes(file)
            xml = _sony_xml(file)
    make, model, rate = _device(xml)
    if not found and any(stream.type == "data" for stream in container.streams):
        with reopen() as unread:
            packets = _first_data(unread)
        found += [tag for packet in packets for tag in _tags_of_packet(packet)]
        for clip in filter(None, map(clip_of, packets)):
            make, model = "DJI", clip.product.removeprefix("DJI ")
    names = {key.lower(): value for key, value in container.metadata.items()}
    return Tags(
        read_out=found[0] if found else None,
        make=make or _first(names, _MAKES),
        model=model or _first(names, _MODELS),
        rate=rate,
    )


def shutter_of(tags: Tags, size: tuple[int, int], rate: Fraction) -> tuple[Shutter, str]:
    """Return how the sensor is read out, and a sentence for the user (empty: nothing is known).

    Parameters
    ----------
    tags
        What the file says of its camera.
    size
        Width and height of the picture as stored, pixels.
    rate
        At which the camera recorded, frames/s.

    Notes
    -----
    The tag in the file counts before the table. Its time is taken as that of the whole height of
    the picture, so the line delay is the read-out time over the number of rows. Where no direction
    is told, rows are taken to be read from the top. A read-out that is not above 0, or that takes
    longer than a frame lasts, cannot be right, and is ignored.
    """
    tag = tags.read_out
    if tag is not None:
        reason = _wrong(tag, rate)
        if tag.read_out_s is not None and tag.direction is not None and not reason:
            shutter, told = _rolling(tag.read_out_s, size[1], "file", tag.name, tag.direction)
            return shutter, told + (_STEADIED if tag.steadied else "")
        return Shutter(), (
            f"the file's read-out time ({tag.name}) {reason}, so it is ignored and all "
            "rows are taken to be read at once; if they were not, give the read-out time with "
            "readout (--readout)."
        )
    if tags.rate is not None and abs(tags.rate / rate - 1) > RATE_TOLERANCE:
        return Shutter(), ""  # the camera's mode is uncertain
    row = look_up(tags.make, tags.model, size, rate)
    if row is None:
        return Shutter(), ""
    mode = f"{row.make} {row.model}, {row.width}x{row.height} at {row.rate_hz:g} frames/s"
    return _rolling(row.read_out_s, size[1], "table", mode)


def _rolling(
    read_out_s: float,
    rows: int,
    source: Literal["file", "table"],
    name: str,
    direction: Direction = "down",
) -> tuple[Shutter, str]:
    shutter = Shutter(read_out_s / rows, direction, source)
    where = "the file's own tag" if source == "file" else "the table of cameras"
    return shutter, (
        f"the sensor was read out row by row, by {where} ({name}): {read_out_s * 1e3:.4g} ms a "
        f"picture, a line delay of {shutter.line_delay_s * 1e6:.4g} µs; if all rows were taken at "
        'once, give shutter="global" (--shutter global).'
    )


def _wrong(tag: Tag, rate: Fraction) -> str:
    """Return why a read-out time is of no use; empty if it is."""
    read_out_s = tag.read_out_s
    if read_out_s is None:
        return "is damaged"
    if tag.direction is None:
        return "is that of a sensor read column by column, which cannot be dealt with"
    if not math.isfinite(read_out_s) or read_out_s <= 0:
        return f"is {read_out_s * 1e3:.4g} ms"
    if read_out_s * rate > 1 + RATE_TOLERANCE:
        return f"is {read_out_s * 1e3:.4g} ms, longer than a frame lasts at {plain(rate)} frames/s"
    return ""


def _tags_of_boxes(file: BinaryIO) -> Iterator[Tag]:
    for path in (b"trak", b"meta"), (b"meta",):
        for meta in find(file, _whole(file), b"moov", *path):
            for name, kind, value in key_values(file, meta):
                if name == _APPLE:
                    number = _quicktime_number(kind, value)
                    yield Tag("Apple", None if number is None else number / 1e6)
    for box in find(file, _whole(file), b"moov", b"udta", b"GPMF"):
        yield from _gopro(content(file, box))


def _tags_of_packet(packet: bytes) -> Iterator[Tag]:
    """Yield the read-out times in a packet of a metadata track, whose maker its head tells."""
    if packet.startswith(b"DEVC"):
        yield from _gopro(packet)
        return
    clip = clip_of(packet)
    if clip is not None:
        if clip.told:
            name = "DJI sensor_readout_time"
            yield Tag(name, clip.read_out_s, clip.direction, clip.steadied)
        return
    if packet.startswith(_SONY_HEAD):
        maker, wanted, unit_s = "Sony 0xe40e", 0xE40E, 1e-6
    elif packet.startswith(_CANON_HEADS):
        maker, wanted, unit_s = "Canon 0xe209", 0xE209, 1e-9
    else:
        return
    for tag, value in acquisition_tags(packet):
        if tag == wanted:
            whole = len(value) == 4
            yield Tag(maker, int.from_bytes(value, "big", signed=True) * unit_s if whole else None)


def _gopro(data: bytes) -> Iterator[Tag]:
    for key, letter, value in gpmf(data):
        if key == b"SROT":
            number = gpmf_number(letter, value)
            yield Tag("GoPro SROT", None if number is None else number / 1e3)


def _quicktime_number(kind: int, value: bytes) -> float | None:
    """Return a value of QuickTime metadata as a number, whatever type it has; None if it is none.

    Types are those of Apple's *QuickTime File Format*, "Well-known types".
    """
    if kind == 1:
        try:
            return float(value.decode("ascii"))
        except ValueError:
            return None
    if kind in (23, 24):
        form = ">f" if kind == 23 else ">d"
        whole = len(value) == struct.calcsize(form)
        return float(struct.unpack(form, value)[0]) if whole else None
    if 0 < len(value) <= _LONGEST_NUMBER and kind in (21, 22, 65, 66, 67, 74, 75, 76, 77, 78):
        return float(int.from_bytes(value, "big", signed=kind in (21, 65, 66, 67, 74)))
    return None


def _first_data(container: InputContainer) -> list[bytes]:
    """Return the first packet of each metadata track, as far as they lie near the beginning."""
    tracks = {stream.index for stream in container.streams if stream.type == "data"}
    first: dict[int, bytes] = {}
    size = 0
    try:
        for count, packet in enumerate(container.demux()):
            size += packet.size
            index = packet.stream.index
            if index in tracks and index not in first and packet.size:
                first[index] = bytes(packet)
            if len(first) == len(tracks) or count >= PACKETS or size > PACKET_BYTES:
                break
    except av.error.FFmpegError:
        pass  # a damaged file; reading its frames meets the same place, and reports it
    return list(first.values())


def _sony_xml(file: BinaryIO) -> bytes:
    whole = _whole(file)
    for path in ((b"meta", b"xml "), (b"moov", b"meta", b"xml ")):
        for box in find(file, whole, *path):
            return content(file, box)[4:].strip(b"\x00")
    return b""


def _device(xml: bytes) -> tuple[str, str, Fraction | None]:
    """Return make, model and captured rate of Sony's NonRealTimeMeta, as far as it tells them."""
    try:
        root = ET.fromstring(xml)
    except (ET.ParseError, ValueError, LookupError):  # none, or damaged: an unknown camera
        return "", "", None
    make = model = ""
    rate = None
    for element in root.iter():
        kind = element.tag.rpartition("}")[2]
        if kind == "Device":
            make, model = element.get("manufacturer", ""), element.get("modelName", "")
        elif kind == "VideoFrame":
            number = re.match(r"\d+(\.\d+)?", element.get("captureFps", ""))
            rate = Fraction(number[0]) if number and float(number[0]) else None
    return make, model, rate


def _whole(file: BinaryIO) -> Box:
    return Box(b"file", 0, file.seek(0, 2))


def _first(names: Mapping[str, str], keys: tuple[str, ...]) -> str:
    return next((names[key].strip() for key in keys if key in names), "")
