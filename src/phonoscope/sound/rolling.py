"""Sound from cells that are read one after the other: far above the frame rate.

Sway is taken off. Pieces of rows that are read together are an array of microphones, which says
whether there is sound. How much of it each cell shows is learned. Then every clock is one sample of
the sound, and the posterior mean fills the time in which nothing is read.
"""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np

from phonoscope.errors import InputError
from phonoscope.sound.attend import weigh
from phonoscope.sound.filter import band_pass
from phonoscope.sound.irregular import even_out
from phonoscope.sound.rows import Gains, Layout, in_chunks, learned_gains, rows_of
from phonoscope.sound.steady import steady
from phonoscope.sound.trial import Trial
from phonoscope.types import Float64, MotionField, Sound, Verdict

_RATE_OF_BAND = 4  # samples to a period of the highest frequency
_SWAY_HZ = 20.0  # slower is sway
_BEYOND_ARTEFACTS_DB = 15.0  # errors under sway, of lamps and of codecs reached 13 in tests
_CONTROL_FROM, _CONTROL_TO = 1.25, 1.5  # of the band's highest
_HEARS = 0.05  # of the strongest cell's power
_CACHE_BYTES = 256 * 2**20


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
    import scipy.linalg  # noqa: F401 - limits hold for libraries that are loaded by now
    from threadpoolctl import threadpool_limits

    # Matrices of a few hundred rows: threads that wait for each other take ten times as long.
    with threadpool_limits(1, "blas"):
        return _listen(field, band_hz, false_alarm)


def _listen(field: MotionField, band_hz: tuple[float, float], false_alarm: float) -> Sound:
    low, high = band_hz
    if not np.ptp(field.cells.delay_s) > 0:
        raise InputError(
            "all cells are read at one time, and a rolling shutter needs rows of several; choose "
            "a higher region."
        )
    still = _kept(steady(field, min(low, _SWAY_HZ)))
    layout = Layout.of(field.cells, high)
    one_read_out = 1 / float(np.ptp(layout.delay_s))
    chunks = in_chunks(still, layout, low)
    verdict = weigh(
        chunks, band_hz, false_alarm,
        resolution_hz=one_read_out, control_hz=_above(high, float(chunks.rate_hz) / 2),
    ).verdict  # fmt: skip
    rate = _RATE_OF_BAND * math.ceil(high)
    gains = learned_gains(still, layout)
    warnings = _silence(verdict)
    if verdict.detected:
        trial = Trial.of(still, layout, gains, rate, high)
        gains = trial.signed(gains)
        fits, warnings = trial.doubts(gains, field.facts.shutter)
        gains = trial.levelled(gains)
        if not fits and verdict.snr_db.max() < _BEYOND_ARTEFACTS_DB:
            verdict = replace(
                verdict,
                detected=False,
                snr_db=np.full_like(verdict.snr_db, -np.inf),
                heard_hz=None,
                reason="what is there does not go on from frame to frame as sound does; it may be "
                "an error of the codec, of a lamp or of sway",
            )
            warnings = _silence(verdict)
    gains = _in_units(gains, layout, still)
    even = even_out(
        rows_of(still, layout, gains),
        rate_hz=rate,
        band_hz=high,
        start_s=float(field.blocks[0].time_s[0]),
    )
    samples = band_pass(even.samples[:, None], rate, band_hz)[:, 0]
    error = float(even.variance.mean())
    power = float(np.mean(samples**2)) + error if verdict.detected else 0.0
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


def _above(high_hz: float, nyquist_hz: float) -> tuple[float, float] | None:
    # Errors of interpolation are as loud there as in the band, and an exposure leaves no sound.
    low = _CONTROL_FROM * high_hz
    return (low, nyquist_hz) if nyquist_hz > _CONTROL_TO * high_hz else None


def _kept(field: MotionField) -> MotionField:
    # Walked through several times: in memory if it fits.
    if 8 * len(field.cells) * field.samples > _CACHE_BYTES:
        return field
    return replace(field, blocks=tuple(field.blocks))


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
