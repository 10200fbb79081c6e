"""The values that pass from room to room, frozen: frames, facts, the motion field, sound.

Conventions everywhere: images are ``(height, width)``; motion is ``(sample, cell, 2)`` as (x, y),
x to the right, y down, in pixels, positive when the object moves that way; times are in seconds;
rates are exact `Fraction` in Hz. The *container rate* is the rate at which a file plays, the
*capture rate* the rate at which the camera recorded it.
"""

from phonoscope.types.arrays import Float32, Float64, Luma
from phonoscope.types.displacement import Displacement, Spectrum
from phonoscope.types.identity import Colour, Comparison, Diarisation, Identification, Turn
from phonoscope.types.inspection import Flicker, Inspection
from phonoscope.types.live import LiveBlock
from phonoscope.types.motion import BandMotion, Cells, MotionBlock, MotionField, NoiseModel
from phonoscope.types.shape import Shape
from phonoscope.types.sound import Place, Sound, Verdict
from phonoscope.types.speakers import Gender, PitchTrack, Sex, Speakers, SpeechActivity
from phonoscope.types.video import (
    GLOBAL,
    Frame,
    RateCandidate,
    Region,
    Shutter,
    Stretches,
    VideoFacts,
)

__all__ = [
    "GLOBAL",
    "BandMotion",
    "Cells",
    "Colour",
    "Comparison",
    "Diarisation",
    "Displacement",
    "Flicker",
    "Float32",
    "Float64",
    "Frame",
    "Gender",
    "Identification",
    "Inspection",
    "LiveBlock",
    "Luma",
    "MotionBlock",
    "MotionField",
    "NoiseModel",
    "PitchTrack",
    "Place",
    "RateCandidate",
    "Region",
    "Sex",
    "Shape",
    "Shutter",
    "Sound",
    "Speakers",
    "Spectrum",
    "SpeechActivity",
    "Stretches",
    "Turn",
    "Verdict",
    "VideoFacts",
]
