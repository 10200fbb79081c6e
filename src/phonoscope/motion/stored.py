"""What a motion file says of itself, checked: a checksum may be right where what it covers is not.

Each function takes values as JSON or SQLite hands them over, and raises one of `SIGNS_OF_DAMAGE` if
they cannot be those of a motion field.
"""

import math
import re
import sqlite3
import zlib
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, get_args

import numpy as np

from phonoscope.choices import Direction
from phonoscope.types import Cells, NoiseModel, RateCandidate, Shutter, VideoFacts
from phonoscope.types.video import RateSource, ShutterSource

SIGNS_OF_DAMAGE = (
    sqlite3.Error, zlib.error, ValueError, LookupError, TypeError, AttributeError, ArithmeticError,
    MemoryError, RecursionError,
)  # fmt: skip

_LARGEST = 2**31 - 1
_TEXTS = ("name", "container", "codec", "pixel_format", "camera", "recorded")
_COUNTS = ("width", "height", "bits")
_RATIO = re.compile(r"[0-9]+(/[0-9]+)?")  # as str(Fraction) writes it; "1e999999999" would hang


def unpacked(blob: bytes, most: int) -> bytes:
    """Return what `blob` holds, of which there must be no more than `most` bytes.

    So a damaged file cannot fill the memory: zlib packs a gigabyte of zeros in a megabyte.
    """
    content = zlib.decompressobj().decompress(blob, most + 1)
    if len(content) > most:
        raise ValueError(f"more than {most} bytes are packed where no more belong")
    return content


def facts_of(stored: Mapping[str, Any]) -> VideoFacts:
    """Return the facts of the video."""
    values = dict(stored)
    for key in ("capture_rate", "container_rate"):
        values[key] = None if values[key] is None else _rate(values[key])
    meant, timecode = values.get("meant_rate"), values.get("timecode_s")
    values["meant_rate"] = None if meant is None else _rate(meant)
    values["timecode_s"] = None if timecode is None else _fraction(timecode)
    values["warnings"] = sentences_of(values["warnings"])
    values["shutter"] = _shutter(values.get("shutter", {}))
    values["rates"] = _rates(values.get("rates", []))
    facts = VideoFacts(**values)
    _require(isinstance(facts.capture_rate, Fraction), "capture rate", facts.capture_rate)
    for key in _TEXTS:
        _require(isinstance(getattr(facts, key), str), key, getattr(facts, key))
    for key in _COUNTS:
        count_of(getattr(facts, key), key, least=1)
    for key in ("frames", "rotation_deg"):
        count_of(getattr(facts, key) or 0, key)
    for key in ("reordered", "length_s", "exposure_s"):
        _require(math.isfinite(getattr(facts, key) or 0), key, getattr(facts, key))
    _require(facts.capture_rate_source in get_args(RateSource), "rate", facts.capture_rate_source)
    for key in ("variable_rate", "interlaced"):
        _require(isinstance(getattr(facts, key), bool), key, getattr(facts, key))
    return facts


def sentences_of(stored: Any) -> tuple[str, ...]:
    """Return warnings."""
    _require(isinstance(stored, list), "warnings", stored)
    for sentence in stored:
        _require(isinstance(sentence, str), "warning", sentence)
    return tuple(stored)


def noise_of(stored: Mapping[str, Any]) -> NoiseModel:
    """Return the noise model."""
    level, variance = (np.array(stored[key], np.float64) for key in ("level", "variance"))
    whole = level.ndim == 1 and level.shape == variance.shape and len(level) > 0
    _require(whole and bool(np.isfinite([level, variance]).all()), "noise", stored)
    return NoiseModel(level, variance)


def cells_of(rows: Sequence[Sequence[Any]]) -> Cells:
    """Return the cells, from rows of (cell, x, y, width, height, delay)."""
    for _, *place, delay in rows:
        for value in place:
            count_of(value, "cell")
        _require(math.isfinite(delay), "delay of a cell", delay)
    table = np.array(rows)
    places = table[:, 1:5].astype(np.int32).T
    return Cells(places[0], places[1], places[2], places[3], table[:, 5])


def lost_of(stored: Any, samples: int) -> list[int]:
    """Return which samples were lost, rising."""
    _require(isinstance(stored, list), "lost", stored)
    for before, here in zip([-1, *stored], [*stored, samples], strict=True):
        _require(count_of(here, "lost") > before, "lost", here)
    return list(stored)


def count_of(value: Any, name: str, least: int = 0) -> int:
    """Return `value`, a whole number from `least` on."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    _require(whole and least <= value <= _LARGEST, name, value)
    return int(value)


def _rate(text: str) -> Fraction:
    rate = _fraction(text)
    _require(rate > 0, "rate", text)
    return rate


def _fraction(text: str) -> Fraction:
    _require(_RATIO.fullmatch(text) is not None, "fraction", text)
    value = Fraction(text)
    _require(float(value) < math.inf, "fraction", text)
    return value


def _rates(stored: Any) -> tuple[RateCandidate, ...]:
    _require(isinstance(stored, list), "rates", stored)
    rates = tuple(RateCandidate(**{**told, "rate": _rate(told["rate"])}) for told in stored)
    for told in rates:
        _require(told.source in get_args(RateSource), "source of a rate", told.source)
        _require(isinstance(told.where, str), "place of a rate", told.where)
    return rates


def _shutter(stored: Mapping[str, Any]) -> Shutter:
    shutter = Shutter(**stored)
    _require(0 <= shutter.line_delay_s < 1, "line delay", shutter.line_delay_s)
    _require(shutter.direction in get_args(Direction), "direction", shutter.direction)
    _require(shutter.source in get_args(ShutterSource), "shutter", shutter.source)
    return shutter


def _require(right: bool, name: str, value: Any) -> None:
    if not right:
        raise ValueError(f"{name} is {str(value)[:40]!r}")
