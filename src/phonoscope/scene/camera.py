"""The camera: when it looks, how bright, how noisy, in how many bits."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from phonoscope.scene.checks import check
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
        Values are ``full * (linear / full) ** (1 / gamma)``, with `full` for `full_scale`.
    flicker_depth, flicker_hz
        Relative amplitude (0 to 1) and frequency of a sinusoidal lamp.
    line_delay_s
        Time between the read-outs of neighbouring rows: 0 for a global shutter.
    bottom_up
        Whether the last row is read first.

    Raises
    ------
    UsageError
        If a value cannot be right.
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
        check("the camera's width", self.width, 16, whole=True)
        check("the camera's height", self.height, 16, whole=True)
        check("fps", self.fps, 0, above=True)
        check("bits", self.bits, 8, 16, whole=True)
        for name in ("exposure_s", "read_noise", "shot_gain", "line_delay_s"):
            check(name, getattr(self, name), 0)
        for name in ("brightness", "gamma"):
            check(name, getattr(self, name), 0, above=True)
        check("flicker_depth", self.flicker_depth, 0, 1)
        if self.flicker_depth:
            check("flicker_hz", self.flicker_hz, 0, above=True)

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
        if self.flicker_depth == 0:
            return np.ones_like(time_s)
        omega = 2 * np.pi * self.flicker_hz
        wave = self.averaged(
            lambda t: -np.cos(omega * t) / omega, lambda t: np.sin(omega * t), time_s
        )
        return 1 + self.flicker_depth * wave

    def curved(self, linear: Float64) -> Float64:
        """Return the values that the curve of `gamma` makes of linear ones."""
        if self.gamma == 1:
            return linear
        share = np.clip(linear / self.full_scale, 0, None)
        return np.asarray(self.full_scale * share ** (1 / self.gamma))

    def slope(self, value: Float64) -> Float64:
        """Return the slope of the curve of `gamma` where it makes `value`."""
        # In utter darkness the curve is infinitely steep, or flat.
        share = np.maximum(value, 1e-3) / self.full_scale
        return np.asarray(share ** (1 - self.gamma) / self.gamma)

    def noise_variance(self, value: NDArray[np.float64]) -> Float64:
        """Return the variance of a pixel whose noiseless `value` is given, rounding included.

        Through the curve of `gamma` to first order in the noise; clipping is left out.
        """
        light = np.maximum(value, 0)
        if self.gamma != 1:
            light = self.full_scale * (light / self.full_scale) ** self.gamma
        linear = self.read_noise**2 + self.shot_gain * light
        return np.asarray(linear * self.slope(value) ** 2 + 1 / 12)

    def capture(self, linear: Float64, rng: np.random.Generator) -> Luma:
        """Return the pixels for a clean picture, linear, in units of the least significant bit."""
        deviation = np.sqrt(self.read_noise**2 + self.shot_gain * np.maximum(linear, 0))
        seen = linear + deviation * rng.standard_normal(linear.shape, dtype=np.float32)
        rounded = np.clip(np.rint(self.curved(seen)), 0, self.full_scale)
        return rounded.astype(np.uint8) if self.bits == 8 else rounded.astype(np.uint16)
