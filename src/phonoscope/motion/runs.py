"""Who measures which segments: runs of them, handed out to threads or to other machines."""

import math
import threading
from collections.abc import Callable, Container
from dataclasses import replace

from phonoscope.motion.run import Run
from phonoscope.motion.segment import Poses


class Runs:
    """Hands out runs, long ones first and shorter ones in the end, so that all end together.

    Parameters
    ----------
    segments
        How many are expected. The last run goes on to the end, however many there are.
    done
        Numbers of those that need not be measured.
    at_least
        Fewest segments in a run: to begin one costs the frames since the last key frame.
    workers
        How many take runs.
    known
        Returns where a segment that is done last saw the picture.
    at_most
        Most segments in a run, but for the last ones: what is lost with one that takes it. None
        for no limit.
    """

    def __init__(
        self, segments: int, done: Container[int], at_least: int, workers: int,
        known: Callable[[int], Poses], at_most: int | None = None,
    ) -> None:  # fmt: skip
        self._changed = threading.Condition()
        self._segments, self._at_least, self._workers = segments, at_least, workers
        self._at_most = segments if at_most is None else max(at_most, at_least)
        self._open = _gaps(segments, done)
        self._known = {a - 1: known(a - 1) for a, _ in self._open if a - 1 in done}
        self._ready: list[Run] = []
        self._waiting: dict[int, Run] = {}
        self._begun: set[int] = set()  # runs whose first segment is still being measured
        self._busy = 0
        self._stopped = False

    def take(self, *, wait: bool = True) -> Run | None:
        """Return the next run, or None when there will be no more.

        If one may come yet that waits for another, so does this; or else returns None, too.
        """
        with self._changed:
            while not self._stopped:
                if self._ready or self._open:
                    run = self._ready.pop() if self._ready else self._cut()
                    self._begun.add(run.first)
                    self._busy += 1
                    return run
                if not (self._busy and wait):
                    return None
                self._changed.wait()
            return None

    def reached(self, number: int, poses: Poses) -> None:
        """Note where a segment last saw the picture, which the one after it may need to know."""
        with self._changed:
            self._begun.discard(number)
            self._known.pop(number - 1, None)
            if number + 1 in self._begun or any(a == number + 1 for a, _ in self._open):
                self._known[number] = poses
            waiting = self._waiting.pop(number + 1, None)
            if waiting is not None:
                self._ready.append(replace(waiting, before=poses))
                self._changed.notify_all()

    def postpone(self, run: Run) -> None:
        """Put off a run until the segment before it is measured, which `reached` tells."""
        with self._changed:
            known = self._known.get(run.first - 1)
            if known is None:
                self._waiting[run.first] = run
            else:
                self._ready.append(replace(run, before=known))

    def leave(self) -> None:
        """Be done with the run that was taken."""
        with self._changed:
            self._busy -= 1
            self._changed.notify_all()

    def stop(self) -> None:
        """Hand out no more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def _cut(self) -> Run:
        first, stop = self._open[0]
        ends = [self._segments if b is None else b for _, b in self._open]
        left = sum(max(b - a, 1) for (a, _), b in zip(self._open, ends, strict=True))
        # The last runs share evenly what is left: one run too many would keep the others waiting.
        many = left > 2 * self._at_least * self._workers
        length = max(self._at_least, math.ceil(left / self._workers / (2 if many else 1)))
        if many:
            length = min(length, self._at_most)
        before = self._known.get(first - 1)
        if first + length + self._at_least > ends[0]:
            self._open.pop(0)
            return Run(first, stop, before)
        self._open[0] = (first + length, stop)
        return Run(first, first + length, before)


def _gaps(segments: int, done: Container[int]) -> list[tuple[int, int | None]]:
    """Return the ranges of numbers that are not done; the last one has no end."""
    gaps: list[tuple[int, int | None]] = []
    first: int | None = None
    for number in range(segments):
        if number in done:
            if first is not None:
                gaps.append((first, number))
            first = None
        elif first is None:
            first = number
    return [*gaps, (segments if first is None else first, None)]
