"""A process for each file, some of them at a time: what one breaks, it breaks for itself alone."""

import contextlib
import multiprocessing
import os
import shutil
import signal
import tempfile
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from phonoscope.batch.child import Work, work
from phonoscope.batch.outcome import Outcome, Running

_SPAWN = multiprocessing.get_context("spawn")  # a fork would copy threads' locks as they stand
_LOOK_S = 0.25
_LEAVE_S = 15.0  # to end what it is at and remove temporary files
# A gigabyte of frames at most, and as much of signals, look-ups and libraries.
_BYTES_EACH = 2 * 2**30
_CGROUP = Path("/sys/fs/cgroup/memory.max")


def default_jobs() -> int:
    """Return how many files to recover at a time: one for each core that has 2 GiB of memory.

    A file alone uses all cores, but not all the time: it starts, looks at its first frames and
    listens in one thread. Of six clips of half a second, on two cores, two at a time took 16 s and
    one after the other 29 s; on a machine that did other work 28 and 33 s.
    """
    return max(1, min(os.cpu_count() or 1, _memory_bytes() // _BYTES_EACH))


def _memory_bytes() -> int:
    most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit
        most = min(most, int(_CGROUP.read_text()))
    return most


@dataclass(slots=True)
class _Child:
    number: int
    process: Any
    temporary: str
    begun: float
    running: Running


def run(
    todo: Sequence[Work], jobs: int, told: Callable[[tuple[Running, ...]], None]
) -> Generator[tuple[int, Outcome], None, None]:
    """Recover files, `jobs` at a time; yield number and outcome of each as it ends.

    Parameters
    ----------
    todo
        The files.
    jobs
        How many processes there are at a time.
    told
        Called a few times a second with those that are under way.

    Notes
    -----
    However this ends, no process is left, and no temporary file.
    """
    waiting = deque(enumerate(todo))
    children: dict[Connection, _Child] = {}
    with tempfile.TemporaryDirectory(prefix="phonoscope-", ignore_cleanup_errors=True) as folder:
        try:
            while waiting or children:
                while waiting and len(children) < jobs:
                    _begin(*waiting.popleft(), folder, children)
                told(tuple(child.running for child in children.values()))
                for pipe in wait(list(children), _LOOK_S):
                    assert isinstance(pipe, Connection)
                    outcome = _heard(pipe, children[pipe])
                    if outcome is not None:
                        child = children.pop(pipe)
                        _end(pipe, child)
                        seconds = time.monotonic() - child.begun
                        yield child.number, replace(outcome, seconds=seconds)
        finally:
            _end_all(children)


def _begin(number: int, todo: Work, folder: str, children: dict[Connection, _Child]) -> None:
    ours, theirs = _SPAWN.Pipe(duplex=False)
    temporary = tempfile.mkdtemp(dir=folder)
    process = _SPAWN.Process(target=work, args=(theirs, todo, temporary), daemon=True)
    # A process inherits what is held back, and so never sees the Ctrl-C of a terminal. The tracker
    # that Python begins with the first one would let it through again.
    resource_tracker.ensure_running()
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        process.start()
        children[ours] = _Child(
            number, process, temporary, time.monotonic(), Running(todo.item.source)
        )
    finally:
        theirs.close()  # or its end would never be seen
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _heard(pipe: Connection, child: _Child) -> Outcome | None:
    """Return the outcome of a process that has ended or says so, else None."""
    try:
        said = pipe.recv()
    except (EOFError, OSError):
        child.process.join(_LEAVE_S)
        sentence = _why(child.process.exitcode)
        return Outcome(child.running.source, None, "failed", sentence, 0.0)
    if isinstance(said, Outcome):
        return said
    child.running = replace(child.running, done=said[0], total=said[1])
    return None


def _why(code: int | None) -> str:
    if code is None or code >= 0:
        return (
            f"its process ended with exit code {code} before it was done; the error stream may say "
            "why."
        )
    name = signal.Signals(-code).name
    if -code == signal.SIGKILL:
        return (
            f"its process was ended from outside ({name}), as systems do that run out of memory; "
            "run fewer at a time (--jobs 1), or choose a smaller region."
        )
    return (
        f"its process broke down ({name}), and nothing else; the file may be damaged: convert it "
        "with ffmpeg, or choose another."
    )


def _end(pipe: Connection, child: _Child) -> None:
    child.process.join(_LEAVE_S)
    if child.process.is_alive():
        child.process.kill()
        child.process.join()
    child.process.close()
    pipe.close()
    shutil.rmtree(child.temporary, ignore_errors=True)


def _end_all(children: dict[Connection, _Child]) -> None:
    for child in children.values():
        child.process.terminate()
    for pipe, child in children.items():
        _end(pipe, child)
