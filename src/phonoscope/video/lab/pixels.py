"""The pixels of a frame: how they lie in a file, and what luma becomes of them."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from phonoscope.types import Luma
from phonoscope.video.luma import rec601

Colours = Literal["grey", "mosaic", "raw", "rgb", "bgr"]
# Of a picture's brightness: a mosaic whose filters show less is as good as grey.
_CHECKERED = 0.02


@dataclass(frozen=True, slots=True)
class Layout:
    """How the pixels of a frame lie in a file.

    Attributes
    ----------
    width, height
        Of the sensor's picture, px.
    sample
        ``"u1"``, ``"<u2"`` or ``">u2"`` of NumPy; ``"10"`` or ``"12"`` for packed bits.
    bits
        Significant bits of a sample when it is unpacked and shifted.
    colours
        One sample a pixel, seen through colour filters if it is a mosaic, or if it is raw and they
        show; or three.
    shift
        By which samples are stored too high.
    bottom_up
        Whether the bottom row is stored first.
    signed
        Whether 16-bit samples may be negative; half of their range is added.
    """

    width: int
    height: int
    sample: Literal["u1", "<u2", ">u2", "10", "12"]
    bits: int
    colours: Colours = "grey"
    shift: int = 0
    bottom_up: bool = False
    signed: bool = False

    @property
    def samples(self) -> int:
        """Number of samples in a frame."""
        return self.width * self.height * (3 if self.colours in ("rgb", "bgr") else 1)

    @property
    def frame_bytes(self) -> int:
        """Bytes of a frame in the file."""
        each = {"u1": 8, "<u2": 16, ">u2": 16, "10": 10, "12": 12}[self.sample]
        return -(-self.samples * each // 8)

    @property
    def luma_bits(self) -> int:
        """Significant bits of the luma: a mosaic's is the sum of four samples."""
        if self.colours == "grey":
            return self.bits
        return min(self.bits + 2, 16) if self.colours == "mosaic" else 16


def samples_of(layout: Layout, stored: NDArray[np.uint8]) -> NDArray[Any]:
    """Return samples: a view of `stored`, or an array of their own if they are packed."""
    if layout.sample in ("10", "12"):
        from phonoscope.video.lab import packed  # compiles

        group, of = (4, 5) if layout.sample == "10" else (2, 3)
        whole = -(-layout.samples // group)
        room = np.empty(whole * group, np.uint16)
        if whole * of > len(stored):
            stored = np.concatenate([stored, np.zeros(whole * of - len(stored), np.uint8)])
        (packed.unpack10 if layout.sample == "10" else packed.unpack12)(stored, room)
        return room[: layout.samples]
    samples = stored.view(layout.sample)
    if layout.signed:
        return samples ^ 0x8000
    return samples >> layout.shift if layout.shift else samples


def luma_of(layout: Layout, samples: NDArray[Any]) -> Luma:
    """Return ``(height, width)`` luma in memory of its own."""
    if layout.colours == "mosaic":
        return _binned(layout, samples)
    if layout.colours == "grey":
        if layout.sample in ("10", "12") and not layout.bottom_up:
            return samples  # in memory of their own already
        return np.array(samples, samples.dtype.newbyteorder("="), order="C")
    red, blue = (0, 2) if layout.colours == "rgb" else (2, 0)
    return rec601(samples[..., red], samples[..., 1], samples[..., blue], layout.bits)


def _binned(layout: Layout, samples: NDArray[Any]) -> Luma:
    from phonoscope.video.lab.packed import sum_of_four  # compiles

    height, width = (size // 2 for size in samples.shape)
    out = np.empty((height, width), np.uint16)
    shift = layout.bits + 2 - layout.luma_bits
    whole = np.ascontiguousarray(samples[: 2 * height, : 2 * width], np.uint16)
    sum_of_four(whole, 2**layout.bits - 1, shift, out, 2**layout.luma_bits - 1)
    return out


def checkered(samples: NDArray[Any]) -> bool:
    """Return whether the two greens of each 2 x 2 pixels stand out from its red and blue."""
    height, width = (size // 2 * 2 for size in samples.shape)
    if not (height and width):
        return False
    a, b, c, d = (float(samples[y:height:2, x:width:2].mean()) for y in (0, 1) for x in (0, 1))
    return abs(a + d - b - c) > _CHECKERED * (a + b + c + d) / 2
