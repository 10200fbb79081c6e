"""Irregular samples of a sound, as a rolling shutter takes them, to an even signal.

Rows are read one after the other, and none between frames. The sound is taken to be a Gaussian
process, stationary over a few hundredths of a second; its posterior mean, given the rows and their
noise, is the estimate, in the gaps too. Window by window its spectrum is learned by expectation
maximisation (Dempster, Laird and Rubin, doi:10.1111/j.2517-6161.1977.tb01600.x), with a prior on
its cepstrum without which the gaps leave it undetermined.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError, UsageError
from phonoscope.types import Float64

_WINDOW_S = 0.070
_HOPS_PER_S = 40
_GRID_OF_BAND = 32  # samples of the fine grid to a period of the band's upper edge
_FIRST_STEPS = 20
_STEPS = 4  # of expectation maximisation, from the spectrum of the window before
_FLOOR = 0.01  # of a window's power, spread evenly: from less, an onset would not be learned
_JITTER = 1e-6  # of the largest precision: rounding and gridding must not make one negative
_FAINTEST = 1e-12  # of the strongest line
_MISFIT = 0.03
_FAINT = 1e-3  # of the most information that a fine sample has: less is taken for none
_TINY = 1e-200
_COARSER = 2  # the error changes more slowly than the sound
_MARGIN = 4  # fine samples; a row reaches less far over the end of a window
# Variance of the orthonormal cepstrum of log power: envelope, and pitch of up to 10 ms.
_ENVELOPE, _ENVELOPE_S = 600.0, 0.0008
_PITCH, _PITCH_S = 200.0, 0.010


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Samples of a sound at any times, each with noise of its own.

    Attributes
    ----------
    times_s
        ``(row,)`` never falling, also from one block to the next.
    values
        ``(row,)`` what was measured, px; ignored where the variance is infinite.
    variance
        ``(row,)`` of the noise, px²; infinite where there is no texture.
    """

    times_s: Float64
    values: Float64
    variance: Float64


@dataclass(frozen=True, slots=True, eq=False)
class Even:
    """A sound at even times.

    Attributes
    ----------
    samples
        ``(sample,)`` posterior mean, px; the first is at the ``start_s`` that was asked for.
    variance
        ``(sample,)`` posterior variance, px².
    measured
        ``(sample,)`` False where the rows around are further apart than half a period of the
        band's upper edge: there the sample is interpolated.
    """

    samples: Float64
    variance: Float64
    measured: NDArray[np.bool_]


def even_out(blocks: Iterable[Rows], *, rate_hz: int, band_hz: float, start_s: float = 0.0) -> Even:
    """Return the posterior mean of the sound at even times, from the start to the last row.

    The same as joining what `stream_even` yields; see there.
    """
    parts = list(stream_even(blocks, rate_hz=rate_hz, band_hz=band_hz, start_s=start_s))
    return Even(
        samples=np.concatenate([part.samples for part in parts]),
        variance=np.concatenate([part.variance for part in parts]),
        measured=np.concatenate([part.measured for part in parts]),
    )


def stream_even(
    blocks: Iterable[Rows], *, rate_hz: int, band_hz: float, start_s: float = 0.0
) -> Iterator[Even]:
    """Yield the posterior mean of the sound at even times, piece by piece.

    How the rows are cut into blocks changes nothing. Memory does not grow with length.

    Parameters
    ----------
    blocks
        Rows in order of time.
    rate_hz
        Of the even signal; at least twice the band.
    band_hz
        Upper edge of the band. Sound above it counts as noise that no variance knows: choose an
        edge above all that was there.
    start_s
        Time of the first sample; rows more than half a window earlier are of no use.

    Raises
    ------
    UsageError
        If the band is not positive, or the rate less than twice the band.
    InputError
        If there are no rows, they are not in order of time, differ in number, or are not numbers.
    """
    if not 0 < band_hz <= rate_hz / 2:
        raise UsageError(
            f"a band to {band_hz:g} Hz cannot be at {rate_hz} Hz: give more than 0 and at most "
            f"half the rate, {rate_hz / 2:g} Hz."
        )
    grid = _Grid.of(rate_hz, band_hz)
    before: Even | None = None
    spectrum: Float64 | None = None
    for sums, length in _windows(blocks, grid, start_s):
        fit = _fitted(sums, spectrum, grid)
        window, spectrum = _posterior(fit, sums[0], grid), fit.spectrum
        if before is not None:
            yield _joined(before, window, length)
        before = window


def log_likelihood(
    blocks: Iterable[Rows], *, rate_hz: int, band_hz: float, start_s: float = 0.0
) -> float:
    """Return how well the rows go together as samples of one sound, in nats.

    Summed over windows that overlap, so only good for comparing: the same rows at other times, or
    with other signs. Parameters and errors are those of `stream_even`.
    """
    grid = _Grid.of(rate_hz, band_hz)
    spectrum: Float64 | None = None
    total = 0.0
    for sums, _ in _windows(blocks, grid, start_s):
        fit = _fitted(sums, spectrum, grid)
        spectrum, total = fit.spectrum, total + fit.log_likelihood
    return total


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Sizes, and the waves of which a sound consists: 1, cosines, sines."""

    rate_hz: int
    finer: int  # fine samples to each even one
    half: int  # even samples in half a window
    hop: int
    widest: float  # fine samples between rows around what is measured
    waves: Float64  # (even sample of the two hops about the centre, coefficient)
    taper: Float64  # (fine sample,) of a window
    shrink: Float64  # (quefrency,) share of a cepstrum that is believed

    @classmethod
    def of(cls, rate_hz: int, band_hz: float) -> "_Grid":
        finer = int(np.ceil(_GRID_OF_BAND * band_hz / rate_hz))
        half, hop = round(_WINDOW_S / 2 * rate_hz), max(1, rate_hz // _HOPS_PER_S)
        edge = int(band_hz * 2 * half / rate_hz)  # index of the highest wave
        phase = np.outer(np.arange(-hop, hop) + half, np.arange(edge + 1)) * (np.pi / half)
        quefrency = np.arange(edge + 1) / (2 * band_hz)
        prior = _ENVELOPE / (1 + (quefrency / _ENVELOPE_S) ** 2)
        prior += _PITCH / (1 + (quefrency / _PITCH_S) ** 4)
        shrink = prior * _WINDOW_S / (1 + prior * _WINDOW_S)
        shrink[0] = 1  # any level is as likely
        fine = np.arange(2 * half * finer)
        return cls(
            rate_hz, finer, half, hop, rate_hz * finer / (2 * band_hz),
            np.hstack([np.cos(phase), np.sin(phase[:, 1:])]),
            np.sin(np.pi * fine / len(fine)) ** 2, shrink,
        )  # fmt: skip


def _windows(blocks: Iterable[Rows], grid: _Grid, start_s: float) -> Iterator[tuple[Float64, int]]:
    """Yield each window's sums, and how many samples lie between it and the window before.

    Sums are ``(2, fine sample)`` information and score. Row i, at time t, adds 1/variance and
    value/variance there, shared out over the four fine samples around t by cubic weights.
    """
    step, size = grid.hop * grid.finer, 2 * grid.half * grid.finer
    held = np.zeros((2, size + 2 * _MARGIN))
    first = -grid.half * grid.finer - _MARGIN  # fine sample at which `held` begins
    samples, last = 0, -np.inf
    for rows in blocks:
        weights = _checked(rows, last)
        if not len(rows.times_s):
            continue
        last = float(rows.times_s[-1])
        places = (rows.times_s - start_s) * (grid.rate_hz * grid.finer)
        held = _lengthened(held, int(places[-1]) - first + _MARGIN)
        _share_out(held, places - first, weights)
        while first + size + 2 * _MARGIN <= places[-1]:
            yield held[:, _MARGIN : _MARGIN + size], grid.hop
            held = _lengthened(held[:, step:], size + 2 * _MARGIN)
            first, samples = first + step, samples + grid.hop
    if last == -np.inf:
        raise InputError("there are no rows; give at least one.")
    end = int((last - start_s) * grid.rate_hz) + 1
    while samples < end + grid.hop:
        yield held[:, _MARGIN : _MARGIN + size], min(grid.hop, end - samples + grid.hop)
        held = _lengthened(held[:, step:], size + 2 * _MARGIN)
        samples += grid.hop


def _lengthened(held: Float64, length: int) -> Float64:
    missing = length - held.shape[1]
    return np.pad(held, ((0, 0), (0, missing))) if missing > 0 else held


def _checked(rows: Rows, last: float) -> Float64:
    """Return ``(2, row)`` information and score."""
    shapes = {array.shape for array in (rows.times_s, rows.values, rows.variance)}
    if len(shapes) > 1 or rows.times_s.ndim != 1:
        raise InputError(f"times, values and variances have shapes {shapes}; give one row.")
    times = np.append(last, rows.times_s)
    if not (np.isfinite(rows.times_s).all() and np.all(times[1:] >= times[:-1])):
        raise InputError("the rows are not in order of time; sort them.")
    seen = rows.variance < np.inf
    if not (np.all(rows.variance > 0) and np.isfinite(rows.values[seen]).all()):
        raise InputError(
            "a row's variance is not positive, or its value is not finite; give rows that measured "
            "nothing an infinite variance."
        )
    information = np.where(seen, 1 / rows.variance, 0)
    return np.stack([information, information * np.where(seen, rows.values, 0)])


def _share_out(held: Float64, places: Float64, weights: Float64) -> None:
    inside = places >= 1
    whole = places[inside].astype(np.int64)
    x = places[inside] - whole
    shares = (
        -x * (x - 1) * (x - 2) / 6, (x + 1) * (x - 1) * (x - 2) / 2,
        -(x + 1) * x * (x - 2) / 2, (x + 1) * x * (x - 1) / 6,
    )  # fmt: skip
    for sums, weight in zip(held, weights[:, inside], strict=True):
        for offset, share in enumerate(shares, -1):
            np.add.at(sums, whole + offset, weight * share)


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """A window as a sum of waves whose coefficients are independent.

    Attributes
    ----------
    spectrum
        ``(frequency,)`` variance of the waves' coefficients, as learned.
    taper
        ``(fine sample,)`` by which the rows' information was multiplied.
    root
        ``(coefficient,)`` prior deviations.
    factor
        Cholesky factor of the posterior precision, in units of those.
    mean
        ``(coefficient,)`` posterior mean.
    log_likelihood
        Of the window's rows, but for what no spectrum changes.
    """

    spectrum: Float64
    taper: Float64
    root: Float64
    factor: Float64
    mean: Float64
    log_likelihood: float


def _fitted(sums: Float64, spectrum: Float64 | None, grid: _Grid) -> _Fit:
    """Learn a window's spectrum, beginning with that of the window before.

    Far from the centre the sound may be another: there rows count for less (local likelihood).
    """
    from scipy.linalg import lapack  # slow to import
    from scipy.ndimage import uniform_filter1d

    power = _power(*sums)
    # Of information the local mean: rows may lie further apart than fine samples.
    around = uniform_filter1d(sums[0], _GRID_OF_BAND // 2, mode="constant").clip(0)
    taper = grid.taper / (1 + _MISFIT * power * around * (1 - grid.taper))
    information, score = sums * taper
    bins = len(grid.shrink)
    transform = np.fft.rfft(score)[:bins]
    right = np.concatenate([transform.real, -transform.imag[1:]])
    precision = _precision(information, bins)
    even = np.full(bins, power / bins)
    steps = _FIRST_STEPS if spectrum is None else _STEPS
    spectrum = even if spectrum is None else np.maximum(spectrum, _FLOOR * even)
    for _ in range(steps):
        root, factor, mean = _solve(precision, right, spectrum)
        inverse = lapack.dtrtri(factor, lower=1)[0]
        expected = mean**2 + root**2 * np.einsum("ij,ij->j", inverse, inverse)
        expected[1:bins] = (expected[1:bins] + expected[bins:]) / 2
        spectrum = _believed(spectrum, expected[:bins], grid.shrink)
    root, factor, mean = _solve(precision, right, spectrum)
    likelihood = float(right @ mean) / 2 - float(np.log(np.diag(factor)).sum())
    return _Fit(spectrum, taper, root, factor, mean, likelihood)


def _posterior(fit: _Fit, information: Float64, grid: _Grid) -> Even:
    """Return the posterior of the two hops about a window's centre."""
    from scipy.linalg import lapack  # slow to import

    # The error is what the prior pulled away, and the noise let through: rows that count for less
    # than they tell are not noisier.
    waves = grid.waves[::_COARSER].T
    scaled = lapack.dpotrs(fit.factor, fit.root[:, None] * waves, lower=1)[0]
    through = fit.root[:, None] * scaled
    noise = _precision(information * fit.taper**2, len(grid.shrink)) @ through
    coarse = np.einsum("ij,ij->j", scaled, scaled) + np.einsum("ij,ij->j", through, noise)
    variance = np.repeat(coarse, _COARSER)[: len(grid.waves)]
    return Even(grid.waves @ fit.mean, variance, _measured(information, grid))


def _power(information: Float64, score: Float64) -> float:
    seen = information > _FAINT * information.max()
    if not seen.any():
        return _TINY
    return max(_TINY, float(np.sum(score[seen] ** 2 / information[seen]) / information[seen].sum()))


def _precision(information: Float64, bins: int) -> Float64:
    """Return what the rows tell of the coefficients: cosines first, then sines but the zeroth."""
    transform = np.fft.fft(information)
    index = np.arange(bins)
    apart, together = transform[index[:, None] - index], transform[index[:, None] + index]
    cosines, sines = (apart + together).real / 2, (apart - together).real / 2
    mixed = (apart - together).imag[:, 1:] / 2
    return np.block([[cosines, mixed], [mixed.T, sines[1:, 1:]]])


def _solve(
    precision: Float64, right: Float64, spectrum: Float64
) -> tuple[Float64, Float64, Float64]:
    """Return the prior's deviations, the posterior's factor in their units, and the mean."""
    from scipy.linalg import lapack  # slow to import

    root = np.sqrt(np.append(spectrum, spectrum[1:]))
    scaled = root[:, None] * precision * root
    diagonal = np.diag(scaled).copy()
    jitter, failed = _JITTER, 1
    while failed:
        scaled[np.diag_indices_from(scaled)] = 1 + diagonal + jitter * diagonal.max()
        factor, failed = lapack.dpotrf(scaled, lower=1)
        jitter *= 10
    mean = root * lapack.dpotrs(factor, root * right, lower=1)[0]
    return root, factor, mean


def _believed(spectrum: Float64, expected: Float64, shrink: Float64) -> Float64:
    """Return a likelier spectrum: one scoring step for log power, its cepstrum shrunk.

    Of power that has risen manifold only the logarithm is taken: a full step would overshoot.
    """
    from scipy.fft import dct, idct  # slow to import

    ratio = expected / spectrum
    step = np.minimum(ratio - 1, 1 + np.log(ratio))
    log = idct(shrink * dct(np.log(spectrum) + step, norm="ortho"), norm="ortho")
    return np.asarray(np.exp(np.maximum(log, log.max() + np.log(_FAINTEST))))


def _measured(information: Float64, grid: _Grid) -> NDArray[np.bool_]:
    known = information > _FAINT * information.max()
    index = np.arange(len(known))
    before = np.maximum.accumulate(np.where(known, index, -len(known)))
    after = np.minimum.accumulate(np.where(known, index, 2 * len(known))[::-1])[::-1]
    at = (np.arange(-grid.hop, grid.hop) + grid.half) * grid.finer
    return np.asarray((after - before)[at] <= grid.widest)


def _joined(left: Even, right: Even, length: int) -> Even:
    """Return the samples between two windows: a mixture of what both say."""
    hop = len(left.samples) // 2
    share = np.sin(np.arange(hop) * (np.pi / 2 / hop)) ** 2
    apart = right.samples[:hop] - left.samples[hop:]
    mean = left.samples[hop:] + share * apart
    variance = (1 - share) * left.variance[hop:] + share * right.variance[:hop]
    variance += share * (1 - share) * apart**2
    return Even(mean[:length], variance[:length], left.measured[hop:][:length])
