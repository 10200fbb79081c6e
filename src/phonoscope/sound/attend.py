"""Find what moves together: whiten, even out odd cells, weigh the evidence, choose directions."""

import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from phonoscope.errors import InputError
from phonoscope.sound.array import denoised
from phonoscope.sound.evidence import Evidence, gather
from phonoscope.sound.excess import excess
from phonoscope.sound.filter import band_pass, noise_gain
from phonoscope.sound.subspace import Folds, Subspace, TimeFilter, strongest, teach, try_out
from phonoscope.sound.verdict import counted_bins, judge, predicting
from phonoscope.sound.whiten import PER_CELL, Channels, displacement_information, rewhiten, whiten
from phonoscope.sound.windows import RESOLUTION_HZ, frequencies_hz, window_samples
from phonoscope.types import Float64, MotionField, Verdict

_FROZEN = 0.1  # of the noise: no camera takes pictures so alike; rounding leaves less
_REFINEMENTS = 2
_FILLINGS, _STRIDE = 20, 1.9  # up to 2 it converges, the faster the longer
_SPARE = 2  # directions kept beyond those above the noise: several bands, each too faint by itself


@dataclass(frozen=True, slots=True, eq=False)
class Attention:
    """What to listen to in a motion field.

    Attributes
    ----------
    field, band_hz
        As given.
    window
        Samples in a window of the short-time spectra.
    factors
        ``(cell, 3)`` by how much channels are noisier than the cells claim.
    channels
        Channels whitened by both.
    evidence, verdict
        Whether there is sound, and where.
    subspace
        Strongest directions over the whole band.
    kept
        ``(channel, k)`` directions of the virtual channels; without a sound, the strongest alone.
    """

    field: MotionField
    band_hz: tuple[float, float]
    window: int
    factors: Float64
    channels: Channels
    evidence: Evidence
    verdict: Verdict
    subspace: Subspace
    kept: Float64

    def virtual(self) -> Float64:
        """Return the ``(sample, k)`` virtual channels of `kept`.

        Where there is a sound, samples without a frame are what it is expected to have been, given
        all others: the posterior mean, by expectation maximisation (Dempster, Laird and Rubin,
        doi:10.1111/j.2517-6161.1977.tb01600.x). They tell nothing that the others do not.
        """
        field, signals = self.field, self.channels.mix(self.kept)
        if field.measured is not None and self.verdict.detected:
            for _ in range(_FILLINGS):
                heard = _even_band(signals, field, self.band_hz)
                beyond = denoised(heard, self.evidence.noise, self.window) - heard
                signals += _STRIDE * _at_own_times(beyond, field) * ~field.measured[:, None]
        return _even_band(signals, field, self.band_hz)

    def signals(self, directions: Float64) -> Float64:
        """Return ``(sample, k)`` signals of ``(channel, k)``, in the band, at even times."""
        return _even_band(self.channels.mix(directions), self.field, self.band_hz)


@dataclass(frozen=True, slots=True, eq=False)
class Weighed:
    """What speaks for sound in a motion field; attributes as in `Attention`.

    `folds` is what the strongest directions are sought from.
    """

    window: int
    factors: Float64
    channels: Channels
    folds: Folds
    evidence: Evidence
    verdict: Verdict


def weigh(
    field: MotionField,
    band_hz: tuple[float, float],
    false_alarm: float,
    *,
    resolution_hz: float = RESOLUTION_HZ,
    control_hz: tuple[float, float] | None = None,
    longer: float = 1.0,
) -> Weighed:
    """Say whether there is sound.

    Parameters
    ----------
    field
        Motion field.
    band_hz
        Lowest and highest frequency.
    false_alarm
        Probability with which noise may be taken for sound.
    resolution_hz
        Of the short-time spectra.
    control_hz
        A band in which there is no sound: what stands out there counts as noise everywhere.
    longer
        How many times as long the clip is of which this is a sample: what would be detected is told
        for all of it.

    Raises
    ------
    InputError
        If the field holds no information.
    """
    rate = float(field.rate_hz)
    channels = whiten(field)
    if not channels.count:
        raise InputError("no cell shows motion in the chosen region; choose one with texture.")
    if all(np.abs(block).max(initial=0.0) < _FROZEN for block in channels):
        raise InputError(
            f"all frames of {field.facts.name} show the same picture, noise and all: a still "
            "picture, or frames that were lost and filled in; give the file as the camera wrote it."
        )
    in_band = _in_band(field, band_hz)
    window = window_samples(field.samples, rate, resolution_hz)
    frequency = frequencies_hz(window, rate)
    counted = counted_bins(frequency, band_hz, field.facts, adds_up=field.adds_up)
    folds = teach(channels, in_band, window)
    factors, quietest = excess(channels, folds.directions), 1.0
    if factors is None:
        factors = np.ones((len(field.cells), PER_CELL))
    else:
        quietest = min(1.0, float(np.median(factors, axis=0).min()))
        if longer > 1:
            # Behind a codec, cells that happen to be quiet in a sample do not stay so.
            factors = np.maximum(factors, 1)
        channels = rewhiten(channels, factors)
        folds = teach(channels, in_band, window)
    tried = partial(gather, window=window, rate_hz=rate, adds_up=field.adds_up)
    evidence = tried(try_out(folds, channels, in_band), counted=counted)
    if control_hz is not None and counted.any():
        beside = counted_bins(frequency, control_hz, field.facts)
        apart = _in_band(field, control_hz)
        control = tried(try_out(teach(channels, apart, window), channels, apart), counted=beside)
        power = float(np.mean((control.noise * (1 + control.snr))[beside]))
        usual = float(np.mean(evidence.noise[counted]))
        if power > usual:
            fits = try_out(folds, channels, in_band)
            evidence = tried(fits, counted=counted, louder=power / usual)
    if field.adds_up and not predicting(field.facts):
        quietest = math.inf  # what is claimed is mostly no camera's noise, and no codec took it
    evidence = replace(evidence, quietest=quietest)
    passed = noise_gain(field.samples, rate, band_hz)
    verdict = judge(
        evidence, field.facts, false_alarm, channels.count, longer * field.samples * passed,
        information_of_all(channels),
    )  # fmt: skip
    return Weighed(window, factors, channels, folds, evidence, verdict)


def information_of_all(channels: Channels) -> float:
    """Return that of a displacement common to all cells, along a direction at random, px⁻²."""
    information = displacement_information(channels.information)
    return float(np.trace(information.sum(axis=0))) / 2


def attend(field: MotionField, band_hz: tuple[float, float], false_alarm: float) -> Attention:
    """Choose what to listen to; as `weigh`."""
    rate = float(field.rate_hz)
    weighed = weigh(field, band_hz, false_alarm)
    channels, evidence, verdict = weighed.channels, weighed.evidence, weighed.verdict
    gains = _gains(evidence, field.samples, rate, band_hz, found=verdict.detected)
    subspace = strongest(
        channels, _in_band(field, band_hz), weighed.folds.directions, lambda s: _weighted(s, gains),
        (float(np.mean(gains**2)), float(np.mean(gains**4))),
    )  # fmt: skip
    kept = subspace.directions[:, :1]
    if verdict.detected:
        # What frequencies tell apart, each by its own noise and directions, teaches the next round.
        kept = subspace.directions[:, : subspace.above_noise + _SPARE]
        for _ in range(_REFINEMENTS):
            virtual = _even_band(channels.mix(kept), field, band_hz)
            clean = _at_own_times(denoised(virtual, evidence.noise, weighed.window), field)
            kept = np.linalg.svd(channels.correlate(clean), full_matrices=False)[0]
    return Attention(
        field, band_hz, weighed.window, weighed.factors, channels, evidence,
        verdict, subspace, kept,
    )  # fmt: skip


def _in_band(field: MotionField, band_hz: tuple[float, float]) -> TimeFilter:
    return lambda signals: _at_own_times(_even_band(signals, field, band_hz), field)


def _even_band(signals: Float64, field: MotionField, band_hz: tuple[float, float]) -> Float64:
    return band_pass(_at_even_times(signals, field), float(field.rate_hz), band_hz)


def _gains(
    evidence: Evidence, samples: int, rate: float, band: tuple[float, float], *, found: bool
) -> Float64:
    # Of each frequency of the whole clip, what is likely to be sound (Wiener). Without any, all.
    frequency = np.fft.rfftfreq(samples, 1 / rate)
    if not found:
        return ((frequency >= band[0]) & (frequency <= band[1])).astype(np.float64)
    noise = evidence.noise / evidence.raised  # the channels'; what is raised moves with the sound
    share = np.sqrt(evidence.snr / (1 + evidence.snr) / noise)
    return np.asarray(np.interp(frequency, evidence.frequency_hz, share / share.max()))


def _weighted(signals: Float64, gains: Float64) -> Float64:
    spectrum = np.fft.rfft(signals, axis=0) * gains[:, None]
    return np.asarray(np.fft.irfft(spectrum, len(signals), axis=0))


def _at_even_times(signals: Float64, field: MotionField) -> Float64:
    if not field.facts.variable_rate:
        return signals
    return _interpolated(_even_times(field), field.time_s, signals)


def _at_own_times(signals: Float64, field: MotionField) -> Float64:
    if not field.facts.variable_rate:
        return signals
    return _interpolated(field.time_s, _even_times(field), signals)


def _even_times(field: MotionField) -> Float64:
    return np.linspace(field.time_s[0], field.time_s[-1], field.samples)


def _interpolated(wanted: Float64, time: Float64, signals: Float64) -> Float64:
    from scipy.interpolate import CubicSpline  # slow to import

    return np.asarray(CubicSpline(time, signals, axis=0)(wanted))
