"""From a sound to who spoke: speech or not, the pitch, woman or man."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from phonoscope.audio import read_audio
from phonoscope.errors import UsageError
from phonoscope.pipeline.recovering import recover
from phonoscope.pipeline.request import Progress, Rate, parse_band
from phonoscope.speakers import (
    LEAST,
    THRESHOLD,
    check_least,
    find_speech,
    tell_gender,
    voice_pitch,
)
from phonoscope.types import Float64, PitchTrack, Sound, Speakers, SpeechActivity

_AUDIO = frozenset({".wav", ".flac", ".mp3", ".m4a", ".ogg", ".opus", ".aif", ".aiff"})
_EMPTY_DB = -75.0  # under the strongest: what a resampler leaves beyond the band of a sound
_BINS = 2048
_NOTHING = SpeechActivity(False, 0.0, THRESHOLD, (), "nothing stands above the noise floor")


def speakers_in(
    source: Any,
    *,
    fps: Rate | None = None,
    band: tuple[float, float] | str | None = None,
    least: float = LEAST,
    progress: Progress | None = None,
) -> Speakers:
    """Say whether there is speech in a sound, where, and whether a woman or a man speaks.

    The answers hold for one adult speaker. How often they are right is measured in
    `benchmarks/speakers.py`, and told in the documentation.

    Parameters
    ----------
    source
        A `Sound`, a motion field, a motion file, a video, or a sound file (.wav, .flac ...).
    fps, band
        As in `recover`. Of a sound file the band is what it holds, unless it is given.
    least
        Smallest probability at which to answer woman or man, 0.5 to 1.
    progress
        Called as frames are measured, where there are any.

    Returns
    -------
    Speakers

    Raises
    ------
    UsageError
        If an argument has a value that cannot be right.
    InputError
        If nothing can be heard from the source.
    """
    check_least(least)
    samples, rate, held, silent = _sound(source, fps, band, progress)
    speech = _NOTHING if silent else find_speech(samples, rate, band_hz=held)
    if not speech.detected:
        return Speakers(speech, PitchTrack.empty(), None, rate, held)
    pitch = voice_pitch(samples, rate, band_hz=held)
    return Speakers(speech, pitch, tell_gender(_within(pitch, speech), least=least), rate, held)


def _sound(
    source: Any, fps: Rate | None, band: tuple[float, float] | str | None, progress: Progress | None
) -> tuple[Float64, float, tuple[float, float], bool]:
    """Return samples, their rate, their band, and whether they are known to be noise alone."""
    if isinstance(source, str | os.PathLike) and Path(source).suffix.lower() in _AUDIO:
        if fps is not None:
            raise UsageError(f"{source} is a sound file and has no frames; leave fps out.")
        samples, whole, _ = read_audio(source)
        rate = float(whole)
        given = None if band is None else parse_band(band)
        return samples, rate, given or _held_band(samples, rate), False
    if isinstance(source, Sound):
        if band is not None:
            raise UsageError("a sound has its band; recover it anew for another.")
        sound = source
    else:
        sound = recover(source, fps=fps, band=band, progress=progress)
    silent = sound.verdict is not None and not sound.verdict.detected
    return sound.samples, float(sound.rate_hz), sound.band_hz, silent


def _held_band(samples: Float64, rate_hz: float) -> tuple[float, float]:
    """Return the band that a sound file holds: a recovered sound was given a rate for players."""
    from scipy.signal import welch  # slow to import

    hz, density = welch(samples, rate_hz, nperseg=min(_BINS, len(samples)))
    there = np.flatnonzero(density > density.max() * 10 ** (_EMPTY_DB / 10))
    if not density.any():
        return 0.0, rate_hz / 2
    return 0.0, float(min(hz[there[-1]] + hz[1], rate_hz / 2))


def _within(pitch: PitchTrack, speech: SpeechActivity) -> PitchTrack:
    """Return the part of a pitch track in which there is speech."""
    spoken = np.zeros(len(pitch.time_s), np.bool_)
    for start, end in speech.segments_s:
        spoken |= (pitch.time_s >= start) & (pitch.time_s <= end)
    return PitchTrack(pitch.time_s[spoken], pitch.pitch_hz[spoken], pitch.strength[spoken])
