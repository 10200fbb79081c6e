"""The published method's phases on a device: several pictures' spectra and bands at once."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from phonoscope.motion.gpu.lane import Lane, values
from phonoscope.motion.steerable import Band, Complex64, Pyramid
from phonoscope.types import Float64, Luma

_BATCH_BYTES = 2**29
_PIXEL_BYTES = 48  # of a spectrum, what transforming it takes, and the finest band's coefficients
_MOST_FRAMES = 64


class TorchComparer:
    """See `phonoscope.motion.engine.Comparer`; what is computed is `phonoscope.motion.phases`.

    Parameters
    ----------
    lane
        To the device.
    pyramid
        Filters for the pictures' size.
    reference
        `coefficients` of the reference in each band.
    """

    def __init__(self, lane: Lane, pyramid: Pyramid, reference: Sequence[Complex64]) -> None:
        self._lane, self._pyramid = lane, pyramid
        size = math.prod(pyramid.padded) * _PIXEL_BYTES
        self.together = max(1, min(_MOST_FRAMES, _BATCH_BYTES // size))
        with lane.within_memory(*pyramid.shape):
            self._taper = lane.put(pyramid.taper)
            self._mean = lane.put(pyramid.taper / pyramid.taper.sum())
            self._bands = [
                _Band(lane, pyramid, band, own)
                for band, own in zip(pyramid.bands, reference, strict=True)
            ]

    def begin(self, images: Sequence[Luma]) -> "_Coming":
        with self._lane.within_memory(*self._pyramid.shape):
            phases = self.phases(self._lane.send(images))
            return _Coming(self._lane.fetch(phases))

    def phases(self, images: torch.Tensor) -> torch.Tensor:
        """Return ``(image, band)`` phases of pictures that are on the device."""
        grey = values(images)
        grey -= (grey * self._mean).sum((1, 2), keepdim=True)
        grey *= self._taper
        whole = torch.fft.fft2(grey, s=self._pyramid.padded)
        return torch.stack([band.phases(whole) for band in self._bands], 1)


class _Band:
    """One band's filter and reference."""

    def __init__(self, lane: Lane, pyramid: Pyramid, band: Band, reference: Complex64) -> None:
        # Windows count from the middle of a spectrum, transforms begin at zero frequency.
        self._rows, self._columns = (
            lane.put((np.arange(part.start, part.stop) - size // 2) % size)
            for part, size in zip(band.window, pyramid.padded, strict=True)
        )
        self._samples = band.samples
        self._response = lane.put(band.response)
        self._reference = lane.put(reference.conj())
        power = np.abs(reference.astype(np.complex128)) ** 2
        total = power.sum()
        # Less than nothing, as it is the reference's lead that is told.
        self._weight = lane.put((-power / (total if total > 0 else 1)).astype(np.float32))

    def phases(self, whole: torch.Tensor) -> torch.Tensor:
        part = whole.index_select(1, self._rows).index_select(2, self._columns)
        part *= self._response
        turned = torch.fft.ifft2(part, s=self._samples)
        turned *= self._reference
        return (turned.angle() * self._weight).sum((1, 2))


class _Coming:
    """Phases on their way from the device."""

    def __init__(self, wait: Callable[[], NDArray[Any]]) -> None:
        self._wait = wait

    def result(self) -> Float64:
        return self._wait().astype(np.float64)
