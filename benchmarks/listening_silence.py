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
    _alarms(itertools.islice(silent_cases(), clips))
    slow = max(clips // 2, 1)
    print(f"   Slow cameras: {slow} silent clips of 1000 frames at 120, 240, 500 or 1000 frames/s,")
    print("   160 x 128 or 320 x 240; unsteady: as above or steady lamps, sway of 0.5 to 4 px")
    _alarms(itertools.islice(slow_cases(), slow))
    detections(max(clips // 2, 1))


def _alarms(cases: Iterator["SilentCase"]) -> None:
    print("   refused: p below the threshold, yet not taken for sound (and why not)")
    print("   stored     camera   | clips  false alarms  refused | smallest p")
    verdicts: dict[tuple[str, bool], list[Verdict]] = {}
    alarmed = []
    for number, case in enumerate(cases):
        with stored(filmed(case.scene), case.scene, case.codec, case.crf) as (source, _):
            verdict = verdict_of(ph.recover(source, fps=case.scene.camera.fps))
        verdicts.setdefault((case.stored, case.unsteady), []).append(verdict)
        if verdict.detected:
            alarmed.append(
                f"clip {number}: {case}: p {verdict.p_value:.2g}, heard {verdict.heard_hz} Hz"
            )
    for (name, unsteady), heard in verdicts.items():
        p = sorted(v.p_value for v in heard)
        print(
            f"   {name:10} {'unsteady' if unsteady else 'still':8} | {len(p):5}"
            f"  {sum(v.detected for v in heard):12}  {sum(bool(v.reason) for v in heard):7}"
            f" | {', '.join(f'{value:.2g}' for value in p[:4])}"
        )
    for line in alarmed:
        print(f"   {line}")
    clips = sum(map(len, verdicts.values()))
    print(f"   all: {len(alarmed)} false alarms in {clips} clips (target <= 1 %)", flush=True)


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
        rate = int(self.scene.camera.fps)
        return f"{self.scene.texture.kind}, {rate} frames/s, {self.stored}, {camera}"


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


def slow_cases() -> Iterator[SilentCase]:
    """Sway far larger from one frame to the next, as people's own cameras see it."""
    for seed in itertools.count(5000):
        for (number, texture), (name, codec, crf) in itertools.product(enumerate(TEXTURES), STORED):
            rng = np.random.default_rng([seed, number, crf, len(name), 9])
            rate = int(rng.choice([120, 240, 500, 1000]))
            width, height = ((160, 128), (320, 240))[int(rng.integers(2))]
            scene = Scene(
                Camera(
                    width, height, Fraction(rate), 0.0,
                    read_noise=rng.uniform(1, 3), shot_gain=0.05,
                    flicker_depth=float(rng.choice([0, 0.03])),
                    flicker_hz=float(rng.choice([100, 120])),
                ),
                Texture(texture, seed=seed),
                Motion(0.0),
                silence(1000 / rate + 1, RATE_HZ),
                RATE_HZ,
                1000,
                Sway(rng.uniform(0.5, 4.0), rng.uniform(0.4, 2.0)),
                seed=seed,
            )  # fmt: skip
            yield SilentCase(scene, name, codec, crf, unsteady=True)


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
