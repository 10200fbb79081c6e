"""What an exposure takes from the sound, and how to give it back.

While the shutter is open the picture is an average over its motion, so a sound of frequency f has
lost all but ``sin(π f T) / (π f T)`` of its amplitude after an exposure of T seconds, and all of it
at 1/T. That can be undone where the sound stands above the noise; elsewhere only noise would grow.
"""

from dataclasses import replace

import numpy as np

from phonoscope.types import Float64, Sound

_DEEPEST = 0.25  # of the amplitude left: nearer to the null nothing is lifted


def left_by_exposure(frequency_hz: Float64, exposure_s: float) -> Float64:
    """Return the amplitude that an exposure leaves of each frequency, 0 to 1, up to its null."""
    below = frequency_hz * exposure_s < 1
    return np.asarray(np.where(below, np.sinc(frequency_hz * exposure_s), 0.0))


def without_exposure(sound: Sound, exposure_s: float) -> Sound:
    """Return a sound with what the exposure took given back beside it, as `Sound.equalized`.

    Each frequency is lifted as far as sound, not noise, is what is there (Wiener's share).

    Parameters
    ----------
    sound
        As measured; one in which nothing was heard is returned as it is.
    exposure_s
        Time for which each row, or frame, was exposed, s.
    """
    from scipy.signal import welch  # slow to import

    if sound.verdict is not None and not sound.verdict.detected:
        return sound
    samples, rate, noise = sound.samples, float(sound.rate_hz), sound.noise_psd
    frequency = np.linspace(0, rate / 2, len(noise))
    size = min(2 * (len(noise) - 1), len(samples))
    at, power = welch(samples, rate, nperseg=size)
    power = np.interp(frequency, at, power)
    share = np.maximum(power - noise, 0) / np.maximum(power, 1e-300)
    left = left_by_exposure(frequency, exposure_s)
    low, high = sound.band_hz
    lifted = (left > _DEEPEST) & (frequency >= low) & (frequency <= high)
    gain = np.where(lifted, 1 + share * (1 / np.maximum(left, _DEEPEST) - 1), 1.0)
    spectrum = np.fft.rfft(samples)
    spectrum *= np.interp(np.fft.rfftfreq(len(samples), 1 / rate), frequency, gain)
    return replace(
        sound,
        equalized=np.fft.irfft(spectrum, len(samples)),
        equalized_noise_psd=noise * gain**2,
    )
