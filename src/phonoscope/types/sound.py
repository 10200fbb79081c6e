"""What was heard, and whether there was anything to hear."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from phonoscope.audio import Broadcast, write_audio
from phonoscope.choices import Version
from phonoscope.errors import UsageError
from phonoscope.types.arrays import Float64


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


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sound lies in the clip that it was recovered from.

    Attributes
    ----------
    start_s
        Capture time of the first sample, since the first frame of the clip.
    slower
        How many times slower than life the clip plays.
    timecode_s
        Of the clip's first frame, as time since midnight, or None where it has no timecode.
    recorded
        When its recording began, ISO 8601 to the second, or empty.
    """

    start_s: Fraction = Fraction(0)
    slower: Fraction = Fraction(1)
    timecode_s: Fraction | None = None
    recorded: str = ""

    @property
    def on_timeline_s(self) -> Fraction:
        """Where the sound begins on the clip's own timeline, as it plays: timecode and start."""
        return (self.timecode_s or 0) + self.start_s * self.slower


@dataclass(frozen=True, eq=False)
class Sound:
    """What was heard, as measured; and beside it, on request, enhanced for listening.

    Attributes
    ----------
    samples
        ``(sample,)`` motion of the strongest common component, px (of the cells where it is heard),
        at even times.
    rate_hz
        Samples a second: the capture rate; with a rolling shutter four times the band's highest.
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
        calibration; or in px, with what the exposure took given back; or None.
    equalized_noise_psd
        ``(bin,)`` density of the noise left in `equalized`, as in `noise_psd`; or None.
    enhanced
        ``(sample,)`` `equalized`, else `samples`, enhanced for listening; or None.
    measured
        ``(sample,)`` whether the picture was being read then; what lies between the read-outs of a
        rolling shutter is interpolated. None where every sample is measured.
    sources
        Of independent sources, each one's sound, the strongest first, where that was asked for.
    place
        Where the sound lies in its clip; None where that is not known.
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
    measured: NDArray[np.bool_] | None = None
    sources: "tuple[Sound, ...]" = ()
    place: Place | None = None

    @property
    def versions(self) -> dict[Version, Float64]:
        """What there is of `samples`, `equalized` and `enhanced`, by name."""
        every: dict[Version, Float64 | None] = {
            "measured": self.samples,
            "equalized": self.equalized,
            "enhanced": self.enhanced,
        }
        return {name: samples for name, samples in every.items() if samples is not None}

    def write(
        self,
        path: str | os.PathLike[str],
        *,
        rate: int | Literal["native"] = 48000,
        version: Version = "measured",
    ) -> None:
        """Write a WAV or FLAC file (by suffix), mono, 24 bit, scaled to a peak of -1 dBFS.

        Where the `place` is known, the WAV is a Broadcast WAV: its time reference puts it where the
        clip shows what is heard.

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
        samples = self.versions.get(version)
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
            broadcast=None
            if self.place is None
            else Broadcast(
                self.place.on_timeline_s, self.place.recorded, f"Recovered sound ({version})"
            ),
        )
