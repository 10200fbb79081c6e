"""Blocks of a motion field that are read when they are asked for."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, overload

import numpy as np
from numpy.typing import NDArray

from phonoscope.types import Float32, MotionBlock

Result = TypeVar("Result")

_AHEAD = max(1, min(4, os.cpu_count() or 1))  # each is several megabytes


class LazyBlocks(Sequence[MotionBlock]):
    """Blocks whose lengths are known and whose samples are read, or cut, each time anew.

    Parameters
    ----------
    samples
        Number of samples in each block.
    read
        Returns a block by its number.
    """

    def __init__(self, samples: Sequence[int], read: Callable[[int], MotionBlock]) -> None:
        self.samples = samples
        self._read = read

    def __len__(self) -> int:
        return len(self.samples)

    def __iter__(self) -> Iterator[MotionBlock]:
        return ahead(self._read, len(self))

    @overload
    def __getitem__(self, index: int) -> MotionBlock: ...
    @overload
    def __getitem__(self, index: slice) -> "LazyBlocks": ...
    def __getitem__(self, index: int | slice) -> "MotionBlock | LazyBlocks":
        chosen = range(len(self))[index]
        if isinstance(chosen, int):
            return self._read(chosen)
        return LazyBlocks([self.samples[n] for n in chosen], lambda n: self._read(chosen[n]))


def ahead(work: Callable[[int], Result], count: int) -> Iterator[Result]:
    """Yield ``work(0)`` to ``work(count - 1)`` in order, while threads do the next few already."""
    with ThreadPoolExecutor(_AHEAD, "phonoscope-blocks") as threads:
        waiting: deque[Future[Result]] = deque()
        try:
            for number in range(count):
                waiting.append(threads.submit(work, number))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def samples_of(blocks: Sequence[MotionBlock]) -> Sequence[int]:
    """Return the number of samples in each block, without reading them where that is known."""
    if isinstance(blocks, LazyBlocks):
        return blocks.samples
    return [len(block.time_s) for block in blocks]


def changed(
    blocks: Sequence[MotionBlock], change: Callable[[MotionBlock], MotionBlock]
) -> LazyBlocks:
    """Return blocks of the same lengths that are changed as they are read."""
    return LazyBlocks(samples_of(blocks), lambda n: change(blocks[n]))


def on_lines(wanted: NDArray[np.int64], known: NDArray[np.int64], values: Float32) -> Float32:
    """Return values at `wanted` on straight lines between the `known` ones, level outside."""
    after = np.clip(np.searchsorted(known, wanted), 1, max(len(known) - 1, 1))
    before, after = after - 1, np.minimum(after, len(known) - 1)
    span = np.maximum(known[after] - known[before], 1)
    share = np.clip((wanted - known[before]) / span, 0, 1).astype(np.float32)
    share = share.reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray((1 - share) * values[before] + share * values[after], np.float32)
