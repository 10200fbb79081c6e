"""A timeline for editors (OpenTimelineIO): the clip, and each version of its sound on a track."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from phonoscope.choices import Speed, Version
from phonoscope.editing.clip import Clip, clip_of, opened
from phonoscope.errors import InputError, UsageError
from phonoscope.files import replace_when_done
from phonoscope.types import Place, Sound

_DAY_S = 86400
_Object = dict[str, Any]


def check_timeline(output: str | os.PathLike[str]) -> None:
    """Raise `UsageError` if a timeline cannot be written into that kind of file."""
    if Path(output).suffix.lower() != ".otio":
        raise UsageError(
            f"cannot write a timeline to {output}: such a file ends in .otio; name it "
            f"{Path(output).with_suffix('.otio').name}."
        )


def write_timeline(
    clip: str | os.PathLike[str],
    sound: Sound,
    files: Mapping[Version, str | os.PathLike[str]],
    output: str | os.PathLike[str],
    *,
    speed: Speed = "playback",
) -> None:
    """Write a timeline of a clip and of its recovered sound, for editors to open.

    The picture is on a video track; the audio that the clip has, if any, on the first audio track;
    then each version of the sound on a track of its own, in its place to the sample. Files are
    named by where they are now.

    Parameters
    ----------
    clip
        The video that the sound was recovered from.
    sound
        From `recover`: it knows where it lies in the clip.
    files
        The audio file of each version, as `Sound.write` has written it.
    output
        ``.otio`` (OpenTimelineIO).
    speed
        Of a clip in slow motion: ``"playback"`` slows the sound down, ``"real"`` speeds the picture
        up; each by a time warp, which the editor applies.

    Raises
    ------
    UsageError
        If the output does not end in .otio.
    InputError
        If the clip or a file cannot be read, or nobody knows where the sound belongs.
    OutputError
        If the output cannot be written.
    """
    check_timeline(output)
    if sound.place is None:
        raise InputError("where this sound lies in a clip is not known; take one from recover.")
    known = clip_of(Path(clip))
    sounds = {version: _heard(Path(path)) for version, path in files.items()}
    timeline = _Builder(known, sound.place, speed).timeline(sounds)
    with replace_when_done(output) as part:
        part.write_text(json.dumps(timeline, indent=4) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True)
class _Heard:
    """An audio file: its samples a second, and how many."""

    path: Path
    rate: int
    samples: int


def _heard(path: Path) -> _Heard:
    with opened(path) as container:
        if not container.streams.audio:
            raise InputError(f"{path} holds no audio; write the sound first.")
        stream = container.streams.audio[0]
        length = (stream.duration or 0) * Fraction(stream.time_base or 1)
    return _Heard(path, stream.rate, round(length * stream.rate))


class _Builder:
    """Builds the timeline of one clip, in the oldest schemas that hold it: all programs know them.

    The schemas are those of OpenTimelineIO, as its library writes them.
    """

    def __init__(self, clip: Clip, place: Place, speed: Speed) -> None:
        self._clip, self._place = clip, place
        self._faster = place.slower if speed == "real" else Fraction(1)  # the picture
        self._slower = Fraction(1) if speed == "real" else place.slower  # the sound

    def timeline(self, sounds: Mapping[Version, _Heard]) -> _Object:
        clip = self._clip
        first = round((self._place.timecode_s or 0) * clip.rate)
        frames = max(1, round(clip.frames / self._faster))
        shown = _range(first, frames, clip.rate)
        whole = _range(first, clip.frames, clip.rate)
        kinds = {"Picture": "Video"} | ({"Audio of the clip": "Audio"} if clip.has_audio else {})
        tracks = [
            _track(name, kind, _clip(clip.path, whole, shown, self._faster))
            for name, kind in kinds.items()
        ]
        tracks += [
            _track(f"Recovered sound ({version})", "Audio", *self._placed(heard))
            for version, heard in sounds.items()
        ]
        return _object(
            "Timeline.1",
            clip.path.stem,
            global_start_time=_time(first, clip.rate),
            tracks=_item("Stack.1", "tracks", None, children=tracks),
        )

    def _placed(self, heard: _Heard) -> list[_Object]:
        rate = Fraction(heard.rate)
        # A Broadcast WAV begins at its time reference, and editors know it by that.
        first = round(self._place.on_timeline_s % _DAY_S * rate)
        whole = _range(first, heard.samples, rate)
        lasts = _range(first, max(1, round(heard.samples * self._slower)), rate)
        sound = _clip(heard.path, whole, lasts, 1 / self._slower)
        before = round(self._place.start_s * self._slower * rate)
        return [_item("Gap.1", "", _range(0, before, rate)), sound] if before else [sound]


def _object(schema: str, name: str, **fields: Any) -> _Object:
    return {"OTIO_SCHEMA": schema, "metadata": {}, "name": name, **fields}


def _item(schema: str, name: str, taken: _Object | None, **fields: Any) -> _Object:
    whole: _Object = {"source_range": taken, "effects": [], "markers": [], "enabled": True}
    return _object(schema, name, **(whole | fields))


def _track(name: str, kind: str, *items: _Object) -> _Object:
    return _item("Track.1", name, None, kind=kind, children=list(items))


def _clip(path: Path, available: _Object, taken: _Object, faster: Fraction) -> _Object:
    media = _object(
        "ExternalReference.1", "", target_url=path.resolve().as_uri(), available_range=available
    )
    # A change of speed leaves the range as it is on the timeline.
    warp = _object(
        "LinearTimeWarp.1", "Speed", effect_name="LinearTimeWarp", time_scalar=float(faster)
    )
    effects = [] if faster == 1 else [warp]
    return _item("Clip.1", path.name, taken, media_reference=media, effects=effects)


def _time(count: int, rate: Fraction) -> _Object:
    return {"OTIO_SCHEMA": "RationalTime.1", "rate": float(rate), "value": float(count)}


def _range(first: int, count: int, rate: Fraction) -> _Object:
    start, duration = _time(first, rate), _time(count, rate)
    return {"OTIO_SCHEMA": "TimeRange.1", "start_time": start, "duration": duration}
