"""The threads that share the work on pixels; compiled code lets go of the interpreter."""

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import numpy as np

Result = TypeVar("Result")

_COUNT = os.cpu_count() or 1
_POOL = ThreadPoolExecutor(_COUNT, "phonoscope-pixels")
_OWN = threading.local()


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Within the block, this thread shares nothing out: others are as busy as it is."""
    _OWN.alone = True
    try:
        yield
    finally:
        _OWN.alone = False


def is_alone() -> bool:
    """Return whether this thread is within `alone`."""
    return getattr(_OWN, "alone", False)


def shared_out(work: Callable[[slice], Result], items: int) -> Sequence[Result]:
    """Cut `items` into a slice for each core, and return in order what `work` makes of them.

    What a thread raises is raised here.
    """
    return [part.result() for part in begun(work, items)]


def begun(work: Callable[[slice], Result], items: int) -> Sequence["Future[Result]"]:
    """Begin `shared_out`, whose results come later."""
    if is_alone():
        return [_done(work, slice(0, items))] if items else []
    edges = np.linspace(0, items, min(_COUNT, items) + 1).round().astype(int).tolist()
    return [_POOL.submit(work, slice(a, b)) for a, b in pairwise(edges)]


def _done(work: Callable[[slice], Result], items: slice) -> "Future[Result]":
    future: Future[Result] = Future()
    future.set_result(work(items))
    return future
