"""Fit a lamp's flicker as a wave that runs over the rows and from frame to frame.

All columns of the picture see one wave; what differs between them is noise, and so their
disagreement tells how sure the result is.
"""

from dataclasses import dataclass

import numpy as np

from phonoscope.motion.seek import DEPTH_SPREAD, Project
from phonoscope.motion.wave import LAMP_SPREAD, Light, Wave
from phonoscope.types import Float64

_DRIFT_SPREAD = 1e-4  # of its change, relative, a second
_TILT_SPREAD = 0.3
_HARMONIC_SPREAD = 0.5  # of an overtone, relative to the fundamental
_MOST_HARMONICS = 6
_HARMONIC_GAIN = 20.0  # by which a harmonic must improve the fit, in units of its noise
_STEPS = 50
_CONVERGED = 1e-3  # of the cost, in units of the noise
_ALIKE = 1e-3  # relative difference of slopes that are one
_WORTH = 0.3  # of the light's variations that one explains, for another to be tried
_FIRST_OVERTONES = 2
FEWEST_BLOCKS = 4  # from which on their disagreement tells anything
_STRETCHES = 16
_BESIDE = slice(3, 11)  # cycles over the picture


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
    spread = np.concatenate([presumed[:, 1], [DEPTH_SPREAD] * 2, overtones])
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


def redness(fit: Fit) -> float:
    """Return by how much a standing wave's error exceeds that of white noise of the same size.

    What the picture's texture leaves is stronger the coarser it is. How coarse the bands are can
    not be seen, as they are there; a little finer it can, and as much again is allowed for.
    """
    power = np.abs(np.fft.rfft(fit.rest[0])) ** 2
    excess = power[_BESIDE].mean() / max(power[1:].mean(), 1e-300)
    return float(max(1.0, excess**2))
