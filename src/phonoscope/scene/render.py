"""A scene: what is filmed, put together and rendered frame by frame."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from phonoscope.scene.body import Body, Region
from phonoscope.scene.camera import Camera
from phonoscope.scene.checks import check, check_sound
from phonoscope.scene.filmed import Filmed
from phonoscope.scene.gloss import Gloss
from phonoscope.scene.layer import Background, Layer, check_layer
from phonoscope.scene.motion import Motion, Sway
from phonoscope.scene.surface import Surface
from phonoscope.scene.texture import Texture
from phonoscope.types import Float32, Float64

if TYPE_CHECKING:
    from phonoscope.scene.truth import Truth


@dataclass(frozen=True, eq=False)
class Scene(Filmed):
    """A surface, what it hears, and the camera that films it; further objects, a background.

    Attributes
    ----------
    camera, texture, motion, sway, gloss
        See there.
    sound
        ``(sample,)`` what is played to the surface; silence follows when it ends.
    sound_rate_hz
        Its rate, and that of all other sounds; at least four times their highest frequency.
    samples
        Number of frames.
    seed
        Of the camera's noise; frame n has the same noise whatever range is rendered.
    region, more_sounds
        Of the surface, as those of a `Layer`.
    layers
        Further objects, each in front of the ones before it.
    background
        What is behind all objects, if the surface fills a `region` only.

    Raises
    ------
    UsageError
        If a value cannot be right, a sound is shorter than 8 samples, a region leaves the picture,
        or a glossy surface does not move at all.
    """

    camera: Camera
    texture: Texture
    motion: Motion
    sound: Float64
    sound_rate_hz: int
    samples: int
    sway: Sway = field(default_factory=Sway)
    seed: int = 0
    region: Region | None = None
    gloss: Gloss = field(default_factory=Gloss)
    more_sounds: Sequence[Float64] = ()
    layers: Sequence[Layer] = ()
    background: Background = field(default_factory=Background)

    def __post_init__(self) -> None:
        check("a scene's number of samples (frames)", self.samples, 1, whole=True)
        check("seed", self.seed, 0, whole=True)
        for layer in self.objects:
            check_layer(layer, self.camera)
            for sound in layer.sounds:
                check_sound(sound, self.sound_rate_hz)

    @property
    def objects(self) -> tuple[Layer, ...]:
        """All objects, from back to front: the surface itself, then the `layers`."""
        own = Layer(
            self.texture, self.motion, self.sound, self.region, self.gloss, self.more_sounds
        )
        return (own, *self.layers)

    def linear_frame(self, number: int) -> Float64:
        time = self.camera.row_times_s(number)
        picture = self._picture(time)
        light = self.camera.light(time)
        scale = self.camera.full_scale * self.camera.brightness
        return np.asarray(picture * (scale * light)[:, None])

    @cached_property
    def truth(self) -> "Truth":
        """Everything that there is to know about the scene."""
        from phonoscope.scene.truth import Truth  # which knows scenes

        return Truth(self)

    def _picture(self, time: Float64) -> Float32:
        sway = self.swayed(time)
        first, *others = self.bodies
        picture = first.painted(time, sway, None)
        for body in others:
            picture = body.painted(time, sway, picture)
        return picture

    def course(self, time: Float64) -> Float64:
        """Return ``(mode, time)`` courses of the surface's modes in px.

        Each is averaged over the exposure from `time` on.
        """
        return self._own.course(time)

    def swayed(self, time: Float64) -> Float64:
        """Return ``(time, 2)`` sway in px, averaged over the exposure from `time` on."""
        return self.camera.averaged(self.sway.integral, self.sway.at, time)

    @cached_property
    def bodies(self) -> tuple[Body, ...]:
        """What is painted, from back to front: the background if it shows, then the objects."""
        filmed = (self.camera, self.sway, self.samples, self.sound_rate_hz)
        bodies = tuple(layer.body(*filmed) for layer in self.objects)
        return bodies if self.region is None else (self.background.body(*filmed), *bodies)

    @property
    def _own(self) -> Body:
        return self.bodies[0 if self.region is None else 1]

    @property
    def _shapes(self) -> Float32:
        return self._own.shapes

    @property
    def _surface(self) -> Surface:
        return self._own.surface
