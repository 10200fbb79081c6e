"""Anything whose frames can be read by number, or come one by one."""

import math
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence, Sized
from contextlib import AbstractContextManager
from fractions import Fraction
from functools import partial
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError
from phonoscope.types import Frame, Luma, RateCandidate, Stretches, VideoFacts
from phonoscope.video.rate import candidates_of, choose_rate
from phonoscope.video.session import Session
from phonoscope.video.timeline import Timeline
from phonoscope.video.window import Window

Reader = Callable[[int], Luma]
OpenReader = Callable[[], AbstractContextManager[Reader]]


def array_facts(
    name: str,
    kind: str,
    pixel_format: str,
    like: Luma,
    bits: int,
    frames: int | None,
    rates: Sequence[RateCandidate],
) -> VideoFacts:
    """Return the facts of a source of arrays `like` the first one."""
    chosen, warnings = choose_rate(rates, name)
    height, width = like.shape
    return VideoFacts(
        name=name,
        container=kind,
        codec=kind,
        pixel_format=pixel_format,
        width=width,
        height=height,
        bits=bits,
        frames=frames,
        container_rate=None,
        capture_rate=chosen.rate,
        capture_rate_source=chosen.source,
        warnings=warnings,
        rates=tuple(rates),
    )


def check_array(frame: object, name: str, index: int) -> Luma:
    """Return a read-only native view of one frame; raise `InputError` if it is no luma image."""
    array: NDArray[Any] = np.asarray(frame)
    if array.dtype.kind != "u" or array.dtype.itemsize > 2:
        raise InputError(
            f"frame {index} of {name} has type {array.dtype}, which says nothing of its full "
            "scale; convert it to uint8 or uint16, for example with (x * 65535).astype('uint16') "
            "for values from 0 to 1."
        )
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(
            f"frame {index} of {name} has shape {array.shape}; give (height, width) luma, "
            "for example the mean over the colours."
        )
    view = array.view() if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    view.flags.writeable = False
    return view


def check_same(frame: Luma, facts: VideoFacts, what: str) -> Luma:
    """Return `frame`; raise `InputError` if its size or depth is not that of the video."""
    height, width = frame.shape
    if (width, height) != (facts.width, facts.height):
        raise InputError(
            f"{what} is {width}x{height} where the frames before are "
            f"{facts.width}x{facts.height}; cut the video into parts of one size."
        )
    if (frame.dtype.itemsize == 1) != (facts.bits <= 8):
        raise InputError(
            f"{what} has samples of {8 * frame.dtype.itemsize} bits where the frames before have "
            f"{facts.bits}; convert all to one depth."
        )
    return frame


class IndexedVideo(Session):
    """Frames read by number: images, pages, slices of an array.

    Where a `timeline` says that frames are spaced unevenly, each has its own time. `again` opens
    the same in another process, if that can be done.
    """

    def __init__(
        self,
        facts: VideoFacts,
        count: int,
        window: Window,
        open_reader: OpenReader,
        label: Callable[[int], str],
        timeline: Timeline | None = None,
    ) -> None:
        super().__init__(facts)
        self._rate = facts.capture_rate
        self._ticks = None if timeline is None else timeline.ticks
        if timeline is not None and facts.capture_rate_source == "user":
            self._tick_s = timeline.tick_s * timeline.nominal / facts.capture_rate
        elif timeline is not None:
            self._tick_s = timeline.tick_s
        window.check_against(self._time_s(count - 1) + 1 / self._rate, facts)
        self._indices = self._within(window, count)
        self._open_reader = open_reader
        self._label = label
        self.again: Callable[[], IndexedVideo] | None = None

    def _time_s(self, index: int) -> Fraction:
        if self._ticks is None:
            return index / self._rate
        return int(self._ticks[index]) * self._tick_s

    def _within(self, window: Window, count: int) -> range:
        if self._ticks is None:
            first, stop = window.start_index(self._rate), window.stop_index(self._rate)
            return range(first, count if stop is None else min(stop, count))
        edges = [math.ceil(window.start_s / self._tick_s)]
        if window.end_s is not None:
            edges.append(math.ceil(window.end_s / self._tick_s))
        first, stop = (*np.searchsorted(self._ticks, edges).tolist(), count)[:2]
        return range(first, stop)

    def _read(self) -> Generator[Frame, None, None]:
        return self._frames(self._indices)

    def stretches(self) -> Stretches | None:
        again = self.again
        return Stretches(
            self._indices.start, self._indices.stop, 1,
            lambda first, stop: self._watched(self._between(first, stop)),
            lambda: False, lambda: None, None if again is None else partial(_read_again, again),
        )  # fmt: skip

    def _between(self, first: int, stop: int | None) -> Generator[Frame, None, None]:
        last = self._indices.stop
        return self._frames(range(first, last if stop is None else min(stop, last)))

    def _frames(self, indices: range) -> Generator[Frame, None, None]:
        with self._open_reader() as read:
            for index in indices:
                luma = check_same(read(index), self.facts, self._label(index))
                yield Frame(index, self._time_s(index), luma)


def _read_again(
    again: Callable[[], IndexedVideo], first: int, stop: int | None
) -> tuple[Generator[Frame, None, None], None]:
    return again()._between(first, stop), None


class StreamVideo(Session):
    """Frames that come one by one from an iterable of arrays."""

    def __init__(self, source: Iterable[object], window: Window, rate: Fraction) -> None:
        self._name = "frames from Python"
        self._source = source
        self._once: Iterator[object] | None = None
        frames = iter(source)
        first = next(frames, None)
        if first is None:
            raise InputError("the iterable of frames is empty; give at least one (height, width).")
        if frames is source:
            self._once = chain([first], frames)  # the one that was looked at comes back
        like = check_array(first, self._name, 0)
        bits = 8 * like.dtype.itemsize
        count = len(source) if isinstance(source, Sized) else None
        rates = candidates_of(rate)
        super().__init__(array_facts(self._name, "array", f"gray{bits}", like, bits, count, rates))
        self._window = window
        self._spent = False

    def _frames(self) -> Iterator[object]:
        if self._once is None:
            return iter(self._source)
        if self._spent:
            raise InputError(
                "these frames come from an iterator, which can be read once only; "
                "give a list, an array or a file to read it again."
            )
        self._spent = True
        return self._once

    def _read(self) -> Generator[Frame, None, None]:
        rate = self.facts.capture_rate
        first, stop = self._window.start_index(rate), self._window.stop_index(rate)
        count = 0
        for index, array in enumerate(self._frames()):
            if stop is not None and index >= stop:
                return
            count = index + 1
            if index >= first:
                luma = check_array(array, self._name, index)
                luma = check_same(luma, self.facts, f"frame {index} of {self._name}")
                yield Frame(index, index / rate, luma)
        self._window.check_against(count / rate, self.facts)
