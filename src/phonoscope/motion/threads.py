"""The threads that share the work on pixels; compiled code lets go of the interpreter."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import numpy as np

Result = TypeVar("Result")

_COUNT = os.cpu_count() or 1
_POOL = ThreadPoolExecutor(_COUNT, "phonoscope-pixels")


def shared_out(work: Callable[[slice], Result], items: int) -> Sequence[Result]:
    """Cut `items` into a slice for each core, and return in order what `work` makes of them.

    What a thread raises is raised here.
    """
    return [part.result() for part in begun(work, items)]


def begun(work: Callable[[slice], Result], items: int) -> Sequence["Future[Result]"]:
    """Begin `shared_out`, whose results come later."""
    edges = np.linspace(0, items, min(_COUNT, items) + 1).round().astype(int).tolist()
    return [_POOL.submit(work, slice(a, b)) for a, b in pairwise(edges)]
