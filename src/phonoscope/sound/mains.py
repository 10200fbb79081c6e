"""Find and take off the hum of the mains: lines at 50 or 60 Hz, their harmonics and aliases.

A line of the mains is where the grid puts it, to a tenth of a hertz for each harmonic; it stands
above the noise beside it; and it is there all the time. Music and speech near it fail one of the
three and are left alone. What is found is measured as a slowly varying sinusoid and subtracted,
which leaves its surroundings as they are and rings no more than a second.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from phonoscope.errors import UsageError
from phonoscope.sound.enhance import checked_rate, checked_sound
from phonoscope.types import Float64

Mains = Literal["auto", 50, 60]

FALSE_ALARM = 0.01
"""Probability that anything at all is removed from stationary noise without lines."""

_HARMONICS = 24
_ANCHORS = 4  # harmonics, one of which must be found on its own: higher ones only follow
_WANDER_HZ = 0.1  # of the fundamental; grids are kept well within it
_SHORTEST_S = 2.0
_FEWEST_SAMPLES = 16
_SEGMENT_S = 8.0  # of the spectrum in which lines are looked for: longer, and a grid wanders in it
_FLANK_HZ = 12.0  # either side of a line, where the floor is measured
_FINE = 4  # zero padding
_PIECE_S = 0.5  # of the test that a line is there all the time
_FEWEST_PIECES = 4
_CLEAR = 0.35  # noise over the line's mean amplitude, at most, in a piece that tells
_PRESENT = 0.5  # of its mean amplitude that it has nearly always
_NEARLY_ALWAYS = 0.1
_FIT_S = 2.0  # over which a line's amplitude and phase are straight lines
_HANN_BINS = 1.5  # equivalent noise bandwidth of a Hann window


@dataclass(frozen=True, slots=True)
class MainsLine:
    """A line that was removed.

    Attributes
    ----------
    frequency_hz
        Where it was in the sound.
    mains_hz
        Fundamental of the grid, as measured.
    harmonic
        Its multiple of `mains_hz`; ``harmonic * mains_hz`` differs from `frequency_hz` where the
        line is above Nyquist and has folded back.
    rms
        Of what was removed, in the sound's unit.
    over_floor_db
        Its height over the noise beside it, in the spectrum in which it was found.
    """

    frequency_hz: float
    mains_hz: float
    harmonic: int
    rms: float
    over_floor_db: float


@dataclass(frozen=True, slots=True, eq=False)
class MainsRemoval:
    """A sound without its mains lines.

    Attributes
    ----------
    samples
        ``(sample,)`` the sound, in its unit; the given one where `lines` is empty.
    lines
        What was removed, by harmonic, 50 Hz before 60 Hz; empty where nothing was detected, or the
        sound is shorter than 2 s and its frequencies too blurred to tell.
    false_alarm
        Probability that noise alone would have had any line removed.
    """

    samples: Float64
    lines: tuple[MainsLine, ...]
    false_alarm: float


@dataclass(frozen=True, slots=True)
class _Found:
    """A line in the spectrum, on the grid's own scale: before it folds back."""

    harmonic: int
    true_hz: float
    heard_hz: float
    over_floor: float


def remove_mains(
    signal: ArrayLike, rate_hz: Fraction | float, mains: Mains = "auto"
) -> MainsRemoval:
    """Remove the lines of the mains that are detected: 24 harmonics, folded ones too.

    One of the first four harmonics must be found within ±0.1 Hz of the grid for each multiple; it
    sets the grid's frequency, and the others are looked for only there. A line is detected if its
    power over that of the noise beside it would arise from noise with a probability that makes
    `FALSE_ALARM` for all places together, and if it never fades. It is then fitted by least squares
    in overlapping windows of 2 s as a sinusoid whose amplitude and phase change slowly.

    Parameters
    ----------
    signal
        ``(sample,)`` sound in any unit; it is not changed.
    rate_hz
        Samples a second.
    mains
        Frequency of the grid, or ``"auto"`` to look for both.

    Raises
    ------
    InputError
        If there are no samples, more than one axis, or values that are not finite.
    UsageError
        If the rate is not positive, or `mains` is none of the three.
    """
    if mains not in ("auto", 50, 60):
        raise UsageError(f'mains is {mains!r}; give 50, 60 or "auto".')
    sound = checked_sound(signal).copy()
    rate = checked_rate(rate_hz)
    grids = (50, 60) if mains == "auto" else (mains,)
    lines: list[MainsLine] = []
    for grid in grids if len(sound) >= max(_SHORTEST_S * rate, _FEWEST_SAMPLES) else ():
        found = _detect(sound, rate, grid, FALSE_ALARM / len(grids))
        if not found:
            continue
        parts = _fitted(sound, rate, [line.heard_hz for line in found])
        sound -= parts.sum(axis=1)
        # High harmonics and strong ones tell the fundamental best.
        best = max(found, key=lambda line: line.harmonic**2 * line.over_floor)
        fundamental = best.true_hz / best.harmonic
        lines += [
            MainsLine(
                line.heard_hz,
                fundamental,
                line.harmonic,
                float(np.sqrt(np.mean(part**2))),
                10 * math.log10(line.over_floor),
            )
            for line, part in zip(found, parts.T, strict=True)
        ]
    return MainsRemoval(sound, tuple(lines), FALSE_ALARM)


def _detect(sound: Float64, rate: float, grid: int, false_alarm: float) -> list[_Found]:
    """Return the lines of one grid by harmonic: an anchor first, then those that fit it."""
    spectrum = _Spectrum.of(sound, rate)
    resolution = 1 / spectrum.segment_s
    allowed = false_alarm / (2 * _HARMONICS)  # anchors and followers are looked for once each
    anchors = [
        line
        for harmonic, heard in _places(grid, rate, 2 * resolution)
        if harmonic <= _ANCHORS
        and (line := spectrum.line(harmonic, heard, grid, harmonic * _WANDER_HZ, allowed))
        and _always(sound, rate, line.heard_hz)
    ]
    if not anchors:
        return []
    best = max(anchors, key=lambda line: line.over_floor)
    fundamental, unsure = best.true_hz / best.harmonic, 0.25 * resolution / best.harmonic
    found = []
    for harmonic, heard in _places(fundamental, rate, 2 * resolution):
        half_width = harmonic * unsure + resolution / 4
        line = spectrum.line(harmonic, heard, fundamental, half_width, allowed)
        # The grid is known to be there: a faint line of it needs no proof of its own.
        if line and _always(sound, rate, line.heard_hz) is not False:
            found.append(line)
            if harmonic > best.harmonic:
                # Each higher line narrows the grid's frequency for the next.
                fundamental, unsure = line.true_hz / harmonic, 0.25 * resolution / harmonic
    return found


def _places(fundamental: float, rate: float, margin: float) -> Iterator[tuple[int, float]]:
    """Yield each harmonic and where it is heard; those at 0 Hz, Nyquist or another are left out."""
    taken: list[float] = []
    for harmonic in range(1, _HARMONICS + 1):
        heard = abs(harmonic * fundamental - rate * round(harmonic * fundamental / rate))
        clear = max(margin, harmonic * _WANDER_HZ)
        if clear < heard < rate / 2 - clear and all(abs(heard - t) > clear for t in taken):
            taken.append(heard)
            yield harmonic, heard


@dataclass(frozen=True, slots=True, eq=False)
class _Spectrum:
    """Averaged Hann periodogram, finely sampled."""

    power: Float64
    step_hz: float
    segment_s: float
    segments: float
    rate_hz: float

    @classmethod
    def of(cls, sound: Float64, rate: float) -> "_Spectrum":
        size = min(len(sound), max(_FEWEST_SAMPLES, round(_SEGMENT_S * rate)))
        count = max(1, math.ceil(2 * (len(sound) - size) / size) + 1)
        starts = np.linspace(0, len(sound) - size, count).round().astype(int)
        window = np.hanning(size + 2)[1:-1]
        length = 1 << math.ceil(math.log2(_FINE * size))
        power = np.zeros(length // 2 + 1)
        for start in starts:
            power += np.abs(np.fft.rfft(sound[start : start + size] * window, length)) ** 2
        return cls(power / count, rate / length, size / rate, len(sound) / size, rate)

    def line(
        self, harmonic: int, heard_hz: float, fundamental: float, half_width: float, allowed: float
    ) -> _Found | None:
        """Return the line within `half_width` of `heard_hz`, or None if none is significant."""
        from scipy.special import fdtri  # slow to import

        inside = self._slice(heard_hz - half_width, heard_hz + half_width)
        top = inside.start + int(np.argmax(self.power[inside]))
        if self.power[top] < self.power[max(0, top - 1) : top + 2].max():
            return None  # the slope of something else, whose top is not on the grid
        gap = 2 / self.segment_s  # half of a Hann window's main lobe
        low, high = (heard_hz - half_width - gap, heard_hz + half_width + gap)
        flanks = [self._slice(low - _FLANK_HZ, low), self._slice(high, high + _FLANK_HZ)]
        beside = np.concatenate([self.power[flank] for flank in flanks])
        if not beside.size or not (floor := float(np.median(beside))) > 0:
            return None
        ratio = float(self.power[top]) / floor
        # An F distribution: a line's bin against a floor of so many independent bins, of which the
        # median is worth half. Bins lie closer than they are independent: two trials for each.
        bins = len(beside) * self.step_hz * self.segment_s / _HANN_BINS
        freedom = 2 * self.segments, self.segments * bins
        median = fdtri(*freedom, 0.5)
        trials = 2 * (1 + 2 * half_width * self.segment_s)
        if ratio * median < fdtri(*freedom, 1 - allowed / trials):
            return None
        heard = self.step_hz * (top + self._vertex(top))
        folds = round(harmonic * fundamental / self.rate_hz) * self.rate_hz
        true = folds + math.copysign(heard, harmonic * fundamental - folds)
        return _Found(harmonic, true, heard, ratio)

    def _slice(self, low: float, high: float) -> slice:
        first = max(0, math.ceil(low / self.step_hz))
        return slice(first, max(first, math.floor(high / self.step_hz)) + 1)

    def _vertex(self, top: int) -> float:
        # Of a parabola through the logarithms: exact enough for a Hann window this fine.
        if not 0 < top < len(self.power) - 1:
            return 0.0
        left, middle, right = np.log(self.power[top - 1 : top + 2] + 1e-300)
        bend = 2 * middle - left - right
        return float(np.clip((right - left) / (2 * bend), -0.5, 0.5)) if bend > 0 else 0.0


def _always(sound: Float64, rate: float, hz: float) -> bool | None:
    """Whether a line is there throughout: what swells and fades is music or speech.

    None if the line is too faint to tell.

    The sound is cut into pieces of half a second, or longer ones where the line is so faint that
    too few of them tell; in all but a tenth of those that tell, the line must have half of its
    mean amplitude.
    """
    piece_s = _PIECE_S
    while _FEWEST_PIECES * piece_s <= len(sound) / rate:
        line, noise = _amplitudes(sound, rate, hz, max(8, round(piece_s * rate)))
        mean = math.sqrt(max(float(np.mean(line**2 - noise**2)), 0.0))
        tells = noise < _CLEAR * mean
        if tells.sum() >= len(line) / 2:
            held = line[tells] + noise[tells] - _PRESENT * mean
            return float(np.quantile(held, _NEARLY_ALWAYS)) > 0
        piece_s *= 1.5
    return None


def _amplitudes(sound: Float64, rate: float, hz: float, size: int) -> tuple[Float64, Float64]:
    """Return ``(piece,)`` amplitude of a line and of the noise beside it, in one unit."""
    window = np.hanning(size + 2)[1:-1]
    pieces = np.lib.stride_tricks.sliding_window_view(sound, size)[:: size // 2]
    # Clear of the line's main lobe, which ends two bins from it.
    bins = np.array([0, -6, -4.5, -3, 3, 4.5, 6])
    tones = np.exp(-2j * np.pi * (hz / rate + bins / size) * np.arange(size)[:, None])
    power = np.abs(pieces @ (window[:, None] * tones)) ** 2
    return np.sqrt(power[:, 0]), np.sqrt(np.median(power[:, 1:], axis=1) / math.log(2))


def _fitted(sound: Float64, rate: float, lines_hz: list[float]) -> Float64:
    """Return ``(sample, line)``: each line as a slowly varying sinusoid, all fitted together."""
    hop = max(8, round(_FIT_S * rate / 2))
    fitted = np.zeros((len(sound), len(lines_hz)))
    angles = 2 * np.pi * np.asarray(lines_hz) / rate
    # Hann windows that reach beyond both ends: they sum to one at every sample.
    for start in range(-hop, len(sound), hop):
        first, last = max(0, start), min(len(sound), start + 2 * hop)
        offset = np.arange(first - start, last - start)
        window = np.sin(np.pi * (offset + 0.5) / (2 * hop)) ** 2
        fitted[first:last] += window[:, None] * _piece(sound[first:last], angles, first, window)
    return fitted


def _piece(sound: Float64, angles: Float64, first: int, window: Float64) -> Float64:
    # Each line: cosine and sine, steady and growing, so that it may drift through the window.
    phase = angles * (first + np.arange(len(sound)))[:, None]
    slope = np.linspace(-1, 1, len(sound))[:, None]
    basis = np.stack([np.cos(phase), np.sin(phase), slope * np.cos(phase), slope * np.sin(phase)])
    flat = basis.transpose(1, 2, 0).reshape(len(sound), -1)
    root = np.sqrt(window)[:, None]
    weights = np.linalg.lstsq(flat * root, sound * root[:, 0], rcond=1e-6)[0]
    return np.asarray((flat * weights).reshape(len(sound), len(angles), 4).sum(axis=2))
