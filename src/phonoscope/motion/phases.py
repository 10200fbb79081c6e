"""Mean phases of a picture against a reference, in the bands of a complex steerable pyramid."""

import math
from collections.abc import Sequence

import numba
import numpy as np

from phonoscope.motion.steerable import Complex64, Pyramid, coefficients, spectrum
from phonoscope.types import Float32, Float64, Luma


def phases(pyramid: Pyramid, reference: Sequence[Complex64], image: Luma | Float32) -> Float64:
    """Return ``(band,)`` mean phase leads of the reference over a picture, rad.

    Weighted by the reference's squared amplitude; see `phonoscope.types.BandMotion.phase`.

    Parameters
    ----------
    pyramid
        Filters for the picture's size.
    reference
        `coefficients` of the reference in each band.
    image
        ``(height, width)`` grey values.
    """
    whole = spectrum(pyramid, image)
    return np.array(
        [
            _mean_phase(coefficients(band, whole).ravel(), r.ravel())
            for band, r in zip(pyramid.bands, reference, strict=True)
        ]
    )


@numba.njit(nogil=True, cache=True, fastmath=True)
def _mean_phase(now: Complex64, reference: Complex64) -> float:
    total, norm = 0.0, 0.0
    for n in range(len(now)):
        a, b = now[n].real, now[n].imag
        c, d = reference[n].real, reference[n].imag
        along, across = a * c + b * d, a * d - b * c
        square = c * c + d * d
        # The angle of the product with the conjugate knows no wraps below half a turn. It is
        # small as a rule: five terms of the series then leave less than 3e-8.
        if abs(across) < np.float32(0.25) * along:
            t = across / along
            q = t * t
            angle = t * (
                np.float32(1)
                - q
                * (
                    np.float32(1 / 3)
                    - q * (np.float32(1 / 5) - q * (np.float32(1 / 7) - q * np.float32(1 / 9)))
                )
            )
        else:
            angle = np.float32(math.atan2(across, along))
        total += square * angle
        norm += square
    return total / norm if norm > 0 else 0.0
