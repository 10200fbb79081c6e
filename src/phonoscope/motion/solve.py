"""From weighted sums to motion and gain: take the light off, undo what larger motion leaves."""

from dataclasses import dataclass

import numba
import numpy as np

from phonoscope.types import Float32, Float64

_FEWEST_CELLS_FOR_A_PLANE = 12
_WAVES = 14  # half turns down the picture: of a lamp at 120 Hz and its double, in 16 ms
_CELLS_OF_A_WAVE = 8
_STRAYS = 6.0  # standard deviations
_REWEIGHTINGS = 4
_LARGE_PX = 0.03
# Each round of undoing the leak leaves the motion, in px, of the error before it.
_LITTLE_PX = 0.05
_FEW_ROUNDS = 2
_MANY_ROUNDS = 4
_FARTHEST_PX = 0.8
_MOST_LIGHT = 8.0  # lamps do not change more than that


@dataclass(frozen=True, slots=True, eq=False)
class LightFit:
    """How the common light of a frame is read from its cells' gains: a plane over the region.

    A lamp brightens a whole scene smoothly, so the product of a cell's displacement from its pose
    and the light's change is removed with a plane through all cells, which is known far better
    than any one cell's own gain. Where rows are read one after the other, the lamp's flicker lies
    across the picture in bands: then the plane has waves down the picture, too.

    Attributes
    ----------
    basis
        ``(k, cell)`` of the plane: 1, and x and y where there are cells enough, and the waves.
    weight
        ``(cell,)`` 1 / claimed variance of each gain, 0 where it is unknown.
    reader
        ``(k, cell)``: this times gains are the coefficients of the plane.
    """

    basis: Float64
    weight: Float64
    reader: Float64

    @classmethod
    def over(
        cls, centres: Float64, gain_variance: Float64, *, in_bands: bool = False
    ) -> "LightFit":
        """Fit over cells at `centres` ``(cell, 2)`` with the gain variances claimed ``(cell,)``."""
        known = gain_variance > 0
        weight = np.where(known, 1 / np.where(known, gain_variance, 1), 0)
        spread = np.ptp(centres, axis=0)
        basis = np.ones((1, len(centres)))
        if known.sum() >= _FEWEST_CELLS_FOR_A_PLANE and spread.min() > 0:
            basis = np.vstack([basis, ((centres - centres.mean(axis=0)) / spread).T])
        if in_bands and known.sum() >= _CELLS_OF_A_WAVE * _WAVES:
            down = (centres[:, 1] - centres[:, 1].min()) / max(spread[1], 1)
            half_turns = np.arange(2, _WAVES + 1)[:, None]  # the first is nearly y itself
            basis = np.vstack([basis, np.cos(np.pi * half_turns * down)])
        reader = np.linalg.pinv((weight * basis) @ basis.T, hermitian=True) @ (weight * basis)
        return cls(basis, weight, reader)

    def light(self, gain: Float64) -> Float64:
        """Return the plane at each cell, ``(sample, cell)``, of gains of that shape.

        Cells whose gain strays from the plane (glints, passers-by, codec artefacts) lose their say,
        by reweighting after Cauchy.
        """
        if not self.weight.any():
            return np.ones_like(gain)
        light = np.empty_like(gain)
        strays = _plane(gain, self.reader, self.basis, np.sqrt(self.weight), light) > _STRAYS
        if strays.any():
            light[strays] = self._robust(gain[strays])
        return np.asarray(np.clip(light, 1 / _MOST_LIGHT, _MOST_LIGHT))

    def _robust(self, gain: Float64) -> Float64:
        known = self.weight > 0
        basis, weight, seen = self.basis[:, known], self.weight[known], gain[:, known]
        plane = np.median(seen, axis=1, keepdims=True)
        for _ in range(_REWEIGHTINGS):
            deviation = np.abs(seen - plane) * np.sqrt(weight)
            scale = 2 * np.maximum(1, np.median(deviation, axis=1, keepdims=True))
            trust = weight / (1 + (deviation / scale) ** 2) ** 2
            coefficients = _least_squares(basis, trust, seen)
            plane = coefficients @ basis
        return np.asarray(coefficients @ self.basis)


@numba.njit(nogil=True, cache=True, fastmath=True)
def _plane(
    gain: Float64, reader: Float64, basis: Float64, precision: Float64, light: Float64
) -> Float64:
    # Fills light; returns each frame's largest deviation from it. Written out because a matrix
    # product would set the threads of a linear algebra library against those of the pixel pass.
    frames, cells = gain.shape
    largest = np.zeros(frames)
    for t in range(frames):
        light[t] = 0
        for k in range(len(basis)):
            coefficient = 0.0
            for c in range(cells):
                coefficient += reader[k, c] * gain[t, c]
            for c in range(cells):
                light[t, c] += coefficient * basis[k, c]
        most = 0.0
        for c in range(cells):
            most = max(most, abs(gain[t, c] - light[t, c]) * precision[c])
        largest[t] = most
    return largest


def _least_squares(basis: Float64, weight: Float64, values: Float64) -> Float64:
    # Coefficients (sample, k) of values (sample, cell) under weights (sample or 1, cell).
    normal, right = _normal(basis, np.broadcast_to(weight, values.shape), values)
    ridge = 1e-12 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(len(basis))
    return np.asarray(np.linalg.solve(normal + ridge, right[:, :, None])[:, :, 0])


@numba.njit(nogil=True, cache=True, fastmath=True)
def _normal(basis: Float64, weight: Float64, values: Float64) -> tuple[Float64, Float64]:
    frames, cells = values.shape
    terms = len(basis)
    normal, right = np.empty((frames, terms, terms)), np.empty((frames, terms))
    weighted = np.empty(cells)
    for t in range(frames):
        for k in range(terms):
            total = 0.0
            for c in range(cells):
                weighted[c] = weight[t, c] * basis[k, c]
                total += weighted[c] * values[t, c]
            right[t, k] = total
            for m in range(k + 1):
                total = 0.0
                for c in range(cells):
                    total += weighted[c] * basis[m, c]
                normal[t, k, m] = normal[t, m, k] = total
    return normal, right


@numba.njit(nogil=True, cache=True, fastmath=True)
def stray_square(gain: Float64, light: Float64, weight: Float64) -> Float64:
    """Return ``(sample,)`` mean squares, under `weight`, of gains' relative departure from light.

    `gain` and `light` are ``(sample, cell)``, `weight` ``(cell,)``.
    """
    total = weight.sum()
    result = np.zeros(gain.shape[0])
    for t in range(gain.shape[0]):
        square = 0.0
        for c in range(gain.shape[1]):
            stray = gain[t, c] / light[t, c] - 1
            square += weight[c] * stray * stray
        result[t] = square
    mean: Float64 = result / max(total, 1e-30)
    return mean


def solve(
    sums: Float32, response: Float64, light_fit: LightFit
) -> tuple[Float64, Float64, Float64]:
    """Return motion from the pose, gain, and the common light.

    Parameters
    ----------
    sums
        ``(sample, 3, cell)`` of frames under a linearisation's weights.
    response
        ``(3, 7, cell)`` of that linearisation.
    light_fit
        Of the same cells.

    Returns
    -------
    ``(sample, cell, 2)`` px, ``(sample, cell)`` and ``(sample, cell)``. A frame's answer does not
    depend on the others that are solved with it.
    """
    gain = sums[:, 2].astype(np.float64)
    motion = np.empty((*gain.shape, 2))
    light = light_fit.light(gain)
    square = _invert(sums, light, response, motion, gain, light_fit.weight)
    moved = np.flatnonzero(square > _LARGE_PX**2)
    if len(moved):  # the motion has corrected the gain, and so the light: once more
        light[moved] = light_fit.light(gain[moved])
        again = motion[moved], gain[moved]
        _invert(sums[moved], light[moved], response, *again, light_fit.weight)
        motion[moved], gain[moved] = again
    return motion, gain, light


@numba.njit(nogil=True, cache=True, fastmath=True)
def _invert(
    sums: Float32, light: Float64, response: Float64, motion: Float64, gain: Float64,
    weight: Float64,
) -> Float64:  # fmt: skip
    # Fills motion and gain; returns each frame's mean square of the motion under `weight`.
    squares = np.empty(len(sums))
    for t in range(len(sums)):
        _invert_frame(sums[t], light[t], response, motion[t], gain[t])
        square, norm = 0.0, 1e-30
        for c in range(len(weight)):
            x, y = motion[t, c, 0], motion[t, c, 1]
            square += weight[c] * (x * x + y * y)
            norm += weight[c]
        squares[t] = square / norm
    return squares


@numba.njit(nogil=True, cache=True, fastmath=True)
def _invert_frame(
    sums: Float32, light: Float64, response: Float64, motion: Float64, gain: Float64
) -> None:
    a, b, g = response[0], response[1], response[2]
    # Cells that moved little, the usual case, go without a branch, several at a time.
    furthest = 0.0
    for c in range(len(light)):
        px, py = sums[0, c] / light[c], sums[1, c] / light[c]
        x, y = px, py
        for _ in range(_FEW_ROUNDS):
            x, y = px - _leak(a, c, x, y), py - _leak(b, c, x, y)
        motion[c, 0] = x
        motion[c, 1] = y
        gain[c] = sums[2, c] / (1 + _leak(g, c, x, y))
        furthest = max(furthest, abs(px) + abs(py))
    if furthest < _LITTLE_PX:
        return
    for c in range(len(light)):
        px, py = sums[0, c] / light[c], sums[1, c] / light[c]
        if abs(px) + abs(py) < _LITTLE_PX:
            continue
        x, y = px, py
        # A cell that strayed beyond the model's reach keeps its linear answer.
        reach = abs(px) + abs(py) < _FARTHEST_PX
        if reach:
            for _ in range(_MANY_ROUNDS):
                x, y = px - _leak(a, c, x, y), py - _leak(b, c, x, y)
            reach = abs(x - px) + abs(y - py) <= _FARTHEST_PX / 2
        motion[c, 0] = x if reach else px
        motion[c, 1] = y if reach else py
        gain[c] = sums[2, c] / (1 + _leak(g, c, x, y)) if reach else sums[2, c]


@numba.njit(nogil=True, cache=True, fastmath=True)
def _leak(response: Float64, c: int, x: float, y: float) -> float:
    # What motion (x, y) adds to a sum beyond the linear.
    xx, xy, yy = x * x, x * y, y * y
    second = response[0, c] * xx + response[1, c] * xy + response[2, c] * yy
    third = x * (response[3, c] * xx + response[5, c] * yy)
    third += y * (response[4, c] * xx + response[6, c] * yy)
    total: float = second + third
    return total
