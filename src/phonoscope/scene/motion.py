"""How a surface moves when it hears: rigidly or in modes, and how the camera sways."""

from dataclasses import dataclass

import numpy as np

from phonoscope.scene.checks import check, check_band, check_finite
from phonoscope.types import Float64


@dataclass(frozen=True, slots=True)
class Sway:
    """Slow motion of the camera, the same for the whole picture.

    Attributes
    ----------
    amplitude_px
        Of two sines along x and y (y has 0.6 of it), which start in the middle at full speed.
    frequency_hz
        Along x; along y it is 0.7 of that.
    drift_px_per_s
        (x, y) steady drift.

    Raises
    ------
    UsageError
        If a value cannot be right.
    """

    amplitude_px: float = 0.0
    frequency_hz: float = 1.0
    drift_px_per_s: tuple[float, float] = (0.0, 0.0)

    def __post_init__(self) -> None:
        check("the sway's amplitude_px", self.amplitude_px, 0)
        check("the sway's frequency_hz", self.frequency_hz, 0)
        check_finite("drift_px_per_s", *self.drift_px_per_s)

    def at(self, time_s: Float64) -> Float64:
        """Return ``(..., 2)`` displacement at `time_s`, px."""
        omega = 2 * np.pi * self.frequency_hz
        x = self.amplitude_px * np.sin(omega * time_s) + self.drift_px_per_s[0] * time_s
        y = 0.6 * self.amplitude_px * np.sin(0.7 * omega * time_s) + (
            self.drift_px_per_s[1] * time_s
        )
        return np.stack([x, y], axis=-1)

    @property
    def top_speed_px_per_s(self) -> float:
        """A bound on the speed along x and along y."""
        drift = max(abs(self.drift_px_per_s[0]), abs(self.drift_px_per_s[1]))
        return float(2 * np.pi * self.frequency_hz * self.amplitude_px + drift)

    def integral(self, time_s: Float64) -> Float64:
        """Return an antiderivative of `at`, px s."""
        omega = 2 * np.pi * self.frequency_hz
        drift = 0.5 * np.multiply.outer(time_s**2, np.asarray(self.drift_px_per_s))
        if omega == 0:
            return np.asarray(drift)
        x = -self.amplitude_px * np.cos(omega * time_s) / omega
        y = -0.6 * self.amplitude_px * np.cos(0.7 * omega * time_s) / (0.7 * omega)
        return np.asarray(np.stack([x, y], axis=-1) + drift)


@dataclass(frozen=True, slots=True)
class Motion:
    """How the sound moves the surface.

    Attributes
    ----------
    rms_px
        RMS of the displacement's length over the moving part of the surface and over time.
    modes
        0: the surface moves rigidly and exactly as the sound. Otherwise the number of modes: each
        has a shape of its own, half of which moves against the other half, a direction, a resonance
        and a damping, all drawn from `seed`.
    direction_deg
        Of a rigid motion: 0 right, 90 down.
    lowest_hz, highest_hz
        Range of the modes' resonances, spread evenly in pitch.
    damping
        Damping ratio of the modes.
    object_share
        Share of the picture's width and height that the moving object takes up, in the middle; the
        background of the same texture stays still. 1 is the whole picture.
    seed
        Of the modes.

    Raises
    ------
    UsageError
        If a value cannot be right.
    """

    rms_px: float = 0.01
    modes: int = 0
    direction_deg: float = 30.0
    lowest_hz: float = 120.0
    highest_hz: float = 900.0
    damping: float = 0.08
    object_share: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        check("rms_px", self.rms_px, 0)
        check("modes", self.modes, 0, whole=True)
        check_finite("direction_deg", self.direction_deg)
        check_band(self.lowest_hz, self.highest_hz)
        check("damping", self.damping, 0, above=True)
        check("object_share", self.object_share, 0, 1, above=True)
        check("seed", self.seed, 0, whole=True)

    def shapes(self, height: int, width: int) -> Float64:
        """Return ``(mode, 2, height, width)`` displacement shapes, each of unit RMS length."""
        mask = _object_mask(height, width, self.object_share)
        if self.modes == 0:
            angle = np.deg2rad(self.direction_deg)
            direction = np.array([np.cos(angle), np.sin(angle)])
            shapes = direction[None, :, None, None] * np.ones((1, 2, height, width))
        else:
            shapes = _mode_shapes(self.modes, height, width, self.seed)
        shapes = shapes * mask
        square = (shapes**2).sum(axis=1).sum(axis=(1, 2)) / max(mask.sum(), 1)
        return np.asarray(shapes / np.sqrt(square)[:, None, None, None])

    def resonances_hz(self) -> Float64:
        """Return the ``(mode,)`` resonance frequencies; empty for a rigid motion."""
        rng = np.random.default_rng([self.seed, 3])
        steps = (np.arange(self.modes) + rng.uniform(0.2, 0.8, self.modes)) / max(self.modes, 1)
        return np.asarray(self.lowest_hz * (self.highest_hz / self.lowest_hz) ** steps)

    def courses(self, sound: Float64, rate_hz: float, shapes: Float64, filmed: int) -> Float64:
        """Return ``(mode, sample)`` time courses in px of the shapes, driven by `sound`.

        A mode is a damped resonator driven by the sound as a force, its response to frequency f
        ``1 / (1 - (f / f0)² + 2 i damping f / f0)``, applied without wrapping round. The sum of
        shapes times courses has the RMS length `rms_px` over the first `filmed` samples.
        """
        if self.modes == 0:
            courses = sound[None, :].astype(float)
        else:
            padded = 1 << int(np.ceil(np.log2(len(sound) + rate_hz)))
            spectrum = np.fft.rfft(sound, padded)
            ratio = np.fft.rfftfreq(padded, 1 / rate_hz) / self.resonances_hz()[:, None]
            gain = np.random.default_rng([self.seed, 5]).uniform(0.5, 1.0, self.modes)
            response = gain[:, None] / (1 - ratio**2 + 2j * self.damping * ratio)
            courses = np.fft.irfft(response * spectrum, padded)[:, : len(sound)]
        moving = (shapes**2).sum(axis=(0, 1)) > 0
        overlap = np.einsum("aihw,bihw->ab", shapes, shapes) / max(moving.sum(), 1)
        seen = courses[:, :filmed]
        rms = np.sqrt(np.einsum("at,bt,ab->", seen, seen, overlap, optimize=True) / seen.shape[1])
        return np.asarray(courses * (self.rms_px / rms if rms > 0 else 0.0))


def _mode_shapes(modes: int, height: int, width: int, seed: int) -> Float64:
    # Standing waves of growing order under a slow random distortion, each with its own direction.
    rng = np.random.default_rng([seed, 1])
    y, x = np.meshgrid(np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij")
    shapes = np.empty((modes, 2, height, width))
    orders = [(1, 0), (0, 1), (1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (1, 3), (3, 2), (2, 3)]
    for number in range(modes):
        nx, ny = orders[number % len(orders)]
        bend = rng.uniform(-0.12, 0.12, 4)
        u = x + bend[0] * np.sin(np.pi * y) + bend[1]
        v = y + bend[2] * np.sin(np.pi * x) + bend[3]
        shape = np.cos(np.pi * nx * u) * np.cos(np.pi * ny * v)
        angle = rng.uniform(0, 2 * np.pi)
        shapes[number] = np.stack([np.cos(angle) * shape, np.sin(angle) * shape])
    return shapes


def _object_mask(height: int, width: int, share: float) -> Float64:
    # 1 inside, 0 outside, with an edge of a few pixels, along which the surface stretches.
    if share >= 1:
        return np.ones((height, width))
    edges = []
    for size in (height, width):
        distance = share * size / 2 - np.abs(np.arange(size) - (size - 1) / 2)
        edges.append(np.clip(distance / 6 + 0.5, 0, 1))
    ramp = np.outer(edges[0], edges[1])
    return np.asarray(ramp**2 * (3 - 2 * ramp))
