"""A recording whose frames lie in a file as they left the sensor: read one by one, never whole."""

import contextlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError
from phonoscope.types import Luma, RateCandidate, VideoFacts
from phonoscope.video.indexed import IndexedVideo, Reader
from phonoscope.video.lab.pixels import Layout, checkered, luma_of, samples_of
from phonoscope.video.rate import candidates_of, choose_rate
from phonoscope.video.timeline import Timeline
from phonoscope.video.window import Window

MOSAIC_WARNING = (
    "the sensor has colour filters; each 2 x 2 of its pixels are added up to one, without "
    "interpolation, so that 1 px here is 2 px of the sensor."
)
# Larger pictures are no camera's, and would take memory before they are found not to be there.
_MOST_PIXELS = 1 << 28


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
        layout = replace(layout, colours="mosaic" if checkered(samples) else "grey")
    top = int(samples.max())
    if not top >> layout.bits:
        return layout, ()
    bits = 8 * samples.itemsize
    return replace(layout, bits=bits), (
        f"the file claims {layout.bits} significant bits, but holds values up to {top}; it is "
        f"taken as {bits} bits.",
    )


@contextlib.contextmanager
def _open_luma(recording: Recording) -> Iterator[Reader]:
    layout = recording.layout

    def read(index: int) -> Luma:
        luma = luma_of(layout, samples(index))
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
                return samples_of(layout, stored).reshape(shape)[:: -1 if layout.bottom_up else 1]
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
