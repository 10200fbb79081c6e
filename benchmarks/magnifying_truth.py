"""What a magnified video should show, and by how much one departs from it.

Neither method has a part in it: the simulator paints the true picture where gain times the true
motion would take it, and displacements are least squares on the true picture's own gradient.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from scipy.ndimage import map_coordinates

from phonoscope.scene import Camera, Motion, Scene, Texture, silence, tones
from phonoscope.scene.body import _order_for
from phonoscope.scene.surface import exponents_of, paint
from phonoscope.types import Float32, Float64

FPS, FRAMES, TONE_HZ = 400, 240, 50
BAND_HZ = (40.0, 60.0)
ASIDE_HZ = (90.0, 110.0)  # in which nothing moves
JUDGED = range(60, 180, 11)  # frames, at all phases of the tone, and away from the filter's ends
SIZE = (160, 112)
_RATE_HZ = 8000
_MARGIN_PX = 16
_PATCH_PX = 16
_FACTORS = np.arange(0, 1.41, 0.2)
_ROUNDS, _CLOSE_PX = 40, 1e-3
_NEAR = 0.02
_STEP_PX = 0.05
_SURE_SHARE = 0.1  # of the median patch's weaker information
Shown = Mapping[int, Float64]
"""Frames by number."""


def filmed(texture: str, modes: int, rms_px: float, seed: int) -> Scene:
    """Return a scene that a tone shakes rigidly (no modes) or in modes."""
    camera = Camera(*SIZE, Fraction(FPS), 1 / 4000, read_noise=1.0, shot_gain=0.02)
    motion = Motion(rms_px, modes=modes, damping=0.15, direction_deg=30 + 70 * seed, seed=seed)
    length = FRAMES / FPS
    sound = tones(length, _RATE_HZ, [TONE_HZ]) if rms_px else silence(length, _RATE_HZ)
    return Scene(camera, Texture(texture, seed=seed), motion, sound, _RATE_HZ, FRAMES, seed=seed)


@dataclass(frozen=True)
class Ideal:
    """The clean frames of a scene whose motion is `gain` times as large.

    Attributes
    ----------
    scene, gain
        See there.
    material
        Whether what rests at X is seen at X + gain u(X), as if the thing itself moved further; else
        the pixel x shows what rests at x - gain u(x). For small or rigid motion they are the same.
    """

    scene: Scene
    gain: float
    material: bool = True

    def frame(self, number: int, factor: float = 1.0, shift: Sequence[float] = (0, 0)) -> Float64:
        """Return ``(height, width)`` grey values; motion `factor` times that, and then a shift."""
        body, camera = self.scene.bodies[0], self.scene.camera
        rest = np.tile(np.asarray(shift, np.float32), (camera.height, 1))
        canvas = np.zeros((camera.height, camera.width), np.float32)
        frame = body.surface.frame
        paint(
            self._derivatives, exponents_of(_order_for(0.5)), (frame[0].start, frame[1].start),
            True, self._displacement(number, self.gain * factor)[None],
            np.zeros((0, *canvas.shape), np.float32), np.ones((1, camera.height), np.float32),
            rest, np.zeros_like(rest), body._box, canvas,
        )  # fmt: skip
        return canvas.astype(np.float64) * (camera.full_scale * camera.brightness)

    def gradient(self, number: int, factor: float) -> Float64:
        """Return ``(2, height, width)`` change of a frame for each px that it moves to x, y."""
        steps = ((_STEP_PX, 0), (0, _STEP_PX))
        return np.array(
            [
                self.frame(number, factor, step)
                - self.frame(number, factor, (-step[0], -step[1]))
                for step in steps
            ]
        ) / (2 * _STEP_PX)  # fmt: skip

    @cached_property
    def _derivatives(self) -> Float32:
        surface = self.scene.bodies[0].surface
        return surface.moved(np.zeros(2), _order_for(0.5), whole=True)

    def _displacement(self, number: int, gain: float) -> Float32:
        """Return ``(2, height, width)``: a pixel x shows what rests at x minus this."""
        body = self.scene.bodies[0]
        courses = body.course(self.scene.camera.row_times_s(number))
        own = gain * np.einsum("mqyx,my->qyx", body.shapes, courses)
        if body.uniform or not self.material:
            return np.asarray(own, np.float32)
        y, x = np.mgrid[: own.shape[1], : own.shape[2]].astype(np.float64)
        seen = own
        for _ in range(_ROUNDS):  # converges where slopes are below 1
            at, before = (y - seen[1], x - seen[0]), seen
            seen = np.array([map_coordinates(part, at, order=1, mode="nearest") for part in own])
            if np.abs(seen - before).max() < _CLOSE_PX:
                break
        return np.asarray(seen, np.float32)


@dataclass(frozen=True)
class Judged:
    """By how much frames depart from what they should show.

    Attributes
    ----------
    gain_error
        Of the displacement: the share by which it is too large.
    psnr_db
        Against the ideal frames, the camera's noise being an error as well.
    spurious_px
        RMS displacement of patches that is left beside the motion, whatever its gain.
    grey
        RMS of the same in grey levels.
    """

    gain_error: float
    psnr_db: float
    spurious_px: float
    grey: float


def judge(shown: Shown, ideal: Ideal) -> Judged:
    """Compare the frames of a moving scene."""
    factor = _nearest(shown, ideal)
    wrong = [_inner(shown[n] - ideal.frame(n)) for n in shown]
    left = [_inner(shown[n] - ideal.frame(n, factor)) for n in shown]
    slopes = [_inner(ideal.gradient(n, factor)) for n in shown]
    return Judged(
        factor - 1,
        float(20 * np.log10(ideal.scene.camera.full_scale / _rms(np.array(wrong)))),
        _rms(np.concatenate([_moved(a, g) for a, g in zip(left, slopes, strict=True)]), 2),
        _rms(np.array(left)),
    )


def judge_still(shown: Shown, scene: Scene) -> tuple[float, float]:
    """Return spurious displacement, px, and grey levels by which frames depart from those filmed.

    Of a scene in whose band nothing moves, so that nothing should have been changed.
    """
    ideal = Ideal(scene, 1.0)
    films = {n: next(scene.frames(n, n + 1)).astype(np.float64) for n in shown}
    left = [_inner(shown[n] - films[n]) for n in shown]
    slopes = [_inner(ideal.gradient(n, 1.0)) for n in shown]
    moved = np.concatenate([_moved(a, g) for a, g in zip(left, slopes, strict=True)])
    return _rms(moved, 2), _rms(np.array(left))


def _nearest(shown: Shown, ideal: Ideal) -> float:
    """Return by which factor on the motion the ideal frames come nearest to what is shown."""

    def apart(factor: float) -> float:
        return sum(float((_inner(shown[n] - ideal.frame(n, factor)) ** 2).sum()) for n in shown)

    factor = float(_FACTORS[np.argmin([apart(each) for each in _FACTORS])])
    for _ in range(3):
        along = square = 0.0
        for n in shown:
            low, high = (_inner(ideal.frame(n, factor + d)) for d in (-_NEAR, _NEAR))
            change = (high - low) / (2 * _NEAR)
            along += float((change * (_inner(shown[n]) - (low + high) / 2)).sum())
            square += float((change**2).sum())
        factor += along / square
    return factor


def _moved(wrong: Float64, slopes: Float64) -> Float64:
    """Return ``(patch, 2)`` displacement by which patches of a frame are off, px."""
    height, width = (size // _PATCH_PX for size in wrong.shape)

    def patches(values: Float64) -> Float64:
        cut = values[: height * _PATCH_PX, : width * _PATCH_PX]
        whole = cut.reshape(height, _PATCH_PX, width, _PATCH_PX)
        return np.asarray(whole.sum(axis=(1, 3)).ravel())

    x, y = slopes
    matrix = np.array([[patches(x * x), patches(x * y)], [patches(x * y), patches(y * y)]])
    seen = np.array([patches(x * wrong), patches(y * wrong)])
    matrix, seen = matrix.transpose(2, 0, 1), seen.T
    weaker = np.linalg.eigvalsh(matrix)[:, 0]
    sure = weaker > _SURE_SHARE * np.median(weaker)
    return np.asarray(np.linalg.solve(matrix[sure], seen[sure][:, :, None])[:, :, 0])


def _inner(values: Float64) -> Float64:
    return np.asarray(values[..., _MARGIN_PX:-_MARGIN_PX, _MARGIN_PX:-_MARGIN_PX])


def _rms(values: Float64, components: int = 1) -> float:
    return float(np.sqrt(components * np.mean(values**2)))
