"""What a scene is composed of: objects, each with a sound of its own, and what is behind them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from phonoscope.errors import UsageError
from phonoscope.scene.body import Body, Region
from phonoscope.scene.camera import Camera
from phonoscope.scene.checks import check
from phonoscope.scene.gloss import Gloss
from phonoscope.scene.motion import Motion, Sway
from phonoscope.scene.texture import Texture
from phonoscope.types import Float32, Float64

_SINES = 4  # of a background's motion in each of its modes


@dataclass(frozen=True, eq=False)
class Layer:
    """A further object of a scene, in front of the ones before it.

    Attributes
    ----------
    texture, motion, gloss
        See there.
    sound
        ``(sample,)`` what is played to it, at the scene's `sound_rate_hz`.
    region
        (x, y, width, height) px that it fills at rest, at least 8 px each way; its edges are 3 px
        wide, lie on the region's and move with it. An edge on the frame's border goes on outside.
        None for the whole frame.
    more_sounds
        Further sounds that shake the same object, each through the modes in its own way: see
        `Motion.participation`.
    """

    texture: Texture
    motion: Motion
    sound: Float64
    region: Region | None = None
    gloss: Gloss = field(default_factory=Gloss)
    more_sounds: Sequence[Float64] = ()

    @property
    def sounds(self) -> tuple[Float64, ...]:
        """All its sounds."""
        return (self.sound, *self.more_sounds)

    def body(self, camera: Camera, sway: Sway, samples: int, rate_hz: int) -> Body:
        """Return it ready to be filmed for a number of samples (frames)."""
        motion = self.motion
        _, _, width, height = self.region or (0, 0, camera.width, camera.height)
        filmed = math.ceil(samples / camera.fps * rate_hz)
        heard = [fitted(sound, filmed + rate_hz) for sound in self.sounds]
        shapes = motion.shapes(height, width).astype(np.float32)
        courses = motion.courses(heard, rate_hz, shapes.astype(np.float64), filmed)
        responses = np.zeros((0, camera.height, camera.width), np.float32)
        if self.gloss.rms > 0:
            own = self.gloss.responses(motion, courses[:, :filmed], height, width)
            responses = _spread(own, self.region, camera)
        return Body(
            camera=camera,
            texture=self.texture,
            sway=sway,
            samples=samples,
            region=self.region,
            shapes=_spread(shapes, self.region, camera),
            responses=responses,
            courses=courses,
            rate_hz=rate_hz,
            uniform=motion.modes == 0 and motion.object_share >= 1,
        )


@dataclass(frozen=True, slots=True)
class Background:
    """What is behind the objects of a scene; it hears nothing, yet may move: leaves, passers-by.

    Attributes
    ----------
    texture
        See there.
    rms_px
        RMS of its displacement's length over the frame and over a long time. 0 stands still.
    highest_hz
        It moves in `modes` standing waves (see `Motion`), each with sines at random frequencies
        from a tenth of this up to it.
    modes
        Their number.
    seed
        Of its motion.

    Raises
    ------
    UsageError
        If a value cannot be right.
    """

    texture: Texture = Texture("leaves")  # noqa: RUF009 - frozen
    rms_px: float = 0.0
    highest_hz: float = 4.0
    modes: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        check("the background's rms_px", self.rms_px, 0)
        check("the background's highest_hz", self.highest_hz, 0, above=True)
        check("the background's modes", self.modes, 1, whole=True)
        check("seed", self.seed, 0, whole=True)

    def body(self, camera: Camera, sway: Sway, samples: int, rate_hz: int) -> Body:
        """Return it ready to be filmed for a number of samples (frames)."""
        moves = self.rms_px > 0
        motion = Motion(self.rms_px, modes=self.modes if moves else 0, seed=self.seed)
        shapes = motion.shapes(camera.height, camera.width).astype(np.float32)
        time = np.arange(math.ceil(samples / camera.fps * rate_hz) + rate_hz) / rate_hz
        return Body(
            camera=camera,
            texture=self.texture,
            sway=sway,
            samples=samples,
            region=None,
            shapes=shapes,
            responses=np.zeros((0, camera.height, camera.width), np.float32),
            courses=np.array([self._course(mode, time) for mode in range(len(shapes))]),
            rate_hz=rate_hz,
            uniform=not moves,
        )

    def _course(self, mode: int, time: Float64) -> Float64:
        rng = np.random.default_rng([self.seed, 19, mode])
        hz = self.highest_hz * 10 ** -rng.uniform(0, 1, _SINES)
        phase = rng.uniform(0, 2 * np.pi, _SINES)
        each = self.rms_px * math.sqrt(2 / (_SINES * self.modes))
        waves = (each * np.sin(2 * np.pi * f * time + p) for f, p in zip(hz, phase, strict=True))
        return np.asarray(sum(waves, np.zeros_like(time)))


def fitted(sound: Float64, length: int) -> Float64:
    """Return the first `length` samples of a sound, with silence after its end."""
    heard = np.zeros(length)
    count = min(length, len(sound))
    heard[:count] = sound[:count]
    return heard


def check_layer(layer: Layer, camera: Camera) -> None:
    """Raise `UsageError` unless a layer lies in the picture, and its gloss has a motion."""
    if layer.gloss.rms > 0 and layer.motion.rms_px == 0:
        raise UsageError(
            f"a gloss of rms {layer.gloss.rms} on a surface that does not move has no tilt; give "
            "rms_px above 0, however little, or no gloss."
        )
    if layer.region is None:
        return
    x, y, width, height = layer.region
    check("a region's x", x, 0, camera.width - 8, whole=True)
    check("a region's y", y, 0, camera.height - 8, whole=True)
    check("a region's width", width, 8, camera.width - x, whole=True)
    check("a region's height", height, 8, camera.height - y, whole=True)


def _spread(field: Float64 | Float32, region: Region | None, camera: Camera) -> Float32:
    """Return a field over a region, ``(..., height, width)``, continued over the whole frame."""
    if region is None:
        return np.asarray(field, np.float32)
    x, y, width, height = region
    around = (y, camera.height - y - height), (x, camera.width - x - width)
    still = ((0, 0),) * (field.ndim - 2)
    return np.pad(np.asarray(field, np.float32), (*still, *around), mode="edge")
