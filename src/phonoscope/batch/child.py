"""What the process of one file does: recover it, and write its sound and its record."""

import contextlib
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from phonoscope.batch.earlier import record_of_earlier, written
from phonoscope.batch.listing import Item
from phonoscope.batch.outcome import Outcome, outcome_of
from phonoscope.batch.saving import write_beside, write_json
from phonoscope.errors import PhonoscopeError
from phonoscope.files import replace_when_done, sha256, unfinished
from phonoscope.remote import is_url

_TOLD_EVERY_S = 0.1
Result = TypeVar("Result")


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
    item = todo.item

    def recovered() -> Outcome:
        before = dict(written(record_of_earlier(item) or {}))
        record = recover_to(item, todo.asked, told)
        clear(item.sound.parent, before, record)
        return outcome_of(item.source, item.sound, record, 0.0)

    outcome = sentence_of_failure(recovered)
    return outcome if isinstance(outcome, Outcome) else failed(item, outcome)


def failed(item: Item, sentence: str) -> Outcome:
    """Return that a file could not be recovered, and why."""
    return Outcome(item.source, None, "failed", " ".join(sentence.split()), 0.0)


def sentence_of_failure(work: Callable[[], Result]) -> Result | str:
    """Return what `work` returns, or in a sentence why it failed."""
    try:
        return work()
    except PhonoscopeError as error:
        return str(error)
    except MemoryError as error:
        return f"out of memory ({error}); run fewer at a time (--jobs), or choose a smaller region."
    except OSError as error:
        return f"{error.filename or 'the system'}: {error.strerror or error}."
    except Exception as error:  # what no room foresaw fails this file alone, with a sentence
        return f"it cannot be used ({type(error).__name__}: {error})."


def recover_to(
    item: Item, asked: Mapping[str, Any], told: Callable[[int, int | None], None] | None,
    equalize: Any = None,
) -> dict[str, Any]:  # fmt: skip
    """Recover a file, write its sounds and its record, and return the record.

    Parameters
    ----------
    item
        The file.
    asked
        As the record is to say it.
    told
        Called with the number of frames measured, and of all.
    equalize
        The response, where it is not to be read from its file.
    """
    from phonoscope.pipeline import recover

    settings = item.settings
    given = settings.of_recover() | ({} if equalize is None else {"equalize": equalize})
    sound = recover(
        item.source, **given, fingerprint=not is_url(item.source), kept=unfinished(item.sound),
        progress=told,
    )  # fmt: skip
    if sound.verdict is None or sound.verdict.detected or settings.force:
        facts = write_beside(sound, item.sound, settings.rate, hashed=True)
        with replace_when_done(item.sound) as part:
            sound.write(part, rate=settings.rate)
            own = {
                "output": str(item.sound), "output_sha256": sha256(part),
                "file_rate": settings.rate, "asked": asked,
            }  # fmt: skip
            record = {**sound.record, **facts, **own}
            write_json(item.record, record)
    else:
        item.sound.unlink(missing_ok=True)  # what an earlier run took for sound
        record = {**sound.record, "output": None, "asked": asked}
        write_json(item.record, record)
    return record


def clear(folder: Path, before: Mapping[str, str | None], record: Mapping[str, Any]) -> None:
    """Remove what an earlier run wrote and this one does not, unless somebody has changed it."""
    now = {name for name, _ in written(record)}
    for name, digest in before.items():
        path = folder / name
        if name not in now and path.is_file() and sha256(path) == digest:
            path.unlink()
