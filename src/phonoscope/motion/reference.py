"""The picture that motion is measured against, and what is known of it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from phonoscope.motion.spline import coefficients
from phonoscope.types import Float32, Float64, NoiseModel


@dataclass(frozen=True, eq=False)
class Reference:
    """A mean over many aligned frames of one region.

    Attributes
    ----------
    image
        ``(height, width)`` the region with a margin.
    origin
        (x, y) position of `image` in the frame, px.
    averaged
        Number of frames whose mean `image` is.
    noise
        Noise of one frame's pixel by its value.
    masked
        ``(height, width)`` pixels that say nothing: saturated, dead, or too near to such a one or
        to the edge of the frame for a derivative.
    inflation
        ``(cell,)`` by how much each cell's own residual exceeds the noise model, 1 or more: what
        moves within a cell, or a codec, adds.
    stray
        How much cells' gains usually stray from the light (`phonoscope.motion.solve.stray_square`);
        None until frames have been followed.
    """

    image: Float32
    origin: tuple[int, int]
    averaged: float
    noise: NoiseModel
    masked: NDArray[np.bool_]
    inflation: Float64
    stray: float | None = None

    @cached_property
    def coefficients(self) -> Float32:
        """Spline coefficients of `image`."""
        return coefficients(self.image)
