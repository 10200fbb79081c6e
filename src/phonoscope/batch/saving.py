"""What is written of a sound: its versions and sources beside it, and its record."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from phonoscope.choices import Version
from phonoscope.errors import PhonoscopeError
from phonoscope.files import replace_when_done, sha256, strict_json

if TYPE_CHECKING:
    from phonoscope.types import Sound


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


def made_here(path: Path) -> bool:
    """Return whether a file was written by Phonoscope, and so may be replaced."""
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
