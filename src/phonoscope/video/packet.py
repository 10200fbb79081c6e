"""What a packet of a metadata track says of the camera; its maker is told by how it begins."""

from dataclasses import dataclass

from phonoscope.video.capture import Told, rates_of_dji, rates_of_gopro, rates_of_sony
from phonoscope.video.dji import clip_of
from phonoscope.video.klv import CANON_HEADS, SONY_HEAD
from phonoscope.video.readout import (
    Tag,
    read_outs_of_canon,
    read_outs_of_dji,
    read_outs_of_gopro,
    read_outs_of_sony,
)

_GPMF = b"DEVC"


@dataclass(frozen=True, slots=True)
class Packet:
    """What a packet says.

    Attributes
    ----------
    read_outs
        How long the sensor takes to be read out.
    rates
        How fast the camera recorded.
    make, model
        Of the camera; empty where the packet does not tell.
    """

    read_outs: tuple[Tag, ...] = ()
    rates: tuple[Told, ...] = ()
    make: str = ""
    model: str = ""


def read_packet(data: bytes) -> Packet:
    """Read a packet of a metadata track; of an unknown maker it says nothing."""
    if data.startswith(_GPMF):
        return Packet(tuple(read_outs_of_gopro(data)), tuple(rates_of_gopro(data)))
    clip = clip_of(data)
    if clip is not None:
        model = clip.product.removeprefix("DJI ")
        return Packet(tuple(read_outs_of_dji(clip)), tuple(rates_of_dji(clip)), "DJI", model)
    if data.startswith(SONY_HEAD):
        return Packet(tuple(read_outs_of_sony(data)), tuple(rates_of_sony(data)))
    if data.startswith(CANON_HEADS):
        return Packet(tuple(read_outs_of_canon(data)))
    return Packet()
