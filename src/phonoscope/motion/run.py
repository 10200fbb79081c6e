"""A run: consecutive segments that one thread, here or on another machine, measures in order."""

from collections.abc import Callable, Container, Generator, Iterator
from dataclasses import dataclass
from itertools import groupby, islice

from phonoscope.motion.segment import Poses, Segment, Target
from phonoscope.types import Frame


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive segments ``first <= number < stop``, a `stop` of None being the end of all.

    `before` is where the segment before them last saw the picture, None if that is not known.
    """

    first: int
    stop: int | None
    before: Poses | None


def nothing_known(number: int) -> Poses:
    """Raise `LookupError`: for those who have measured nothing before."""
    raise LookupError(f"it is not known where segment {number} saw the picture")


def measured_run(
    subject: Target,
    run: Run,
    frames: Iterator[Frame],
    size: int,
    told: Callable[[int], None],
    *,
    origin: int | None = None,
    done: Container[int] = (),
    known: Callable[[int], Poses] = nothing_known,
) -> Iterator[Segment | Run]:
    """Yield the segments of a run as they are measured.

    Parameters
    ----------
    subject
        What is measured.
    run
        Its segments.
    frames
        From the first one of the run on; those after its last are not used.
    size
        Number of frames in a segment.
    told
        Called with the number of frames measured, after each few.
    origin
        Number of the first frame of segment 0; None if that is the first of `frames`.
    done, known
        Segments that are passed over, and where such a one last saw the picture.

    Yields
    ------
    Segment or Run
        Segments; those of which no frame could be read are empty. If the first one cannot be found
        without knowing where the one before it last saw the picture, the run itself, and no more.
    """
    homes = subject.beginning
    before = homes if run.first == 0 else run.before
    following = run.first
    for number, own in _by_segment(frames, size, origin):
        if run.stop is not None and number >= run.stop:
            break
        for missing in range(following, number):
            yield Segment(missing, (), (), homes)
            before = homes
        following = number + 1
        if number in done:
            before = None
            continue
        if number - 1 in done:
            before = known(number - 1)
        segment = subject.measure(number, own, before, told)
        if segment is None:
            yield Run(number, run.stop, None)
            return
        before = segment.poses
        yield segment
    if run.stop is not None:
        for missing in range(following, run.stop):
            yield Segment(missing, (), (), homes)


def _by_segment(
    frames: Iterator[Frame], size: int, origin: int | None
) -> Iterator[tuple[int, Iterator[Frame]]]:
    begun = list(islice(frames, 1))
    if not begun:
        return
    first = begun[0].index if origin is None else origin
    yield from groupby(released(begun, frames), lambda f: (f.index - first) // size)


def released(held: list[Frame], following: Iterator[Frame]) -> Generator[Frame, None, None]:
    """Yield the frames that are held, which are let go of one by one, and those that follow."""
    held.reverse()
    while held:
        yield held.pop()
    yield from following
