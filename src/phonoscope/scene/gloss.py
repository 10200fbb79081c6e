"""Gloss: a surface that tilts turns its highlights, and so becomes brighter here, darker there."""

from dataclasses import dataclass

import numpy as np

from phonoscope.scene.checks import check
from phonoscope.scene.motion import Motion, rms_of
from phonoscope.scene.texture import smoothed, unit
from phonoscope.types import Float64


@dataclass(frozen=True, slots=True)
class Gloss:
    """How a surface's tilt changes its brightness.

    Each place reflects the lamp from one flank of a highlight, so that a small tilt makes it
    brighter or darker in proportion. Which flank, how steep and towards where changes over the
    surface at random, as over the facets of a foil. The picture at rest, highlights included, is
    that of the texture; the tilt is that of the modes (see `Motion.tilts`), or of a rigid surface
    that rocks with the sound.

    Attributes
    ----------
    rms
        RMS of the relative change in brightness over the moving part of the surface and over time:
        0.01 is one per cent; 0 is a matt surface.
    facet_px
        Size of the facets: standard deviation of the Gaussian that smooths them.
    seed
        Of the facets.

    Raises
    ------
    UsageError
        If a value cannot be right; `rms` goes up to 0.2, as far as brightness follows tilt.
    """

    rms: float = 0.0
    facet_px: float = 8.0
    seed: int = 0

    def __post_init__(self) -> None:
        check("the gloss's rms", self.rms, 0, 0.2)
        check("facet_px", self.facet_px, 0, above=True)
        check("seed", self.seed, 0, whole=True)

    def responses(self, motion: Motion, courses: Float64, height: int, width: int) -> Float64:
        """Return ``(mode, height, width)`` relative change in brightness per px of each course.

        Parameters
        ----------
        motion
            Of the surface.
        courses
            ``(mode, sample)`` of its modes while they are filmed, px. If they are 0, so is what is
            returned.
        height, width
            Of the surface, px.
        """
        rng = np.random.default_rng([self.seed, 17])
        flanks = np.stack(
            [unit(smoothed(rng.standard_normal((height, width)), self.facet_px)) for _ in range(2)]
        )
        responses = (motion.tilts(height, width) * flanks).sum(axis=1)
        rms = rms_of(courses, responses[:, None])
        return np.asarray(responses * (self.rms / rms if rms > 0 else 0.0))
