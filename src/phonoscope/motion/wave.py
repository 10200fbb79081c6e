"""A lamp's flicker as a wave over the rows, and the light in which it is sought.

Light is given as ``(block, frame, row)``: the logarithm of the brightness of a row in each of
several columns of the picture. A row's place is in any unit (rows, or seconds of a supposed delay),
and what is sought is the slope: by how many seconds a row is read later for one unit of place.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from phonoscope.types import Float32, Float64

LAMP_SPREAD = 5e-4  # standard deviation of a lamp's frequency, relative: mains keep within 0.1 %
FIXED = 4  # parameters that are no amplitudes: slope, frequency, drift, tilt
_DARKEST = 0.05  # of the mean, to which a lamp may fall: steps that go beyond are wild

Complex128 = NDArray[np.complex128]


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """Brightness of the rows over time.

    Attributes
    ----------
    log
        ``(block, frame, row)`` logarithm of the brightness.
    weight
        ``(block, row)`` inverse variance of its noise; 0 where there is nothing to be seen.
    time_s
        ``(frame,)`` from the middle of the clip.
    place
        ``(row,)`` from the middle of the picture.
    """

    log: Float32
    weight: Float64
    time_s: Float64
    place: Float64

    @property
    def reach(self) -> float:
        """Half the extent of the places."""
        return float(np.abs(self.place).max())

    def mean(self) -> Float64:
        """``(frame, row)`` mean over the blocks by their weights."""
        total = np.maximum(self.weight.sum(axis=0), 1e-300)
        share = self.weight / total
        return np.asarray(np.einsum("kr,knr->nr", share, self.log, dtype=np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class Wave:
    """Light ``1 + (1 + tilt * place / reach) * sum(amplitude * exp(i * harmonic * phase))``, real.

    Attributes
    ----------
    slope_s
        Seconds of delay for a unit of place; negative if rows are read upwards.
    lamp_hz, drift_hz_s
        The lamp's frequency in the middle of the clip, and its change.
    tilt
        Relative growth of the amplitude from the middle of the picture to its end.
    amplitude
        ``(harmonic,)`` complex, shares of the brightness.
    """

    slope_s: float
    lamp_hz: float
    drift_hz_s: float
    tilt: float
    amplitude: Complex128

    @property
    def vector(self) -> Float64:
        """All parameters in one array."""
        fixed = [self.slope_s, self.lamp_hz, self.drift_hz_s, self.tilt]
        parts = np.stack([self.amplitude.real, self.amplitude.imag], axis=1).ravel()
        return np.concatenate([fixed, parts])

    @property
    def depth(self) -> float:
        """Amplitude of the fundamental in the middle of the picture."""
        return float(abs(self.amplitude[0]))

    @property
    def overtones(self) -> float:
        """Amplitude of the strongest overtone relative to the fundamental."""
        return float(np.abs(self.amplitude[1:]).max(initial=0.0)) / max(self.depth, 1e-300)

    @classmethod
    def of(cls, vector: Float64) -> "Wave":
        """Return the wave of `vector`."""
        parts = vector[FIXED:].reshape(-1, 2)
        slope, lamp, drift, tilt = vector[:FIXED]
        return cls(slope, lamp, drift, tilt, parts[:, 0] + 1j * parts[:, 1])

    def with_harmonic(self) -> "Wave":
        """Return the wave with one harmonic more, of amplitude 0."""
        return replace(self, amplitude=np.append(self.amplitude, 0))

    def seen(self, light: Light) -> tuple[Float64, Float64]:
        """Return ``(frame, row)`` the wave and ``(parameter, frame, row)`` its derivatives."""
        time, place = light.time_s[:, None], light.place[None, :]
        frames = 2 * np.pi * self.lamp_hz * time + np.pi * self.drift_hz_s * time**2
        rows = 2 * np.pi * self.lamp_hz * self.slope_s * place
        turned = np.exp(1j * frames) * np.exp(1j * rows)
        across = place / light.reach
        grown = 1 + self.tilt * across
        derivative = np.empty((FIXED + 2 * len(self.amplitude), *turned.shape))
        wave, slope = np.zeros(turned.shape), np.zeros(turned.shape)
        power = turned
        for h, amplitude in enumerate(self.amplitude):
            np.multiply(power.real, grown, out=derivative[FIXED + 2 * h])
            np.multiply(power.imag, -grown, out=derivative[FIXED + 2 * h + 1])
            term = amplitude * power
            wave += term.real
            slope -= (h + 1) * term.imag
            if h + 1 < len(self.amplitude):
                power = power * turned
        slope *= 2 * np.pi * grown
        np.multiply(slope, self.lamp_hz * place, out=derivative[0])
        np.multiply(slope, time + self.slope_s * place, out=derivative[1])
        np.multiply(slope, time**2 / 2, out=derivative[2])
        np.multiply(wave, across, out=derivative[3])
        bright = np.maximum(1 + wave * grown, _DARKEST)
        derivative /= bright
        return np.log(bright), derivative
