"""A first look at some of a film's scans: where the track is, how it is read and joined."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from phonoscope.choices import FilmKind
from phonoscope.errors import InputError, UsageError
from phonoscope.film import Columns, Reader, Registration, Track, candidates, chosen, learn
from phonoscope.film.join import grouped, shift_between, usual_pitch
from phonoscope.types import Luma

_PLACES, _IN_A_ROW = 12, 4  # scans that are looked at first
_LOOK_BYTES = 256 * 2**20  # that they may take


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What a first look at some of the scans tells."""

    reader: Reader
    registration: Registration
    pitch: float
    joined_by: str
    warnings: tuple[str, ...]

    @classmethod
    def at(cls, video: Any, where: str, kind: FilmKind, source: Any) -> "Look":
        groups = _some_scans(video)
        scans = [scan for group in groups for scan in group]
        if len(scans) < 2:
            raise InputError(
                f"{video.facts.name} holds {len(scans)} scan; a track is told from at least 2."
            )
        columns = Columns()
        for group in groups:
            for before, after in pairwise(group):
                columns.add(before, after)
        track = _track(columns, scans, where, kind, video.facts.name)
        ours = [
            (grouped(a, track.first, track.stop), grouped(b, track.first, track.stop))
            for group in groups
            for a, b in pairwise(group)
        ]
        shared, _ = usual_pitch(ours)
        registration = Registration.learned(scans, _holes(columns, track))
        weave = [registration.weave(scan) for scan in scans]
        reader = learn(track, scans, weave, kind_given=kind != "auto")
        pitch = float(video.facts.height) if shared is None else shared
        if registration.reference is not None and shared is not None:
            pitch = _exact_pitch(groups, track, registration, pitch)
        told: tuple[str, ...] = ()
        if shared is None:
            told = (
                "neighbouring scans share no lines, so they are joined end to end; scan with a few "
                "per cent of the neighbouring frames in view.",
            )
        by = "holes" if registration.reference is not None else "overlap"
        return cls(reader, registration, pitch, "nothing" if shared is None else by, told)


def _some_scans(video: Any) -> list[list[Luma]]:
    """Return short rows of neighbouring scans from all over the film, or from its beginning."""
    facts = video.facts
    size = facts.width * facts.height * (1 if facts.bits <= 8 else 2)
    most = max(_IN_A_ROW, min(_PLACES * _IN_A_ROW, _LOOK_BYTES // max(size, 1)))
    stretches = video.stretches()
    if stretches is None or stretches.stop - stretches.first <= most:
        scans = []
        for frame in video:
            scans.append(frame.luma)
            if len(scans) >= most:
                break
        return [scans]
    places = max(1, most // _IN_A_ROW)
    first = np.linspace(stretches.first, stretches.stop - _IN_A_ROW, places).astype(int)
    groups = []
    for begin in first:
        with closing(stretches.read(int(begin), int(begin) + _IN_A_ROW)) as frames:
            groups.append([frame.luma for frame in frames])
    return [group for group in groups if group]


def _track(columns: Columns, scans: Sequence[Luma], where: str, kind: FilmKind, name: str) -> Track:
    width = scans[0].shape[1]
    wanted = None if kind == "auto" else kind
    given = _given(where, width)
    if given is not None:
        crops = [[scan[:, given[0] : given[1]] for scan in scans]]
        found = chosen([given], crops, wanted, certain=True)
    else:
        places = [
            place
            for place in candidates(columns)
            if where == "auto" or (sum(place) / 2 < width / 2) == (where == "left")
        ]
        found = chosen(places, [[s[:, a:b] for s in scans] for a, b in places], wanted)
    if found is None:
        side = "" if where == "auto" else f" in the {where} half"
        raise InputError(
            f"no soundtrack found in {name}{side}: no strip beside the picture changes from line "
            "to line as sound does. If there is one, say where: --track first,last (columns in px)."
        )
    return found


def _given(where: str, width: int) -> tuple[int, int] | None:
    if where in ("auto", "left", "right"):
        return None
    try:
        first, last = (int(part) for part in where.split(","))
    except ValueError:
        raise UsageError(
            f"track {where!r} is no place; give auto, left, right, or first,last columns in px."
        ) from None
    if not 0 <= first < last - 3 or last > width:
        raise UsageError(
            f"track {where} is no strip of scans of {width} px; give two columns that rise, at "
            "least 4 apart."
        )
    return first, last


def _holes(columns: Columns, track: Track) -> list[tuple[int, int]]:
    repeated = columns.repeated.copy()
    repeated[track.first : track.stop] = False
    edges = np.flatnonzero(np.diff(np.concatenate([[0], repeated.astype(np.int8), [0]])))
    runs = zip(edges[::2], edges[1::2], strict=True)
    strong = columns.of("power") > (0.1 * columns.span) ** 2
    return [(int(a), int(b)) for a, b in runs if b - a >= 3 and strong[a:b].mean() > 0.5]


def _exact_pitch(
    groups: Sequence[Sequence[Luma]], track: Track, registration: Registration, pitch: float
) -> float:
    """Return the pitch without the shifts of the scans, which the holes tell."""
    found = []
    for group in groups:
        for before, after in pairwise(group):
            step = shift_between(
                grouped(before, track.first, track.stop),
                grouped(after, track.first, track.stop),
                pitch,
            )
            if step is not None:
                found.append(step - registration.shift(after) + registration.shift(before))
    return float(np.median(found)) if found else pitch
