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

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from phonoscope.choices import Direction
from phonoscope.video.boxes import content, find, key_values, quicktime_number, whole
from phonoscope.video.dji import Clip
from phonoscope.video.klv import acquisition_tags, gpmf, gpmf_numbers

_APPLE = "com.apple.quicktime.camera.framereadouttimeinmicroseconds"


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


def read_outs_of_boxes(file: BinaryIO) -> Iterator[Tag]:
    """Yield the read-out times in the boxes of an MP4 or MOV file."""
    for path in (b"trak", b"meta"), (b"meta",):
        for meta in find(file, whole(file), b"moov", *path):
            for name, kind, value in key_values(file, meta):
                if name == _APPLE:
                    number = quicktime_number(kind, value)
                    yield Tag("Apple", None if number is None else number / 1e6)
    for box in find(file, whole(file), b"moov", b"udta", b"GPMF"):
        yield from read_outs_of_gopro(content(file, box))


def read_outs_of_dji(clip: Clip) -> Iterator[Tag]:
    """Yield the read-out time that DJI's metadata tell of a clip."""
    if clip.told:
        yield Tag("DJI sensor_readout_time", clip.read_out_s, clip.direction, clip.steadied)


def read_outs_of_sony(packet: bytes) -> Iterator[Tag]:
    """Yield the read-out times in Sony's acquisition metadata."""
    return _acquired(packet, "Sony 0xe40e", 0xE40E, 1e-6)


def read_outs_of_canon(packet: bytes) -> Iterator[Tag]:
    """Yield the read-out times in Canon's acquisition metadata."""
    return _acquired(packet, "Canon 0xe209", 0xE209, 1e-9)


def read_outs_of_gopro(data: bytes) -> Iterator[Tag]:
    """Yield the read-out times in GoPro's GPMF."""
    for key, letter, value in gpmf(data):
        if key == b"SROT":
            numbers = gpmf_numbers(letter, value)
            yield Tag("GoPro SROT", numbers[0] / 1e3 if len(numbers) == 1 else None)


def _acquired(packet: bytes, name: str, wanted: int, unit_s: float) -> Iterator[Tag]:
    for tag, value in acquisition_tags(packet):
        if tag == wanted:
            number = int.from_bytes(value, "big", signed=True) if len(value) == 4 else None
            yield Tag(name, None if number is None else number * unit_s)
