"""A process that opens files for the server: what it breaks, it breaks for itself alone."""

import contextlib
import multiprocessing
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any

from phonoscope.errors import InputError, PhonoscopeError
from phonoscope.studio.tasks import TASKS

Told = Callable[[int, int | None], None]
_SPAWN = multiprocessing.get_context("spawn")  # a fork would copy the server's threads and locks
_POLL_S = 0.1


class StoppedError(Exception):
    """The process was ended because somebody wished so."""


class Child:
    """Runs tasks, one at a time, in another process that is begun when it is needed.

    Parameters
    ----------
    memory_bytes
        Its address space; where the system has no such limit, none is set.
    """

    def __init__(self, memory_bytes: int) -> None:
        self.used = time.monotonic()
        self._memory_bytes = memory_bytes
        self._turn = threading.Lock()
        self._process: Any = None
        self._pipe: Connection | None = None
        self._stopped = False

    def call(
        self, task: str, wanted: Mapping[str, Any], timeout_s: float, told: Told | None = None
    ) -> Any:
        """Run a task and return its result; blocks.

        Raises
        ------
        PhonoscopeError
            What the task said, in its own sentence; `InputError` if it took too long, too much
            memory, or brought its process down.
        StoppedError
            After `stop`.
        """
        with self._turn:
            if self._stopped:
                raise StoppedError
            pipe = self._begun()
            try:
                pipe.send((task, dict(wanted)))
                return self._answer(pipe, timeout_s, told)
            except (EOFError, OSError):
                stopped = self._stopped
                self._end()
                if stopped:
                    raise StoppedError from None
                raise InputError(
                    "the file brought its decoder down, and nothing else; it may be damaged: "
                    "convert it with ffmpeg, or choose another."
                ) from None
            finally:
                self.used = time.monotonic()

    def stop(self) -> None:
        """End the process now, and with it what it is at, for good."""
        self._stopped = True
        process = self._process
        if process is not None:
            with contextlib.suppress(Exception):
                process.kill()

    def close(self) -> None:
        """End the process for good, and wait for that."""
        self.stop()
        self.rest()

    def rest(self) -> None:
        """End the process once it is idle; it is begun again when there is more to do."""
        with self._turn:
            self._end()

    @property
    def idle_s(self) -> float | None:
        """Seconds since it had something to do, or None where there is no process."""
        if self._process is None or self._turn.locked():
            return None
        return time.monotonic() - self.used

    def _begun(self) -> Connection:
        if self._process is None or self._pipe is None or not self._process.is_alive():
            self._end()
            self._pipe, theirs = _SPAWN.Pipe()
            self._process = _SPAWN.Process(
                target=_run, args=(theirs, self._memory_bytes), daemon=True
            )
            self._process.start()
            theirs.close()
        return self._pipe

    def _answer(self, pipe: Connection, timeout_s: float, told: Told | None) -> Any:
        late = time.monotonic() + timeout_s
        while True:
            if self._stopped:
                raise EOFError
            if not pipe.poll(_POLL_S):
                if time.monotonic() > late:
                    self._end()
                    raise InputError(
                        f"the file took longer than {timeout_s:g} s and was given up; choose a "
                        "shorter range, a smaller region, or another file."
                    )
                continue
            kind, value = pipe.recv()
            if kind == "done":
                return value
            if kind == "failed":
                error, sentence = value
                raise error(sentence)
            if told is not None:
                told(*value)

    def _end(self) -> None:
        process, self._process = self._process, None
        pipe, self._pipe = self._pipe, None
        if process is not None:
            with contextlib.suppress(Exception):
                process.kill()
                process.join(5)
        if pipe is not None:
            pipe.close()


def _run(pipe: Connection, memory_bytes: int) -> None:
    import signal

    # Ctrl-C in a terminal goes to all: the server decides what becomes of its children.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit(memory_bytes)

    def told(done: int, total: int | None) -> None:
        pipe.send(("told", (done, total)))

    with contextlib.suppress(EOFError, OSError):
        while True:
            task, wanted = pipe.recv()
            try:
                answer: tuple[str, Any] = ("done", TASKS[task](told=told, **wanted))
            except PhonoscopeError as error:
                answer = ("failed", (_kind(error), str(error)))
            except MemoryError:
                gigabytes = memory_bytes / 2**30
                answer = ("failed", (InputError, (
                    f"the file takes more than the {gigabytes:.3g} GB of memory that one may; "
                    "choose a smaller region or larger cells."
                )))  # fmt: skip
            except Exception as error:  # what no room foresaw still gets a sentence
                answer = ("failed", (InputError, (
                    f"the file cannot be used ({type(error).__name__}: {error})."
                )))  # fmt: skip
            pipe.send(answer)


def _kind(error: PhonoscopeError) -> type[PhonoscopeError]:
    from phonoscope.errors import UsageError

    return UsageError if isinstance(error, UsageError) else InputError


def _limit(memory_bytes: int) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    least = memory_bytes if most == resource.RLIM_INFINITY else min(memory_bytes, most)
    resource.setrlimit(resource.RLIMIT_AS, (least, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
