"""How one part of a picture moved, and its spectrum."""

from dataclasses import dataclass
from typing import Literal

from phonoscope.types.arrays import Float64

Unit = Literal["px", "µm"]


@dataclass(frozen=True, slots=True, eq=False)
class Displacement:
    """How a point or a region moved.

    Attributes
    ----------
    time_s
        ``(sample,)`` when the part was read, s since the first frame of the source.
    displacement
        ``(sample, 2)`` along x (to the right) and y (down), in `unit`; NaN while an axis cannot be
        told, such as along a straight edge.
    covariance
        ``(2, 2)`` claimed error covariance of one sample, the mean over the clip, in squared
        `unit`; infinite on the diagonal for an axis that cannot be told.
    unit
        ``"px"``, or ``"µm"`` where the scale of the picture was given.
    rate_hz
        Samples a second.
    cells
        Number of cells that it is the weighted mean of.
    """

    time_s: Float64
    displacement: Float64
    covariance: Float64
    unit: Unit
    rate_hz: float
    cells: int


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """How strongly a part of a picture moved at each frequency.

    Attributes
    ----------
    frequency_hz
        ``(bin,)`` at even steps from 0 Hz to half the rate.
    density
        ``(bin, 2)`` one-sided power spectral density along x and y, in squared `unit` a Hz: its
        integral is the variance of the motion. NaN along an axis that could not be told all the
        time.
    amplitude
        ``(bin, 2)`` peak amplitude, in `unit`, of a sinusoid of that frequency that has this power.
        It reads a steady tone right on a bin, and at most 15 % low between two.
    noise_density
        ``(2,)`` density of the error that the cells claim, the same at all frequencies.
    resolution_hz
        Width of a window's main lobe where its power has fallen by half.
    unit
        ``"px"`` or ``"µm"``.
    """

    frequency_hz: Float64
    density: Float64
    amplitude: Float64
    noise_density: Float64
    resolution_hz: float
    unit: Unit
