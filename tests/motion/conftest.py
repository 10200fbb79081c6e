"""An exact renderer of its own: sums of sinusoids, evaluated where they have moved to."""

from dataclasses import dataclass
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from phonoscope.motion import cut, measure_frames
from phonoscope.types import Frame


@dataclass(frozen=True)
class World:
    """A texture of random sinusoids below 0.6 of Nyquist, exact at any displacement."""

    width: int
    height: int
    omega: np.ndarray  # (wave, 2), radians a px
    phasor: np.ndarray  # (wave,) complex
    mean: float

    @classmethod
    def make(cls, width, height, *, seed=0, contrast=40.0, mean=120.0, waves=200):
        rng = np.random.default_rng(seed)
        radius = 0.6 * np.pi * np.sqrt(rng.uniform(0.003, 1, waves))
        angle = rng.uniform(0, 2 * np.pi, waves)
        omega = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
        phase = rng.uniform(0, 2 * np.pi, waves)
        return cls(width, height, omega, contrast * np.sqrt(2 / waves) * np.exp(1j * phase), mean)

    def _sum(self, factor, u):
        c = factor * self.phasor * np.exp(-1j * (self.omega @ np.asarray(u, float)))
        along_x = np.exp(1j * np.outer(self.omega[:, 0], np.arange(self.width)))
        along_y = np.exp(1j * np.outer(np.arange(self.height), self.omega[:, 1]))
        return ((along_y * c) @ along_x).real

    def image(self, u=(0.0, 0.0)):
        """Return the noise-free ``(height, width)`` picture moved by `u`."""
        return self.mean + self._sum(1.0, u)

    def gradient(self):
        """Return the exact ``(height, width, 2)`` gradient at rest."""
        return np.stack([self._sum(1j * self.omega[:, k], (0, 0)) for k in (0, 1)], -1)


@dataclass(frozen=True)
class Camera:
    """Read noise (grey levels), shot noise (variance a grey level), bits."""

    read: float = 1.0
    shot: float = 0.0
    bits: int = 8
    gain: float = 1.0  # grey levels of the sensor for one of an 8-bit picture

    def shoot(self, picture, rng):
        picture = picture * self.gain
        spread = np.sqrt(self.read**2 + self.shot * np.maximum(picture, 0))
        seen = np.rint(picture + spread * rng.standard_normal(picture.shape))
        return np.clip(seen, 0, 2**self.bits - 1).astype(np.uint8 if self.bits == 8 else np.uint16)


class Lab:
    """What the tests draw with."""

    World = World
    Camera = Camera

    @staticmethod
    def film(world, motion, camera, *, seed=1, light=None):
        rng = np.random.default_rng(seed)
        light = np.ones(len(motion)) if light is None else light
        return [camera.shoot(g * world.image(u), rng) for u, g in zip(motion, light, strict=True)]

    @staticmethod
    def frames(lumas, rate=1000):
        return [Frame(n, Fraction(n, rate), luma) for n, luma in enumerate(lumas)]

    @classmethod
    def measure(cls, lumas, *, cell=16, bits=8, regions=()):
        height, width = lumas[0].shape
        grids = cut(width, height, regions, cell)
        m = measure_frames(cls.frames(lumas), grids, bits=bits)
        segments = sorted(m.segments(), key=lambda segment: segment.number)
        blocks = [block for segment in segments for block in segment.blocks]
        lost = [index for segment in segments for index in segment.lost]
        motion = np.concatenate([b.motion for b in blocks]).astype(float)
        gain = np.concatenate([b.gain for b in blocks]).astype(float)
        lengths = [len(b.time_s) for b in blocks]
        information = np.average([b.information for b in blocks], axis=0, weights=lengths)
        known = {name: getattr(m, name) for name in ("cells", "noise", "picture")}
        return (
            SimpleNamespace(**known, reference_frames=m.reference_frames, lost=lost),
            motion, gain, information,
        )  # fmt: skip

    @staticmethod
    def claimed(information):
        """Return ``(cell, 2)`` claimed standard deviations of x and y."""
        inverse = np.linalg.pinv(information, rcond=1e-9, hermitian=True)
        own = np.diagonal(inverse, axis1=1, axis2=2)[:, :2]
        return np.sqrt(np.where(own > 0, own, np.inf))

    @staticmethod
    def wander(samples, rms, seed=5):
        return rms * np.random.default_rng(seed).standard_normal((samples, 2))


@pytest.fixture(scope="session")
def lab():
    return Lab
