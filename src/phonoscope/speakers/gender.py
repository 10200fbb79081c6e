"""Woman or man, from the pitch of the voice, with a probability that holds."""

import math
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike

from phonoscope.errors import UsageError
from phonoscope.speakers.pitch import STEP_S, track_pitch
from phonoscope.speakers.speech import LEAST_BAND_HZ, checked
from phonoscope.speakers.steady import for_pitch, steadiness
from phonoscope.types import Float64, Gender, PitchTrack, Sex

LEAST = 0.8
LEAST_VOICED_S = 0.5
PITCH_HZ = (65.0, 450.0)  # where voices speak
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
_MIDDLE_HZ = 150.0
_PARAMETERS = "gender.npz"


def voice_pitch(
    samples: ArrayLike, rate_hz: float, *, band_hz: tuple[float, float] | None = None
) -> PitchTrack:
    """Follow a voice's pitch through noise, hum and the object's colour.

    As `track_pitch`, after what is steady in the sound is taken down: a hum would be followed
    instead of the voice.

    Parameters
    ----------
    samples
        ``(sample,)`` sound in any unit.
    rate_hz
        Samples a second.
    band_hz
        Lowest and highest frequency that the sound holds; all by default.

    Returns
    -------
    PitchTrack
        Each 10 ms; without frames if the sound is shorter than a second, or its band ends below
        400 Hz.

    Raises
    ------
    UsageError
        If a rate or a band cannot be right.
    InputError
        If the sound is not one row of finite samples.
    """
    sound, band = checked(samples, rate_hz, band_hz)
    found = steadiness(sound, rate_hz, band) if band[1] >= LEAST_BAND_HZ else None
    if found is None:
        return PitchTrack.empty()
    floor, ceiling = PITCH_HZ
    return track_pitch(
        for_pitch(sound, rate_hz, found), rate_hz, floor_hz=floor,
        ceiling_hz=min(ceiling, 0.45 * rate_hz),
    )  # fmt: skip


def tell_gender(track: PitchTrack, *, least: float = LEAST) -> Gender:
    """Tell from the pitch whether a voice is a woman's or a man's.

    A logistic regression on the quantiles of the pitch, in octaves, fitted to 60 readers heard
    through the channels of cameras at 0 to 20 dB, so that its probability holds for such sound.
    That of a child, of a whisper, of song or of an actor it does not know. The pitch is
    nearly all that such sound tells: the envelope of the spectrum, of which the object's colour is
    part, was tried and told no more.

    Parameters
    ----------
    track
        As from `voice_pitch`, of one speaker, in steps of 10 ms.
    least
        Smallest probability at which to answer, 0.5 to 1.

    Returns
    -------
    Gender
        "cannot tell", with a reason, if there is under half a second of voice, or neither is as
        probable as `least`.

    Raises
    ------
    UsageError
        If `least` is not from 0.5 to 1.
    """
    check_least(least)
    pitch = track.pitch_hz[track.pitch_hz > 0]
    voiced_s = len(pitch) * STEP_S
    median = float(np.median(pitch)) if len(pitch) else math.nan
    if voiced_s < LEAST_VOICED_S:
        reason = f"{voiced_s:.2g} s of voice are too short, of {LEAST_VOICED_S:g} that it takes"
        return Gender("cannot tell", 0.5, 0.0, least, median, voiced_s, reason)
    ratio = float(log_likelihood_ratio(pitch_quantiles(pitch)))
    female = 1 / (1 + math.exp(-ratio))
    answer: Sex = "female" if female > 0.5 else "male"
    reason = ""
    if max(female, 1 - female) < least:
        answer, reason = "cannot tell", f"women and men have such a pitch: {median:.0f} Hz"
    return Gender(answer, female, ratio, least, median, voiced_s, reason)


def check_least(least: float) -> None:
    """Raise `UsageError` unless it is a probability at which to answer."""
    if not 0.5 <= least <= 1:
        raise UsageError(f"least is {least!r}; give a probability from 0.5 to 1.")


def pitch_quantiles(pitch_hz: Float64) -> Float64:
    """Return quantiles of the pitch of voiced frames, in octaves above 150 Hz."""
    return np.asarray(np.quantile(np.log2(pitch_hz / _MIDDLE_HZ), QUANTILES))


def log_likelihood_ratio(quantiles: Float64) -> Float64:
    """Return the natural logarithm of the odds for a woman, from ``(..., quantile)`` of the pitch.

    Both being equally likely before, that is the log-likelihood ratio. It is at most 6 either way:
    60 readers cannot support more.
    """
    weights, offset = _parameters()
    return np.asarray(np.clip(quantiles @ weights + offset, -6, 6))


@lru_cache(maxsize=1)
def _parameters() -> tuple[Float64, float]:
    source = files("phonoscope.speakers").joinpath("data", _PARAMETERS)
    with source.open("rb") as file, np.load(file) as held:
        return held["weights"].astype(np.float64), float(held["offset"])
