"""What every source of frames promises."""

from collections.abc import Iterator
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from phonoscope.types import Frame, Stretches, VideoFacts


@runtime_checkable
class Video(Protocol):
    """Frames of one source in order of capture, read anew by each iteration.

    Use it as a context manager: leaving the block ends running iterations and closes their files.
    A source that is an iterator can be read once only. Iterating may raise `InputError` where the
    source cannot be read on, and `UsageError` where the range asked for lies beyond its end.
    """

    @property
    def facts(self) -> VideoFacts:
        """What is known before the first frame is read."""
        ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences for the user: those of `facts` and those that reading has added so far."""
        ...

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames: 2-D uint8 or uint16 luma, exact capture time in seconds, index in file."""
        ...

    def stretches(self) -> Stretches | None:
        """Return how to read parts of it by themselves, or None where that is not safe."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def close(self) -> None:
        """End running iterations and close their files; a closed video cannot be read again."""
        ...
