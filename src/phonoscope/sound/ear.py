"""What was learned from the last seconds, as a filter for the next ones.

The multichannel Wiener filter of a motion field multiplies spectra. As taps of finite length it
hears sample by sample, late by half of their length and by nothing else: no phase is bent. They
are long enough to keep drift and sway, which are a thousand times larger, out of the band.
"""

import math
from dataclasses import dataclass

import numpy as np

from phonoscope.sound.filter import OPEN_TOP
from phonoscope.sound.listen import Listened
from phonoscope.sound.whiten import Channels
from phonoscope.sound.windows import Complex, frequencies_hz
from phonoscope.types import Float64, MotionBlock

_PERIODS = 1.5  # of the lowest frequency, to either side
_WINDOWS = 2  # the least to either side, of those that the spectra were learned in
_KAISER = 5.65  # 60 dB: the band's edge is then 1.2 / _PERIODS of the lowest frequency wide
_DRIFTS = 3  # taps hear nothing of a parabola
_POINTS = 8  # of a spectrum to a tap


def half_taps(rate_hz: float, band_hz: tuple[float, float], window: int) -> int:
    """Return by how many samples an ear is late; `window` is that of the short-time spectra."""
    low = band_hz[0]
    periods = math.ceil(_PERIODS * rate_hz / low) if low > 0 else 0
    return max(periods, _WINDOWS * window)


@dataclass(frozen=True, slots=True, eq=False)
class Ear:
    """How to hear in samples that come.

    Attributes
    ----------
    channels
        What whitens them.
    directions
        ``(channel, k)`` of the virtual channels.
    taps
        ``(2 * half + 1, k)`` of their filters, px; the sound is the sum.
    """

    channels: Channels
    directions: Float64
    taps: Float64

    @classmethod
    def of(cls, listened: Listened, half: int) -> "Ear | None":
        """Return the ear for a sound, or None where there was none."""
        attention = listened.attention
        if listened.response is None:
            return None
        rate = float(attention.field.rate_hz)
        taps = _taps(listened.response, attention.window, rate, attention.band_hz, half)
        return cls(attention.channels, attention.kept, taps)

    def mixed(self, block: MotionBlock) -> Float64:
        """Return the ``(sample, k)`` virtual channels of a block."""
        return np.asarray(self.channels.of(block) @ self.directions.astype(np.float32), np.float64)

    def heard(self, mixed: Float64) -> Float64:
        """Return what is heard in ``(sample, k)`` virtual channels, without half a filter's ends.

        Sample n belongs to ``mixed[n + half]``.
        """
        count = len(mixed) - len(self.taps) + 1
        if count <= 0:
            return np.zeros(0)
        windows = np.lib.stride_tricks.sliding_window_view(mixed, len(self.taps), axis=0)
        return np.asarray(np.einsum("tkn,nk->t", windows, self.taps[::-1], optimize=True))


def _taps(
    response: Complex, window: int, rate_hz: float, band_hz: tuple[float, float], half: int
) -> Float64:
    low, high = band_hz
    points = 2 ** math.ceil(math.log2(_POINTS * (2 * half + 1)))
    frequency = np.fft.rfftfreq(points, 1 / rate_hz)
    known = frequencies_hz(window, rate_hz)
    passed = frequency >= low
    if high < OPEN_TOP * rate_hz / 2:
        passed &= frequency <= high
    wanted = np.stack([np.interp(frequency, known, column) for column in response.T], axis=1)
    ideal = np.fft.irfft(wanted * passed[:, None], points, axis=0)
    shape = np.kaiser(2 * half + 1, _KAISER)[:, None]
    taps = np.roll(ideal, half, axis=0)[: 2 * half + 1] * shape
    if low > 0:
        drifts = np.vander(np.linspace(-1, 1, 2 * half + 1), _DRIFTS)
        weighted = shape * drifts
        taps -= weighted @ np.linalg.solve(drifts.T @ weighted, drifts.T @ taps)
    return np.asarray(taps)
