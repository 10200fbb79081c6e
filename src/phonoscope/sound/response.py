"""How an object hears: measured from a known sound, kept in a file, and taken off other clips."""

import os
import struct
import tokenize
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from phonoscope.errors import InputError, InputNotFoundError, SilenceError, UsageError
from phonoscope.files import replace_when_done
from phonoscope.sound.attend import Attention, attend
from phonoscope.sound.equalize import Complex, Transfer, equalize, measure_transfer
from phonoscope.sound.filter import chosen_band
from phonoscope.sound.verdict import FALSE_ALARM
from phonoscope.sound.whiten import PER_CELL
from phonoscope.types import Cells, Float64, MotionField

_FORMAT = 1
_ARRAYS = ("cells", "shapes", "frequency_hz", "response", "coherence")
_PLACE = ("x_px", "y_px", "width_px", "height_px")
# What ZIP and NumPy, which reads a header as Python, raise where a file is damaged.
_DAMAGED = (
    OSError, ValueError, LookupError, EOFError, TypeError, AttributeError, SyntaxError,
    tokenize.TokenError, ArithmeticError, RuntimeError, MemoryError, BadZipFile, zlib.error,
    struct.error,
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """How an object hears, as a calibration recording measured it.

    It moves in a few shapes; each follows the sound with a gain and a phase of its own.

    Attributes
    ----------
    cells
        Cells of the recording. Clips must show the object in the same place.
    shapes
        ``(cell, 3, k)`` motion along x and y, px, and relative change in brightness of each cell
        for one unit of each shape.
    frequency_hz
        ``(bin,)`` rising at even steps from 0 Hz.
    response
        ``(bin, k)`` complex amount of each shape for one unit of the known sound; its phase is
        negative where the motion is late.
    coherence
        ``(bin,)`` share of the motion's power that the known sound explains, 0 to 1.
    """

    cells: Cells
    shapes: Float64
    frequency_hz: Float64
    response: Complex
    coherence: Float64

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a file for `read_response`; it appears whole or not at all.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        cells = np.stack([getattr(self.cells, name) for name in _PLACE])
        with replace_when_done(path) as part, part.open("wb") as file:
            np.savez_compressed(
                file, phonoscope_response=_FORMAT, cells=cells, shapes=self.shapes,
                frequency_hz=self.frequency_hz, response=self.response, coherence=self.coherence,
            )  # fmt: skip


def read_response(path: str | os.PathLike[str]) -> Response:
    """Read a file that `Response.write` has written.

    Raises
    ------
    InputError
        If it is not such a file.
    """
    if not Path(path).exists():
        raise InputNotFoundError(f"there is no file {path}.")
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            version = int(stored["phonoscope_response"])
            arrays = [np.asarray(stored[name]) for name in _ARRAYS] if version == _FORMAT else []
    except _DAMAGED:
        raise _no_response(path) from None
    if version != _FORMAT:
        raise InputError(
            f"{path} is a response of format {version}; this version of Phonoscope reads format "
            f"{_FORMAT}: calibrate again."
        )
    if not _fit(*arrays):
        raise _no_response(path)
    (x, y, width, height), *measured = arrays
    return Response(Cells(x, y, width, height, np.zeros(len(x))), *measured)


def _fit(cells: Any, shapes: Any, frequency: Any, response: Any, coherence: Any) -> bool:
    """Return whether the arrays of a file are those of a response."""
    count, bins = cells.shape[-1:], frequency.shape
    return (
        cells.dtype.kind == "i"
        and (shapes.dtype.kind, response.dtype.kind) == ("f", "c")
        and (frequency.dtype.kind, coherence.dtype.kind) == ("f", "f")
        and cells.shape == (len(_PLACE), *count)
        and shapes.shape == (*count, PER_CELL, *response.shape[1:])
        and len(bins) == 1
        and bins[0] > 1
        and response.shape[:1] == bins == coherence.shape
        and response.ndim == 2
        and all(np.isfinite(array).all() for array in (shapes, frequency, response, coherence))
    )


def _no_response(path: str | os.PathLike[str]) -> InputError:
    return InputError(f"{path} is no response; make one with phonoscope calibrate response.")


def is_response_file(path: str | os.PathLike[str]) -> bool:
    """Return whether `read_response` reads a file."""
    try:
        read_response(path)
    except InputError:
        return False
    return True


def measure_response(
    field: MotionField, known: Float64, band: tuple[float, float] | None = None
) -> Response:
    """Measure how an object hears from its motion and the sound that was played to it.

    Parameters
    ----------
    field
        Motion field of the calibration recording.
    known
        ``(sample,)`` what was played, at the field's rate, in any unit; it may start earlier or
        later than the recording.
    band
        As in `listen`.

    Raises
    ------
    SilenceError
        If nothing was heard.
    UsageError
        If the known sound is empty, silent or not finite.
    """
    rate = float(field.rate_hz)
    attention = attend(field, chosen_band(band, rate), FALSE_ALARM)
    if not attention.verdict.detected:
        raise SilenceError(
            "nothing above the noise floor in the calibration recording: play the known sound "
            "louder, light the object better or film it closer."
        )
    transfer = measure_transfer(attention.virtual(), known, rate)
    share = attention.kept.reshape(len(field.cells), PER_CELL, -1)
    # Of a unit of each virtual channel, what each cell does.
    shapes = np.linalg.pinv(attention.channels.root, rcond=1e-6) @ share
    return Response(
        field.cells, shapes, transfer.frequency_hz, transfer.response, transfer.coherence
    )


def without_colour(attention: Attention, response: Response) -> tuple[Float64, Float64]:
    """Return the sound without the object's colour, and the density of the noise left in it.

    Parameters
    ----------
    attention
        To a clip of the same object, in which there is sound.
    response
        Of that object.

    Returns
    -------
    As `equalize`.

    Raises
    ------
    UsageError
        If the response is of another picture.
    """
    rate = float(attention.field.rate_hz)
    loadings = attention.channels.root @ _shapes_at(attention.field.cells, response)
    # The clip's own noise decides how much each cell counts.
    directions, mixing = np.linalg.qr(loadings.reshape(-1, loadings.shape[2]))
    signals = attention.signals(directions)
    transfer = Transfer(response.frequency_hz, response.response @ mixing.T, response.coherence)
    return equalize(signals, attention.evidence.noise * 2 / rate, rate, transfer)


def _shapes_at(cells: Cells, response: Response) -> Float64:
    # (cell, 3, k) of a clip's cells; those that the calibration does not know stay out.
    known = {place: index for index, place in enumerate(_places(response.cells))}
    found = [known.get(place) for place in _places(cells)]
    shapes = np.zeros((len(cells), *response.shapes.shape[1:]))
    for index, same in enumerate(found):
        if same is not None:
            shapes[index] = response.shapes[same]
    if not shapes.any():
        raise UsageError(
            "the response belongs to another picture: it has no cell in common with this one; "
            "film both with the same camera, frame size, region and cell."
        )
    return shapes


def _places(cells: Cells) -> list[tuple[int, ...]]:
    columns = (getattr(cells, name).tolist() for name in _PLACE)
    return list(zip(*columns, strict=True))
