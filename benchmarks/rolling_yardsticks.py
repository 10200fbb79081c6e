"""What `rolling.py` compares with: sounds, rows as a rolling shutter takes them, yardsticks.

All yardsticks take ``(sample,)`` samples on an even grid that are NaN where nothing was read.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from listening_truth import RATE_HZ, voice
from phonoscope.audio import resample
from phonoscope.evaluate import align, limit_band, si_sdr
from phonoscope.sound.windows import signals_of, spectra
from phonoscope.types import Float64

FPS = 60
PERIODS = {360: 520, 720: 1040, 1080: 1560}  # lines in a frame's time, of so many that are read
HOPS_PER_S = 60
BINS = 130  # to a frame: a grid of 7,800 samples a second, on which both ends of a read-out lie
BAND_HZ = (80.0, 2000.0)
NOISE_PX = 0.005
_SOUND_HZ = 1900.0  # the filter's edge; nothing is left at 2000 Hz
_FINER = 4  # times RATE_HZ, to integrate over an exposure
_WIENER_S = 0.032
_SPECTRUM_STEP_HZ = 6.0  # fine enough that no covariance wraps round
_FREQUENCIES = np.arange(0, BAND_HZ[1], _SPECTRUM_STEP_HZ)
_LOADING = 1e-9  # of the power: what rounding needs
_DEVIATIONS = 2.0  # of a cepstral coefficient by chance
_FAINTEST, _TINY = 1e-7, 1e-30


# --- sounds and rows ----------------------------------------------------------------------------


def music(duration_s: float, seed: int) -> Float64:
    """Return chords of one to three plucked notes, of slightly sharp harmonics that decay."""
    rng = np.random.default_rng([seed, 31])
    time = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    wave = np.zeros_like(time)
    scale = np.array([0, 2, 4, 5, 7, 9, 11])
    begin = 0.0
    while begin < duration_s:
        own = time[time >= begin] - begin
        for degree in rng.integers(0, 18, rng.integers(1, 4)):
            pitch = 110 * 2 ** ((scale[degree % 7] + 12 * (degree // 7)) / 12)
            number = np.arange(1, int(_SOUND_HZ / pitch) + 1)[:, None]
            hz = number * pitch * np.sqrt(1 + 1e-4 * number**2)
            phase = rng.uniform(0, 2 * np.pi, number.shape)
            decay = np.exp(-own * (3 + number / 2)) / number
            wave[-len(own) :] += (decay * np.sin(2 * np.pi * hz * own + phase)).sum(axis=0)
        begin += rng.uniform(0.15, 0.4)
    return wave


def sound_of(kind: str, duration_s: float, seed: int) -> Float64:
    """Return a voice or music, RMS 1, with nothing from 2 kHz on."""
    played = voice(seed, duration_s) if kind == "speech" else music(duration_s, seed)
    limited = limit_band(played, RATE_HZ, (0, _SOUND_HZ))
    return np.asarray(limited / limited.std())


def drawn(power: Float64, samples: int, seed: int) -> Float64:
    """Return a Gaussian process whose local spectrum is known: nobody can know more of it.

    White noise passes a filter for each hop, of zero phase, and each filter's output counts where
    its hop is: evolving as the spectrum does, as sounds are.

    Parameters
    ----------
    power
        ``(hop, frequency)`` as of `local_spectra`.
    samples
        Of the process, at `RATE_HZ`.
    seed
        Of the noise.
    """
    noise = np.fft.rfft(np.random.default_rng([seed, 77]).standard_normal(samples))
    hz = np.fft.rfftfreq(samples, 1 / RATE_HZ)
    place = np.arange(samples) * (HOPS_PER_S / RATE_HZ)
    result = np.zeros(samples)
    for number, own in enumerate(power):
        density = np.interp(hz, _FREQUENCIES, own / _SPECTRUM_STEP_HZ, right=0)
        passed = np.fft.irfft(noise * np.sqrt(density * RATE_HZ / 2), samples)
        result += np.cos(np.pi / 2 * np.minimum(np.abs(place - number), 1)) ** 2 * passed
    return result


@dataclass(frozen=True, eq=False)
class Clip:
    """What the rows of a clip tell.

    Attributes
    ----------
    period
        Lines to a frame's time.
    times_s, values
        ``(row,)`` beginning of each row's exposure, and what was measured, px.
    lines
        ``(line,)`` the same on an even grid that spans the gaps, NaN there.
    averaged, sound
        ``(sample,)`` what was played, px, at `RATE_HZ`: averaged over the exposure that begins at a
        sample, as the rows see it; and as it was.
    """

    period: int
    times_s: Float64
    values: Float64
    lines: Float64
    averaged: Float64
    sound: Float64

    @property
    def bins(self) -> Float64:
        """``(bin,)`` means of neighbouring rows, NaN in the gaps."""
        return np.asarray(self.lines.reshape(-1, self.period // BINS).mean(axis=1))

    @property
    def bin_variance(self) -> float:
        """Of the noise of a bin, px²."""
        return NOISE_PX**2 * BINS / self.period


class Course:
    """How a sound moves rows: its mean over the exposure that begins at a time."""

    def __init__(self, sound: Float64, exposure_s: float) -> None:
        from scipy.interpolate import CubicSpline  # slow to import

        fine = resample(sound, RATE_HZ, _FINER * RATE_HZ)
        self._course = CubicSpline(np.arange(len(fine)) / (_FINER * RATE_HZ), fine)
        self._integral = self._course.antiderivative()
        self._exposure_s = exposure_s

    def __call__(self, time_s: Float64) -> Float64:
        gone = self._integral(time_s + self._exposure_s) - self._integral(time_s)
        return np.asarray(gone / self._exposure_s)

    def course(self, time_s: Float64) -> Float64:
        """Return the sound as it was."""
        return np.asarray(self._course(time_s))


def filmed(sound: Float64, rms_px: float, exposure_s: float, rows: int, seed: int) -> Clip:
    """Return the rows of whole frames, with noise of `NOISE_PX`."""
    frames = len(sound) * FPS // RATE_HZ
    samples = frames * RATE_HZ // FPS
    averaged = Course(rms_px * sound, exposure_s)
    period = PERIODS[rows]
    line = np.arange(frames * period)
    read = line % period < rows
    times = line[read] / (FPS * period)
    noise = NOISE_PX * np.random.default_rng([seed, 13]).standard_normal(len(times))
    values = averaged(times) + noise
    lines = np.full(len(line), np.nan)
    lines[read] = values
    even = np.arange(samples) / RATE_HZ
    return Clip(period, times, values, lines, averaged(even), averaged.course(even))


def score_db(truth: Float64, estimate: Float64, rate_hz: float) -> float:
    """Return the SI-SDR in the band, of all samples, those in gaps as well; delay is forgiven."""
    limited = limit_band(truth, RATE_HZ, BAND_HZ)
    heard = limit_band(resample(estimate, rate_hz, RATE_HZ), RATE_HZ, BAND_HZ)
    return si_sdr(limited, align(limited, heard, RATE_HZ, max_lag_s=0.01)[0])


# --- interpolation ------------------------------------------------------------------------------


def linear(samples: Float64) -> Float64:
    """Return the samples with straight lines over the gaps."""
    known = np.flatnonzero(~np.isnan(samples))
    return np.interp(np.arange(len(samples)), known, samples[known])


def sharpened(samples: Float64, rate_hz: float) -> Float64:
    """Return means over bins as what is at the bins' middles: undo the low-pass of averaging."""
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(len(samples), 1 / rate_hz)
    return np.fft.irfft(spectrum / np.sinc(np.minimum(hz, BAND_HZ[1]) / rate_hz), len(samples))


def janssen(
    samples: Float64, block: int, hop: int, *, iterations: int, order: int | None = None
) -> Float64:
    """Interpolate missing samples as those of an autoregressive process, block by block.

    By turns the process' coefficients are those that predict the block best, given the missing
    samples (autocorrelation method), and the missing samples those that are predicted best, given
    the coefficients. Blocks overlap; what two say of a missing sample is mixed.

    Parameters
    ----------
    samples
        ``(sample,)``, NaN where missing.
    block, hop
        Samples in a block, and from one to the next.
    iterations
        Of both steps. The missing samples begin at 0.
    order
        Of the process; by default as published, three times the number of missing samples and two
        more, but a third of the block at most (Adler et al. 2012, doi:10.1109/TASL.2011.2168211).

    References
    ----------
    Janssen, Veldhuis and Vries, "Adaptive interpolation of discrete-time signals that can be
    modeled as autoregressive processes", IEEE TASSP 34:317 (1986), doi:10.1109/TASSP.1986.1164824.
    """
    missing = np.isnan(samples)
    start = np.where(missing, 0, samples)
    total, weight = np.zeros_like(start), np.zeros_like(start)
    taper = np.sin(np.pi * (np.arange(block) + 0.5) / block) ** 2
    for begin in range(hop - block, len(samples), hop):
        first, last = max(begin, 0), min(begin + block, len(samples))
        filled = _interpolated(start[first:last], missing[first:last], order, iterations)
        total[first:last] += taper[first - begin : last - begin] * filled
        weight[first:last] += taper[first - begin : last - begin]
    return np.where(missing, total / weight, samples)


def _interpolated(
    samples: Float64, missing: NDArray[np.bool_], order: int | None, iterations: int
) -> Float64:
    from scipy.linalg import solve, solve_toeplitz  # slow to import
    from scipy.signal import fftconvolve

    place = np.flatnonzero(missing)
    size = len(samples)
    order = min(order or 3 * len(place) + 2, size // 3)
    apart = np.abs(place[:, None] - place)
    result = samples.copy()
    for _ in range(iterations if len(place) else 0):
        lags = fftconvolve(result, result[::-1])[size - 1 : size + order]
        lags[0] *= 1 + _LOADING
        error = np.append(1, -solve_toeplitz(lags[:-1], lags[1:]))  # filter of the prediction error
        square = np.pad(fftconvolve(error, error[::-1])[order:], (0, size))
        known = np.where(missing, 0, result)
        right = fftconvolve(known, np.append(square[order:0:-1], square[: order + 1]))[order:][
            place
        ]
        result[place] = solve(square[apart], -right, assume_a="pos", overwrite_a=True)
    return result


def wiener(samples: Float64, rate_hz: float, variance: float) -> Float64:
    """Take white noise of known variance off: a short-time Wiener filter in two passes.

    The first takes the sound's power from the smoothed spectrogram, the second from the first's
    result.
    """
    from scipy.ndimage import uniform_filter  # slow to import

    window = 2 * round(_WIENER_S * rate_hz / 2)
    seen = spectra(samples[:, None], window)[:, 0]
    smooth = uniform_filter(np.abs(seen) ** 2, (3, 5))
    first = seen * np.clip(1 - variance / np.maximum(smooth, variance), 0, 1)
    power = uniform_filter(np.abs(first) ** 2, (1, 3))
    return signals_of(seen * power / (power + variance), window, len(samples))


# --- oracle -------------------------------------------------------------------------------------


def local_spectra(sound: Float64, window_s: float, *, smoothed: bool) -> Float64:
    """Return ``(hop, frequency)`` spectra of the true sound around each hop, px² for each step.

    The periodogram of a window of the clean sound (Hann) tells not only the spectrum but this very
    sound's amplitude at each frequency, which nobody can know. Smoothed, coefficients of its
    cepstrum that a smooth spectrum would show by chance are taken out (Stoica and Sandgren,
    "Smoothed nonparametric spectral estimation via cepstrum thresholding", IEEE Signal Processing
    Magazine 23:34, 2006): an envelope and a pitch stay, what is by chance goes.

    Parameters
    ----------
    sound
        ``(sample,)`` true sound at `RATE_HZ`.
    window_s
        Of the clean sound that a spectrum is taken from.
    smoothed
        Whether to smooth.
    """
    size = 2 * round(window_s * RATE_HZ / 2)
    taper = np.sin(np.pi * (np.arange(size) + 0.5) / size) ** 2
    hops = round(len(sound) * HOPS_PER_S / RATE_HZ)
    begins = np.round(np.arange(hops + 1) * (RATE_HZ / HOPS_PER_S)).astype(np.int64)
    pieces = np.pad(sound, size // 2)[np.minimum(begins, len(sound))[:, None] + np.arange(size)]
    waves = np.exp(-2j * np.pi / RATE_HZ * np.outer(np.arange(size), _FREQUENCIES))
    power = np.abs((pieces * taper) @ waves) ** 2
    power *= 2 * _SPECTRUM_STEP_HZ / (RATE_HZ * np.sum(taper**2))
    return _smoothed(power, window_s) if smoothed else np.asarray(power)


def _smoothed(power: Float64, window_s: float) -> Float64:
    from scipy.fft import dct, idct  # slow to import

    apart = np.arange(0.5 / window_s, BAND_HZ[1], 1 / window_s)  # about independent
    rough = np.array([np.interp(apart, _FREQUENCIES, one) for one in power])
    rough = np.maximum(rough, _FAINTEST * rough.max(axis=1, keepdims=True) + _TINY)
    cepstrum = dct(np.log(rough), norm="ortho")
    chance = np.abs(cepstrum) < _DEVIATIONS * np.pi / np.sqrt(6)  # of the log of a periodogram
    chance[:, 0] = False
    log = idct(np.where(chance, 0, cepstrum), norm="ortho")
    log += np.log(rough.sum(axis=1) / np.exp(log).sum(axis=1))[:, None]
    return np.exp([np.interp(_FREQUENCIES, apart, one) for one in log])


def exposed(power: Float64, exposure_s: float) -> Float64:
    """Return local spectra of a sound as an exposure leaves them."""
    return np.asarray(power * np.sinc(_FREQUENCIES * exposure_s) ** 2)


def posterior(
    clip: Clip,
    power: Float64,
    data_s: float = 0.07,
    *,
    lines_hz: Float64 = _FREQUENCIES,
    variance: Float64 | None = None,
) -> Float64:
    """Return the posterior mean of a Gaussian process whose spectrum is known, at each bin.

    The best estimate there is of such a process: around each hop from the bins within `data_s`, as
    if its spectrum were the same over all of them. Between hops what both say is mixed.

    Parameters
    ----------
    clip
        Its bins are the data.
    power
        ``(hop, frequency)`` of the process around each hop; see `local_spectra`.
    data_s
        Length of the data.
    lines_hz
        ``(frequency,)`` which those are.
    variance
        ``(bin,)`` of the noise, px²; by default the clip's.
    """
    rate = FPS * BINS
    values, hop, reach = clip.bins, rate // HOPS_PER_S, round(data_s / 2 * rate)
    noise = np.full(len(values), clip.bin_variance) if variance is None else variance
    mean_of_bin = np.sinc(lines_hz / rate)
    lags = np.cos(2 * np.pi / rate * np.outer(lines_hz, np.arange(2 * reach + hop)))
    between, toward = (power * mean_of_bin**2) @ lags, (power * mean_of_bin) @ lags
    result = np.zeros(len(values) + 2 * hop)
    share = np.sin(np.pi / 2 * (np.arange(2 * hop) + 0.5) / hop) ** 2
    for number in range(len(power)):
        centre = number * hop
        data = np.arange(max(0, centre - reach), min(len(values), centre + reach))
        data = data[~np.isnan(values[data])]
        at = np.arange(centre - hop, centre + hop)
        apart = np.abs(data[:, None] - data)
        covariance = between[number][apart]
        covariance[np.diag_indices_from(covariance)] += noise[data]
        solved = np.linalg.solve(covariance, values[data])
        result[at + hop] += share * (toward[number][np.abs(at[:, None] - data)] @ solved)
    return result[hop:-hop]
