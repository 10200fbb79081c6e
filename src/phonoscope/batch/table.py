"""A CSV file that lists videos, each with settings of its own."""

import csv
import glob
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from phonoscope.batch.settings import OPTIONS, Settings, parse_option
from phonoscope.errors import InputError, InputNotFoundError, UsageError
from phonoscope.remote import is_url

_DELIMITERS = ",;\t"  # as spreadsheets of different countries write


def read_table(path: Path, common: dict[str, Any]) -> list[tuple[str, Settings]]:
    """Return source and settings of each line of a CSV file.

    Parameters
    ----------
    path
        Its first line names the columns: ``source``, and any of the options of `recover`. Relative
        paths lead from its folder.
    common
        Options of all files, which count where a cell is empty.

    Raises
    ------
    UsageError
        If a column is not known, there is no column ``source``, or a value cannot be right: with
        the number of the line.
    InputError
        If the file cannot be read as text.
    """
    lines = _lines(path)
    number, header = next(lines, (1, []))
    columns = [name.strip().lower().replace("-", "_") for name in header]
    _check_columns(path, number, columns)
    listed = []
    for number, cells in lines:
        try:
            listed.append(_row(path, columns, cells, common))
        except UsageError as error:
            raise UsageError(f"{path}, line {number}: {error}") from error
    if not listed:
        raise UsageError(f"{path} lists no files; add a line for each below the names of columns.")
    return listed


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of each line that is not empty (of its last, if it has several)."""
    try:
        # Spreadsheets put a mark before the first letter, which is none of the column's name.
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            delimiter = max(_DELIMITERS, key=first.count)
            rows = csv.reader(file, delimiter=delimiter, strict=True)
            for cells in rows:
                if any(cell.strip() for cell in cells):
                    yield rows.line_num, cells
    except FileNotFoundError as error:
        raise InputNotFoundError(f"{path} does not exist; check the path.") from error
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{path} cannot be read as a table ({reason}); save it as CSV in UTF-8."
        ) from error


def _check_columns(path: Path, number: int, columns: list[str]) -> None:
    known = ("source", *OPTIONS)
    for name in columns:
        if name not in known:
            raise UsageError(
                f"{path}, line {number}: there is no column {name!r}; name the columns "
                f"source and, as needed, {', '.join(OPTIONS)}."
            )
        if columns.count(name) > 1:
            raise UsageError(
                f"{path}, line {number}: there are two columns {name!r}; take one away."
            )
    if "source" not in columns:
        raise UsageError(
            f"{path}, line {number}: there is no column 'source'; the first line names the "
            "columns, such as source,fps,band."
        )


def _row(
    path: Path, columns: list[str], cells: list[str], common: dict[str, Any]
) -> tuple[str, Settings]:
    if any(cell.strip() for cell in cells[len(columns) :]):
        raise UsageError(
            f"there are more values than columns, the first is {cells[len(columns)]!r}; put quotes "
            'around a value that holds the separator, such as "80,1000".'
        )
    named = zip(columns, (cell.strip() for cell in cells), strict=False)
    given = {name: text for name, text in named if text}
    source = given.pop("source", "")
    if not source:
        raise UsageError("there is no source; name the file.")
    own = {name: parse_option(name, text, path.parent) for name, text in given.items()}
    return _from(path.parent, source), Settings.checked(common | own)


def _from(folder: Path, source: str) -> str:
    if is_url(source):
        return source
    # The folder's own name may look like a pattern, which the source's may be.
    if glob.has_magic(source) and not (folder / source).exists():
        return str(Path(glob.escape(str(folder))) / source)
    return str(folder / source)
