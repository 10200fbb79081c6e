"""A surface made ready: its shapes and courses computed, to be painted frame by frame.

A pixel sees the surface at ``x - d(x, t)``. What a whole row shares of the displacement d (sway,
and all of a rigid motion) is an exact shift of the picture's spectrum; the rest, small, is a Taylor
series in exact derivative images, of an order that leaves less than 3e-5 of the contrast. Where
even the highest order would leave more, the series starts from the nearest whole pixel.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from phonoscope.errors import UsageError
from phonoscope.scene.camera import Camera
from phonoscope.scene.motion import Sway
from phonoscope.scene.surface import Surface, exponents_of, paint, share_inside
from phonoscope.scene.texture import Texture
from phonoscope.types import Float32, Float64

Region = tuple[int, int, int, int]

_MARGIN_PX = 12
_TRUNCATION = 3e-5
_FASTEST_TEXTURE = 2.2  # rad/px: little texture is left beyond, by lens and pixel
_HIGHEST_ORDER = 8
_STEEPEST = 0.5  # px/px: a surface squeezed further folds or shows texture beyond Nyquist
_BEYOND_PX = 1e6  # outside of any picture


@dataclass(frozen=True, eq=False)
class Body:
    """A surface that moves.

    Attributes
    ----------
    camera, texture, sway
        See there.
    samples
        Number of frames.
    region
        (x, y, width, height) px that it fills at rest; None for all.
    shapes
        ``(mode, 2, height, width)`` displacement shapes over the frame, of unit RMS length.
    responses
        ``(mode, height, width)`` relative change in brightness per px of each course; no mode at
        all for a matt surface.
    courses
        ``(mode, sample)`` of the modes, px; still before and after.
    rate_hz
        Samples of the courses a second.
    uniform
        Whether the shapes are the same everywhere.
    """

    camera: Camera
    texture: Texture
    sway: Sway
    samples: int
    region: Region | None
    shapes: Float32
    responses: Float32
    courses: Float64
    rate_hz: int
    uniform: bool

    def painted(self, time: Float64, sway: Float64, canvas: Float32 | None) -> Float32:
        """Return the ``(height, width)`` picture with this surface in it, as share of full scale.

        Parameters
        ----------
        time, sway
            ``(height,)`` times and ``(height, 2)`` displacements of the rows.
        canvas
            What is behind; painted over. None if there is nothing.
        """
        courses = self.course(time)
        matt = len(self.responses) == 0
        if self.uniform and matt and self.region is None:
            own = np.outer(courses[0], self.shapes[0, :, 0, 0])
            return np.asarray(self._moved(sway + own, 0)[0])
        order, far = self._order
        origin = (0, 0)
        still = np.zeros_like(sway)
        rest, moved = (sway, still) if far else (still, sway)
        if far:
            origin = (self.surface.frame[0].start, self.surface.frame[1].start)
        if canvas is None:
            canvas = np.zeros((self.camera.height, self.camera.width), np.float32)
        paint(
            self._moved(moved, order) if moved.any() else self._at_rest, exponents_of(order),
            origin, far, self.shapes, self.responses, courses.astype(np.float32),
            rest.astype(np.float32), moved.astype(np.float32), self._box, canvas,
        )  # fmt: skip
        return canvas

    def _moved(self, shift: Float64, order: int) -> Float32:
        """Return derivatives of the surface, of which each row is moved by ``(row, 2)`` px."""
        if np.ptp(shift, axis=0).any():
            return self.surface.moved_by_rows(shift, order)
        return self.surface.moved(shift[0], order)

    def course(self, time: Float64) -> Float64:
        """Return ``(mode, time)`` courses in px, each averaged over the exposure from `time` on."""
        spline, integral = self._splines
        end = spline.x[-1]

        def inside(t: Float64) -> Float64:
            return np.clip(t, 0, end)

        return np.asarray(
            self.camera.averaged(lambda t: integral(inside(t)), lambda t: spline(inside(t)), time).T
        )

    @cached_property
    def cover(self) -> tuple[Float64, Float64]:
        """What the surface covers at rest: ``(height, width)`` shares and their derivatives.

        The derivatives are ``(height, width, 2)`` along x and y, 1/px.
        """
        left, top, right, bottom = self._box
        across, slope_x = _between(left, right, self.camera.width)
        down, slope_y = _between(top, bottom, self.camera.height)
        slopes = np.stack([np.outer(down, slope_x), np.outer(slope_y, across)], axis=-1)
        return np.outer(down, across), slopes

    @cached_property
    def surface(self) -> Surface:
        """The texture, ready to be moved."""
        frame = np.arange(self.samples + 1) / float(self.camera.fps)
        reach = math.ceil(float(np.abs(self.sway.at(frame)).max())) + _MARGIN_PX
        return Surface.of(self.texture, self.camera, reach)

    @cached_property
    def _splines(self) -> tuple[Any, Any]:
        from scipy.interpolate import CubicSpline  # slow to import

        time = np.arange(self.courses.shape[1]) / self.rate_hz
        spline = CubicSpline(time, self.courses.T)
        return spline, spline.antiderivative()

    @property
    def _box(self) -> tuple[float, float, float, float]:
        # Edges at the border of the frame lie far outside, so that no sway bares what is behind.
        x, y, width, height = self.region or (0, 0, self.camera.width, self.camera.height)
        return (
            x - 0.5 if x > 0 else -_BEYOND_PX,
            y - 0.5 if y > 0 else -_BEYOND_PX,
            x + width - 0.5 if x + width < self.camera.width else _BEYOND_PX,
            y + height - 0.5 if y + height < self.camera.height else _BEYOND_PX,
        )

    @cached_property
    def _order(self) -> tuple[int, bool]:
        """The order of the Taylor series, and whether it starts from the nearest whole pixel."""
        # Shapes are smooth: every eighth pixel tells how far the surface moves.
        largest = self._largest(self.shapes[:, :, ::8, ::8])
        order = _order_for(largest)
        if order <= _HIGHEST_ORDER:
            return order, False
        slopes = [np.asarray(np.gradient(self.shapes, axis=axis)) for axis in (2, 3)]
        steepest = max(self._largest(slope[:, :, ::2, ::2]) for slope in slopes)
        if steepest > _STEEPEST:
            raise UsageError(
                f"a surface that moves by up to {largest:.2g} px and is stretched by up to "
                f"{steepest:.2g} px per px cannot be rendered exactly; lower rms_px."
            )
        return _order_for(0.5), True

    def _largest(self, shapes: Float32) -> float:
        """Return the largest absolute value that shapes times courses take while filmed."""
        flat = shapes.reshape(len(shapes), -1)
        courses = self.course(np.arange(self.samples + 1) / float(self.camera.fps)).T
        if self.camera.line_delay_s:
            # Rows see what happens between the frames; a tone may be zero at every frame's start.
            courses = self._splines[0](self._splines[0].x)
        return max(
            float(np.abs(part @ flat).max())
            for part in np.array_split(courses, len(courses) // 1000 + 1)
        )

    @cached_property
    def _at_rest(self) -> Float32:
        order, far = self._order
        return self.surface.moved(np.zeros(2), order, whole=far)


def _order_for(reach_px: float) -> int:
    """Return the order of a Taylor series that is exact enough as far as `reach_px`.

    One above the highest if none is.
    """
    reach = reach_px * _FASTEST_TEXTURE
    for order in range(1, _HIGHEST_ORDER + 1):
        if reach ** (order + 1) / math.factorial(order + 1) <= _TRUNCATION:
            return order
    return _HIGHEST_ORDER + 1


def _between(low: float, high: float, size: int) -> tuple[Float64, Float64]:
    """Return ``(size,)`` shares of pixels that lie between two edges, and their slope, 1/px."""
    place: Float64 = np.arange(size, dtype=np.float64)
    from_low, from_high = place - low, high - place
    first, last = (
        np.array([share_inside(float(one)) for one in distance])
        for distance in (from_low, from_high)
    )
    return first * last, _edge_slope(from_low) * last - first * _edge_slope(from_high)


def _edge_slope(distance: Float64) -> Float64:
    """Return the derivative of `share_inside`."""
    away = np.abs(distance)
    return np.asarray(np.where(away <= 0.5, 0.75 - away**2, np.clip(1.5 - away, 0, None) ** 2 / 2))
