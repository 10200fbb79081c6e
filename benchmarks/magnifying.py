"""Magnified motion against the truth, beside phase-based magnification; and the memory it takes.

python benchmarks/magnifying.py [moving] [limit] [still] [--seeds 3] [--memory]
    [--orientations 4] [--smoothed 3]
"""

import argparse
import multiprocessing
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

import phonoscope as ph
from magnifying_pyramid import ORIENTATIONS, SMOOTHED, Phases
from magnifying_truth import (
    ASIDE_HZ,
    BAND_HZ,
    FPS,
    FRAMES,
    JUDGED,
    SIZE,
    Ideal,
    Judged,
    Shown,
    filmed,
    judge,
    judge_still,
)
from phonoscope.motion import passband_taps
from phonoscope.scene import Camera, Scene, preset, write_video
from phonoscope.types import Luma, MotionField

GAINS = (10.0, 25.0, 50.0)
TEXTURES = ("print", "leaves")
MODES = (0, 3)
LEVELS_PX = (0.01, 0.03)
_WITHIN = 0.05
_ALL = 1e6  # a gain that folds any picture
_HEAD = (
    f"{'':39} | {'gain error %: median, worst':27} | {'PSNR, dB':>9} |"
    f" {'spurious, px':>13} | {'grey levels':>11}"
)


@dataclass(frozen=True)
class Clip:
    """A rendered scene, and what both methods need to magnify it by any gain."""

    scene: Scene
    frames: Sequence[Luma]
    field: MotionField
    phases: Phases
    band_hz: tuple[float, float]

    @classmethod
    def of(cls, scene: Scene, band_hz: tuple[float, float], how: argparse.Namespace) -> "Clip":
        frames = list(scene.frames())
        taps = passband_taps([band_hz], FPS, FRAMES)
        phases = Phases.of(frames, taps, list(JUDGED), how.orientations, how.smoothed)
        return cls(scene, frames, ph.measure(np.array(frames), fps=FPS), phases, band_hz)

    def ours(self, gain: float) -> tuple[Shown, float]:
        """Return the judged frames, and the gain that was given."""
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "out.mkv"
            done = ph.magnify(
                np.array(self.frames), out, fps=FPS, band=self.band_hz, gain=gain, motion=self.field
            )
            with ph.open_video(out, fps=FPS) as video:
                shown = {f.index: f.luma.astype(np.float64) for f in video if f.index in JUDGED}
        return shown, done.gain

    def pyramid(self, gain: float) -> Shown:
        """Return the same of phase-based magnification."""
        return self.phases.magnified(gain)

    def filmed(self) -> Shown:
        """Return the same frames as they were filmed."""
        return {n: self.frames[n].astype(np.float64) for n in JUDGED}


def row(name: str, method: str, judged: Sequence[Judged]) -> None:
    """Print medians over seeds, and the worst gain."""
    errors = 100 * np.array([each.gain_error for each in judged])
    psnr, spurious, grey = (
        np.median([getattr(each, key) for each in judged])
        for key in ("psnr_db", "spurious_px", "grey")
    )
    print(
        f"{name:30} {method:8} | {np.median(errors):+13.1f} {errors[np.argmax(abs(errors))]:+13.1f}"
        f" | {psnr:9.1f} | {spurious:13.4f} | {grey:11.2f}",
        flush=True,
    )


def scenes(seeds: range, levels: Sequence[float]) -> Iterator[tuple[str, list[Scene]]]:
    """Yield the kinds of scene."""
    for modes in MODES:
        for texture in TEXTURES:
            for level in levels:
                name = f"{'rigid' if modes == 0 else f'{modes} modes'}, {texture}, {level:g} px"
                yield name, [filmed(texture, modes, level, seed) for seed in seeds]


def moving(how: argparse.Namespace) -> None:
    """Print the tables of what moves."""
    print(f"Magnified motion, {SIZE[0]} x {SIZE[1]} px, {how.seeds} seeds, {BAND_HZ} Hz")
    print(_HEAD)
    all_ours: list[Judged] = []
    rows = noisier = 0
    for name, some in scenes(range(1, how.seeds + 1), LEVELS_PX):
        clips = [Clip.of(scene, BAND_HZ, how) for scene in some]
        row(name, "(filmed)", [judge(clip.filmed(), Ideal(clip.scene, 1.0)) for clip in clips])
        for gain in GAINS:
            ours, theirs = [], []
            for clip in clips:
                shown, given = clip.ours(gain)
                ours.append(judge(shown, Ideal(clip.scene, given)))
                # What turns phases in place is held against motion in place.
                place = Ideal(clip.scene, given, material=False)
                theirs.append(judge(clip.pyramid(given), place))
            row(f"{name}, x {gain:g}", "ours", ours)
            row("", "pyramid", theirs)
            all_ours += ours
            rows += 2
            noisier += sum(
                np.median([getattr(each, key) for each in ours])
                > np.median([getattr(each, key) for each in theirs])
                for key in ("spurious_px", "grey")
            )
    worst = max(abs(each.gain_error) for each in all_ours)
    print(f"worst gain error {100 * worst:.1f} % (asked: {100 * _WITHIN:g} %);", end=" ")
    print(f"noisier than the pyramid in {noisier} of {rows} figures (asked: none)")


def limit(how: argparse.Namespace) -> None:
    """Print the largest gain that folds nothing, and what is shown there."""
    print("At the limit, where neighbouring places part by 0.8 px a px")
    print(_HEAD)
    for texture in TEXTURES:
        judged: dict[str, list[Judged]] = {"ours": [], "pyramid": []}
        gains, largest = [], []
        for seed in range(1, how.seeds + 1):
            clip = Clip.of(filmed(texture, 3, 0.03, seed), BAND_HZ, how)
            shown, given = clip.ours(_ALL)
            gains.append(given)
            largest.append(given * _largest_px(clip.scene))
            judged["ours"].append(judge(shown, Ideal(clip.scene, given)))
            place = Ideal(clip.scene, given, material=False)
            judged["pyramid"].append(judge(clip.pyramid(given), place))
        for method, each in judged.items():
            row(f"3 modes, {texture}, 0.03 px", method, each)
        listed = ", ".join(f"x {g:.0f} ({px:.1f} px)" for g, px in zip(gains, largest, strict=True))
        print(f"   gains, and the largest motion shown: {listed}")


def _largest_px(scene: Scene) -> float:
    y, x = np.mgrid[4 : SIZE[1] : 8, 4 : SIZE[0] : 8]
    moved = scene.truth.displacement_px(np.arange(60, 180), x.ravel(), y.ravel())
    return float(np.hypot(moved[..., 0], moved[..., 1]).max())


def still(how: argparse.Namespace) -> None:
    """Print what either makes of frames in whose band nothing moves."""
    print("Nothing moves in the band: what is changed all the same; medians")
    print(f"{'':40} | {'spurious, px':>13} | {'grey levels':>11}")
    for name, level, band in (("still", 0.0, BAND_HZ), ("0.03 px beside it", 0.03, ASIDE_HZ)):
        for texture in TEXTURES:
            some = [filmed(texture, 3, level, seed) for seed in range(1, how.seeds + 1)]
            clips = [Clip.of(scene, band, how) for scene in some]
            for gain in GAINS:
                methods: dict[str, Callable[[Clip, float], Shown]] = {
                    "ours": lambda clip, gain: clip.ours(gain)[0],
                    "pyramid": Clip.pyramid,
                }
                for method, shows in methods.items():
                    left = [judge_still(shows(clip, gain), clip.scene) for clip in clips]
                    px, grey = np.median(left, axis=0)
                    print(
                        f"{name}, {texture}, x {gain:g}".ljust(32)
                        + f"{method:8} | {px:13.4f} | {grey:11.3f}",
                        flush=True,
                    )


def memory() -> None:
    """Print the peak of a fresh process for a clip and for one four times as long."""
    print("peak memory (VmHWM) of a process that magnifies, 320 x 240 H.264")
    camera = Camera(320, 240, Fraction(400), 1 / 4000, read_noise=1.0, shot_gain=0.02)
    scene = replace(preset("rigid"), camera=camera, samples=100)
    distinct = list(scene.frames())
    with tempfile.TemporaryDirectory() as name:
        for times in (6, 24):
            clip = Path(name) / f"{times}.mp4"
            write_video(distinct * times, clip, 30, codec="h264", crf=12)
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                peak = pool.apply(_peak_mb, (clip, Path(name) / "out.mp4"))
            print(f"{100 * times:6} frames: {peak:6.0f} MB", flush=True)


def _peak_mb(clip: Path, output: Path) -> float:
    ph.magnify(clip, output, fps=400, band=BAND_HZ, gain=20)
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--memory", action="store_true", help="peak memory, short and long clip")
    parser.add_argument("--orientations", type=int, default=ORIENTATIONS, help="of the pyramid")
    parser.add_argument("--smoothed", type=float, default=SMOOTHED, help="of its phase, samples")
    how = parser.parse_args()
    if how.memory:
        memory()
        return
    parts = {"moving": moving, "limit": limit, "still": still}
    for name in how.parts or parts:
        parts[name](how)


if __name__ == "__main__":
    main()
