"""How an object moves at one frequency."""

from dataclasses import dataclass

from numpy import complex128
from numpy.typing import NDArray

from phonoscope.types.arrays import Float64


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """An operating deflection shape: how each cell moves at one frequency, against the sound.

    Attributes
    ----------
    frequency_hz
        The frequency.
    width_hz
        Width of the band about it that counts.
    displacement_px
        ``(cell, 2)`` RMS motion (x, y) in that band; the angle is its phase, rad, by which the cell
        is ahead of the sound.
    error_px
        ``(cell, 2)`` RMS error of that, as the cells claim; infinite where a cell is blind.
    """

    frequency_hz: float
    width_hz: float
    displacement_px: NDArray[complex128]
    error_px: Float64
