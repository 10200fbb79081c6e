"""What the lines around a line tell of it: a sound is no noise, and what a speck hides is not free.

The motion of an edge is taken for a stationary Gaussian process about a straight line, with the
covariance that it has in the scans that were learned from. Then the best estimate of hidden lines
from all others is a linear one (a Wiener interpolator; Rasmussen and Williams, "Gaussian processes
for machine learning", 2006, section 2.2), and how far a line lies from what the others foretell has
a known spread.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phonoscope.types import Float64

_LAGS = 128  # lines by which lines tell of each other
_FREE = 30.0  # standard deviations by which an edge's place and lean may differ
_FLOOR = 1e-6  # of the power, that the spectrum has at least
_AWAY = 6.0  # standard deviations from what is foretold
_EACH = 6.0  # of the surprise, that each more line of a run must add
_LONGEST = 8  # lines of a run
_AROUND = 33  # lines by which it is judged what is usual
_RUNS = 12
_MOST = 0.5  # of the lines may be hidden


@dataclass(frozen=True, slots=True, eq=False)
class Foretelling:
    """What lines tell of each other.

    Attributes
    ----------
    precision
        ``(line, line)`` inverse of the covariance of an edge's places, px^-2.
    """

    precision: Float64

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
        power = np.abs(np.fft.rfft(own * window, 2 * lines, axis=1)) ** 2
        # Specks are in some scans only. The median of what is exponential is less than its mean.
        power = np.median(power, axis=0) / np.log(2)
        lags = np.fft.irfft(power / (window**2).sum())[:lines]
        reach = min(_LAGS, lines)
        lags[:reach] *= parzen(2 * reach - 1)[reach - 1 :]  # which keeps the spectrum positive
        lags[reach:] = 0
        size = max(float(lags[0]), 1e-12)
        covariance = toeplitz(lags) + _FLOOR * size * np.eye(lines)
        covariance += _FREE**2 * size * (1 + np.outer(y, y))
        return cls(np.linalg.inv(covariance))

    def filled(self, place: Float64, hidden: NDArray[np.bool_]) -> tuple[Float64, Float64]:
        """Return places with those that are hidden foretold, and the variance of these.

        Parameters
        ----------
        place
            ``(line,)`` px.
        hidden
            ``(line,)`` those that say nothing.

        Returns
        -------
        place, variance
            ``(line,)``; the variance is 0 where nothing was foretold.
        """
        middle = float(place[~hidden].mean())
        own = np.where(hidden, 0, place - middle)
        variance = np.zeros(len(place))
        at = np.flatnonzero(hidden)
        if len(at):
            spread = np.linalg.inv(self.precision[np.ix_(at, at)])
            own[at] = -spread @ (self.precision[at] @ own)
            variance[at] = np.diag(spread)
        return own + middle, variance

    def strange(self, place: Float64, hidden: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which lines are hidden or lie far off what the others foretell.

        A speck spans some lines, which seem in order one by one, so runs of lines are asked
        together; the farthest is left out first, and then the others are asked again. A sound may
        begin with a click: a run beside which no line is hidden is in order.
        """
        from scipy.ndimage import median_filter

        result = hidden.copy()
        for _ in range(_RUNS):
            if result.mean() > _MOST:
                return hidden
            whole, _ = self.filled(np.where(result, 0, place), result)
            own = whole - whole.mean()
            precision = self._without(result)
            pull = self.precision @ own
            pull[result] = 0
            alone = pull**2 / np.maximum(np.diag(precision), 1e-12)
            # Where the sound is loud, more is usual.
            usual = np.maximum(1.0, median_filter(alone, _AROUND, mode="nearest") / 0.455)
            beside = np.convolve(result, np.ones(3), "same") > 0
            best, where = 0.0, slice(0)
            for length in range(1, _LONGEST + 1):
                surprise = _surprise(pull, precision, result, length)
                surprise /= usual[length // 2 :][: len(surprise)]
                seen = np.convolve(beside, np.ones(length), "valid") > 0
                surprise = np.where(seen, surprise, 0)
                gain = surprise - _AWAY**2 - _EACH * (length - 1)
                at = int(gain.argmax())
                if gain[at] > best:
                    best, where = float(gain[at]), slice(at, at + length)
            if best <= 0:
                break
            result[where] = True
        return result

    def _without(self, hidden: NDArray[np.bool_]) -> Float64:
        """Return the precision of the lines that are not hidden, 0 at the others."""
        at = np.flatnonzero(hidden)
        if not len(at):
            return self.precision
        across = self.precision[at]
        rest = self.precision - across.T @ np.linalg.solve(across[:, at], across)
        rest[at] = 0
        rest[:, at] = 0
        return rest


def _surprise(pull: Float64, precision: Float64, hidden: NDArray[np.bool_], length: int) -> Float64:
    """Return ``(first line,)`` how much more likely runs of lines make the others when left out.

    In units in which it is chi-squared with `length` degrees of freedom; 0 where some are hidden.
    """
    first = np.arange(len(pull) - length + 1)
    index = first[:, None] + np.arange(length)
    free = ~hidden[index].any(axis=1)
    index = index[free]
    blocks = precision[index[:, :, None], index[:, None, :]]
    own = pull[index]
    result = np.zeros(len(first))
    result[free] = (own * np.linalg.solve(blocks, own[..., None])[..., 0]).sum(axis=1)
    return result
