"""Files on the net, read by range through fsspec: what is not needed is not fetched."""

import contextlib
import io
import os
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import Future
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeGuard, cast
from urllib.parse import unquote, urlsplit

from phonoscope.errors import (
    InputError,
    InputNotFoundError,
    InputUnreachableError,
    MissingExtraError,
    PhonoscopeError,
)

_URL = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
_BLOCK = 2 << 20
_AHEAD = 2  # blocks that are fetched while one is read
_KEPT = max(16, 4 * (os.cpu_count() or 1))  # blocks, of all who read the same file
_PATIENCE_S = 60.0  # with a block
_TRIES, _PAUSE_S = 4, 0.5  # and twice as long from try to try
# By which file systems tell that what is there is not what was there.
_TAGS = ("ETag", "etag", "md5", "Content-MD5", "LastModified", "Last-Modified", "mtime", "created")
_REFUSED = (401, 403)
_GONE = (404, 410)


def is_url(source: object) -> TypeGuard[str]:
    """Return whether a source is an address such as ``https://host/clip.mp4``, not a path."""
    return isinstance(source, str) and _URL.match(source) is not None


def shown(url: str) -> str:
    """Return an address without passwords and signatures, for people and for records."""
    return re.sub(r"//[^/@]*@", "//", re.split(r"[?#]", url, maxsplit=1)[0])


def name_of(url: str) -> str:
    """Return the name of the file at an address."""
    return PurePosixPath(unquote(urlsplit(url).path)).name or urlsplit(url).netloc


def matching(pattern: str) -> list[str]:
    """Return the addresses that a pattern with a ``*`` means, in order; none of another address.

    Raises
    ------
    InputError
        As `remote_file` does.
    """
    if "*" not in shown(pattern):
        return []
    try:
        system, path = _found(pattern)
        return sorted(system.unstrip_protocol(one) for one in system.glob(path))
    except BaseException as error:
        raise _why(pattern, error) from error


class RemoteFile:
    """A file at an address, known by its size and what its server says of its state.

    Blocks of it that were fetched lately are kept for all who read it. It can be sent to another
    process, which reads it by itself, and refuses what is not the same file any more.

    Attributes
    ----------
    url
        With all that it needs, which may be secret; ``str()`` is for people.
    size
        In bytes.
    tag
        Of its state: an ETag or a time; empty where the server tells none.
    """

    def __init__(self, url: str, size: int, tag: str) -> None:
        self.url, self.size, self.tag = url, size, tag
        self._blocks: OrderedDict[int, Future[bytes]] = OrderedDict()
        self._handles: list[Any] = []
        self._lock = threading.Lock()

    def __str__(self) -> str:
        return shown(self.url)

    def __reduce__(self) -> tuple[Any, ...]:
        return _same_file, (self.url, self.size, self.tag)

    @property
    def suffix(self) -> str:
        """Of its name."""
        return PurePosixPath(name_of(self.url)).suffix

    def open(self, mode: str = "rb") -> BinaryIO:
        """Return a file of its own to read and to seek in; nothing is fetched yet."""
        assert mode == "rb"
        return cast("BinaryIO", io.BufferedReader(_Reading(self), 1 << 16))

    def close(self) -> None:
        """Let go of connections, which come back as they are needed, and of what was fetched."""
        with self._lock:
            handles, self._handles = self._handles, []
            self._blocks.clear()
        for handle in handles:
            with contextlib.suppress(Exception):
                handle.close()

    def block(self, number: int) -> "Future[bytes]":
        """Return a block that is there, or on its way."""
        with self._lock:
            found = self._blocks.get(number)
            if found is not None and not (found.done() and found.exception()):
                self._blocks.move_to_end(number)
                return found
            future: Future[bytes] = Future()
            self._blocks[number] = future
            while len(self._blocks) > _KEPT:
                self._blocks.popitem(last=False)
        threading.Thread(
            target=self._fetch, args=(number, future), name="phonoscope-fetch", daemon=True
        ).start()
        return future

    @property
    def blocks(self) -> int:
        return -(-self.size // _BLOCK)

    def _fetch(self, number: int, future: "Future[bytes]") -> None:
        first = number * _BLOCK
        length = min(_BLOCK, self.size - first)
        for tried in range(_TRIES):
            try:
                future.set_result(self._read(first, length))
                return
            except BaseException as error:  # whatever it is belongs to the one who reads
                why = _why(self.url, error)
                if tried + 1 == _TRIES or not isinstance(why, InputUnreachableError):
                    future.set_exception(why)
                    return
            time.sleep(_PAUSE_S * 2**tried)

    def _read(self, first: int, length: int) -> bytes:
        with self._lock:
            handle = self._handles.pop() if self._handles else None
        if handle is None:
            system, path = _found(self.url)
            handle = system.open(path, "rb", block_size=_BLOCK, cache_type="none")
        if not handle.seekable():
            raise _WholeOnlyError
        handle.seek(first)
        content = bytes(handle.read(length))
        if len(content) != length:
            raise OSError(f"{len(content)} bytes came of {length}")
        with self._lock:
            self._handles.append(handle)
        return content


Place = Path | RemoteFile
"""Where a file is."""


def size_of(place: Place) -> int:
    """Return the size of a file in bytes."""
    return place.size if isinstance(place, RemoteFile) else place.stat().st_size


def remote_file(url: str) -> RemoteFile:
    """Return the file at an address.

    Raises
    ------
    MissingExtraError
        If a package is not installed that reads such addresses.
    InputNotFoundError
        If there is no such file.
    InputUnreachableError
        If it cannot be reached now.
    InputError
        If it may not be read, or cannot be read in parts.
    """
    for tried in range(_TRIES):
        try:
            system, path = _found(url)
            system.invalidate_cache()  # a listing that was true before
            info = system.info(path)
            break
        except BaseException as error:
            why = _why(url, error)
            if tried + 1 == _TRIES or not isinstance(why, InputUnreachableError):
                raise why from error
        time.sleep(_PAUSE_S * 2**tried)
    if info.get("type") == "directory":
        raise InputError(f"{shown(url)} is a folder; give the address of a video file.")
    if info.get("size") is None or info.get("partial") is False:
        raise _why(url, _WholeOnlyError())
    if info["size"] == 0:
        raise InputError(f"{shown(url)} is empty (0 bytes); record or copy it again.")
    tag = next((str(info[key]) for key in _TAGS if info.get(key)), "")
    return _file_of(url, int(info["size"]), tag)


@lru_cache(maxsize=2)
def _file_of(url: str, size: int, tag: str) -> RemoteFile:
    return RemoteFile(url, size, tag)


@lru_cache(maxsize=2)
def _same_file(url: str, size: int, tag: str) -> RemoteFile:
    """Return the file that another process has seen; it is looked at once."""
    found = remote_file(url)
    if (found.size, found.tag) != (size, tag):
        raise InputError(
            f"{shown(url)} has changed since reading began; run the same command again."
        )
    return found


class _WholeOnlyError(Exception):
    """A server sends a file as a whole, or not at all."""


class _Reading(io.RawIOBase):
    """One who reads a file, and has the blocks ahead of it fetched."""

    def __init__(self, file: RemoteFile) -> None:
        self._file = file
        self._place = 0
        self._last = -2

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._file.size}[whence]
        if base + offset < 0:
            raise OSError(f"there is nothing before the beginning: {base + offset}")
        self._place = base + offset
        return self._place

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        number, within = divmod(self._place, _BLOCK)
        if self._place >= self._file.size or not view:
            return 0
        future = self._file.block(number)
        if number == self._last + 1:  # one after the other: more of them will be asked for
            for ahead in range(number + 1, min(number + 1 + _AHEAD, self._file.blocks)):
                self._file.block(ahead)
        self._last = number
        try:
            content = future.result(_PATIENCE_S)
        except TimeoutError as error:
            raise _why(self._file.url, error) from error
        count = min(len(view), len(content) - within)
        view[:count] = content[within : within + count]
        self._place += count
        return count


def _found(url: str) -> tuple[Any, str]:
    """Return fsspec's file system for an address, and the path in it."""
    try:
        import fsspec
    except ImportError:
        raise MissingExtraError(
            f"reading {shown(url)} needs fsspec: pip install 'phonoscope[remote]'"
        ) from None
    system, path = fsspec.core.url_to_fs(url)
    return system, str(path)


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _why(url: str, error: BaseException) -> BaseException:
    """Return the error that says in one sentence what is wrong with an address."""
    if isinstance(error, PhonoscopeError | KeyboardInterrupt):
        return error
    name, scheme = shown(url), urlsplit(url).scheme
    if isinstance(error, ImportError):
        if scheme in ("http", "https"):
            return MissingExtraError(
                f"reading {name} needs aiohttp: pip install 'phonoscope[remote]'"
            )
        return MissingExtraError(
            f"reading {scheme}:// needs another package ({_one_line(error)}); install it with pip."
        )
    if isinstance(error, _WholeOnlyError) or "range requests" in str(error):
        return InputError(
            f"the server of {name} does not send parts of a file; download it first, and give its "
            "path."
        )
    if isinstance(error, ValueError) and "rotocol not known" in str(error):
        return InputError(
            f"addresses that begin with {scheme}:// are not read; give one that fsspec knows, such "
            "as https:// or s3://, or download the file first."
        )
    status = next((s for e in _causes(error) if (s := getattr(e, "status", None))), None)
    if isinstance(error, PermissionError) or status in _REFUSED:
        return InputError(
            f"{name} may not be read{f' (status {status})' if status else ''}; check the address "
            "and your credentials."
        )
    deepest = list(_causes(error))[-1]
    if status in _GONE or (deepest is error and isinstance(error, FileNotFoundError)):
        return InputNotFoundError(f"{name} does not exist; check the address.")
    if isinstance(error, FileNotFoundError) and isinstance(deepest, FileNotFoundError):
        return InputNotFoundError(f"{name} does not exist; check the address.")
    reason = f"status {status}" if status else _one_line(deepest)
    return InputUnreachableError(
        f"{name} cannot be reached ({reason}); check the address and the network, and try again."
    )


def _one_line(error: BaseException) -> str:
    words = (str(error).strip().splitlines() or [""])[0].rstrip(".")
    return words or type(error).__name__
