"""FITS: a cube of 8- or 16-bit images (FITS Standard 4.0), with the cadence that its header tells.

A small part of the format, read by itself: astropy would be 60 MB for it. The first image of three
axes counts, wherever in the file it is. Rows are as stored; FITS viewers show the first at the
bottom.
"""

import math
import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

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
from phonoscope.video.window import Window

_BLOCK, _CARD = 2880, 80
_MOST_BLOCKS = 4096  # of a header
_MOST_UNITS = 1024  # of header and data in a file
_CARD_FORM = re.compile(rb"([A-Z0-9_-]{1,8}) *= *('(?:[^']|'')*'|[^/]*)")
_SIGNED_OFFSET = 32768
# Which keywords tell it; no standard has them. Rates in Hz, then periods in s.
_RATES = ("FRAMERAT", "FRATE", "FPS")
_PERIODS = ("CADENCE", "KCT")
_EXPOSURES = ("EXPTIME", "EXPOSURE")

_Cards = Mapping[str, str]


def open_fits(path: Path, window: Window, user: Fraction | None) -> IndexedVideo:
    """Return the first cube of images in a FITS file as a video.

    Raises
    ------
    InputError
        If there is none, or its values are of a kind that is not read.
    """
    with path.open("rb") as file:
        cards, at = _cube(file, path)
    depth, width, height, told = (
        _whole(cards, key) for key in ("BITPIX", "NAXIS1", "NAXIS2", "NAXIS3")
    )
    if depth not in (8, 16):
        raise InputError(
            f"{path} holds values of the kind BITPIX = {depth}, which says nothing of their full "
            "scale; convert them to 8 or 16 bits."
        )
    check_size(width, height, str(path))
    layout = Layout(width, height, "u1" if depth == 8 else ">u2", depth, signed=depth == 16)
    size = layout.frame_bytes
    count = min(told, (path.stat().st_size - at) // size)
    exposure_s = _first(cards, _EXPOSURES)
    recording = Recording(
        path=path,
        name=str(path),
        kind="fits",
        layout=layout,
        count=count,
        place=lambda file, index: at + index * size,
        rates=tuple(_told(cards)),
        exposure_s=None if exposure_s is None else float(exposure_s),
        camera=cards.get("INSTRUME", ""),
        warnings=tuple(_warnings(cards, depth, count, told)),
    )
    return open_recording(recording, window, user)


def _cube(file: BinaryIO, path: Path) -> tuple[_Cards, int]:
    """Return the header of the first cube, and where its data begin, bytes."""
    for cards, at in _units(file, path):
        if cards.get("ZIMAGE") == "T":
            raise InputError(f"{path} is compressed by tiles; unpack it with funpack.")
        if _whole(cards, "NAXIS") == 3:
            return cards, at
    raise InputError(
        f"{path} holds no cube of images (three axes); give one of shape (frames, height, width)."
    )


def _warnings(cards: _Cards, depth: int, count: int, told: int) -> Iterator[str]:
    if count < told:
        yield cut_short(count, told)
    zero = _number(cards.get("BZERO", "0"))
    if depth == 16 and zero != _SIGNED_OFFSET:
        yield "the file holds signed values; 32768 was added to each, which motion does not see."


def _told(cards: _Cards) -> Iterator[RateCandidate]:
    for names, inverse in ((_RATES, False), (_PERIODS, True)):
        for name in names:
            value = _number(cards.get(name, ""))
            if value is not None and value > 0:
                yield RateCandidate(
                    1 / value if inverse else value, "file", f"{name} in the FITS header"
                )


def _first(cards: _Cards, names: tuple[str, ...]) -> Fraction | None:
    found = (_number(cards.get(name, "")) for name in names)
    return next((value for value in found if value is not None and value > 0), None)


def _units(file: BinaryIO, path: Path) -> Iterator[tuple[_Cards, int]]:
    """Yield the header of each unit, and where its data begin, bytes."""
    end, at = path.stat().st_size, 0
    for _ in range(_MOST_UNITS):
        if at >= end:
            return
        cards, at = _header(file, at, path)
        yield cards, at
        axes = [_whole(cards, f"NAXIS{n + 1}") for n in range(min(_whole(cards, "NAXIS"), 999))]
        values = math.prod(axes) if axes else 0
        extra, groups = _number(cards.get("PCOUNT", "0")), _number(cards.get("GCOUNT", "1"))
        size = abs(_whole(cards, "BITPIX")) // 8 * int(groups or 1) * (int(extra or 0) + values)
        at += -(-max(size, 0) // _BLOCK) * _BLOCK


def _header(file: BinaryIO, at: int, path: Path) -> tuple[_Cards, int]:
    cards: dict[str, str] = {}
    file.seek(at)
    for number in range(_MOST_BLOCKS):
        block = file.read(_BLOCK)
        first = at == 0 and number == 0
        if len(block) < _BLOCK or (first and not block.startswith(b"SIMPLE  =")):
            break
        for place in range(0, _BLOCK, _CARD):
            card = block[place : place + _CARD]
            if card[:8].rstrip() == b"END":
                return cards, at + (number + 1) * _BLOCK
            found = _CARD_FORM.match(card)
            if found is not None:
                cards.setdefault(found[1].decode(), found[2].decode("latin-1").strip(" '"))
    raise InputError(f"{path} cannot be read as FITS (its header has no end); copy it again.")


def _number(text: str) -> Fraction | None:
    if not re.fullmatch(r"[+-]?\d{1,15}\.?\d{0,15}([ED][+-]?\d{1,2})?", text, re.ASCII):
        return None
    return Fraction(text.replace("D", "E"))


def _whole(cards: _Cards, key: str) -> int:
    value = _number(cards.get(key, "0"))
    return int(value) if value is not None and abs(value) < 2**31 else 0
