"""How fast a camera recorded: from what it, or its maker's program, writes beside a video.

===========  ===========================================================================
maker        where, for a video ``clip.mp4``
===========  ===========================================================================
edgertronic  ``Frame Rate`` in ``clip.txt`` [1]_
Photron      record rate in ``clip.cihx`` or ``clip.cih``
Sony         ``captureFps`` in ``clipM01.XML``
===========  ===========================================================================

References
----------
.. [1] edgertronic, *Detailed information about your captured high speed video*,
   https://wiki.edgertronic.com/wiki/Metadata_file
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from phonoscope.remote import Place
from phonoscope.video.capture import Told, rate_of, sony_camera
from phonoscope.video.lab.photron import record_rate
from phonoscope.video.rate import exact

_LARGEST_BYTES = 1 << 20
_EDGERTRONIC = re.compile(
    r"^(?P<part>(?:Pre|Post)-trigger(?: \d+)? )?(?P<what>Frame Rate|Duration):[ \t]*"
    r"(?P<number>[\d.]+)[ \t]*(?:Frames/)?Second",
    re.MULTILINE,
)


def sony_beside(video: Place) -> tuple[str, str, Told | None]:
    """Return make, model and capture rate by Sony's metadata beside a video."""
    name, xml = _small(_beside(video, "{}M01.XML", "{}M01.xml"))
    return sony_camera(xml, f"captureFps in {name} beside the video", "sidecar")


def rates_beside(video: Place) -> tuple[list[Told], tuple[str, ...]]:
    """Return the capture rates that other files beside a video tell, and what is doubtful."""
    name, text = _small(_beside(video, "{}.txt", "{}.TXT"))
    told = list(edgertronic(text.decode("utf-8", "replace"), f"{name} beside the video"))
    header = _beside(video, "{}.cihx", "{}.cih", "{}.CIHX", "{}.CIH")
    if header is None:
        return told, ()
    rate, doubts = record_rate(header)
    return [*told, Told(f"the record rate in {header.name} beside the video", rate, "sidecar")], (
        doubts
    )


def edgertronic(text: str, where: str) -> Iterator[Told]:
    """Yield the rate in the text that an edgertronic writes beside its video."""
    rates: dict[str, Fraction | None] = {}
    empty = set()
    for found in _EDGERTRONIC.finditer(text):
        part = found["part"] or ""
        if found["what"] == "Frame Rate":
            rates[part] = rate_of(found["number"])
        elif exact(found["number"]) == 0:
            empty.add(part)
    told = {rate for part, rate in rates.items() if part not in empty}
    if len(told) > 1:  # it changes within the clip
        yield Told(where, None, wrong="changes within the clip")
    elif told:
        yield Told(where, told.pop(), "sidecar")


def _beside(video: Place, *names: str) -> Path | None:
    """Return the first file there is of some names, ``{}`` being the video's without its suffix.

    Beside videos on other machines nothing is looked for.
    """
    if not isinstance(video, Path):
        return None
    for name in names:
        path = video.with_name(name.format(video.stem))
        try:
            if path.is_file():
                return path
        except OSError:  # such as a name that is too long
            continue
    return None


def _small(path: Path | None) -> tuple[str, bytes]:
    """Return name and content of a file; no content if it is large, or cannot be read."""
    try:
        if path is not None and path.stat().st_size <= _LARGEST_BYTES:
            return path.name, path.read_bytes()
    except OSError:
        pass
    return "", b""
