"""Listen to a motion field that has no end: what was learned lately hears what comes.

The last seconds are attended to again and again, in another thread, as a whole clip would be; each
time what is learned from them takes over, faded in. Until something stands above the noise there
is silence.
"""

import math
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError
from phonoscope.sound.ear import Ear, half_taps
from phonoscope.sound.listen import Listened, listen_to_array
from phonoscope.sound.threads import one_thread
from phonoscope.sound.windows import window_samples
from phonoscope.types import Float64, MotionBlock, MotionField, Sound

_LEARNED_FROM_S = 10.0
_LEARNED_AT_LEAST_S = 2.0
_LEARNED_AT_LEAST = 64  # samples
_ANEW_S = 2.0
_RING_BYTES = 64 * 2**20
_FADE_S = 0.1
_SAME_S = 2.0  # by which the sign of an ear is told from the one before
FALSE_ALARM_LIVE = 1e-5
"""Probability of each verdict's false alarm: with one every two seconds, one in two days."""


class Listener:
    """Hears in samples as they come.

    Parameters
    ----------
    field
        All of the motion field but its samples.
    band_hz
        Lowest and highest frequency to keep.
    aside
        Learns while others are heard.

    Attributes
    ----------
    half
        By how many samples what is heard is late.
    sound
        Of the last seconds, when they were last attended to: its verdict and noise; or None.
    """

    def __init__(self, field: MotionField, band_hz: tuple[float, float], aside: Executor) -> None:
        self._field, self._band, self._aside = field, band_hz, aside
        rate = float(field.rate_hz)
        most = int(_RING_BYTES / (12 * len(field.cells)))
        self._most = max(min(math.ceil(_LEARNED_FROM_S * rate), most), _LEARNED_AT_LEAST)
        self._least = min(max(math.ceil(_LEARNED_AT_LEAST_S * rate), _LEARNED_AT_LEAST), self._most)
        self._anew = math.ceil(_ANEW_S * rate)
        self._fading = max(1, round(_FADE_S * rate))
        self.half = half_taps(rate, band_hz, window_samples(self._most, rate))
        self.start_over()

    def start_over(self) -> None:
        """Forget what was learned: what follows is measured from another reference."""
        self.sound: Sound | None = None
        self._ring: deque[MotionBlock] = deque()
        self._held, self._since = 0, self._anew
        self._learning: Future[Listened | None] | None = None
        self._now = _Hearing(None, np.zeros((0, 0)))
        self._before, self._faded = self._now, self._fading
        self._measured = np.zeros(0, np.bool_)  # of the samples that are still to be heard

    def hear(
        self, block: MotionBlock, measured: NDArray[np.bool_]
    ) -> tuple[Float64, NDArray[np.bool_]]:
        """Take samples, and return those that can be heard by now, px, and which were measured.

        They are those of `half` samples ago; silence where nothing stands above the noise.
        """
        self._learn()
        self._ring.append(block)
        self._held += len(block.time_s)
        self._since += len(block.time_s)
        while self._held - len(self._ring[0].time_s) >= self._most:
            self._held -= len(self._ring.popleft().time_s)
        self._measured = np.concatenate([self._measured, measured])
        return self._heard(block, max(len(self._measured) - self.half, 0))

    def finish(self) -> tuple[Float64, NDArray[np.bool_]]:
        """Return what is still to be heard, as if the picture stood still from now on."""
        if not self._ring:
            return np.zeros(0), self._measured
        last = self._ring[-1]
        still = replace(
            last,
            time_s=np.repeat(last.time_s[-1:], self.half),
            motion=np.repeat(last.motion[-1:], self.half, axis=0),
            gain=np.repeat(last.gain[-1:], self.half, axis=0),
        )
        return self._heard(still, len(self._measured))

    def _heard(self, block: MotionBlock, count: int) -> tuple[Float64, NDArray[np.bool_]]:
        heard = self._now.hear(block, 2 * self.half)
        if self._faded < self._fading:
            share = np.minimum((self._faded + np.arange(len(heard))) / self._fading, 1)
            heard = share * heard + (1 - share) * self._before.hear(block, 2 * self.half)
            self._faded += len(heard)
        measured, self._measured = self._measured[:count], self._measured[count:]
        return heard[len(heard) - count :], measured

    def _learn(self) -> None:
        """Attend to the last seconds if it is time to, and take over what was learned of them."""
        if self._learning is not None and self._learning.done():
            learned, self._learning = self._learning.result(), None
            if learned is not None:
                self._take_over(learned)
        if self._learning is None and self._held >= self._least and self._since >= self._anew:
            self._since = 0
            self._learning = self._aside.submit(self._task())

    def _task(self) -> "Callable[[], Listened | None]":
        blocks, samples = tuple(self._ring), self._held

        def attend() -> Listened | None:
            field = replace(self._field, samples=samples, blocks=(_joined(blocks),))
            try:
                with one_thread():
                    return listen_to_array(field, self._band, FALSE_ALARM_LIVE)
            except InputError:  # a picture without texture, or one that stands still, noise and all
                return None

        return attend

    def _take_over(self, learned: Listened) -> None:
        self.sound = learned.sound
        ear, old = Ear.of(learned, self.half), self._now.ear
        if ear is not None and old is not None:
            lately = 2 * self.half + round(_SAME_S * float(self._field.rate_hz))
            if (
                float(old.heard(self._lately(old, lately)) @ ear.heard(self._lately(ear, lately)))
                < 0
            ):
                ear = replace(ear, taps=-ear.taps)
        if ear is not None or old is not None:
            self._before, self._faded = self._now, 0
        self._now = _Hearing(ear, self._lately(ear, 2 * self.half))

    def _lately(self, ear: Ear | None, samples: int) -> Float64:
        """Return an ear's virtual channels of the last samples, or of all that there are."""
        if ear is None:
            return np.zeros((0, 0))
        parts: list[Float64] = []
        for block in reversed(self._ring):
            if samples <= 0:
                break
            own = ear.mixed(block)[-samples:]
            samples -= len(own)
            parts.append(own)
        return np.concatenate(parts[::-1])


class _Hearing:
    """An ear at work; `tail` are its virtual channels of the last samples."""

    def __init__(self, ear: Ear | None, tail: Float64) -> None:
        self.ear, self._tail = ear, tail

    def hear(self, block: MotionBlock, kept: int) -> Float64:
        """Return a sample for each of the block's, half a filter late; 0 where that is unknown."""
        count = len(block.time_s)
        if self.ear is None:
            return np.zeros(count)
        mixed = np.concatenate([self._tail, self.ear.mixed(block)])
        self._tail = mixed[-kept:]
        heard = self.ear.heard(mixed[-kept - count :])
        return np.concatenate([np.zeros(count - len(heard)), heard])


def _joined(blocks: Sequence[MotionBlock]) -> MotionBlock:
    counts = [len(block.time_s) for block in blocks]
    return MotionBlock(
        np.concatenate([block.time_s for block in blocks]),
        np.concatenate([block.motion for block in blocks]),
        np.concatenate([block.gain for block in blocks]),
        np.average([block.information for block in blocks], axis=0, weights=counts),
    )
