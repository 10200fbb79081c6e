"""Take frames as they come, in a thread: a camera never waits, and nothing is lost unseen."""

import threading
import time
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from phonoscope.errors import InputError
from phonoscope.types import Frame

_LEAVE_S = 1.0  # for a source to give a frame when nobody wants it any more


@dataclass(frozen=True, slots=True)
class Taken:
    """A frame, and when it came, by `time.monotonic`."""

    frame: Frame
    came_s: float


class Taking:
    """Takes frames in a thread of its own, while others are measured.

    Parameters
    ----------
    frames
        As they come; of a camera.

    Attributes
    ----------
    room
        How many may wait: may be changed at any time. One that finds no room is dropped.
    skipped
        Number of frames that the source itself has left out, by their numbers.
    dropped
        Number of frames that found no room.
    ended
        Why the source broke off, once it has; "" at a regular end.
    """

    def __init__(self, frames: Generator[Frame, None, None]) -> None:
        self._frames, self.room = frames, 1
        self.skipped = self.dropped = 0
        self.ended: str | None = None
        self._failed: BaseException | None = None
        self._waiting: deque[Taken] = deque()
        self._changed = threading.Condition()
        self._stop = False
        self._thread = threading.Thread(target=self._run, name="phonoscope-camera", daemon=True)

    def take(self, few: int, most: int) -> Sequence[Taken]:
        """Return the next frames: as soon as there are a few, and not more than `most`.

        Fewer at the end only, and none after it. Raises what the source raised, unless that is an
        `InputError`: it has broken off then. The first call lets the frames come.
        """
        if self._thread.ident is None:
            self._thread.start()
        with self._changed:
            while len(self._waiting) < few and self.ended is None and not self._stop:
                self._changed.wait(0.1)  # so that Ctrl-C is heard on every system
            taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
            if not taken and self._failed is not None:
                raise self._failed
        return taken

    def stop(self) -> None:
        """Take no more; what waits can be had. From a handler of signals, too."""
        self._stop = True

    def close(self) -> None:
        """Take no more, and close the source."""
        self.stop()
        if self._thread.ident is None:
            self._frames.close()
            return
        self._thread.join(_LEAVE_S)  # one that gives nothing ends by itself, later

    def _run(self) -> None:
        ended, following = "", None
        try:
            for frame in self._frames:
                came = time.monotonic()
                if self._stop:
                    break
                if following is not None:
                    self.skipped += frame.index - following
                following = frame.index + 1
                # A copy lets the decoder have its memory back.
                own = Taken(Frame(frame.index, frame.time_s, frame.luma.copy()), came)
                with self._changed:
                    if len(self._waiting) < self.room:
                        self._waiting.append(own)
                        self._changed.notify()
                    else:
                        self.dropped += 1
        except InputError as error:
            ended = str(error)
        except BaseException as error:  # whatever it is belongs to the one who takes
            self._failed = error
        finally:
            self._frames.close()
            with self._changed:
                self.ended = ended
                self._changed.notify()
