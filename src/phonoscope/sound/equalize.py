"""Take the object's colour off a sound by a measured response.

An object hears through its resonances, so each frequency comes with a gain and a phase of its own,
and each of its parts with others. A calibration recording, in which a known sound was played to the
same object, tells them all: then the parts are brought into step by what is known of them, and
their sum is inverted (a matched filter and a Wiener filter).
"""

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
_EXPLAINED = 0.5  # of the motion, by the known sound: a response that can be relied on
_SURE = 4.0  # standard deviations of an estimated spectrum over the noise
_OVERLAP = 2
_SILENT = 1e-300
_CLOCKS_APART = 300e-6  # how much faster one clock may run than another
_FIRST_LOOK = 8192  # samples
_IN_STEP = 8  # a period of the highest frequency over the error of the clocks at the ends


@dataclass(frozen=True, slots=True, eq=False)
class Transfer:
    """How signals follow a sound.

    Attributes
    ----------
    frequency_hz
        ``(bin,)`` rising at even steps from 0 Hz to Nyquist.
    response
        ``(bin, k)`` complex signals over sound, the delay between them taken off; in the signals'
        unit for each unit of the sound. Its phase is negative where a signal is late.
    coherence
        ``(bin,)`` share of the signals' power that the sound explains, 0 to 1.
    """

    frequency_hz: Float64
    response: Complex
    coherence: Float64


def measure_transfer(signals: Float64, known: Float64, rate: float) -> Transfer:
    """Measure how signals follow a known sound.

    Parameters
    ----------
    signals
        ``(sample, k)``, with noise of the same power in each.
    known
        ``(sample,)`` what was played, in any unit, at the same rate; it may start earlier or later,
        and its clock may run faster or slower by up to 300 parts in a million.
    rate
        Samples a second of both, Hz.

    Raises
    ------
    UsageError
        If the rate is not positive, or a signal is empty, silent or not finite.

    References
    ----------
    Bendat and Piersol, *Random Data*, 4th ed. (2010), doi:10.1002/9781118032428: the H1 estimate.
    """
    heard, played = _checked(signals, rate), _checked(known[:, None], rate)[:, 0]
    if not heard.any() or not played.any():
        raise UsageError("a response needs sound: the recovered or the known one is silent.")
    heard, played = _in_step(heard, played)
    played = _clocked(heard, played, rate)
    size = _window(len(heard), rate, _RESOLUTION_HZ)
    a, b = _frames(played[:, None], size)[:, :, 0], _frames(heard, size)
    power = np.sum(np.abs(a) ** 2, axis=0)
    cross = np.einsum("tf,tfk->fk", a.conj(), b)
    # Where next to nothing was played, the quotient would be leakage.
    weak = 1e-8 * power.max()
    response = np.where(power[:, None] > weak, cross / np.maximum(power, _SILENT)[:, None], 0)
    return Transfer(_frequencies(size, rate), response, _coherence(cross, power, b))


def equalize(
    signals: Float64, noise: Float64, rate: float, transfer: Transfer
) -> tuple[Float64, Float64]:
    """Return the sound that signals follow, by the Wiener filter: no band without it is lifted.

    Parameters
    ----------
    signals
        ``(sample, k)``, with independent noise of the same power in each.
    noise
        ``(bin,)`` one-sided power spectral density of that noise, at even steps from 0 Hz to
        Nyquist.
    rate
        Samples a second, Hz.
    transfer
        How the signals follow the sound.

    Returns
    -------
    ``(sample,)`` the sound in the unit of the known one, without added delay; and the ``(bin,)``
    one-sided power spectral density of the noise left in it, at even steps from 0 Hz to Nyquist.

    Raises
    ------
    UsageError
        If the rate is not positive, or an array is empty or not finite.
    """
    heard, floor = _checked(signals, rate), _checked(noise[:, None], rate)[:, 0]
    square = np.sum(np.abs(transfer.response) ** 2, axis=1)
    # Where nothing was played, the response is noise over nothing.
    sure = square[transfer.coherence > _EXPLAINED]
    least = float((sure if len(sure) else square).max(initial=0)) / _MOST_LIFT**2
    inverse = transfer.coherence / np.maximum(square, least + _SILENT)
    # Inverted at the response's own resolution: a coarser one would miss sharp resonances.
    known_hz, parts = transfer.frequency_hz, inverse[:, None] * transfer.response.conj()
    flat = np.zeros(len(heard))
    for signal, part in zip(heard.T, parts.T, strict=True):
        flat += _filtered(signal, rate, known_hz, part)
    # What the noise has become, and of what is there, what surely is not noise.
    size = _window(len(heard), rate, _SPECTRUM_RESOLUTION_HZ)
    frequency = _frequencies(size, rate)
    gain = np.sum(np.abs(parts) ** 2, axis=1)
    left = _at(frequency, floor, rate) * _averaged(frequency, known_hz, gain)
    share = _above_noise(flat, rate, size, left)
    whole = _filtered(flat, rate, frequency, share.astype(np.complex128))
    return whole, left * share**2


def _checked(values: Float64, rate: float) -> Float64:
    array = np.asarray(values, np.float64)
    if not (np.isfinite(rate) and rate > 0):
        raise UsageError(f"the rate is {rate!r}; give the samples a second, in Hz.")
    if array.ndim != 2 or not array.size or not np.isfinite(array).all():
        raise UsageError(
            f"signals of shape {array.shape} are empty or not finite; give rows of finite numbers."
        )
    return array


def _coherence(cross: Complex, power: Float64, heard: Complex) -> Float64:
    whole = power * np.sum(np.abs(heard) ** 2, axis=(0, 2))
    raw = np.sum(np.abs(cross) ** 2, axis=1) / np.maximum(whole, _SILENT)
    # Of unrelated signals the coherence is not 0 but one over the number of windows.
    chance = 1 / max(len(heard), 2)
    return np.asarray(np.clip((raw - chance) / (1 - chance), 0, 1))


def _in_step(heard: Float64, played: Float64) -> tuple[Float64, Float64]:
    # Both from the same instant on: late by where their correlation is strongest.
    from scipy import fft

    size = fft.next_fast_len(len(heard) + len(played), real=True)
    match = fft.irfft(
        fft.rfft(heard, size, axis=0) * fft.rfft(played, size).conj()[:, None], size, axis=0
    )
    lag = int(np.argmax(np.sum(match**2, axis=1)))
    lag -= size if lag >= len(heard) else 0
    heard, played = heard[max(lag, 0) :], played[max(-lag, 0) :]
    length = min(len(heard), len(played))
    return heard[:length], played[:length]


def _clocked(heard: Float64, played: Float64, rate: float) -> Float64:
    """Return what was played by the camera's clock, which best explains what was heard."""
    from scipy.interpolate import CubicSpline  # slow to import

    total = len(played)
    middle = np.arange(total) - (total - 1) / 2
    course = CubicSpline(middle, played)
    best, reach, length = 0.0, _CLOCKS_APART, min(total, _FIRST_LOOK)
    while True:
        # A part about the middle tells the clocks roughly, a longer one then finely.
        part = slice((total - length) // 2, (total - length) // 2 + length)
        size = _window(length, rate, _SPECTRUM_RESOLUTION_HZ)
        frames = _frames(heard[part], size)
        step = 4 / _IN_STEP / length  # at the ends, in samples: an eighth of the shortest period
        faster = best + step * np.arange(-np.ceil(reach / step), np.ceil(reach / step) + 1)
        said = [_explained(course(middle[part] * (1 + f)), frames, size) for f in faster]
        best, reach = float(faster[np.argmax(said)]) + step * _offset_of_peak(said), 2 * step
        if length == total:
            return np.asarray(course(middle * (1 + best)))
        length = min(total, 4 * length)


def _offset_of_peak(values: list[float]) -> float:
    # Of a parabola through the largest and its neighbours, in steps.
    top = int(np.argmax(values))
    if not 0 < top < len(values) - 1:
        return 0.0
    before, largest, after = values[top - 1 : top + 2]
    bend = before - 2 * largest + after
    return (before - after) / (2 * bend) if bend else 0.0


def _explained(played: Float64, heard: Complex, size: int) -> float:
    # Power of ``(frame, bin, k)`` spectra that a sound explains.
    a = _frames(played[:, None], size)[:, :, 0]
    cross = np.einsum("tf,tfk->fk", a.conj(), heard)
    return float((np.abs(cross) ** 2).sum() / np.sum(np.abs(a) ** 2))


def _frequencies(size: int, rate: float) -> Float64:
    return np.asarray(np.fft.rfftfreq(size, 1 / rate), np.float64)


def _window(samples: int, rate: float, resolution_hz: float) -> int:
    most = max(samples * _OVERLAP // _FEWEST_WINDOWS, 8)
    return int(2 ** int(np.log2(max(min(rate / resolution_hz, most), 8))))


def _frames(signals: Float64, size: int) -> Complex:
    # (frame, bin, k); white noise of variance 1 has a mean square of 1 in each bin.
    padded = np.pad(signals, ((0, max(size - len(signals), 0)), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(padded, size, axis=0)[:: size // _OVERLAP]
    shape = np.hanning(size + 1)[:-1]
    spectra = np.fft.rfft(view * shape / np.sqrt(np.sum(shape**2)), axis=2)
    return np.asarray(spectra.transpose(0, 2, 1))


def _above_noise(signal: Float64, rate: float, size: int, noise: Float64) -> Float64:
    # (bin,) share of all power that surely is not noise.
    frames = _frames(signal[:, None], size)[:, :, 0]
    power = np.mean(np.abs(frames) ** 2, axis=0)
    floor = noise * rate / 2
    above = power - floor * (1 + _SURE / np.sqrt(len(frames)))
    sound = np.where(above > 0, np.maximum(power - floor, 0), 0)
    return np.asarray(sound / np.maximum(power, _SILENT))


def _at(frequency: Float64, density: Float64, rate: float) -> Float64:
    return np.asarray(np.interp(frequency, np.linspace(0, rate / 2, len(density)), density))


def _averaged(frequency: Float64, fine: Float64, values: Float64) -> Float64:
    # Of finely spaced values, the mean within half a bin of each frequency.
    spacing = frequency[1] - frequency[0]
    place = frequency[:, None] + spacing * np.linspace(-0.5, 0.5, 9)
    return np.asarray(np.interp(np.abs(place), fine, values).mean(axis=1))


def _filtered(signal: Float64, rate: float, frequency: Float64, gain: Complex) -> Float64:
    # Over enough zeros that nothing wraps round; nothing beyond what the gain is given for.
    from scipy import fft

    size = fft.next_fast_len(len(signal) + 2 * len(frequency), real=True)
    f = fft.rfftfreq(size, 1 / rate)
    real = np.interp(f, frequency, gain.real, right=0)
    imaginary = np.interp(f, frequency, gain.imag, right=0)
    return np.asarray(fft.irfft(fft.rfft(signal, size) * (real + 1j * imaginary), size))[
        : len(signal)
    ]
