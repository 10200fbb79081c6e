"""The camera: when it looks, how bright, how noisy, in how many bits."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import UsageError
from phonoscope.types import Float64, Luma


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera.

    Attributes
    ----------
    width, height
        Of its frames, px.
    fps
        Frames a second.
    exposure_s
        How long each pixel collects light. Displacement and light are averaged over it; the blur of
        second order in the motion within one exposure is left out. 0 is an instant.
    bits
        8 to 16; values are rounded and clipped to ``0 ... 2**bits - 1``.
    read_noise
        Standard deviation of the noise in the dark, in units of the least significant bit.
    shot_gain
        Variance of the light's own noise per unit of value: ``variance = read_noise² + shot_gain *
        value`` (Gaussian, as for many photons), before gamma.
    brightness
        Factor on the surface's brightness; above about 1.5 the picture saturates.
    gamma
        Values are ``full * (linear / full) ** (1 / gamma)``.
    flicker_depth, flicker_hz
        Relative amplitude and frequency of a sinusoidal lamp.
    line_delay_s
        Time between the read-outs of neighbouring rows: 0 for a global shutter.
    bottom_up
        Whether the last row is read first.
    """

    width: int = 320
    height: int = 240
    fps: Fraction = Fraction(2200)
    exposure_s: float = 0.0
    bits: int = 8
    read_noise: float = 1.0
    shot_gain: float = 0.02
    brightness: float = 1.0
    gamma: float = 1.0
    flicker_depth: float = 0.0
    flicker_hz: float = 120.0
    line_delay_s: float = 0.0
    bottom_up: bool = False

    def __post_init__(self) -> None:
        if not 8 <= self.bits <= 16:
            raise UsageError(f"a camera of {self.bits} bits cannot be simulated; choose 8 to 16.")
        if self.fps <= 0 or min(self.width, self.height) < 16:
            raise UsageError(
                f"a camera of {self.width} x {self.height} px at {self.fps} frames/s cannot be "
                "simulated; choose at least 16 x 16 px and a rate above 0."
            )

    @property
    def full_scale(self) -> int:
        """Largest value of a pixel."""
        return int(2**self.bits - 1)

    def row_times_s(self, frame: int) -> Float64:
        """Return ``(height,)`` times at which the rows of a frame begin to collect light."""
        row = np.arange(self.height)
        if self.bottom_up:
            row = row[::-1]
        return np.asarray(frame / float(self.fps) + row * self.line_delay_s)

    def averaged(
        self,
        integral: Callable[[Float64], Float64],
        instant: Callable[[Float64], Float64],
        time_s: Float64,
    ) -> Float64:
        """Return a function of time as the exposure that begins at `time_s` averages it.

        `integral` is its antiderivative, `instant` the function itself.
        """
        if self.exposure_s == 0:
            return instant(time_s)
        return (integral(time_s + self.exposure_s) - integral(time_s)) / self.exposure_s

    def light(self, time_s: Float64) -> Float64:
        """Return the lamp's relative brightness at `time_s`, averaged over the exposure."""
        omega = 2 * np.pi * self.flicker_hz
        wave = self.averaged(
            lambda t: -np.cos(omega * t) / omega, lambda t: np.sin(omega * t), time_s
        )
        return 1 + self.flicker_depth * wave

    def noise_variance(self, value: NDArray[np.float64]) -> Float64:
        """Return the variance of a pixel of mean `value` (gamma 1), rounding included."""
        return self.read_noise**2 + self.shot_gain * np.maximum(value, 0) + 1 / 12

    def capture(self, linear: Float64, rng: np.random.Generator) -> Luma:
        """Return the pixels for a clean picture in units of the least significant bit."""
        deviation = np.sqrt(self.read_noise**2 + self.shot_gain * np.maximum(linear, 0))
        seen = linear + deviation * rng.standard_normal(linear.shape, dtype=np.float32)
        if self.gamma != 1:
            share = np.clip(seen / self.full_scale, 0, None)
            seen = self.full_scale * share ** (1 / self.gamma)
        rounded = np.clip(np.rint(seen), 0, self.full_scale)
        return rounded.astype(np.uint8) if self.bits == 8 else rounded.astype(np.uint16)
