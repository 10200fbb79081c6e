"""Measure a rolling shutter by the bands that a flickering lamp makes."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from phonoscope.errors import InputError
from phonoscope.motion import ripple, seek
from phonoscope.motion.ripple import Fit
from phonoscope.motion.wave import Light
from phonoscope.types import Float32, Float64, Frame

LAMPS_HZ = (100.0, 120.0, 200.0, 240.0)
LONGEST_S = 10.0
MOST_FRAMES = 1200
FEWEST_FRAMES = 8
_FEWEST_ROWS = 8
_LEAST_SHARE = 0.2  # of its pixels that a piece of a row must have left
_MOST_BLOCKS = 16
_BLOCK_PX = 8
_MOST_BINS = 240
_LOOK_BYTES = 64 * 2**20
_LONGEST_READOUT = 1.02  # of the time from frame to frame
_EVIDENCE = 6.0  # standard deviations by which all blocks together must see the flicker
_STANDING_EVIDENCE = 20.0  # texture may look like bands in several blocks
_UNSURE = 0.1  # relative error of the line delay beyond which nothing is claimed
_STILL_IF = 0.03  # relative error above which standing bands are looked at, too
_DEGREES = range(2, 9)  # of the polynomial that shading is
_DEGREE_GAIN = 8.0
_NEIGHBOURS = 3  # blocks that one texture may span
_TIE = 9.0  # within which two frequencies explain the light equally well
_DARKEST = 0.05
_UNEXPLAINED = 0.6  # of the wave: what the blocks see is something else
_FEW_TURNS = 0.5  # by which bands roll in the clip
_DIRECTION_ODDS = 9.0  # twice the logarithm of the odds for one direction


@dataclass(frozen=True, slots=True)
class Bands:
    """A lamp's bands.

    Attributes
    ----------
    slope_s, uncertainty_s
        Seconds of delay for one unit of place, and its standard deviation. Negative if rows are
        read upwards and this can be told.
    directed
        Whether the sign of the slope can be told.
    lamp_hz
        The lamp's frequency.
    depth
        Relative amplitude of its fundamental, as the exposure leaves it.
    standing
        Whether the bands stand still, and were told from the picture by their shape only.
    evidence
        How many standard deviations the flicker is above none.
    """

    slope_s: float
    uncertainty_s: float
    directed: bool
    lamp_hz: float
    depth: float
    standing: bool
    evidence: float

    @property
    def seen(self) -> bool:
        """Whether there are any bands."""
        return self.evidence > (_STANDING_EVIDENCE if self.standing else _EVIDENCE)

    @property
    def sure(self) -> bool:
        """Whether they are seen and tell the slope to a tenth or better."""
        return self.seen and self.uncertainty_s < _UNSURE * abs(self.slope_s)


def read_rows(
    frames: Iterable[Frame], bits: int, *, progress: Callable[[int], None] | None = None
) -> Light:
    """Return the light of the rows of up to `LONGEST_S` seconds or `MOST_FRAMES` frames.

    Pixels that are saturated or dark in the first frames are left out. Places are rows of the
    frame. Up to 64 MiB of frames are held at once.

    Parameters
    ----------
    frames
        In order, at least 8.
    bits
        Significant bits of their luma.

    Raises
    ------
    InputError
        If there are too few frames.
    """
    stream = _limited(frames)
    look: list[Frame] = []
    for frame in stream:
        look.append(frame)
        if len(look) * frame.luma.nbytes > _LOOK_BYTES:
            break
    if len(look) < FEWEST_FRAMES:
        raise InputError(
            f"{len(look)} frames are too few to tell a lamp's bands; give {FEWEST_FRAMES} or more."
        )
    full = 2**bits - 1
    height, width = look[0].luma.shape
    usable = np.ones((height, width), np.bool_)
    for frame in look:
        usable &= (frame.luma < full) & (frame.luma > 0)
    blocks = int(np.clip(width // _BLOCK_PX, 1, _MOST_BLOCKS))
    columns = np.arange(blocks) * width // blocks
    rows = np.arange(0, height, -(-height // _MOST_BINS))
    count = _sums(usable.astype(np.uint8), columns, rows)
    lights, times = [], []
    for done, frame in enumerate(itertools.chain(look, stream), 1):
        seen = frame.luma if usable.all() else np.where(usable, frame.luma, 0)
        mean = _sums(seen, columns, rows) / np.maximum(count, 1)
        lights.append(np.log(np.maximum(mean, 1e-3)).astype(np.float32))
        times.append(float(frame.time_s))
        if progress is not None:
            progress(done)
    time = np.array(times)
    ends = np.append(rows[1:], height)
    place = (rows + ends - 1) / 2
    log = np.stack(lights, axis=2).transpose(1, 2, 0)
    return Light(
        log, _weights(log, count.T), time - (time[0] + time[-1]) / 2, place - (height - 1) / 2
    )


def _limited(frames: Iterable[Frame]) -> Iterator[Frame]:
    first = None
    for frame in itertools.islice(frames, MOST_FRAMES):
        first = frame.time_s if first is None else first
        if frame.time_s - first > LONGEST_S:
            return
        yield frame


def _sums(luma: np.ndarray, columns: np.ndarray, rows: np.ndarray) -> Float64:
    across = np.add.reduceat(luma, columns, axis=1, dtype=np.uint32)
    return np.add.reduceat(across, rows, axis=0).astype(np.float64)


def _weights(log: Float32, count: Float64) -> Float64:
    """Return ``(block, row)`` inverse variance of what a block shows and the others do not."""
    good = (count > _LEAST_SHARE * count.max()) & (log.min(axis=1) > 0)
    rows = good.any(axis=0)
    swing = log[:, :, rows] - log[:, :, rows].mean(axis=1, keepdims=True)
    if len(log) >= ripple.FEWEST_BLOCKS:
        seen = np.where(good[:, None, rows], swing, np.nan)
        swing = swing - np.nanmedian(seen, axis=0)
    variance = np.where(good, 1.0, np.inf)
    variance[:, rows] *= (swing**2).mean(axis=1)
    if not rows.any():
        return np.zeros(count.shape)
    floor = 0.1 * np.median(variance[good]) + 1e-12  # two blocks that agree by chance
    return np.asarray(1 / np.maximum(variance, floor))


def measure_lamp(light: Light, lamp_hz: float, interval_s: float) -> Bands | None:
    """Measure the bands of a lamp.

    Bands that roll are told from the picture by their motion. Where they hardly do, those that
    stand still are told by their shape.

    Parameters
    ----------
    light
        From `read_rows`.
    lamp_hz
        The flicker's frequency, right to within 0.1 %.
    interval_s
        Time from frame to frame, within which all rows are read.

    Returns
    -------
    Bands
        Ask it whether it is `sure`. None if hardly any row can be used.
    """
    if (light.weight.sum(axis=0) > 0).sum() < _FEWEST_ROWS:
        return None
    rolling = _rolling(light, lamp_hz, interval_s)
    if (
        rolling is not None
        and rolling.sure
        and rolling.uncertainty_s < _STILL_IF * abs(rolling.slope_s)
    ):
        return rolling
    standing = _standing(light, lamp_hz, interval_s)
    known = [bands for bands in (rolling, standing) if bands is not None and bands.sure]
    if known:
        return min(known, key=lambda bands: bands.uncertainty_s / abs(bands.slope_s))
    return rolling if rolling is not None and rolling.seen else standing


@dataclass(frozen=True, slots=True)
class Check:
    """What a lamp's flicker says of a supposed line delay.

    Attributes
    ----------
    stretch, uncertainty
        Factor by which the supposed delays must be multiplied to be right (1: they are; negative:
        rows are read in the other direction), and its standard deviation.
    directed
        Whether the sign of the stretch can be told.
    lamp_hz
        Frequency of the flicker, the lowest that explains it.
    depth
        Its relative amplitude.
    """

    stretch: float
    uncertainty: float
    directed: bool
    lamp_hz: float
    depth: float


def check_delay(
    gain: ArrayLike, time_s: ArrayLike, delay_s: ArrayLike, *, lamps_hz: Sequence[float] = LAMPS_HZ
) -> Check | None:
    """Check a supposed line delay by a lamp that flickers in the clip itself.

    The motion field's gain has the picture taken off, so only bands that roll are left in it.

    Parameters
    ----------
    gain
        ``(sample, row)`` brightness of each row relative to the reference, 1 where it is the same;
        the mean over a row's cells, or those of one column of the picture.
    time_s
        ``(sample,)`` time of each frame.
    delay_s
        ``(row,)`` when each row is read after the frame's own time, as it is supposed.
    lamps_hz
        Frequencies to look for, right to within 0.1 %: where several explain the light equally
        well, the one that fits the supposed delay best is taken.

    Returns
    -------
    Check
        None where no lamp's bands stand above the noise, or they do not tell the delay to a tenth.

    Raises
    ------
    InputError
        If the shapes do not match, all rows have one delay, or values are not finite.
    """
    values, time, delay = (np.asarray(a, np.float64) for a in (gain, time_s, delay_s))
    alike = values.shape == (time.size, delay.size) and time.size >= FEWEST_FRAMES
    if not alike or not all(np.isfinite(a).all() for a in (values, time, delay)):
        raise InputError(
            f"gain of shape {values.shape} is not finite values for {time.size} frames, at least "
            f"{FEWEST_FRAMES}, and {delay.size} rows."
        )
    if not np.ptp(delay) > 0:
        raise InputError("all rows are read at one time; a line delay of 0 cannot be checked.")
    use = (time - time[0] <= LONGEST_S) & (np.arange(len(time)) < MOST_FRAMES)
    time, values = time[use], values[use]
    interval = float(np.median(np.diff(time)))
    log = np.log(np.maximum(values, _DARKEST))[None].astype(np.float32)
    light = Light(
        log,
        np.full((1, len(delay)), 1 / max(float(log.var()), 1e-12)),
        time - (time[0] + time[-1]) / 2,
        delay - (delay.min() + delay.max()) / 2,
    )
    fits = {lamp: _candidates(light, lamp, interval)[:1] for lamp in lamps_hz}
    found = [(lamp, fit) for lamp, each in fits.items() for fit in each]
    if not found:
        return None
    best = min((fit for _, fit in found), key=lambda fit: fit.misfit)
    likely = [one for one in found if one[1].misfit - best.misfit < _TIE * max(1.0, best.noise)]
    lamp, fit = min(likely, key=lambda one: abs(np.log(abs(one[1].wave.slope_s))))
    variance = (fit.rest**2).mean(axis=0)
    light = replace(light, weight=1 / np.maximum(variance, 0.1 * np.median(variance) + 1e-12)[None])
    bands = _rolling(light, lamp, interval)
    if bands is None or not bands.sure:
        return None
    stretch = bands.slope_s if bands.directed else abs(bands.slope_s)
    return Check(stretch, bands.uncertainty_s, bands.directed, bands.lamp_hz, bands.depth)


def _rolling(light: Light, lamp_hz: float, interval_s: float) -> Bands | None:
    fits = _candidates(light, lamp_hz, interval_s)
    if not fits:
        return None
    first = fits[0]
    scale = max(1.0, first.noise)
    likely = [
        fit
        for fit in fits
        if (fit.misfit - first.misfit) / scale + fit.strain - first.strain < _DIRECTION_ODDS
    ]
    directed = all(fit.wave.slope_s * first.wave.slope_s > 0 for fit in likely)
    project = seek.centred(light.weight.sum(axis=0))
    fit = ripple.enriched(light, first, project, ripple.presumed(lamp_hz))
    wave = fit.wave
    sd, evidence = ripple.judged(light, fit)
    # What all blocks see beside the wave is no white noise: a codec's steps last, and spread.
    sd *= max(1.0, fit.noise) ** 0.5
    apart = max(abs(abs(fit.wave.slope_s) - abs(first.wave.slope_s)) for fit in likely)
    # Of less than a period in the picture, overtones and shading make any other.
    periods = wave.lamp_hz * 2 * light.reach * abs(wave.slope_s)
    alike = wave.overtones * max(0.0, 1 / periods - 1)
    sd = float(np.linalg.norm([sd, apart, alike * wave.slope_s]))
    turns = abs(lamp_hz * interval_s - round(lamp_hz * interval_s)) * len(light.time_s)
    if (periods < 1 and turns < _FEW_TURNS) or fit.unexplained > _UNEXPLAINED:
        sd = np.inf
    return Bands(wave.slope_s, sd, directed, wave.lamp_hz, wave.depth, False, evidence)


def _candidates(light: Light, lamp_hz: float, interval_s: float) -> list[Fit]:
    """Return the waves of either direction that fit, the best first."""
    project = seek.centred(light.weight.sum(axis=0))
    steepest = _LONGEST_READOUT * interval_s / (2 * light.reach)
    presumed = ripple.presumed(lamp_hz)
    starts = [s for sign in (1, -1) for s in seek.search(light, lamp_hz, steepest, sign)]
    fits = ripple.candidates(light, starts, project, presumed)
    return sorted(fits, key=lambda fit: fit.cost)


def _standing(light: Light, lamp_hz: float, interval_s: float) -> Bands:
    profile = seek.still(light)
    steepest = _LONGEST_READOUT * interval_s / (2 * light.reach)
    presumed = ripple.presumed(lamp_hz)
    presumed[2:, 1] = 1e-9
    fits: list[Fit] = []
    for degree in _DEGREES:
        project = seek.levelled(profile, degree)
        starts = seek.search_still(profile, lamp_hz, steepest, project)
        tried = [ripple.refine(profile, start, project, presumed) for start in starts]
        fits.append(min(tried, key=lambda fit: fit.cost))
        if len(fits) > 2:
            gain = fits[-3].cost - min(fits[-1].cost, fits[-2].cost)
            if gain < _DEGREE_GAIN * fits[-1].noise * ripple.redness(fits[-1]):
                break
    degree = max(degree - 2, _DEGREES[0])
    first, second = fits[-3:-1]
    project = seek.levelled(profile, degree)
    fit = ripple.enriched(profile, first, project, presumed)
    sd, evidence = ripple.judged(profile, fit)
    broad, seldom = ripple.judged(profile, fit, neighbours=_NEIGHBOURS)
    sd = max(sd, broad) * np.sqrt(ripple.redness(fit))
    sd = np.hypot(sd, second.wave.slope_s - first.wave.slope_s)
    return Bands(
        abs(fit.wave.slope_s), float(sd), False, lamp_hz, fit.wave.depth, True,
        min(evidence, seldom),
    )  # fmt: skip
