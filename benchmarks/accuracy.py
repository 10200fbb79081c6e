"""How near to the physical bounds: cells, sway and flicker, rigid scenes, real recordings.

python benchmarks/accuracy.py [efficiency] [sway] [rigid] [recordings] [--seeds 3]
"""

import argparse
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

import phonoscope as ph
from phonoscope.evaluate import align, displacement_information, si_sdr, sound_bound_db
from phonoscope.scene import Camera, Motion, Scene, Sway, Texture, noise
from phonoscope.types import Float64, MotionField

RECORDINGS = Path(__file__).parents[2] / "shared" / "data" / "video"
RATE_HZ = 16000
TEXTURES = ("speckle", "foil", "fabric", "leaves", "print")


@dataclass(frozen=True)
class Efficiency:
    """How the cells of one scene did."""

    real_over_bound: float
    scale_bias: float
    claimed_over_real: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    parts = {
        "efficiency": efficiency,
        "sway": sway_and_flicker,
        "rigid": rigid,
        "recordings": recordings,
    }
    for name in arguments.parts or parts:
        parts[name](range(arguments.seeds))


# --- 1. efficiency ------------------------------------------------------------------------------


def efficiency(seeds: Iterable[int]) -> None:
    """Real deviation of the cells over the Cramér-Rao bound, scale, claimed over real deviation."""
    print("\n1. Efficiency of cells (rigid and modal scenes; every line pools the seeds)")
    print("   real/bound: pooled over cells; [worst seed]; bound with known picture, unknown light")
    header = "texture  motion  cell  noise  shot  rms px | real/bound [worst]  scale bias %"
    print(f"   {header} [worst]  claimed/real [worst]")
    rows = []
    for texture, modes, (cell, read, shot, rms) in itertools.product(
        TEXTURES,
        (0, 4),
        ((8, 0.5, 0.0, 0.1), (16, 2.0, 0.0, 0.02), (16, 1.0, 0.05, 0.1), (32, 8.0, 0.0, 0.1)),
    ):
        results = [_efficiency(texture, modes, cell, read, shot, rms, seed) for seed in seeds]
        bound, bias, claim = np.array(
            [[r.real_over_bound, r.scale_bias, r.claimed_over_real] for r in results]
        ).T
        rows.append((bound.mean(), np.abs(bias).mean(), claim.mean()))
        print(
            f"   {texture:8} {'modal' if modes else 'rigid':6}  {cell:4}  {read:5.1f}  {shot:4.2f}"
            f"  {rms:6.3f} | {bound.mean():10.3f} [{bound.max():.3f}]  {100 * bias.mean():12.2f}"
            f" [{100 * bias[np.abs(bias).argmax()]:5.2f}]  {claim.mean():12.3f} "
            f"[{claim[np.abs(claim - 1).argmax()]:.3f}]"
        )
    worst = np.array(rows)
    print(
        f"   all: real/bound up to {worst[:, 0].max():.3f} (<= 1.05), scale bias up to "
        f"{100 * worst[:, 1].max():.2f} % (<= 1), claimed/real {worst[:, 2].min():.3f} to "
        f"{worst[:, 2].max():.3f} (0.95 to 1.05)"
    )


def _efficiency(
    texture: str, modes: int, cell: int, read: float, shot: float, rms: float, seed: int
) -> Efficiency:
    samples = 700
    camera = Camera(208, 160, Fraction(2200), 0.0, read_noise=read, shot_gain=shot)
    scene = Scene(
        camera,
        Texture(texture, seed=seed),
        Motion(rms, modes=modes, seed=seed),
        noise(samples / 2200 + 1, RATE_HZ, 60, 1000, seed),
        RATE_HZ,
        samples,
        seed=seed,
    )
    field = ph.measure(scene.frames(), fps=2200, cell=cell)
    true = _cell_motion(scene, field)
    # Cells along the frame's edge see texture that no one can know the gradient of.
    inner = (
        (field.cells.x_px > 8)
        & (field.cells.y_px > 8)
        & (field.cells.x_px + field.cells.width_px < camera.width - 8)
        & (field.cells.y_px + field.cells.height_px < camera.height - 8)
    )
    known = inner & np.isfinite(field.covariance[:, :2, :2]).all(axis=(1, 2))
    measured = field.motion[:, known].astype(float)
    true = true[:, known]
    measured -= measured.mean(axis=0)
    true -= true.mean(axis=0)
    error = measured - true
    bound = np.linalg.inv(_bound_information(scene, field)[known])
    own = np.diagonal(bound, axis1=1, axis2=2)
    claimed = np.diagonal(field.covariance[known][:, :2, :2], axis1=1, axis2=2)
    weight = 1 / own
    scale = (weight * measured * true).sum() / (weight * true * true).sum()
    return Efficiency(
        float(np.sqrt(np.mean(error**2 / own))),
        float(scale - 1),
        float(np.sqrt(np.mean(claimed / own) / np.mean(error**2 / own))),
    )


def _cell_motion(scene: Scene, field: MotionField) -> Float64:
    # What exact weighted least squares on the true picture reads from each mode's shape: the mean
    # over the cell's pixels, each weighted by what it tells. Modes bend within a cell.
    truth, cells = scene.truth, field.cells
    frames = range(scene.samples)
    courses = np.stack([scene.course(scene.camera.row_times_s(n))[:, 0] for n in frames])
    shapes = scene.motion.shapes(scene.camera.height, scene.camera.width)
    change = np.einsum("mqhw,hwq->mhw", shapes, truth.gradient)
    result = np.empty((scene.samples, len(cells), 2))
    for index, w in enumerate(_windows(field)):
        deviation = np.sqrt(truth.noise_variance[w]).ravel()
        image = truth.image[w].ravel()
        basis = np.column_stack([truth.gradient[w].reshape(-1, 2), image, np.ones_like(image)])
        target = change[:, *w].reshape(len(shapes), -1)
        read = np.linalg.lstsq(basis / deviation[:, None], (target / deviation).T, rcond=None)[0]
        result[:, index] = courses @ read[:2].T
    sway = np.stack([scene.sway.at(scene.camera.row_times_s(n))[0] for n in frames])
    return np.asarray(result + sway[:, None])


def _bound_information(scene: Scene, field: MotionField) -> Float64:
    truth = scene.truth
    return np.array(
        [
            displacement_information(
                truth.gradient[w], truth.noise_variance[w], image=truth.image[w]
            )
            for w in _windows(field)
        ]
    )


def _windows(field: MotionField) -> Iterator[tuple[slice, slice]]:
    c = field.cells
    for x, y, w, h in zip(c.x_px, c.y_px, c.width_px, c.height_px, strict=True):
        yield slice(y, y + h), slice(x, x + w)


# --- 2. sway and flicker ------------------------------------------------------------------------


def sway_and_flicker(seeds: Iterable[int]) -> None:
    """What 2.5 px of sway and 4 % flicker cost, and what they leave behind."""
    print("\n2. Sway of 2.5 px at 1 Hz and lamp flicker of 4 % at 120 Hz (rigid, 0.01 px RMS, 4 s)")
    print(
        "   texture  seed  read noise | still dB  swaying dB  cost dB"
        " | flicker line over floor dB | largest step over noise"
    )
    for texture, seed, read in itertools.product(("speckle", "foil", "print"), seeds, (2.0,)):
        still = _rigid_scene(texture, seed, 0.01, read, samples=8800, low=180)
        moving = replace(
            still,
            sway=Sway(2.5, 1.0),
            camera=replace(still.camera, flicker_depth=0.04, flicker_hz=120.0),
        )
        heard = [ph.recover(s.frames(), fps=2200) for s in (still, moving)]
        scores = [_score(s, h) for s, h in zip((still, moving), heard, strict=True)]
        print(
            f"   {texture:8} {seed:4}  {read:10.1f} | {scores[0]:8.2f}  {scores[1]:10.2f}"
            f"  {scores[0] - scores[1]:7.2f} | {_line_over_floor(heard[1], 120.0):26.1f}"
            f" | {_largest_step(moving, heard[1]):10.1f}"
        )


def _line_over_floor(sound: ph.Sound, frequency: float) -> float:
    power = np.abs(np.fft.rfft(sound.samples * np.hanning(len(sound.samples)))) ** 2
    hz = np.fft.rfftfreq(len(sound.samples), 1 / float(sound.rate_hz))
    line = power[np.abs(hz - frequency) < 0.7].max()
    # The scene's sound begins at 180 Hz: around the line there is nothing but floor. Its largest
    # value among as many bins as the line was looked for in is the fair comparison.
    near = (np.abs(hz - frequency) > 3) & (np.abs(hz - frequency) < 40)
    width = int((np.abs(hz - frequency) < 0.7).sum())
    floor = power[near][: near.sum() // width * width].reshape(-1, width).max(axis=1)
    return float(10 * np.log10(line / np.median(floor)))


def _largest_step(scene: Scene, sound: ph.Sound) -> float:
    # A click is a difference between neighbouring samples of the error that noise cannot explain.
    truth = _heard_truth(scene, sound)
    aligned = align(truth, sound.samples, float(sound.rate_hz))[0]
    gain = (aligned @ truth) / (truth @ truth)
    difference = np.diff(aligned - gain * truth)
    spread = 1.4826 * np.median(np.abs(difference))
    return float(np.abs(difference).max() / spread)


# --- 3. rigid scenes ----------------------------------------------------------------------------


def rigid(seeds: Iterable[int]) -> None:
    """SI-SDR of the sound of rigid scenes against the bound."""
    print("\n3. Rigid scenes: SI-SDR against the bound (sum of all cells' information), 2 s")
    print("   texture  rms px  read noise  shot | bound dB  SI-SDR dB [min, max]  loss dB [worst]")
    for texture, (rms, read, shot) in itertools.product(
        ("speckle", "foil", "print"),
        ((0.003, 2.0, 0.0), (0.003, 4.0, 0.05), (0.01, 2.0, 0.05), (0.01, 8.0, 0.0)),
    ):
        bounds, scores = [], []
        for seed in seeds:
            scene = _rigid_scene(texture, seed, rms, read, shot)
            sound = ph.recover(scene.frames(), fps=2200)
            scores.append(_score(scene, sound))
            bounds.append(_bound_db(scene, sound))
        loss = np.array(bounds) - scores
        print(
            f"   {texture:8} {rms:6.3f}  {read:10.1f}  {shot:4.2f} | {np.mean(bounds):8.2f}"
            f"  {np.mean(scores):9.2f} [{min(scores):.2f}, {max(scores):.2f}]"
            f"  {loss.mean():7.2f} [{loss.max():.2f}]"
        )


def _rigid_scene(
    texture: str, seed: int, rms: float, read: float, shot: float = 0.0, samples: int = 4400,
    low: float = 60,
) -> Scene:  # fmt: skip
    return Scene(
        Camera(256, 192, Fraction(2200), 0.0, read_noise=read, shot_gain=shot),
        Texture(texture, seed=seed),
        Motion(rms, direction_deg=40.0 + 50 * seed),
        noise(samples / 2200 + 1, RATE_HZ, low, 1000, seed),
        RATE_HZ,
        samples,
        seed=seed,
    )


def _heard_truth(scene: Scene, sound: ph.Sound) -> Float64:
    return np.array([scene.course(np.array([n / 2200]))[0, 0] for n in range(scene.samples)])


def _score(scene: Scene, sound: ph.Sound) -> float:
    truth = _heard_truth(scene, sound)
    return si_sdr(truth, align(truth, sound.samples, float(sound.rate_hz))[0])


def _bound_db(scene: Scene, sound: ph.Sound) -> float:
    truth = scene.truth
    information = displacement_information(truth.gradient, truth.noise_variance, image=truth.image)
    direction = scene.motion.shapes(1, 1)[0, :, 0, 0]
    low, high = sound.band_hz
    white = sound_bound_db(information, direction, scene.motion.rms_px)
    return white - 10 * float(np.log10((high - low) / 1100))


# --- 4. real recordings -------------------------------------------------------------------------


def recordings(_: Iterable[int]) -> None:
    """The strongest line of the tuning-fork recordings."""
    print("\n4. Real recordings: strongest line of the recovered sound")
    print("   file                            fps | expected Hz  found Hz  line over median dB")
    for path in sorted(RECORDINGS.glob("*.mp4")):
        expected, fps = (int("".join(filter(str.isdigit, p))) for p in path.stem.split("_")[2:])
        sound = ph.recover(path, fps=fps)
        power = np.abs(np.fft.rfft(sound.samples * np.hanning(len(sound.samples)), 1 << 16)) ** 2
        hz = np.fft.rfftfreq(1 << 16, 1 / fps)
        peak = int(power.argmax())
        print(
            f"   {path.name:30} {fps:4} | {expected:11}  {hz[peak]:8.2f}"
            f"  {10 * np.log10(power[peak] / np.median(power)):20.1f}"
        )


if __name__ == "__main__":
    main()
