"""Recordings of known people: for each name a sound file, several, or a folder of them."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from phonoscope.audio import read_audio
from phonoscope.errors import InputError, UsageError
from phonoscope.speakers import Recording

AUDIO = frozenset({".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus", ".aif", ".aiff"})
Places = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
Enrolled = Mapping[str, Places] | Sequence[str]
"""Files or folders by name, or texts NAME=PATH, of which several may have one name."""


def read_enrolled(given: Enrolled) -> dict[str, list[Recording]]:
    """Read the recordings of each name.

    Raises
    ------
    UsageError
        If a text is not of the form NAME=PATH.
    InputError
        If a folder has no sound file, or a file cannot be read.
    """
    if isinstance(given, str):
        given = [given]
    places = given if isinstance(given, Mapping) else _parsed(given)
    if not places:
        raise UsageError("nobody is enrolled; give at least one name with a recording.")
    return {name: _recordings(name, of_one) for name, of_one in places.items()}


def _parsed(texts: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in texts:
        name, _, path = text.partition("=")
        if not (name.strip() and path):
            raise UsageError(f"enrol is {text!r}; give NAME=PATH, such as anna=anna.wav.")
        found.setdefault(name.strip(), []).append(path)
    return found


def _recordings(name: str, places: Places) -> list[Recording]:
    every = [places] if isinstance(places, str | os.PathLike) else places
    files = [file for place in every for file in _files(name, Path(place))]
    return [(samples, float(rate)) for samples, rate, _ in map(read_audio, files)]


def _files(name: str, place: Path) -> list[Path]:
    try:
        if not place.is_dir():
            return [place]
    except OSError as error:  # a name that is too long, say
        raise InputError(
            f"the recording {place}, to enrol {name}, cannot be read: {error.strerror}; check its "
            "name."
        ) from error
    files = sorted(file for file in place.iterdir() if file.suffix.lower() in AUDIO)
    if not files:
        raise InputError(
            f"the folder {place}, to enrol {name}, holds no sound file "
            f"({', '.join(sorted(AUDIO))}); give another."
        )
    return files
