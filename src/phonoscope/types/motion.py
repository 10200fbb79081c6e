"""How the parts of a video moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phonoscope.types.arrays import Float32, Float64
from phonoscope.types.video import VideoFacts


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Where and when the small microphones of a picture listen.

    Attributes
    ----------
    x_px, y_px
        ``(cell,)`` left and top edge of each cell in the frame.
    width_px, height_px
        ``(cell,)`` size of each cell.
    delay_s
        ``(cell,)`` time at which a cell is read, after its frame's own time; zero for a global
        shutter.
    """

    x_px: NDArray[np.int32]
    y_px: NDArray[np.int32]
    width_px: NDArray[np.int32]
    height_px: NDArray[np.int32]
    delay_s: Float64

    def __len__(self) -> int:
        return len(self.x_px)


@dataclass(frozen=True, slots=True, eq=False)
class NoiseModel:
    """Variance of a pixel's temporal noise as a function of its value, piecewise linear.

    Attributes
    ----------
    level
        ``(knot,)`` rising pixel values.
    variance
        ``(knot,)`` noise variance at each, in squared pixel values; rounding is included.
    """

    level: Float64
    variance: Float64

    def at(self, value: NDArray[Any]) -> Float64:
        """Return the noise variance at pixel `value`, of any shape; flat outside the knots."""
        return np.asarray(np.interp(value, self.level, self.variance), np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class MotionBlock:
    """Consecutive samples of a motion field.

    Attributes
    ----------
    time_s
        ``(sample,)`` capture time of each frame since the first frame of the source.
    motion
        ``(sample, cell, 2)`` displacement (x, y) from the reference, px; 0 where a cell has no
        information about it.
    gain
        ``(sample, cell)`` brightness relative to the reference (1 = the same); 1 where unknown.
    information
        ``(cell, 3, 3)`` mean Fisher information of (x, y, gain) over these samples: the inverse of
        their error covariance, in px⁻² (px⁻¹ and 1 in the last row and column). Zero rows mark
        what a cell cannot tell.
    lost
        Which of these samples, counted from 0, moved too far to be followed: their motion is no
        more than a guess. Rising; always empty in motion files that do not tell.
    """

    time_s: Float64
    motion: Float32
    gain: Float32
    information: Float64
    lost: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class MotionField:
    """How every cell of a video moved: the one value between measuring and listening.

    Attributes
    ----------
    facts
        Of the video that was measured.
    cells
        Place and clock of each cell.
    noise
        Noise model measured from the video.
    samples
        Number of frames measured.
    parameters
        Everything that was chosen for the measurement, ready for JSON.
    warnings
        Sentences that the user should read.
    picture
        ``(height, width)`` uint8, the first frame for people to look at, reduced by a whole factor
        where it has more than a megapixel; None in old motion files.
    blocks
        The samples in order, in blocks that are loaded as they are asked for, so that a field much
        larger than memory can be walked through. `motion`, `gain` and `time_s` hold all at once.
    measured
        ``(sample,)`` False where there was no frame, and motion is a straight line between its
        neighbours; None where every sample is one.
    repeated
        Number of frames of the video that were left out, because each is a copy of the one before.
    """

    facts: VideoFacts
    cells: Cells
    noise: NoiseModel
    samples: int
    blocks: Sequence[MotionBlock] = field(repr=False)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    picture: NDArray[np.uint8] | None = field(default=None, repr=False)
    measured: NDArray[np.bool_] | None = field(default=None, repr=False)
    repeated: int = 0

    @property
    def rate_hz(self) -> Fraction:
        """Samples a second (the mean rate, where frames are spaced unevenly)."""
        return self.facts.capture_rate

    @property
    def adds_up(self) -> bool:
        """Whether errors add up from sample to sample: the reference was renewed, as of speckle."""
        return self.parameters.get("pattern") == "speckle"

    @cached_property
    def time_s(self) -> Float64:
        """``(sample,)`` capture time of each frame, s."""
        return np.concatenate([block.time_s for block in self.blocks])

    @cached_property
    def motion(self) -> Float32:
        """``(sample, cell, 2)`` displacement (x, y), px."""
        return np.concatenate([block.motion for block in self.blocks])

    @cached_property
    def gain(self) -> Float32:
        """``(sample, cell)`` brightness relative to the reference."""
        return np.concatenate([block.gain for block in self.blocks])

    @cached_property
    def information(self) -> Float64:
        """``(cell, 3, 3)`` Fisher information of (x, y, gain), mean over the samples."""
        total = np.zeros((len(self.cells), 3, 3))
        for block in self.blocks:
            total += len(block.time_s) * block.information
        return total / self.samples

    @cached_property
    def covariance(self) -> Float64:
        """``(cell, 3, 3)`` claimed error covariance of (x, y, gain); infinite where unknown."""
        values, vectors = np.linalg.eigh(self.information)
        known = values > 1e-5 * np.maximum(values[:, -1:], 1e-30)
        inverse = np.where(known, 1 / np.where(known, values, 1), 0)
        covariance = (vectors * inverse[:, None, :]) @ vectors.transpose(0, 2, 1)
        unknown = np.einsum("cik,ck->ci", vectors**2, ~known) > 1e-3
        covariance[unknown[:, :, None] | unknown[:, None, :]] = 0
        cell, channel = np.nonzero(unknown)
        covariance[cell, channel, channel] = np.inf
        return np.asarray(covariance)


@dataclass(frozen=True, slots=True, eq=False)
class BandMotion:
    """How the bands of a complex steerable pyramid moved: one signal for each band.

    Attributes
    ----------
    phase
        ``(sample, band)`` mean local phase lead of the reference over the frame, rad: positive
        when the picture moves along the band's wavevector; about ``wavevector @ displacement``.
    scale
        ``(band,)`` octave of each band, 0 for the finest.
    orientation_rad
        ``(band,)`` direction to which each band is tuned, from x towards y.
    wavevector
        ``(band, 2)`` effective local frequency (x, y) of what the band sees, rad/px: phase a px of
        motion. Zero for a band that sees nothing but noise.
    noise_covariance
        ``(band, band)`` covariance of the camera's noise in `phase`, rad².
    time_s
        ``(sample,)`` capture time of each frame, s.
    rate_hz
        Samples a second.
    """

    phase: Float64
    scale: NDArray[np.int64]
    orientation_rad: Float64
    wavevector: Float64
    noise_covariance: Float64
    time_s: Float64
    rate_hz: Fraction

    @property
    def frequency(self) -> Float64:
        """``(band,)`` effective radial frequency, rad/px."""
        return np.asarray(np.hypot(self.wavevector[:, 0], self.wavevector[:, 1]), np.float64)

    @property
    def noise_variance(self) -> Float64:
        """``(band,)`` variance of the camera's noise in `phase`, rad²."""
        return np.diagonal(self.noise_covariance).copy()
