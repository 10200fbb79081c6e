"""What a voice looks like, frame by frame, within a band: band energies, cepstra, voicing, pitch.

Energies are power spectral densities (power per hertz), so that they are the same at any sample
rate and compare directly with a noise floor. The bands are cut from one fixed grid, so that a band
of a 2,200 frames/s capture is the same band in a studio recording.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError
from phonoscope.types import Float64

HOP_S = 0.010
WINDOW_S = 0.032
PITCH_WINDOW_S = 0.040
PITCH_HZ = (70.0, 330.0)
LOWEST_HZ = 80.0
HIGHEST_HZ = 4000.0  # beyond, the background was not learned
MEL_STEP = 40.0  # half the width of a band: a third of a vowel's formant spacing at 500 Hz
FEWEST_BANDS = 6
CEPSTRA = 16

_ABOVE_NOISE = 2.0  # speech frames: total power over that of the noise
_BELOW_PEAK = 10**-2.5  # ... and over the loud frames' (95th percentile)
_VOICED = 0.55
_FEWEST_VOICED = 10
_OCTAVE_COST = 0.08  # in the autocorrelation, for each octave down: noise is strong at long lags
_EMPTY_DB = -75.0  # under the strongest: what a resampler leaves beyond the band of a sound
_BINS = 2048  # of the spectrum in which that is sought
_FOLLOW_HZ = 16  # the coarsest spacing of FFT bins: a band is 80 Hz wide or more


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """A sound as frames of 32 ms every 10 ms.

    Attributes
    ----------
    density
        ``(frame, band)`` power spectral density, unit²/Hz.
    pitch_hz
        ``(frame,)`` the best period's frequency, meaningful only where voiced.
    voicing
        ``(frame,)`` strength of that period, 0 to 1: the autocorrelation there.
    noise
        ``(band,)`` density of the noise among it, unit²/Hz.
    centre_hz
        ``(band,)`` centres of the bands.
    """

    density: Float64
    pitch_hz: Float64
    voicing: Float64
    noise: Float64
    centre_hz: Float64

    def __len__(self) -> int:
        return len(self.density)

    def part(self, first: int, last: int) -> "Frames":
        """Return the frames from `first` to before `last`."""
        cut = slice(first, last)
        return Frames(
            self.density[cut], self.pitch_hz[cut], self.voicing[cut], self.noise, self.centre_hz
        )

    def take(self, chosen: NDArray[np.bool_]) -> "Frames":
        """Return the frames where `chosen`, ``(frame,)``, is true."""
        return Frames(
            self.density[chosen],
            self.pitch_hz[chosen],
            self.voicing[chosen],
            self.noise,
            self.centre_hz,
        )


def grid_hz(band_hz: tuple[float, float]) -> Float64:
    """Return the edges, ``(band + 2,)``, of the triangular bands that lie within `band_hz`.

    Band ``i`` rises from edge ``i`` to its top at edge ``i + 1`` and falls to edge ``i + 2``. Edges
    lie 40 mel apart (O'Shaughnessy's formula) from 80 to 4,000 Hz.

    Raises
    ------
    InputError
        If fewer than 6 bands fit: nothing of a voice can be told from so little.
    """
    mel = np.arange(_mel(LOWEST_HZ), _mel(HIGHEST_HZ) + MEL_STEP / 2, MEL_STEP)
    edges = 700 * np.expm1(mel / 1127)
    low, high = band_hz
    inside = edges[(edges >= low - 1e-6) & (edges <= high + 1e-6)]
    if len(inside) < FEWEST_BANDS + 2:
        raise InputError(
            f"the band from {low:.0f} to {high:.0f} Hz is too narrow to tell voices apart; "
            f"it takes at least {edges[0]:.0f} to {edges[FEWEST_BANDS + 1]:.0f} Hz."
        )
    return np.asarray(inside)


def _mel(hz: float) -> float:
    return float(1127 * np.log1p(hz / 700))


def measure_frames(
    samples: Float64,
    rate_hz: float,
    band_hz: tuple[float, float],
    noise_psd: Float64 | None = None,
    *,
    pitch: bool = True,
) -> Frames:
    """Return the frames of a sound within a band.

    Parameters
    ----------
    samples
        ``(sample,)`` sound.
    rate_hz
        Samples a second.
    band_hz
        Lowest and highest frequency at which there is sound.
    noise_psd
        ``(bin,)`` one-sided density of the noise at even steps from 0 Hz to Nyquist, unit²/Hz. None
        where it is not known: then it is taken from the quietest tenth of the frames.
    pitch
        Whether to look for it too; without, nothing counts as voiced.

    Raises
    ------
    InputError
        If the sound is shorter than a tenth of a second, or the band too narrow.
    """
    edges = grid_hz((band_hz[0], min(band_hz[1], rate_hz / 2)))
    frames = _cut(samples, rate_hz, WINDOW_S)
    size = frames.shape[1]
    window = np.hamming(size)
    bins = 1 << int(np.ceil(np.log2(max(size, rate_hz / _FOLLOW_HZ))))
    power = np.abs(np.fft.rfft(frames * window, bins)) ** 2
    power *= 2 / (rate_hz * np.sum(window**2))
    frequency = np.arange(bins // 2 + 1) * (rate_hz / bins)
    weights = band_weights(edges, np.asarray(frequency, dtype=np.float64))
    density = power @ weights.T
    periods = np.full(len(density), PITCH_HZ[0]), np.zeros(len(density))
    if pitch:
        periods = _pitch(samples, rate_hz, len(density))
    if noise_psd is None:
        noise = _quiet(density)
    else:
        steps = np.linspace(0, rate_hz / 2, len(noise_psd))
        noise = weights @ np.interp(frequency, steps, noise_psd)
    return Frames(density, *periods, noise, edges[1:-1])


def band_weights(edges: Float64, frequency_hz: Float64) -> Float64:
    """Return the weights, ``(band, bin)``, of means over a spectrum in triangular bands."""
    low, top, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rise = (frequency_hz - low) / (top - low)
    fall = (high - frequency_hz) / (high - top)
    weights = np.clip(np.minimum(rise, fall), 0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _cut(samples: Float64, rate_hz: float, window_s: float) -> Float64:
    size = max(round(window_s * rate_hz), 8)
    count = int((len(samples) - size) / (HOP_S * rate_hz)) + 1
    if len(samples) < 0.1 * rate_hz or count < 1:
        raise InputError(
            f"a sound of {len(samples) / rate_hz:.3f} s is too short to look for a voice; "
            "give at least a tenth of a second."
        )
    starts = np.round(np.arange(count) * HOP_S * rate_hz).astype(int)
    return np.asarray(samples[starts[:, None] + np.arange(size)], dtype=np.float64)


def _quiet(density: Float64) -> Float64:
    loudness = density.sum(axis=1)
    quietest = loudness <= np.quantile(loudness, 0.1)
    return np.asarray(density[quietest].mean(axis=0))


def _pitch(samples: Float64, rate_hz: float, count: int) -> tuple[Float64, Float64]:
    """Return pitch and voicing: the autocorrelation over the window's (Boersma 1993), no path."""
    half = (PITCH_WINDOW_S - WINDOW_S) / 2 * rate_hz  # both kinds of frame share their centres
    padded = np.pad(samples, (round(half), round(half) + 2))
    frames = _cut(padded, rate_hz, PITCH_WINDOW_S)[:count]
    frames -= frames.mean(axis=1, keepdims=True)
    size = frames.shape[1]
    window = np.hanning(size + 2)[1:-1]
    bins = 1 << int(np.ceil(np.log2(2 * size)))
    finer = max(1, round(16000 / rate_hz))  # more lags than samples, without a higher rate

    def correlation(power: Float64) -> Float64:
        return np.asarray(np.fft.irfft(power, bins * finer))

    own = correlation(np.abs(np.fft.rfft(frames * window, bins)) ** 2)
    shape = correlation(np.abs(np.fft.rfft(window, bins)) ** 2)
    own /= np.maximum(own[:, :1], 1e-300)
    lags_a_second = rate_hz * finer
    lag = np.arange(int(lags_a_second / PITCH_HZ[1]), int(lags_a_second / PITCH_HZ[0]) + 1)
    strength = own[:, lag] / (shape[lag] / shape[0])
    best = np.argmax(strength - _OCTAVE_COST * np.log2(lag * PITCH_HZ[0] / lags_a_second), axis=1)
    pitch = lags_a_second / lag[best].astype(np.float64)
    voicing = np.clip(strength[np.arange(len(best)), best], 0, 1)
    short = count - len(pitch)
    return np.pad(pitch, (0, short), mode="edge"), np.pad(voicing, (0, short))


def speech_frames(frames: Frames) -> NDArray[np.bool_]:
    """Return where a sound stands 3 dB above its noise, and is near its loudest, ``(frame,)``."""
    power = frames.density.mean(axis=1)
    floor = _ABOVE_NOISE * frames.noise.mean()
    return np.asarray((power > floor) & (power > _BELOW_PEAK * np.quantile(power, 0.95)))


def typical_pitch(frames: Frames) -> float:
    """Return the median of the natural logarithm of the pitch, Hz; NaN if hardly any is voiced."""
    voiced = frames.voicing > _VOICED
    if voiced.sum() < _FEWEST_VOICED:
        return float("nan")
    return float(np.median(np.log(frames.pitch_hz[voiced])))


def cepstra(density: Float64) -> Float64:
    """Return the cepstra, ``(frame, coefficient)``, of band energies: the shape of the spectrum.

    The mean over the frames is taken off, for the colour of the channel is in it.

    Parameters
    ----------
    density
        ``(frame, band)`` as in `Frames`.

    Notes
    -----
    Mel cepstra of Davis & Mermelstein 1980, doi:10.1109/TASSP.1980.1163420, without the first, the
    loudness.
    """
    from scipy.fft import dct

    most = min(CEPSTRA, density.shape[1] - 1)
    shape = dct(np.log(np.maximum(density, 1e-300)), norm="ortho", axis=1)[:, 1 : most + 1]
    return np.asarray(shape - shape.mean(axis=0) if len(shape) else shape)


def held_band(samples: Float64, rate_hz: float) -> tuple[float, float]:
    """Return the band, Hz, that a sound holds: files have rates that players like."""
    from scipy.signal import welch  # slow to import

    hz, density = welch(samples, rate_hz, nperseg=min(_BINS, len(samples)))
    there = np.flatnonzero(density > density.max() * 10 ** (_EMPTY_DB / 10))
    if not density.any():
        return 0.0, rate_hz / 2
    return 0.0, float(min(hz[there[-1]] + hz[1], rate_hz / 2))
