"""What `recover` writes for editors: the clip with its sound, and a timeline."""

from pathlib import Path
from typing import TYPE_CHECKING

from phonoscope.batch import version_path
from phonoscope.choices import Speed, Version
from phonoscope.errors import InputError

if TYPE_CHECKING:
    from phonoscope.types import Sound


def check_edit(source: str, mux: Path | None, timeline: Path | None) -> None:
    """Find out now, rather than after a long run, whether these can be written."""
    if mux is None and timeline is None:
        return
    from phonoscope.editing import check_mux, check_timeline, clip_of

    clip = None if _is_motion(source) else source  # a motion file says later which clip it is of
    if mux is not None:
        check_mux(mux, clip)
    if timeline is not None:
        check_timeline(timeline)
        if clip is not None:
            clip_of(Path(clip))


def write_edit(
    source: str, sound: "Sound", written: Path, *, mux: Path | None, timeline: Path | None,
    speed: Speed,
) -> tuple[str, ...]:  # fmt: skip
    """Write what is asked for, of a sound whose files are written; return warnings."""
    if mux is None and timeline is None:
        return ()
    from phonoscope.editing import mux as run
    from phonoscope.editing import write_timeline

    clip = Path(sound.record["input"] if _is_motion(source) else source)
    if not clip.is_file():
        raise InputError(
            f"the clip {clip}, of which {source} is, is not there; go to where it is, or give the "
            "clip itself."
        )
    warnings: tuple[str, ...] = ()
    if mux is not None:
        warnings = run(clip, sound, mux, speed=speed).warnings
    if timeline is not None:
        files: dict[Version, Path] = {
            version: written if version == "measured" else version_path(written, version)
            for version in sound.versions
        }
        write_timeline(clip, sound, files, timeline, speed=speed)
    return warnings


def _is_motion(source: str) -> bool:
    return Path(source).suffix.lower() == ".motion"
