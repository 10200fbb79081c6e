"""Files that cameras write beside a video."""

from pathlib import Path

from phonoscope.remote import Place

_LARGEST_BYTES = 1 << 20


def beside(video: Place, *names: str) -> tuple[str, bytes]:
    """Return name and content of a small file beside a video; nothing if none is there.

    Parameters
    ----------
    video
        On this machine; beside those on others nothing is looked for.
    names
        What the file may be called, ``{}`` standing for the video's name without its suffix.
    """
    if not isinstance(video, Path):
        return "", b""
    for name in names:
        path = video.with_name(name.format(video.stem))
        try:
            if path.is_file() and path.stat().st_size <= _LARGEST_BYTES:
                return path.name, path.read_bytes()
        except OSError:
            continue
    return "", b""
