"""The picture of the demo: what an object heard beside what its video says."""

from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")  # draws without a screen

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.pyplot import close, subplots
from scipy.signal import spectrogram

import phonoscope as ph

_WINDOW_S = 0.08
_WINDOW_SAMPLES = 96  # fewer tell no tones apart
_RANGE_DB = 55


def beside(path: Path, true: np.ndarray, true_rate_hz: float, sound: ph.Sound) -> None:
    """Draw the true sound and the recovered one, on the same axes."""
    rate = float(sound.rate_hz)
    figure, (left, right) = subplots(1, 2, figsize=(9, 3.4), sharey=True, layout="constrained")
    heard = ph.resample(true, true_rate_hz, rate)
    _spectrogram(left, heard, rate)
    left.set_title("what the object heard", fontsize=10)
    left.set_ylabel("frequency, Hz")
    image = _spectrogram(right, sound.samples, rate)
    right.set_title("what the silent video says", fontsize=10)
    figure.colorbar(image, ax=right, label="dB below the loudest", shrink=0.9)
    _save(figure, path)


def _spectrogram(axes: Axes, samples: np.ndarray, rate: float) -> AxesImage:
    """Draw in dB below the loudest."""
    wanted = max(_WINDOW_S * rate, _WINDOW_SAMPLES)
    length = round(min(wanted, max(32, len(samples) / 4)))
    frequency, _, power = spectrogram(
        samples, rate, window="hann", nperseg=length, noverlap=length * 3 // 4, detrend=False
    )
    level = 10 * np.log10(np.maximum(power, 1e-30) / max(power.max(), 1e-30))
    image = axes.imshow(
        level, origin="lower", aspect="auto", cmap="magma", vmin=-_RANGE_DB, vmax=0,
        extent=(0, len(samples) / rate, 0, frequency[-1]), interpolation="nearest",
    )  # fmt: skip
    axes.set_xlabel("time, s")
    return image


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=100)
    close(figure)
