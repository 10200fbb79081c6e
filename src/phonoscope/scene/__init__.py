"""The simulator: videos of vibrating objects whose sound, motion and noise are known exactly."""

from phonoscope.scene.camera import Camera
from phonoscope.scene.codec import CODECS, write_video
from phonoscope.scene.generate import chirp, noise, silence, tones, tune
from phonoscope.scene.motion import Motion, Sway
from phonoscope.scene.presets import preset, presets
from phonoscope.scene.render import Scene, Truth
from phonoscope.scene.texture import TEXTURES, Texture

__all__ = [
    "CODECS",
    "TEXTURES",
    "Camera",
    "Motion",
    "Scene",
    "Sway",
    "Texture",
    "Truth",
    "chirp",
    "noise",
    "preset",
    "presets",
    "silence",
    "tones",
    "tune",
    "write_video",
]
