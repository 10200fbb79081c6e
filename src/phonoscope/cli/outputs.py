"""Where results go, and that nothing of the user's is lost to them."""

import glob
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from phonoscope.choices import Version
from phonoscope.errors import PhonoscopeError, UsageError
from phonoscope.files import check_writable, replace_when_done, sha256, strict_json

if TYPE_CHECKING:
    from phonoscope.types import Sound


def default_output(source: str, suffix: str) -> Path:
    """Return `source` with another suffix; raise `UsageError` if that is somebody else's file."""
    path = Path(source)
    if glob.has_magic(source) and not path.exists():
        raise UsageError(f"the images {source} have no one name; choose the output with -o.")
    if path.is_dir():
        target = path.resolve().parent / (path.resolve().name + suffix)
    else:
        target = path.with_suffix(suffix)
    if target.exists() and not _made_here(target) and not _is_input(source, target):
        raise UsageError(
            f"{target} exists and was not made by Phonoscope; choose the output with -o."
        )
    return target


def check_outputs(source: str, *targets: Path | None, read: Path | None = None) -> None:
    """Find out now, rather than after a long run, whether the results can be written.

    `read` is another file that is read, and must not be written to.
    """
    given = [target for target in targets if target is not None]
    if len({target.resolve() for target in given}) < len(given):
        raise UsageError(f"two results cannot both be written to {given[0]}; name another file.")
    for target in given:
        if _is_input(source, target) or (read is not None and _is_input(str(read), target)):
            raise UsageError(f"the output {target} is the input itself; choose another name.")
        check_writable(target)


def version_path(target: Path, version: Version) -> Path:
    """Return where a version of the sound in `target` goes."""
    return target.with_suffix(f".{version}{target.suffix}")


def source_path(target: Path, number: int) -> Path:
    """Return where the sound of a source goes, counted from 1."""
    return target.with_suffix(f".{number}{target.suffix}")


def write_beside(
    sound: "Sound", target: Path, rate: int | Literal["native"], *, hashed: bool
) -> dict[str, Any]:
    """Write all but the measured sound itself, and return their paths for the record.

    Sources are written where there are several, else the sound is the source. `hashed` adds their
    SHA-256.
    """

    def written(one: "Sound", version: Version, path: Path, key: str) -> dict[str, Any]:
        one.write(path, rate=rate, version=version)
        return {key: str(path), **({f"{key}_sha256": sha256(path)} if hashed else {})}

    def versions(one: "Sound", path: Path) -> dict[str, Any]:
        facts: dict[str, Any] = {}
        if one.equalized is not None:
            facts |= written(one, "equalized", version_path(path, "equalized"), "equalized")
        if one.enhanced is not None:
            facts |= written(one, "enhanced", version_path(path, "enhanced"), "enhanced")
        return facts

    facts = versions(sound, target)
    if len(sound.sources) > 1:
        paths = [source_path(target, number + 1) for number in range(len(sound.sources))]
        facts["sources"] = [
            {**record, **written(one, "measured", path, "output"), **versions(one, path)}
            for record, one, path in zip(sound.record["sources"], sound.sources, paths, strict=True)
        ]
    return facts


def _is_input(source: str, target: Path) -> bool:
    if not target.exists():
        return False
    path = Path(source)
    if path.exists() and path.samefile(target):
        return True
    inside = path.is_dir() and target.resolve().parent == path.resolve()
    from_pattern = glob.glob(source, recursive=True) if glob.has_magic(source) else []  # noqa: PTH207
    return inside or any(target.samefile(match) for match in from_pattern)


def _made_here(path: Path) -> bool:
    if path.suffix == ".motion":
        from phonoscope.motion import is_motion_file

        return is_motion_file(path)
    if path.suffix == ".response":
        from phonoscope.sound import is_response_file

        return is_response_file(path)
    from phonoscope.audio import read_audio

    try:
        return read_audio(path)[2].startswith("Phonoscope")
    except PhonoscopeError:
        return False


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write a record as strict JSON, in which a number that is not finite is null."""
    with replace_when_done(path) as part:
        # A file name that is no Unicode becomes the escape that JSON has for it.
        part.write_text(strict_json(record), encoding="utf-8", errors="backslashreplace")
