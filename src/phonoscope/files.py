"""Output files appear whole or not at all."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from phonoscope.errors import OutputError


@contextlib.contextmanager
def replace_when_done(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed to `path` if the block ends well, else deleted.

    The temporary name keeps the suffix of `path`, by which many writers choose their format.
    Whatever leaves the block by an exception, Ctrl-C included, leaves no file behind, and an
    existing file at `path` stays as it was.

    Raises
    ------
    OutputError
        If the folder of `path` does not exist or cannot be written to, if `path` is a folder, or
        if writing fails inside the block (disk full, say).
    """
    target = Path(path)
    if target.is_dir():
        raise OutputError(f"cannot write {target}: it is a folder; name a file in it.")
    if not target.parent.is_dir():
        raise OutputError(
            f"cannot write {target}: the folder {target.parent} does not exist; create it first."
        )
    temporary = target.with_name(f".{target.stem}.{secrets.token_hex(4)}.part{target.suffix}")
    try:
        yield temporary
        temporary.replace(target)
    except OutputError:
        raise
    except OSError as error:
        # Only errors about this very file are the output's; others (a lost input) pass through.
        if error.filename is None or Path(os.fsdecode(error.filename)) in (temporary, target):
            raise unwritable(target, error) from error
        raise
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise `OutputError` if no file can be created at `path`; leave everything as it was."""
    with contextlib.suppress(_Abandoned), replace_when_done(path) as temporary:
        temporary.touch()
        raise _Abandoned


class _Abandoned(Exception):  # noqa: N818 - nothing went wrong
    """Leaves `replace_when_done` without replacing."""


def unwritable(path: str | os.PathLike[str], error: BaseException) -> OutputError:
    """Return the error that says in one sentence why `path` could not be written."""
    reason = getattr(error, "strerror", None) or str(error)
    return OutputError(
        f"cannot write {path}: {reason}; check free space and permissions, or choose another place."
    )
