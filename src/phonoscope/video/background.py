"""Decode ahead in a background thread, so that decoding and measuring overlap."""

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

from phonoscope.errors import UsageError

T = TypeVar("T")


def prefetch(
    frames: Iterable[T], depth: int = 16, *, most: int | None = None
) -> Generator[T, None, None]:
    """Yield `frames` in order while a thread reads up to `depth` of them ahead.

    The thread starts with the first item asked for. An exception in `frames` is raised here, after
    the items before it. Closing the generator (or leaving a ``for`` loop over it by any exception)
    stops the thread within the time that one item takes, and closes `frames` if it is a generator.

    Parameters
    ----------
    frames
        Anything that yields; it is walked through in the other thread only.
    depth
        Largest number of items held ahead, 1 or more.
    most
        How many are read ahead altogether, if not all: whoever walks through the others reads them
        by himself. Where every core has frames to read, more of them would only be in the way.

    Raises
    ------
    UsageError
        If `depth` is less than 1.
    """
    if depth < 1:
        raise UsageError(f"depth {depth} cannot hold a frame; give 1 or more.")
    return _consume(frames, depth, most)


def _consume(frames: Iterable[T], depth: int, most: int | None) -> Generator[T, None, None]:
    # (item, None) for each item, then (None, error) or, at a regular end, (None, None) as `done`.
    items: queue.SimpleQueue[tuple[Any, BaseException | None, bool]] = queue.SimpleQueue()
    # Room for an item is a token in a queue, which costs a tenth of a semaphore.
    slots: queue.SimpleQueue[None] = queue.SimpleQueue()
    for _ in range(depth):
        slots.put(None)
    stop = threading.Event()
    source = iter(frames)
    worker = threading.Thread(
        target=_produce, args=(islice(source, most), items, slots, stop),
        name="phonoscope-prefetch", daemon=True,
    )  # fmt: skip
    worker.start()
    try:
        while True:
            item, error, more = items.get()
            if error is not None:
                raise error
            if not more:
                break
            slots.put(None)
            yield item
            del item  # or this frame's memory would live until the next one arrives
        if most is not None:
            yield from source
    finally:
        stop.set()
        slots.put(None)
        worker.join()
        if isinstance(source, Generator):
            source.close()


def _produce(
    source: Iterator[Any],
    items: "queue.SimpleQueue[tuple[Any, BaseException | None, bool]]",
    slots: "queue.SimpleQueue[None]",
    stop: threading.Event,
) -> None:
    try:
        while True:
            slots.get()
            if stop.is_set():
                break
            items.put((next(source), None, True))
    except StopIteration:
        items.put((None, None, False))
    except BaseException as error:  # whatever it is belongs to the consumer, not to this thread
        items.put((None, error, False))
