"""A timeline for editors (OpenTimelineIO): the clip, and each version of its sound on a track."""

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from phonoscope.choices import Speed, Version
from phonoscope.editing.clip import Clip, clip_of, opened
from phonoscope.errors import InputError, MissingExtraError, UsageError
from phonoscope.files import replace_when_done
from phonoscope.types import Place, Sound

_DAY_S = 86400


def check_timeline(output: str | os.PathLike[str]) -> None:
    """Find out now whether a timeline can be written into that kind of file.

    Raises
    ------
    UsageError
        If its suffix is not .otio.
    MissingExtraError
        If OpenTimelineIO is not installed.
    """
    if Path(output).suffix.lower() != ".otio":
        raise UsageError(
            f"cannot write a timeline to {output}: such a file ends in .otio; name it "
            f"{Path(output).with_suffix('.otio').name}."
        )
    if importlib.util.find_spec("opentimelineio") is None:
        raise MissingExtraError(
            "a timeline needs OpenTimelineIO, which is not installed; pip install "
            "'phonoscope[editing]'."
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
    UsageError, MissingExtraError
        As of `check_timeline`.
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
    import opentimelineio as otio

    with replace_when_done(output) as part:
        part.write_text(otio.adapters.write_to_string(timeline, "otio_json"), encoding="utf-8")


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
    """Builds the timeline of one clip."""

    def __init__(self, clip: Clip, place: Place, speed: Speed) -> None:
        import opentimelineio as otio

        self._otio, self._clip, self._place = otio, clip, place
        self._faster = place.slower if speed == "real" else Fraction(1)  # the picture
        self._slower = Fraction(1) if speed == "real" else place.slower  # the sound

    def timeline(self, sounds: Mapping[Version, _Heard]) -> Any:
        otio, clip = self._otio, self._clip
        timeline = otio.schema.Timeline(clip.path.stem)
        first = round((self._place.timecode_s or 0) * clip.rate)
        timeline.global_start_time = self._time(first, clip.rate)
        frames = max(1, round(clip.frames / self._faster))
        shown = self._range(first, frames, clip.rate)
        whole = self._range(first, clip.frames, clip.rate)
        kinds = otio.schema.TrackKind
        tracks = [("Picture", kinds.Video)]
        tracks += [("Audio of the clip", kinds.Audio)] if clip.has_audio else []
        for name, kind in tracks:
            item = self._item(clip.path, whole, shown, self._faster)
            timeline.tracks.append(self._track(name, kind, item))
        for version, heard in sounds.items():
            name = f"Recovered sound ({version})"
            track = self._track(name, kinds.Audio, *self._placed(heard))
            timeline.tracks.append(track)
        return timeline

    def _placed(self, heard: _Heard) -> list[Any]:
        rate = Fraction(heard.rate)
        # A Broadcast WAV begins at its time reference, and editors know it by that.
        first = round(self._place.on_timeline_s % _DAY_S * rate)
        whole = self._range(first, heard.samples, rate)
        lasts = self._range(first, max(1, round(heard.samples * self._slower)), rate)
        item = self._item(heard.path, whole, lasts, 1 / self._slower)
        before = round(self._place.start_s * self._slower * rate)
        if not before:
            return [item]
        return [self._otio.schema.Gap(duration=self._time(before, rate)), item]

    def _track(self, name: str, kind: str, *items: Any) -> Any:
        return self._otio.schema.Track(name, kind=kind, children=list(items))

    def _item(self, path: Path, available: Any, taken: Any, faster: Fraction) -> Any:
        schema = self._otio.schema
        media = schema.ExternalReference(path.resolve().as_uri(), available)
        item = schema.Clip(path.name, media_reference=media, source_range=taken)
        if faster != 1:
            item.effects.append(schema.LinearTimeWarp("Speed", float(faster)))
        return item

    def _time(self, count: int, rate: Fraction) -> Any:
        return self._otio.opentime.RationalTime(count, float(rate))

    def _range(self, first: int, count: int, rate: Fraction) -> Any:
        return self._otio.opentime.TimeRange(self._time(first, rate), self._time(count, rate))
