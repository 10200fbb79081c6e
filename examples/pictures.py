"""Pictures of sounds: spectrograms beside each other, or one above the camera's noise."""

from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")  # draws without a screen

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.pyplot import close, subplots
from scipy.signal import spectrogram, welch

import phonoscope as ph

_WINDOW_S = 0.08
_WINDOW_SAMPLES = 96  # fewer tell no tones apart
_RANGE_DB = 55


def beside(path: Path, true: np.ndarray, true_rate_hz: float, sound: ph.Sound) -> None:
    """Draw the true sound and the recovered one, on the same axes."""
    rate = float(sound.rate_hz)
    figure, (left, right) = subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
    heard = ph.resample(true, true_rate_hz, rate)
    _spectrogram(left, heard, rate, 0)
    left.set_title("what the object heard", fontsize=10)
    left.set_ylabel("frequency, Hz")
    image = _spectrogram(right, sound.samples, rate, 0)
    right.set_title("what the silent video says", fontsize=10)
    figure.colorbar(image, ax=right, label="dB below the loudest", shrink=0.9)
    _save(figure, path)


def alone(path: Path, sound: ph.Sound, *, title: str) -> None:
    """Draw a recovered sound in dB above the noise that is left in it, with its band."""
    rate, (low, high) = float(sound.rate_hz), sound.band_hz
    # Its mean density: the filter leaves more of it where there is sound.
    floor = sound.noise_floor_px**2 / max(high - low, 1e-9)
    figure, (left, right) = subplots(
        1, 2, figsize=(9, 3.6), sharey=True, width_ratios=(2, 1), layout="constrained"
    )
    image = _spectrogram(left, sound.samples, rate, floor)
    left.set_title(title, fontsize=10)
    left.set_ylabel("frequency, Hz")
    figure.colorbar(image, ax=left, label="dB above the noise that is left")
    length = min(len(sound.samples), max(256, round(rate * 0.5)))
    frequency, power = welch(sound.samples, rate, nperseg=length)
    right.semilogx(np.maximum(power, floor * 1e-3), frequency, linewidth=0.9)
    right.axvline(floor, color="tab:red", linewidth=0.9, label="noise left (mean)")
    for edge in (low, high):
        right.axhline(edge, color="grey", linewidth=0.7, linestyle="--")
    right.set_xlabel("power, px²/Hz (dashed: the band)")
    right.legend(fontsize=8, loc="upper right")
    _save(figure, path)


def _spectrogram(axes: Axes, samples: np.ndarray, rate: float, floor: float) -> AxesImage:
    """Draw in dB above `floor`, or below the loudest where it is 0."""
    wanted = max(_WINDOW_S * rate, _WINDOW_SAMPLES)
    length = round(min(wanted, max(32, len(samples) / 4)))
    frequency, _, power = spectrogram(
        samples, rate, window="hann", nperseg=length, noverlap=length * 3 // 4, detrend=False
    )
    level = 10 * np.log10(np.maximum(power, 1e-30) / (floor or max(power.max(), 1e-30)))
    low, high = (-_RANGE_DB, 0) if floor == 0 else (-5, _RANGE_DB)
    image = axes.imshow(
        level, origin="lower", aspect="auto", cmap="magma", vmin=low, vmax=high,
        extent=(0, len(samples) / rate, 0, frequency[-1]), interpolation="nearest",
    )  # fmt: skip
    axes.set_xlabel("time, s")
    return image


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=100)
    close(figure)
