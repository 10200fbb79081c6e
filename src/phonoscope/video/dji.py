"""DJI's metadata of a clip, as messages of Protocol Buffers laid out differently for each model.

Read is what is alike in the layouts that telemetry-parser [1]_ has published.

References
----------
.. [1] *telemetry-parser*, https://github.com/AdrianEddy/telemetry-parser
"""

import struct
from dataclasses import dataclass

from phonoscope.choices import Direction
from phonoscope.video.protobuf import field

_LAYOUTS = b"dvtm_"  # how their names begin
_CLIP, _HEADER, _LAYOUT, _PRODUCT = 1, 1, 1, 10
_READ_OUT, _DIRECTION = 4, 5
# Models differ in which of these tells what was steadied; the other is a float, or not there.
_STEADIED = (7, 9)
_NOT_STEADIED = (0, 7)  # 7: off, but cut as if it was on
# The other way round, the one that is a float tells the rate, and some models have it in a third.
_SENSOR_RATES = (9, 11)
_STREAM, _VIDEO, _KIND = 2, 3, 7
_SLOW_MOTION, _LAPSED = 2, (3, 4, 5, 6)  # kinds of video; lapsed: frames have been left out
_UPWARDS, _COLUMNS = (2, 3), (4, 5, 6, 7)  # by the corner at which reading begins


@dataclass(frozen=True, slots=True)
class Clip:
    """What a packet says of its clip.

    Attributes
    ----------
    product
        Name of the model; empty where unknown.
    told
        Whether it says how long the sensor is read out.
    read_out_s
        That time; None if it is no number.
    direction
        In which rows are read; None if columns are.
    steadied
        Whether the camera has moved the picture to steady it.
    sensor_fps
        At which its sensor ran, frames/s; None where that is not told.
    slow_motion, lapsed
        Whether it is slow motion, or one of the kinds in which frames are left out.
    """

    product: str
    told: bool
    read_out_s: float | None
    direction: Direction | None
    steadied: bool
    sensor_fps: float | None
    slow_motion: bool
    lapsed: bool


def clip_of(packet: bytes) -> Clip | None:
    """Read a packet of a djmd track; None if it is something else."""
    clip = field(packet, _CLIP)
    layout = field(packet, _CLIP, _HEADER, _LAYOUT)
    if clip is None or not (isinstance(layout, bytes) and layout.startswith(_LAYOUTS)):
        return None
    product, nanoseconds = field(clip, _HEADER, _PRODUCT), field(clip, _READ_OUT, 1)
    corner = field(clip, _DIRECTION, 1)
    direction: Direction = "up" if corner in _UPWARDS else "down"
    steadied = [field(clip, at, 1) for at in _STEADIED]
    ran = [field(clip, at, 1) for at in _SENSOR_RATES]
    floats = [
        struct.unpack("<f", one)[0] for one in ran if isinstance(one, bytes) and len(one) == 4
    ]
    kind = field(packet, _STREAM, _VIDEO, _KIND)
    return Clip(
        product.decode("utf-8", "replace").strip("\0 ") if isinstance(product, bytes) else "",
        field(clip, _READ_OUT) is not None,
        nanoseconds / 1e9 if isinstance(nanoseconds, int) else None,
        None if corner in _COLUMNS else direction,
        any(isinstance(one, int) and one not in _NOT_STEADIED for one in steadied),
        floats[0] if floats else None,
        kind == _SLOW_MOTION,
        kind in _LAPSED,
    )
