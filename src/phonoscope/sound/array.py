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
    Complex,
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
    powers
        ``(bin,)`` of the sound in the first virtual channel, without noise; all together its mean
        square.
    errors
        ``(bin,)`` by which `signal` departs from that: noise, and what was lost with it.
    noise
        ``(bin,)`` power of the noise that is left in `signal`, where white noise of mean square 1
        has 1 in every bin.
    covariance
        ``(k, k)`` of the sound in the virtual channels, without noise.
    response
        ``(bin, k)`` by which the virtual channels' spectra are multiplied, and added up to the
        signal's.
    """

    signal: Float64
    powers: Float64
    errors: Float64
    noise: Float64
    covariance: Float64
    response: Complex

    @property
    def power(self) -> float:
        """Mean square of the sound."""
        return float(self.powers.sum())

    @property
    def error(self) -> float:
        """Mean square of the error."""
        return float(self.errors.sum())


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
    seen, learned = _learned(channels, noise, window)
    # Each direction's part in the reference, and what is heard along it.
    reference = learned.vectors[:, 0]
    along = np.einsum("bkj,bkt->bjt", learned.vectors.conj(), seen)
    toward = learned.gain * np.sqrt(noise)[:, None] * reference
    spectrum = np.einsum("bj,bjt->bt", toward, along)
    share = noise * shares_of_power(window)
    power, gain, part = learned.power, learned.gain, share[:, None] * np.abs(reference) ** 2
    error = np.maximum(power - gain**2 * learned.values, 0)
    rest = learned.values - power * learned.aligned
    covariance = np.einsum(
        "b,bj,bij,bkj->ik", share, power, learned.vectors, learned.vectors.conj()
    )
    return Heard(
        signal=signals_of(spectrum, window, len(channels)),
        powers=(part * power).sum(axis=1),
        errors=(part * error).sum(axis=1),
        noise=noise * (np.abs(reference) ** 2 * gain**2 * rest).sum(axis=1),
        covariance=covariance.real,
        response=np.einsum("bj,bkj->bk", learned.gain * reference, learned.vectors.conj()),
    )


def denoised(channels: Float64, noise: Float64, window: int) -> Float64:
    """Return ``(sample, k)`` what each virtual channel would have heard without noise.

    Parameters are those of `multichannel_wiener`, which does so for the first.
    """
    seen, learned = _learned(channels, noise, window)
    gain = learned.gain[:, None, :] * learned.vectors
    toward = np.sqrt(noise)[:, None, None] * (gain @ learned.vectors.conj().transpose(0, 2, 1))
    return signals_of((toward @ seen).transpose(1, 0, 2), window, len(channels)).T


@dataclass(frozen=True, slots=True, eq=False)
class _Learned:
    """Statistics of virtual channels in each bin, where their noise is 1.

    Attributes
    ----------
    values, vectors
        ``(bin, k)`` and ``(bin, k, k)`` eigenvalues and -vectors of the covariance.
    power, aligned, gain
        ``(bin, k)`` of the sound along each eigenvector, how well that is aligned with the true
        direction, and the gain that loses least.
    """

    values: Float64
    vectors: Complex
    power: Float64
    aligned: Float64
    gain: Float64


def _learned(channels: Float64, noise: Float64, window: int) -> tuple[Complex, _Learned]:
    # ``(bin, k, frame)`` spectra over their noise, and what they teach.
    seen = spectra(channels, window) / np.sqrt(noise)[:, None, None]
    # Windows that reach beyond the ends hold less.
    whole = seen[:, :, OVERLAP // 2 : seen.shape[2] - OVERLAP // 2]
    frames = seen.shape[2] - OVERLAP
    crowding = channels.shape[1] / independent_frames(frames)
    covariance = np.einsum("bit,bjt->bij", whole, whole.conj()) / max(frames, 1)
    values, vectors = np.linalg.eigh(covariance)
    power, aligned = unspiked(values, crowding)
    gain = shrinkage(power, crowding) / np.maximum(values, 1e-30)
    return seen, _Learned(values, vectors, power, aligned, gain)


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


def unfitted(power: float, noise: float) -> tuple[float, float]:
    """Take off what a direction owes to the noise of the samples that it was learned from.

    A direction learned by correlating all channels with what is heard along it holds of each
    channel's noise what was heard at the same time, so that it hears a little of every noise twice.

    Parameters
    ----------
    power
        Mean square of what is heard along it, beyond the noise.
    noise
        Of all channels together, over the number of samples.

    Returns
    -------
    The sound's own mean square, and the square of the cosine between the learned direction and the
    true one.
    """
    aligned = max(power - noise, 0.0) / max(power, 1e-30)
    return aligned**2 * power, aligned


def alignment(power: Float64 | float, crowding: float) -> Float64:
    """Return the mean square of the cosine between the learned and the true direction.

    `power` is that of the sound over the noise, `crowding` as in `unspiked`. 0 where the sound is
    too faint for its direction to be learned at all.
    """
    strength = np.asarray(power, np.float64)
    square = np.maximum(strength**2, 1e-30)
    cosine = (1 - crowding / square) / (1 + crowding / np.sqrt(square))
    return np.asarray(np.maximum(cosine, 0))
