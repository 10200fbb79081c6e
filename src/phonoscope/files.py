"""Files: outputs appear whole or not at all, temporary ones go, inputs have fingerprints."""

import contextlib
import glob
import hashlib
import json
import math
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ParamSpec

from phonoscope.errors import OutputError, PhonoscopeError
from phonoscope.remote import Place, is_url, remote_file

PHOTRON_SUFFIXES = (".cihx", ".cih", ".mraw")  # a header, and the pixels
DATASET_MARK = "::"  # between a file and the dataset in it
_CHUNK = 1 << 20
_P = ParamSpec("_P")
_CALLERS = "raised_by_a_caller"  # attribute of errors that are not of our own files


@contextlib.contextmanager
def replace_when_done(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed to `path` if the block ends well, else deleted.

    The temporary name keeps the suffix of `path`, by which many writers choose their format.
    Whatever leaves the block by an exception, Ctrl-C included, leaves no file behind, and an
    existing file at `path` stays as it was. Of a link, the file that it leads to is replaced.

    Raises
    ------
    OutputError
        If the folder of `path` does not exist or cannot be written to, if `path` is a folder or a
        device, or if writing fails inside the block (disk full, say).
    """
    target = _checked_target(path)
    temporary = target.with_name(f".{secrets.token_hex(4)}.part{target.suffix}")
    try:
        with _replacing(target, temporary):
            yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replace_when_complete(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`, as `replace_when_done` does, but the same each time.

    So that the next attempt finds there what this one leaves. Nothing is deleted here: that is for
    the block to do where it would be of no use.

    Raises
    ------
    OutputError
        As in `replace_when_done`.
    """
    target = _checked_target(path)
    temporary = unfinished(target)
    with _replacing(target, temporary):
        yield temporary


@contextlib.contextmanager
def _replacing(target: Path, temporary: Path) -> Iterator[None]:
    """Rename `temporary` to `target` after the block; name that where writing to this fails."""
    try:
        yield
        temporary.replace(target)
    except OSError as error:
        reason = _reason(error, temporary, target)
        if reason is None:
            raise
        raise _with_notes(_UnwritableError(target, reason), error) from error


def unfinished(path: str | os.PathLike[str]) -> Path:
    """Return the hidden name beside `path` under which it is written until it is complete."""
    path = Path(path)
    return path.with_name(f".{path.name}.part")


def _checked_target(path: str | os.PathLike[str]) -> Path:
    try:
        return _target(Path(path))
    except OutputError:
        raise
    except OSError as error:  # a name that is too long, say
        raise unwritable(path, error) from error


def _target(path: Path) -> Path:
    with contextlib.suppress(OSError, RuntimeError):  # a link that leads in circles fails below
        path = path.resolve() if path.is_symlink() else path
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; name a file in it.")
    if path.exists() and not path.is_file():
        # Renaming over a device such as /dev/null would take it away from everybody.
        raise OutputError(f"cannot write {path}: it is no regular file; choose another name.")
    if not path.parent.is_dir():
        what = "is not a folder" if path.parent.exists() else "does not exist"
        raise OutputError(
            f"cannot write {path}: the folder {path.parent} {what}; create it first, "
            "or choose another."
        )
    return path


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise `OutputError` if no file can be created at `path`; leave everything as it was."""
    with contextlib.suppress(_Abandoned), replace_when_done(path) as temporary:
        temporary.touch()
        raise _Abandoned


class _Abandoned(Exception):  # noqa: N818 - nothing went wrong
    """Leaves `replace_when_done` without replacing."""


@contextlib.contextmanager
def temporary_file(name: str) -> Iterator[Path]:
    """Yield the path of a file `name` in a folder of its own, which is gone after the block.

    Raises
    ------
    OutputError
        If it cannot be written; says where it was and how to choose another place.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="phonoscope-", ignore_cleanup_errors=True)
    except OSError as error:
        place = os.environ.get("TMPDIR", "the system's temporary folder")
        raise _no_room(place, error.strerror or str(error)) from error
    with folder:
        path = Path(folder.name) / name
        try:
            yield path
        except OSError as error:
            reason = _reason(error, path)
            if reason is None:
                raise
            raise _no_room(path.parent.parent, reason) from error


@contextlib.contextmanager
def kept_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield `path`, whose file is gone after the block, but for one that was cut off.

    It stays if the block was interrupted or found no room to write to, for the next attempt.

    Raises
    ------
    OutputError
        If it cannot be written; says where it was.
    """
    path = Path(path)
    try:
        yield path
    except OutputError as error:
        reason = _reason(error, path)
        if reason is None:
            raise
        sentence = (
            f"cannot keep what is measured in {path}: {reason}; free some space there, or choose "
            "another place for the output."
        )
        raise _with_notes(OutputError(sentence), error) from error
    except KeyboardInterrupt:
        raise
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    path.unlink(missing_ok=True)


def _with_notes(error: PhonoscopeError, of: BaseException) -> PhonoscopeError:
    for note in getattr(of, "__notes__", ()):
        error.add_note(note)
    return error


def _no_room(place: str | Path, reason: str) -> OutputError:
    return OutputError(
        f"cannot write a temporary file in {place}: {reason}; free some space there, or set TMPDIR "
        "to another folder."
    )


class _UnwritableError(OutputError):
    """A place could not be written to; knows which, so that a temporary name never shows."""

    def __init__(self, place: str | os.PathLike[str], reason: str) -> None:
        super().__init__(
            f"cannot write {os.fspath(place)}: {reason}; check free space and permissions, "
            "or choose another place."
        )
        self.place = Path(place)
        self.reason = reason


def unwritable(path: str | os.PathLike[str], error: BaseException) -> OutputError:
    """Return the error that says in one sentence why `path` could not be written."""
    return _UnwritableError(path, getattr(error, "strerror", None) or str(error))


def of_callers(call: Callable[_P, None]) -> Callable[_P, None]:
    """Return a function of a caller's whose errors are never taken for those of our own files."""

    def told(*arguments: _P.args, **named: _P.kwargs) -> None:
        try:
            call(*arguments, **named)
        except OSError as error:
            setattr(error, _CALLERS, True)
            raise

    return told


def _reason(error: OSError, *places: Path) -> str | None:
    """Return why one of `places` could not be written, or None if `error` is about another file."""
    if getattr(error, _CALLERS, False):
        return None
    if isinstance(error, _UnwritableError):
        return error.reason if error.place in places else None
    if isinstance(error, PhonoscopeError):
        return None
    if error.filename is None or Path(os.fsdecode(error.filename)) in places:
        return error.strerror or str(error)
    return None


def sha256(
    source: str | os.PathLike[str], *, stopped: Callable[[], bool] = lambda: False
) -> str | None:
    """Return the SHA-256 of a file; of several, that of their ``sha256sum`` listing.

    Parameters
    ----------
    source
        A file, a folder (hidden files do not count), a pattern such as ``frames/*.png``, or the
        address of a file, all of which is fetched for it. A Photron recording is the header and the
        pixels.
    stopped
        Asked after every megabyte whether to give up, and return None.
    """
    if is_url(source):
        return _file_sha256(remote_file(source), stopped)
    files = _files_of(Path(source))
    if len(files) == 1 and without_dataset(source).is_file():
        return _file_sha256(files[0], stopped)
    listing = hashlib.sha256()
    for file in files:
        digest = _file_sha256(file, stopped)
        if digest is None:
            return None
        listing.update(f"{digest}  {file.name}\n".encode(errors="surrogateescape"))
    return listing.hexdigest()


def without_dataset(source: str | os.PathLike[str]) -> Path:
    """Return the file in ``file.h5::/dataset``; else what is given."""
    file, mark, _ = str(source).partition(DATASET_MARK)
    return Path(file) if mark and Path(file).is_file() else Path(source)


def beside(path: Path, *suffixes: str) -> list[Path]:
    """Return the files of the same name with one of some suffixes, both in any case."""
    found = {other.name.lower(): other for other in path.parent.iterdir()}
    named = (found.get(path.stem.lower() + suffix) for suffix in suffixes)
    return [other for other in named if other is not None and other.is_file()]


def _files_of(path: Path) -> list[Path]:
    path = without_dataset(path)
    if path.is_file():
        if path.suffix.lower() in PHOTRON_SUFFIXES:
            return beside(path, *PHOTRON_SUFFIXES)
        return [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if not file.name.startswith("."))
    else:
        files = sorted(Path(match) for match in glob.glob(str(path), recursive=True))  # noqa: PTH207
    return [file for file in files if file.is_file()]


def _file_sha256(path: Place, stopped: Callable[[], bool]) -> str | None:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            if stopped():
                return None
            digest.update(chunk)
    return digest.hexdigest()


def identity(source: Any) -> dict[str, Any] | None:
    """Return name, size and time of the last change of the files of a source, ready for JSON.

    By these a file is known again without being read; None of what is no file, folder or pattern.
    Of an address the server's own tag stands for the time.
    """
    if not isinstance(source, str | os.PathLike):
        return None
    if is_url(source):
        file = remote_file(source)
        return {"path": str(file), "bytes": file.size, "listing": file.tag}
    files = _files_of(Path(source))
    states = [(file.name, file.stat()) for file in files]
    listing = [(name, state.st_size, state.st_mtime_ns) for name, state in states]
    return {
        "path": str(Path(source).resolve()),
        "bytes": sum(size for _, size, _ in listing),
        "listing": hashlib.sha256(json.dumps(listing).encode()).hexdigest(),
    }


def strict_json(record: Mapping[str, Any]) -> str:
    """Return a record as JSON, in which a number that is not finite is null, with a line end."""
    text = json.dumps(strict_values(record), indent=2, ensure_ascii=False, allow_nan=False)
    return text + "\n"


def strict_values(value: Any) -> Any:
    """Return mappings and lists with null for each number that is not finite."""
    if isinstance(value, Mapping):
        return {key: strict_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [strict_values(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
