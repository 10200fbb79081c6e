"""How many sources are counted, and how well each is separated.

python benchmarks/separation.py [drawn] [rendered] [--seeds 20]
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

import phonoscope as ph
from listening_truth import FPS, RATE_HZ
from phonoscope.evaluate import si_sdr
from phonoscope.scene import Background, Camera, Layer, Motion, Scene, Texture, noise, tune
from phonoscope.sound.attend import attend
from phonoscope.sound.filter import band_pass
from phonoscope.sound.separate import Source, separate
from phonoscope.sound.verdict import FALSE_ALARM
from phonoscope.sound.whiten import PER_CELL, Channels
from phonoscope.types import Cells, Float64, MotionBlock, MotionField, NoiseModel, VideoFacts

SAMPLES = 3 * FPS
BAND = (20.0, FPS / 2)
ACROSS, DOWN = 10, 6  # cells
KINDS = ("noise", "syllables", "tune")


@dataclass(frozen=True)
class Score:
    """How one scene did: sources counted, and SI-SDR in dB of each object's best source."""

    counted: int
    separated_db: tuple[float, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    parts = {"drawn": drawn, "rendered": rendered}
    for name in arguments.parts or parts:
        parts[name](range(arguments.seeds))


# --- 1. drawn fields ----------------------------------------------------------------------------


def drawn(seeds: Iterable[int]) -> None:
    """Fields of 60 cells whose truth and noise are known exactly."""
    print("\n1. Drawn fields: 60 cells, 3 s, 1 to 5 modes an object, 0.02 px RMS")
    print("   scene                  scenes | count right %  counts | separated dB median [min]  "
          "alone dB median [min] | of those alone >= 15 dB: separated >= 10 dB %")  # fmt: skip
    for name, (expected, draw) in SCENES.items():
        counts: list[int] = []
        apart: list[float] = []
        alone: list[float] = []
        for seed in seeds:
            objects = draw(seed)
            score = heard_apart(field_of(objects, seed), objects)
            counts.append(score.counted)
            if expected == 2 and len(objects) == 2:
                apart += score.separated_db
                for each in objects:
                    alone += heard_apart(field_of([each], seed), [each]).separated_db
        right = 100 * np.mean([c == expected for c in counts])
        tally = " ".join(f"{n}:{counts.count(n)}" for n in sorted(set(counts)))
        line = f"   {name:22} {len(counts):6} | {right:13.0f}  {tally:12}"
        if apart:
            a, b = np.array(apart), np.array(alone)
            good = 100 * np.mean(a[b >= 15] >= 10) if (b >= 15).any() else np.nan
            line += (
                f" | {np.median(a):5.1f} [{a.min():.1f}] {np.median(b):5.1f} [{b.min():.1f}]"
                f" | {good:.0f} of {(b >= 15).sum()}"
            )
        print(line, flush=True)


def sound_of(kind: str, seed: int, count: int = SAMPLES) -> Float64:
    """Return ``(sample,)`` unit RMS at the camera's rate."""
    if kind == "noise":
        return noise(count / FPS, FPS, 60, 1000, seed)
    if kind == "tune":
        return tune(count / FPS, FPS)[:count]
    return syllables(count, seed)


def syllables(count: int, seed: int) -> Float64:
    """Return something like speech: voiced and unvoiced syllables of a gliding pitch."""
    rng = np.random.default_rng([seed, 77])
    time = np.arange(count) / FPS
    knots = np.arange(0, time[-1] + 0.4, 0.2)
    pitch = np.interp(time, knots, rng.uniform(90, 230) * 2 ** rng.uniform(-0.3, 0.3, len(knots)))
    phase = 2 * np.pi * np.cumsum(pitch) / FPS
    tilt = rng.uniform(0.3, 1.0, 12)
    voiced = sum(tilt[n] * np.sin((n + 1) * phase) * ((n + 1) * pitch < 1000) for n in range(12))
    hiss = noise(count / FPS, FPS, 300, 1000, seed + 1000)
    envelopes = [
        np.interp(time, knots / 1.5, rng.choice([0.0, 0.3, 1.0], len(knots))) for _ in range(2)
    ]
    wave = envelopes[0] * voiced + envelopes[1] * hiss
    return np.asarray(wave / wave.std())


def object_of(
    sounds: Sequence[Float64], columns: slice, seed: int, *,
    modes: int | None = None, damping: tuple[float, float] = (0.04, 0.15), rms: float = 0.02,
) -> Float64:  # fmt: skip
    """Return ``(sample, cell, 2)`` motion of an object that fills some columns of the cells."""
    rng = np.random.default_rng([seed, columns.start, 5])
    count = int(rng.integers(1, 6)) if modes is None else modes
    width = columns.stop - columns.start
    y, x = np.meshgrid(np.linspace(0, 1, DOWN), np.linspace(0, 1, width), indexing="ij")
    motion = np.zeros((len(sounds[0]), DOWN, ACROSS, 2))
    steps = (np.arange(count) + rng.uniform(0.2, 0.8, count)) / count
    orders = [(1, 0), (0, 1), (1, 1), (2, 1), (1, 2), (2, 2), (3, 1), (1, 3)]
    for (nx, ny), step in zip(orders, steps, strict=False):
        bend = rng.uniform(-0.15, 0.15, 2)
        shape = np.cos(np.pi * nx * (x + bend[0])) * np.cos(np.pi * ny * (y + bend[1]))
        angle = rng.uniform(0, 2 * np.pi)
        drive = sum(rng.uniform(0.3, 1) * rng.choice([-1, 1]) * sound for sound in sounds)
        course = _resonated(drive, 120 * 7.5**step, rng.uniform(*damping))
        part = course[:, None, None] * shape
        motion[:, :, columns] += part[..., None] * np.array([np.cos(angle), np.sin(angle)])
    moving = motion[:, :, columns]
    motion *= rms / np.sqrt((moving**2).sum(axis=3).mean())
    return motion.reshape(len(motion), -1, 2)


def _resonated(sound: Float64, hz: float, damping: float) -> Float64:
    spectrum = np.fft.rfft(sound, 2 * len(sound))
    ratio = np.fft.rfftfreq(2 * len(sound), 1 / FPS) / hz
    response = 1 / (1 - ratio**2 + 2j * damping * ratio)
    return np.asarray(np.fft.irfft(response * spectrum)[: len(sound)])


LEFT, RIGHT, ALL = slice(0, 5), slice(5, 10), slice(0, 10)


def _silence(seed: int) -> list[Float64]:
    return [np.zeros((SAMPLES, ACROSS * DOWN, 2))]


def _one(seed: int) -> list[Float64]:
    return [object_of([sound_of(KINDS[seed % 3], seed)], ALL, seed)]


def _sharp(seed: int) -> list[Float64]:
    sound = sound_of(KINDS[seed % 3], seed)
    return [object_of([sound], ALL, seed, modes=3 + seed % 6, damping=(0.008, 0.03))]


def _one_on_two(seed: int) -> list[Float64]:
    sound = sound_of(KINDS[seed % 3], seed)
    return [sum((object_of([sound], half, seed) for half in (LEFT, RIGHT)), np.zeros(()))]


def _two(seed: int) -> list[Float64]:
    kinds = KINDS[seed % 3], KINDS[(seed // 3) % 2]
    sounds = [sound_of(kind, seed + 100 * n) for n, kind in enumerate(kinds)]
    return [object_of([s], half, seed) for s, half in zip(sounds, (LEFT, RIGHT), strict=True)]


def _unequal(seed: int) -> list[Float64]:
    left, right = _two(seed)
    return [left, right / np.sqrt(10)]


def _same_spectrum(seed: int) -> list[Float64]:
    # The same resonances, too: each object has one mode, of the same shape and direction.
    left = object_of([sound_of("noise", seed)], LEFT, seed, modes=1)
    right = object_of([sound_of("noise", seed + 100)], LEFT, seed, modes=1)
    return [left, np.roll(right.reshape(-1, DOWN, ACROSS, 2), 5, axis=2).reshape(left.shape)]


def _shared(seed: int) -> list[Float64]:
    sounds = [sound_of(kind, seed + 100 * n) for n, kind in enumerate(("syllables", "noise"))]
    # Each sound by its own drives of the same modes: the motions add up.
    return [object_of(sounds, ALL, seed, modes=4)]


SCENES = {
    "silence": (0, _silence), "one sound": (1, _one), "one, 3 to 8 sharp": (1, _sharp),
    "one on two objects": (1, _one_on_two), "two on two objects": (2, _two),
    "two, 10 dB apart": (2, _unequal), "two of the same colour": (2, _same_spectrum),
    "two on one object": (2, _shared),
}  # fmt: skip


def field_of(objects: Sequence[Float64], seed: int) -> MotionField:
    """Return a field whose cells move by the sum of the objects, plus noise as claimed."""
    rng = np.random.default_rng([seed, 1])
    truth = np.sum(objects, axis=0)
    samples, cells, _ = truth.shape
    spread = 0.02 * rng.uniform(0.5, 2, (cells, 2))
    information = np.zeros((cells, 3, 3))
    information[:, [0, 1], [0, 1]] = spread**-2
    information[:, 2, 2] = 1e4
    motion = (truth + spread * rng.standard_normal(truth.shape)).astype(np.float32)
    gain = (1 + 0.01 * rng.standard_normal((samples, cells))).astype(np.float32)
    size = np.full(cells, 16, np.int32)
    x = (16 * (np.arange(cells) % ACROSS)).astype(np.int32)
    y = (16 * (np.arange(cells) // ACROSS)).astype(np.int32)
    facts = VideoFacts("drawn", "", "", "gray", 160, 96, 8, samples, None, Fraction(FPS), "user")
    block = MotionBlock(np.arange(samples) / FPS, motion, gain, information)
    level = NoiseModel(np.array([0.0]), np.array([1.0]))
    return MotionField(facts, Cells(x, y, size, size, np.zeros(cells)), level, samples, [block])


# --- 2. rendered scenes -------------------------------------------------------------------------


def rendered(seeds: Iterable[int]) -> None:
    """Small scenes like the preset `two`, rendered frame by frame, then measured."""
    print("\n2. Rendered scenes: foil and print side by side, 208 x 128 px, 1.5 s, 0.02 px RMS")
    print("   scene  seed | counted | separated dB | alone dB (only n: the other object is still)")
    for seed in list(seeds)[:3]:
        both = _side_by_side(seed)
        scenes = {"two": both}
        for number in range(2):
            scenes[f"only {number}"] = _with_one_still(both, 1 - number)
        alone: list[str] = []
        for name, scene in reversed(scenes.items()):
            field = ph.measure(scene.frames(), fps=FPS)
            score = heard_apart(field, _cell_motions(scene, field))
            figures = [f"{x:5.1f}" for x in score.separated_db if np.isfinite(x)]
            beside = ""
            if name == "two":
                beside = " ".join(reversed(alone))
            else:
                alone += figures
            print(
                f"   {name:6} {seed:4} | {score.counted:7} | {' '.join(figures):12} | {beside}",
                flush=True,
            )


def _side_by_side(seed: int) -> Scene:
    samples = 3 * FPS // 2
    length = samples / FPS + 1
    neighbour = Layer(
        Texture("print", seed=seed + 1),
        Motion(0.02, modes=4, damping=0.15, seed=seed + 1),
        noise(length, RATE_HZ, 80, 1000, seed=seed + 1),
        (108, 8, 92, 112),
    )
    return Scene(
        Camera(208, 128, Fraction(FPS), 1 / 4400, read_noise=1.0, shot_gain=0.02),
        Texture("foil", seed=seed),
        Motion(0.02, modes=4, damping=0.15, seed=seed),
        tune(length, RATE_HZ),
        RATE_HZ,
        samples,
        seed=seed,
        region=(8, 8, 92, 112),
        layers=(neighbour,),
        background=Background(Texture("wood", seed=seed + 2)),
    )


def _with_one_still(scene: Scene, number: int) -> Scene:
    if number == 0:
        return replace(scene, motion=replace(scene.motion, rms_px=0.0))
    (layer,) = scene.layers
    return replace(scene, layers=(replace(layer, motion=replace(layer.motion, rms_px=0.0)),))


def _cell_motions(scene: Scene, field: MotionField) -> list[Float64]:
    """Return of each object ``(sample, cell, 2)`` its cells' mean motion."""
    times = np.arange(scene.samples) / FPS
    c = field.cells
    places = [
        (slice(y, y + h), slice(x, x + w))
        for x, y, w, h in zip(c.x_px, c.y_px, c.width_px, c.height_px, strict=True)
    ]
    motions = []
    for body in scene.bodies[1:]:
        shapes = np.array([body.shapes[:, :, *place].mean(axis=(2, 3)) for place in places])
        motions.append(np.einsum("mt,cmq->tcq", body.course(times), shapes))
    return motions


# --- listening ----------------------------------------------------------------------------------


def heard_apart(field: MotionField, objects: Sequence[Float64]) -> Score:
    """Separate a field and compare with the objects' own motion."""
    channels, directions, sources = sources_of(field)
    scores = []
    for motion in objects if sources else ():
        best = -np.inf
        for source in sources:
            weights = (directions @ source.directions[:, 0]).reshape(-1, 3)
            read = np.einsum("cij,ci->cj", channels.root, weights)[:, :2]
            true = band_pass(np.einsum("tcq,cq->t", motion, read)[:, None], FPS, BAND)[:, 0]
            if true.any():
                best = max(best, si_sdr(true, source.heard.signal))
        scores.append(best)
    return Score(len(sources), tuple(scores))


def sources_of(field: MotionField) -> tuple[Channels, Float64, tuple[Source, ...]]:
    """Return the whitened channels, the virtual channels' directions and the sources, as `listen`.

    None where the verdict says that there is nothing.
    """
    attention = attend(field, BAND, FALSE_ALARM)
    channels = attention.channels
    kept = attention.kept[:, : attention.subspace.above_noise]
    if not attention.verdict.detected:
        return channels, kept, ()
    shares = kept.reshape(-1, PER_CELL, kept.shape[1])
    noise, window = attention.evidence.noise, attention.window
    return channels, kept, separate(attention.signals(kept), noise, window, FPS, shares)


if __name__ == "__main__":
    main()
