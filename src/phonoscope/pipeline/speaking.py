"""From a sound to who spoke: speech or not, the pitch, woman or man; how many, and which ones."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phonoscope.audio import read_audio
from phonoscope.errors import InputError, UsageError
from phonoscope.pipeline.enrolling import AUDIO, Enrolled, read_enrolled
from phonoscope.pipeline.recovering import recover
from phonoscope.pipeline.request import Progress, Rate, parse_band
from phonoscope.speakers import (
    LEAST,
    MOST,
    THRESHOLD,
    Channel,
    Recording,
    TooLittleSpeechError,
    channel_of,
    check_least,
    find_speech,
    find_turns,
    held_band,
    identify_speaker,
    load_background,
    measure_channel,
    open_encoder,
    tell_gender,
    voice_pitch,
)
from phonoscope.speakers.encoder import Encoder
from phonoscope.types import (
    Diarisation,
    Float64,
    Identification,
    PitchTrack,
    Sound,
    Speakers,
    SpeechActivity,
)

_NOTHING = SpeechActivity(False, 0.0, THRESHOLD, (), "nothing stands above the noise floor")


def speakers_in(
    source: Any,
    *,
    fps: Rate | None = None,
    band: tuple[float, float] | str | None = None,
    least: float = LEAST,
    number: int | None = None,
    enrol: Enrolled | None = None,
    encoder: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Speakers:
    """Say whether there is speech in a sound, where, and who speaks: how many, and which ones.

    Woman or man is told as of one adult. How often the answers are right is measured in
    `benchmarks/speakers.py` and `speakers_who.py`, and told in the documentation.

    Parameters
    ----------
    source
        A `Sound`, a motion field, a motion file, a video, or a sound file (.wav, .flac ...).
    fps, band
        As in `recover`. Of a sound file the band is what it holds, unless it is given.
    least
        Smallest probability at which to answer woman or man, and how many; 0.5 to 1.
    number
        How many people speak, 1 to 4, where that is known.
    enrol
        Clean recordings of people to compare with: for each name a file, a folder, or several; or
        texts ``NAME=PATH``. They are sent through the channel of the sound first.
    encoder
        ONNX file of a speaker encoder of your own, to compare with in place of what comes with
        Phonoscope; it takes at least three people enrolled.
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
        If nothing can be heard from the source, or a recording cannot be compared.
    """
    check_least(least)
    if number is not None and not 1 <= number <= MOST:
        raise UsageError(f"number is {number}; give a number from 1 to {MOST}, or none.")
    if encoder is not None and enrol is None:
        raise UsageError("an encoder compares with people, and nobody is enrolled; enrol some.")
    people = {} if enrol is None else read_enrolled(enrol)
    network = None if encoder is None else open_encoder(encoder)
    heard = _heard(source, fps, band, progress)
    samples, rate, held = heard.samples, heard.rate_hz, heard.band_hz
    speech = _NOTHING if heard.silent else find_speech(samples, rate, band_hz=held)
    if not speech.detected:
        return Speakers(speech, PitchTrack.empty(), None, rate, held, least, number)
    pitch = voice_pitch(samples, rate, band_hz=held)
    gender = tell_gender(_within(pitch, speech), least=least)
    try:
        spoken, channel = heard.channel()
        found = find_turns(spoken, rate, channel=channel, speakers=number)
    except InputError:
        if people or number is not None:
            raise
        return Speakers(speech, pitch, gender, rate, held, least, number)
    sure = number is not None or found.probability.max() >= least
    named = _named(spoken, channel, found if sure else None, people, network)
    return Speakers(speech, pitch, gender, rate, held, least, number, found, named)


def _named(
    samples: Float64,
    channel: Channel,
    turns: Diarisation | None,
    people: dict[str, list[Recording]],
    encoder: Encoder | None,
) -> tuple[Identification | None, ...]:
    """Compare each speaker's turns with the people enrolled; all as one where turns are None."""
    if not people:
        return ()
    if turns is None or turns.speakers < 2:
        return (
            identify_speaker(samples, channel.rate_hz, people, channel=channel, encoder=encoder),
        )
    return tuple(
        _named_alone(samples, channel, own, people, encoder)
        for own in _by_speaker(turns, len(samples), channel.rate_hz)
    )


def _named_alone(
    samples: Float64,
    channel: Channel,
    own: NDArray[np.bool_],
    people: dict[str, list[Recording]],
    encoder: Encoder | None,
) -> Identification | None:
    """Compare one speaker, who speaks where `own`; None if that one says too little."""
    spoken = samples[own]
    try:
        part = _part(channel, spoken, own)
    except InputError:
        return None
    try:
        return identify_speaker(spoken, channel.rate_hz, people, channel=part, encoder=encoder)
    except TooLittleSpeechError:
        return None


def _part(channel: Channel, spoken: Float64, own: NDArray[np.bool_]) -> Channel:
    """Return the channel with level and spectrum of one speaker's speech; its noise is known."""
    return measure_channel(
        spoken,
        channel.rate_hz,
        load_background(),
        band_hz=channel.band_hz,
        noise_psd=channel.noise_psd,
        response=channel.response if channel.colour == "measured" else None,
        measured=None if channel.measured is None else channel.measured[own],
    )


def _by_speaker(turns: Diarisation, length: int, rate_hz: float) -> NDArray[np.bool_]:
    """Return ``(speaker, sample)`` where each speaks."""
    own = np.zeros((turns.speakers, length), np.bool_)
    for turn in turns.turns:
        own[turn.speaker, round(turn.start_s * rate_hz) : round(turn.end_s * rate_hz)] = True
    return own


@dataclass(frozen=True, slots=True, eq=False)
class _Heard:
    """A sound, and the recovered one that it is, if it is one."""

    samples: Float64
    rate_hz: float
    band_hz: tuple[float, float]
    sound: Sound | None = None

    @property
    def silent(self) -> bool:
        """Whether it is known to be noise alone."""
        verdict = None if self.sound is None else self.sound.verdict
        return verdict is not None and not verdict.detected

    def channel(self) -> tuple[Float64, Channel]:
        """Return the samples to compare, and the channel through which they came."""
        if self.sound is not None:
            calibrated = "equalize" in self.sound.record.get("parameters", {})
            return channel_of(self.sound, load_background(), calibrated=calibrated)
        channel = measure_channel(
            self.samples, self.rate_hz, load_background(), band_hz=self.band_hz
        )
        return self.samples, channel


def _heard(
    source: Any, fps: Rate | None, band: tuple[float, float] | str | None, progress: Progress | None
) -> _Heard:
    if isinstance(source, str | os.PathLike) and Path(source).suffix.lower() in AUDIO:
        if fps is not None:
            raise UsageError(f"{source} is a sound file and has no frames; leave fps out.")
        samples, whole, _ = read_audio(source)
        rate = float(whole)
        given = None if band is None else parse_band(band)
        return _Heard(samples, rate, given or held_band(samples, rate))
    if isinstance(source, Sound):
        if band is not None:
            raise UsageError("a sound has its band; recover it anew for another.")
        sound = source
    else:
        sound = recover(source, fps=fps, band=band, progress=progress)
    return _Heard(sound.samples, float(sound.rate_hz), sound.band_hz, sound)


def _within(pitch: PitchTrack, speech: SpeechActivity) -> PitchTrack:
    """Return the part of a pitch track in which there is speech."""
    spoken = np.zeros(len(pitch.time_s), np.bool_)
    for start, end in speech.segments_s:
        spoken |= (pitch.time_s >= start) & (pitch.time_s <= end)
    return PitchTrack(pitch.time_s[spoken], pitch.pitch_hz[spoken], pitch.strength[spoken])
