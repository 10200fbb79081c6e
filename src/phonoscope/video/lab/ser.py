"""SER, the video format of astronomers: 8 to 16 bits, grey, mosaics or colours, with times.

After the format's description, version 3 [1]_. Its flag of the byte order is read in two opposite
ways, and no program can know which one wrote a file; so the order is that in which neighbouring
pixels are more alike.

References
----------
.. [1] H. Wilkens and G. Hahn, *SER format description version 3*, 2014.
"""

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from phonoscope.errors import InputError
from phonoscope.types import RateCandidate
from phonoscope.video.indexed import IndexedVideo
from phonoscope.video.lab.pixels import Colours, Layout
from phonoscope.video.lab.recording import (
    Recording,
    check_size,
    cut_short,
    open_recording,
)
from phonoscope.video.timeline import timeline_of
from phonoscope.video.window import Window

_HEADER = struct.Struct("<14s7i40s40s40sqq")
_TITLE = b"LUCAM-RECORDER"
_COLOURS: dict[int, Colours] = {
    0: "grey", **dict.fromkeys((*range(8, 12), *range(16, 20)), "mosaic"), 100: "rgb", 101: "bgr",
}  # fmt: skip
_TICK_S = Fraction(1, 10**7)


def open_ser(path: Path, window: Window, user: Fraction | None) -> IndexedVideo:
    """Return a SER file as a video.

    Raises
    ------
    InputError
        If it is damaged, or of a kind that the format does not have.
    """
    with path.open("rb") as file:
        head = file.read(_HEADER.size)
        if len(head) < _HEADER.size or not head.startswith(_TITLE):
            raise InputError(
                f"{path} is not a SER video (it does not begin with {_TITLE.decode()}); copy it "
                "again, or give it the suffix of what it is."
            )
        _, _, colour, _, width, height, depth, told, _, camera, _, _, _ = _HEADER.unpack(head)
        check_size(width, height, str(path))
        if colour not in _COLOURS or not 8 <= depth <= 16 or told < 1:
            raise InputError(
                f"{path} claims {told} frames of {depth} bits with the colours {colour}, so its "
                "header is damaged; copy it again."
            )
        layout = Layout(width, height, "u1" if depth == 8 else "<u2", depth, _COLOURS[colour])
        size = layout.frame_bytes
        there = (path.stat().st_size - len(head)) // size
        count = min(there, told)
        if depth > 8 and count:
            layout = _in_order(layout, file)
        file.seek(_HEADER.size + told * size)
        trailer = file.read(8 * told) if count == told else b""
    timeline = None
    if len(trailer) == 8 * told:
        timeline = timeline_of(np.frombuffer(trailer, "<u8"), _TICK_S, None)
    recording = Recording(
        path=path,
        name=str(path),
        kind="ser",
        layout=layout,
        count=count,
        place=lambda file, index: _HEADER.size + index * size,
        rates=()
        if timeline is None
        else (RateCandidate(timeline.rate, "file", "the times of the frames"),),
        timeline=timeline,
        camera=camera.split(b"\0")[0].decode("utf-8", "replace").strip(),
        warnings=(cut_short(count, told),) if count < told else (),
    )
    return open_recording(recording, window, user)


def _in_order(layout: Layout, file: BinaryIO | Any) -> Layout:
    """Return the layout with the byte order in which the first frame is smoother."""
    stored = np.frombuffer(file.read(layout.frame_bytes), "u1")
    apart = (
        layout.samples // (layout.width * layout.height) * (2 if layout.colours == "mosaic" else 1)
    )
    rough = {}
    for sample in ("<u2", ">u2"):
        lines = stored.view(sample).reshape(layout.height, -1)
        steps = np.abs(np.subtract(lines[:, apart:], lines[:, :-apart], dtype=np.float32))
        rough[sample] = float(steps.mean()) if steps.size else 0.0
    swapped = rough[">u2"] < rough["<u2"]
    return Layout(
        layout.width, layout.height, ">u2" if swapped else "<u2", layout.bits, layout.colours
    )
