"""How a surface moves when it hears: rigidly or in modes, and how the camera sways."""

from collections.abc import Sequence
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
        and a damping, all drawn from `seed`. Where several sounds shake one surface, each drives
        the modes by its own `participation`; a rigid surface hears only their sum.
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
            shapes = self._direction * np.ones((1, 2, height, width))
        else:
            shapes = _mode_shapes(self.modes, height, width, self.seed)
        shapes = shapes * mask
        square = (shapes**2).sum(axis=1).sum(axis=(1, 2)) / max(mask.sum(), 1)
        return np.asarray(shapes / np.sqrt(square)[:, None, None, None])

    def tilts(self, height: int, width: int) -> Float64:
        """Return ``(mode, 2, height, width)`` tilts along x and y, in units of no meaning.

        A mode's tilt is the slope of its standing wave, as the height of a drumhead; a rigid
        surface rocks as a whole, in its direction of motion.
        """
        mask = _object_mask(height, width, self.object_share)
        if self.modes == 0:
            return np.asarray(self._direction * mask)
        waves, _ = _standing_waves(self.modes, height, width, self.seed)
        slopes = [np.gradient(waves, axis=axis) for axis in (2, 1)]
        return np.asarray(np.stack(slopes, axis=1) * mask)

    @property
    def _direction(self) -> Float64:
        angle = np.deg2rad(self.direction_deg)
        return np.array([np.cos(angle), np.sin(angle)])[None, :, None, None]

    def participation(self, sources: int) -> Float64:
        """Return ``(source, mode)`` factors by which each of several sounds drives each mode.

        The first drives all modes alike in sign, each further one some of them the other way.
        """
        first = np.random.default_rng([self.seed, 5]).uniform(0.5, 1.0, self.modes)
        rng = np.random.default_rng([self.seed, 9])
        further = [
            rng.uniform(0.3, 1.0, self.modes) * rng.choice([-1.0, 1.0], self.modes)
            for _ in range(1, sources)
        ]
        return np.array([first, *further])

    def resonances_hz(self) -> Float64:
        """Return the ``(mode,)`` resonance frequencies; empty for a rigid motion."""
        rng = np.random.default_rng([self.seed, 3])
        steps = (np.arange(self.modes) + rng.uniform(0.2, 0.8, self.modes)) / max(self.modes, 1)
        return np.asarray(self.lowest_hz * (self.highest_hz / self.lowest_hz) ** steps)

    def courses(
        self, sounds: Sequence[Float64], rate_hz: float, shapes: Float64, filmed: int
    ) -> Float64:
        """Return ``(mode, sample)`` time courses in px of the shapes, driven by `sounds`.

        A mode is a damped resonator driven by the sound as a force, its response to frequency f
        ``1 / (1 - (f / f0)² + 2 i damping f / f0)``, applied without wrapping round. The sum of
        shapes times courses has the RMS length `rms_px` over the first `filmed` samples. Of several
        sounds, each by itself would move the surface equally far.
        """
        drive = self.participation(len(sounds))
        parts = [self._driven(*each, rate_hz) for each in zip(sounds, drive, strict=True)]
        if len(parts) == 1:
            courses = parts[0]
        else:
            lengths = [rms_of(part[:, :filmed], shapes) for part in parts]
            courses = sum(
                (part / rms for part, rms in zip(parts, lengths, strict=True) if rms > 0),
                np.zeros_like(parts[0]),
            )
        rms = rms_of(courses[:, :filmed], shapes)
        return np.asarray(courses * (self.rms_px / rms if rms > 0 else 0.0))

    def _driven(self, sound: Float64, drive: Float64, rate_hz: float) -> Float64:
        if self.modes == 0:
            return sound[None, :].astype(float)
        padded = 1 << int(np.ceil(np.log2(len(sound) + rate_hz)))
        spectrum = np.fft.rfft(sound, padded)
        ratio = np.fft.rfftfreq(padded, 1 / rate_hz) / self.resonances_hz()[:, None]
        response = drive[:, None] / (1 - ratio**2 + 2j * self.damping * ratio)
        return np.asarray(np.fft.irfft(response * spectrum, padded)[:, : len(sound)])


def rms_of(courses: Float64, shapes: Float64) -> float:
    """Return the RMS, over time and the part that takes part, of shapes times courses.

    `courses` are ``(mode, sample)``, `shapes` ``(mode, component, height, width)``.
    """
    moving = (shapes**2).sum(axis=(0, 1)) > 0
    overlap = np.einsum("aihw,bihw->ab", shapes, shapes) / max(moving.sum(), 1)
    square = np.einsum("at,bt,ab->", courses, courses, overlap, optimize=True) / courses.shape[1]
    return float(np.sqrt(square))


def _mode_shapes(modes: int, height: int, width: int, seed: int) -> Float64:
    waves, angles = _standing_waves(modes, height, width, seed)
    shapes = np.empty((modes, 2, height, width))
    for number, (wave, angle) in enumerate(zip(waves, angles, strict=True)):
        shapes[number] = np.stack([np.cos(angle) * wave, np.sin(angle) * wave])
    return shapes


def _standing_waves(modes: int, height: int, width: int, seed: int) -> tuple[Float64, Float64]:
    # Standing waves of growing order under a slow random distortion, each with its own direction.
    rng = np.random.default_rng([seed, 1])
    y, x = np.meshgrid(np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij")
    waves, angles = np.empty((modes, height, width)), np.empty(modes)
    orders = [(1, 0), (0, 1), (1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (1, 3), (3, 2), (2, 3)]
    for number in range(modes):
        nx, ny = orders[number % len(orders)]
        bend = rng.uniform(-0.12, 0.12, 4)
        u = x + bend[0] * np.sin(np.pi * y) + bend[1]
        v = y + bend[2] * np.sin(np.pi * x) + bend[3]
        waves[number] = np.cos(np.pi * nx * u) * np.cos(np.pi * ny * v)
        angles[number] = rng.uniform(0, 2 * np.pi)
    return waves, angles


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
