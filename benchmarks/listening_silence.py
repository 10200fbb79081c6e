"""The silent part of `listening.py`: false alarms, and what is detected just above silence."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

import phonoscope as ph
from listening_truth import FPS, RATE_HZ, STORED, TEXTURES, filmed, stored, verdict_of
from phonoscope.scene import Camera, Motion, Scene, Sway, Texture, noise, silence
from phonoscope.types import Verdict

ABOVE_DETECTABLE_DB = 3.0


def silent(clips: int) -> None:
    """False alarms in silent clips; detections a little above what silence promised."""
    print(f"\n3. Silence: {clips} silent clips of 1500 frames, 160 x 128; all textures")
    print("   unsteady: flicker of 3 % at 100 or 120 Hz and sway of 1 to 2.5 px")
    print("   refused: p below the threshold, yet not taken for sound (and why not)")
    print("   stored     camera   | clips  false alarms  refused | smallest p")
    verdicts: dict[tuple[str, bool], list[Verdict]] = {}
    alarmed = []
    for number, case in enumerate(itertools.islice(silent_cases(), clips)):
        with stored(filmed(case.scene), case.scene, case.codec, case.crf) as (source, _):
            verdict = verdict_of(ph.recover(source, fps=FPS))
        verdicts.setdefault((case.stored, case.unsteady), []).append(verdict)
        if verdict.detected:
            alarmed.append(
                f"clip {number}: {case}: p {verdict.p_value:.2g}, heard {verdict.heard_hz} Hz"
            )
    for (name, unsteady), heard in verdicts.items():
        p = sorted(v.p_value for v in heard)
        print(
            f"   {name:9}  {'unsteady' if unsteady else 'still':8} | {len(p):5}"
            f"  {sum(v.detected for v in heard):12}  {sum(bool(v.reason) for v in heard):7}"
            f" | {', '.join(f'{value:.2g}' for value in p[:4])}"
        )
    for line in alarmed:
        print(f"   {line}")
    print(f"   all: {len(alarmed)} false alarms in {clips} clips (target <= 1 %)", flush=True)
    detections(max(clips // 2, 1))


@dataclass(frozen=True)
class SilentCase:
    """A silent clip and how it is stored."""

    scene: Scene
    stored: str
    codec: str
    crf: int
    unsteady: bool

    def __str__(self) -> str:
        camera = "unsteady" if self.unsteady else "still"
        return f"{self.scene.texture.kind}, {self.stored}, {camera}"


def silent_cases() -> Iterator[SilentCase]:
    for seed in itertools.count():
        for texture, (name, codec, crf), unsteady in itertools.product(
            TEXTURES, STORED, (False, True)
        ):
            scene = _short_scene(texture, seed)
            if unsteady:
                rng = np.random.default_rng([seed, TEXTURES.index(texture), crf, 7])
                scene = replace(
                    scene,
                    camera=replace(
                        scene.camera, flicker_depth=0.03, flicker_hz=float(rng.choice([100, 120]))
                    ),
                    sway=Sway(rng.uniform(1.0, 2.5), rng.uniform(0.5, 1.5)),
                )
            yield SilentCase(scene, name, codec, crf, unsteady)


def _short_scene(texture: str, seed: int) -> Scene:
    return Scene(
        Camera(160, 128, Fraction(FPS), 0.0, read_noise=2.0, shot_gain=0.05),
        Texture(texture, seed=seed),
        Motion(0.0),
        silence(2.0, RATE_HZ),
        RATE_HZ,
        1500,
        seed=seed,
    )


def detections(count: int) -> None:
    """Play noise `ABOVE_DETECTABLE_DB` above what the silent clip said would be detected."""
    print(f"   Motion {ABOVE_DETECTABLE_DB:g} dB above the detectable_px of the silent clip")
    print("   motion    | clips  detected %  (target >= 95) | predicted px, median | largest p")
    verdicts: dict[str, list[Verdict]] = {"rigid": [], "3 modes": []}
    predicted = []
    for number in range(count):
        # Another noise of the camera than in the clip that is predicted from.
        quiet = _short_scene(TEXTURES[number % len(TEXTURES)], 1000 + number)
        silence_heard = ph.recover(quiet.frames(), fps=FPS)
        predicted.append(verdict_of(silence_heard).detectable_px)
        rms = predicted[-1] * 10 ** (ABOVE_DETECTABLE_DB / 20)
        for (name, found), modes in zip(verdicts.items(), (0, 3), strict=True):
            scene = replace(
                quiet,
                motion=Motion(rms, modes=modes, direction_deg=37.0 * number, seed=number),
                sound=noise(2.0, RATE_HZ, 60, 1000, number),
                seed=2000 + number,
            )
            found.append(verdict_of(ph.recover(scene.frames(), fps=FPS)))
            if not found[-1].detected:
                print(
                    f"   missed: {quiet.texture.kind}, {name}, seed {number}, "
                    f"p {found[-1].p_value:.2g}"
                )
    for name, found in verdicts.items():
        share = 100 * np.mean([v.detected for v in found])
        print(
            f"   {name:9} | {len(found):5}  {share:10.0f}                 "
            f" | {np.median(predicted):20.5f} | {max(v.p_value for v in found):.2g}",
            flush=True,
        )
