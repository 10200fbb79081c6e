"""What is known of who spoke: the pitch, where there is speech, and whether a woman or a man."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from phonoscope.types.arrays import Float64
from phonoscope.types.identity import Diarisation, Identification

Sex = Literal["female", "male", "cannot tell"]


@dataclass(frozen=True, slots=True, eq=False)
class PitchTrack:
    """The pitch of a voice over time.

    Attributes
    ----------
    time_s
        ``(frame,)`` middle of each frame, s since the first sample.
    pitch_hz
        ``(frame,)`` fundamental frequency, Hz; NaN where the frame is not voiced.
    strength
        ``(frame,)`` height of the autocorrelation at the pitch, or at its best candidate where the
        frame is not voiced, 0 to 1: the share of the power that is periodic. 0 where there is
        no candidate.
    """

    time_s: Float64
    pitch_hz: Float64
    strength: Float64

    @classmethod
    def empty(cls) -> "PitchTrack":
        """Return a track without frames."""
        return cls(np.zeros(0), np.zeros(0), np.zeros(0))

    @property
    def voiced_share(self) -> float:
        """Share of the frames that are voiced; 0 if there are none."""
        return float((self.pitch_hz > 0).mean()) if len(self.pitch_hz) else 0.0


@dataclass(frozen=True, slots=True)
class SpeechActivity:
    """Whether there is speech, and where.

    Attributes
    ----------
    detected
        Whether there is any.
    score
        How far the evidence stands above what noise alone gives; speech counts as detected from
        `threshold` on.
    threshold
        The score that was asked for.
    segments_s
        Beginning and end of each stretch of speech, s, in order and apart; none unless `detected`.
    reason
        Why nothing counts as speech; empty where something does.
    """

    detected: bool
    score: float
    threshold: float
    segments_s: tuple[tuple[float, float], ...]
    reason: str = ""

    @property
    def duration_s(self) -> float:
        """Seconds of speech, pauses between words within a stretch included."""
        return sum(end - start for start, end in self.segments_s)


@dataclass(frozen=True, slots=True)
class Gender:
    """Whether a voice is a woman's or a man's, as far as the sound tells.

    Attributes
    ----------
    answer
        ``"female"``, ``"male"``, or ``"cannot tell"`` where neither is at least `least` probable,
        or there is too little voice.
    female
        Probability that the voice is a woman's, both being equally likely before the sound is
        heard.
    log_likelihood_ratio
        Natural logarithm of how much better the sound fits a woman's voice than a man's.
    least
        Smallest probability at which an answer is given.
    pitch_hz
        Median pitch of the voiced frames, Hz; NaN if there are none.
    voiced_s
        Seconds of voiced sound.
    reason
        Why no answer is given; empty where one is.
    """

    answer: Sex
    female: float
    log_likelihood_ratio: float
    least: float
    pitch_hz: float
    voiced_s: float
    reason: str = ""

    @property
    def confidence(self) -> float:
        """Probability of the more probable of the two."""
        return max(self.female, 1 - self.female)


@dataclass(frozen=True, slots=True, eq=False)
class Speakers:
    """What a recovered sound tells of who spoke.

    Attributes
    ----------
    speech
        Whether there is speech, and where.
    pitch
        Of the voice, over the whole sound; without frames where there is no speech.
    gender
        Whether it is a woman's voice or a man's; None where there is no speech.
    rate_hz, band_hz
        Samples a second, and the band that the sound holds.
    least, number
        As `phonoscope.speakers_in` was given them.
    diarisation
        How many people speak, and who when; None where there is no speech, or too little of it or
        of the band to tell voices apart.
    identifications
        Which of the people enrolled speaks, one for each speaker told apart, None where that one
        says too little; empty where nobody was enrolled or there is no speech.
    """

    speech: SpeechActivity
    pitch: PitchTrack
    gender: Gender | None
    rate_hz: float
    band_hz: tuple[float, float]
    least: float
    number: int | None = None
    diarisation: Diarisation | None = None
    identifications: tuple[Identification | None, ...] = ()
