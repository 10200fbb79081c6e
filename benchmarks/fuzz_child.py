"""A process that reads damaged files for `fuzz.py`, one after the other, until one breaks it.

What it is told: a line of JSON ``[reader, path]`` on standard input. What it tells: a line of JSON
``{"kind": "succeeded" | "refused" | "bad", "where": ..., "detail": ..., "fresh": ...}``. `fresh` is
the number of lines of Phonoscope that ran for the first time, by which the fuzzer is guided.
"""

import contextlib
import faulthandler
import json
import os
import re
import resource
import select
import subprocess
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any, Self

TIME_LIMIT_S = 5.0
COMMAND_LIMIT_S = 30.0  # a command does more than read
FIRST_LIMIT_S = 120.0  # libraries are imported, and functions compiled
PEAK_LIMIT_BYTES = 256 << 20  # by which reading one input may raise the memory in use
COMMAND_PEAK_BYTES = 1 << 30
SPACE_LIMIT_BYTES = 2 << 30  # the same of address space, after which allocation fails
_SERVE = "--serve"
_OWN = os.sep + "phonoscope" + os.sep


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an input: `kind` is succeeded, refused or bad.

    `where` tells one kind of bad from another; `detail` is the message or the traceback; `fresh`
    the number of lines that ran for the first time.
    """

    kind: str
    where: str = ""
    detail: str = ""
    fresh: int = 0


class Child:
    """The process, which is started again when it broke."""

    def __init__(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        # What a process that is killed leaves behind goes with the folder.
        self._folder = tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True)
        self._process: subprocess.Popen[bytes] | None = None
        self._known: set[str] = set()

    def read(self, reader: str, path: Path) -> Outcome:
        """Let the process read `path`."""
        if self._process is None:
            self._process = self._start()
        limit_s = COMMAND_LIMIT_S if reader == "command" else TIME_LIMIT_S
        limit_s = limit_s if reader in self._known else FIRST_LIMIT_S
        self._known.add(reader)
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        self._errors.truncate(0)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps([reader, str(path)]).encode() + b"\n")
            process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], limit_s)
        line = process.stdout.readline() if ready else b""
        if line:
            outcome = Outcome(**json.loads(line))
            if outcome.where == "memory":
                self.close()
            return outcome
        process.kill()
        code = process.wait()
        outcome = self._broken(code) if ready else Outcome("bad", "time", f"over {limit_s:g} s")
        self.close()
        return outcome

    def _start(self) -> "subprocess.Popen[bytes]":
        self._known.clear()
        return subprocess.Popen(
            [sys.executable, __file__, _SERVE],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            env={**os.environ, "TMPDIR": self._folder.name},
        )  # fmt: skip

    def _broken(self, code: int) -> Outcome:
        self._errors.seek(0)
        told = self._errors.read().decode("utf-8", "replace").lstrip("\0")
        own = re.findall(r'File ".*[/\\]phonoscope[/\\](\S+)", line \d+ in (\w+)', told)
        return Outcome("bad", f"signal {-code} in {':'.join(own[0]) if own else '?'}", told[-4000:])

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()
        self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        self._errors.close()
        self._folder.cleanup()


class _Coverage:
    """Counts lines of Phonoscope that run for the first time."""

    def __init__(self) -> None:
        self._seen: set[tuple[CodeType, int]] = set()

    def lines(self, action: Callable[[], None], wanted: bool) -> tuple[int, BaseException | None]:
        """Run it; return how many lines were new if that is `wanted`, and what it raised."""
        before = len(self._seen)
        error: BaseException | None = None
        if wanted:
            sys.settrace(self._called)
        try:
            action()
        except BaseException as raised:
            error = raised
        finally:
            sys.settrace(None)
        return len(self._seen) - before, error

    def _called(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any] | None:
        return self._line if _OWN in frame.f_code.co_filename else None

    def _line(self, frame: FrameType, event: str, _: Any) -> Callable[..., Any]:
        self._seen.add((frame.f_code, frame.f_lineno))
        return self._line


def _judged(error: BaseException | None, fresh: int, peak: int, most: int) -> Outcome:
    from phonoscope.errors import PhonoscopeError

    told = "" if error is None else str(error)
    if peak > most or isinstance(error, MemoryError) or "allocate memory" in told:
        trace = "".join(traceback.format_exception(error)[-8:]) if error else ""
        return Outcome("bad", "memory", f"{peak >> 20} MiB {trace}", fresh)
    if error is None:
        return Outcome("succeeded", fresh=fresh)
    if isinstance(error, PhonoscopeError):
        if told.strip() and "\n" not in told:
            return Outcome("refused", detail=told, fresh=fresh)
        return Outcome("bad", "message of several lines or none", repr(told), fresh)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _OWN in frame.filename] or frames[-1:]
    last = own[-1]
    where = f"{type(error).__name__} in {Path(last.filename).name}:{last.name}"
    return Outcome("bad", where, "".join(traceback.format_exception(error))[-6000:], fresh)


def _status(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 0 if found is None else int(found[1]) << 10


def _unknown(_: Path) -> None:
    raise KeyError("no such reader")


def _serve() -> None:
    faulthandler.enable()
    # What the readers print belongs to nobody.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from fuzz_readers import READERS

    warnings.simplefilter("error")
    coverage = _Coverage()
    used: set[str] = set()
    for line in sys.stdin.buffer:
        reader, path = json.loads(line)
        if reader in used:  # the first one brings the libraries
            space = _status("VmSize") + SPACE_LIMIT_BYTES
            resource.setrlimit(resource.RLIMIT_AS, (space, resource.RLIM_INFINITY))
        watched = reader in used
        try:
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        except OSError:  # some sandboxes have no such file; address space is limited all the same
            watched = False
        before = _status("VmRSS")
        # Commands compute, and that would take many times longer while lines are counted.
        action = partial(READERS.get(reader, _unknown), Path(path))
        fresh, error = coverage.lines(action, wanted=reader != "command")
        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        peak = _status("VmHWM") - before if watched else 0
        most = COMMAND_PEAK_BYTES if reader == "command" else PEAK_LIMIT_BYTES
        outcome = _judged(error, fresh, peak, most)
        used.add(reader)
        told = {"kind": outcome.kind, "where": outcome.where, "detail": outcome.detail}
        answers.write(json.dumps({**told, "fresh": fresh}).encode() + b"\n")
        answers.flush()


# Without the word it is a benchmark that has nothing to say.
if __name__ == "__main__" and sys.argv[1:] == [_SERVE]:
    _serve()
