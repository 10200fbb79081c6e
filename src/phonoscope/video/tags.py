"""What a video file says of the camera that wrote it, in its tags and in files beside it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

import av
from av.container import InputContainer

from phonoscope.remote import Place
from phonoscope.types import RateCandidate
from phonoscope.video.boxes import content, find, whole
from phonoscope.video.capture import (
    Told,
    candidates,
    computed,
    rates_of_boxes,
    rates_of_names,
    rates_of_sei,
    sony_camera,
)
from phonoscope.video.packet import read_packet
from phonoscope.video.readout import Tag, read_outs_of_boxes
from phonoscope.video.sidecar import rates_beside, sony_beside

# First packets of metadata lie near the first frames: this far they are looked for.
PACKETS = 256
PACKET_BYTES = 64 << 20

_MAKES = ("com.apple.quicktime.make", "com.android.manufacturer", "make")
_MODELS = ("com.apple.quicktime.model", "com.android.model", "model")
_WRITERS = {"lavf": "FFmpeg", "handbrake": "HandBrake"}
_UUID = 16  # bytes at which a message to decoders begins
_COMPUTED = (
    "the phone says that it has computed some of the frames in between (super slow motion): what "
    "they show was not filmed, and no sound above the rate of the filmed ones is real."
)


@dataclass(frozen=True, slots=True)
class Tags:
    """What a file says of the camera that wrote it.

    Attributes
    ----------
    read_out
        The sensor's read-out time, or None where no known tag tells it.
    make, model
        Of the camera, as it writes them; empty where unknown.
    rates
        Capture rates that its maker's tags and files beside it tell.
    writer
        Program that has written the file, it may be since the camera did; empty if none is known.
    warnings
        Sentences for the user.
    """

    read_out: Tag | None = None
    make: str = ""
    model: str = ""
    rates: tuple[RateCandidate, ...] = ()
    writer: str = ""
    warnings: tuple[str, ...] = ()


def camera_tags(
    path: Place,
    container: InputContainer,
    reopen: Callable[[], InputContainer],
    messages: Sequence[bytes] = (),
    plays: Fraction | None = None,
) -> Tags:
    """Read the tags of a video file that tell its camera, and how it recorded.

    Parameters
    ----------
    path
        Of the file.
    container
        The same file, opened; only what it says of itself and its streams is looked at.
    reopen
        Opens the file once more, for its first packets; called where it has metadata tracks.
    messages
        Of the encoder, beside the first frame (H.264's unregistered user data).
    plays
        Frames a second at which the file plays, if it tells.
    """
    read_outs: list[Tag] = []
    told: list[Told] = []
    warnings: tuple[str, ...] = ()
    names = {key.lower(): value for key, value in container.metadata.items()}
    xml = b""
    if "mp4" in container.format.name:
        with path.open("rb") as file:
            read_outs += read_outs_of_boxes(file)
            told += rates_of_boxes(file)
            xml = _sony_xml(file)
            warnings = (_COMPUTED,) * computed(file)
    told = told or list(rates_of_names(names))
    make, model, sony = _sony(xml, path)
    told += sony
    if not read_outs and any(stream.type == "data" for stream in container.streams):
        with reopen() as unread:
            packets = [read_packet(data) for data in _first_data(unread)]
        read_outs += [tag for packet in packets for tag in packet.read_outs]
        told += [rate for packet in packets for rate in packet.rates]
        for packet in packets:
            if packet.make:
                make, model = packet.make, packet.model
    told += [rate for message in messages for rate in rates_of_sei(message, plays)]
    beside, doubts = rates_beside(path)
    rates, wrong = candidates([*told, *beside])
    return Tags(
        read_out=read_outs[0] if read_outs else None,
        make=make or _first(names, _MAKES),
        model=model or _first(names, _MODELS),
        rates=rates,
        writer=_writer(names.get("encoder", ""), messages),
        warnings=(*warnings, *wrong, *doubts),
    )


def _sony(xml: bytes, path: Place) -> tuple[str, str, list[Told]]:
    """Return make, model and rates by Sony's metadata, in the file before that beside it."""
    own, more = sony_camera(xml, "Sony's captureFps", "file"), sony_beside(path)
    rates = [rate for rate in (own[2], more[2]) if rate is not None]
    return own[0] or more[0], own[1] or more[1], rates


def _first_data(container: InputContainer) -> list[bytes]:
    """Return the first packet of each metadata track, as far as they lie near the beginning."""
    tracks = {stream.index for stream in container.streams if stream.type == "data"}
    first: dict[int, bytes] = {}
    size = 0
    try:
        for count, packet in enumerate(container.demux()):
            size += packet.size
            index = packet.stream.index
            if index in tracks and index not in first and packet.size:
                first[index] = bytes(packet)
            if len(first) == len(tracks) or count >= PACKETS or size > PACKET_BYTES:
                break
    except av.error.FFmpegError:
        pass  # a damaged file; reading its frames meets the same place, and reports it
    return list(first.values())


def _sony_xml(file: BinaryIO) -> bytes:
    for path in ((b"meta", b"xml "), (b"moov", b"meta", b"xml ")):
        for box in find(file, whole(file), *path):
            return content(file, box)[4:].strip(b"\x00")
    return b""


def _writer(encoder: str, messages: Sequence[bytes]) -> str:
    """Return the program that has written a file by its own word; empty: a camera, as it seems."""
    start = encoder.lower()
    found = (name for sign, name in _WRITERS.items() if start.startswith(sign))
    return next(
        found, "x264" if any(message.startswith(b"x264", _UUID) for message in messages) else ""
    )


def _first(names: Mapping[str, str], keys: tuple[str, ...]) -> str:
    return next((names[key].strip() for key in keys if key in names), "")
