"""What a stretch of speech says about whose voice it is: its mean spectrum and its pitch.

The logarithm of the mean spectrum, and of the pitch, is the voice's own, plus what the words make
of it, plus the colour of the channel, plus what noise leaves in doubt; all are taken as Gaussian
(the two-covariance model of Brummer & de Villiers 2010, Odyssey, "The speaker partitioning
problem"). So how well stretches agree with one voice has a closed form, whatever the band and the
noise. The mean of *power* is used because the noise's is known and can be taken off it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phonoscope.speakers.background import Background, band_numbers
from phonoscope.speakers.features import Frames, typical_pitch
from phonoscope.types import Float64

LEARNED_FRAMES = 130  # of speech, in a stretch from which `Background.within` was learned

_LEVEL_VARIANCE = 400.0  # nothing is known about how loud it is
_NO_PITCH_VARIANCE = 100.0
_PITCH_ERROR = 0.05  # of the median, as a part of it
_NEWS = 4.0  # frames overlap: about every fourth is news
_TRUSTED = 0.05  # of the noise, the least speech that a spectrum is taken to hold
_LOST = 2.0  # standard deviations of the noise below which a band says nothing
_LOST_VARIANCE = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What some frames of speech look like.

    Attributes
    ----------
    value
        ``(band + 1,)`` natural logarithm of the mean density of the speech in each band, noise
        taken off, and last that of the pitch.
    doubt
        ``(band + 1, band + 1)`` its covariance about the voice's own: by words and noise.
    """

    value: Float64
    doubt: Float64


def look_at(speech: Frames, background: Background) -> Look:
    """Return what frames look like, all of which count as speech."""
    count = len(speech)
    density = speech.density.mean(axis=0)
    excess = density - speech.noise
    clean = np.maximum(excess, _TRUSTED * speech.noise + 1e-6 * density.mean() + 1e-300)
    error = speech.noise * np.sqrt(_NEWS / count)
    variance = (error / np.maximum(clean, error + 1e-300)) ** 2
    variance += np.where(excess < _LOST * error, _LOST_VARIANCE, 0.0)
    pitch = typical_pitch(speech)
    heard = np.isfinite(pitch)
    noise = np.diag(np.append(variance, _PITCH_ERROR**2 if heard else _NO_PITCH_VARIANCE))
    noise[:-1, :-1] += _LEVEL_VARIANCE
    numbers = _with_pitch(speech.centre_hz, background)
    said = background.within[np.ix_(numbers, numbers)] * (LEARNED_FRAMES / count)
    if not heard:
        pitch = background.centre[-1]
    return Look(np.append(np.log(clean), pitch), said + noise)


def _with_pitch(centre_hz: Float64, background: Background) -> NDArray[np.intp]:
    return np.append(band_numbers(centre_hz), len(background.centre) - 1)


def between(centre_hz: Float64, background: Background) -> tuple[Float64, Float64]:
    """Return mean, ``(band + 1,)``, and covariance, ``(band + 1, band + 1)``, over voices."""
    numbers = _with_pitch(centre_hz, background)
    return background.centre[numbers], background.between[np.ix_(numbers, numbers)]


def log_ratio(heard: Look, known: Look, mean: Float64, spread: Float64, colour: Float64) -> float:
    """Return the log-likelihood ratio of one voice against two.

    Parameters
    ----------
    heard, known
        What the two sides look like.
    mean, spread
        Of voices, as `between` returns them.
    colour
        ``(band + 1, band + 1)`` covariance of the colour that the one has and the other has not.
    """
    gain = np.linalg.solve(spread + known.doubt, spread).T
    expected = mean + gain @ (known.value - mean)
    left = spread - gain @ spread
    alone = spread + heard.doubt + colour
    return _log_density(heard.value - expected, left + heard.doubt + colour) - _log_density(
        heard.value - mean, alone
    )


def _log_density(away: Float64, covariance: Float64) -> float:
    root = np.linalg.cholesky((covariance + covariance.T) / 2)
    white = np.linalg.solve(root, away)
    return float(-white @ white / 2 - np.log(np.diag(root)).sum())


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """What stretches say about their voice; what several say of one voice adds up.

    The voice is a vector whose coordinates have variance 1 over voices.

    Attributes
    ----------
    linear
        ``(stretch, coordinate)`` precision times value.
    precision
        ``(stretch, coordinate, coordinate)``.
    """

    linear: Float64
    precision: Float64

    def __len__(self) -> int:
        return len(self.linear)

    def grouped(self, member: Float64) -> "Sums":
        """Return the sums of groups, ``member`` being ``(group, stretch)`` of 0 and 1."""
        return Sums(member @ self.linear, np.tensordot(member, self.precision, 1))

    def evidence(self) -> Float64:
        """Return the log-evidence, ``(stretch,)``, of each as a voice of its own.

        It is relative to that of the voice in the middle; voices are integrated out.
        """
        total = np.eye(self.linear.shape[1]) + self.precision
        solved = np.linalg.solve(total, self.linear[:, :, None])[:, :, 0]
        quality = np.einsum("sr,sr->s", self.linear, solved)
        return np.asarray((quality - np.linalg.slogdet(total)[1]) / 2)


def sum_up(looks: list[Look], spread: Float64) -> Sums:
    """Return what each stretch says, about the mean of all: the colour is common, and not known."""
    precisions = np.array([np.linalg.inv(look.doubt) for look in looks])
    values = np.array([look.value for look in looks])
    centre = np.linalg.solve(precisions.sum(axis=0), np.einsum("sij,sj->i", precisions, values))
    size, axes = np.linalg.eigh(spread)
    root = axes * np.sqrt(np.maximum(size, 0))
    linear = np.einsum("sij,sj->si", precisions, values - centre) @ root
    return Sums(linear, root.T @ precisions @ root)
