"""A window of rows as a Gaussian process, whose spectrum is learned from them.

The sound in a window is a sum of waves with independent coefficients: it is stationary, but for a
pitch that may bend. The variances of the coefficients, its spectrum, are learned by expectation
maximisation (Dempster, Laird and Rubin, doi:10.1111/j.2517-6161.1977.tb01600.x), with a prior on
its cepstrum without which gaps between rows leave it undetermined.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numba
import numpy as np
from numpy.typing import NDArray

from phonoscope.sound.lapack import cholesky, inverse_diagonal, solve
from phonoscope.types import Float32, Float64

if TYPE_CHECKING:
    from scipy.sparse import csr_array

BENDS = np.arange(-3, 4) * 0.5  # change of a voice's pitch in 1 s, as a share of it
STRAIGHT = len(BENDS) // 2
# Variance of the orthonormal cepstrum of log power: envelope, and pitch of a voice, or chords.
_ENVELOPE, _ENVELOPE_S = 600.0, 0.0008
_PITCH = 200.0
_RELAX = 1.5  # steps are too short by about this: rows tell less than all
_FLOOR = 0.01  # of a window's power, spread evenly: from less, an onset would not be learned
_JITTER = 1e-6  # of the largest precision: rounding and gridding must not make one negative
_FAINTEST = 1e-12  # of the strongest line
_MISFIT = 0.03
_INDEPENDENT = 0.5  # of the frequencies: the taper blurs them
_FAINT = 1e-3  # of the most information that a fine sample has: less is taken for none
_TINY = 1e-200
_COARSER = 8  # the error changes more slowly than the sound


@dataclass(frozen=True, slots=True, eq=False)
class Waves:
    """The waves of which a sound consists: 1, cosines, sines, of the periods that fit a window.

    Where pitch bends they are even on a clock that runs faster and faster: at t from the window's
    centre it shows t + bend t²/2.

    Attributes
    ----------
    bins
        How many frequencies, 0 with them.
    resolved
        Fine samples to half a period of the highest.
    taper
        ``(fine sample,)`` how much a row counts.
    middle
        Per bend ``(even sample, coefficient)``, about the window's centre.
    clocks
        Per bend what shares fine samples out to those of its clock.
    """

    bins: int
    resolved: int
    taper: Float64
    middle: tuple[Float64, ...]
    clocks: "tuple[csr_array, ...]"

    @classmethod
    def of(cls, rate_hz: int, half: int, hop: int, finer: int, band_hz: float) -> "Waves":
        """Return those of a window of `half` even samples to either side of its centre.

        `hop` even samples to either side are of interest; of fine samples there are `finer` times
        as many.
        """
        bins = int(band_hz * 2 * half / rate_hz) + 1
        middle = []
        for bend in BENDS:
            turns = _shown(np.arange(-hop, hop) / rate_hz, bend) * rate_hz + half
            phase = np.outer(turns, np.arange(bins)) * (np.pi / half)
            middle.append(np.hstack([np.cos(phase), np.sin(phase[:, 1:])]))
        size = 2 * half * finer
        return cls(
            bins, int(rate_hz * finer / (2 * band_hz)),
            np.sin(np.pi * np.arange(size) / size) ** 2, tuple(middle),
            tuple(_clock(bend, size, rate_hz * finer) for bend in BENDS),
        )  # fmt: skip


def _shown(time_s: Float64, bend: float) -> Float64:
    return np.asarray(time_s + bend * time_s**2 / 2)


def _clock(bend: float, size: int, rate_hz: int) -> "csr_array":
    from scipy.sparse import csr_array  # slow to import

    places = _shown((np.arange(size) - size / 2) / rate_hz, bend) * rate_hz + size / 2
    whole = np.floor(places).astype(np.int64)
    # What falls over an end comes in at the other, as the waves do; there the taper is near zero.
    to = np.concatenate([(whole + offset) % size for offset in range(-1, 3)])
    shares = np.concatenate(cubic(places - whole))
    return csr_array((shares, (to, np.tile(np.arange(size), 4))), shape=(size, size))


def cubic(x: Float64) -> tuple[Float64, ...]:
    """Return the cubic weights of the samples at -1, 0, 1 and 2 for what lies at x."""
    return (
        -x * (x - 1) * (x - 2) / 6, (x + 1) * (x - 1) * (x - 2) / 2,
        -(x + 1) * x * (x - 2) / 2, (x + 1) * x * (x - 1) / 6,
    )  # fmt: skip


def cepstral_prior(bins: int, band_hz: float, window_s: float, pitch_s: float) -> Float64:
    """Return ``(quefrency,)`` the variance of the cepstrum of a kind of sound.

    Its envelope may be any, its lines as fine as periods of `pitch_s`. In units of what a window
    can tell.
    """
    quefrency = np.arange(bins) / (2 * band_hz)
    envelope = _ENVELOPE / (1 + (quefrency / _ENVELOPE_S) ** 2)
    return np.asarray((envelope + _PITCH / (1 + (quefrency / pitch_s) ** 4)) * window_s)


# --- what rows tell -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the rows of a window tell of its waves' coefficients, if pitch bends like this.

    Attributes
    ----------
    bend
        Index in `BENDS`.
    taper
        ``(fine sample,)`` by which the rows' information was multiplied.
    precision, right
        ``(coefficient, coefficient)`` and ``(coefficient,)`` of the normal equations, 1/px².
    power
        Mean square of the rows, px².
    """

    bend: int
    taper: Float64
    precision: Float64
    right: Float64
    power: float

    @classmethod
    def of(cls, sums: Float64, bend: int, waves: Waves) -> "Seen":
        """Return what is told by ``(2, fine sample)`` information (1/px²) and score (1/px).

        Far from the centre the sound may be another: there rows count for less (local likelihood).
        """
        from scipy.ndimage import uniform_filter1d  # slow to import

        power = _power(*sums)
        # Of information the local mean: rows may lie further apart than fine samples.
        around = uniform_filter1d(sums[0], waves.resolved, mode="constant").clip(0)
        taper = waves.taper / (1 + _MISFIT * power * around * (1 - waves.taper))
        information, score = _bent(sums * taper, bend, waves)
        transform = np.fft.rfft(score)[: waves.bins]
        right = np.concatenate([transform.real, -transform.imag[1:]])
        return cls(bend, taper, _precision(information, waves.bins), right, power)


def known(information: Float64) -> NDArray[np.bool_]:
    """Return which fine samples rows tell anything of."""
    return np.asarray(information > _FAINT * information.max())


def _power(information: Float64, score: Float64) -> float:
    at = known(information)
    if not at.any():
        return _TINY
    return max(_TINY, float(np.sum(score[at] ** 2 / information[at]) / information[at].sum()))


def _bent(sums: Float64, bend: int, waves: Waves) -> Float64:
    return sums if bend == STRAIGHT else np.asarray((waves.clocks[bend] @ sums.T).T)


def _precision(information: Float64, bins: int) -> Float64:
    """Return what the rows tell of the coefficients: cosines first, then sines but the zeroth."""
    result = np.empty((2 * bins - 1, 2 * bins - 1))
    _fill(np.fft.rfft(information)[: 2 * bins - 1] / 2, bins, result)
    return result


@numba.njit(nogil=True, cache=True)
def _fill(transform: NDArray[np.complex128], bins: int, result: Float64) -> None:
    real, imag = transform.real.copy(), transform.imag.copy()
    both = np.concatenate((real[:0:-1], real))  # and at -n what is at n, or its negative
    odd = np.concatenate((-imag[:0:-1], imag))
    zero = len(real) - 1
    for k in range(bins):
        cosines = result[k]
        for n in range(bins):
            cosines[n] = both[zero + k - n] + real[k + n]
        for n in range(1, bins):
            cosines[bins - 1 + n] = odd[zero + k - n] - imag[k + n]
    for k in range(1, bins):
        sines = result[bins - 1 + k]
        for n in range(bins):
            sines[n] = result[n, bins - 1 + k]
        for n in range(1, bins):
            sines[bins - 1 + n] = both[zero + k - n] - real[k + n]


# --- the spectrum -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A window as a sum of waves whose coefficients are independent.

    Attributes
    ----------
    seen
        The rows.
    prior
        ``(quefrency,)`` variance of the cepstrum.
    spectrum
        ``(frequency,)`` variance of the waves' coefficients, as learned, px².
    root
        ``(coefficient,)`` prior deviations, px.
    factor
        Cholesky factor of the posterior precision, in units of those; single precision.
    mean
        ``(coefficient,)`` posterior mean, px.
    log_likelihood
        Of the window's rows, but for what no spectrum changes.
    log_prior
        Of the spectrum, but for its norm.
    told
        Share of what could be known of the logarithm of each power that the rows tell, on average.
    """

    seen: Seen
    prior: Float64
    spectrum: Float64
    root: Float64
    factor: Float32
    mean: Float64
    log_likelihood: float
    log_prior: float
    told: float

    @property
    def log_joint(self) -> float:
        """Of rows and spectrum."""
        return self.log_likelihood + self.log_prior

    @property
    def log_evidence(self) -> float:
        """Of the rows, whatever the spectrum (Laplace's approximation)."""
        narrower = np.log1p(_INDEPENDENT * self.told * self.prior[1:]).sum() / 2
        return self.log_joint - float(narrower)


def started(rows: Seen, spectrum: Float64 | None, prior: Float64) -> Fit:
    """Return a window with the spectrum of another, or a flat one."""
    even = np.full(len(prior), rows.power / len(prior))
    return _solved(rows, even if spectrum is None else np.maximum(spectrum, _FLOOR * even), prior)


def refined(fit: Fit, steps: int) -> Fit:
    """Learn the spectrum in so many steps."""
    bins = len(fit.prior)
    shrink = np.append(1, fit.prior[1:] / (1 + fit.prior[1:]))  # any level is as likely
    for _ in range(steps):
        left = inverse_diagonal(fit.factor)
        expected = fit.mean**2 + fit.root**2 * left
        expected[1:bins] = (expected[1:bins] + expected[bins:]) / 2
        spectrum = _believed(fit.spectrum, expected[:bins], shrink)
        fit = _solved(fit.seen, spectrum, fit.prior, float(np.mean((1 - left) ** 2)))
    return fit


def _believed(spectrum: Float64, expected: Float64, shrink: Float64) -> Float64:
    """Return a likelier spectrum: one scoring step for log power, its cepstrum shrunk.

    Of power that has risen manifold only the logarithm is taken: a full step would overshoot.
    """
    from scipy.fft import dct, idct  # slow to import

    ratio = expected / spectrum
    step = np.minimum(ratio - 1, 1 + np.log(ratio))
    before = np.log(spectrum)
    log = idct(shrink * dct(before + step, norm="ortho"), norm="ortho")
    log = before + _RELAX * (log - before)
    return np.asarray(np.exp(np.maximum(log, log.max() + np.log(_FAINTEST))))


def _solved(rows: Seen, spectrum: Float64, prior: Float64, told: float = 0.0) -> Fit:
    """Return the posterior of the coefficients, given the spectrum."""
    from scipy.fft import dct  # slow to import

    root = np.sqrt(np.append(spectrum, spectrum[1:]))
    jitter, done = _JITTER, False
    while not done:
        factor, done = cholesky(rows.precision, root, jitter)
        jitter *= 10
    mean = np.asarray(root * solve(factor, root * rows.right), np.float64)
    likelihood = float(rows.right @ mean) / 2 - float(np.log(np.diag(factor)).sum(dtype=np.float64))
    cepstrum = dct(np.log(spectrum), norm="ortho")[1:]
    believed = -float(np.sum(cepstrum**2 / prior[1:])) / 2
    return Fit(rows, prior, spectrum, root, factor, mean, likelihood, believed, told)


def posterior(fit: Fit, information: Float64, waves: Waves) -> tuple[Float64, Float64]:
    """Return ``(even sample,)`` mean (px) and variance (px²) about the window's centre."""
    # The error is what the prior pulled away, and the noise let through: rows that count for less
    # than they tell are not noisier.
    middle, bend = waves.middle[fit.seen.bend], fit.seen.bend
    # Single precision is enough for variances.
    root = fit.root[:, None].astype(np.float32)
    some = root * middle[::_COARSER].T.astype(np.float32)
    scaled = solve(fit.factor, some)
    through = root * scaled
    tapered = _bent((information * fit.seen.taper**2)[None], bend, waves)[0]
    noise = _precision(tapered, waves.bins).astype(np.float32) @ through
    coarse = np.einsum("ij,ij->j", scaled, scaled) + np.einsum("ij,ij->j", through, noise)
    at = np.arange(len(middle))
    return middle @ fit.mean, np.interp(at, at[::_COARSER], coarse)
