"""Many cells as an array of microphones: the multichannel Wiener filter.

A sound s shakes an object's modes, each with its own shape, resonance and damping, so at every
frequency the virtual channels hold ``h(f) s(f)`` plus noise of known power. The filter keeps what
lies along h(f), which is the strongest eigenvector of the channels' covariance there, weighs it by
how sure it is, and returns what the first virtual channel would have heard without noise: one
reference for all frequencies, so that no phase jumps between them (Souden, Benesty and Affes,
doi:10.1109/TASL.2009.2025790). Where more eigenvectors stand above the noise (a resonance narrower
than a bin, a second source), they are kept in the same way.

The eigenvectors are learned from noisy windows. How far they turn away from the true ones is known
from random matrix theory, and the gain that loses least then is that of Gavish and Donoho
(doi:10.1109/TIT.2017.2653801).
"""

from dataclasses import dataclass

import numpy as np

from phonoscope.sound.windows import (
    OVERLAP,
    independent_frames,
    shares_of_power,
    signals_of,
    spectra,
)
from phonoscope.types import Float64


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What the array heard.

    Attributes
    ----------
    signal
        ``(sample,)`` in the units of the first virtual channel.
    power
        Mean square of the sound in the first virtual channel, without noise.
    error
        Mean square by which `signal` departs from that: noise, and what was lost with it.
    noise
        ``(bin,)`` power of the noise that is left in `signal`, where white noise of mean square 1
        has 1 in every bin.
    covariance
        ``(k, k)`` of the sound in the virtual channels, without noise.
    """

    signal: Float64
    power: float
    error: float
    noise: Float64
    covariance: Float64


def multichannel_wiener(channels: Float64, noise: Float64, window: int) -> Heard:
    """Filter virtual channels.

    Parameters
    ----------
    channels
        ``(sample, k)`` signals, the reference first.
    noise
        ``(bin,)`` noise power in every channel, in the spectra of such windows.
    window
        Samples in a window.
    """
    samples, count = channels.shape
    seen = spectra(channels, window) / np.sqrt(noise)[:, None, None]
    # Windows that reach beyond the ends hold less.
    whole = slice(OVERLAP // 2, seen.shape[2] - OVERLAP // 2)
    crowding = count / independent_frames(seen.shape[2] - OVERLAP)
    covariance = np.einsum("bit,bjt->bij", seen[:, :, whole], seen[:, :, whole].conj())
    values, vectors = np.linalg.eigh(covariance / max(seen.shape[2] - OVERLAP, 1))
    power, aligned = unspiked(values, crowding)
    kept = power * aligned
    gain = shrinkage(power, crowding) / np.maximum(values, 1e-30)
    # Each direction's part in the reference, and what is heard along it.
    along = np.einsum("bkj,bkt->bjt", vectors.conj(), seen)
    toward = gain * np.sqrt(noise)[:, None] * vectors[:, 0]
    spectrum = np.einsum("bj,bjt->bt", toward, along)
    share = noise * shares_of_power(window)
    part = share[:, None] * np.abs(vectors[:, 0]) ** 2
    return Heard(
        signal=signals_of(spectrum, window, samples),
        power=float((part * power).sum()),
        error=float((part * np.maximum(power - gain**2 * values, 0)).sum()),
        noise=noise * (np.abs(vectors[:, 0]) ** 2 * gain**2 * (values - kept)).sum(axis=1),
        covariance=np.einsum("b,bj,bij,bkj->ik", share, power, vectors, vectors.conj()).real,
    )


def unspiked(value: Float64, crowding: float) -> tuple[Float64, Float64]:
    """Return the true power behind eigenvalues of noisy samples, and how far they align.

    Parameters
    ----------
    value
        Eigenvalues of a sample covariance whose noise is 1.
    crowding
        Number of channels over number of samples.

    Returns
    -------
    Power of the spike (0 where the eigenvalue may be noise alone), and its `alignment`. Baik and
    Silverstein, doi:10.1016/j.jmva.2005.08.003.
    """
    above = value > (1 + np.sqrt(crowding)) ** 2
    rest = np.where(above, value - 1 - crowding, 2 * np.sqrt(crowding))
    power = (rest + np.sqrt(np.maximum(rest**2 - 4 * crowding, 0))) / 2
    return np.where(above, power, 0.0), np.where(above, alignment(power, crowding), 0.0)


def shrinkage(power: Float64, crowding: float) -> Float64:
    """Return the eigenvalue's part that belongs to the sound, for the least expected error."""
    safe = np.where(power > 0, power, 1)
    return np.asarray(np.where(power > 0, np.maximum(safe - crowding / safe, 0), 0))


def alignment(power: Float64 | float, crowding: float) -> Float64:
    """Return the mean square of the cosine between the learned and the true direction.

    `power` is that of the sound over the noise, `crowding` as in `unspiked`. 0 where the sound is
    too faint for its direction to be learned at all.
    """
    strength = np.asarray(power, np.float64)
    square = np.maximum(strength**2, 1e-30)
    cosine = (1 - crowding / square) / (1 + crowding / np.sqrt(square))
    return np.asarray(np.maximum(cosine, 0))
