"""Pictures of a sound: over time, over frequency, over both."""

import os

import numpy as np

from phonoscope.report.drawing import BLUE, GREY, ORANGE, RED, new_figure, save, titled
from phonoscope.types import Float64, Sound

_WINDOW_S = 0.08
_FEWEST_SAMPLES = 96  # fewer tell no tones apart
_RANGE_DB = 55
_RESOLUTION_HZ = 4.0
_COLUMNS = 2400  # of a waveform: more are drawn as the range that they span


def draw_spectrogram(sound: Sound, path: str | os.PathLike[str]) -> None:
    """Draw the sound over time and frequency, in dB above the noise that is left in it.

    Dashed lines mark the band. Errors as of `draw_waveform`.
    """
    from scipy.signal import spectrogram  # slow to import

    rate, (low, high) = float(sound.rate_hz), sound.band_hz
    wanted = max(_WINDOW_S * rate, _FEWEST_SAMPLES)
    size = round(min(wanted, max(32, len(sound.samples) / 4), len(sound.samples)))
    hz, _, power = spectrogram(
        sound.samples, rate, window="hann", nperseg=size, noverlap=size * 3 // 4, detrend=False
    )
    floor = np.interp(hz, np.linspace(0, rate / 2, len(sound.noise_psd)), sound.noise_psd)
    floor = np.maximum(floor, max(sound.noise_psd.max() * 1e-3, 1e-30))
    level = 10 * np.log10(np.maximum(power, 1e-30) / floor[:, None])
    figure = new_figure(9.6, 3.8)
    axes = figure.subplots()
    image = axes.imshow(
        level, origin="lower", aspect="auto", cmap="magma", vmin=-5, vmax=_RANGE_DB,
        extent=(0, len(sound.samples) / rate, 0, hz[-1]), interpolation="nearest",
    )  # fmt: skip
    for edge in (low, high):
        axes.axhline(edge, color="white", linewidth=0.8, linestyle="--")
    titled(axes, "spectrogram (dashed: the band)", "time, s", "frequency, Hz")
    figure.colorbar(image, ax=axes, label="dB over the noise left")
    save(figure, path)


def draw_waveform(sound: Sound, path: str | os.PathLike[str]) -> None:
    """Draw the sound over time; what was interpolated between read-outs is told apart.

    Raises
    ------
    UsageError
        If the suffix is that of no picture.
    MissingExtraError
        If Matplotlib is not installed.
    OutputError
        If the file cannot be written.
    """
    figure = new_figure(9.6, 2.8)
    axes = figure.subplots()
    rate = float(sound.rate_hz)
    time = np.arange(len(sound.samples)) / rate
    measured = np.ones(len(time), bool) if sound.measured is None else sound.measured
    kinds = [("measured", measured, BLUE), ("interpolated", ~measured, ORANGE)]
    for name, which, colour in kinds:
        if which.any():
            _drawn(axes, time, np.where(which, sound.samples, np.nan), colour, name)
    noise = sound.noise_floor_px
    axes.axhspan(-noise, noise, color=GREY, alpha=0.35, linewidth=0, label="noise left, RMS")
    axes.set_xlim(0, time[-1] if len(time) > 1 else 1)
    axes.legend(fontsize=8, loc="upper right", ncols=3)
    titled(axes, "waveform", "time, s", "motion, px")
    save(figure, path)


def draw_spectrum(sound: Sound, path: str | os.PathLike[str]) -> None:
    """Draw the sound's power over frequency, against the known noise that is left in it.

    What counts as heard is shaded. Errors as of `draw_waveform`.
    """
    from scipy.signal import welch  # slow to import

    rate, (low, high) = float(sound.rate_hz), sound.band_hz
    size = min(len(sound.samples), max(_FEWEST_SAMPLES, round(rate / _RESOLUTION_HZ)))
    hz, power = welch(sound.samples, rate, nperseg=size)
    figure = new_figure(9.6, 3.4)
    axes = figure.subplots()
    # What the band's edges take is of no interest.
    least = max(float(np.median(sound.noise_psd)) * 1e-2, float(power.max()) * 1e-9, 1e-30)
    axes.semilogy(hz, np.maximum(power, least), color=BLUE, linewidth=1, label="sound and noise")
    at = np.linspace(0, rate / 2, len(sound.noise_psd))
    noise = np.maximum(sound.noise_psd, least)
    axes.semilogy(at, noise, color=RED, linewidth=1.2, linestyle="-.", label="noise left")
    if sound.verdict is not None and sound.verdict.detected:
        for first, last in _runs(sound.verdict.frequency_hz, sound.verdict.snr_db > -np.inf):
            axes.axvspan(first, last, color=ORANGE, alpha=0.18, linewidth=0)
    for edge in (low, high):
        axes.axvline(edge, color=GREY, linewidth=0.8, linestyle="--")
    axes.set_xlim(0, rate / 2)
    axes.legend(fontsize=8, loc="upper right")
    titled(axes, "spectrum (shaded: heard; dashed: the band)", "frequency, Hz", "power, px²/Hz")
    save(figure, path)


def _drawn(axes, time, values, colour, name) -> None:  # type: ignore[no-untyped-def]
    step = max(1, len(time) // _COLUMNS)
    if step == 1:
        axes.plot(time, values, color=colour, linewidth=0.7, label=name)
        return
    whole = len(time) // step * step
    parts = values[:whole].reshape(-1, step)
    known = np.isfinite(parts).any(axis=1)
    low, high = (
        np.where(known, extreme(np.where(np.isfinite(parts), parts, fill), axis=1), np.nan)
        for extreme, fill in ((np.min, np.inf), (np.max, -np.inf))
    )
    axes.fill_between(
        time[:whole:step], low, high, step="post", color=colour, linewidth=0.3, label=name
    )


def _runs(frequency_hz: Float64, heard: np.ndarray) -> list[tuple[float, float]]:
    # Neighbouring bins that are heard, as far as half a bin to either side.
    half = (frequency_hz[1] - frequency_hz[0]) / 2 if len(frequency_hz) > 1 else 0.0
    edges = np.diff(np.concatenate([[0], heard, [0]]).astype(int))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
    return [
        (max(0.0, frequency_hz[a] - half), frequency_hz[b] + half)
        for a, b in zip(starts, stops, strict=True)
    ]
