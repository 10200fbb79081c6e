"""The luma of a decoded frame: a view of the decoder's memory wherever the format has one.

Formats with a luma (YUV, grey) are taken as stored, neither rescaled nor rounded. Those without
(RGB, palettes) get Rec. 601 luma ``77 R + 150 G + 29 B`` with full scale 16 bits: for 8-bit colours
nothing is rounded; deeper ones are shifted down to 16 bits.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, cast

import av
import numpy as np
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from phonoscope.errors import InputError
from phonoscope.remote import Place, size_of
from phonoscope.types import Luma

# First luma sample and samples from one to the next, where luma shares its plane with others:
# FFmpeg's description, as PyAV hands it on, does not hold these two.
_INTERLEAVED = {
    "yuyv422": (0, 2),
    "yvyu422": (0, 2),
    "uyvy422": (1, 2),
    "ya8": (0, 2),
    "ya16le": (0, 2),
    "ya16be": (0, 2),
}
# Samples in the upper bits of 16: P010 and its relatives.
_MSB_ALIGNED = re.compile(r"p[024]1[02](le|be)")


_ANY_PIXELS = 1 << 26  # that a frame may have, however small its file
_PIXELS_PER_BYTE = 5000


def bounded(path: Place) -> dict[str, str]:
    """Return the options with which FFmpeg decodes no frame that so small a file cannot hold.

    A hundred bytes can say that they are a picture of a gigabyte, grey all over.
    """
    most = max(_ANY_PIXELS, _PIXELS_PER_BYTE * size_of(path))
    return {"max_pixels": str(min(most, 2**31 - 1))}


@dataclass(frozen=True, slots=True)
class Layout:
    """How to find luma in a pixel format; `bits` are those of the result."""

    kind: Literal["luma", "rgb", "palette"]
    bits: int
    stored_bits: int
    big_endian: bool = False
    offset: int = 0
    step: int = 1
    shift: int = 0


@lru_cache(maxsize=64)
def layout_of(pixel_format: str) -> Layout | None:
    """Return where the luma of a format is, or None where this cannot be told."""
    form = av.VideoFormat(pixel_format)
    parts = form.components
    bits = parts[0].bits
    if form.has_palette:
        return Layout("palette", 16, 8)
    if form.is_bayer or form.is_bit_stream or bits > 16:
        return None
    if form.is_rgb:
        return Layout("rgb", 16, bits, big_endian=form.is_big_endian)
    alone = sum(part.plane == parts[0].plane for part in parts) == 1
    if not parts[0].is_luma or bits < 8 or not (alone or pixel_format in _INTERLEAVED):
        return None
    offset, step = _INTERLEAVED.get(pixel_format, (0, 1))
    shift = 16 - bits if _MSB_ALIGNED.fullmatch(pixel_format) else 0
    return Layout("luma", bits, bits, form.is_big_endian, offset, step, shift)


def require_layout(pixel_format: str, name: str) -> Layout:
    """Return `layout_of`; raise `InputError` that says how to convert if there is none."""
    layout = layout_of(pixel_format)
    if layout is None:
        raise InputError(
            f"{name} has pixel format {pixel_format}, whose luma cannot be read directly; convert "
            "it without loss first: ffmpeg -i INPUT -c:v ffv1 -pix_fmt gray16le OUTPUT.mkv"
        )
    return layout


def luma_of(frame: av.VideoFrame, layout: Layout) -> Luma:
    """Return the read-only ``(height, width)`` luma of a decoded frame."""
    if layout.kind == "luma":
        luma = _stored_luma(frame, layout)
    elif layout.kind == "palette":
        luma = _palette_luma(frame)
    else:
        luma = _rgb_luma(frame, layout)
    luma.flags.writeable = False
    return luma


def rec601(red: NDArray[Any], green: NDArray[Any], blue: NDArray[Any], bits: int) -> Luma:
    """Return ``77 R + 150 G + 29 B`` as uint16, for colours of `bits` shifted down to 16 bits."""
    total = (
        np.multiply(red, 77, dtype=np.uint32)
        + np.multiply(green, 150, dtype=np.uint32)
        + np.multiply(blue, 29, dtype=np.uint32)
    )
    luma: NDArray[np.uint16] = (total >> max(bits - 8, 0)).astype(np.uint16)
    return luma


def _stored_luma(frame: av.VideoFrame, layout: Layout) -> Luma:
    words = _words(frame.planes[0], frame.height, layout.stored_bits, layout.big_endian)
    luma = words[:, layout.offset : layout.offset + frame.width * layout.step : layout.step]
    if not luma.dtype.isnative:
        luma = luma.astype(np.uint16)
    return cast("Luma", luma >> layout.shift if layout.shift else luma)


def _rgb_luma(frame: av.VideoFrame, layout: Layout) -> Luma:
    bits, big_endian = layout.stored_bits, layout.big_endian
    if not frame.format.is_planar:
        # A shuffle of samples, not a conversion: FFmpeg knows each packing, and changes no value.
        bits, big_endian = (8, False) if bits <= 8 else (16, False)
        frame = frame.reformat(format="gbrp" if bits == 8 else "gbrp16le")
    green, blue, red = (
        _words(plane, frame.height, bits, big_endian)[:, : frame.width]
        for plane in frame.planes[:3]
    )
    return rec601(red, green, blue, bits)


def _palette_luma(frame: av.VideoFrame) -> Luma:
    entries = np.frombuffer(cast("Any", frame.planes[1]), dtype=np.uint32, count=256)
    red, green, blue = ((entries >> shift) & 255 for shift in (16, 8, 0))
    table = rec601(red, green, blue, 8)
    indices = _words(frame.planes[0], frame.height, 8, big_endian=False)[:, : frame.width]
    return cast("Luma", table[indices])


class _BottomUp:
    """Memory of a plane whose rows run upwards, as in many uncompressed AVIs.

    PyAV's buffer of such a plane begins at its *first* row, which is the last in memory, and so
    runs out of the plane; only an address with a negative stride describes it.
    """

    def __init__(self, plane: VideoPlane, height: int) -> None:
        self._plane = plane  # keeps the memory
        self.__array_interface__ = {
            "version": 3,
            "data": (plane.buffer_ptr, True),
            "shape": (height, -plane.line_size),
            "strides": (plane.line_size, 1),
            "typestr": "|u1",
        }


def _words(plane: VideoPlane, height: int, bits: int, big_endian: bool) -> NDArray[Any]:
    """Return ``(height, samples)`` of a plane, padding included; the array keeps the plane."""
    line = plane.line_size
    if line < 0:
        rows: NDArray[Any] = np.asarray(_BottomUp(plane, height))
    else:
        rows = np.frombuffer(cast("Any", plane), dtype=np.uint8, count=height * line)
        rows = rows.reshape(height, line)
    if bits <= 8:
        return rows
    return rows.view(">u2" if big_endian else "<u2")
