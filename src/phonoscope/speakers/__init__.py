"""Who speaks: the pitch, speech or not, woman or man; which one, how many, and who when."""

from phonoscope.speakers.background import Background, load_background
from phonoscope.speakers.channel import Channel, channel_of, measure_channel, through
from phonoscope.speakers.diarise import MOST, find_turns
from phonoscope.speakers.encoder import open_encoder
from phonoscope.speakers.features import held_band
from phonoscope.speakers.gender import LEAST, check_least, tell_gender, voice_pitch
from phonoscope.speakers.identify import (
    Recording,
    TooLittleSpeechError,
    identify_speaker,
)
from phonoscope.speakers.pitch import track_pitch
from phonoscope.speakers.speech import THRESHOLD, find_speech

__all__ = [
    "LEAST",
    "MOST",
    "THRESHOLD",
    "Background",
    "Channel",
    "Recording",
    "TooLittleSpeechError",
    "channel_of",
    "check_least",
    "find_speech",
    "find_turns",
    "held_band",
    "identify_speaker",
    "load_background",
    "measure_channel",
    "open_encoder",
    "tell_gender",
    "through",
    "track_pitch",
    "voice_pitch",
]
