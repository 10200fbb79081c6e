"""Where results go, and that nothing of the user's is lost to them."""

import glob
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from phonoscope.batch import made_here, write_json
from phonoscope.errors import UsageError
from phonoscope.files import check_writable, strict_json, without_dataset
from phonoscope.remote import is_url, name_of

STREAM = Path("-")
"""Standard output."""


def default_output(source: str, suffix: str) -> Path:
    """Return `source` with another suffix, in this folder if it is on the net.

    Raises `UsageError` if that is somebody else's file.
    """
    path = Path(name_of(source)) if is_url(source) else without_dataset(source)
    if not is_url(source) and glob.has_magic(source) and not path.exists():
        raise UsageError(f"the images {source} have no one name; choose the output with -o.")
    if path.is_dir():
        target = path.resolve().parent / (path.resolve().name + suffix)
    else:
        target = path.with_suffix(suffix)
    if target.exists() and not made_here(target) and not _is_input(source, target):
        raise UsageError(
            f"{target} exists and was not made by Phonoscope; choose the output with -o."
        )
    return target


def check_outputs(
    source: str, *targets: Path | None, json_file: Path | None = None, read: Path | None = None
) -> None:
    """Find out now, rather than after a long run, whether the results can be written.

    `json_file` alone may be standard output. `read` is another file that is read, and must not be
    written to.
    """
    given = [target for target in targets if target is not None]
    if STREAM in given:
        raise UsageError(
            "- stands for standard output, where only facts can go (--json -); name a file."
        )
    if json_file is not None and json_file != STREAM:
        given.append(json_file)
    if len({target.resolve() for target in given}) < len(given):
        raise UsageError(f"two results cannot both be written to {given[0]}; name another file.")
    for target in given:
        if _is_input(source, target) or (read is not None and _is_input(str(read), target)):
            raise UsageError(f"the output {target} is the input itself; choose another name.")
        check_writable(target)


def write_facts(json_file: Path | None, record: Mapping[str, Any]) -> None:
    """Write a record to where `--json` says, if it is given."""
    if json_file == STREAM:
        typer.echo(strict_json(record).encode("utf-8", "backslashreplace"), nl=False)
    elif json_file is not None:
        write_json(json_file, record)


def _is_input(source: str, target: Path) -> bool:
    if not target.exists():
        return False
    path = without_dataset(source)
    if path.exists() and path.samefile(target):
        return True
    inside = path.is_dir() and target.resolve().parent == path.resolve()
    from_pattern = glob.glob(source, recursive=True) if glob.has_magic(source) else []  # noqa: PTH207
    return inside or any(target.samefile(match) for match in from_pattern)
