"""Who speaks: the pitch, speech or not, woman or man."""

from phonoscope.speakers.gender import LEAST, tell_gender, voice_pitch
from phonoscope.speakers.pitch import PitchCosts, track_pitch
from phonoscope.speakers.speech import find_speech

__all__ = [
    "LEAST",
    "PitchCosts",
    "find_speech",
    "tell_gender",
    "track_pitch",
    "voice_pitch",
]
