"""Motion field to sound: attend to what moves together, combine it, bring it into pixels."""

import math
from dataclasses import dataclass, replace

import numpy as np

from phonoscope.errors import InputError, UsageError
from phonoscope.sound.array import Heard, multichannel_wiener, unfitted
from phonoscope.sound.attend import Attention, attend
from phonoscope.sound.filter import band_of, noise_gain
from phonoscope.sound.following import FRAMES_LATE, lags_px
from phonoscope.sound.muting import muting, unmuted
from phonoscope.sound.response import Response, without_colour
from phonoscope.sound.rolling import listen_to_rows
from phonoscope.sound.separate import separate as tell_apart
from phonoscope.sound.threads import one_thread
from phonoscope.sound.verdict import FALSE_ALARM, followed, predicting
from phonoscope.sound.whiten import PER_CELL, Channels, displacement_information
from phonoscope.sound.windows import Complex, shares_of_power
from phonoscope.types import Cells, Float64, MotionField, Sound, Verdict

_FEWEST_SAMPLES = 32
_FEWEST_FRAMES_OF_ROWS = 16
_LISTENERS = 1e-2  # of what the best cell hears
_HEARING = 9.0  # a cell hears if its share is 3 sigma above what noise alone would give it


@one_thread()
def listen(
    field: MotionField,
    *,
    band: tuple[float, float] | None = None,
    false_alarm: float = FALSE_ALARM,
    response: Response | None = None,
    separate: bool = False,
) -> Sound:
    """Turn a motion field into sound, as measured: the strongest common motion within a band.

    Parameters
    ----------
    field
        Motion field.
    band
        Lowest and highest frequency to keep, Hz; from 20 Hz to Nyquist by default.
    false_alarm
        Probability with which noise may be taken for sound.
    response
        Of the object, to take its colour off beside: `Sound.equalized`.
    separate
        Also tell independent sources apart: `Sound.sources`.

    Returns
    -------
    Sound
        In px, positive when most of what moves goes right (or down, if it moves that way more).

    Raises
    ------
    UsageError
        If the band is not within 0 Hz and Nyquist, or the response is of another picture.
    InputError
        If the field is too short or holds no information.
    """
    chosen = band_of(band, field.facts)
    require_samples(field)
    if field.facts.shutter.rolling:
        if response is not None or separate:
            raise UsageError(
                "equalising and separating need a global shutter: rows that are read one after "
                "the other are one microphone; leave that out."
            )
        return listen_to_rows(field, chosen, false_alarm)
    listened = listen_to_array(field, chosen, false_alarm)
    sound, attention = listened.sound, listened.attention
    if listened.response is None:
        return sound
    if response is not None:
        samples, left = without_colour(attention, response)
        sound = replace(sound, equalized=samples, equalized_noise_psd=left)
    if separate:
        sound = replace(sound, sources=_sources(attention, listened.virtual))
    return sound


@dataclass(frozen=True, slots=True, eq=False)
class Listened:
    """A sound, and how it was made.

    Attributes
    ----------
    sound
        As `listen` returns it.
    attention
        What was listened to.
    virtual
        ``(sample, k)`` the virtual channels.
    response
        ``(bin, k)`` by which their spectra are multiplied, and added up to the sound's, px; None
        if nothing stands above the noise.
    """

    sound: Sound
    attention: Attention
    virtual: Float64
    response: Complex | None


def listen_to_array(
    field: MotionField, band_hz: tuple[float, float], false_alarm: float
) -> Listened:
    """Turn a motion field of a global shutter into sound; as `listen`."""
    attention = attend(field, band_hz, false_alarm)
    virtual, noise, window = attention.virtual(), attention.evidence.noise, attention.window
    if attention.verdict.detected:
        heard = multichannel_wiener(virtual, noise, window)
        attention = _beyond_following(attention, heard)
    else:
        attention = _allowing_for_lag(attention)
    if not attention.verdict.detected:
        return Listened(_nothing_heard(attention, virtual), attention, virtual, None)
    sound, response = _in_pixels(attention, heard, attention.kept, attention.kept[:, 0])
    return Listened(sound, attention, virtual, response)


def require_samples(field: MotionField) -> None:
    """Raise `InputError` if the field is too short to be listened to."""
    fewest = _FEWEST_FRAMES_OF_ROWS if field.facts.shutter.rolling else _FEWEST_SAMPLES
    if field.samples < fewest:
        raise InputError(
            f"{field.samples} frames are too few to hear anything in; give at least {fewest}."
        )


def _sources(attention: Attention, virtual: Float64) -> tuple[Sound, ...]:
    # Directions that are spare hold noise, which nothing is coherent with: a source each.
    strong = attention.subspace.above_noise
    kept = attention.kept[:, :strong]
    apart = tell_apart(
        virtual[:, :strong],
        attention.evidence.noise,
        attention.window,
        float(attention.field.rate_hz),
        kept.reshape(-1, PER_CELL, strong),
    )
    return tuple(_in_pixels(attention, s.heard, kept, kept @ s.directions[:, 0])[0] for s in apart)


def _in_pixels(
    attention: Attention, heard: Heard, directions: Float64, reference: Float64
) -> tuple[Sound, Complex]:
    """Return what was heard through ``(channel, k)`` directions, brought into pixels.

    `reference` is the ``(channel,)`` direction whose sound it is. Beside it the response of
    `Listened`.
    """
    field = attention.field
    scale, power = _scale_and_power(attention, heard, reference)
    muted, heard = heard.power, in_full(attention, heard, directions)
    power *= heard.power / max(muted, 1e-30)
    sound = Sound(
        samples=heard.signal * scale,
        rate_hz=field.rate_hz,
        band_hz=attention.band_hz,
        snr_db=10 * math.log10(power / max(heard.error, 1e-30)) if power > 0 else -math.inf,
        noise_floor_px=_floor_px(heard.noise, scale, attention),
        noise_psd=heard.noise * scale**2 * 2 / float(field.rate_hz),
        motion_rms_px=abs(scale) * math.sqrt(power),
        verdict=attention.verdict,
        hearing=_hearing(attention, heard, directions),
        warnings=field.warnings,
        measured=field.measured,
    )
    return sound, heard.response * scale


def _scale_and_power(attention: Attention, heard: Heard, reference: Float64) -> tuple[float, float]:
    # Px for one unit of what was heard, and the sound's power in such units.
    channels, evidence, samples = attention.channels, attention.evidence, attention.field.samples
    # The noise of all channels where the sound is.
    where = evidence.snr * evidence.noise
    level = float(where @ _background(attention)) / float(where.sum())
    power, aligned = unfitted(heard.power, level * channels.count / samples)
    scale = _px_per_unit(channels, reference, samples * power)
    return (scale / math.sqrt(aligned) if aligned else scale), power


def _beyond_following(attention: Attention, heard: Heard) -> Attention:
    """Take back what may be a codec's following of slower motion."""
    field, verdict = attention.field, attention.verdict
    if not predicting(field.facts):
        return attention
    weights = [_hearing(attention, heard, attention.kept), np.ones(len(field.cells))]
    lag, of_all = lags_px(field, np.stack(weights), attention.band_hz[0])
    scale, power = _scale_and_power(attention, heard, attention.kept[:, 0])
    rms = abs(scale) * math.sqrt(power)
    judged = verdict if rms > lag else followed(verdict, rms, float(lag), FRAMES_LATE)
    return replace(attention, verdict=_allowing_for(float(of_all), judged))


def _allowing_for_lag(attention: Attention) -> Attention:
    """By the verdict nothing could be detected that may be a codec's following."""
    field, verdict = attention.field, attention.verdict
    if not predicting(field.facts):
        return attention
    (lag,) = lags_px(field, np.ones((1, len(field.cells))), attention.band_hz[0])
    return replace(attention, verdict=_allowing_for(float(lag), verdict))


def _allowing_for(lag_px: float, verdict: Verdict) -> Verdict:
    return replace(verdict, detectable_px=max(verdict.detectable_px, lag_px))


def _nothing_heard(attention: Attention, virtual: Float64) -> Sound:
    """Return the noise itself, called noise."""
    field, noise, verdict = attention.field, attention.evidence.noise, attention.verdict
    scale = _px_per_unit(attention.channels, attention.kept[:, 0], 0.0)
    because = f" ({verdict.reason})" if verdict.reason else ""
    return Sound(
        samples=virtual[:, 0] * scale,
        rate_hz=field.rate_hz,
        band_hz=attention.band_hz,
        snr_db=-math.inf,
        noise_floor_px=_floor_px(noise, scale, attention),
        noise_psd=noise * scale**2 * 2 / float(field.rate_hz),
        motion_rms_px=0.0,
        verdict=verdict,
        hearing=np.zeros(len(field.cells)),
        measured=field.measured,
        warnings=(
            *field.warnings,
            f"nothing above the noise floor{because}: what is written is noise.",
        ),
    )


def in_full(attention: Attention, heard: Heard, directions: Float64) -> Heard:
    """Return what was heard through ``(channel, k)`` directions without what a codec muted."""
    field = attention.field
    if not predicting(field.facts):
        return heard
    hearing = _hearing(attention, heard, directions)
    lost = muting(
        _background(attention),
        attention.evidence.counted,
        _power_per_pixel(hearing, field.cells),
        _alike(attention, heard, directions, hearing),
        field.facts.reordered,
    )
    return unmuted(heard, lost, attention.window)


def _hearing(attention: Attention, heard: Heard, directions: Float64) -> Float64:
    # (cell,) power of the sound over the noise.
    field = attention.field
    shares = directions.reshape(len(field.cells), PER_CELL, -1)
    hearing = np.einsum("cqi,ij,cqj->c", shares, heard.covariance, shares)
    passed = noise_gain(field.samples, float(field.rate_hz), attention.band_hz)
    return np.asarray(hearing / passed)


def _background(attention: Attention) -> Float64:
    return attention.evidence.noise / attention.evidence.raised


def _floor_px(noise: Float64, scale: float, attention: Attention) -> float:
    return abs(scale) * math.sqrt(float(noise @ shares_of_power(attention.window)))


def _power_per_pixel(hearing: Float64, cells: Cells) -> float:
    # Of the sound over the noise, where most of it is heard.
    per_pixel = hearing / (cells.width_px * cells.height_px)
    return float(hearing @ per_pixel) / max(float(hearing.sum()), 1e-30)


def _alike(attention: Attention, heard: Heard, directions: Float64, hearing: Float64) -> float:
    # Share of the motion of those cells that hear, noise and all, that they have in common.
    channels = attention.channels
    hears = hearing > _LISTENERS * hearing.max()
    root = channels.root[hears]
    shares = directions.reshape(len(hearing), PER_CELL, -1)[hears]
    motion = np.einsum("cij,cjk->cik", np.linalg.pinv(root, rcond=1e-6), shares)[:, :2]
    information = displacement_information(channels.information)[hears]
    total = information.sum(axis=0)
    mean = np.linalg.pinv(total, hermitian=True) @ np.einsum("cij,cjk->ik", information, motion)
    passed = noise_gain(attention.field.samples, float(attention.field.rate_hz), attention.band_hz)
    noise = 2 * passed * len(root)
    common, whole = (
        float(np.einsum(subscripts, v, weight, v, heard.covariance))
        for subscripts, v, weight in (
            ("ik,ij,jl,kl", mean, total),
            ("cik,cij,cjl,kl", motion, information),
        )
    )
    return common / (whole + noise)


def _px_per_unit(channels: Channels, loading: Float64, evidence: float) -> float:
    """Return how far, in px, the cells that hear move for one unit of the component; signed.

    The mean over those cells is weighted by information, so that it is exact for a rigid motion.
    `evidence` is the energy of the sound in it, over the noise of one sample.
    """
    share = loading.reshape(-1, PER_CELL)
    energy = (share**2).sum(axis=1)
    hears = energy > min(_HEARING * PER_CELL / max(evidence, 1), float(energy.max()) / 2)
    # Of (x, y, glint) for one unit, the motion.
    unwhitened = np.linalg.pinv(channels.root[hears], rcond=1e-6)
    shape = np.einsum("cij,cj->ci", unwhitened, share[hears])[:, :2]
    length = np.linalg.norm(shape, axis=1, keepdims=True)
    direction = shape / np.where(length > 0, length, 1)
    information = displacement_information(channels.information)[hears]
    square, norm = (float(np.einsum("ci,cij,cj->", v, information, v)) for v in (shape, direction))
    size = math.sqrt(square / norm) if norm > 0 else 0.0
    # Sign: the information-weighted mean motion goes right, or down if that is the larger part.
    mean = np.einsum("cij,cj->i", information, shape)
    return math.copysign(size, float(mean[np.argmax(np.abs(mean))]))
