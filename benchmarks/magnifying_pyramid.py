"""Phase-based magnification in a complex steerable pyramid: the published method.

Wadhwa, Rubinstein, Durand and Freeman, "Phase-based video motion processing", ACM TOG 32(4):80
(2013), doi:10.1145/2461912.2461966. In each band the local phase against the first frame is
filtered in time, smoothed in space, weighted by the band's amplitude, and turned further.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter

from phonoscope.motion import passed
from phonoscope.motion.steerable import Band, Pyramid, build_pyramid, coefficients, spectrum
from phonoscope.types import Float32, Float64, Luma

ORIENTATIONS = 4
SMOOTHED = 3.0  # samples of a band: the deviation of the Gaussian that smooths its phase


@dataclass(frozen=True)
class Phases:
    """Filtered and smoothed phases of some frames, ready for any gain.

    Attributes
    ----------
    pyramid
        Of one octave a band, as many as fit; octaves finer or coarser are left as they are.
    frames
        By number.
    phases
        For each frame, those of each band.
    """

    pyramid: Pyramid
    frames: dict[int, Luma]
    phases: dict[int, list[Float32]]

    @classmethod
    def of(
        cls,
        frames: Sequence[Luma],
        taps: Float64,
        numbers: Sequence[int],
        orientations: int = ORIENTATIONS,
        smoothed: float = SMOOTHED,
    ) -> "Phases":
        """Take the phases of all frames, and keep those of the ones with `numbers`."""
        height, width = frames[0].shape
        scales = int(math.log2(min(width, height))) - 2
        pyramid = build_pyramid(width, height, scales=scales, orientations=orientations)
        spectra = [spectrum(pyramid, frame) for frame in frames]
        kept: dict[int, list[Float32]] = {n: [] for n in numbers}
        for band in pyramid.bands:
            seen = np.array([coefficients(band, one) for one in spectra])
            turned = np.angle(seen * seen[0].conj())
            filtered = np.concatenate(list(passed([turned], taps)))
            for n in numbers:
                kept[n].append(_smoothed(filtered[n], np.abs(seen[n]), smoothed))
        return cls(pyramid, {n: frames[n] for n in numbers}, kept)

    def magnified(self, gain: float) -> dict[int, Float64]:
        """Return the frames in which motion is `gain` times as large."""
        return {n: self._one(n, gain) for n in self.frames}

    def _one(self, number: int, gain: float) -> Float64:
        frame = self.frames[number]
        own = spectrum(self.pyramid, frame)
        change = np.zeros(self.pyramid.padded, np.complex128)
        for band, phase in zip(self.pyramid.bands, self.phases[number], strict=True):
            seen = coefficients(band, own)
            _add(change, band, seen * (np.exp(1j * (gain - 1) * phase) - 1))
        height, width = frame.shape
        # Squares of the filters add up to 2 where the real part is taken; what is between and
        # beyond the bands stays.
        moved = frame + 0.5 * fft.ifft2(fft.ifftshift(change)).real[:height, :width]
        return np.asarray(np.clip(np.rint(moved), 0, 255), np.float64)


def _smoothed(phase: Float64, amplitude: Float32, deviation: float) -> Float32:
    if deviation == 0:
        return phase.astype(np.float32)
    weight = amplitude + 1e-6 * amplitude.max()
    total = gaussian_filter(phase * weight, deviation, mode="wrap")
    return np.asarray(total / gaussian_filter(weight, deviation, mode="wrap"), np.float32)


def _add(whole: NDArray[np.complex128], band: Band, part: NDArray[np.complex128]) -> None:
    rows, columns = band.response.shape
    whole[band.window] += fft.fft2(part)[:rows, :columns] * band.response
