"""What to make of a sensor with colour filters: the same motion, measured from each kind of luma.

python benchmarks/mosaic.py [--seeds 3]

A surface moves as a whole by 0.01 px RMS. Its texture is soft, as behind a lens, or has all that
pixels can show; it is grey, or each colour has a texture of its own. All sensors get the same
light; filters let 55 % (red), 100 % (green) and 60 % (blue) through, and each pixel has the noise
of its own light. Printed are the error of all cells together, in px of the sensor, over that of a
sensor without filters; the error of scale; and the real error of cells over what they claim.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import phonoscope as ph
from phonoscope.types import Float64, Luma
from phonoscope.video.lab.packed import sum_of_four

SIZE, FRAMES, RATE = 192, 250, 2200
MOTION_PX = 0.01
LIGHT, CONTRAST = 1200.0, 250.0  # of 4095
READ, SHOT = 3.0, 0.3
RED, GREEN, BLUE = 0.55, 1.0, 0.6
SOFT = {"soft": 1.0, "sharp": 0.0}  # blur of the lens, px


@dataclass(frozen=True)
class Judged:
    """What came of one kind of luma."""

    error_px: float
    scale: float
    real_over_claimed: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)
    names = ("no filters", *LUMA)
    print("error over that without filters; scale error in %; real error over claimed: means")
    print(f"{'texture':16} | " + " | ".join(f"{name:^18}" for name in names))
    for lens in SOFT:
        for colours in ("grey", "colourful"):
            each = [compared(lens, colours, seed) for seed in seeds]
            cells = []
            for name in names:
                error = np.mean([one[name].error_px / one["no filters"].error_px for one in each])
                scale = np.mean([100 * (one[name].scale - 1) for one in each])
                claim = np.mean([one[name].real_over_claimed for one in each])
                cells.append(f"{error:5.2f} {scale:+6.1f} {claim:5.2f}")
            print(f"{lens + ', ' + colours:16} | " + " | ".join(cells), flush=True)


def compared(lens: str, colours: str, seed: int) -> dict[str, Judged]:
    """Return what came of each kind of luma."""
    rng = np.random.default_rng(seed)
    truth = MOTION_PX * rng.standard_normal(FRAMES)
    common = moved(texture(lens, rng), truth)
    layers = [common] * 3
    if colours == "colourful":
        layers = [0.8 * common + 0.6 * moved(texture(lens, rng), truth) for _ in range(3)]
    filtered = np.empty_like(common)
    for layer, gain, y, x in zip(
        (layers[0], layers[1], layers[1], layers[2]), (RED, GREEN, GREEN, BLUE),
        (0, 0, 1, 1), (0, 1, 0, 1), strict=True,
    ):  # fmt: skip
        filtered[:, y::2, x::2] = gain * (LIGHT + CONTRAST * layer[:, y::2, x::2])
    found = {"no filters": judged(exposed(LIGHT + CONTRAST * layers[1], rng), truth, 1)}
    mosaic = exposed(filtered, rng)
    for name, luma in LUMA.items():
        frames = luma(mosaic)
        found[name] = judged(frames, truth, round(SIZE / frames.shape[1]))
    return found


def texture(lens: str, rng: np.random.Generator) -> NDArray[np.complex128]:
    """Return a spectrum of unit variance: white, but for pixels of full width and the lens."""
    k = 2 * np.pi * np.fft.fftfreq(SIZE)
    size = np.sinc(k / 2 / np.pi) * np.exp(-((SOFT[lens] * k) ** 2) / 2)
    size *= np.abs(k) < 0.8 * np.pi
    spectrum = np.fft.fft2(rng.standard_normal((SIZE, SIZE))) * np.outer(size, size)
    return np.asarray(spectrum / np.fft.ifft2(spectrum).real.std())


def moved(spectrum: NDArray[np.complex128], truth: Float64) -> Float64:
    k = 2j * np.pi * np.fft.fftfreq(SIZE)
    plain, slope, bend = (np.fft.ifft2(spectrum * k**n).real for n in range(3))
    u = truth[:, None, None]
    return np.asarray(plain - u * slope + u**2 / 2 * bend)


def exposed(light: Float64, rng: np.random.Generator) -> Luma:
    noise = np.sqrt(READ**2 + SHOT * np.maximum(light, 0)) * rng.standard_normal(light.shape)
    return np.clip(np.rint(light + noise), 0, 4095).astype(np.uint16)


def judged(frames: Luma, truth: Float64, step: int) -> Judged:
    field = ph.measure(frames, fps=RATE, cell=16 // step)
    variance = field.covariance[:, 0, 0]
    hears = np.isfinite(variance) & (variance > 0)
    motion, weights = field.motion[:, hears, 0].astype(float), 1 / variance[hears]
    motion -= motion.mean(axis=0)
    known = truth - truth.mean()
    common = motion @ weights / weights.sum() * step
    scale = float(common @ known / (known @ known))
    own = motion - np.outer(known, known @ motion / (known @ known))
    return Judged(
        float((common - scale * known).std() / scale),
        scale,
        float(np.sqrt(np.mean(own.var(axis=0) * weights))),
    )


def summed(mosaic: Luma) -> Luma:
    out = np.empty((FRAMES, SIZE // 2, SIZE // 2), np.uint16)
    for frame, into in zip(np.asarray(mosaic, np.uint16), out, strict=True):
        sum_of_four(frame, 4095, 0, into, 16383)
    return out


def greens(mosaic: Luma) -> Luma:
    return np.asarray(mosaic[:, ::2, 1::2] + mosaic[:, 1::2, ::2]).astype(np.uint16)


def overlapping(mosaic: Luma) -> Luma:
    m = np.asarray(mosaic, np.uint16)
    return m[:, :-1, :-1] + m[:, 1:, :-1] + m[:, :-1, 1:] + m[:, 1:, 1:]


def balanced(mosaic: Luma) -> Luma:
    out = np.empty(mosaic.shape, np.uint16)
    for y, x in ((0, 0), (0, 1), (1, 0), (1, 1)):
        part = mosaic[:, y::2, x::2].astype(float)
        out[:, y::2, x::2] = np.clip(np.rint(part * (4 * LIGHT / part.mean())), 0, 2**16 - 1)
    return out


def interpolated(mosaic: Luma) -> Luma:
    """Return the luma of a picture whose missing colours are means of their neighbours."""
    colours = []
    for places in (((0, 0),), ((0, 1), (1, 0)), ((1, 1),)):
        there = np.zeros((SIZE, SIZE))
        for y, x in places:
            there[y::2, x::2] = 1
        weights = np.outer([1, 2, 1], [1, 2, 1])
        colours.append(_spread(mosaic * there, weights) / _spread(there[None], weights))
    red, green, blue = colours
    luma = (77 * red / RED + 150 * green + 29 * blue / BLUE) / 64  # balanced, of 14 bits
    return np.clip(np.rint(luma), 0, 2**16 - 1).astype(np.uint16)


def _spread(frames: Float64, weights: Float64) -> Float64:
    each = [
        weights[y, x] * np.roll(frames, (y - 1, x - 1), (1, 2)) for y in range(3) for x in range(3)
    ]
    return np.asarray(sum(each))


LUMA: dict[str, Callable[[Luma], Luma]] = {
    "sum of four": summed,
    "both greens": greens,
    "overlapping fours": overlapping,
    "interpolated": interpolated,
    "balanced, as grey": balanced,
}


if __name__ == "__main__":
    main()
