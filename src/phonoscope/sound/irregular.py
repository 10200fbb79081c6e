"""Irregular samples of a sound, as a rolling shutter takes them, to an even signal.

Rows are read one after the other, and none between frames. The sound is taken to be a Gaussian
process, stationary over a few hundredths of a second; its posterior mean, given the rows and their
noise, is the estimate, in the gaps too. Window by window its spectrum is learned from that of the
window before. Two kinds of sound are tried side by side: a voice, whose pitch may bend within a
window, and steady notes, whose lines are finer. What both say is mixed as the rows of late make
them likely.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError, UsageError
from phonoscope.sound.gaussian import (
    BENDS,
    STRAIGHT,
    Fit,
    Seen,
    Waves,
    cepstral_prior,
    cubic,
    known,
    posterior,
    refined,
    started,
)
from phonoscope.types import Float64

_WINDOW_S = 0.085
_HOPS_PER_S = 33
_GRID_OF_BAND = 32  # samples of the fine grid to a period of the band's upper edge
_MARGIN = 4  # fine samples; a row reaches less far over the end of a window
_VOICE_S, _STEADY_S = 0.010, 0.020  # periods of the finest lines
_FIRST_STEPS = 20  # of expectation maximisation
_STEPS = 3  # from the spectrum of the window before
_FEW_STEPS = 2  # for a kind of sound that is out of the question
_BEND_COST = 1.0  # nats for each 1/s
_HOPELESS = 8.0  # nats behind the likeliest bend
_MEMORY = 0.8  # of a window for the window before, as to the kind of sound
_SURE = 4.0  # nats


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
    grid = _grid(rate_hz, band_hz)
    before: Even | None = None
    for window, length in _even_windows(blocks, grid, start_s):
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
    grid = _grid(rate_hz, band_hz)
    spectrum: Float64 | None = None
    total = 0.0
    for sums, _ in _windows(blocks, grid, start_s):
        start = started(Seen.of(sums, STRAIGHT, grid.waves), spectrum, grid.voice)
        fit = refined(start, _FIRST_STEPS if spectrum is None else _STEPS)
        spectrum, total = fit.spectrum, total + fit.log_likelihood
    return total


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Sizes and priors."""

    rate_hz: int
    finer: int  # fine samples to each even one
    half: int  # even samples in half a window
    hop: int
    widest: float  # fine samples between rows around what is measured
    waves: Waves
    voice: Float64  # priors of either kind of sound
    steady: Float64


@lru_cache(maxsize=4)
def _grid(rate_hz: int, band_hz: float) -> _Grid:
    if not 0 < band_hz <= rate_hz / 2:
        raise UsageError(
            f"a band to {band_hz:g} Hz cannot be at {rate_hz} Hz: give more than 0 and at most "
            f"half the rate, {rate_hz / 2:g} Hz."
        )
    finer = int(np.ceil(_GRID_OF_BAND * band_hz / rate_hz))
    half, hop = round(_WINDOW_S / 2 * rate_hz), max(1, rate_hz // _HOPS_PER_S)
    waves = Waves.of(rate_hz, half, hop, finer, band_hz)
    voice, steady = (
        cepstral_prior(waves.bins, band_hz, _WINDOW_S, pitch_s) for pitch_s in (_VOICE_S, _STEADY_S)
    )
    return _Grid(rate_hz, finer, half, hop, rate_hz * finer / (2 * band_hz), waves, voice, steady)


# --- windows of rows ----------------------------------------------------------------------------


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
    counts = rows.variance < np.inf
    if not (np.all(rows.variance > 0) and np.isfinite(rows.values[counts]).all()):
        raise InputError(
            "a row's variance is not positive, or its value is not finite; give rows that measured "
            "nothing an infinite variance."
        )
    information = np.where(counts, 1 / rows.variance, 0)
    return np.stack([information, information * np.where(counts, rows.values, 0)])


def _share_out(held: Float64, places: Float64, weights: Float64) -> None:
    inside = places >= 1
    whole = places[inside].astype(np.int64)
    x = places[inside] - whole
    for sums, weight in zip(held, weights[:, inside], strict=True):
        for offset, share in enumerate(cubic(x), -1):
            np.add.at(sums, whole + offset, weight * share)


def _measured(information: Float64, grid: _Grid) -> NDArray[np.bool_]:
    some, index = known(information), np.arange(len(information))
    before = np.maximum.accumulate(np.where(some, index, -len(some)))
    after = np.minimum.accumulate(np.where(some, index, 2 * len(some))[::-1])[::-1]
    at = (np.arange(-grid.hop, grid.hop) + grid.half) * grid.finer
    return np.asarray((after - before)[at] <= grid.widest)


# --- kinds of sound -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Heard:
    """A window as either kind of sound, and by how many nats the steady one is likelier."""

    voice: Fit
    steady: Fit
    odds: float


def _even_windows(
    blocks: Iterable[Rows], grid: _Grid, start_s: float
) -> Iterator[tuple[Even, int]]:
    """Yield what each window says about its centre, and samples since the window before."""
    heard: _Heard | None = None
    waiting: tuple[Future[Even], int] | None = None
    # Two threads have about as much to do: one follows the voice, the other steady notes, and then
    # what the last window says.
    with ThreadPoolExecutor(1) as aside:
        for sums, length in _windows(blocks, grid, start_s):
            heard = _heard(sums, heard, grid, aside)
            if waiting is not None:
                yield waiting[0].result(), waiting[1]
            waiting = aside.submit(_mixed, heard, sums[0].copy(), grid), length
        if waiting is not None:
            yield waiting[0].result(), waiting[1]


def _heard(sums: Float64, before: _Heard | None, grid: _Grid, aside: Executor) -> _Heard:
    """Learn a window's spectrum as that of either kind, from those of the window before."""
    straight = Seen.of(sums, STRAIGHT, grid.waves)
    if before is None:
        steady = aside.submit(refined, started(straight, None, grid.steady), _FIRST_STEPS)
        voice = refined(started(straight, None, grid.voice), _FIRST_STEPS)
        return _Heard(voice, steady.result(), steady.result().log_evidence - voice.log_evidence)
    # As a kind that is out of the question a window is only followed.
    last, steps = before.steady.spectrum, _FEW_STEPS if before.odds < -_SURE else _STEPS
    steady = aside.submit(lambda: refined(started(straight, last, grid.steady), steps))
    bends = (STRAIGHT,) if before.odds > _SURE else _near(before.voice.seen.bend)
    seen = [straight if b == STRAIGHT else Seen.of(sums, b, grid.waves) for b in bends]
    voice = _likeliest(
        [started(one, before.voice.spectrum, grid.voice) for one in seen],
        _FEW_STEPS if before.odds > _SURE else _STEPS,
    )
    odds = steady.result().log_evidence - voice.log_evidence
    return _Heard(voice, steady.result(), _MEMORY * before.odds + (1 - _MEMORY) * odds)


def _near(bend: int) -> range:
    return range(max(0, bend - 1), min(len(BENDS), bend + 2))


def _likeliest(fits: list[Fit], steps: int) -> Fit:
    """Refine the fit whose bend is likeliest: one step tells, and of some none need be made."""

    def likely(fit: Fit) -> float:
        return fit.log_joint - _BEND_COST * abs(float(BENDS[fit.seen.bend]))

    least = max(map(likely, fits)) - _HOPELESS
    best = max((refined(fit, 1) for fit in fits if likely(fit) >= least), key=likely)
    return refined(best, steps - 1)


def _mixed(heard: _Heard, information: Float64, grid: _Grid) -> Even:
    """Return the posterior of the two hops about a window's centre, over both kinds of sound."""
    measured = _measured(information, grid)

    def of(fit: Fit) -> Even:
        return Even(*posterior(fit, information, grid.waves), measured)

    if heard.odds > _SURE:
        return of(heard.steady)
    if heard.odds < -_SURE:
        return of(heard.voice)
    return _mixture(of(heard.voice), of(heard.steady), 1 / (1 + np.exp(-heard.odds)))


def _joined(left: Even, right: Even, length: int) -> Even:
    """Return the samples between two windows: a mixture of what both say."""
    hop = len(left.samples) // 2
    late = Even(left.samples[hop:], left.variance[hop:], left.measured[hop:])
    early = Even(right.samples[:hop], right.variance[:hop], right.measured[:hop])
    both = _mixture(late, early, np.sin(np.arange(hop) * (np.pi / 2 / hop)) ** 2)
    return Even(both.samples[:length], both.variance[:length], both.measured[:length])


def _mixture(one: Even, other: Even, share: Float64 | float) -> Even:
    """Return what is known if the other is right with this probability."""
    apart = other.samples - one.samples
    variance = (1 - share) * one.variance + share * other.variance + share * (1 - share) * apart**2
    return Even(one.samples + share * apart, variance, one.measured)
