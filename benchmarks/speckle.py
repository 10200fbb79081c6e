"""Laser speckle: the recovered sound against two methods of the literature, and silence.

python benchmarks/speckle.py [sound] [silence] [claims] [--seeds 2] [--frames 1200] [--clips 50]
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

import phonoscope as ph
from phonoscope.audio import read_audio, resample
from phonoscope.scene import Camera, Speckle, Sway, silence, tones
from phonoscope.types import Float64, Luma, MotionField
from speckle_yardsticks import correlated, signed_sums

FPS = 4000
SIDE = 128
STEP_PX = 0.01
SOUND_HZ = 16000
BAND_HZ = (80.0, 1800.0)
SPEECH = Path(__file__).parent.parent.parent / "shared" / "data" / "speech"
AMPLITUDES_PX = (0.05, 0.5, 5.0)
BOILING_PX = (math.inf, 200.0, 50.0)
SWAYS_PX = (0.0, 20.0)
DIM, BRIGHT = (3.0, 0.3, 0.25), (1.5, 0.05, 1.0)  # read noise, shot gain, brightness


@dataclass(frozen=True)
class Clip:
    """What is varied."""

    sound: str
    rms_px: float
    boil_px: float
    sway_px: float
    dim: bool = False
    boil_s: float = math.inf
    seed: int = 0

    def scene(self, frames: int) -> Speckle:
        """Return the clip's scene."""
        read, shot, brightness = DIM if self.dim else BRIGHT
        camera = Camera(
            SIDE, SIDE, Fraction(FPS), 1 / 16000, read_noise=read, shot_gain=shot,
            brightness=brightness,
        )  # fmt: skip
        seconds = frames / FPS
        return Speckle(
            camera, played(self.sound, seconds + 0.1, self.seed), SOUND_HZ, frames,
            rms_px=self.rms_px, sway=Sway(self.sway_px, 2.0), boil_px=self.boil_px,
            boil_s=self.boil_s, seed=self.seed,
        )  # fmt: skip


def played(kind: str, seconds: float, seed: int) -> Float64:
    """Return a sound within the band."""
    if kind == "none":
        return silence(seconds, SOUND_HZ)
    if kind == "tones":
        return tones(seconds, SOUND_HZ, [170, 410, 980])
    paths = sorted(
        path for kind in ("*.flac", "*.wav") for path in SPEECH.glob(f"[0-9]*/**/{kind}")
    )
    samples, rate, _ = read_audio(paths[(7 * seed) % len(paths)])
    sound = resample(samples, rate, SOUND_HZ)
    length = round(seconds * SOUND_HZ)
    powers = np.convolve(sound**2, np.ones(length), "valid")
    first = int(np.argmax(powers))  # where most is said
    return limited(sound[first : first + length], SOUND_HZ)


def limited(sound: Float64, rate_hz: float) -> Float64:
    """Return a sound within the band, by a filter without phase."""
    from scipy.signal import butter, sosfiltfilt

    sos = butter(6, BAND_HZ, "band", fs=rate_hz, output="sos")
    return np.asarray(sosfiltfilt(sos, sound - sound.mean()))


def snr_db(estimate: Float64, truth: Float64) -> float:
    """Return the SNR of an estimate of whatever scale, within the band and off the ends."""
    inner = slice(len(truth) // 12, -(len(truth) // 12))
    got, want = limited(estimate, FPS)[inner], limited(truth, FPS)[inner]
    part = want * float(got @ want) / float(want @ want)
    rest = float(np.sum((got - part) ** 2))
    return 10 * math.log10(max(float(part @ part), 1e-30) / max(rest, 1e-30))


def true_sound(scene: Speckle) -> Float64:
    """Return the shift by the sound alone, along its direction, averaged over each exposure, px."""
    still = replace(scene, sway=Sway(), direction_deg=0.0)
    return still.truth.displacement_px(np.arange(scene.samples))[:, 0]


def along(scene: Speckle, motion: Float64) -> Float64:
    """Return the component of ``(sample, 2)`` shifts along the sound's direction."""
    angle = math.radians(scene.direction_deg)
    return np.asarray(motion @ [math.cos(angle), math.sin(angle)])


def bound_db(scene: Speckle, truth: Float64) -> float:
    """Return the SNR that the camera's noise allows who knows a pattern that does not boil."""
    flat = replace(scene, boil_px=math.inf, boil_s=math.inf, sway=Sway(), rms_px=0.0)
    image = flat.clean_frame(0)
    moved = (Sway(drift_px_per_s=(STEP_PX * FPS * a, STEP_PX * FPS * (1 - a))) for a in (1, 0))
    x, y = ((replace(flat, sway=one).clean_frame(1) - image) / STEP_PX for one in moved)
    variance = scene.camera.noise_variance(image)
    variance[image > scene.camera.full_scale] = np.inf  # saturated, and so silent
    told = [[float(np.sum(a * b / variance)) for b in (x, y)] for a in (x, y)]
    inverse = np.asarray(np.linalg.inv(told), np.float64)
    error = float(along(scene, inverse) @ along(scene, np.eye(2)))
    share = 2 * (BAND_HZ[1] - BAND_HZ[0]) / FPS
    return 10 * math.log10(float(np.mean(limited(truth, FPS) ** 2)) / (error * share))


def cases(kinds: Sequence[str]) -> Iterator[Clip]:
    """Yield what is tried."""
    for kind in kinds:
        for rms in AMPLITUDES_PX:
            for boil in BOILING_PX:
                for sway in SWAYS_PX:
                    yield Clip(kind, rms, boil, sway)
    for rms in AMPLITUDES_PX[:2]:
        yield Clip("speech", rms, 200.0, 20.0, dim=True)
        yield Clip("speech", rms, 200.0, 20.0, boil_s=0.02)


def measured(frames: Sequence[Luma]) -> MotionField:
    return ph.measure(np.array(frames), fps=FPS, pattern="speckle")


def _sound(how: argparse.Namespace) -> None:
    print(f"{'sound':>7} {'px':>5} {'boil':>5} {'sway':>4} {'':>12} |  ours (mean of cells)  "
          "signed  phase  corr. | bound  claimed")  # fmt: skip
    worst = math.inf
    for case in cases(how.sounds):
        rows = [_row(replace(case, seed=seed), how.frames) for seed in range(how.seeds)]
        ours, plain, signed, phase, cross, bound, claimed = np.median(rows, axis=0)
        least = float(np.min([row[0] - max(row[2:5]) for row in rows]))
        worst = min(worst, least)
        special = "dim" if case.dim else f"boils in {case.boil_s:g} s" if case.boil_s < 9 else ""
        print(
            f"{case.sound:>7} {case.rms_px:5g} {case.boil_px:5g} {case.sway_px:4g} {special:>12} | "
            f"{ours:5.1f} ({plain:5.1f})         {signed:6.1f} {phase:6.1f} {cross:6.1f} | "
            f"{bound:5.1f}  {claimed:5.1f}   least lead {least:.1f} dB",
            flush=True,
        )
    print(f"least lead over the better of the others, all clips: {worst:.1f} dB")


def _row(clip: Clip, count: int) -> list[float]:
    scene = clip.scene(count)
    frames = list(scene.frames())
    truth = true_sound(scene)
    field = measured(frames)
    sound = ph.recover(field)
    ours = sound.samples if sound.verdict and sound.verdict.detected else np.zeros(count)
    return [
        snr_db(ours, truth),
        snr_db(along(scene, ph.displacement(field).displacement), truth),
        max(snr_db(one, truth) for one in signed_sums(frames)),
        *(snr_db(along(scene, correlated(frames, phase=phase)), truth) for phase in (True, False)),
        bound_db(scene, truth),
        sound.snr_db,
    ]


def _silence(how: argparse.Namespace) -> None:
    alarms, p_values = 0, []
    ways = [(math.inf, 0.0, math.inf), (100.0, 20.0, math.inf), (math.inf, 0.0, 0.02),
            (50.0, 20.0, 0.05), (200.0, 5.0, math.inf)]  # fmt: skip
    for number in range(how.clips):
        boil_px, sway, boil_s = ways[number % len(ways)]
        clip = Clip("none", 0.0, boil_px, sway, number % 2 == 1, boil_s, seed=1000 + number)
        verdict = ph.recover(measured(list(clip.scene(how.silent_frames).frames()))).verdict
        assert verdict is not None
        p_values.append(verdict.p_value)
        if verdict.detected:
            alarms += 1
            print(f"alarm: {clip}, p = {verdict.p_value:.2g}, heard {verdict.heard_hz}", flush=True)
    print(f"{alarms} alarms on {how.clips} silent clips of {how.silent_frames} frames")
    shares = [float(np.mean(np.array(p_values) < level)) for level in (0.01, 0.1, 0.5)]
    print("p below 0.01, 0.1, 0.5: {:.3f} {:.2f} {:.2f}; least ".format(*shares), end="")
    print(f"{min(p_values):.2g}")


def _claims(how: argparse.Namespace) -> None:
    print("change from frame to frame: claimed variance over real, of cells and of their mean")
    for boil, sway in ((math.inf, 0.0), (math.inf, 20.0), (100.0, 20.0), (50.0, 20.0)):
        ratios = []
        for seed in range(how.seeds):
            scene = Clip("tones", 0.5, boil, sway, seed=seed).scene(how.frames)
            field = measured(list(scene.frames()))
            truth = scene.truth.displacement_px(np.arange(how.frames))
            wrong = np.diff(field.motion - truth[:, None], axis=0)
            own = 2 * np.diagonal(field.covariance, axis1=1, axis2=2)[:, :2] / wrong.var(axis=0)
            told = field.information[:, :2, :2]
            weights = np.linalg.inv(told.sum(axis=0)) @ told
            mean = np.einsum("cij,tcj->ti", weights, wrong)
            whole = 2 * np.diagonal(np.linalg.inv(told.sum(axis=0))) / mean.var(axis=0)
            ratios.append([float(np.median(own)), float(whole.mean())])
        cells, mean = np.median(ratios, axis=0)
        print(f"boil {boil:g} px, sway {sway:g} px: {cells:.2f} {mean:.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["sound", "silence", "claims"])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--frames", type=int, default=1200)
    parser.add_argument("--clips", type=int, default=50)
    parser.add_argument("--silent-frames", type=int, default=600)
    parser.add_argument("--sounds", nargs="*", default=["tones", "speech"])
    how = parser.parse_args()
    for name, part in (("sound", _sound), ("silence", _silence), ("claims", _claims)):
        if name in how.parts:
            part(how)


if __name__ == "__main__":
    main()
