"""One long video, cut by time: runs of segments, each read and measured by a worker by itself."""

import socket
from collections.abc import Callable, Container, Generator
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from phonoscope.distributed.hands import Hands
from phonoscope.errors import ClusterError, InputNotFoundError
from phonoscope.motion import PackedSegment
from phonoscope.motion.run import Run, measured_run
from phonoscope.motion.runs import Runs
from phonoscope.motion.segment import Poses, Target
from phonoscope.motion.threads import alone
from phonoscope.motion.workers import frames_of, shares
from phonoscope.types import Stretches
from phonoscope.types.video import Elsewhere


@dataclass(frozen=True, slots=True)
class _Measured:
    """What a worker sends back: at most 2 % of the pixels' bytes."""

    segments: list[PackedSegment]
    rest: Run | None  # that needs to know where the segment before it last saw the picture
    account: Any  # of what was read


@dataclass(frozen=True, slots=True)
class _Task:
    """What a worker is to read and to measure."""

    run: Run
    size: int
    origin: int
    first: int
    stop: int | None
    elsewhere: Elsewhere
    version: str


def spread_over(
    hands: Hands, subject: Target, stretches: Stretches, size: int, done: Container[int],
    known: Callable[[int], Poses], progress: Callable[[int], None] | None,
) -> Generator[PackedSegment, None, None]:  # fmt: skip
    """Yield the segments of a video that are not done, as the workers of a cluster send them.

    Parameters are those of `phonoscope.motion.Spread`, but for `hands`, of the cluster.

    Raises
    ------
    ClusterError
        If the cluster cannot be used any more.
    InputError
        If the video cannot be read on, or not by the workers.
    """
    segments, at_least = shares(stretches, size, max(1, hands.threads))
    runs = Runs(segments, done, at_least, max(1, hands.threads), known, at_most=at_least)
    held = hands.hold(subject)
    measured = 0
    assert stretches.elsewhere is not None
    while True:
        while hands.has_room and (run := runs.take(wait=False)) is not None:
            first, stop = frames_of(run, stretches, size)
            task = _Task(
                run, size, stretches.first, first, stop, stretches.elsewhere, version("phonoscope")
            )  # fmt: skip
            hands.begin(None, measure_there, task, held=held)
        if hands.idle:
            return
        _, there = hands.ended()
        if isinstance(there, BaseException):
            raise there
        stretches.add(there.account)
        for segment in there.segments:
            runs.reached(segment.number, segment.poses)
            measured += segment.samples
            yield segment
        if there.rest is not None:
            runs.postpone(there.rest)
        runs.leave()
        if progress:
            progress(measured)


def measure_there(subject: Target, task: _Task) -> _Measured:
    """Read and measure a run, as a worker does."""
    if version("phonoscope") != task.version:  # on a machine that came later than the others
        raise ClusterError(
            f"the worker on {socket.gethostname()} has phonoscope {version('phonoscope')}, and "
            f"{task.version} is wanted; install the same everywhere."
        )
    segments: list[PackedSegment] = []
    rest: Run | None = None
    try:
        frames, account = task.elsewhere(task.first, task.stop)
        with alone(), closing(frames):
            for item in measured_run(
                subject, task.run, frames, task.size, lambda _: None, origin=task.origin
            ):
                if isinstance(item, Run):
                    rest = item
                else:
                    segments.append(PackedSegment.of(item))
    except InputNotFoundError as error:
        raise InputNotFoundError(
            f"on the machine {socket.gethostname()}, {error} Put it where all machines have it "
            "under the same path, or give an address such as s3://bucket/clip.mp4."
        ) from error
    return _Measured(segments, rest, account)
