"""What the process of one file does: recover it, and write its sound and its record."""

import contextlib
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from phonoscope.batch.earlier import record_of_earlier, written
from phonoscope.batch.listing import Item
from phonoscope.batch.outcome import Outcome, outcome_of
from phonoscope.batch.saving import write_beside, write_json
from phonoscope.errors import PhonoscopeError
from phonoscope.files import replace_when_done, sha256, unfinished

_TOLD_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class Work:
    """A file that is to be recovered, and what its record says was asked."""

    item: Item
    asked: Mapping[str, Any]


def work(pipe: Connection, todo: Work, temporary: str) -> None:
    """Recover one file; tell through the pipe how far it is, and in the end what became of it.

    Parameters
    ----------
    pipe
        To the process that has begun this one.
    todo
        The file.
    temporary
        Folder for temporary files, which goes with this process however that ends.
    """
    # Ctrl-C in a terminal goes to all; who has begun this decides, and asks it to end in this way,
    # on which temporary files go.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    tempfile.tempdir = temporary
    with contextlib.suppress(OSError, KeyboardInterrupt):  # the other end may be gone
        pipe.send(_answer(todo, _telling(pipe)))


def _telling(pipe: Connection) -> Callable[[int, int | None], None]:
    last = 0.0

    def told(done: int, total: int | None) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _TOLD_EVERY_S or done == total:
            last = now
            pipe.send((done, total))

    return told


def _answer(todo: Work, told: Callable[[int, int | None], None]) -> Outcome:
    try:
        return _recovered(todo, told)
    except PhonoscopeError as error:
        sentence = str(error)
    except MemoryError as error:
        sentence = (
            f"out of memory ({error}); run fewer at a time (--jobs), or choose a smaller region."
        )
    except OSError as error:
        sentence = f"{error.filename or 'the system'}: {error.strerror or error}."
    except Exception as error:  # what no room foresaw fails this file alone, with a sentence
        sentence = f"it cannot be used ({type(error).__name__}: {error})."
    return Outcome(todo.item.source, None, "failed", " ".join(sentence.split()), 0.0)


def _recovered(todo: Work, told: Callable[[int, int | None], None]) -> Outcome:
    from phonoscope.pipeline import recover

    item, settings = todo.item, todo.item.settings
    before = dict(written(record_of_earlier(item) or {}))
    sound = recover(
        item.source, **settings.of_recover(), fingerprint=True, kept=unfinished(item.sound),
        progress=told,
    )  # fmt: skip
    if sound.verdict is None or sound.verdict.detected or settings.force:
        facts = write_beside(sound, item.sound, settings.rate, hashed=True)
        with replace_when_done(item.sound) as part:
            sound.write(part, rate=settings.rate)
            own = {
                "output": str(item.sound), "output_sha256": sha256(part),
                "file_rate": settings.rate, "asked": todo.asked,
            }  # fmt: skip
            record = {**sound.record, **facts, **own}
            write_json(item.record, record)
    else:
        item.sound.unlink(missing_ok=True)  # what an earlier run took for sound
        record = {**sound.record, "output": None, "asked": todo.asked}
        write_json(item.record, record)
    _clear(item.sound.parent, before, {name for name, _ in written(record)})
    return outcome_of(item.source, item.sound, record, 0.0)


def _clear(folder: Path, before: Mapping[str, str | None], now: set[str]) -> None:
    """Remove what an earlier run wrote and this one does not, unless somebody has changed it."""
    for name, digest in before.items():
        path = folder / name
        if name not in now and path.is_file() and sha256(path) == digest:
            path.unlink()
