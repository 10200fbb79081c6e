"""From weighted sums to motion and gain: take the light off, undo what larger motion leaves."""

from dataclasses import dataclass

import numba
import numpy as np

from phonoscope.types import Float32, Float64

_FEWEST_CELLS_FOR_A_PLANE = 12


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
    reader
        ``(cell, k)``: gains times this are the plane's coefficients.
    """

    basis: Float64
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
        return cls(basis, reader)

    def light(self, gain: Float64) -> Float64:
        """Return the plane at each cell, ``(sample, cell)``, of gains of that shape."""
        if not self.reader.any():
            return np.ones_like(gain)
        light: Float64 = np.maximum((gain @ self.reader) @ self.basis.T, 1e-3)
        return light


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
    ``(sample, cell, 2)`` px, ``(sample, cell)`` and ``(sample, cell)``.
    """
    gain = sums[:, :, 2].astype(np.float64)
    motion = np.empty((*sums.shape[:2], 2))
    for _ in range(2):  # the light corrects the motion, which corrects the gain: twice is exact
        light = light_fit.light(gain)
        _invert(sums, light, response, motion, gain)
    return motion, gain, light


@numba.njit(nogil=True, cache=True, fastmath=True)  # type: ignore[untyped-decorator]
def _invert(
    sums: Float32, light: Float64, response: Float64, motion: Float64, gain: Float64
) -> None:
    for t in range(sums.shape[0]):
        for c in range(sums.shape[1]):
            px = sums[t, c, 0] / light[t, c]
            py = sums[t, c, 1] / light[t, c]
            # A cell that strayed beyond the model's reach keeps its linear answer.
            reach = abs(px) + abs(py) < 0.8
            x, y = px, py
            a, b, g = response[c, 0], response[c, 1], response[c, 2]
            if reach:
                for _ in range(4):
                    xx, xy, yy = x * x, x * y, y * y
                    quadratic_x = a[0] * xx + a[1] * xy + a[2] * yy
                    quadratic_y = b[0] * xx + b[1] * xy + b[2] * yy
                    cubic_x = a[3] * xx * x + a[4] * xx * y + a[5] * x * yy + a[6] * yy * y
                    cubic_y = b[3] * xx * x + b[4] * xx * y + b[5] * x * yy + b[6] * yy * y
                    x = px - quadratic_x - cubic_x
                    y = py - quadratic_y - cubic_y
            motion[t, c, 0] = x
            motion[t, c, 1] = y
            excess = 0.0
            if reach:
                xx, xy, yy = x * x, x * y, y * y
                excess = g[0] * xx + g[1] * xy + g[2] * yy
                excess += g[3] * xx * x + g[4] * xx * y + g[5] * x * yy + g[6] * yy * y
            gain[t, c] = sums[t, c, 2] / (1 + excess)
