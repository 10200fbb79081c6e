"""What an earlier run has left: whether a file is done, and whose the files in its way are."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import phonoscope
from phonoscope.batch.listing import Item
from phonoscope.batch.saving import made_here
from phonoscope.errors import PhonoscopeError, UsageError
from phonoscope.files import identity, sha256
from phonoscope.remote import is_url


def asked_of(item: Item) -> dict[str, Any]:
    """Return all that a result depends on, as it comes back from JSON."""
    settings = asdict(item.settings)
    del settings["force"]  # decides only whether a silent one is written
    asked = {
        "source": _identity(item.source),
        "settings": settings,
        "response": _identity(item.settings.equalize),
        "version": phonoscope.__version__,
    }
    return dict(json.loads(json.dumps(asked)))


def _identity(source: str | None) -> dict[str, Any] | None:
    # What cannot be read is told of when it is opened, and stops no other.
    with contextlib.suppress(OSError, PhonoscopeError):
        return identity(source)
    return None


def record_of_earlier(item: Item) -> Mapping[str, Any] | None:
    """Return the record beside a file's sound, or None where there is none, or a damaged one.

    Raises
    ------
    UsageError
        If what is there was not made by Phonoscope, or from another file that is still there:
        nobody's files are written over unasked.
    """
    try:
        found = json.loads(item.record.read_text("utf-8"))
    except FileNotFoundError:
        found = None
    except (OSError, ValueError):
        found = {}
    else:
        _check_record(item, found)
    _check_sound(item, found or {})
    return found or None


def _check_record(item: Item, found: Any) -> None:
    if not (isinstance(found, dict) and isinstance(found.get("versions"), dict)):
        raise UsageError(
            f"{item.record} exists and was not made by Phonoscope; choose another folder with "
            "--out."
        )
    with contextlib.suppress(KeyError, TypeError):
        other = found["asked"]["source"]["path"]
        own = _identity(item.source) or {}
        if other != own["path"] and (is_url(other) or Path(other).exists()):
            raise UsageError(
                f"{item.sound} is the sound of another file, {other}; choose another folder with "
                "--out."
            )


def _check_sound(item: Item, found: Mapping[str, Any]) -> None:
    if not item.sound.exists():
        return
    known = dict(written(found)).get(item.sound.name)
    if known != sha256(item.sound) and not made_here(item.sound):
        raise UsageError(
            f"{item.sound} exists and was not made by Phonoscope; choose another folder with --out."
        )


def is_done(item: Item, asked: Mapping[str, Any], record: Mapping[str, Any] | None) -> bool:
    """Return whether a record is of the same as is asked now, and its sounds are as written."""
    if record is None or record.get("asked") != asked:
        return False
    silent = record.get("detected") is False
    if (record.get("output") is None) != (silent and not item.settings.force):
        return False
    for name, digest in written(record):
        path = item.sound.with_name(name)
        if not path.is_file() or sha256(path) != digest:
            return False
    return True


def written(record: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield name and SHA-256 of each sound file that a record tells of."""
    sources = record.get("sources")
    for part in (record, *(sources if isinstance(sources, list) else [])):
        for key in ("output", "equalized", "enhanced"):
            place = part.get(key) if isinstance(part, dict) else None
            if isinstance(place, str):
                yield Path(place).name, part.get(f"{key}_sha256")
