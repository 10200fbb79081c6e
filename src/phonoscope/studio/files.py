"""The files that the page may choose from, and those that it sends."""

import contextlib
import os
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from phonoscope.errors import OutputError, UsageError

_VIDEOS = (
    ".3gp", ".avi", ".cih", ".cihx", ".cine", ".fit", ".fits", ".fts", ".h5", ".hdf5", ".m2ts",
    ".m4v", ".mj2", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".npy", ".ogv", ".ser",
    ".tif", ".tiff", ".ts", ".webm", ".wmv", ".y4m",
)  # fmt: skip
_LONGEST_NAME = 120


class TooLargeError(UsageError):
    """An upload is larger than it may be."""


def listed(folder: Path) -> list[dict[str, Any]]:
    """Return folders and videos in a folder, by name, folders first."""
    entries = []
    with os.scandir(folder) as found:
        for entry in found:
            if entry.name.startswith("."):
                continue
            with contextlib.suppress(OSError):  # gone, or a link to nowhere
                kind = "folder" if entry.is_dir() else "video"
                if kind == "video" and Path(entry.name).suffix.lower() not in _VIDEOS:
                    continue
                known = entry.stat()
                entries.append({
                    "name": entry.name, "path": str(folder / entry.name), "kind": kind,
                    "bytes": known.st_size, "modified": known.st_mtime,
                })  # fmt: skip
    return sorted(entries, key=lambda one: (one["kind"] != "folder", one["name"].casefold()))


async def received(name: str, stream: AsyncIterator[bytes], folder: Path, most_bytes: int) -> Path:
    """Write what is sent to a file in `folder`, piece by piece, and return its path.

    Raises
    ------
    UsageError
        If the name is that of no video; `TooLargeError` if there is more than may be sent.
    OutputError
        If it cannot be written.
    """
    clean = Path(name.replace("\\", "/")).name
    if Path(clean).suffix.lower() not in _VIDEOS or clean.startswith("."):
        raise UsageError(
            f"{name!r} is not named like a video, such as clip.mp4; choose another file."
        )
    if len(clean) > _LONGEST_NAME:
        clean = clean[: _LONGEST_NAME - 10] + Path(clean).suffix
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f".{secrets.token_hex(4)}.part"
        try:
            written = 0
            with part.open("wb") as file:
                async for piece in stream:
                    written += len(piece)
                    if written > most_bytes:
                        raise TooLargeError(
                            f"{clean} is larger than the {most_bytes / 1e9:.3g} GB that may be "
                            "sent; put it into a folder of the studio and open it there."
                        )
                    file.write(piece)
            target = _free(folder, clean)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{clean} cannot be kept: {error.strerror or error}.") from error
    return target


def _free(folder: Path, name: str) -> Path:
    path, number = folder / name, 2
    while path.exists():
        path = folder / f"{Path(name).stem} ({number}){Path(name).suffix}"
        number += 1
    return path
