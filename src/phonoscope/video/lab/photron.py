"""Photron: a header, ``.cih`` or ``.cihx``, that describes the pixels in the ``.mraw`` beside it.

The layout of pixels is as pyMRAW [1]_ reads it. Nothing published says in which order an ``.mraw``
with three colours holds them; red first is assumed.

References
----------
.. [1] *pyMRAW*, https://github.com/ladisk/pyMRAW
"""

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from phonoscope.errors import InputError, InputNotFoundError
from phonoscope.files import beside
from phonoscope.types import RateCandidate
from phonoscope.video.indexed import IndexedVideo
from phonoscope.video.lab.pixels import Colours, Layout
from phonoscope.video.lab.recording import (
    Recording,
    check_size,
    cut_short,
    open_recording,
)
from phonoscope.video.rate import plain
from phonoscope.video.window import Window

_MOST_HEADER = 16 << 20  # bytes: tables of colours make some of them long
_LINE = re.compile(r"^\s*([^:]+?)\s*:\s*(.*?)\s*$")
# In the terms of the .cih: what the .cihx says by tags.
_TAGS = {
    "Camera Type": "deviceInfo/deviceName",
    "Record Rate(fps)": "recordInfo/recordRate",
    "Shutter Speed(s)": "recordInfo/shutterSpeed",
    "Shutter Type2(nsec)": "recordInfo/shutterSpeedNsec",
    "Original Total Frame": "frameInfo/recordedFrame",
    "Total Frame": "frameInfo/totalFrame",
    "Save Step": "frameInfo/skipFrame",
    "Image Width": "imageDataInfo/resolution/width",
    "Image Height": "imageDataInfo/resolution/height",
    "Color Type": "imageDataInfo/colorInfo/type",
    "Color Bit": "imageDataInfo/colorInfo/bit",
    "File Format": "imageFileInfo/fileFormat",
    "EffectiveBit Depth": "imageDataInfo/effectiveBit/depth",
    "EffectiveBit Side": "imageDataInfo/effectiveBit/side",
}
_SAMPLES: dict[int, Any] = {8: "u1", 12: "12", 16: "<u2"}
_COLOURS: dict[str, Colours] = {"raw": "raw", "bayer": "mosaic"}


def open_photron(path: Path, window: Window, user: Fraction | None) -> IndexedVideo:
    """Return a recording, given its header or its ``.mraw``.

    Raises
    ------
    InputNotFoundError
        If the other of the two is not beside it.
    InputError
        If the header is damaged, or says what cannot be read.
    """
    if path.suffix.lower() == ".mraw":
        header, pixels = _other(path, ".cihx", ".cih"), path
    else:
        header, pixels = path, _other(path, ".mraw")
    told = _Header(header)
    layout = told.layout()
    there, wanted = pixels.stat().st_size // layout.frame_bytes, told.whole("Total Frame")
    warnings = tuple(told.contradictions())
    if there < wanted:
        warnings += (cut_short(there, wanted),)
    elif there > wanted:
        warnings += (
            f"{pixels.name} has room for {there} frames where {header.name} tells of {wanted}; "
            "only those are read.",
        )
    size = layout.frame_bytes
    recording = Recording(
        path=pixels,
        name=str(path),
        kind="mraw",
        layout=layout,
        count=min(there, wanted),
        place=lambda file, index: index * size,
        rates=told.rates(),
        exposure_s=told.exposure_s(),
        camera=f"Photron {told.text('Camera Type')}".strip(),
        warnings=warnings,
    )
    return open_recording(recording, window, user)


def record_rate(header: Path) -> tuple[Fraction | None, tuple[str, ...]]:
    """Return the rate in a header that describes another file, and what is doubtful of it.

    Photron's program also writes headers beside the videos and images that it exports.
    """
    try:
        told = _Header(header)
        rates, doubts = told.rates(), tuple(told.contradictions())
    except (InputError, OSError):
        return None, ()
    return (rates[0].rate if rates else None), doubts


def _other(path: Path, *suffixes: str) -> Path:
    """Return the first file that is of the same recording and has one of some suffixes."""
    for other in beside(path, *suffixes):
        return other
    raise InputNotFoundError(
        f"there is no {' or '.join(path.stem + suffix for suffix in suffixes)} beside {path}; a "
        "Photron recording is two files: copy both into one folder."
    )


class _Header:
    """What a header says, by the names that a ``.cih`` gives it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with path.open("rb") as file:
            data = file.read(_MOST_HEADER)
        xml = path.suffix.lower() == ".cihx"
        self._told = _of_xml(data, path) if xml else _of_lines(data)

    def text(self, name: str) -> str:
        """Return what is told under a name, as text; nothing if it is not told."""
        return self._told.get(name, "")

    def whole(self, name: str) -> int:
        """Return a whole number above 0."""
        text = self.text(name)
        if not (text.isascii() and text.isdecimal() and 0 < int(text[:12]) < 2**31):
            raise InputError(
                f"{self._path} says {text[:40]!r} of {name!r}, where a number should be; copy it "
                "again from the camera's software."
            )
        return int(text)

    def layout(self) -> Layout:
        """Return how a frame lies in the pixels."""
        form, depth = self.text("File Format"), self.whole("Color Bit")
        if form.lower() != "mraw":
            raise InputError(
                f"{self._path} describes files of the format {form[:40]!r}; give those themselves, "
                "or save the recording as MRAW."
            )
        colours = 3 if depth in (24, 36, 48) else 1
        stored = depth // colours
        if stored not in _SAMPLES:
            raise InputError(
                f"{self._path} tells of {depth} bits a pixel, which is not read; save the "
                "recording with 8, 12 or 16 bits."
            )
        width, height = self.whole("Image Width"), self.whole("Image Height")
        check_size(width, height, str(self._path))
        bits = min(self.whole("EffectiveBit Depth"), stored)
        high = stored == 16 and self.text("EffectiveBit Side").lower() == "higher"
        return Layout(
            width,
            height,
            _SAMPLES[stored],
            stored if stored < 16 else max(bits, 9),
            "rgb" if colours == 3 else _COLOURS.get(self.text("Color Type").lower(), "grey"),
            shift=16 - max(bits, 9) if high else 0,
        )

    def rates(self) -> tuple[RateCandidate, ...]:
        """Return the rate of recording, if it is told."""
        rate = _fraction(self.text("Record Rate(fps)"))
        if rate is None:
            return ()
        return (RateCandidate(rate, "file", f"the record rate in {self._path.name}"),)

    def exposure_s(self) -> float | None:
        """Return for how long each frame was exposed, s."""
        nanoseconds = _fraction(self.text("Shutter Type2(nsec)"))
        if nanoseconds:
            return float(nanoseconds) / 1e9
        told = _fraction(self.text("Shutter Speed(s)"))
        if not told:
            return None
        return float(1 / told if told > 1 else told)  # a .cihx tells 200000 of 1/200000 s

    def contradictions(self) -> Iterator[str]:
        """Yield a sentence where frames may have been left out when the file was saved."""
        step, rate = _fraction(self.text("Save Step")), _fraction(self.text("Record Rate(fps)"))
        recorded = _fraction(self.text("Original Total Frame"))
        if not step or step <= 1 or not rate:
            return
        if recorded and (self.whole("Total Frame") - 1) * step >= recorded:
            return  # there were not so many frames to choose from
        yield (
            f"the header says {plain(rate)} frames/s, and that one frame in {plain(step)} was "
            f"saved; if that is so, and the rate is that of the camera, it is {plain(rate / step)} "
            "frames/s here: give it with fps (--fps)."
        )


def _of_lines(data: bytes) -> Mapping[str, str]:
    told: dict[str, str] = {}
    for line in data.decode("latin-1").splitlines():
        found = _LINE.match(line)
        if found is not None:
            told.setdefault(found[1], found[2])
    return told


def _of_xml(data: bytes, path: Path) -> Mapping[str, str]:
    begin, end = data.find(b"<cih>"), data.rfind(b"</cih>")  # a header of bytes precedes it
    try:
        tree = ET.fromstring(data[begin : end + 6].decode("utf-8", "replace"))
    except (ET.ParseError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as a Photron header ({error}); copy it again."
        ) from error
    return {name: (tree.findtext(place) or "").strip() for name, place in _TAGS.items()}


def _fraction(text: str) -> Fraction | None:
    if not re.fullmatch(r"\d{1,15}(\.\d{1,15})?(/\d{1,15})?", text, re.ASCII):
        return None
    above, _, below = text.partition("/")
    return Fraction(above) / int(below or 1) if int(below or 1) else None
