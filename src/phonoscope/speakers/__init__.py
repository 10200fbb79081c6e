"""Who speaks: the pitch, speech or not, woman or man."""

from phonoscope.speakers.gender import LEAST, check_least, tell_gender, voice_pitch
from phonoscope.speakers.pitch import track_pitch
from phonoscope.speakers.speech import THRESHOLD, find_speech

__all__ = [
    "LEAST",
    "THRESHOLD",
    "check_least",
    "find_speech",
    "tell_gender",
    "track_pitch",
    "voice_pitch",
]
