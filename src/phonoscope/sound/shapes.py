"""Operating deflection shapes: how every cell moves at a frequency, against the sound.

The sound, narrowed to a band about the frequency, is what each cell's motion is fitted to by least
squares: its size and phase. Cells need not be read at one time.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import UsageError
from phonoscope.types import Float64, MotionField, Shape, Sound

_WIDTH_HZ = 4.0
_FEWEST_PERIODS = 4  # of that width in a clip
_ABOVE_DB = 6.0  # of a peak over the noise
_APART = 3  # widths between peaks
_MOST = 4


def deflection_shapes(
    field: MotionField, sound: Sound, frequencies_hz: Sequence[float] = ()
) -> tuple[Shape, ...]:
    """Return how the cells move at some frequencies.

    Parameters
    ----------
    field
        Motion field from which the sound comes.
    sound
        The sound, against which phases are told.
    frequencies_hz
        Where; by default at the strongest peaks of the sound over its noise, up to 4.

    Returns
    -------
    tuple of Shape
        By rising frequency; none where nothing was heard.

    Raises
    ------
    UsageError
        If a frequency is not within the sound's band.
    """
    low, high = sound.band_hz
    for frequency in frequencies_hz:
        if not low <= frequency <= high:
            raise UsageError(
                f"{frequency:g} Hz lies outside the band of {low:g} to {high:g} Hz; choose "
                "frequencies within it, or a wider band."
            )
    rate = float(sound.rate_hz)
    width = max(_WIDTH_HZ, _FEWEST_PERIODS * rate / len(sound.samples))
    chosen = sorted(frequencies_hz) or _peaks(sound, width)
    return tuple(_shape(field, sound, frequency, width) for frequency in chosen)


def _peaks(sound: Sound, width_hz: float) -> list[float]:
    from scipy.signal import find_peaks, welch  # slow to import

    if sound.verdict is None or not sound.verdict.detected:
        return []
    rate = float(sound.rate_hz)
    size = min(len(sound.samples), round(2 * rate / width_hz))
    hz, power = welch(sound.samples, rate, nperseg=size, nfft=4 * size)
    noise = np.interp(hz, np.linspace(0, rate / 2, len(sound.noise_psd)), sound.noise_psd)
    heard_from, heard_to = sound.verdict.heard_hz or sound.band_hz
    low, high = max(sound.band_hz[0], heard_from - width_hz), heard_to + width_hz
    power = np.where((hz >= low) & (hz <= min(high, sound.band_hz[1])), power, 0)
    least = 10 ** (_ABOVE_DB / 10) * np.maximum(noise, noise.max() * 1e-6)
    found = find_peaks(power, distance=max(1, round(_APART * width_hz / hz[1])))[0]
    found = [n for n in found if power[n] > least[n]]
    strongest = sorted(found, key=lambda n: -power[n])[:_MOST]
    return sorted(float(hz[n]) for n in strongest)


def _shape(field: MotionField, sound: Sound, frequency: float, width: float) -> Shape:
    rate, begun = float(sound.rate_hz), float(field.blocks[0].time_s[0])
    tone = _narrowed(sound.samples, rate, frequency, width)
    delays, which = np.unique(field.cells.delay_s, return_inverse=True)
    score = np.zeros((len(field.cells), 2), np.complex128)
    energy = np.zeros(len(delays))
    for block in field.blocks:
        for number, delay in enumerate(delays):
            mine = np.flatnonzero(which == number)
            place = (block.time_s + delay - begun) * rate
            here = _interpolated(tone, place)
            weighted = here.conj() * np.sin(np.pi * place / max(len(tone) - 1, 1)) ** 2
            score[mine] += np.einsum("t,tci->ci", weighted, block.motion[:, mine])
            energy[number] += float(np.sum((weighted * here).real))
    # A motion Re(H tone) has H times half the tone's energy for its score.
    gain = 2 * score / np.maximum(energy[which], 1e-300)[:, None]
    rms = float(np.sqrt(np.mean(np.abs(tone) ** 2) / 2))
    covariance = np.diagonal(field.covariance, axis1=1, axis2=2)[:, :2]
    # The window leaves 2/3 as many independent samples as it has in the mean.
    error = np.sqrt(2 * 1.5 * covariance / field.samples)
    return Shape(frequency, width, gain * rms, error)


def _narrowed(
    samples: Float64, rate_hz: float, frequency_hz: float, width_hz: float
) -> NDArray[np.complex128]:
    """Return the analytic signal in a band."""
    spectrum = np.fft.fft(samples)
    hz = np.fft.fftfreq(len(samples), 1 / rate_hz)
    # A Gaussian as wide as that where it has fallen by half.
    gain = np.exp(-4 * np.log(2) * ((hz - frequency_hz) / width_hz) ** 2)
    return np.asarray(np.fft.ifft(2 * np.where(hz > 0, gain, 0) * spectrum))


def _interpolated(tone: NDArray[np.complex128], place: Float64) -> NDArray[np.complex128]:
    if np.allclose(place, np.rint(place), atol=1e-6):
        at = np.rint(place).astype(int)
        return np.where((at >= 0) & (at < len(tone)), tone[at.clip(0, len(tone) - 1)], 0)
    from scipy.interpolate import CubicSpline  # slow to import

    inside = (place >= 0) & (place <= len(tone) - 1)
    return np.asarray(np.where(inside, CubicSpline(np.arange(len(tone)), tone)(place), 0))
