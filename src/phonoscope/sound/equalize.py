"""Take the object's colour off a sound by a measured response.

An object hears through its resonances, so each frequency comes with a gain and a phase of its own.
A calibration recording, in which a known sound was played to the same object, tells both.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import UsageError
from phonoscope.types import Float64

Complex = NDArray[np.complex128]

_RESOLUTION_HZ = 4.0  # of a response: it must tell the sides of a sharp resonance apart
_SPECTRUM_RESOLUTION_HZ = 17.0  # of the spectrum in which sound is told from noise
_FEWEST_WINDOWS = 8
_MOST_LIFT = 10 ** (30 / 20)  # of a measured response, over where the object hears best
_SURE = 4.0  # standard deviations of an estimated spectrum over the noise
_OVERLAP = 2
_SILENT = 1e-300


@dataclass(frozen=True, slots=True, eq=False)
class Response:
    """How an object moves when it hears, as a calibration recording measured it.

    Attributes
    ----------
    frequency_hz
        ``(bin,)`` rising at even steps from 0 Hz to Nyquist.
    response
        ``(bin,)`` complex motion over sound, the delay between them taken off; in px for each unit
        of the known sound. Its phase is negative where the motion is late.
    coherence
        ``(bin,)`` share of the motion's power that the known sound explains, 0 to 1.
    """

    frequency_hz: Float64
    response: Complex
    coherence: Float64


def measure_response(sound_signal: Float64, known_sound: Float64, rate: float) -> Response:
    """Measure an object's response from the recovered motion and the sound that caused it.

    Parameters
    ----------
    sound_signal
        ``(sample,)`` recovered motion, px.
    known_sound
        ``(sample,)`` what was played, in any unit, at the same rate; it may start earlier or later.
    rate
        Samples a second of both, Hz.

    Raises
    ------
    UsageError
        If the rate is not positive, or either signal is empty, silent, not finite, or not one
        channel.

    References
    ----------
    Bendat and Piersol, *Random Data*, 4th ed. (2010), doi:10.1002/9781118032428: the H1 estimate.
    """
    heard, played = _checked(sound_signal, rate), _checked(known_sound, rate)
    if not heard.any() or not played.any():
        raise UsageError("a response needs sound: the recovered or the known one is silent.")
    heard, played = _in_step(heard, played)
    size = _window(len(heard), rate, _RESOLUTION_HZ)
    a, b = _frames(played, size), _frames(heard, size)
    cross = np.sum(a.conj() * b, axis=0)
    power, caught = np.sum(np.abs(a) ** 2, axis=0), np.sum(np.abs(b) ** 2, axis=0)
    # Where next to nothing was played, the quotient would be leakage.
    weak = 1e-8 * power.max()
    response = np.where(power > weak, cross / np.maximum(power, _SILENT), 0)
    whole = power * caught
    raw = np.where(whole > 0, np.abs(cross) ** 2 / np.maximum(whole, _SILENT), 0)
    # Of unrelated signals the coherence is not 0 but one over the number of windows.
    chance = 1 / len(a)
    coherence = np.clip((raw - chance) / (1 - chance), 0, 1) if len(a) > 1 else raw
    return Response(_frequencies(size, rate), response, coherence)


def equalize(signal: Float64, rate: float, response: Response, noise_psd: Float64) -> Float64:
    """Invert a measured response by the Wiener filter: no band without signal is lifted.

    Parameters
    ----------
    signal
        ``(sample,)`` recovered motion, px.
    rate
        Samples a second, Hz.
    response
        Of the same object, recovered in the same way.
    noise_psd
        ``(bin,)`` one-sided power spectral density of the noise in `signal`, px²/Hz, at even steps
        from 0 Hz to Nyquist.

    Returns
    -------
    ``(sample,)`` the sound in the unit of the known sound, without added delay.

    Raises
    ------
    UsageError
        If the rate is not positive, or an array is empty, not finite, or of another shape.
    """
    samples = _checked(signal, rate)
    size = _window(len(samples), rate, _SPECTRUM_RESOLUTION_HZ)
    frequency = _frequencies(size, rate)
    _, share = _above_noise(samples, rate, size, noise_psd)
    # Inverted at the response's own resolution: a coarser one would miss sharp resonances.
    square = np.abs(response.response) ** 2
    least = square.max(initial=0) / _MOST_LIFT**2
    inverse = response.coherence * response.response.conj() / np.maximum(square, least + _SILENT)
    return _filtered(
        samples,
        rate,
        lambda f: _interpolated(f, response.frequency_hz, inverse) * np.interp(f, frequency, share),
        tail=2 * len(response.frequency_hz),
    )


def _checked(values: Float64, rate: float) -> Float64:
    array = np.asarray(values, np.float64)
    if not (np.isfinite(rate) and rate > 0):
        raise UsageError(f"the rate is {rate!r}; give the samples a second, in Hz.")
    if array.ndim != 1 or not len(array) or not np.isfinite(array).all():
        raise UsageError(
            f"an array of shape {array.shape} is empty, not finite or not one channel; "
            "give one row of finite numbers."
        )
    return array


def _in_step(heard: Float64, played: Float64) -> tuple[Float64, Float64]:
    # Both from the same instant on: late by where their correlation is strongest.
    from scipy import fft

    size = fft.next_fast_len(len(heard) + len(played), real=True)
    match = fft.irfft(fft.rfft(heard, size) * fft.rfft(played, size).conj(), size)
    lag = int(np.argmax(np.abs(match)))
    lag -= size if lag >= len(heard) else 0
    heard, played = heard[max(lag, 0) :], played[max(-lag, 0) :]
    length = min(len(heard), len(played))
    return heard[:length], played[:length]


def _frequencies(size: int, rate: float) -> Float64:
    return np.asarray(np.fft.rfftfreq(size, 1 / rate), np.float64)


def _window(samples: int, rate: float, resolution_hz: float) -> int:
    most = max(samples * _OVERLAP // _FEWEST_WINDOWS, 8)
    return int(2 ** int(np.log2(max(min(rate / resolution_hz, most), 8))))


def _frames(signal: Float64, size: int) -> Complex:
    padded = np.pad(signal, (0, max(size - len(signal), 0)))
    view = np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // _OVERLAP]
    shape = np.hanning(size + 1)[:-1]
    return np.asarray(np.fft.rfft(view * shape / np.sqrt(np.sum(shape**2)), axis=1))


def _above_noise(
    signal: Float64, rate: float, size: int, noise_psd: Float64
) -> tuple[Float64, Float64]:
    # (bin,) power that surely is not noise, and its share of all power.
    noise = _checked(noise_psd, rate)
    frames = _frames(signal, size)
    power = np.mean(np.abs(frames) ** 2, axis=0)
    place = np.linspace(0, 1, len(power))
    floor = np.interp(place, np.linspace(0, 1, len(noise)), noise) * rate / 2
    above = power - floor * (1 + _SURE / np.sqrt(len(frames)))
    sound = np.where(above > 0, np.maximum(power - floor, 0), 0)
    return sound, sound / np.maximum(power, _SILENT)


def _interpolated(f: Float64, frequency: Float64, values: Complex) -> Complex:
    real = np.interp(f, frequency, values.real)
    return np.asarray(real + 1j * np.interp(f, frequency, values.imag))


def _filtered(
    signal: Float64, rate: float, gain: Callable[[Float64], NDArray[np.complex128]], tail: int
) -> Float64:
    # By a filter given at each frequency, over enough zeros that nothing wraps round.
    from scipy import fft

    size = fft.next_fast_len(len(signal) + tail, real=True)
    spectrum = fft.rfft(signal, size) * gain(fft.rfftfreq(size, 1 / rate))
    return np.asarray(fft.irfft(spectrum, size)[: len(signal)])
