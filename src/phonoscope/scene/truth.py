"""What is true of a scene: its sounds, its picture and noise, and how every place moves."""

import importlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phonoscope.scene.body import Body
from phonoscope.scene.layer import fitted
from phonoscope.scene.render import Scene
from phonoscope.scene.surface import exponents_of
from phonoscope.types import Float64

Front = tuple[Body, NDArray[np.int64]]


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
        """``(sample,)`` the first sound that was played while the camera ran."""
        return np.asarray(self.sounds[0])

    @property
    def sounds(self) -> Float64:
        """``(source, sample)`` all sounds that were played while the camera ran."""
        length = round(self.scene.samples / self.scene.camera.fps * self.sound_rate_hz)
        every = (sound for layer in self.scene.objects for sound in layer.sounds)
        return np.array([fitted(sound, length) for sound in every])

    @property
    def source_objects(self) -> NDArray[np.int64]:
        """``(source,)`` which object hears each of the `sounds`: an index into `Scene.objects`."""
        return np.repeat(
            np.arange(len(self.scene.objects)), [len(one.sounds) for one in self.scene.objects]
        )

    @property
    def sound_rate_hz(self) -> int:
        """Rate of the sounds."""
        return self.scene.sound_rate_hz

    @cached_property
    def image(self) -> Float64:
        """``(height, width)`` the clean picture at rest, in units of the least significant bit.

        As `Scene.clean_frame`, under a lamp that does not flicker.
        """
        return self.scene.camera.curved(self._at_rest[0])

    @cached_property
    def gradient(self) -> Float64:
        """``(height, width, 2)`` exact derivatives (x, y) of `image`."""
        return self._at_rest[1] * self.scene.camera.slope(self.image)[..., None]

    @cached_property
    def noise_variance(self) -> Float64:
        """``(height, width)`` variance of each pixel of `image`: see `Camera.noise_variance`."""
        return self.scene.camera.noise_variance(self.image)

    @cached_property
    def masks(self) -> Float64:
        """``(object, height, width)`` share of each pixel that shows each object, at rest.

        In the order of `Scene.objects`. What is missing to 1 shows the background.
        """
        return self._shown[len(self.scene.bodies) - len(self.scene.objects) :]

    def displacement_px(
        self, frames: NDArray[np.int64], x: NDArray[np.int64], y: NDArray[np.int64]
    ) -> Float64:
        """Return ``(frame, point, 2)`` displacement (x, y) at whole pixels, px.

        Of what fills most of the pixel at rest, be it an object or the background. Displacements
        are averaged over the exposure, as `Camera.exposure_s` says.
        """
        scene = self.scene
        result = np.empty((len(frames), len(x), 2))
        for body, there in self._fronts(x, y):
            own_x, own_y = x[there], y[there]
            shapes = body.shapes[:, :, own_y, own_x].astype(np.float64)
            for index, number in enumerate(frames):
                time = scene.camera.row_times_s(int(number))
                courses = body.course(time)[:, own_y]
                moved = np.einsum("mqp,mp->pq", shapes, courses)
                result[index, there] = moved + scene.swayed(time)[own_y]
        return result

    def brightness(
        self, frames: NDArray[np.int64], x: NDArray[np.int64], y: NDArray[np.int64]
    ) -> Float64:
        """Return ``(frame, point)`` relative change in brightness by `Gloss` at whole pixels.

        Of what fills most of the pixel at rest, in linear light; averaged over the exposure.
        """
        result = np.zeros((len(frames), len(x)))
        for body, there in self._fronts(x, y):
            own_x, own_y = x[there], y[there]
            responses = body.responses[:, own_y, own_x].astype(np.float64)
            for index, number in enumerate(frames if len(responses) else ()):
                courses = body.course(self.scene.camera.row_times_s(int(number)))[:, own_y]
                result[index, there] = (responses * courses).sum(axis=0)
        return result

    @cached_property
    def brightness_rms(self) -> Float64:
        """``(height, width)`` RMS over the film of each place's relative change in brightness.

        Of what fills most of the pixel at rest; within an instant, not averaged over the exposure.
        """
        result = np.zeros(self.image.shape)
        for number, body in enumerate(self.scene.bodies):
            filmed = round(self.scene.samples / self.scene.camera.fps * body.rate_hz)
            courses = body.courses[: len(body.responses), :filmed]
            power = np.einsum(
                "ayx,byx,ab->yx", body.responses, body.responses, courses @ courses.T / filmed,
                optimize=True,
            )  # fmt: skip
            there = self._front == number
            result[there] = np.sqrt(np.maximum(power[there], 0))
        return result

    @property
    def record(self) -> dict[str, Any]:
        """Every parameter, and the versions that rendered, ready for JSON."""
        scene = self.scene
        camera = {**asdict(scene.camera), "fps": str(scene.camera.fps)}
        first, *others = self._objects_record()
        return {
            "capture_fps": float(scene.camera.fps),
            "frames": scene.samples,
            "duration_s": scene.samples / float(scene.camera.fps),
            **first,
            "layers": others,
            "background": None if scene.region is None else asdict(scene.background),
            "sound_rate_hz": scene.sound_rate_hz,
            "source_objects": self.source_objects.tolist(),
            "seed": scene.seed,
            "camera": camera,
            "sway": asdict(scene.sway),
            # By name: the package's root knows every room, so no room may know it.
            "versions": {
                name: str(importlib.import_module(name).__version__)
                for name in ("phonoscope", "numpy", "av")
            },
        }

    def _objects_record(self) -> list[dict[str, Any]]:
        return [
            {
                "motion_rms_px": one.motion.rms_px if any(map(np.any, one.sounds)) else 0.0,
                "resonances_hz": one.motion.resonances_hz().tolist(),
                "region": one.region,
                "texture": asdict(one.texture),
                "motion": asdict(one.motion),
                "gloss": asdict(one.gloss),
            }
            for one in self.scene.objects
        ]

    @cached_property
    def _shown(self) -> Float64:
        """``(body, height, width)`` share of each pixel that shows each body, at rest."""
        clear = np.ones((self.scene.camera.height, self.scene.camera.width))
        shares = []
        for body in reversed(self.scene.bodies):
            share = body.cover[0]
            shares.append(clear * share)
            clear = clear * (1 - share)
        return np.array(shares[::-1])

    @cached_property
    def _front(self) -> NDArray[np.int64]:
        """``(height, width)`` index of the body that shows most."""
        return np.asarray(self._shown.argmax(axis=0))

    def _fronts(self, x: NDArray[np.int64], y: NDArray[np.int64]) -> Iterator[Front]:
        """Yield each body that fills most of some of the points, and which ones."""
        for number, body in enumerate(self.scene.bodies):
            there = np.flatnonzero(self._front[y, x] == number)
            if len(there):
                yield body, there

    @cached_property
    def _at_rest(self) -> tuple[Float64, Float64]:
        """The linear picture at rest, ``(height, width)``, and its derivatives (x, y)."""
        camera = self.scene.camera
        where = [tuple(e) for e in exponents_of(1)]
        image, gradient = np.zeros((camera.height, camera.width)), np.zeros(())
        for body in self.scene.bodies:
            stack = body.surface.moved(np.zeros(2), 1).astype(np.float64)
            stack = stack * (camera.full_scale * camera.brightness)
            own = np.stack([stack[where.index((1, 0))], stack[where.index((0, 1))]], -1)
            share, edge = body.cover
            gradient = (
                (1 - share)[..., None] * gradient
                + share[..., None] * own
                + edge * (stack[0] - image)[..., None]
            )
            image = (1 - share) * image + share * stack[0]
        return image, gradient
