"""What all backends share: warnings gathered while reading, and orderly closing."""

import contextlib
import weakref
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from types import TracebackType
from typing import Self

from phonoscope.errors import UsageError
from phonoscope.types import Frame, Stretches, VideoFacts


class Session(ABC):
    """A video whose iterations are generators that own their files."""

    def __init__(self, facts: VideoFacts) -> None:
        self._facts = facts
        self._found: list[str] = []
        self._closed = False
        self._running: weakref.WeakSet[Generator[Frame, None, None]] = weakref.WeakSet()

    @property
    def facts(self) -> VideoFacts:
        return self._facts

    @property
    def warnings(self) -> tuple[str, ...]:
        return (*self._facts.warnings, *self._found)

    def __iter__(self) -> Iterator[Frame]:
        return self._watched(self._read())

    def stretches(self) -> Stretches | None:
        return None

    def _watched(self, source: Generator[Frame, None, None]) -> Generator[Frame, None, None]:
        """Return a generator that ends when the video is closed."""
        self._check_open()
        frames = self._guarded(source)
        self._running.add(frames)
        return frames

    def _guarded(self, source: Generator[Frame, None, None]) -> Generator[Frame, None, None]:
        with contextlib.closing(source) as frames:
            for frame in frames:
                yield frame
                self._check_open()

    @abstractmethod
    def _read(self) -> Generator[Frame, None, None]:
        """Yield the frames of the window; close what was opened, however it ends."""

    def _warn(self, sentence: str) -> None:
        if sentence not in self._found:  # a second reading finds the same again
            self._found.append(sentence)

    def _check_open(self) -> None:
        if self._closed:
            raise UsageError(
                f"{self._facts.name} is closed; read its frames inside the with block, "
                "or open it again."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End running iterations and close their files."""
        self._closed = True
        for frames in list(self._running):
            # One that another thread is inside of ends by itself at its next frame.
            with contextlib.suppress(ValueError):
                frames.close()
