"""What fits together: signs of parts that move against each other, line delay, direction.

Rows that are put at the right times, with the right signs, are samples of one sound whose spectrum
stays the same over several frames; wrongly put together they are not. How likely the rows are as
samples of one process tells the two apart.
"""

import math
import os
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np

from phonoscope.sound.irregular import Rows, even_out, log_likelihood
from phonoscope.sound.rows import Gains, Layout, rows_of
from phonoscope.types import Float64, MotionField, Shutter

_LENGTH_S = 0.7
_DIP = 0.7  # of the strength on either side: a sign may change there
_MOST_STRENGTH = 12.0  # at more, tiny departures from the model would decide
_SURE = 25.0  # nats
_LEVELLING = 2
_NEAR = (0.96, 1.04)
_APART = 3  # steps of the scan
_SCAN = np.round(np.exp(np.arange(-0.285, 0.2851, 0.015)), 4)
_CORES = os.cpu_count() or 1


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """The loudest stretch of a field, on which guesses are tried.

    Attributes
    ----------
    part
        That stretch, one block.
    layout, rate_hz, high_hz
        Of the field, and of the sound.
    """

    part: MotionField
    layout: Layout
    rate_hz: int
    high_hz: float

    @classmethod
    def of(
        cls, field: MotionField, layout: Layout, gains: Gains, rate_hz: int, high_hz: float
    ) -> "Trial":
        """Choose the stretch."""
        frames = max(4, round(_LENGTH_S * float(field.rate_hz)))
        best, found = -1.0, None
        for number, rows in enumerate(rows_of(field, layout, gains)):
            count = len(rows.values) // len(layout.delay_s)
            known = np.isfinite(rows.variance)
            power = np.where(known, rows.values**2 / np.where(known, rows.variance, 1), 0)
            total = np.cumsum(np.append(0, power.reshape(count, -1).sum(axis=1)))
            length = min(frames, count)
            loud = total[length:] - total[:-length]
            if loud.max() > best:
                best, found = float(loud.max()), (number, int(loud.argmax()), length)
        number, first, length = found or (0, 0, 0)
        block, here = field.blocks[number], slice(first, first + length)
        block = replace(
            block, time_s=block.time_s[here], motion=block.motion[here], gain=block.gain[here]
        )
        return cls(replace(field, blocks=(block,), samples=length), layout, rate_hz, high_hz)

    def signed(self, gains: Gains) -> Gains:
        """Return gains whose sign changes where that makes the rows fit together better.

        Where every part of a row stands still, its neighbours do not tell whether those beyond
        move with them or against them.
        """
        best = self._likelihood(gains, self.layout.delay_s)
        for node in _dips(gains.strength):
            for first in (node, node + 1):
                signs = np.where(np.arange(len(gains.nodes)) < first, 1.0, -1.0)
                other = replace(gains, nodes=gains.nodes * signs[:, None, None])
                likelihood = self._likelihood(other, self.layout.delay_s)
                if likelihood > best + _SURE:
                    best, gains = likelihood, other
        return gains

    def doubts(self, gains: Gains, shutter: Shutter) -> tuple[bool, tuple[str, ...]]:
        """Return whether the rows fit together, and a warning if not, or at other times only."""
        delay = self.layout.delay_s
        likelihood = self._likelihood(gains, delay)
        if self._peaks(gains, delay, likelihood):
            return True, ()
        upwards = delay[-1] - delay
        other = self._likelihood(gains, upwards)
        if other > likelihood + _SURE and self._peaks(gains, upwards, other):
            way = "up" if shutter.direction == "down" else "down"
            return True, (
                f"the rows fit together much better if they are read the other way; give the "
                f"direction {way} (--direction {way}).",
            )
        return self._better_delay(gains, shutter)

    def foretold_s(self, gains: Gains, a_second_s: float) -> float:
        """Return how long `signed`, `doubts` and `levelled` will take, by making a beginning.

        Reconstructing a second of sound takes `a_second_s`.
        """
        begun = time.perf_counter()
        gains, delay = self.signed(gains), self.layout.delay_s
        likelihood = self._likelihood(gains, delay)
        alone = time.perf_counter()
        peaks = self._peaks(gains, delay, likelihood)
        done = time.perf_counter()
        scanned = 0.0 if peaks else math.ceil(len(_SCAN) / _CORES) * (done - alone)
        return done - begun + scanned + _LEVELLING * _LENGTH_S * a_second_s

    def _peaks(self, gains: Gains, delay_s: Float64, likelihood: float) -> bool:
        # Errors that only look like sound may be likelier the more, or the less, rows are apart.
        near = self._likelihoods(gains, (delay_s * factor for factor in _NEAR))
        return likelihood > max(near) + _SURE

    def levelled(self, gains: Gains) -> Gains:
        """Return gains whose noise is what the sound leaves of the rows.

        Errors that all pieces of a row share are noise, too, though pieces do not tell. They change
        from row to row, and no sound within the band does that.
        """
        from scipy.interpolate import CubicSpline  # slow to import

        for _ in range(_LEVELLING):
            (rows,) = rows_of(self.part, self.layout, gains)
            start = float(rows.times_s[0])
            even = even_out([rows], rate_hz=self.rate_hz, band_hz=self.high_hz, start_s=start)
            at = start + np.arange(len(even.samples)) / self.rate_hz
            sound = CubicSpline(at, even.samples)(rows.times_s)
            left = (rows.values - sound) ** 2 + np.interp(rows.times_s, at, even.variance)
            known = np.isfinite(rows.variance)
            factor = float(np.mean(left[known] / rows.variance[known]))
            gains = replace(gains, level=gains.level * factor)
        return gains

    def _better_delay(self, gains: Gains, shutter: Shutter) -> tuple[bool, tuple[str, ...]]:
        delay = self.layout.delay_s
        longest = 1 / float(self.part.rate_hz) / delay[-1]
        factors = _SCAN[longest >= _SCAN]
        found = np.array(self._likelihoods(gains, (delay * factor for factor in factors)))
        best = int(np.argmax(found[_APART:-_APART])) + _APART if len(found) > 2 * _APART else 0
        beside = np.append(found[best - _APART : best - 1], found[best + 2 : best + _APART + 1])
        if best and found[best] > beside.max() + 2 * _SURE:
            better = shutter.line_delay_s * factors[best]
            if abs(factors[best] - 1) < 0.02:
                return True, ()
            return True, (
                f"the rows fit together much better with a line delay of about {better:.3g} s than "
                f"with {shutter.line_delay_s:.4g} s; check it (--line-delay), or measure it with "
                "phonoscope calibrate shutter.",
            )
        return False, (
            f"the sound is too faint or too simple to tell whether the line delay of "
            f"{shutter.line_delay_s:.4g} s is right; if it is not, pitch and time are wrong.",
        )

    def _likelihoods(self, gains: Gains, delays_s: Iterable[Float64]) -> list[float]:
        # Nearly all of it is linear algebra, which lets go of the interpreter.
        with ThreadPoolExecutor(_CORES) as pool:
            return list(pool.map(lambda delay_s: self._likelihood(gains, delay_s), delays_s))

    def _likelihood(self, gains: Gains, delay_s: Float64) -> float:
        # Whatever the signs, the same strength counts, or likelihoods could not be compared.
        level = gains.level * np.maximum(gains.strength / _MOST_STRENGTH, 1)
        layout = replace(self.layout, delay_s=delay_s)
        (rows,) = rows_of(self.part, layout, replace(gains, level=level))
        order = np.argsort(rows.times_s, kind="stable")
        times, values, variance = (
            part[order] for part in (rows.times_s, rows.values, rows.variance)
        )
        return log_likelihood(
            [Rows(times, values, variance)],
            rate_hz=self.rate_hz,
            band_hz=self.high_hz,
            start_s=float(times[0]),
        )


def _dips(strength: Float64) -> list[int]:
    # Nodes around which the strength has its least, between stronger ones.
    level = np.sqrt(strength)
    return [
        n
        for n in range(1, len(level) - 1)
        if level[n] <= min(level[n - 1], level[n + 1])
        and level[n] < _DIP * min(level[:n].max(), level[n + 1 :].max())
    ]
