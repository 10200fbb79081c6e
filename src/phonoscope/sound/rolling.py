"""Sound from cells that are read one after the other: far above the frame rate.

Sway is taken off. Pieces of rows that are read together are an array of microphones, which says
whether there is sound. How much of it each cell shows is learned. Then every clock is one sample of
the sound, and the posterior mean fills the time in which nothing is read.

A sound of which less than half a period fits between two frames needs no rows: whole frames sample
it, and say whether it is there as they do with a global shutter. Rows say so of what is faster.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from phonoscope.errors import InputError
from phonoscope.sound.attend import weigh
from phonoscope.sound.blocking import error_of_blocks
from phonoscope.sound.filter import band_pass
from phonoscope.sound.following import FRAMES_LATE_ROWS, lags_px
from phonoscope.sound.irregular import Rows, even_out, stream_even
from phonoscope.sound.rows import (
    Gains,
    Layout,
    in_chunks,
    in_squares,
    learned_gains,
    rows_of,
)
from phonoscope.sound.steady import steady
from phonoscope.sound.trial import Trial
from phonoscope.sound.verdict import followed, noise_level, predicting
from phonoscope.types import Float64, MotionField, Sound, Verdict

_RATE_OF_BAND = 4  # samples to a period of the highest frequency
SWAY_HZ = 20.0
"""What is slower is sway."""
LISTENING = 1.2
"""What listening takes: so many times the weighing of all samples, in tests."""
# Errors under sway, of lamps and of codecs reached 13 dB in rows and 5 in frames in tests. Behind
# codecs that predict a frame from its neighbours it was 25 in rows, where a camera swayed and bands
# of a lamp rolled through the picture, and 16 in frames.
_ROWS_BEYOND_DB, _FRAMES_BEYOND_DB = 15.0, 10.0
_PREDICTED_ROWS_BEYOND_DB, _PREDICTED_FRAMES_BEYOND_DB = 30.0, 23.0
_CONTROL_FROM, _CONTROL_TO = 1.25, 1.5  # of the band's highest
_FRAMES_OF_PERIOD = 5  # of the lowest frequency: then frames have more than an octave to judge
_FASTER = 1.5  # periods in a read-out: less looks like what is slower than frames
_HEARS = 0.05  # of the strongest cell's power
_CACHE_BYTES = 256 * 2**20
_TRIED_S, _ROWS_OF_BAND = 0.4, 20  # of noise, and its rows to a period of the highest frequency


def listen_to_rows(field: MotionField, band_hz: tuple[float, float], false_alarm: float) -> Sound:
    """Turn a motion field of a rolling shutter into sound; see `phonoscope.sound.listen`.

    Parameters
    ----------
    field
        Motion field whose cells have different delays.
    band_hz
        Lowest and highest frequency to keep.
    false_alarm
        Probability with which noise may be taken for sound.

    Raises
    ------
    InputError
        If the field holds no information, or one row only.
    """
    low, high = band_hz
    if not np.ptp(field.cells.delay_s) > 0:
        raise InputError(
            "all cells are read at one time, and a rolling shutter needs rows of several; choose "
            "a higher region."
        )
    still = _kept(steady(field, min(low, SWAY_HZ)))
    layout = Layout.of(field.cells, high)
    said = _verdicts(still, layout, band_hz, false_alarm)
    rate = _sample_rate(high)
    gains = learned_gains(still, layout)
    doubts: tuple[str, ...] = ()
    if any(one.verdict.detected for one in said):
        trial = Trial.of(still, layout, gains, rate, high)
        gains = trial.signed(gains)
        fits, doubts = trial.doubts(gains, field.facts.shutter)
        if not fits:
            said = [one.surely() for one in said]
        gains = trial.levelled(gains)
    verdict = _together([one.verdict for one in said])
    # A sound below half the frame rate is the same whatever the line delay.
    slow = verdict.heard_hz is not None and verdict.heard_hz[1] <= field.rate_hz / 2
    warnings = () if slow else doubts
    gains = _in_units(gains, layout, still)
    even = even_out(
        rows_of(still, layout, gains),
        rate_hz=rate,
        band_hz=high,
        start_s=float(field.blocks[0].time_s[0]),
    )
    samples = band_pass(even.samples[:, None], rate, band_hz)[:, 0]
    error = float(even.variance.mean())
    power = float(np.mean(samples**2)) + error
    if predicting(field.facts):
        verdict = _beyond_following(field, verdict, math.sqrt(power))
        left_out = error_of_blocks(rows_of(still, layout, gains), still.cells)
        error += left_out or 0.0
        warnings += (_after_codec(field.facts.codec, left_out),)
    if not verdict.detected:
        power, warnings = 0.0, _silence(verdict)
    frequency = np.linspace(0, rate / 2, 65)
    return Sound(
        samples=samples,
        rate_hz=Fraction(rate),
        band_hz=band_hz,
        snr_db=10 * math.log10(power / error) if power > 0 else -math.inf,
        noise_floor_px=math.sqrt(error),
        noise_psd=np.where(frequency <= high, error / high, 0.0),
        motion_rms_px=math.sqrt(power),
        verdict=verdict,
        hearing=_energy(gains, layout, still) / (layout.share @ gains.level) * power,
        warnings=(*field.warnings, *warnings),
        measured=even.measured,
    )


@dataclass(frozen=True, slots=True)
class _Said:
    """A verdict, and beyond which SNR nothing is an artefact, dB; the noise over the claimed."""

    verdict: Verdict
    beyond_db: float
    noise: float

    def surely(self) -> "_Said":
        """Return what is left of it if the rows do not fit together."""
        if not self.verdict.detected or self.verdict.snr_db.max() >= self.beyond_db:
            return self
        silent = replace(
            self.verdict,
            detected=False,
            snr_db=np.full_like(self.verdict.snr_db, -np.inf),
            heard_hz=None,
            reason="what is there does not go on from frame to frame as sound does; it may be an "
            "error of the codec, of a lamp or of sway",
        )
        return replace(self, verdict=silent)


def foreseen_in_rows(
    field: MotionField, band_hz: tuple[float, float], false_alarm: float, longer: float
) -> tuple[float, float, float]:
    """Return the noise of all rows together within a band, px, and what `foresee` tells beside it.

    That is the least motion detected, px RMS, and how long listening to the whole clip will take,
    s. `longer` is as in `weigh`, the rest as in `listen_to_rows`.
    """
    high, rate = band_hz[1], float(field.rate_hz)
    begun = time.perf_counter()
    still = _kept(steady(field, min(band_hz[0], SWAY_HZ)))
    layout = Layout.of(field.cells, high)
    said = _verdicts(still, layout, band_hz, false_alarm, longer)
    information = rate * float(np.trace(still.information.sum(axis=0)[:2, :2])) / 2  # a second's
    noise = said[-1].noise * 2 * (high - band_hz[0]) / information
    verdict = _together([one.verdict for one in said])
    weighed_s = time.perf_counter() - begun
    a_second_s = _reconstruction_s(high)
    seconds = longer * (LISTENING * weighed_s + a_second_s * field.samples / rate)
    if verdict.detected:
        gains = learned_gains(still, layout)
        trial = Trial.of(still, layout, gains, _sample_rate(high), high)
        seconds += trial.foretold_s(gains, a_second_s)
    return math.sqrt(noise), verdict.detectable_px, seconds


def _reconstruction_s(high_hz: float) -> float:
    """Return how long this machine takes to reconstruct a second of sound up to a frequency.

    Found by doing it with noise.
    """
    at = np.arange(0, _TRIED_S, 1 / (_ROWS_OF_BAND * high_hz))
    rows = Rows(at, np.random.default_rng(0).standard_normal(len(at)), np.ones(len(at)))
    rate = _sample_rate(high_hz)
    pieces = stream_even([rows], rate_hz=rate, band_hz=high_hz)
    next(pieces)  # the first window takes many steps
    begun = time.perf_counter()
    samples = sum(len(piece.samples) for piece in pieces)
    return (time.perf_counter() - begun) * rate / samples


def _sample_rate(high_hz: float) -> int:
    return _RATE_OF_BAND * math.ceil(high_hz)


def _verdicts(
    still: MotionField,
    layout: Layout,
    band_hz: tuple[float, float],
    false_alarm: float,
    longer: float = 1.0,
) -> list[_Said]:
    """Return what frames say of sound below half their rate, and what rows say of the rest.

    With few frames to a period of the lowest frequency, frames have no room between sway and half
    their rate, and rows say it all; with hardly a period of the highest in a read-out frames do.
    """
    low, high = band_hz
    rate, one_read_out = float(still.rate_hz), 1 / float(np.ptp(layout.delay_s))
    if rate < _FRAMES_OF_PERIOD * low:
        chunks = in_chunks(still, layout, low)
        return [_of_rows(chunks, band_hz, false_alarm, one_read_out, longer)]
    squares, slow = in_squares(still, layout), (low, min(high, rate / 2))
    faster = _FASTER * one_read_out
    if faster + one_read_out > high:
        return [_of_frames(squares, slow, false_alarm, longer)]
    chunks = in_chunks(still, layout, low, without_slow=True)
    return [
        _of_frames(squares, slow, false_alarm / 2, longer),
        _of_rows(chunks, (faster, high), false_alarm / 2, one_read_out, longer),
    ]


def _of_frames(
    squares: MotionField, band_hz: tuple[float, float], false_alarm: float, longer: float
) -> _Said:
    predicted = predicting(squares.facts)
    bound = _PREDICTED_FRAMES_BEYOND_DB if predicted else _FRAMES_BEYOND_DB
    weighed = weigh(squares, band_hz, false_alarm, longer=longer)
    return _Said(weighed.verdict, bound, noise_level(weighed.evidence))


def _of_rows(
    chunks: MotionField,
    band_hz: tuple[float, float],
    false_alarm: float,
    one_read_out: float,
    longer: float,
) -> _Said:
    bound = _PREDICTED_ROWS_BEYOND_DB if predicting(chunks.facts) else _ROWS_BEYOND_DB
    control = _above(band_hz[1], float(chunks.rate_hz) / 2)
    weighed = weigh(
        chunks, band_hz, false_alarm,
        resolution_hz=one_read_out, control_hz=control, longer=longer,
    )  # fmt: skip
    return _Said(weighed.verdict, bound, noise_level(weighed.evidence))


def _beyond_following(field: MotionField, verdict: Verdict, rms_px: float) -> Verdict:
    """Take back what may be a codec's following of sway."""
    weights = np.ones((1, len(field.cells)))
    step = float(lags_px(field, weights, SWAY_HZ, FRAMES_LATE_ROWS)[0])
    if verdict.detected and rms_px <= step:
        return followed(verdict, rms_px, step, FRAMES_LATE_ROWS)
    return replace(verdict, detectable_px=max(verdict.detectable_px, step))


def _together(said: Sequence[Verdict]) -> Verdict:
    """Return what verdicts on rising bands say together; they share the false alarms."""
    (first, *_), count = said, len(said)
    starts = [-math.inf, *(float(verdict.frequency_hz[-1]) for verdict in said[:-1])]
    own = [v.frequency_hz > start for v, start in zip(said, starts, strict=True)]
    spectra = (
        np.concatenate([values[mine] for values, mine in zip(kind, own, strict=True)])
        for kind in zip(*((v.frequency_hz, v.snr_db, v.noise_db) for v in said), strict=True)
    )
    frequency, snr, noise = spectra
    heard = [hz for verdict in said for hz in verdict.heard_hz or ()]
    reasons = [verdict.reason for verdict in said if verdict.reason]
    return Verdict(
        detected=any(verdict.detected for verdict in said),
        p_value=min(1.0, count * min(verdict.p_value for verdict in said)),
        false_alarm=count * first.false_alarm,
        detectable_px=min(verdict.detectable_px for verdict in said),
        frequency_hz=frequency,
        snr_db=snr,
        noise_db=noise,
        heard_hz=(min(heard), max(heard)) if heard else None,
        reason=reasons[0] if reasons and not heard else "",
    )


def _above(high_hz: float, nyquist_hz: float) -> tuple[float, float] | None:
    # Errors of interpolation are as loud there as in the band, and an exposure leaves no sound.
    low = _CONTROL_FROM * high_hz
    return (low, nyquist_hz) if nyquist_hz > _CONTROL_TO * high_hz else None


def _kept(field: MotionField) -> MotionField:
    # Walked through several times: in memory if it fits.
    if 8 * len(field.cells) * field.samples > _CACHE_BYTES:
        return field
    return replace(field, blocks=tuple(field.blocks))


def _after_codec(codec: str, left_out: float | None) -> str:
    if left_out is None:
        by_how_much = "the true SNR is lower than claimed, in tests by 3 to 9 dB"
    else:
        by_how_much = (
            f"about {math.sqrt(left_out):.2g} px, by how rows jump where its blocks meet; the true "
            "SNR is lower than claimed where it has left out most of the motion"
        )
    return (
        f"{codec} predicts frames from each other, and what it leaves out follows the sound: "
        f"{by_how_much}; the highest bit rate, or a file without such compression, helps."
    )


def _silence(verdict: Verdict) -> tuple[str, ...]:
    because = f" ({verdict.reason})" if verdict.reason else ""
    return (f"nothing above the noise floor{because}: what is written is noise.",)


def _in_units(gains: Gains, layout: Layout, field: MotionField) -> Gains:
    """Return gains such that the cells which hear move by a pixel for one unit of the sound.

    Exact for a rigid motion; positive when most of what moves goes right, or down if it moves that
    way more.
    """
    information = field.information[:, :2, :2]
    own, energy = gains.of(layout), _energy(gains, layout, field)
    length = np.linalg.norm(own, axis=1, keepdims=True)
    direction = own / np.where(length > 0, length, 1)
    whole = np.einsum("ci,cij,cj->c", direction, information, direction)
    hears = energy >= _HEARS * energy.max()
    size = math.sqrt(float(energy[hears].sum()) / max(float(whole[hears].sum()), 1e-300))
    mean = np.einsum("cij,cj->i", information, own)
    unit = math.copysign(max(size, 1e-300), float(mean[np.argmax(np.abs(mean))]))
    return replace(gains, nodes=gains.nodes / unit)


def _energy(gains: Gains, layout: Layout, field: MotionField) -> Float64:
    # (cell,) power over the claimed noise for a sound of power 1.
    own = gains.of(layout)
    return np.asarray(np.einsum("ci,cij,cj->c", own, field.information[:, :2, :2], own))
