"""Who speaks, and when: the answers about identity, each with what it rests on."""

from dataclasses import dataclass
from typing import Literal

from phonoscope.types.arrays import Float64

Colour = Literal["measured", "estimated"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How well a voice agrees with the recordings of one person.

    Attributes
    ----------
    name
        Whose recordings.
    log10_lr
        Calibrated logarithm, base 10, of the likelihood ratio: how much more probable what was
        heard is if this person spoke than if another of the same kind of people did. 1 is ten
        times, -1 a tenth, 0 says nothing.
    probability
        That it is this person, if one of those enrolled spoke and each is as likely beforehand.
    enrolled_s
        Seconds of speech in the recordings, pauses left out.
    """

    name: str
    log10_lr: float
    probability: float
    enrolled_s: float


@dataclass(frozen=True, slots=True)
class Identification:
    """Which of the enrolled people spoke, or none of them.

    Attributes
    ----------
    comparisons
        One for each person enrolled, the most probable first.
    none_probability
        That none of them spoke, with the prior probability `none_prior`.
    none_prior
        How probable that was taken to be beforehand.
    speech_s
        Seconds of speech that were compared, pauses left out.
    band_hz, snr_db
        The band compared, and the speech over the noise in it.
    colour
        Whether the object's colour was measured, or had to be estimated from the voice itself. In
        that case the mean spectrum says little, and the evidence is much weaker.
    """

    comparisons: tuple[Comparison, ...]
    none_probability: float
    none_prior: float
    speech_s: float
    band_hz: tuple[float, float]
    snr_db: float
    colour: Colour

    @property
    def best(self) -> Comparison:
        """The most probable of those enrolled."""
        return self.comparisons[0]


@dataclass(frozen=True, slots=True)
class Turn:
    """One stretch of speech by one speaker.

    Attributes
    ----------
    start_s, end_s
        From the beginning of the sound.
    speaker
        Number from 0, in order of first speaking.
    """

    start_s: float
    end_s: float
    speaker: int


@dataclass(frozen=True, slots=True, eq=False)
class Diarisation:
    """How many people spoke, and who when.

    Attributes
    ----------
    speakers
        The most probable number of speakers; 0 where there is no speech.
    probability
        ``(4,)`` calibrated probability of 1, 2, 3 and 4 speakers, or all 0 without speech.
    turns
        In order of time.
    """

    speakers: int
    probability: Float64
    turns: tuple[Turn, ...]
