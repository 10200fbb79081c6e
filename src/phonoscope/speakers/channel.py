"""The way a recovered sound has come, so that a clean recording can be sent along the same way.

A studio recording and a sound seen on a bag of crisps differ by more than two voices do. What made
the difference is known or can be measured: the band, the noise in it, the colour of the object, the
samples that were interpolated. So recordings of known people go *through the channel* before they
are compared.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phonoscope.audio import resample
from phonoscope.errors import InputError, UsageError
from phonoscope.speakers.background import Background
from phonoscope.speakers.features import (
    HIGHEST_HZ,
    PITCH_HZ,
    WINDOW_S,
    Frames,
    band_weights,
    grid_hz,
    held_band,
    measure_frames,
    speech_frames,
)
from phonoscope.types import Colour, Float64, Sound

_LOUD = 0.95  # the quantile of the frames that counts as their level
_TRUSTED = 0.05  # of the noise: the least speech that a spectrum is taken to hold
_FREEDOM = 0.75 * WINDOW_S / 1.36  # of a triangle, of a Hamming window
_WIDE_ENOUGH = 0.95  # of the band: a recording to compare must reach so far
_PAD = 256  # samples between the end of a sound and, around the circle, its beginning
_FILLS = 12  # rounds of filling gaps with what the band allows


@dataclass(frozen=True, slots=True, eq=False)
class Channel:
    """What lies between a voice and its recovered sound.

    Attributes
    ----------
    rate_hz
        Samples a second of the recovered sound.
    band_hz
        Lowest and highest frequency at which there is sound.
    noise_psd
        ``(bin,)`` one-sided density of the noise at even steps from 0 Hz to Nyquist, unit²/Hz.
    response
        ``(bin,)`` power gain at even steps from 0 Hz to Nyquist, relative: the object's colour.
    spectrum
        ``(band,)`` mean density of the speech that was heard, noise taken off, unit²/Hz.
    level
        Power of loud speech in the band, noise taken off, unit².
    colour
        Whether `response` was measured beside the voice, or estimated from the voice itself. If
        estimated, little can be told from the mean spectrum of the voice.
    measured
        ``(sample,)`` which samples were read and which interpolated; None if all were read.
    """

    rate_hz: float
    band_hz: tuple[float, float]
    noise_psd: Float64
    response: Float64
    spectrum: Float64
    level: float
    colour: Colour
    measured: NDArray[np.bool_] | None = None

    @property
    def snr_db(self) -> float:
        """Power of loud speech over that of the noise in the band, dB."""
        low, high = self.edges_hz[[1, -2]]  # between which speech was measured
        steps = np.linspace(0, self.rate_hz / 2, len(self.noise_psd))
        noise = float(np.interp(np.linspace(low, high, 1025), steps, self.noise_psd).mean())
        noise *= high - low
        return 10 * float(np.log10(max(self.level, 1e-300) / max(noise, 1e-300)))

    @property
    def edges_hz(self) -> Float64:
        """Edges of the bands that the channel passes, as `grid_hz` gives them."""
        return grid_hz(self.band_hz)

    def gain(self) -> Float64:
        """Return the power gain in each of those bands, ``(band,)``."""
        return self._in_bands(self.response)

    def noise(self) -> Float64:
        """Return the density of the noise in each of those bands, ``(band,)``, unit²/Hz."""
        return self._in_bands(self.noise_psd)

    def _in_bands(self, spectrum: Float64) -> Float64:
        hz = np.linspace(0, self.rate_hz / 2, 4097)
        steps = np.linspace(0, self.rate_hz / 2, len(spectrum))
        return np.asarray(band_weights(self.edges_hz, hz) @ np.interp(hz, steps, spectrum))


def measure_channel(
    samples: Float64,
    rate_hz: float,
    background: Background,
    *,
    band_hz: tuple[float, float] | None = None,
    noise_psd: Float64 | None = None,
    response: Float64 | None = None,
    measured: NDArray[np.bool_] | None = None,
) -> Channel:
    """Measure the channel through which a sound came.

    Parameters
    ----------
    samples, rate_hz
        ``(sample,)`` the recovered sound and its samples a second.
    background
        What voices are like on the average: against it the colour is estimated.
    band_hz
        Lowest and highest frequency kept; the whole band that the rate allows if None.
    noise_psd
        ``(bin,)`` density of the noise as `Sound.noise_psd` gives it. If None it is taken from the
        quietest tenth of the frames, which reads high where nobody ever pauses.
    response
        ``(bin,)`` power gain of the object at even steps from 0 Hz to Nyquist, where it was
        measured, as by a calibration. If None it is estimated from the voice.
    measured
        ``(sample,)`` which samples were read; None if all were.

    Raises
    ------
    InputError
        If the band is too narrow, the sound too short, or nothing in it stands above its noise.
    UsageError
        If a spectrum has fewer than two bins or is negative somewhere.
    """
    for name, spectrum in (("noise_psd", noise_psd), ("response", response)):
        if spectrum is not None and (len(spectrum) < 2 or np.min(spectrum) < 0):
            raise UsageError(f"{name} must have two bins or more, none of them negative.")
    low, high = band_hz or (0.0, 0.98 * rate_hz / 2)
    band = (low, min(high, rate_hz / 2))
    frames = measure_frames(samples, rate_hz, band, noise_psd)
    grid = np.linspace(0, rate_hz / 2, 513)
    if noise_psd is None:
        noise_psd = np.interp(grid, frames.centre_hz, frames.noise)
    level = loudness(frames)
    spoken = frames.density[speech_frames(frames)]
    if level <= 0 or len(spoken) == 0:
        raise InputError("nothing in this sound stands above its noise, so no voice can be told.")
    excess = spoken.mean(axis=0) - frames.noise
    spectrum = np.maximum(excess, _TRUSTED * frames.noise + 1e-300)
    known = response is not None
    if response is None:
        gain = spectrum / background.average(frames.centre_hz)
        gain_log = np.log(gain) - np.log(gain).mean()
        response = np.exp(np.interp(grid, frames.centre_hz, gain_log))
    return Channel(
        rate_hz=float(rate_hz),
        band_hz=band,
        noise_psd=np.asarray(noise_psd, dtype=np.float64),
        response=np.asarray(response, dtype=np.float64),
        spectrum=spectrum,
        level=level,
        colour="measured" if known else "estimated",
        measured=measured,
    )


def channel_of(
    sound: Sound, background: Background, *, calibrated: bool = False
) -> tuple[Float64, Channel]:
    """Return a recovered sound's samples and the channel through which they came.

    Where the sound was equalized by a calibration (`calibrated`; an exposure given back is none),
    the equalized samples are taken: their colour is known to be none.

    Raises
    ------
    InputError
        As in `measure_channel`.
    """
    samples, noise_psd, response = sound.samples, sound.noise_psd, None
    if calibrated and sound.equalized is not None and sound.equalized_noise_psd is not None:
        samples, noise_psd, response = sound.equalized, sound.equalized_noise_psd, np.ones(2)
    channel = measure_channel(
        samples,
        float(sound.rate_hz),
        background,
        band_hz=sound.band_hz,
        noise_psd=noise_psd,
        response=response,
        measured=sound.measured,
    )
    return samples, channel


def loudness(frames: Frames) -> float:
    """Return the power of the loud frames in the band, the noise's taken off, unit²."""
    width = frames.centre_hz[-1] - frames.centre_hz[0]
    # A mean over hertz, not over bands, which crowd where they are narrow.
    share = np.gradient(frames.centre_hz) / np.gradient(frames.centre_hz).sum()
    power = (frames.density @ share) * width
    return float(np.quantile(power, _LOUD) - (frames.noise @ share) * width)


def through(
    channel: Channel,
    samples: Float64,
    rate_hz: float,
    *,
    matched: bool = False,
    seed: int = 0,
) -> Float64:
    """Return a clean recording as the channel would have delivered it.

    It is resampled, cut to the band, given the object's colour, set to the level of the speech that
    was heard, given noise of the measured density, and, where samples were interpolated, robbed of
    as many and filled in again.

    Parameters
    ----------
    channel
        As `measure_channel` returns it.
    samples, rate_hz
        ``(sample,)`` the clean recording and its samples a second, at least twice the band's
        highest frequency.
    matched
        Give it, in place of the channel's response, the colour that makes its mean spectrum that of
        the speech that was heard: the object's colour if this is the same voice.
    seed
        Of the noise.

    Returns
    -------
    ``(sample,)`` at the channel's rate.

    Raises
    ------
    InputError
        If the recording's band is narrower than the channel's, or it is silent.
    """
    low, high = channel.band_hz
    sound = at_rate(channel, samples, rate_hz)
    frames = measure_frames(sound, channel.rate_hz, channel.band_hz, np.zeros(2), pitch=False)
    steps = np.linspace(0, channel.rate_hz / 2, len(channel.response))
    response = channel.response
    if matched:
        gain_log = np.log(channel.spectrum / spectrum_of(frames))
        response = np.exp(np.interp(steps, frames.centre_hz, gain_log))
    hz = _bins(len(sound), channel.rate_hz)
    gain = np.sqrt(np.interp(hz, steps, response)) * ((hz >= low) & (hz <= high))
    sound = _weighed(sound, gain)
    if not matched:
        heard = measure_frames(sound, channel.rate_hz, channel.band_hz, np.zeros(2), pitch=False)
        sound *= np.sqrt(channel.level / loudness(heard))
    sound += coloured_noise(channel.noise_psd, len(sound), channel.rate_hz, seed)
    if channel.measured is not None and not channel.measured.all():
        sound = _with_gaps(sound, np.resize(channel.measured, len(sound)), channel)
    return np.asarray(sound)


def at_rate(channel: Channel, samples: Float64, rate_hz: float) -> Float64:
    """Return a clean recording at the channel's rate, nothing else changed.

    Raises
    ------
    InputError
        If its band is narrower than the channel's, or it is silent.
    """
    if not np.any(samples):
        raise InputError("a recording to compare with is silent; give one of the person's voice.")
    high, held = min(channel.band_hz[1], HIGHEST_HZ), held_band(samples, rate_hz)[1]
    if held < _WIDE_ENOUGH * high:
        raise InputError(
            f"a recording to compare with holds nothing above {held:.0f} Hz, but voices "
            f"are compared up to {high:.0f} Hz; give a recording of the full band, or a narrower "
            "band."
        )
    return resample(samples, rate_hz, channel.rate_hz)


def spectrum_of(clean: Frames) -> Float64:
    """Return the mean density of the speech among frames without noise, ``(band,)``."""
    spoken = clean.density[speech_frames(clean)]
    return np.asarray(np.maximum(spoken.mean(axis=0), 1e-6 * spoken.mean()))


def drawn_through(
    channel: Channel, background: Background, reader: int, count: int, *, seed: int = 0
) -> Frames:
    """Draw `count` frames of a reader of the background as the channel would have delivered them.

    Their colour is matched as in `through`; they have no pitch. The power of speech and noise
    together in a band is a noncentral chi-square variable.
    """
    edges = channel.edges_hz
    centre = edges[1:-1]
    rng = np.random.default_rng([seed, reader])
    clean = background.draw(reader, count, centre, rng)
    nothing = np.zeros(len(centre))
    spectrum = spectrum_of(Frames(clean, nothing, nothing, nothing, centre))
    noise = np.maximum(channel.noise(), 1e-9 * channel.spectrum)
    # Independent values in a band: its width in hertz times the window's length.
    values = np.maximum(1, _FREEDOM * (edges[2:] - edges[:-2]))
    power = clean * (channel.spectrum / spectrum)
    density = (
        noise / (2 * values) * rng.noncentral_chisquare(2 * values, 2 * values * power / noise)
    )
    still = np.zeros(count)
    return Frames(density, still + PITCH_HZ[0], still, noise, centre)


def coloured_noise(psd: Float64, count: int, rate_hz: float, seed: int) -> Float64:
    """Return Gaussian noise, ``(count,)``, of a one-sided density given as in `Channel`."""
    white = np.random.default_rng(seed).standard_normal(count)
    hz = _bins(count, rate_hz)
    density = np.interp(hz, np.linspace(0, rate_hz / 2, len(psd)), psd)
    return _weighed(white, np.sqrt(density * rate_hz / 2))


def _bins(count: int, rate_hz: float) -> Float64:
    from scipy.fft import next_fast_len

    length = next_fast_len(count + _PAD, real=True)
    return np.asarray(np.arange(length // 2 + 1) * (rate_hz / length), dtype=np.float64)


def _weighed(sound: Float64, gain: Float64) -> Float64:
    """Return a sound with its spectrum, at the bins of `_bins`, times a gain."""
    from scipy.fft import irfft, next_fast_len, rfft

    length = next_fast_len(len(sound) + _PAD, real=True)
    return np.asarray(irfft(rfft(sound, length) * gain, length)[: len(sound)])


def _with_gaps(sound: Float64, read: NDArray[np.bool_], channel: Channel) -> Float64:
    """Fill what was not read with what the band allows (Papoulis 1975, Gerchberg 1974)."""
    low, high = channel.band_hz
    hz = _bins(len(sound), channel.rate_hz)
    kept = ((hz >= low) & (hz <= high)).astype(np.float64)
    filled = np.where(read, sound, 0.0)
    for _ in range(_FILLS):
        filled = np.where(read, sound, _weighed(filled, kept))
    return filled
