"""Which files are meant: of folders and tables, too; and what the results of each are called."""

import glob
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phonoscope.batch.settings import Settings
from phonoscope.batch.table import read_table
from phonoscope.errors import UsageError
from phonoscope.remote import is_url, matching, name_of, shown

VIDEOS = (
    ".3gp", ".avi", ".cih", ".cihx", ".cine", ".fit", ".fits", ".fts", ".m2ts", ".m4v", ".mj2",
    ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".ogv", ".ser", ".ts", ".webm", ".wmv",
    ".y4m",
)  # fmt: skip
_BESIDE = ("enhanced", "equalized")  # as `version_path` ends what it names


@dataclass(frozen=True, slots=True)
class Item:
    """One file, how it is to be recovered, and where its results go."""

    source: str
    settings: Settings
    sound: Path

    @property
    def record(self) -> Path:
        """Where its record goes."""
        return self.sound.with_suffix(".json")


def items_of(sources: Iterable[str], common: dict[str, Any], out: Path) -> list[Item]:
    """Return every file that is meant, in order, each once for the same settings.

    Parameters
    ----------
    sources
        Files, folders of images or of videos, patterns, and tables (``*.csv``).
    common
        Options of all files.
    out
        Folder of the results.

    Raises
    ------
    UsageError
        If an option has a value that cannot be right, or there is nothing to do.
    """
    settings = Settings.checked(common)
    wanted: dict[tuple[str, Settings], tuple[str, Settings]] = {}
    for source in sources:
        listed = [(source, settings)]
        if is_table(source):
            listed = read_table(Path(source), common)
        for one, own in listed:
            for file in videos_in(one) or [one]:
                wanted.setdefault((str(_place(file)), own), (file, own))
    if not wanted:
        raise UsageError(
            "there are no sources; give files, folders, or a CSV file that lists them."
        )
    names = names_of([source for source, _ in wanted.values()])
    return [
        Item(source, own, out / f"{name}.wav")
        for (source, own), name in zip(wanted.values(), names, strict=True)
    ]


def is_table(source: str) -> bool:
    """Return whether a source is a CSV file of sources."""
    return Path(source).suffix.lower() == ".csv" and not Path(source).is_dir()


def videos_in(source: str) -> list[str]:
    """Return the videos in a folder or of a pattern by name; none of what is one source itself."""
    if is_url(source):
        return [url for url in matching(source) if Path(name_of(url)).suffix.lower() in VIDEOS]
    return [str(file) for file in sorted(_files_in(source)) if file.suffix.lower() in VIDEOS]


def holds_images(source: str) -> bool:
    """Return whether there are images in a folder or of a pattern."""
    return any(is_image(str(file)) for file in _files_in(source))


def is_image(source: str) -> bool:
    """Return whether a source is named like an image."""
    from phonoscope.video import images

    return Path(source).suffix.lower() in images.SUFFIXES


def _files_in(source: str) -> list[Path]:
    path = Path(source)
    if is_url(source):
        return []
    try:
        if path.is_dir():
            found = list(path.iterdir())
        elif glob.has_magic(source) and not path.exists():
            found = [Path(match) for match in glob.glob(source, recursive=True)]  # noqa: PTH207
        else:
            return []
        return [file for file in found if not file.name.startswith(".") and file.is_file()]
    except OSError:  # what cannot be read is told of when it is opened, and stops no other
        return []


def names_of(sources: Sequence[str]) -> list[str]:
    """Return a name for the results of each source: no two the same, and always the same ones.

    It is the stem. Where several share one, that of the folder or the suffix goes with it, by
    whichever they differ; else a number.
    """
    names = [_stem(source) for source in sources]
    for alike in _alike(names):
        paths = [_place(sources[n]) for n in alike]
        for told in _TOLD_APART:
            better = [told(names[n], path) for n, path in zip(alike, paths, strict=True)]
            if len(set(map(_folded, better))) == len(better):
                break
        else:
            better = [f"{names[n]}-{number}" for number, n in enumerate(alike, 1)]
        for n, name in zip(alike, better, strict=True):
            names[n] = name
    return list(_unique(names))


_TOLD_APART: tuple[Callable[[str, Path], str], ...] = (
    lambda name, path: _joined(name, path.suffix.lower()),
    lambda name, path: _joined(path.parent.name, name),
    lambda name, path: _joined(path.parent.name, name, path.suffix.lower()),
)


def _joined(*parts: str) -> str:
    return "-".join(part.removeprefix(".") for part in parts if part)


def _alike(names: Sequence[str]) -> list[list[int]]:
    groups: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        groups.setdefault(_folded(name), []).append(number)
    return [group for group in groups.values() if len(group) > 1]


def _unique(names: Sequence[str]) -> Iterator[str]:
    """Yield names, those with a number that are taken, or are what is written beside another."""
    taken, all_names = set[str](), {_folded(name) for name in names}
    for name in names:
        root, _, last = name.rpartition(".")
        beside = last in _BESIDE or last.isdecimal()
        if beside and _folded(root) in all_names:
            name = f"{root}-{last}"
        number, free = 1, name
        while _folded(free) in taken or (free != name and _folded(free) in all_names):
            number += 1
            free = f"{name}-{number}"
        taken.add(_folded(free))
        yield free


def _folded(name: str) -> str:
    # Some file systems take Clip and clip, or two spellings of é, for the same name.
    return unicodedata.normalize("NFC", name).casefold()


def _place(source: str) -> Path:
    if is_url(source):
        return Path(shown(source))
    # A link counts as what it is called, not as the file that it leads to.
    path = Path(source)
    return path.parent.resolve() / path.name if path.name not in ("", "..") else path.resolve()


def _stem(source: str) -> str:
    if is_url(source):
        return Path(name_of(source)).stem
    path = Path(source)
    if path.is_dir():
        return path.resolve().name or "sound"
    if glob.has_magic(source) and not path.exists():
        return path.parent.resolve().name or "sound"
    return path.stem
