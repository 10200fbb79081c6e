"""Look for a lamp's wave on a grid of slopes: where a fit is to begin.

Over several frames the bands roll, and the picture itself is what stands still. In a single picture
the bands stand, and can be told from it only by being smooth and the same in all columns.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from phonoscope.motion.wave import LAMP_SPREAD, Complex128, Light, Wave
from phonoscope.types import Float64

DEPTH_SPREAD = 0.5  # of a lamp's amplitude, relative to its brightness
_SLOPE_STEP_RAD = 0.4  # of the search, over the whole picture
_STARTS = 3
# What a wave must explain to be worth fitting, in variances of the light: half of what a fit must
# explain in the end for a lamp to be seen.
_WORTH_FITTING = 18.0

Project = Callable[[Float64], Float64]
"""Takes off ``(..., frame, row)`` what no flicker can be told from."""


def centred(weight: Float64) -> Project:
    """Return the projection that takes off the mean of each row, and of each frame.

    The first is the picture itself, the second its common brightness: exposure, other lamps.
    """
    share = weight / weight.sum()

    def project(values: Float64) -> Float64:
        values = values - values.mean(axis=-2, keepdims=True)
        values -= (values @ share)[..., None]
        return values

    return project


def levelled(light: Light, degree: int) -> Project:
    """Return the projection that takes off a polynomial over the rows, of each frame."""
    weight = light.weight.sum(axis=0)
    basis = np.polynomial.legendre.legvander(light.place / light.reach, degree)
    root = np.sqrt(weight)
    q, _ = np.linalg.qr(basis * root[:, None])

    def project(values: Float64) -> Float64:
        shading = ((values * root) @ q) @ q.T
        return np.asarray(values - shading / np.maximum(root, 1e-150))

    return project


def still(light: Light, degree: int = 5) -> Light:
    """Return the mean over time, each block without its own shading; its texture is the noise."""
    log = light.log.mean(axis=1, dtype=np.float64)
    seen = light.weight > 0
    basis = np.polynomial.legendre.legvander(light.place / light.reach, degree)
    flat = np.zeros_like(log)
    for block, used in enumerate(seen):
        if used.sum() > 2 * degree:
            weights = np.linalg.lstsq(basis[used], log[block, used], rcond=None)[0]
            flat[block] = np.where(used, log[block] - basis @ weights, 0)
    middle = np.median(flat, axis=0)
    variance = np.array(
        [
            np.mean((f - middle)[u] ** 2) if u.any() else np.inf
            for f, u in zip(flat, seen, strict=True)
        ]
    )
    weight = seen / (variance + 1e-12)[:, None]
    return Light(log[:, None, :].astype(np.float32), weight, np.zeros(1), light.place)


def search(light: Light, lamp_hz: float, steepest: float, sign: int) -> list[Wave]:
    """Return waves to begin with, of one sign of the slope: the best of a grid, the best first.

    There are none where no wave explains more than noise would.
    """
    weight = light.weight.sum(axis=0)
    swing = centred(weight)(light.mean())
    data = swing * weight
    variance = float((swing * data).sum()) / swing.size
    share = weight / weight.sum()
    span = np.ptp(light.time_s)
    wide = 4 * LAMP_SPREAD * lamp_hz
    steps = int(np.ceil(wide * span * 4))
    slopes = sign * _slopes(light, lamp_hz, steepest)
    rows = np.exp(2j * np.pi * lamp_hz * light.place[:, None] * slopes)
    rows_gram = _grams(rows - share @ rows, weight)
    found = []
    for hz in np.linspace(lamp_hz - wide, lamp_hz + wide, 2 * steps + 1):
        frames = np.exp(2j * np.pi * hz * light.time_s)[:, None]
        (cc,), (cs,), (ss,) = _grams(frames - frames.mean(), np.ones(len(frames)))
        CC, CS, SS = rows_gram
        gram = np.empty((len(slopes), 2, 2))
        gram[:, 0, 0] = cc * CC - 2 * cs * CS + ss * SS
        gram[:, 1, 1] = ss * CC + 2 * cs * CS + cc * SS
        gram[:, 0, 1] = gram[:, 1, 0] = cs * CC + cc * CS - ss * CS - cs * SS
        gram += np.eye(2) / DEPTH_SPREAD**2
        product = (frames[:, 0] @ data) @ rows
        # exp(i phase) once, and the real basis is its real and its imaginary part
        along = np.stack([product.real, product.imag], axis=-1)
        solved = np.linalg.solve(gram, along[..., None])[..., 0]
        drop = np.einsum("si,si->s", along, solved) - ((hz / lamp_hz - 1) / LAMP_SPREAD) ** 2
        top = (drop >= np.roll(drop, 1)) & (drop >= np.roll(drop, -1))
        found += [(drop[s], hz, slopes[s], solved[s]) for s in np.flatnonzero(top)]
    found.sort(key=lambda entry: -entry[0])
    if found[0][0] < _WORTH_FITTING * variance:
        return []
    waves = [
        Wave(slope, hz, 0.0, 0.0, np.array([part[0] - 1j * part[1]]))
        for _, hz, slope, part in found[:_STARTS]
    ]
    # The strongest may be an overtone, which in slowly rolling bands is seen better.
    return [*waves, replace(waves[0], slope_s=waves[0].slope_s / 2)]


def _slopes(light: Light, lamp_hz: float, steepest: float) -> Float64:
    step = _SLOPE_STEP_RAD / (2 * np.pi * lamp_hz * 2 * light.reach)
    slopes = np.arange(step / 2, steepest, step)
    # Of frames too short for a wave to be seen across one, a slope is tried all the same.
    return slopes if len(slopes) else np.array([steepest / 2])


def _grams(waves: Complex128, weight: Float64) -> tuple[Float64, Float64, Float64]:
    c, s = waves.real, waves.imag
    return weight @ (c * c), weight @ (c * s), weight @ (s * s)


def search_still(light: Light, lamp_hz: float, steepest: float, project: Project) -> list[Wave]:
    """Return standing waves to begin with: the best of a grid, the best first."""
    weight = light.weight.sum(axis=0)
    data = project(light.mean())[0]
    slopes = _slopes(light, lamp_hz, steepest)
    found = []
    for slope in slopes:
        rows = np.exp(2j * np.pi * lamp_hz * light.place * slope)
        basis = project(np.stack([rows.real, -rows.imag]))
        gram = (basis * weight) @ basis.T + np.eye(2) / DEPTH_SPREAD**2
        along = (basis * weight) @ data
        solved = np.linalg.solve(gram, along)
        found.append((along @ solved, slope, solved))
    tops = [
        f for i, f in enumerate(found) if f[0] >= max(g[0] for g in found[max(0, i - 1) : i + 2])
    ]
    tops.sort(key=lambda f: -f[0])
    return [Wave(s, lamp_hz, 0.0, 0.0, np.array([a[0] + 1j * a[1]])) for _, s, a in tops[:_STARTS]]
