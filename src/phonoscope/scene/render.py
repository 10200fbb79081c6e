"""Render a scene, frame by frame, and tell the truth about it.

A pixel sees the surface at ``x - d(x, t)``. What the whole frame shares of the displacement d
(sway, and all of a rigid motion under a global shutter) is an exact shift of the picture's
spectrum; the rest, small, is a Taylor series in exact derivative images, of an order that leaves
less than 3e-5 of the contrast.
"""

import importlib
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import UsageError
from phonoscope.scene.camera import Camera
from phonoscope.scene.checks import check, check_sound
from phonoscope.scene.motion import Motion, Sway
from phonoscope.scene.surface import Surface, exponents_of, taylor
from phonoscope.scene.texture import Texture
from phonoscope.types import Float32, Float64, Luma

_MARGIN_PX = 12
_TRUNCATION = 3e-5
_FASTEST_TEXTURE = 2.2  # rad/px: little texture is left beyond, by lens and pixel
_HIGHEST_ORDER = 8


@dataclass(frozen=True, eq=False)
class Scene:
    """A surface, what it hears, and the camera that films it.

    Attributes
    ----------
    camera, texture, motion, sway
        See there.
    sound
        ``(sample,)`` what is played to the surface; silence follows when it ends.
    sound_rate_hz
        Its rate, at least four times its highest frequency.
    samples
        Number of frames.
    seed
        Of the camera's noise; frame n has the same noise whatever range is rendered.

    Raises
    ------
    UsageError
        If a value cannot be right, or the sound is shorter than 8 samples.
    """

    camera: Camera
    texture: Texture
    motion: Motion
    sound: Float64
    sound_rate_hz: int
    samples: int
    sway: Sway = field(default_factory=Sway)
    seed: int = 0

    def __post_init__(self) -> None:
        check("a scene's number of samples (frames)", self.samples, 1, whole=True)
        check("seed", self.seed, 0, whole=True)
        check_sound(self.sound, self.sound_rate_hz)
        if len(self.sound) < 8:
            raise UsageError(
                f"{len(self.sound)} samples of sound are too short to render; give at least 8."
            )

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Luma]:
        """Yield ``(height, width)`` uint8 or uint16 frames from `start` to before `stop`.

        Raises
        ------
        UsageError
            If `start` or `stop` is negative.
        """
        end = self.samples if stop is None else stop
        check("start", start, 0, whole=True)
        check("stop", end, 0, whole=True)
        return (self._filmed(number) for number in range(start, min(end, self.samples)))

    def clean_frame(self, number: int) -> Float64:
        """Return the ``(height, width)`` noiseless frame, in units of the least significant bit.

        As the curve of the camera's `gamma` makes it, but neither rounded nor clipped.
        """
        return self.camera.curved(self._linear_frame(number))

    def _filmed(self, number: int) -> Luma:
        noise = np.random.default_rng([self.seed, 13, number])
        return self.camera.capture(self._linear_frame(number), noise)

    def _linear_frame(self, number: int) -> Float64:
        check("frame", number, 0, whole=True)
        time = self.camera.row_times_s(number)
        picture = self._picture(time)
        light = self.camera.light(time)
        scale = self.camera.full_scale * self.camera.brightness
        return np.asarray(picture * (scale * light)[:, None])

    @cached_property
    def truth(self) -> "Truth":
        """Everything that there is to know about the scene."""
        return Truth(self)

    def _picture(self, time: Float64) -> Float32:
        surface = self._surface
        courses = self.course(time)
        sway = self.swayed(time)
        shared = sway.mean(axis=0)
        if self.motion.modes == 0 and self.camera.line_delay_s == 0 and self._moves_whole:
            whole = surface.moved(shared + courses[0, 0] * self._shapes[0, :, 0, 0], 0)
            return np.asarray(whole[0])
        order = self._order
        derivatives = surface.moved(shared, order) if shared.any() else self._at_rest
        result = np.empty((self.camera.height, self.camera.width), np.float32)
        rest = (sway - shared).astype(np.float32)
        taylor(
            derivatives, exponents_of(order), self._shapes, courses.astype(np.float32), rest, result
        )
        return result

    def course(self, time: Float64) -> Float64:
        """Return ``(mode, time)`` courses in px, each averaged over the exposure from `time` on."""
        spline, integral = self._splines
        end = spline.x[-1]

        def inside(t: Float64) -> Float64:
            return np.clip(t, 0, end)

        return np.asarray(
            self.camera.averaged(lambda t: integral(inside(t)), lambda t: spline(inside(t)), time).T
        )

    def swayed(self, time: Float64) -> Float64:
        """Return ``(time, 2)`` sway in px, averaged over the exposure from `time` on."""
        return self.camera.averaged(self.sway.integral, self.sway.at, time)

    @cached_property
    def _splines(self) -> tuple[Any, Any]:
        from scipy.interpolate import CubicSpline  # slow to import

        filmed = math.ceil(self.samples / self.camera.fps * self.sound_rate_hz)
        needed = filmed + self.sound_rate_hz
        heard = np.zeros(needed)
        count = min(needed, len(self.sound))
        heard[:count] = self.sound[:count]
        courses = self.motion.courses(
            heard, self.sound_rate_hz, self._shapes.astype(np.float64), filmed
        )
        spline = CubicSpline(np.arange(needed) / self.sound_rate_hz, courses.T)
        return spline, spline.antiderivative()

    @cached_property
    def _shapes(self) -> Float32:
        return self.motion.shapes(self.camera.height, self.camera.width).astype(np.float32)

    @property
    def _moves_whole(self) -> bool:
        return self.motion.object_share >= 1

    @cached_property
    def _surface(self) -> "Surface":
        frame = np.arange(self.samples + 1) / float(self.camera.fps)
        reach = math.ceil(float(np.abs(self.sway.at(frame)).max())) + _MARGIN_PX
        return Surface.of(self.texture, self.camera, reach)

    @cached_property
    def _order(self) -> int:
        time = np.arange(self.samples + 1) / float(self.camera.fps)
        # Shapes are smooth: every eighth pixel tells how far the surface moves.
        shapes = self._shapes[:, :, ::8, ::8].reshape(len(self._shapes), -1)
        courses = self.course(time).T
        if self.camera.line_delay_s:
            # Rows see what happens between the frames; a tone may be zero at every frame's start.
            courses = self._splines[0](self._splines[0].x)
        largest = max(
            float(np.abs(part @ shapes).max())
            for part in np.array_split(courses, len(courses) // 1000 + 1)
        )
        rows = self.camera.height * self.camera.line_delay_s
        reach = (largest + self.sway.top_speed_px_per_s * rows) * _FASTEST_TEXTURE
        order = 1
        while reach ** (order + 1) / math.factorial(order + 1) > _TRUNCATION:
            order += 1
        if order > _HIGHEST_ORDER:
            raise UsageError(
                f"a surface that moves by up to {largest:.2g} px within a frame cannot be rendered "
                "exactly; lower rms_px."
            )
        return order

    @cached_property
    def _at_rest(self) -> Float32:
        return self._surface.moved(np.zeros(2), self._order)


@dataclass(frozen=True, eq=False)
class Truth:
    """What is true of a scene.

    Attributes
    ----------
    scene
        The scene.
    """

    scene: Scene

    @property
    def sound(self) -> Float64:
        """``(sample,)`` the sound that was played while the camera ran."""
        length = round(self.scene.samples / self.scene.camera.fps * self.sound_rate_hz)
        heard = np.zeros(length)
        count = min(length, len(self.scene.sound))
        heard[:count] = self.scene.sound[:count]
        return heard

    @property
    def sound_rate_hz(self) -> int:
        """Its rate."""
        return self.scene.sound_rate_hz

    @cached_property
    def image(self) -> Float64:
        """``(height, width)`` the clean picture at rest, in units of the least significant bit.

        As `Scene.clean_frame`, under a lamp that does not flicker.
        """
        return self.scene.camera.curved(np.asarray(self._at_rest(0)[0]))

    @cached_property
    def gradient(self) -> Float64:
        """``(height, width, 2)`` exact derivatives (x, y) of `image`."""
        derivatives = self._at_rest(1)
        where = [tuple(e) for e in exponents_of(1)]
        linear = [derivatives[where.index((1, 0))], derivatives[where.index((0, 1))]]
        return np.stack(linear, -1) * self.scene.camera.slope(self.image)[..., None]

    @cached_property
    def noise_variance(self) -> Float64:
        """``(height, width)`` variance of each pixel of `image`: see `Camera.noise_variance`."""
        return self.scene.camera.noise_variance(self.image)

    def displacement_px(
        self, frames: NDArray[np.int64], x: NDArray[np.int64], y: NDArray[np.int64]
    ) -> Float64:
        """Return ``(frame, point, 2)`` displacement (x, y) at whole pixels, px.

        Displacements are averaged over the exposure, as `Camera.exposure_s` says.
        """
        scene = self.scene
        result = np.empty((len(frames), len(x), 2))
        shapes = scene._shapes[:, :, y, x].astype(np.float64)
        for index, number in enumerate(frames):
            time = scene.camera.row_times_s(int(number))
            courses = scene.course(time)[:, y]
            moved = np.einsum("mqp,mp->pq", shapes, courses)
            result[index] = moved + scene.swayed(time)[y]
        return result

    @property
    def record(self) -> dict[str, Any]:
        """Every parameter, and the versions that rendered, ready for JSON."""
        scene = self.scene
        camera = {**asdict(scene.camera), "fps": str(scene.camera.fps)}
        return {
            "capture_fps": float(scene.camera.fps),
            "frames": scene.samples,
            "duration_s": scene.samples / float(scene.camera.fps),
            "motion_rms_px": scene.motion.rms_px if np.any(scene.sound) else 0.0,
            "resonances_hz": scene.motion.resonances_hz().tolist(),
            "sound_rate_hz": scene.sound_rate_hz,
            "seed": scene.seed,
            "camera": camera,
            "texture": asdict(scene.texture),
            "motion": asdict(scene.motion),
            "sway": asdict(scene.sway),
            # By name: the package's root knows every room, so no room may know it.
            "versions": {
                name: str(importlib.import_module(name).__version__)
                for name in ("phonoscope", "numpy", "av")
            },
        }

    def _at_rest(self, order: int) -> Float64:
        camera = self.scene.camera
        stack = self.scene._surface.moved(np.zeros(2), order)
        return stack.astype(np.float64) * (camera.full_scale * camera.brightness)
