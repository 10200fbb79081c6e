"""Linearise a picture about a pose: the weights that read motion from a frame, and what they miss.

Model of a pixel in a cell that moved by ``u`` from the pose and whose light changed::

    y(x) = gain * R(x - u) + offset + noise,     var noise = noise model at R

Weighted least squares on the basis ``[-dR/dx, -dR/dy, R, 1]`` gives ``(gain u_x, gain u_y, gain,
offset)``: fixed weights times the frame, summed. Two things keep it exact:

*Noisy reference.* R is a mean over n frames, so its derivatives hold noise, which would make the
information look larger than it is and every motion smaller (errors in variables). The expected
noise is taken off the normal matrix, and the claimed covariance accounts for it.

*Larger motion.* The second and third order of ``R(x - u)`` leak into the three sums as known
polynomials of u (`response`), which `phonoscope.motion.solve` inverts.
"""

from dataclasses import dataclass

import numpy as np

from phonoscope.motion.cells import Grid
from phonoscope.motion.derivative import ORDERS, derive, noise_gram
from phonoscope.motion.kernel import cell_gram, spread
from phonoscope.motion.threads import shared_out
from phonoscope.types import Float32, Float64

# A direction is measured where its true gradient energy exceeds the noise energy in the gradient.
_LEAST_GRADIENT_SNR = 1.0
# Below this relative contrast (variance of the gain's column once the offset is fitted, over its
# noise) a cell cannot tell gain from offset.
_LEAST_CONTRAST_SNR = 1.0
# A direction whose error would exceed a pixel is as good as unknown.
_LEAST_INFORMATION = 1.0
# The basis is [-dR/dx, -dR/dy, R, 1, second and third derivatives]: where `ORDERS` stand in it.
_PLACES = (2, 0, 1, *range(4, 1 + len(ORDERS)))
_SIGNS = np.array([-1.0, -1, 1, 1, *[1] * 7])


@dataclass(frozen=True, slots=True, eq=False)
class Linearisation:
    """How to read the motion of one grid's cells about one pose.

    Attributes
    ----------
    weights
        ``(3, height, width)`` weight images over the grid's region; the sums of a frame under them
        are (gain u_x, gain u_y, gain) to first order.
    response
        ``(3, 7, cell)`` what the sums also hold: coefficients of u_x², u_x u_y, u_y², u_x³,
        u_x² u_y, u_x u_y², u_y³.
    covariance
        ``(cell, 3, 3)`` error covariance of (u_x, u_y, gain); zero where nothing is measured.
    known
        ``(cell, 2, 2)`` projector on the directions that the cell can measure.
    """

    weights: Float32
    response: Float64
    covariance: Float64
    known: Float64


def linearise(
    image: Float32, weight: Float32, grid: Grid, margin: tuple[int, int], averaged: float
) -> Linearisation:
    """Linearise about the pose shown in `image`.

    Parameters
    ----------
    image
        ``(height, width)`` reference picture in that pose: the grid's region with a margin.
    weight
        ``(height, width)`` of each pixel: 1 / noise variance, 0 where it is not to be used.
    grid
        The cells.
    margin
        (x, y) position of `image` in the frame, px.
    averaged
        Number of frames whose mean `image` is.
    """
    x_edges, y_edges = grid.x_edges - margin[0], grid.y_edges - margin[1]
    # The signs of the basis are put in where it has become sums: the pictures themselves are large.
    stack = np.empty((1 + len(ORDERS), *image.shape), np.float32)
    stack[3] = 1
    derive(image, [stack[place] for place in _PLACES])

    def of_rows(rows: slice) -> Float64:
        own = y_edges[rows.start : rows.stop + 1]
        return np.asarray(cell_gram(stack, weight, 4, x_edges, own))

    gram = np.concatenate(shared_out(of_rows, grid.rows))
    gram *= np.outer(_SIGNS[:4], _SIGNS)
    seen = (weight > 0).astype(np.float32)
    used = cell_gram(seen[None], seen, 1, x_edges, y_edges)
    noise = used / averaged * _basis_noise()
    mix, known = _solution(gram[:, :, :4], gram[:, :, :4] - noise[:, :, :4])
    region = (slice(y_edges[0], y_edges[-1]), slice(x_edges[0], x_edges[-1]))
    weights = spread(
        np.ascontiguousarray(stack[:4, *region]), np.ascontiguousarray(weight[region]),
        mix * _SIGNS[:4], x_edges - x_edges[0], y_edges - y_edges[0],
    )  # fmt: skip
    return Linearisation(
        weights,
        np.ascontiguousarray((mix @ ((gram - noise)[:, :, 4:] * _taylor())).transpose(1, 2, 0)),
        mix @ gram[:, :, :4] @ mix.transpose(0, 2, 1),
        known,
    )


def _basis_noise() -> Float64:
    # (4, 11) covariance of the basis images per unit noise variance of the reference.
    gram = np.zeros((1 + len(ORDERS),) * 2)  # 1 has none
    gram[np.ix_(_PLACES, _PLACES)] = noise_gram()
    signed: Float64 = gram * np.outer(_SIGNS, _SIGNS)
    return signed[:4]


def _taylor() -> Float64:
    # R(x - u) = R - u.grad R + 1/2 (u.grad)² R - 1/6 (u.grad)³ R
    return np.array([1 / 2, 1, 1 / 2, -1 / 6, -1 / 2, -1 / 2, -1 / 6])


def _solution(gram: Float64, true: Float64) -> tuple[Float64, Float64]:
    """Return the ``(cell, 3, 4)`` mix of basis images that reads (u_x, u_y, gain), and `known`.

    `gram` is the normal matrix of the noisy basis, `true` with its expected noise taken off.
    Gain and offset are eliminated first, so that a cell without contrast still measures nothing
    wrong, and one with texture along one direction measures along the other.
    """
    cells = len(gram)
    contrast = true[:, 2, 2] - true[:, 2, 3] ** 2 / np.maximum(true[:, 3, 3], 1e-30)
    excess = gram[:, 2, 2] - true[:, 2, 2]
    has_gain = (true[:, 3, 3] > 0) & (contrast > _LEAST_CONTRAST_SNR * excess) & (contrast > 1e-9)
    # Inverse of the (gain, offset) block; without contrast, of the offset alone.
    inner = np.zeros((cells, 2, 2))
    safe = np.where(has_gain[:, None, None], true[:, 2:, 2:], np.eye(2))
    inner[has_gain] = np.linalg.inv(safe)[has_gain]
    only_offset = ~has_gain & (true[:, 3, 3] > 0)
    inner[only_offset, 1, 1] = 1 / true[only_offset, 3, 3]

    eliminate = true[:, :2, 2:] @ inner
    schur = true[:, :2, :2] - eliminate @ true[:, 2:, :2]
    values, vectors = np.linalg.eigh(schur)
    noise_energy = (gram - true)[:, [0, 1], [0, 1]].max(axis=1)
    usable = (values > _LEAST_GRADIENT_SNR * noise_energy[:, None]) & (values > _LEAST_INFORMATION)
    # Without its gain a cell would take flicker for motion.
    usable &= has_gain[:, None]
    inverse = np.where(usable, 1 / np.where(usable, values, 1), 0)
    pseudo = (vectors * inverse[:, None, :]) @ vectors.transpose(0, 2, 1)
    known = (vectors * usable[:, None, :]) @ vectors.transpose(0, 2, 1)

    mix = np.zeros((cells, 3, 4))
    mix[:, :2, :2] = pseudo
    mix[:, :2, 2:] = -pseudo @ eliminate
    mix[:, 2, :2] = -(inner[:, :1] @ true[:, 2:, :2] @ pseudo)[:, 0]
    mix[:, 2, 2:] = inner[:, 0] + (inner[:, :1] @ true[:, 2:, :2] @ pseudo @ eliminate)[:, 0]
    mix[~has_gain] = 0
    return mix, known * has_gain[:, None, None]
