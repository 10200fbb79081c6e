"""Threads that read and measure segments of a video, each by itself."""

import math
import queue
import threading
from collections.abc import Callable, Container, Generator
from contextlib import closing, nullcontext
from typing import Any

from phonoscope.motion.run import Run, measured_run
from phonoscope.motion.runs import Runs
from phonoscope.motion.segment import Poses, Segment, Target
from phonoscope.motion.threads import alone, is_alone
from phonoscope.types import Frame, Stretches

_WAITING_SEGMENTS = 2  # that are measured and wait to be fetched, or are being written
_RUN_TO_LEAD = 8  # a run is so much longer than the frames that are decoded to begin it, at most
_PATIENCE_S = 0.2


class _StoppedError(Exception):
    """Nobody wants the result any more."""


def measured_segments(
    subject: Target, frames: Generator[Frame, None, None], stretches: Stretches | None, size: int,
    workers: int, done: Container[int], known: Callable[[int], Poses],
    progress: Callable[[int], None] | None,
) -> Generator[Segment, None, None]:  # fmt: skip
    """Yield the segments of a video that are not done, in the order in which they become so.

    Parameters
    ----------
    subject
        What is measured.
    frames
        All of them; those of the first run are taken from there.
    stretches
        How to read the others of several runs; None if all are to be taken from `frames`.
    size
        Number of frames in a segment.
    workers
        How many threads share the runs, if there are several.
    done, known, progress
        As in `phonoscope.motion.Measurement.segments`.
    """
    workers = workers if stretches else 1
    crew = _Crew(subject, frames, stretches, size, workers, done, known)
    threads = [
        threading.Thread(target=crew.work, name=f"phonoscope-measure-{n}", daemon=True)
        for n in range(workers)
    ]
    for thread in threads:
        thread.start()
    measured, working = 0, workers
    try:
        while working:
            item = crew.results.get()
            if isinstance(item, BaseException):
                raise item
            if item is None:
                working -= 1
            elif isinstance(item, int):
                measured += item
                if progress:
                    progress(measured)
            else:
                yield item
                crew.room.release()
    finally:
        crew.stop()
        for thread in threads:
            thread.join()


def shares(stretches: Stretches, size: int, workers: int) -> tuple[int, int]:
    """Return how many segments of `size` frames there are, and the fewest that make a run."""
    segments = max(1, math.ceil((stretches.stop - stretches.first) / size))
    lead, share = math.ceil(stretches.apart / size), math.ceil(segments / workers)
    return segments, max(lead, min(math.ceil(_RUN_TO_LEAD * stretches.apart / size), share))


def frames_of(run: Run, stretches: Stretches, size: int) -> tuple[int, int | None]:
    """Return the numbers of a run's first frame and of the one after its last (None: the end)."""
    stop = None if run.stop is None else stretches.first + run.stop * size
    return stretches.first + run.first * size, stop


class _Crew:
    """What the threads of one measurement share."""

    def __init__(
        self, subject: Target, frames: Generator[Frame, None, None], stretches: Stretches | None,
        size: int, workers: int, done: Container[int], known: Callable[[int], Poses],
    ) -> None:  # fmt: skip
        self.results: queue.SimpleQueue[Segment | int | BaseException | None] = queue.SimpleQueue()
        self.room = threading.Semaphore(_WAITING_SEGMENTS)
        self._subject, self._stretches, self._size = subject, stretches, size
        self._workers, self._done, self._known = workers, done, known
        self._alone = workers > 1 or is_alone()
        self._stopping = threading.Event()
        self._begun: Generator[Frame, None, None] | None = frames
        if stretches is None:  # one run of all, in which those that are done are passed over
            self._runs = Runs(1, (), 1, 1, known)
            return
        if 0 in done:
            self._begun = None
            frames.close()
        segments, at_least = shares(stretches, size, workers)
        self._runs = Runs(segments, done, at_least, workers, known)

    def work(self) -> None:
        """Take runs and measure them until there are none left."""
        try:
            with alone() if self._alone else nullcontext():
                while (run := self._runs.take()) is not None:
                    try:
                        self._measure(run)
                    finally:
                        self._runs.leave()
            self.results.put(None)
        except _StoppedError:
            pass
        except BaseException as error:  # whatever it is belongs to the one who asked
            self.results.put(error)

    def stop(self) -> None:
        """Let the threads end soon."""
        self._stopping.set()
        self._runs.stop()

    def _measure(self, run: Run) -> None:
        passed_over: dict[str, Any] = {}
        if self._stretches is None:  # one run of all
            passed_over = {"done": self._done, "known": self._known}
        origin = None if self._stretches is None else self._stretches.first
        with closing(self._read(run)) as frames:
            for item in measured_run(
                self._subject, run, frames, self._size, self._told, origin=origin, **passed_over
            ):
                if isinstance(item, Run):
                    self._runs.postpone(item)
                else:
                    self._put(item)

    def _read(self, run: Run) -> Generator[Frame, None, None]:
        if run.first == 0 and self._begun is not None:
            return self._begun
        assert self._stretches is not None  # or there is one run only
        return self._stretches.read(*frames_of(run, self._stretches, self._size))

    def _told(self, frames: int) -> None:
        if self._stopping.is_set():
            raise _StoppedError
        self.results.put(frames)

    def _put(self, segment: Segment) -> None:
        while not self.room.acquire(timeout=_PATIENCE_S):
            if self._stopping.is_set():
                raise _StoppedError
        self.results.put(segment)
        self._runs.reached(segment.number, segment.poses)
