"""The best that physics allows: Cramér-Rao bounds of a cell's motion and of the sound from it."""

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phonoscope.errors import InputError, UsageError

Float64 = NDArray[np.float64]

_UNSEEN = 1e-12  # relative information below which a direction counts as unseen


def displacement_information(
    gradient: ArrayLike, variance: ArrayLike, image: ArrayLike | None = None
) -> Float64:
    """Fisher information of one cell's displacement in one frame, the image being known.

    Parameters
    ----------
    gradient
        ``(height, width, 2)`` derivative of the noise-free image along x and y, grey values a px.
    variance
        ``(height, width)`` noise variance of each pixel, squared grey values; infinite for a pixel
        that tells nothing.
    image
        ``(height, width)`` noise-free image. If given, a gain and an offset of the whole cell
        (lamp flicker) are unknown too, and what they cost is taken off.

    Returns
    -------
    ``(2, 2)`` information about (x, y), px⁻².

    Raises
    ------
    InputError
        If the shapes do not fit, a variance is not positive, or a value is not a number.
    """
    g = np.asarray(gradient, np.float64)
    v = np.asarray(variance, np.float64)
    if g.ndim != 3 or g.shape[2] != 2 or v.shape != g.shape[:2] or not v.size:
        raise InputError(
            f"gradient {g.shape} and variance {v.shape} do not fit; "
            "give (height, width, 2) and (height, width)."
        )
    if not np.isfinite(g).all() or not (v > 0).all():
        raise InputError("gradients must be finite, and variances positive, in every pixel.")
    weight = 1 / v.ravel()
    g = g.reshape(-1, 2)
    information: Float64 = g.T @ (weight[:, None] * g)
    if image is None:
        return information
    i = np.asarray(image, np.float64)
    if i.shape != v.shape or not np.isfinite(i).all():
        raise InputError(f"the image, of shape {i.shape}, must be finite and of shape {v.shape}.")
    return _less_nuisance(information, g, i.ravel(), weight)


def _less_nuisance(information: Float64, g: Float64, image: Float64, weight: Float64) -> Float64:
    if not weight.any():
        return information
    # Centred, the gain is orthogonal to the offset; the Schur complement is then two projections.
    offset = np.ones_like(image)
    gain = image - (weight @ image) / weight.sum()
    for basis in (offset, gain):
        own = weight @ basis**2
        if own > 0:
            shared = g.T @ (weight * basis)
            information = information - np.outer(shared, shared) / own
    return information


def displacement_bound(
    gradient: ArrayLike, variance: ArrayLike, image: ArrayLike | None = None
) -> Float64:
    """Cramér-Rao bound of one cell's displacement in one frame, the image being known.

    No unbiased estimate of the displacement has a smaller covariance. Parameters and errors are
    those of `displacement_information`.

    Returns
    -------
    ``(2, 2)`` covariance of (x, y), px². Infinite for an axis along which the cell does not see
    all motion, such as both axes of a lone slanted edge.
    """
    information = displacement_information(gradient, variance, image)
    # Judged against what the gradient itself holds, not what is left of it after the nuisance.
    whole = displacement_information(gradient, variance)
    values, vectors = np.linalg.eigh(information)
    seen = values > _UNSEEN * np.trace(whole)
    covariance: Float64 = (vectors[:, seen] / values[seen]) @ vectors[:, seen].T
    blind = (np.abs(vectors[:, ~seen]) > 1e-6).any(axis=1)
    covariance[blind, :] = 0
    covariance[:, blind] = 0
    covariance[blind, blind] = math.inf
    return covariance


def sound_bound_db(information: ArrayLike, direction: ArrayLike, motion_rms_px: float) -> float:
    """SI-SDR bound of the sound of a scene that moves rigidly along a known direction, dB.

    All cells move together, so their information adds, and each sample of the motion is known to a
    variance of ``1 / dᵀ J d``. A filter that knows the sound's spectrum (Wiener) may do better,
    because it gives up what it cannot hear; nothing that takes each sample as it comes can.

    Parameters
    ----------
    information
        ``(cell, 2, 2)``, or ``(2, 2)`` for one cell, of (x, y), px⁻²; see
        `displacement_information`.
    direction
        ``(2,)`` of the motion (x, y); its length does not matter.
    motion_rms_px
        RMS of the motion along it, px.

    Returns
    -------
    ``-inf`` if nothing moves or no cell sees that direction.

    Raises
    ------
    InputError
        If the information has another shape or is not finite.
    UsageError
        If the direction has no length or the motion is negative.
    """
    j = np.asarray(information, np.float64)
    if j.ndim not in (2, 3) or j.shape[-2:] != (2, 2) or not np.isfinite(j).all():
        raise InputError(f"information of shape {j.shape} is not (cell, 2, 2), finite.")
    d = np.asarray(direction, np.float64)
    length = float(np.linalg.norm(d))
    if d.shape != (2,) or not (0 < length < math.inf):
        raise UsageError(f"direction {direction!r} is not (x, y) with a length, such as (1, 0).")
    if not 0 <= motion_rms_px < math.inf:
        raise UsageError(f"motion_rms_px is {motion_rms_px!r}; give pixels, 0 or more.")
    d = d / length
    along = float(d @ j.reshape(-1, 2, 2).sum(axis=0) @ d)
    snr = motion_rms_px**2 * along
    return 10 * math.log10(snr) if snr > 0 else -math.inf
