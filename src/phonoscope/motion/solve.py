"""From weighted sums to motion and gain: take the light off, undo what larger motion leaves."""

from dataclasses import dataclass

import numba
import numpy as np

from phonoscope.types import Float32, Float64

_FEWEST_CELLS_FOR_A_PLANE = 12
_STRAYS = 6.0  # standard deviations
_REWEIGHTINGS = 4
_LARGE_PX = 0.03
_MOST_LIGHT = 8.0  # lamps do not change more than that


@dataclass(frozen=True, slots=True, eq=False)
class LightFit:
    """How the common light of a frame is read from its cells' gains: a plane over the region.

    A lamp brightens a whole scene smoothly, so the product of a cell's displacement from its pose
    and the light's change is removed with a plane through all cells, which is known far better
    than any one cell's own gain.

    Attributes
    ----------
    basis
        ``(cell, k)`` of the plane: 1, and x and y where there are cells enough.
    weight
        ``(cell,)`` 1 / claimed variance of each gain, 0 where it is unknown.
    reader
        ``(cell, k)``: gains times this are the coefficients of the plane.
    """

    basis: Float64
    weight: Float64
    reader: Float64

    @classmethod
    def over(cls, centres: Float64, gain_variance: Float64) -> "LightFit":
        """Fit over cells at `centres` ``(cell, 2)`` with the gain variances claimed ``(cell,)``."""
        known = gain_variance > 0
        weight = np.where(known, 1 / np.where(known, gain_variance, 1), 0)
        spread = np.ptp(centres, axis=0)
        basis = np.ones((len(centres), 1))
        if known.sum() >= _FEWEST_CELLS_FOR_A_PLANE and spread.min() > 0:
            basis = np.column_stack([basis, (centres - centres.mean(axis=0)) / spread])
        normal = basis.T @ (weight[:, None] * basis)
        reader = weight[:, None] * basis @ np.linalg.pinv(normal, hermitian=True)
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
        basis, weight, seen = self.basis[known], self.weight[known], gain[:, known]
        plane = np.median(seen, axis=1, keepdims=True)
        for _ in range(_REWEIGHTINGS):
            deviation = np.abs(seen - plane) * np.sqrt(weight)
            scale = 2 * np.maximum(1, np.median(deviation, axis=1, keepdims=True))
            trust = weight / (1 + (deviation / scale) ** 2) ** 2
            coefficients = _least_squares(basis, trust, seen)
            plane = coefficients @ basis.T
        return np.asarray(coefficients @ self.basis.T)


@numba.njit(nogil=True, cache=True, fastmath=True)
def _plane(
    gain: Float64, reader: Float64, basis: Float64, precision: Float64, light: Float64
) -> Float64:
    # Fills light; returns each frame's largest deviation from it. Written out because a matrix
    # product would set the threads of a linear algebra library against those of the pixel pass.
    frames, cells = gain.shape
    terms = basis.shape[1]
    largest = np.zeros(frames)
    coefficients = np.empty(terms)
    for t in range(frames):
        coefficients[:] = 0
        for c in range(cells):
            for k in range(terms):
                coefficients[k] += reader[c, k] * gain[t, c]
        for c in range(cells):
            value = 0.0
            for k in range(terms):
                value += coefficients[k] * basis[c, k]
            light[t, c] = value
            largest[t] = max(largest[t], abs(gain[t, c] - value) * precision[c])
    return largest


def _least_squares(basis: Float64, weight: Float64, values: Float64) -> Float64:
    # Coefficients (sample, k) of values (sample, cell) under weights (sample or 1, cell).
    normal = np.einsum("ck,tc,cl->tkl", basis, weight, basis, optimize=True)
    right = (weight * values) @ basis
    ridge = 1e-12 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(basis.shape[1])
    return np.asarray(np.linalg.solve(normal + ridge, right[:, :, None])[:, :, 0])


@numba.njit(nogil=True, cache=True, fastmath=True)
def stray_square(gain: Float64, light: Float64, weight: Float64) -> Float64:
    """Return ``(sample,)`` mean squares, under `weight`, of gains' relative departure from light.

    `gain` and `light` are ``(sample, cell)``, `weight` ``(cell,)``.
    """
    total = weight.sum()
    result = np.zeros(gain.shape[0])
    for t in range(gain.shape[0]):
        for c in range(gain.shape[1]):
            stray = gain[t, c] / light[t, c] - 1
            result[t] += weight[c] * stray * stray
    mean: Float64 = result / max(total, 1e-30)
    return mean


def solve(
    sums: Float32, response: Float64, light_fit: LightFit
) -> tuple[Float64, Float64, Float64]:
    """Return motion from the pose, gain, and the common light.

    Parameters
    ----------
    sums
        ``(sample, cell, 3)`` of frames under a linearisation's weights.
    response
        ``(cell, 3, 7)`` of that linearisation.
    light_fit
        Of the same cells.

    Returns
    -------
    ``(sample, cell, 2)`` px, ``(sample, cell)`` and ``(sample, cell)``. A frame's answer does not
    depend on the others that are solved with it.
    """
    gain = sums[:, :, 2].astype(np.float64)
    motion = np.empty((*sums.shape[:2], 2))
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
    squares = np.empty(sums.shape[0])
    for t in range(sums.shape[0]):
        square, norm = 0.0, 1e-30
        for c in range(sums.shape[1]):
            px = sums[t, c, 0] / light[t, c]
            py = sums[t, c, 1] / light[t, c]
            # A cell that strayed beyond the model's reach keeps its linear answer.
            reach = abs(px) + abs(py) < 0.8
            x, y = px, py
            a, b, g = response[c, 0], response[c, 1], response[c, 2]
            if reach:
                # Each round leaves the motion, in px, of the error before it.
                for _ in range(2 if abs(px) + abs(py) < 0.05 else 4):
                    xx, xy, yy = x * x, x * y, y * y
                    quadratic_x = a[0] * xx + a[1] * xy + a[2] * yy
                    quadratic_y = b[0] * xx + b[1] * xy + b[2] * yy
                    cubic_x = a[3] * xx * x + a[4] * xx * y + a[5] * x * yy + a[6] * yy * y
                    cubic_y = b[3] * xx * x + b[4] * xx * y + b[5] * x * yy + b[6] * yy * y
                    x = px - quadratic_x - cubic_x
                    y = py - quadratic_y - cubic_y
                if abs(x - px) + abs(y - py) > 0.4:
                    reach = False
                    x, y = px, py
            motion[t, c, 0] = x
            motion[t, c, 1] = y
            square += weight[c] * (x * x + y * y)
            norm += weight[c]
            excess = 0.0
            if reach:
                xx, xy, yy = x * x, x * y, y * y
                excess = g[0] * xx + g[1] * xy + g[2] * yy
                excess += g[3] * xx * x + g[4] * xx * y + g[5] * x * yy + g[6] * yy * y
            gain[t, c] = sums[t, c, 2] / (1 + excess)
        squares[t] = square / norm
    return squares
