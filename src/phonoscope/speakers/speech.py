"""Speech or not, and where: voiced stretches whose pitch moves, in sound that comes and goes."""

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from phonoscope.errors import UsageError
from phonoscope.speakers.pitch import FLOOR_HZ, STEP_S, one_row, track_pitch
from phonoscope.speakers.steady import steadiness, unsteady_part
from phonoscope.types import Float64, PitchTrack, SpeechActivity

THRESHOLD = 1.0
CEILING_HZ = 500.0
LEAST_BAND_HZ = 400.0  # the highest frequency that the band must reach
# Each in the unit of its own threshold; between the most that noises gave and what speech at 0 dB
# gives (`benchmarks/speakers.py silence` and `speech`).
_UNSTEADY = 0.12  # mean share of power that comes and goes
_VOICED = 0.10  # share of the time in voiced stretches that move
_SPREAD = 0.08  # octaves between the quartiles of the pitch
_STRETCH_S = 0.08  # the shortest: chance seldom lasts as long
_MOVED = 0.05  # octaves that a stretch's pitch must cover: a ringing object's stays
_GLIDE = 0.006  # octaves from step to step, the median in a stretch: below are notes of instruments
_JUMP = 0.12  # octaves within a step at which a new stretch begins
_REACH_S = 0.3  # speech around a voiced stretch: consonants, and the gaps between syllables


@dataclass(frozen=True, slots=True)
class Stretch:
    """A voiced stretch without jumps.

    Attributes
    ----------
    first, last
        Frames of the pitch track, `last` not included.
    moved
        Octaves from its lowest pitch to its highest.
    glide
        Octaves from step to step, the median.
    """

    first: int
    last: int
    moved: float
    glide: float


def find_speech(
    samples: ArrayLike,
    rate_hz: float,
    *,
    band_hz: tuple[float, float] | None = None,
    threshold: float = THRESHOLD,
) -> SpeechActivity:
    """Tell whether there is speech in a sound, and where.

    Three things are asked for together, each of which noises without speech lack. Power comes and
    goes, over the whole band, which neither noise of any colour nor hum does. For part of the time
    the rest, after that steady part is taken out, is periodic, in stretches of 80 ms or more in
    which the pitch glides all the time, as that of no knock, ringing object or piano does. And the
    pitch differs from stretch to stretch. The score is the least of the three, each over its
    threshold.

    Parameters
    ----------
    samples
        ``(sample,)`` sound in any unit.
    rate_hz
        Samples a second.
    band_hz
        Lowest and highest frequency that the sound holds; all by default.
    threshold
        Score from which speech counts as detected. At 1 no clip of the noises measured did.

    Returns
    -------
    SpeechActivity
        Not detected, with a reason, also where the band or the clip is too short to tell.

    Raises
    ------
    UsageError
        If a rate or a band cannot be right.
    InputError
        If the sound is not one row of finite samples.
    """
    sound, band = checked(samples, rate_hz, band_hz)
    if band[1] < LEAST_BAND_HZ:
        return _none(threshold, f"the band ends at {band[1]:g} Hz, too low to tell a voice")
    found = steadiness(sound, rate_hz, band)
    if found is None:
        return _none(threshold, f"{len(sound) / rate_hz:.2g} s are too short to tell speech")
    if found.share == 0:
        return _none(threshold, "there is no sound")
    rest = unsteady_part(sound, rate_hz, found)
    track = track_pitch(rest, rate_hz, ceiling_hz=min(CEILING_HZ, 0.45 * rate_hz))
    moving = [s for s in stretches(track) if s.moved >= _MOVED and s.glide >= _GLIDE]
    measures = {
        "the sound hardly comes and goes": found.share / _UNSTEADY,
        "hardly anything in it is voiced with a pitch that glides": (
            sum(s.last - s.first for s in moving) * STEP_S / (len(sound) / rate_hz) / _VOICED
        ),
        "its pitch stays the same": _spread(track, moving) / _SPREAD,
    }
    reason, score = min(measures.items(), key=lambda item: item[1])
    if score < threshold:
        return _none(threshold, reason, score)
    return SpeechActivity(True, score, threshold, _segments(track, moving, len(sound) / rate_hz))


def checked(
    samples: ArrayLike, rate_hz: float, band_hz: tuple[float, float] | None
) -> tuple[Float64, tuple[float, float]]:
    """Return a sound and its band as numbers that can be right, the band within the rate."""
    if not (np.isfinite(rate_hz) and rate_hz > 0):
        raise UsageError(f"rate_hz is {rate_hz!r}; give a positive number of samples a second.")
    low, high = (0.0, rate_hz / 2) if band_hz is None else band_hz
    if not 0 <= low < high:
        raise UsageError(f"the band {low:g} to {high:g} Hz is none; give the lower edge first.")
    sound = one_row(samples)
    return sound, (float(low), float(min(high, rate_hz / 2)))


def stretches(track: PitchTrack) -> list[Stretch]:
    """Return the voiced stretches of a track that are long enough, in order."""
    voiced = track.pitch_hz > 0
    octave = np.log2(np.where(voiced, track.pitch_hz, FLOOR_HZ))
    joined = voiced[1:] & voiced[:-1] & (np.abs(np.diff(octave)) < _JUMP)
    breaks = np.flatnonzero(~joined) + 1
    edges = [0, *breaks.tolist(), len(voiced)]
    least = round(_STRETCH_S / STEP_S)
    return [
        Stretch(
            first, last, float(np.ptp(octave[first:last])),
            float(np.median(np.abs(np.diff(octave[first:last])))),
        )
        for first, last in itertools.pairwise(edges)
        if last - first >= least and voiced[first]
    ]  # fmt: skip


def _spread(track: PitchTrack, chosen: list[Stretch]) -> float:
    if not chosen:
        return 0.0
    octaves = np.log2(np.concatenate([track.pitch_hz[s.first : s.last] for s in chosen]))
    low, high = np.percentile(octaves, [25, 75])
    return float(high - low)


def _segments(
    track: PitchTrack, chosen: list[Stretch], duration_s: float
) -> tuple[tuple[float, float], ...]:
    merged: list[tuple[float, float]] = []
    for stretch in chosen:
        start = max(float(track.time_s[stretch.first]) - _REACH_S, 0.0)
        end = min(float(track.time_s[stretch.last - 1]) + _REACH_S, duration_s)
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((start, end))
    return tuple(merged)


def _none(threshold: float, reason: str, score: float = 0.0) -> SpeechActivity:
    return SpeechActivity(False, score, threshold, (), reason)
