"""An even row of samples at any rate, without what is slower than sound, as a stream."""

import math

import numpy as np

from phonoscope.types import Float64

_TAPS = 24  # to either side, at the lower of both rates
_PHASES = 512
_BETA = 9.0
_PASSED = 0.95  # of the lower rate's half
_SLOWEST_HZ = 40.0  # what is slower is light and weave
_BLOCK = 1 << 15


class Evener:
    """Changes the rate of a stream of samples, and takes its slow part off.

    The slow part is a mean under a Hann window of two periods of 40 Hz: linear in phase.

    Parameters
    ----------
    channels
        Of the sound.
    rate_hz, new_rate_hz
        Samples a second before and after.
    """

    def __init__(self, channels: int, rate_hz: float, new_rate_hz: float) -> None:
        self._step = rate_hz / new_rate_hz
        cut = min(1.0, new_rate_hz / rate_hz)
        self._reach = math.ceil(_TAPS / cut)
        self._table = _kernels(self._reach, cut * _PASSED)
        self._slow = np.hanning(2 * max(1, round(2 * rate_hz / _SLOWEST_HZ / 2)) + 3)[1:-1]
        self._slow /= self._slow.sum()
        self._half = len(self._slow) // 2
        self._raw = np.zeros((channels, 0))
        self._held = np.zeros((channels, 0))
        self._begun = False
        self._first = -self._reach  # place of `_held[:, 0]`
        self._next = 0
        self._total = 0

    def add(self, samples: Float64) -> Float64:
        """Return ``(channel, sample)`` of what can be told after some more samples."""
        if not self._begun and samples.shape[1]:
            self._raw = np.repeat(samples[:, :1], self._half, axis=1)
            self._begun = True
        self._total += samples.shape[1]
        self._raw = np.concatenate([self._raw, samples], axis=1)
        if self._raw.shape[1] < 2 * self._half + _BLOCK:
            return self._raw[:, :0]
        return self._passed()

    def finish(self) -> Float64:
        """Return the rest."""
        if not self._begun:
            return self._raw
        tail = np.repeat(self._raw[:, -1:], self._half, axis=1)
        self._raw = np.concatenate([self._raw, tail], axis=1)
        most = math.ceil(self._total / self._step)
        first = self._passed()
        end = np.zeros((len(self._raw), 2 * self._reach + 2))
        self._held = np.concatenate([self._held, end], axis=1)
        both = np.concatenate([first, self._resampled()], axis=1)
        over = self._next - most
        return both[:, : both.shape[1] - over] if over > 0 else both

    def _passed(self) -> Float64:
        from scipy.signal import oaconvolve

        slow = oaconvolve(self._raw, self._slow[None], mode="valid", axes=1)
        fast = self._raw[:, self._half : self._half + slow.shape[1]] - slow
        self._raw = self._raw[:, slow.shape[1] :]
        if self._first < 0 and self._held.shape[1] == 0:
            self._held = np.zeros((len(fast), self._reach))
        self._held = np.concatenate([self._held, fast], axis=1)
        return self._resampled()

    def _resampled(self) -> Float64:
        last = self._first + self._held.shape[1] - 1 - self._reach
        count = math.floor(last / self._step) - self._next + 1
        if count <= 0:
            return self._held[:, :0]
        parts = []
        while count > 0:
            now = min(count, _BLOCK)
            parts.append(self._some(now))
            count -= now
        keep = math.floor(self._next * self._step) - self._reach - self._first
        if keep > 0:
            self._held = self._held[:, keep:]
            self._first += keep
        return np.concatenate(parts, axis=1)

    def _some(self, count: int) -> Float64:
        at = (self._next + np.arange(count)) * self._step
        whole = np.floor(at).astype(np.int64)
        phase = (at - whole) * _PHASES
        low = phase.astype(np.int64)
        part = (phase - low)[:, None]
        taps = (1 - part) * self._table[low] + part * self._table[low + 1]
        start = whole - self._reach + 1 - self._first
        index = start[:, None] + np.arange(2 * self._reach)
        self._next += count
        return np.array([(one[index] * taps).sum(axis=1) for one in self._held])


def _kernels(reach: int, cut: float) -> Float64:
    """Return ``(phase, tap)`` windowed sincs for places between two samples."""
    phase = np.arange(_PHASES + 1)[:, None] / _PHASES
    at = np.arange(-reach + 1, reach + 1) - phase
    window = np.i0(_BETA * np.sqrt(np.maximum(1 - (at / reach) ** 2, 0))) / np.i0(_BETA)
    taps = cut * np.sinc(cut * at) * window
    return np.asarray(taps / taps.sum(axis=1, keepdims=True))
