"""What every scene has in common: frames of light, filmed by a camera with noise of its own."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np

from phonoscope.scene.camera import Camera
from phonoscope.scene.checks import check
from phonoscope.types import Float64, Luma


class Filmed(ABC):
    """A scene that a camera films.

    Attributes
    ----------
    camera
        That films it.
    samples
        Number of frames.
    seed
        Of the camera's noise; frame n has the same noise whatever range is rendered.
    """

    camera: Camera
    samples: int
    seed: int

    @abstractmethod
    def linear_frame(self, number: int) -> Float64:
        """Return the ``(height, width)`` light of a frame, where full scale is the camera's."""

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
        return self.camera.curved(self._light(number))

    def _filmed(self, number: int) -> Luma:
        noise = np.random.default_rng([self.seed, 13, number])
        return self.camera.capture(self._light(number), noise)

    def _light(self, number: int) -> Float64:
        check("frame", number, 0, whole=True)
        return self.linear_frame(number)
