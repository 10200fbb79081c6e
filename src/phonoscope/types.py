"""The values that pass from room to room, frozen: frames, facts, the motion field, sound.

Conventions everywhere: images are ``(height, width)``; motion is ``(sample, cell, 2)`` as (x, y),
x to the right, y down, in pixels, positive when the object moves that way; times are in seconds;
rates are exact `Fraction` in Hz. The *container rate* is the rate at which a file plays, the
*capture rate* the rate at which the camera recorded it.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from phonoscope.audio import write_audio
from phonoscope.choices import Version
from phonoscope.errors import UsageError

Luma = NDArray[np.uint8] | NDArray[np.uint16]
Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame of video.

    Attributes
    ----------
    index
        Position in the source, 0 for its first frame, whatever range is being read.
    time_s
        Capture time since the first frame of the source, exact.
    luma
        ``(height, width)`` uint8 or uint16, as the file holds it; usually a view of the decoder's
        own memory, valid as long as the array lives. Not to be written to.
    """

    index: int
    time_s: Fraction
    luma: Luma


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What is known of a video before any frame is decoded.

    Attributes
    ----------
    name
        Path or description of the source.
    container, codec, pixel_format
        As the demuxer names them (``"mov,mp4,..."``, ``"h264"``, ``"yuv420p"``).
    width, height
        Of the frames as stored, in pixels; `rotation_deg` is not applied.
    bits
        Significant bits of a luma sample; its full scale is ``2**bits - 1``.
    frames
        Number of frames that the container declares, or None where it does not say.
    container_rate
        Frames a second of playback, or None where the source has no clock of its own.
    capture_rate
        Frames a second at which the camera recorded; sample n was taken at ``n / capture_rate``
        unless `variable_rate`.
    capture_rate_source
        Where `capture_rate` comes from: ``"user"`` or ``"container"``.
    variable_rate
        Whether frames are spaced unevenly, so that only each frame's own time holds.
    rotation_deg
        Clockwise turn that a player applies for display (0, 90, 180 or 270).
    warnings
        Sentences that the user should read.
    """

    name: str
    container: str
    codec: str
    pixel_format: str
    width: int
    height: int
    bits: int
    frames: int | None
    container_rate: Fraction | None
    capture_rate: Fraction
    capture_rate_source: Literal["user", "container"]
    variable_rate: bool = False
    rotation_deg: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of the frame: left edge, top edge, width and height, in pixels."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0 or self.x < 0 or self.y < 0:
            raise UsageError(
                f"region {self} is empty or begins outside the frame; "
                "give x,y,width,height in pixels, such as 120,80,300,200."
            )

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"

    @classmethod
    def parse(cls, text: str) -> "Region":
        """Read ``"x,y,width,height"``; raise `UsageError` if it is not that."""
        try:
            x, y, width, height = (int(part) for part in text.split(","))
        except ValueError:
            raise UsageError(
                f"region {text!r} is not x,y,width,height in whole pixels, such as 120,80,300,200."
            ) from None
        return cls(x, y, width, height)


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
    """

    time_s: Float64
    motion: Float32
    gain: Float32
    information: Float64


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
    blocks
        The samples in order, in blocks that are loaded as they are asked for, so that a field much
        larger than memory can be walked through. `motion`, `gain` and `time_s` hold all at once.
    """

    facts: VideoFacts
    cells: Cells
    noise: NoiseModel
    samples: int
    blocks: Sequence[MotionBlock] = field(repr=False)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def rate_hz(self) -> Fraction:
        """Samples a second (the mean rate, where frames are spaced unevenly)."""
        return self.facts.capture_rate

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
class Verdict:
    """Whether there is sound, and where in the spectrum.

    Attributes
    ----------
    detected
        Whether anything stands above the noise.
    p_value
        Probability that noise alone would look like this, anywhere in the band.
    false_alarm
        The probability below which that counts as detected.
    detectable_px
        RMS motion, common to all cells and spread over the band, that would have been detected, px.
    frequency_hz
        ``(bin,)`` of the spectra below.
    snr_db
        ``(bin,)`` power of the sound over the noise in the best combination of cells; ``-inf``
        where nothing stands out.
    noise_db
        ``(bin,)`` measured noise of the cells that hear over that of the camera by its own model.
    heard_hz
        Lowest and highest frequency at which there is sound, or None.
    reason
        Why nothing counts as detected although something stands out; empty otherwise.
    """

    detected: bool
    p_value: float
    false_alarm: float
    detectable_px: float
    frequency_hz: Float64
    snr_db: Float64
    noise_db: Float64
    heard_hz: tuple[float, float] | None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Sound:
    """What was heard, as measured; and beside it, on request, enhanced for listening.

    Attributes
    ----------
    samples
        ``(sample,)`` motion of the strongest common component, px (of the cells where it is heard),
        at even times.
    rate_hz
        Samples a second: the capture rate.
    band_hz
        Lowest and highest frequency kept.
    snr_db
        Expected power of the sound over that of the error in `samples`: the noise that is left,
        what was lost with it, and what a codec is known to have muted. ``-inf`` if nothing stands
        above the noise.
    noise_floor_px
        RMS of the noise in `samples`, px.
    noise_psd
        ``(bin,)`` one-sided power spectral density of that noise, px²/Hz, at even steps from 0 Hz
        to Nyquist.
    motion_rms_px
        RMS of the sound itself, noise taken off and what a codec is known to have muted given
        back, px; 0 if nothing stands above the noise.
    verdict
        Whether there is sound at all, and at which frequencies. None for the pyramid method, which
        cannot tell.
    hearing
        ``(cell,)`` power of the sound over the noise in each cell: where in the picture it is
        heard.
    record
        Every fact of the result, ready for JSON.
    warnings
        Sentences that the user should read.
    equalized
        ``(sample,)`` the sound without the object's colour, in the unit of the known sound of the
        calibration; or None.
    equalized_noise_psd
        ``(bin,)`` density of the noise left in `equalized`, as in `noise_psd`; or None.
    enhanced
        ``(sample,)`` `equalized`, else `samples`, enhanced for listening; or None.
    sources
        Of independent sources, each one's sound, the strongest first, where that was asked for.
    """

    samples: Float64
    rate_hz: Fraction
    band_hz: tuple[float, float]
    snr_db: float
    noise_floor_px: float
    noise_psd: Float64
    motion_rms_px: float
    verdict: Verdict | None
    hearing: Float64
    record: Mapping[str, Any] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()
    equalized: Float64 | None = None
    equalized_noise_psd: Float64 | None = None
    enhanced: Float64 | None = None
    sources: "tuple[Sound, ...]" = ()

    def write(
        self,
        path: str | os.PathLike[str],
        *,
        rate: int | Literal["native"] = 48000,
        version: Version = "measured",
    ) -> None:
        """Write a WAV or FLAC file (by suffix), mono, 24 bit, scaled to a peak of -1 dBFS.

        Parameters
        ----------
        path
            File to write; it appears whole or not at all.
        rate
            Sample rate of the file in Hz, which players accept, or ``"native"`` for the capture
            rate, unresampled.
        version
            What to write: the sound as ``"measured"``, ``"equalized"`` or ``"enhanced"``.

        Raises
        ------
        UsageError
            If the suffix is not .wav or .flac, the rate is not positive, or there is no such
            version.
        OutputError
            If the file cannot be written.
        """
        low, high = self.band_hz
        versions = {
            "measured": self.samples,
            "equalized": self.equalized,
            "enhanced": self.enhanced,
        }
        samples = versions.get(version)
        if samples is None:
            raise UsageError(
                f"this sound has no version {version!r}; recover with equalize=... or enhance=... "
                "for the versions equalized and enhanced."
            )
        write_audio(
            path,
            samples,
            self.rate_hz,
            file_rate=rate,
            comment=f"Phonoscope; capture_fps={float(self.rate_hz):.12g}; "
            f"band_hz={low:.6g}-{high:.6g}",
        )


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
