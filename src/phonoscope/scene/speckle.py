"""Laser speckle: the pattern that a rough surface throws on a camera that is out of focus.

The pupil of the lens sees a random field, and cuts out of it what makes the picture. A tilt of the
surface turns the field, so that it passes across the pupil. Out of focus that moves the picture as
a whole; and what enters the pupil on one side, and leaves on the other, makes the picture boil:
when the field has moved by the width of the pupil, the pattern is another (Goodman, Speckle
Phenomena in Optics, 2007, chapter 5).
"""

import importlib
import math
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import UsageError
from phonoscope.scene.camera import Camera
from phonoscope.scene.checks import check, check_finite, check_sound
from phonoscope.scene.filmed import Filmed
from phonoscope.scene.layer import fitted
from phonoscope.scene.motion import Sway
from phonoscope.types import Float64

_MEAN = 0.2  # of full scale: one pixel in 150 is brighter than that
_MARGIN_PX = 32  # by which the field is larger than the picture: it returns on the other side
_BLUR = 0.125  # of a speckle, from one instant of an exposure to the next
_MOST_INSTANTS = 16
_FIELDS = 3  # one after the other: points of the first age are of the next one already
_SMOOTH = 1.0  # width of the pupil's edge, in steps of the field's grid: fields enter gently

Complex = NDArray[np.complex64]


@dataclass(frozen=True, eq=False)
class Speckle(Filmed):
    """Laser speckle that moves as the sound tilts the surface, and the camera that films it.

    Attributes
    ----------
    camera
        See there. `exposure_s` blurs the pattern as it moves; line delay is not simulated.
    sound
        ``(sample,)`` what is played to the surface; silence follows when it ends.
    sound_rate_hz
        Its rate; at least four times its highest frequency.
    samples
        Number of frames.
    rms_px
        RMS shift of the pattern by the sound.
    direction_deg
        Of that shift: 0 right, 90 down.
    sway
        Slow shift beside it.
    grain_px
        Size of a speckle: wavelength times f-number, in pixels; at least 2, which is what pixels
        can resolve.
    boil_px
        Shift by which the pattern has become another; infinite in the plane where it never does.
    boil_s
        Time after which the pattern has become another even if nothing moves; infinite for never.
    uneven
        Loss of light from the middle of the picture to its corners, which does not move.
    seed
        Of the pattern and the noise; frame n has the same noise whatever range is rendered.

    Raises
    ------
    UsageError
        If a value cannot be right, or the sound is shorter than 8 samples.
    """

    camera: Camera
    sound: Float64
    sound_rate_hz: int
    samples: int
    rms_px: float = 0.5
    direction_deg: float = 30.0
    sway: Sway = field(default_factory=Sway)
    grain_px: float = 4.0
    boil_px: float = 100.0
    boil_s: float = math.inf
    uneven: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        check("a scene's number of samples (frames)", self.samples, 1, whole=True)
        check("seed", self.seed, 0, whole=True)
        check("rms_px", self.rms_px, 0)
        check_finite("direction_deg", self.direction_deg)
        check("grain_px", self.grain_px, 2)
        check("uneven", self.uneven, 0, 1)
        for name in ("boil_px", "boil_s"):
            if getattr(self, name) != math.inf:
                check(name, getattr(self, name), 0, above=True)
        check_sound(self.sound, self.sound_rate_hz)
        if self.camera.line_delay_s:
            raise UsageError(
                f"a line delay of {self.camera.line_delay_s:g} s is not simulated for speckle; "
                "give 0."
            )

    @property
    def truth(self) -> "SpeckleTruth":
        """Everything that there is to know about the scene."""
        return SpeckleTruth(self)

    def shift_at(self, time_s: Float64) -> Float64:
        """Return ``(..., 2)`` shift (x, y) of the pattern at `time_s`, px."""
        from scipy.ndimage import map_coordinates  # slow to import

        at = np.asarray(time_s, np.float64) * self.sound_rate_hz
        first = min(max(int(at.min()) - 32, 0), len(self._course))  # a spline's reach is shorter
        near = self._course[first : max(int(at.max()) + 33, first)]
        moved = np.zeros_like(at)
        if len(near):
            moved = map_coordinates(near, [at.ravel() - first], order=3).reshape(at.shape)
        angle = np.deg2rad(self.direction_deg)
        along = np.stack([np.cos(angle) * moved, np.sin(angle) * moved], axis=-1)
        return np.asarray(along + self.sway.at(np.asarray(time_s)))

    def instants_s(self, number: int) -> Float64:
        """Return ``(instant,)`` moments of a frame's exposure whose mean the frame is, s."""
        start, length = number / float(self.camera.fps), self.camera.exposure_s
        if length == 0:
            return np.array([start])
        ends = self.shift_at(start + np.linspace(0, length, 5))
        path = float(np.abs(np.diff(ends, axis=0)).sum())
        count = min(_MOST_INSTANTS, 1 + math.ceil(path / (_BLUR * self.grain_px)))
        return np.asarray(start + (np.arange(count) + 0.5) / count * length)

    def linear_frame(self, number: int) -> Float64:
        instants = self.instants_s(number)
        pictures = [
            self._pattern(shift, float(time))
            for shift, time in zip(self.shift_at(instants), instants, strict=True)
        ]
        picture = np.mean(pictures, axis=0) * self._spot
        light = self.camera.light(self.camera.row_times_s(number))
        scale = self.camera.full_scale * self.camera.brightness * _MEAN
        return np.asarray(picture * (scale * light)[:, None], np.float64)

    def _pattern(self, shift_px: Float64, time_s: float) -> NDArray[np.float32]:
        """Return ``(height, width)`` intensity of mean 1."""
        from scipy.fft import ifft2

        size = self._size
        # Where in the field the pupil is, in steps of its grid, and what it lets through.
        middle = [-shift / self.boil_px * n / self.grain_px
                  for shift, n in zip(shift_px[::-1], size, strict=True)]  # fmt: skip
        radius = [n / (2 * self.grain_px) for n in size]
        steps = [np.arange(math.floor(m - r) - 1, math.ceil(m + r) + 2)
                 for m, r in zip(middle, radius, strict=True)]  # fmt: skip
        y, x = ((k - m) / r for k, m, r in zip(steps, middle, radius, strict=True))
        distance = np.hypot(y[:, None], x[None, :])
        pupil = np.clip((1 - distance) * min(radius) / _SMOOTH + 0.5, 0, 1)
        # A shift of the picture is a slope of the phase in the pupil.
        turns = [-2j * np.pi * k * shift / n
                 for k, shift, n in zip(steps, shift_px[::-1], size, strict=True)]  # fmt: skip
        rows, columns = (k % n for k, n in zip(steps, size, strict=True))
        there = np.ix_(rows, columns)
        seen = self._field(time_s, there) * pupil
        seen = seen * np.exp(turns[0])[:, None] * np.exp(turns[1])[None, :]
        wave = np.zeros(size, np.complex64)
        wave[there] = seen / math.sqrt(float((pupil**2).sum()))
        wave = ifft2(wave, norm="forward", overwrite_x=True)
        wave = wave[: self.camera.height, : self.camera.width]
        return np.asarray(wave.real**2 + wave.imag**2, np.float32)

    def _field(self, time_s: float, there: tuple[NDArray[np.int64], ...]) -> Complex:
        """Return the part of the field that the pupil sees; each point changes in its own time."""
        if self.boil_s == math.inf:
            return _random_field(self.seed, 0, self._size)[there]
        age = time_s / self.boil_s
        first = math.floor(age)
        turned = age - first + self._age[there]
        next_one = turned >= 1
        turn = np.pi / 2 * (turned - next_one)
        zero, one, two = (
            _random_field(self.seed, first + n, self._size)[there] for n in range(_FIELDS)
        )
        old, new = np.where(next_one, one, zero), np.where(next_one, two, one)
        return np.asarray(np.cos(turn) * old + np.sin(turn) * new, np.complex64)

    @cached_property
    def _age(self) -> NDArray[np.float32]:
        # Were all of one age, the whole pattern would change its course at one instant.
        return np.random.default_rng([self.seed, 11]).random(self._size, np.float32)

    @cached_property
    def _size(self) -> tuple[int, int]:
        from scipy.fft import next_fast_len

        height, width = (next_fast_len(n + _MARGIN_PX)
                         for n in (self.camera.height, self.camera.width))  # fmt: skip
        return int(height), int(width)

    @cached_property
    def _spot(self) -> Float64:
        y, x = (np.linspace(-1, 1, n) for n in (self.camera.height, self.camera.width))
        return np.asarray(1 - self.uneven / 2 * (y[:, None] ** 2 + x[None, :] ** 2))

    @cached_property
    def _course(self) -> Float64:
        """``(sample,)`` shift by the sound, px."""
        sound = np.asarray(self.sound, np.float64)
        filmed = sound[: max(1, round(self.samples / self.camera.fps * self.sound_rate_hz))]
        rms = math.sqrt(float(np.mean(filmed**2)))
        return np.asarray(sound * (self.rms_px / rms if rms > 0 else 0.0))


@dataclass(frozen=True, eq=False)
class SpeckleTruth:
    """What is true of speckle.

    Attributes
    ----------
    scene
        The scene.
    """

    scene: Speckle

    @property
    def sounds(self) -> Float64:
        """``(1, sample)`` the sound that was played while the camera ran."""
        length = round(self.scene.samples / self.scene.camera.fps * self.sound_rate_hz)
        return np.asarray(fitted(np.asarray(self.scene.sound, np.float64), length)[None])

    @property
    def sound(self) -> Float64:
        """``(sample,)`` the same."""
        return np.asarray(self.sounds[0])

    @property
    def sound_rate_hz(self) -> int:
        """Rate of the sound."""
        return self.scene.sound_rate_hz

    def displacement_px(self, frames: NDArray[np.int64]) -> Float64:
        """Return ``(frame, 2)`` shift (x, y) of the pattern, averaged over the exposure, px."""
        scene = self.scene
        return np.array(
            [scene.shift_at(scene.instants_s(int(number))).mean(axis=0) for number in frames]
        )

    @property
    def record(self) -> dict[str, Any]:
        """Every parameter, and the versions that rendered, ready for JSON."""
        scene = self.scene
        own = ("rms_px", "direction_deg", "grain_px", "boil_px", "boil_s", "uneven")
        values = {name: getattr(scene, name) for name in own}
        return {
            "capture_fps": float(scene.camera.fps),
            "frames": scene.samples,
            "duration_s": scene.samples / float(scene.camera.fps),
            "speckle": {k: None if v == math.inf else v for k, v in values.items()},
            "sound_rate_hz": scene.sound_rate_hz,
            "seed": scene.seed,
            "camera": {**asdict(scene.camera), "fps": str(scene.camera.fps)},
            "sway": asdict(scene.sway),
            # By name: the package's root knows every room, so no room may know it.
            "versions": {
                name: str(importlib.import_module(name).__version__)
                for name in ("phonoscope", "numpy", "av")
            },
        }


@lru_cache(maxsize=_FIELDS)
def _random_field(seed: int, number: int, size: tuple[int, int]) -> Complex:
    random = np.random.default_rng([seed, 7, number])
    parts = random.standard_normal((2, *size), dtype=np.float32) / np.float32(math.sqrt(2))
    return np.asarray(parts[0] + 1j * parts[1], np.complex64)
