"""The simulator: videos of vibrating objects whose sound, motion and noise are known exactly."""

from phonoscope.scene.camera import Camera
from phonoscope.scene.codec import CODECS, write_video
from phonoscope.scene.film import FILM_KINDS, FilmScan
from phonoscope.scene.generate import chirp, noise, silence, tones, tune
from phonoscope.scene.gloss import Gloss
from phonoscope.scene.layer import Background, Layer
from phonoscope.scene.motion import Motion, Sway
from phonoscope.scene.presets import preset, presets
from phonoscope.scene.render import Scene
from phonoscope.scene.speckle import Speckle, SpeckleTruth
from phonoscope.scene.texture import TEXTURES, Texture
from phonoscope.scene.truth import Truth

__all__ = [
    "CODECS",
    "FILM_KINDS",
    "TEXTURES",
    "Background",
    "Camera",
    "FilmScan",
    "Gloss",
    "Layer",
    "Motion",
    "Scene",
    "Speckle",
    "SpeckleTruth",
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
