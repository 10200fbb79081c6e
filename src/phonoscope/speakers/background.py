"""Voices in general: what the readers of a speech corpus sound like, as parameters.

For each reader a few dozen typical spectra are kept, in the full band and without noise. Sent
through a channel they give voices as that channel would have delivered them, whatever its band, its
colour and its noise: so one small file serves every capture (parallel model combination; Gales &
Young 1996, doi:10.1109/89.536929).
"""

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from phonoscope.speakers.features import grid_hz
from phonoscope.types import Float64

FULL_BAND_HZ = (0.0, 1e9)
_FILE = "background.npz"
_STEP_DB = 0.5  # to which spectra are rounded in the file
_FLOOR_DB = -127.5


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """Readers, each as a mixture of typical spectra.

    Attributes
    ----------
    level
        ``(reader, type, band)`` natural logarithm of the density in each band of the full grid,
        relative to the reader's mean power.
    weight
        ``(reader, type)`` how often each occurs in speech; adds up to 1 over the types.
    spread
        ``(band, band)`` covariance of the logarithm about its type, common to all.
    centre
        ``(band + 1,)`` the mean over readers of the logarithm of a reader's mean density in each
        band, relative to its mean over the bands, and last of the logarithm of the pitch, Hz.
    between, within
        ``(band + 1, band + 1)`` covariance of the same from reader to reader, and from one
        stretch of 130 frames of speech to the next of a reader.
    """

    level: Float64
    weight: Float64
    spread: Float64
    centre: Float64
    between: Float64
    within: Float64

    def __len__(self) -> int:
        return len(self.level)

    def average(self, centre_hz: Float64) -> Float64:
        """Return the mean density of speech in the bands with these centres, ``(band,)``."""
        typical = np.exp(self.level + np.diag(self.spread) / 2)
        full = np.einsum("rt,rtb->b", self.weight, typical) / len(self)
        return np.asarray(full[band_numbers(centre_hz)])

    def draw(
        self, reader: int, count: int, centre_hz: Float64, rng: np.random.Generator
    ) -> Float64:
        """Draw clean frames of a reader, ``(count, band)``: densities in the bands asked for."""
        bands = band_numbers(centre_hz)
        types = rng.choice(self.weight.shape[1], count, p=self.weight[reader])
        root = np.linalg.cholesky(self.spread[np.ix_(bands, bands)])
        scatter = rng.standard_normal((count, len(bands))) @ root.T
        return np.asarray(np.exp(self.level[reader][types][:, bands] + scatter))


def band_numbers(centre_hz: Float64) -> NDArray[np.intp]:
    """Return the numbers, ``(band,)``, in the full grid of the bands with these centres."""
    full = grid_hz(FULL_BAND_HZ)[1:-1]
    return np.asarray(np.argmin(np.abs(full[:, None] - centre_hz), axis=0))


@cache
def load_background() -> Background:
    """Return the background that comes with Phonoscope (its provenance lies beside it)."""
    file = resources.files("phonoscope.speakers") / "data" / _FILE
    with file.open("rb") as opened, np.load(opened) as stored:
        return unpack({name: stored[name] for name in stored.files})


def pack(background: Background) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of a file, rounded to half a decibel; `unpack` is its inverse."""
    level_db = 10 / np.log(10) * background.level
    steps = np.clip(np.round((level_db - _FLOOR_DB) / _STEP_DB), 0, 255)
    return {
        "level": steps.astype(np.uint8),
        "weight": background.weight.astype(np.float16),
        "spread": background.spread.astype(np.float32),
        "centre": background.centre.astype(np.float32),
        "between": background.between.astype(np.float32),
        "within": background.within.astype(np.float32),
    }


def unpack(stored: dict[str, NDArray[np.generic]]) -> Background:
    """Return the background of a file's arrays."""
    level_db = _FLOOR_DB + _STEP_DB * stored["level"].astype(np.float64)
    weight = stored["weight"].astype(np.float64)
    return Background(
        level_db * np.log(10) / 10,
        weight / weight.sum(axis=1, keepdims=True),
        stored["spread"].astype(np.float64),
        *(stored[name].astype(np.float64) for name in ("centre", "between", "within")),
    )
