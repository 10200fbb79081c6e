"""What is steady in a sound, and the sound with that taken down.

Noise of any colour, hum, the lines of lamps and the drone of a machine are steady; speech comes and
goes at every frequency. The power that a frequency has in its quieter moments tells the one, what
it has on average beyond that the other.
"""

from dataclasses import dataclass

import numpy as np

from phonoscope.types import Float64

_WINDOW_S = 0.128  # tells harmonics of 50 Hz apart, and a voice hardly stays within one bin
_QUIET = 0.2  # quantile of a bin's power that is taken for its steady part
_SMOOTH_HZ = 100.0  # half width, wider than the spacing of a voice's harmonics
_LOWEST_HZ = 60.0  # below, rooms rumble and voices are silent
_EDGE = 0.97  # of half the rate: the last bins hold what resampling leaves
_FAINT = 0.02  # of the unsteady power's own mean: fainter parts of the band are not brought up
_TINY = 1e-30


@dataclass(frozen=True, slots=True, eq=False)
class Steadiness:
    """The spectrum of a sound, split into what is steady and what comes and goes.

    Attributes
    ----------
    hz
        ``(bin,)`` frequencies.
    power
        ``(bin,)`` mean power.
    unsteady
        ``(bin,)`` share of it beyond the steady part, 0 to 1; for Gaussian noise about 0, up to
        chance.
    inside
        ``(bin,)`` whether a bin lies in the band.
    """

    hz: Float64
    power: Float64
    unsteady: Float64
    inside: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]

    @property
    def share(self) -> float:
        """Mean unsteady share of the bins in the band; 0 if there are none."""
        return float(self.unsteady[self.inside].mean()) if self.inside.any() else 0.0

    @property
    def raised(self) -> Float64:
        """``(bin,)`` mean power, raised so that dividing by it brings up nothing faint.

        Where a sound has been cleaned of noise, little is left, and that comes and goes.
        """
        weight = self.unsteady * self.inside
        typical = float(weight @ self.power) / max(float(weight.sum()), _TINY)
        return np.maximum(self.power + _FAINT * typical, _TINY)


def steadiness(samples: Float64, rate_hz: float, band_hz: tuple[float, float]) -> Steadiness | None:
    """Return what is steady in a sound within a band; None if it is too short to tell.

    Of Gaussian noise, the power in a bin is exponentially distributed, so its mean follows from any
    quantile; speech, which pauses, has less in its quieter moments than that.
    """
    length = 2 * round(_WINDOW_S * rate_hz / 2)
    if len(samples) < 8 * length:
        return None
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    frames = np.lib.stride_tricks.sliding_window_view(samples, length)[:: length // 4]
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    mean = power.mean(axis=0)
    steady = np.quantile(power, _QUIET, axis=0) / -np.log(1 - _QUIET)
    hz: Float64 = np.asarray(np.fft.rfftfreq(length, 1 / rate_hz), np.float64)
    low, high = max(band_hz[0], _LOWEST_HZ), min(band_hz[1], _EDGE * rate_hz / 2)
    return Steadiness(
        hz,
        mean,
        np.maximum(mean - steady, 0) / np.maximum(mean, _TINY),
        (hz >= low) & (hz <= high) & (mean > _TINY),
    )


def unsteady_part(samples: Float64, rate_hz: float, found: Steadiness) -> Float64:
    """Return the sound with each frequency's power brought to its unsteady share.

    So a hum and a resonance that noise excites weigh nothing, however strong, and noise of any
    colour becomes white noise: what is periodic in the result is so by chance.
    """
    gain = np.sqrt(found.unsteady * found.power) / found.raised
    return _filtered(samples, rate_hz, found, gain)


def for_pitch(samples: Float64, rate_hz: float, found: Steadiness) -> Float64:
    """Return the sound with its steady part taken down and its colour half evened out.

    Half, because weak harmonics carry the pitch as strong ones do, but noise carries none.
    """
    step = found.hz[1]
    kernel = np.hanning(2 * max(round(_SMOOTH_HZ / step), 1) + 1)
    half = len(kernel) // 2
    smooth = np.convolve(np.pad(found.raised, half, mode="edge"), kernel / kernel.sum(), "valid")
    gain = np.sqrt(found.unsteady) / smooth**0.25
    return _filtered(samples, rate_hz, found, gain)


def _filtered(samples: Float64, rate_hz: float, found: Steadiness, gain: Float64) -> Float64:
    size = 2 * len(samples)
    hz = np.fft.rfftfreq(size, 1 / rate_hz)
    response = np.interp(hz, found.hz, np.where(found.inside, gain, 0))
    return np.asarray(np.fft.irfft(np.fft.rfft(samples, size) * response, size)[: len(samples)])
