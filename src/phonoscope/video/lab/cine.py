"""Phantom ``.cine``: 8 and 16 bits, packed 10 and 12 bits, grey, mosaics and interpolated colours.

Fields and their places are those of Vision Research's *The Cine File Format*. Rows of pictures that
are not packed lie bottom up, as in a Windows bitmap; those of packed ones top down.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError
from phonoscope.types import RateCandidate
from phonoscope.video.indexed import IndexedVideo
from phonoscope.video.lab.pixels import Layout
from phonoscope.video.lab.recording import (
    Recording,
    check_size,
    cut_short,
    open_recording,
)
from phonoscope.video.timeline import Timeline, timeline_of
from phonoscope.video.window import Window

_HEADER = struct.Struct("<2sHHHiIiIIIIQ")
_BITMAP = struct.Struct("<IiiHHIIiiII")
_MARK = b"ST"
_MARK_AT, _LENGTH_AT = 140, 142
# Of the setup: where a field begins. Older software wrote fewer of them.
_FRAME_RATE_16, _SHUTTER_16 = 0, 2
_FLIP_H, _FLIP_V, _FRAME_RATE, _SHUTTER_US = 756, 760, 768, 772
_CAMERA, _FILTERS, _REAL_BITS, _SHUTTER_NS = 792, 808, 896, 1568
_JPEG, _UNINTERPOLATED = 1, 2  # compression in the file's header; else grey, or colours
_PACKED = {256: "10", 1024: "12"}  # compression in the bitmap's
_TIMES = 1002  # tagged block with the time of each image, 32.32 bits
_STATE_BITS = 2  # lowest of a time, which tell something else
_TICK_S = Fraction(1, 2 ** (32 - _STATE_BITS))


@dataclass(frozen=True, slots=True)
class _Setup:
    """The camera's setup, as much as the file has of it."""

    data: bytes

    def number(self, at: int, form: str = "<I") -> int:
        """Return a field, or 0 where this version has none."""
        if at + struct.calcsize(form) > len(self.data):
            return 0
        return int(struct.unpack_from(form, self.data, at)[0])


def open_cine(path: Path, window: Window, user: Fraction | None) -> IndexedVideo:
    """Return a ``.cine`` as a video.

    Raises
    ------
    InputError
        If it is damaged, or compressed.
    """
    with path.open("rb") as file:
        try:
            recording = _recording(file, path)
        except struct.error:
            raise InputError(f"{path} breaks off within its header; copy it again.") from None
    return open_recording(recording, window, user)


def _recording(file: BinaryIO, path: Path) -> Recording:
    end = path.stat().st_size
    kind, _, compression, version, _, _, _, told, at_bitmap, at_setup, at_offsets, _ = (
        _HEADER.unpack(file.read(_HEADER.size))
    )
    if kind != b"CI" or version != 1:
        raise InputError(
            f"{path} is not a Phantom cine (it begins with {kind!r}, version {version}); if it "
            "is something else, give it the suffix of what it is, or copy it again."
        )
    if compression == _JPEG:
        raise InputError(
            f"{path} is compressed by JPEG, which takes away what moves by a hundredth of a pixel; "
            "save it again from the camera's software as a raw cine."
        )
    file.seek(at_bitmap)
    bitmap = _BITMAP.unpack(file.read(_BITMAP.size))
    setup = _read_setup(file, at_setup, path)
    layout = _layout(bitmap, compression, setup, path)
    offsets = _read_offsets(file, at_offsets, told, end, layout, path)
    rate = setup.number(_FRAME_RATE) or setup.number(_FRAME_RATE_16, "<H")
    declared = Fraction(rate) if rate else None
    timeline = _read_times(file, at_setup + len(setup.data), at_offsets, told, declared)
    exposure_s = (
        setup.number(_SHUTTER_NS) / 1e9
        or setup.number(_SHUTTER_US) / 1e6
        or setup.number(_SHUTTER_16, "<H") / 1e6
    )
    warnings: tuple[str, ...] = ()
    if len(offsets) < told:
        warnings += (cut_short(len(offsets), told),)
    if setup.number(_FLIP_H) or setup.number(_FLIP_V):
        warnings += ("players flip this video; frames and regions are unflipped, as stored.",)
    camera = setup.number(_CAMERA)
    return Recording(
        path=path,
        name=str(path),
        kind="cine",
        layout=layout,
        count=len(offsets),
        place=_place_of(offsets, path),
        rates=_rates(declared, timeline),
        timeline=timeline,
        exposure_s=exposure_s or None,
        camera=f"Phantom, version {camera}" if camera else "Phantom",
        warnings=warnings,
    )


def _read_setup(file: BinaryIO, at: int, path: Path) -> _Setup:
    file.seek(at)
    head = file.read(_LENGTH_AT + 2)
    if head[_MARK_AT:_LENGTH_AT] != _MARK:
        raise InputError(f"{path} has no camera setup where one should be; copy it again.")
    more = struct.unpack_from("<H", head, _LENGTH_AT)[0] - len(head)
    return _Setup(head + file.read(max(more, 0)))


def _layout(bitmap: tuple[int, ...], compression: int, setup: _Setup, path: Path) -> Layout:
    _, width, height, _, depth, packing, *_ = bitmap
    upward, height = height > 0, abs(height)
    check_size(width, height, str(path))
    mosaic = compression == _UNINTERPOLATED and setup.number(_FILTERS) & 255
    if packing in _PACKED and depth == 16:
        sample = _PACKED[packing]
        return Layout(width, height, sample, 12, "mosaic" if mosaic else "grey")  # type: ignore[arg-type]
    if packing != 0 or depth not in (8, 16, 24, 48):
        raise InputError(
            f"{path} holds pixels of a kind that is not read ({depth} bits, compression "
            f"{packing}); save it again from the camera's software as 8 or 16 bits, or packed 10 "
            "or 12."
        )
    deep = depth in (16, 48)
    bits = setup.number(_REAL_BITS)
    return Layout(
        width,
        height,
        "<u2" if deep else "u1",
        (bits if 8 < bits <= 16 else 16) if deep else 8,
        "bgr" if depth in (24, 48) else "mosaic" if mosaic else "grey",
        bottom_up=upward,
    )


def _read_offsets(
    file: BinaryIO, at: int, told: int, end: int, layout: Layout, path: Path
) -> NDArray[np.int64]:
    """Return where images begin, as many as lie in the file from the first on."""
    file.seek(at)
    offsets = np.frombuffer(file.read(8 * min(told, max(end - at, 0) // 8)), "<i8")
    inside = (offsets >= _HEADER.size) & (offsets <= end - layout.frame_bytes - 8)
    whole = len(offsets) if inside.all() else int(np.argmin(inside))
    if not whole:
        raise InputError(f"{path} holds no image where its table says; copy it again.")
    return offsets[:whole]


def _place_of(offsets: NDArray[np.int64], path: Path) -> Callable[[BinaryIO, int], int]:
    """Return a function that tells where the pixels of an image begin, after its annotation."""

    def place(file: BinaryIO, index: int) -> int:
        at = int(offsets[index])
        file.seek(at)
        size = int.from_bytes(file.read(4), "little")
        if size < 8:
            raise InputError(f"frame {index} of {path} is damaged; choose a range without it.")
        return at + size

    return place


def _read_times(
    file: BinaryIO, at: int, end: int, count: int, declared: Fraction | None
) -> Timeline | None:
    """Look for the times of the images among the tagged blocks between setup and offsets."""
    while at + 8 <= end:
        file.seek(at)
        head = file.read(8)
        size, kind = int.from_bytes(head[:4], "little"), int.from_bytes(head[4:6], "little")
        if size < 8:
            return None
        if kind == _TIMES and size == 8 + 8 * count:
            stamps = file.read(8 * count)
            if len(stamps) < 8 * count:
                return None
            shifted = np.frombuffer(stamps, "<u8") >> np.uint64(_STATE_BITS)
            return timeline_of(shifted, _TICK_S, declared)
        at += size
    return None


def _rates(declared: Fraction | None, timeline: Timeline | None) -> tuple[RateCandidate, ...]:
    """Return what is told of the rate: first by the times, which are measured, if they differ."""
    told = []
    if timeline is not None and timeline.rate != declared:
        told.append(RateCandidate(timeline.rate, "file", "the times of the images"))
    if declared is not None:
        told.append(RateCandidate(declared, "file", "FrameRate in the camera's setup"))
    return tuple(told)
