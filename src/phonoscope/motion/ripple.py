"""Fit a lamp's flicker as a wave that runs over the rows and from frame to frame.

Light is given as ``(block, frame, row)``: the logarithm of the brightness of a row in each of
several columns of the picture. All columns see one wave; what differs between them is noise, and
so their disagreement tells how sure the result is. A row's place is in any unit (rows, or seconds
of a supposed delay), and what is sought is the slope: by how many seconds a row is read later for
one unit of place.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from phonoscope.types import Float32, Float64

LAMP_SPREAD = 5e-4  # standard deviation of a lamp's frequency, relative: mains keep within 0.1 %
_DRIFT_SPREAD = 1e-4  # of its change, relative, a second
_TILT_SPREAD = 0.3
_DEPTH_SPREAD = 0.5
_HARMONIC_SPREAD = 0.5  # of an overtone, relative to the fundamental
_DARKEST = 0.05  # of the mean, to which a lamp may fall: steps that go beyond are wild
_MOST_HARMONICS = 6
_HARMONIC_GAIN = 20.0  # by which a harmonic must improve the fit, in units of its noise
_FIXED = 4  # parameters that are no amplitudes: slope, frequency, drift, tilt
_STEPS = 50
_CONVERGED = 1e-3  # of the cost, in units of the noise
_SLOPE_STEP_RAD = 0.4  # of the search, over the whole picture
_STARTS = 3
_ALIKE = 1e-3  # relative difference of slopes that are one
_WORTH = 0.3  # of the light's variations that one explains, for another to be tried
_FIRST_OVERTONES = 2
FEWEST_BLOCKS = 4  # from which on their disagreement tells anything
_STRETCHES = 16
_BESIDE = slice(3, 11)  # cycles over the picture

Complex128 = NDArray[np.complex128]
Project = Callable[[Float64], Float64]
"""Takes off ``(..., frame, row)`` what no flicker can be told from."""


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """Brightness of the rows over time.

    Attributes
    ----------
    log
        ``(block, frame, row)`` logarithm of the brightness.
    weight
        ``(block, row)`` inverse variance of its noise; 0 where there is nothing to be seen.
    time_s
        ``(frame,)`` from the middle of the clip.
    place
        ``(row,)`` from the middle of the picture.
    """

    log: Float32
    weight: Float64
    time_s: Float64
    place: Float64

    @property
    def reach(self) -> float:
        """Half the extent of the places."""
        return float(np.abs(self.place).max())

    def mean(self) -> Float64:
        """``(frame, row)`` mean over the blocks by their weights."""
        total = np.maximum(self.weight.sum(axis=0), 1e-300)
        share = self.weight / total
        return np.asarray(np.einsum("kr,knr->nr", share, self.log, dtype=np.float64))


@dataclass(frozen=True, slots=True, eq=False)
class Wave:
    """Light ``1 + (1 + tilt * place / reach) * sum(amplitude * exp(i * harmonic * phase))``, real.

    Attributes
    ----------
    slope_s
        Seconds of delay for a unit of place; negative if rows are read upwards.
    lamp_hz, drift_hz_s
        The lamp's frequency in the middle of the clip, and its change.
    tilt
        Relative growth of the amplitude from the middle of the picture to its end.
    amplitude
        ``(harmonic,)`` complex, shares of the brightness.
    """

    slope_s: float
    lamp_hz: float
    drift_hz_s: float
    tilt: float
    amplitude: Complex128

    @property
    def vector(self) -> Float64:
        """All parameters in one array."""
        fixed = [self.slope_s, self.lamp_hz, self.drift_hz_s, self.tilt]
        parts = np.stack([self.amplitude.real, self.amplitude.imag], axis=1).ravel()
        return np.concatenate([fixed, parts])

    @property
    def depth(self) -> float:
        """Amplitude of the fundamental in the middle of the picture."""
        return float(abs(self.amplitude[0]))

    @property
    def overtones(self) -> float:
        """Amplitude of the strongest overtone relative to the fundamental."""
        return float(np.abs(self.amplitude[1:]).max(initial=0.0)) / max(self.depth, 1e-300)

    @classmethod
    def of(cls, vector: Float64) -> "Wave":
        """Return the wave of `vector`."""
        parts = vector[_FIXED:].reshape(-1, 2)
        slope, lamp, drift, tilt = vector[:_FIXED]
        return cls(slope, lamp, drift, tilt, parts[:, 0] + 1j * parts[:, 1])

    def with_harmonic(self) -> "Wave":
        """Return the wave with one harmonic more, of amplitude 0."""
        return replace(self, amplitude=np.append(self.amplitude, 0))

    def seen(self, light: Light) -> tuple[Float64, Float64]:
        """Return ``(frame, row)`` the wave and ``(parameter, frame, row)`` its derivatives."""
        time, place = light.time_s[:, None], light.place[None, :]
        frames = 2 * np.pi * self.lamp_hz * time + np.pi * self.drift_hz_s * time**2
        rows = 2 * np.pi * self.lamp_hz * self.slope_s * place
        turned = np.exp(1j * frames) * np.exp(1j * rows)
        across = place / light.reach
        grown = 1 + self.tilt * across
        derivative = np.empty((_FIXED + 2 * len(self.amplitude), *turned.shape))
        wave, slope = np.zeros(turned.shape), np.zeros(turned.shape)
        power = turned
        for h, amplitude in enumerate(self.amplitude):
            np.multiply(power.real, grown, out=derivative[_FIXED + 2 * h])
            np.multiply(power.imag, -grown, out=derivative[_FIXED + 2 * h + 1])
            term = amplitude * power
            wave += term.real
            slope -= (h + 1) * term.imag
            if h + 1 < len(self.amplitude):
                power = power * turned
        slope *= 2 * np.pi * grown
        np.multiply(slope, self.lamp_hz * place, out=derivative[0])
        np.multiply(slope, time + self.slope_s * place, out=derivative[1])
        np.multiply(slope, time**2 / 2, out=derivative[2])
        np.multiply(wave, across, out=derivative[3])
        bright = np.maximum(1 + wave * grown, _DARKEST)
        derivative /= bright
        return np.log(bright), derivative


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A wave, how well it fits, and how the light bears on its slope.

    Attributes
    ----------
    wave
        The best one.
    misfit, strain
        Weighted sum of squared residuals, and of squared deviations from what was presumed.
    noise
        Variance of a residual, in units of what the weights claim.
    covariance
        ``(parameter, parameter)`` from that noise alone.
    power
        Weighted sum of the projected wave's squares.
    rest, model
        ``(frame, row)`` residual of the mean over the blocks, and the projected wave.
    influence
        ``(frame, row)`` change of the slope for a change of the weighted light.
    """

    wave: Wave
    misfit: float
    strain: float
    noise: float
    covariance: Float64
    power: float
    rest: Float64
    model: Float64
    influence: Float64

    @property
    def unexplained(self) -> float:
        """What blocks agree on beside the wave, relative to it."""
        excess = self.misfit * max(0.0, 1 - 1 / self.noise)
        return float(np.sqrt(excess / max(self.power, 1e-300)))

    @property
    def cost(self) -> float:
        """What was made as small as can be."""
        return self.misfit + self.strain


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


def search(light: Light, lamp_hz: float, steepest: float, sign: int) -> list[Wave]:
    """Return waves to begin with, of one sign of the slope: the best of a grid, the best first."""
    weight = light.weight.sum(axis=0)
    data = centred(weight)(light.mean()) * weight
    share = weight / weight.sum()
    span = np.ptp(light.time_s)
    wide = 4 * LAMP_SPREAD * lamp_hz
    steps = int(np.ceil(wide * span * 4))
    slope_step = _SLOPE_STEP_RAD / (2 * np.pi * lamp_hz * 2 * light.reach)
    slopes = sign * np.arange(slope_step / 2, steepest, slope_step)
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
        gram += np.eye(2) / _DEPTH_SPREAD**2
        product = (frames[:, 0] @ data) @ rows
        # exp(i phase) once, and the real basis is its real and its imaginary part
        along = np.stack([product.real, product.imag], axis=-1)
        solved = np.linalg.solve(gram, along[..., None])[..., 0]
        drop = np.einsum("si,si->s", along, solved) - ((hz / lamp_hz - 1) / LAMP_SPREAD) ** 2
        top = (drop >= np.roll(drop, 1)) & (drop >= np.roll(drop, -1))
        found += [(drop[s], hz, slopes[s], solved[s]) for s in np.flatnonzero(top)]
    found.sort(key=lambda entry: -entry[0])
    waves = [
        Wave(slope, hz, 0.0, 0.0, np.array([part[0] - 1j * part[1]]))
        for _, hz, slope, part in found[:_STARTS]
    ]
    # The strongest may be an overtone, which in slowly rolling bands is seen better.
    return [*waves, replace(waves[0], slope_s=waves[0].slope_s / 2)]


def _grams(waves: Complex128, weight: Float64) -> tuple[Float64, Float64, Float64]:
    c, s = waves.real, waves.imag
    return weight @ (c * c), weight @ (c * s), weight @ (s * s)


def refine(light: Light, start: Wave, project: Project, presumed: Float64) -> Fit:
    """Improve a wave by Levenberg-Marquardt steps, to the least sum of squares.

    Parameters
    ----------
    light, start
        What to fit, and from where.
    project
        Applied to the light and to the wave.
    presumed
        ``(4, 2)`` what is presumed of slope, frequency, drift and tilt: value, standard deviation.
    """
    weight = light.weight.sum(axis=0)
    data = project(light.mean())
    count = len(start.amplitude)
    overtones = np.full(2 * count - 2, _HARMONIC_SPREAD * abs(start.amplitude[0]) + 1e-6)
    centre = np.concatenate([presumed[:, 0], np.zeros(2 * count)])
    spread = np.concatenate([presumed[:, 1], [_DEPTH_SPREAD] * 2, overtones])
    stiff = spread**-2.0

    def at(vector: Float64) -> tuple[float, Float64, Float64]:
        wave, derivative = Wave.of(vector).seen(light)
        rest = data - project(wave)
        cost = float((rest**2).sum(axis=0) @ weight)
        return cost + float(stiff @ (vector - centre) ** 2), rest, derivative

    vector, damping = start.vector, 1e-3
    cost, rest, derivative = at(vector)
    for _ in range(_STEPS):
        derivative = project(derivative)
        flat = derivative.reshape(len(vector), -1)
        weighted = (derivative * weight).reshape(len(vector), -1)
        normal = weighted @ flat.T + np.diag(stiff)
        pull = weighted @ rest.ravel() - stiff * (vector - centre)
        gained = 0.0
        while damping < 1e8:
            step = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), pull)
            new_cost, new_rest, new_derivative = at(vector + step)
            if new_cost <= cost:
                gained = cost - new_cost
                vector, cost, rest, derivative = vector + step, new_cost, new_rest, new_derivative
                damping = max(damping / 10, 1e-9)
                break
            damping *= 10
        else:
            break
        if gained < _CONVERGED * max(1.0, cost / rest.size):
            break
    wave, derivative = Wave.of(vector).seen(light)
    derivative = project(derivative)
    flat = derivative.reshape(len(vector), -1)
    normal = (derivative * weight).reshape(len(vector), -1) @ flat.T + np.diag(stiff)
    inverse = np.linalg.inv(normal)
    freedom = max(1, len(data) * int((weight > 0).sum() - 1) - len(vector))
    misfit = float((rest**2).sum(axis=0) @ weight)
    noise = misfit / freedom
    model = project(wave)
    return Fit(
        wave=Wave.of(vector),
        misfit=misfit,
        strain=cost - misfit,
        noise=noise,
        covariance=inverse * max(noise, 1e-12),
        power=float((model**2).sum(axis=0) @ weight),
        rest=rest,
        model=model,
        influence=np.tensordot(inverse[0], derivative, 1),
    )


def presumed(lamp_hz: float) -> Float64:
    """Return what `refine` is to presume of a lamp: ``(4, 2)``."""
    return np.array(
        [
            [0.0, 1e9],
            [lamp_hz, LAMP_SPREAD * lamp_hz],
            [0.0, _DRIFT_SPREAD * lamp_hz],
            [0.0, _TILT_SPREAD],
        ]
    )


def candidates(light: Light, starts: list[Wave], project: Project, presumed: Float64) -> list[Fit]:
    """Return the different waves that grow from `starts`, with their first overtones.

    One whose overtone is stronger than its fundamental is left out: it is the alias of another.
    """
    fits: list[Fit] = []
    tried: list[float] = []
    alone = [refine(light, start, project, presumed) for start in starts]
    alone.sort(key=lambda fit: fit.cost)
    for fit in alone:
        wave = fit.wave
        known = any(abs(wave.slope_s / slope - 1) < _ALIKE for slope in tried)
        if known or fit.power < _WORTH * alone[0].power:
            continue
        tried.append(wave.slope_s)
        for _ in range(_FIRST_OVERTONES):
            fit = refine(light, wave.with_harmonic(), project, presumed)
            wave = fit.wave
        if max(abs(wave.amplitude[1:])) < wave.depth:
            fits.append(fit)
    return fits


def enriched(light: Light, fit: Fit, project: Project, presumed: Float64) -> Fit:
    """Add overtones as long as they improve the fit by more than its noise does.

    The last one does not: it is there so that the error allows for what cannot be told.
    """
    inflation = None
    while len(fit.wave.amplitude) < _MOST_HARMONICS:
        richer = refine(light, fit.wave.with_harmonic(), project, presumed)
        if inflation is None:
            sd, _ = judged(light, fit)
            inflation = sd**2 / fit.covariance[0, 0]
        gain, fit = fit.cost - richer.cost, richer
        if gain < _HARMONIC_GAIN * richer.noise * inflation:
            break
    return fit


def judged(light: Light, fit: Fit, *, neighbours: int = 1) -> tuple[float, float]:
    """Return the slope's standard deviation, and by how many of its own the wave is above none.

    Both are judged by the noise of the fit, by the disagreement between blocks (`neighbours` of
    them together), and by that between stretches of time: the largest error counts.
    """
    moving = len(light.time_s) > 1
    log = light.log - light.log.mean(axis=1, keepdims=True) if moving else light.log
    common = light.mean() - fit.model - fit.rest  # what the projection took off
    if moving:
        common = common - common.mean(axis=0)
    rest = log - common - fit.model
    ones = np.broadcast_to(fit.influence, log.shape)
    seen = np.broadcast_to(fit.model, log.shape)

    def scatters(factor: Float64, whole: Float64) -> list[float]:
        error = np.einsum("kr,nr,knr->kn", light.weight, factor, rest, optimize=True)
        share = np.einsum("kr,nr,knr->kn", light.weight, factor, whole, optimize=True)
        share /= share.sum()
        ways = []
        if len(error) >= FEWEST_BLOCKS:
            first = np.arange(0, len(error), neighbours)
            ways.append((error.sum(axis=1), share.sum(axis=1), first))
        if moving:
            first = np.linspace(0, error.shape[1], _STRETCHES, endpoint=False).astype(int)
            ways.append((error.sum(axis=0), share.sum(axis=0), np.unique(first)))
        return [
            float(np.sum(np.add.reduceat(e, at) ** 2 / (1 - np.add.reduceat(s, at)).clip(0.05)))
            for e, s, at in ways
        ]

    slope = max([float(fit.covariance[0, 0]), *scatters(fit.influence, ones)])
    doubt = max([fit.noise * fit.power, *scatters(fit.model, seen)]) / fit.power**2
    return float(np.sqrt(slope)), float(1 / np.sqrt(doubt))


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


def search_still(light: Light, lamp_hz: float, steepest: float, project: Project) -> list[Wave]:
    """Return standing waves to begin with: the best of a grid, the best first."""
    weight = light.weight.sum(axis=0)
    data = project(light.mean())[0]
    slope_step = _SLOPE_STEP_RAD / (2 * np.pi * lamp_hz * 2 * light.reach)
    slopes = np.arange(slope_step / 2, steepest, slope_step)
    found = []
    for slope in slopes:
        rows = np.exp(2j * np.pi * lamp_hz * light.place * slope)
        basis = project(np.stack([rows.real, -rows.imag]))
        gram = (basis * weight) @ basis.T + np.eye(2) / _DEPTH_SPREAD**2
        along = (basis * weight) @ data
        solved = np.linalg.solve(gram, along)
        found.append((along @ solved, slope, solved))
    tops = [
        f for i, f in enumerate(found) if f[0] >= max(g[0] for g in found[max(0, i - 1) : i + 2])
    ]
    tops.sort(key=lambda f: -f[0])
    return [Wave(s, lamp_hz, 0.0, 0.0, np.array([a[0] + 1j * a[1]])) for _, s, a in tops[:_STARTS]]


def redness(fit: Fit) -> float:
    """Return by how much a standing wave's error exceeds that of white noise of the same size.

    What the picture's texture leaves is stronger the coarser it is. How coarse the bands are can
    not be seen, as they are there; a little finer it can, and as much again is allowed for.
    """
    power = np.abs(np.fft.rfft(fit.rest[0])) ** 2
    excess = power[_BESIDE].mean() / max(power[1:].mean(), 1e-300)
    return float(max(1.0, excess**2))
