"""What the lines around a line tell of it: a sound is no noise, and what a speck hides is not free.

The motion of an edge is taken for a stationary Gaussian process about a straight line, with the
covariance that it has in the scans that were learned from. Then the best estimate of hidden lines
from all others is a linear one (a Wiener interpolator; Rasmussen and Williams, "Gaussian processes
for machine learning", 2006, section 2.2), and how far it may be off is known.

`sound.irregular` interpolates a rolling shutter's rows by a Gaussian process too, but another one:
there every second sample is missing and all the sound must come from the prior, so its spectrum is
learned anew for each twentieth of a second, by many steps. Here a few lines among hundreds are
missing, one spectrum of the whole film and a scan's loudness suffice, and edges are px of a scan
with a lean of its own, before anything is a sound.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phonoscope.types import Float64

_LAGS = 128  # lines by which lines tell of each other
_FREE = 30.0  # standard deviations by which an edge's place and lean may differ
_FLOOR = 1e-6  # of the power, that the spectrum has at least
_QUIETEST = 10  # per cent of the spectrum that are noise and no sound
_LOUDER = 4.0 ** np.arange(-3, 3)  # power of a scan's sound over the usual


@dataclass(frozen=True, slots=True, eq=False)
class Foretelling:
    """What lines tell of each other.

    Attributes
    ----------
    precision
        ``(loudness, line, line)`` inverse of the covariance of an edge's places, px^-2, for scans
        that are louder and less loud than usual.
    size
        ``(loudness,)`` logarithm of its determinant.
    """

    precision: Float64
    size: Float64

    @classmethod
    def of(cls, places: Sequence[Float64]) -> "Foretelling":
        """Return it by the covariance of some rows ``(line,)`` of places, px."""
        from scipy.linalg import toeplitz
        from scipy.signal.windows import parzen

        rows = np.array(places)
        lines = rows.shape[1]
        y = np.linspace(-1, 1, lines)
        terms = np.polynomial.polynomial.polyfit(y, rows.T, 1)
        own = rows - np.polynomial.polynomial.polyval(y, terms)
        # Windows without leakage: what is beyond the sound is what specks are told by.
        window = np.hanning(lines)
        power = np.abs(np.fft.rfft(own * window, 2 * lines, axis=1)) ** 2 / (window**2).sum()
        # Specks are in some scans only. The median of what is exponential is less than its mean.
        power = np.median(power, axis=0) / np.log(2)
        noise = float(np.percentile(power, _QUIETEST))
        lags = np.fft.irfft((power - noise).clip(0))[:lines]
        reach = min(_LAGS, lines)
        lags[:reach] *= parzen(2 * reach - 1)[reach - 1 :]  # which keeps the spectrum positive
        lags[reach:] = 0
        loudest = max(float(lags[0]) + noise, 1e-12)
        other = (noise + _FLOOR * loudest) * np.eye(lines) + _FREE**2 * loudest * (
            1 + np.outer(y, y)
        )
        precision = np.array([np.linalg.inv(one * toeplitz(lags) + other) for one in _LOUDER])
        return cls(precision, np.linalg.slogdet(precision)[1])

    def filled(self, place: Float64, hidden: NDArray[np.bool_]) -> tuple[Float64, Float64]:
        """Return places with those that are hidden foretold, and how far these may be off.

        A scan is as loud as makes the lines that are seen most likely.

        Parameters
        ----------
        place
            ``(line,)`` px.
        hidden
            ``(line,)`` those that say nothing.

        Returns
        -------
        place
            ``(line,)``.
        covariance
            ``(hidden line, hidden line)`` px^2.
        """
        middle = float(place[~hidden].mean())
        seen = np.where(hidden, 0, place - middle)
        at = np.flatnonzero(hidden)
        best = (-np.inf, seen, np.zeros((0, 0)))
        for precision, size in zip(self.precision, self.size, strict=True):
            inner = precision[np.ix_(at, at)]
            spread = np.linalg.inv(inner)
            own = seen.copy()
            own[at] = -spread @ (precision[at] @ seen)
            likely = size - np.linalg.slogdet(inner)[1] - own @ precision @ own
            if likely > best[0]:
                best = (float(likely), own, spread)
        return best[1] + middle, best[2]
