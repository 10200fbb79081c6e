"""The jobs of the studio, kept in an SQLite file, so that they survive a restart."""

import json
import secrets
import sqlite3
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from phonoscope.errors import OutputError

State = Literal["queued", "running", "done", "silent", "failed", "cancelled"]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, created REAL NOT NULL, job TEXT NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Job:
    """A video that is, was or will be listened to; as the page shows it.

    Attributes
    ----------
    id, name, path
        Of the job, and of its video.
    settings
        As chosen on the page; names as in `phonoscope.recover`.
    state, phase
        How far it is.
    done, total
        Frames measured, and of how many where the file tells.
    seconds_left
        By the speed so far.
    created, finished
        Seconds since 1970.
    error
        Why it failed, in a sentence.
    listening
        What was heard, as `tasks.listening` tells it.
    """

    id: str
    name: str
    path: str
    settings: dict[str, Any]
    state: State = "queued"
    phase: str = ""
    done: int = 0
    total: int | None = None
    seconds_left: float | None = None
    created: float = field(default_factory=time.time)
    finished: float | None = None
    error: str | None = None
    listening: dict[str, Any] | None = None

    @classmethod
    def new(cls, path: str, settings: dict[str, Any]) -> "Job":
        return cls(secrets.token_hex(8), Path(path).name, path, settings)

    def record(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


class Store:
    """Jobs in an SQLite file; each method is one transaction.

    Raises
    ------
    OutputError
        If the file cannot be written, or is no such store.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._file.execute(_SCHEMA)
        except (OSError, sqlite3.Error) as error:
            raise OutputError(
                f"the studio cannot keep its jobs in {path.parent} ({error}); choose another "
                "folder with --data."
            ) from error

    def put(self, job: Job) -> None:
        text = json.dumps(job.record())
        with self._lock:
            self._file.execute(
                "INSERT INTO jobs VALUES (?, ?, ?) "
                "ON CONFLICT(id) DO UPDATE SET job = excluded.job",
                (job.id, job.created, text),
            )

    def all(self) -> list[Job]:
        """Return all jobs, the newest first."""
        with self._lock:
            rows = self._file.execute("SELECT job FROM jobs ORDER BY created DESC").fetchall()
        return [Job(**json.loads(text)) for (text,) in rows]

    def remove(self, job_id: str) -> None:
        with self._lock:
            self._file.execute("DELETE FROM jobs WHERE id = ?", (job_id,))

    def close(self) -> None:
        with self._lock:
            self._file.close()


def begun_anew(job: Job) -> Job:
    """Return the job as it was before it began."""
    return replace(
        job, state="queued", phase="", done=0, total=None, seconds_left=None, finished=None,
        error=None, listening=None,
    )  # fmt: skip
