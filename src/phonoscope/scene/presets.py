"""Scenes by name, for a first look and for the benchmarks."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from phonoscope.errors import UsageError
from phonoscope.scene.camera import Camera
from phonoscope.scene.checks import check, check_sound
from phonoscope.scene.generate import noise, silence, tones, tune
from phonoscope.scene.gloss import Gloss
from phonoscope.scene.layer import Background, Layer
from phonoscope.scene.motion import Motion, Sway
from phonoscope.scene.render import Scene
from phonoscope.scene.speckle import Speckle
from phonoscope.scene.texture import Texture
from phonoscope.types import Float64

_SOUND_RATE_HZ = 16000
_LONGEST_S = 86400.0


@dataclass(frozen=True, slots=True)
class _Preset:
    about: str
    camera: Camera
    texture: str
    motion: Motion
    sound: Callable[[float, int], Float64]
    duration_s: float
    sway: Sway = Sway()  # noqa: RUF009 - frozen
    more: Callable[[Scene, float], Scene] = field(default=lambda scene, length: scene)


def _in_highlights(scene: Scene, _: float) -> Scene:
    return replace(scene, gloss=Gloss(0.002, facet_px=32.0, seed=scene.seed))


def _with_a_neighbour(scene: Scene, length: float) -> Scene:
    neighbour = Layer(
        Texture("print", seed=scene.seed + 1),
        Motion(0.02, modes=4, damping=0.15, seed=scene.seed + 1),
        noise(length, scene.sound_rate_hz, 80, 1000, seed=scene.seed + 1),
        (172, 20, 128, 200),
    )
    behind = Background(Texture("wood", seed=scene.seed + 2))
    return replace(scene, region=(20, 20, 128, 200), layers=(neighbour,), background=behind)


def _before_leaves(scene: Scene, _: float) -> Scene:
    behind = Background(Texture("leaves", seed=scene.seed + 1), 2.0, seed=scene.seed)
    return replace(scene, region=(48, 32, 160, 128), background=behind)


_HIGH_SPEED = Camera(320, 240, Fraction(2200), 1 / 4400, read_noise=1.0, shot_gain=0.02)
_ROLLING = Camera(
    640, 480, Fraction(60), 1 / 2000, read_noise=1.5, shot_gain=0.02, line_delay_s=24e-6
)

_PRESETS = {
    "chips": _Preset(
        "a chip bag hears Mary Had a Little Lamb, 2,200 frames/s",
        replace(_HIGH_SPEED, width=256, height=192), "foil",
        Motion(0.02, modes=5, damping=0.15), tune, 5.0,
    ),
    "rigid": _Preset(
        "a stiff board hears three tones, 2,200 frames/s",
        _HIGH_SPEED, "print", Motion(0.01),
        lambda duration, rate: tones(duration, rate, [220, 440, 770]), 1.5,
    ),
    "plant": _Preset(
        "a plant before a still background hears noise, 2,200 frames/s",
        _HIGH_SPEED, "leaves", Motion(0.02, modes=6, object_share=0.7),
        lambda duration, rate: noise(duration, rate, 80, 1000), 1.5,
    ),
    "sway": _Preset(
        "as rigid, from a swaying camera under a lamp that flickers at 120 Hz",
        Camera(320, 240, Fraction(2200), 1 / 4400, flicker_depth=0.04),
        "print", Motion(0.01), lambda duration, rate: tones(duration, rate, [220, 440, 770]), 1.5,
        Sway(2.5, 1.0),
    ),
    "glossy": _Preset(
        "foil whose highlights show the tune that hardly moves it, 2,200 frames/s",
        replace(_HIGH_SPEED, width=256, height=192), "foil",
        Motion(0.0005, modes=5, damping=0.15), tune, 5.0, more=_in_highlights,
    ),
    "two": _Preset(
        "a chip bag hears the tune, beside it a printed bag hears noise, 2,200 frames/s",
        _HIGH_SPEED, "foil", Motion(0.02, modes=4, damping=0.15), tune, 5.0,
        more=_with_a_neighbour,
    ),
    "background": _Preset(
        "as chips, smaller, before leaves that wave by 2 px below 4 Hz",
        replace(_HIGH_SPEED, width=256, height=192), "foil",
        Motion(0.02, modes=5, damping=0.15), tune, 5.0, more=_before_leaves,
    ),
    "phone": _Preset(
        "a printed board hears the tune, filmed at 60 frames/s through a rolling shutter",
        _ROLLING, "print", Motion(0.03, direction_deg=20), tune, 5.0,
    ),
    "silent": _Preset(
        "a board in silence, 2,200 frames/s",
        _HIGH_SPEED, "print", Motion(0.0), silence, 1.5,
    ),
}  # fmt: skip

_SPECKLE = "speckle"
_SPECKLE_ABOUT = "laser speckle that moves far and boils hears the tune, 4,000 frames/s"
_SPECKLE_S = 2.0
_SPECKLE_CAMERA = Camera(128, 128, Fraction(4000), 1 / 16000, read_noise=1.5, shot_gain=0.05)
_SPECKLE_SWAY = Sway(12.0, 0.7)


def presets() -> dict[str, str]:
    """Return the names of the ready scenes, each with a line about it."""
    return {name: entry.about for name, entry in _PRESETS.items()} | {_SPECKLE: _SPECKLE_ABOUT}


def preset(
    name: str,
    *,
    seed: int = 0,
    duration: float | None = None,
    sound: tuple[Float64, float] | None = None,
) -> Scene | Speckle:
    """Return a ready scene.

    Parameters
    ----------
    name
        One of `presets`.
    seed
        Of surface or pattern, modes and noise.
    duration
        Length in seconds; the preset's own by default.
    sound
        ``(sample,)`` samples and their rate in Hz, to be played instead of the preset's own; in
        `two`, to the first object.

    Raises
    ------
    UsageError
        If there is no such scene, the duration is not positive, the seed is negative, or the sound
        is not one channel of finite numbers.
    """
    if name not in presets():
        raise UsageError(f"there is no scene {name!r}; choose from {', '.join(presets())}.")
    check("seed", seed, 0, whole=True)
    entry = _PRESETS.get(name)
    usual = _SPECKLE_S if entry is None else entry.duration_s
    length = usual if duration is None else duration
    if not 0 < length <= _LONGEST_S:
        raise UsageError(
            f"duration {length} s is not a length; give seconds above 0, a day at most."
        )
    if sound is None:
        played = tune if entry is None else entry.sound
        samples, rate = played(length, _SOUND_RATE_HZ), _SOUND_RATE_HZ
    else:
        samples, rate = _played(*sound)
    if entry is None:
        frames = max(1, round(length * _SPECKLE_CAMERA.fps))
        return Speckle(_SPECKLE_CAMERA, samples, rate, frames, sway=_SPECKLE_SWAY, seed=seed)
    scene = Scene(
        camera=entry.camera,
        texture=Texture(entry.texture, seed=seed),
        motion=replace(entry.motion, seed=seed),
        sound=samples,
        sound_rate_hz=rate,
        samples=max(1, round(length * entry.camera.fps)),
        sway=entry.sway,
        seed=seed,
    )
    return entry.more(scene, length)


def _played(samples: Float64, rate_hz: float) -> tuple[Float64, int]:
    from phonoscope.audio import resample

    check_sound(samples, rate_hz)
    samples = np.asarray(samples, np.float64)
    loud = samples / max(float(np.std(samples)), 1e-12)
    return resample(loud, rate_hz, _SOUND_RATE_HZ), _SOUND_RATE_HZ
