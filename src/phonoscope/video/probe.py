"""Look at a video file before reading it: streams, timestamps, and one trial frame."""

import itertools
import operator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from phonoscope.errors import InputError, PhonoscopeError
from phonoscope.remote import Place, RemoteFile
from phonoscope.types import RateCandidate, VideoFacts
from phonoscope.video.clock import Clock, fit_clock
from phonoscope.video.luma import Layout, bounded, require_layout
from phonoscope.video.numbering import Damage, decoded
from phonoscope.video.rate import candidates_of, choose_rate, doubts_of_retiming, plain, weighed
from phonoscope.video.shutter import shutter_of
from phonoscope.video.tags import Tags, camera_tags
from phonoscope.video.timecode import recorded_at, timecode_of

# Timestamps are scanned without decoding until one of these is reached: seconds at worst.
SCAN_PACKETS = 4096
SCAN_BYTES = 128 << 20
SCAN_AT_LEAST = 64
# Frames are stored up to 16 places from where they are shown (H.264, HEVC): the end of an
# unfinished scan has gaps that later packets fill.
REORDERING = 32
Threads = Literal["AUTO", "NONE"]
_BUFFER = 1 << 18  # that FFmpeg reads at once where Python hands it the bytes
# Formats that FFmpeg "plays" although they are text, or name other files.
_NOT_VIDEO = frozenset({"tty", "hls", "concat", "dash", "sdp", "imf"})


@dataclass(frozen=True, slots=True)
class Probe:
    """What a look at a file has told.

    Attributes
    ----------
    facts
        For the user.
    clock
        Of the container; None where it tells no rate.
    layout
        Of luma in the decoded frames.
    expected
        Frames that a complete file shows, or None where the container does not say.
    key_frames_apart
        Largest number of frames from one key frame to the next in the part that was scanned, or
        None where it holds too few to tell.
    """

    facts: VideoFacts
    clock: Clock | None
    layout: Layout
    expected: int | None
    key_frames_apart: int | None


@dataclass(frozen=True, slots=True)
class _Scan:
    pts: list[int] | None
    hidden: int  # packets that an edit list cuts off
    reordered: float = 0.0
    key_frames_apart: int | None = None


def open_container(path: Place) -> InputContainer:
    """Open `path` for reading; raise `InputError` if FFmpeg finds no video format in it."""
    options = {"protocol_whitelist": "file", **bounded(path)}
    source: Any = f"file:{path}"  # else a:b.mp4 or frame%03d.mp4 would be taken for more
    if isinstance(path, RemoteFile):
        options["protocol_whitelist"] = "none"  # what comes from afar names no file here
        source = path.open()
    try:
        container: InputContainer = av.open(
            source, "r", options=options, metadata_errors="replace", buffer_size=_BUFFER
        )
    except PhonoscopeError:  # of the reader's own, which FFmpeg hands on
        raise
    except (av.error.FFmpegError, ValueError) as error:
        raise InputError(_why_not_opened(path, error)) from error
    if container.format.name in _NOT_VIDEO:
        container.close()
        raise InputError(
            f"{path} is a text or a playlist, not a video; give the video file itself."
        )
    return container


def picture_stream(
    container: InputContainer, path: Place, threads: Threads = "AUTO"
) -> VideoStream:
    """Return the first stream of moving pictures, to be decoded by threads of FFmpeg's or by none.

    Raises
    ------
    InputError
        If there is no such stream.
    """
    for stream in container.streams.video:
        if not stream.disposition & Disposition.attached_pic:  # cover art is no video
            stream.thread_type = threads
            if stream.codec_context:
                stream.codec_context.options = bounded(path)
            return stream
    holds = "sound only" if container.streams.audio else "no video stream"
    raise InputError(f"{path} holds {holds}; give a video of the scene.")


def probe(path: Place, user_rate: Fraction | None) -> Probe:
    """Return what `path` holds; raise `InputError` if no frame of it can be decoded."""
    with open_container(path) as container:
        stream = picture_stream(container, path)
        scan = _scan(container, stream)
        declared = (stream.average_rate, stream.base_rate, stream.guessed_rate)
        clock = fit_clock(scan.pts, Fraction(stream.time_base or 1), declared)
    with open_container(path) as container:
        stream = picture_stream(container, path)
        trial = _first_frame(container, stream, path)
        layout = require_layout(trial.format.name, str(path))
        beside: Any = trial.side_data  # PyAV's own annotation knows one kind only
        messages = [bytes(one) for one in beside if one.type.name == "SEI_UNREGISTERED"]
        plays = None if clock is None else clock.rate
        tags = camera_tags(path, container, lambda: open_container(path), messages, plays)
        facts = _facts(path, container, stream, trial, layout, clock, user_rate, tags)
    facts = replace(facts, reordered=scan.reordered)
    expected = None if facts.frames is None else facts.frames - scan.hidden
    return Probe(facts, clock, layout, expected, scan.key_frames_apart)


def _facts(
    path: Place,
    container: InputContainer,
    stream: VideoStream,
    trial: av.VideoFrame,
    layout: Layout,
    clock: Clock | None,
    user_rate: Fraction | None,
    tags: Tags,
) -> VideoFacts:
    container_rate = None if clock is None else clock.rate
    plays = None
    if container_rate is not None:
        plays = RateCandidate(container_rate, "container", _plays(tags))
    told = (weighed(one, clock) for one in tags.rates)
    rates = candidates_of(user_rate, *told, plays)
    chosen, warnings = choose_rate(rates, str(path), clock)
    warnings += (*tags.warnings, *doubts_of_retiming(chosen, clock, tags.writer))
    variable = clock is not None and clock.variable
    if variable:
        warnings += (_variable_warning(clock, chosen.rate),)
    rotation = -round(trial.rotation) % 360
    if rotation:
        warnings += (
            f"players turn this video by {rotation} degrees; frames and regions are in the "
            "coordinates of the picture as stored, unturned.",
        )
    if trial.interlaced_frame:
        warnings += (_interlaced_warning(chosen.rate),)
    shutter, sentence = shutter_of(tags, (trial.width, trial.height), chosen.rate)
    if sentence:
        warnings += (sentence,)
    return VideoFacts(
        name=str(path),
        container=container.format.name,
        codec=stream.codec_context.name,
        pixel_format=trial.format.name,
        width=trial.width,
        height=trial.height,
        bits=layout.bits,
        frames=stream.frames or None,
        container_rate=container_rate,
        capture_rate=chosen.rate,
        capture_rate_source=chosen.source,
        variable_rate=variable,
        rotation_deg=rotation,
        shutter=shutter,
        camera=" ".join(filter(None, (tags.make, tags.model))),
        warnings=warnings,
        length_s=None if container.duration is None else container.duration / av.time_base,
        rates=rates,
        interlaced=bool(trial.interlaced_frame),
        meant_rate=clock.nominal if clock is not None and variable else None,
        timecode_s=timecode_of(
            (container.metadata, *(each.metadata for each in container.streams)),
            None if clock is None else clock.nominal,
        ),
        recorded=recorded_at(container.metadata),
    )


def _plays(tags: Tags) -> str:
    """Return in words what a file's rate of playback is."""
    words = "the file's playback rate"
    if tags.make.lower() == "apple" and not tags.writer:
        words += " (in originals of Apple's cameras, that of capture)"
    return words


def _variable_warning(clock: Clock | None, capture_rate: Fraction) -> str:
    text = "the frames are spaced unevenly (variable frame rate, or frames were dropped), so each "
    text += "frame's own timestamp is used"
    if clock is not None and capture_rate != clock.rate:
        text += f", stretched so that {plain(clock.nominal)} frames/s become {plain(capture_rate)}"
    return text + "; prefer a camera setting with a constant rate."


def _interlaced_warning(rate: Fraction) -> str:
    # The mean of two instants that are half a frame apart has cos(pi f / 2 rate) of its amplitude.
    return (
        "the file says that each frame holds two fields, taken half a frame apart (interlaced): "
        f"what is heard is the mean of both, which leaves 0.71 of {plain(rate / 2)} Hz and 0.92 of "
        "half of that; record progressive frames, and leave these as they are: a program that "
        "makes whole frames of them invents every second row."
    )


def _scan(container: InputContainer, stream: VideoStream) -> _Scan:
    """Read timestamps of packets, undecoded, up to the limits above."""
    pts: list[int | None] = []
    keys: list[int] = []
    hidden = size = 0
    finished = False
    try:
        for packet in container.demux(stream):
            if packet.size == 0:  # the flush at the end
                finished = True
                break
            size += packet.size
            if packet.is_discard:
                hidden += 1
                continue
            if packet.is_keyframe:
                keys.append(len(pts))
            pts.append(packet.pts)
            if len(pts) >= SCAN_PACKETS or (size > SCAN_BYTES and len(pts) >= SCAN_AT_LEAST):
                break
    except av.error.FFmpegError:
        finished = True  # a damaged file; reading meets the same place, and reports it
    known = [value for value in pts if value is not None]
    if len(known) < len(pts):
        return _Scan(None, hidden)
    later = itertools.accumulate(known, max)
    reordered = sum(map(operator.lt, known, later)) / max(len(known), 1)
    if not finished:
        known = sorted(known)[:-REORDERING]
    gaps = [later - before for before, later in itertools.pairwise(keys)]
    return _Scan(known, hidden, reordered, max(gaps, default=None))


def _first_frame(container: InputContainer, stream: VideoStream, path: Place) -> av.VideoFrame:
    for frame in decoded(container, stream, Damage()):
        return frame
    # Of a codec that FFmpeg does not know there is no context.
    codec = stream.codec_context.name if stream.codec_context else "unknown"
    raise InputError(
        f"no frame of {path} can be decoded (codec {codec}); the file is "
        "damaged or its codec is unknown: copy it again, or convert it with "
        "ffmpeg -i INPUT -c:v ffv1 OUTPUT.mkv"
    )


def _why_not_opened(path: Place, error: Exception) -> str:
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] == b"ftyp":
        return (
            f"{path} is an MP4 or MOV without an index (moov), so its recording or copying was "
            "cut off; copy it again, or repair it."
        )
    reason = getattr(error, "strerror", None) or str(error)
    return (
        f"{path} cannot be opened as a video ({reason}); check that it plays, or convert it with "
        "ffmpeg -i INPUT -c:v ffv1 OUTPUT.mkv"
    )
