"""A recording whose frames lie in a file as they left the sensor: read one by one, never whole."""

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError
from phonoscope.types import Luma, RateCandidate, VideoFacts
from phonoscope.video.indexed import IndexedVideo, Reader
from phonoscope.video.luma import rec601
from phonoscope.video.rate import candidates_of, choose_rate
from phonoscope.video.timeline import Timeline
from phonoscope.video.window import Window

Colours = Literal["grey", "mosaic", "raw", "rgb", "bgr"]
MOSAIC_WARNING = (
    "the sensor has colour filters; each 2 x 2 of its pixels are added up to one, without "
    "interpolation, so that 1 px here is 2 px of the sensor."
)
# Of a picture's brightness: a mosaic whose filters show less is as good as grey.
_CHECKERED = 0.02
# Larger pictures are no camera's, and would take memory before they are found not to be there.
_MOST_PIXELS = 1 << 28


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


@dataclass(frozen=True, slots=True)
class Recording:
    """What a file tells of itself.

    Attributes
    ----------
    path
        Of the file that holds the pixels.
    name
        Path as the user gave it.
    kind
        Of the format, such as ``"cine"``.
    layout
        Of each frame.
    count
        Number of frames that are there.
    place
        Returns where in the opened file a frame begins, bytes.
    rates
        What the file tells of the capture rate, the most trusted first.
    timeline
        Where each frame has a time.
    exposure_s, camera, warnings
        As in `VideoFacts`.
    """

    path: Path
    name: str
    kind: str
    layout: Layout
    count: int
    place: Callable[[BinaryIO, int], int]
    rates: tuple[RateCandidate, ...] = ()
    timeline: Timeline | None = None
    exposure_s: float | None = None
    camera: str = ""
    warnings: tuple[str, ...] = ()


def check_size(width: int, height: int, name: str) -> None:
    """Raise `InputError` if no camera has pictures of that size."""
    if not (width > 0 and height > 0 and width * height <= _MOST_PIXELS):
        raise InputError(
            f"{name} claims pictures of {width} x {height} px, so its header is damaged; copy it "
            "again."
        )


def cut_short(found: int, told: int) -> str:
    """Return the warning that a file holds fewer frames than it says."""
    return (
        f"the file ends early: it holds {found} of {told} frames; copy it again if the rest "
        "matters."
    )


def open_recording(recording: Recording, window: Window, user: Fraction | None) -> IndexedVideo:
    """Return a recording as a video; its first frame is looked at.

    Raises
    ------
    InputError
        If it holds no frame.
    UsageError
        If nothing tells its capture rate.
    """
    name = recording.name
    if recording.count < 1:
        raise InputError(f"{name} holds no whole frame; copy it again.")
    rates = candidates_of(user, *recording.rates)
    chosen, warnings = choose_rate(rates, name)
    with _open_samples(recording) as read:
        layout, contradiction = _checked(recording.layout, read(0))
    recording = replace(recording, layout=layout)
    halved = 2 if layout.colours == "mosaic" else 1
    check_size(layout.width // halved, layout.height // halved, name)
    timeline = recording.timeline
    warnings = (*recording.warnings, *contradiction, *warnings)
    if layout.colours == "mosaic":
        warnings += (MOSAIC_WARNING,)
    if timeline is not None:
        warnings += timeline.warnings
    facts = VideoFacts(
        name=name,
        container=recording.kind,
        codec=f"{recording.kind} {_SAMPLES[layout.sample]}",
        pixel_format=f"{layout.colours}{layout.bits}",
        width=layout.width // halved,
        height=layout.height // halved,
        bits=layout.luma_bits,
        frames=recording.count,
        container_rate=None,
        capture_rate=chosen.rate,
        capture_rate_source=chosen.source,
        variable_rate=timeline is not None and timeline.ticks is not None,
        camera=recording.camera,
        warnings=warnings,
        exposure_s=recording.exposure_s,
        rates=rates,
    )
    return IndexedVideo(
        facts,
        recording.count,
        window,
        lambda: _open_luma(recording),
        lambda index: f"frame {index} of {name}",
        timeline,
    )


_SAMPLES = {"u1": "8-bit", "<u2": "16-bit", ">u2": "16-bit", "10": "packed 10-bit",
            "12": "packed 12-bit"}  # fmt: skip


def _checked(layout: Layout, samples: NDArray[Any]) -> tuple[Layout, tuple[str, ...]]:
    """Return the layout with as many bits as there are."""
    if layout.colours == "raw":
        layout = replace(layout, colours="mosaic" if _checkered(samples) else "grey")
    top = int(samples.max())
    if not top >> layout.bits:
        return layout, ()
    bits = 8 * samples.itemsize
    return replace(layout, bits=bits), (
        f"the file claims {layout.bits} significant bits, but holds values up to {top}; it is "
        f"taken as {bits} bits.",
    )


def _checkered(samples: NDArray[Any]) -> bool:
    """Return whether the two greens of each 2 x 2 pixels stand out from its red and blue."""
    height, width = (size // 2 * 2 for size in samples.shape)
    if not (height and width):
        return False
    a, b, c, d = (float(samples[y:height:2, x:width:2].mean()) for y in (0, 1) for x in (0, 1))
    return abs(a + d - b - c) > _CHECKERED * (a + b + c + d) / 2


@contextlib.contextmanager
def _open_luma(recording: Recording) -> Iterator[Reader]:
    layout = recording.layout

    def read(index: int) -> Luma:
        luma = _luma(layout, samples(index))
        luma.flags.writeable = False
        return luma

    with _open_samples(recording) as samples:
        yield read


@contextlib.contextmanager
def _open_samples(recording: Recording) -> Iterator[Callable[[int], NDArray[Any]]]:
    """Yield a function that reads a frame into ``(height, width)`` or ``(height, width, 3)``."""
    layout = recording.layout
    shape: tuple[int, ...] = (layout.height, layout.width)
    if layout.colours in ("rgb", "bgr"):
        shape += (3,)
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(recording.path.open("rb", buffering=0))
        except OSError as error:
            raise InputError(
                f"{recording.path} cannot be read ({error.strerror}); check its permissions."
            ) from error
        stored = np.empty(layout.frame_bytes, np.uint8)

        def read(index: int) -> NDArray[Any]:
            file.seek(recording.place(file, index))
            if _filled(file, stored):
                return _samples(layout, stored).reshape(shape)[:: -1 if layout.bottom_up else 1]
            raise InputError(
                f"frame {index} of {recording.name} is cut off; copy the file again, or choose an "
                "earlier range with duration."
            )

        yield read


def _filled(file: io.RawIOBase, into: NDArray[np.uint8]) -> bool:
    done = 0
    while done < len(into):
        got = file.readinto(into[done:].data)
        if not got:
            return False
        done += got
    return True


def _samples(layout: Layout, stored: NDArray[np.uint8]) -> NDArray[Any]:
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


def _luma(layout: Layout, samples: NDArray[Any]) -> Luma:
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
    out = np.empty((height, width), np.uint8 if layout.luma_bits <= 8 else np.uint16)
    shift = layout.bits + 2 - layout.luma_bits
    whole = np.ascontiguousarray(samples[: 2 * height, : 2 * width], np.uint16)
    sum_of_four(whole, 2**layout.bits - 1, shift, out, 2**layout.luma_bits - 1)
    return out
