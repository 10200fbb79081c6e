"""The verdict: is there sound in a motion field."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from phonoscope.sound.array import alignment
from phonoscope.sound.evidence import Evidence
from phonoscope.types import Float64, Verdict, VideoFacts

FALSE_ALARM = 1e-3
"""Probability of taking noise for sound, by default."""

# Codecs that predict a frame from its neighbours. Frames of different kinds are coded unlike each
# other in a pattern of up to four, so slow motion leaves lines at these shares of the frame rate.
_PREDICTING = ("h264", "hevc", "av1", "vp8", "vp9", "mpeg4", "mpeg2video", "vvc", "wmv3", "vc1")
_PATTERN_LINES = (1 / 4, 1 / 3, 1 / 2)
_LINE_WIDTH = 0.016  # of the frame rate, to either side
# Where compression has taken that much of the camera's noise, it has taken small motion, too, and
# put its own there; it reached 19 dB over the camera's noise in tests with flicker and sway.
_SMOOTHED = 0.6
_BEYOND_ARTEFACTS_DB = 23.0
_CERTAIN = 1.645  # standard deviations: detected in 95 % of cases


def predicting(facts: VideoFacts) -> bool:
    """Return whether the file's frames are predicted from each other."""
    return facts.codec in _PREDICTING


def counted_bins(
    frequency_hz: Float64, band_hz: tuple[float, float], facts: VideoFacts, *, adds_up: bool = False
) -> NDArray[np.bool_]:
    """Return which bins of the spectra may count: in the band, and free of the codec's lines.

    Noise that adds up is loudest below the first bin, from where a window lets much of it through,
    and slower than a window, so that no two windows err independently: that bin does not count.
    """
    low, high = band_hz
    rate = float(facts.capture_rate)
    spacing = frequency_hz[1] - frequency_hz[0]
    # The outermost bins hold half as many independent values as the others.
    lowest = 1.5 * spacing if adds_up else spacing
    counted = (frequency_hz >= max(low, lowest)) & (frequency_hz <= min(high, rate / 2 - spacing))
    # Rows that are read one after the other are far quicker than the pattern of frames.
    if predicting(facts) and not facts.shutter.rolling:
        for share in _PATTERN_LINES:
            counted &= np.abs(frequency_hz - share * rate) > _LINE_WIDTH * rate
    return np.asarray(counted)


def judge(
    evidence: Evidence,
    facts: VideoFacts,
    false_alarm: float,
    channels: int,
    samples: float,
    information: float,
) -> Verdict:
    """Weigh the evidence.

    Parameters
    ----------
    evidence
        From `gather`.
    facts
        Of the video.
    false_alarm
        Probability of an alarm that is accepted.
    channels
        Number of channels that carry information.
    samples
        Independent samples within the band.
    information
        Of one displacement common to all cells, along a direction at random, px⁻².
    """
    snr = np.where(evidence.p_value < false_alarm, evidence.snr, 0)
    reason = ""
    smoothed = is_smoothed(evidence)
    # Over the camera's noise, however little of it is left.
    strongest = float(np.max(snr * np.minimum(_left_of_noise(evidence), 1)))
    beyond = 10 ** (_BEYOND_ARTEFACTS_DB / 10)
    if smoothed and 0 < strongest < beyond:
        snr = np.zeros_like(snr)
        reason = (
            "compression has smoothed the camera's noise away and small motion with it; what is "
            "left may be the codec's own"
        )
    heard = evidence.frequency_hz[snr > 0]
    with np.errstate(divide="ignore"):
        snr_db, noise_db = 10 * np.log10(snr), 10 * np.log10(evidence.noise)
    return Verdict(
        detected=bool(len(heard)),
        p_value=evidence.p_value,
        false_alarm=false_alarm,
        detectable_px=detectable_px(evidence, false_alarm, channels, samples, information),
        frequency_hz=evidence.frequency_hz,
        snr_db=snr_db,
        noise_db=noise_db,
        heard_hz=(float(heard[0]), float(heard[-1])) if len(heard) else None,
        reason=reason,
    )


def followed(verdict: Verdict, rms_px: float, lag_px: float, frames: int) -> Verdict:
    """Return the verdict where what was heard may be how a codec follows slower motion.

    Parameters
    ----------
    verdict
        That there is sound.
    rms_px
        Of what was heard, px.
    lag_px
        How far the picture moves in so many frames more slowly than the sound, RMS px.
    frames
        That a codec may let pass before it follows.
    """
    return replace(
        verdict,
        detected=False,
        detectable_px=max(verdict.detectable_px, lag_px),
        snr_db=np.full_like(verdict.snr_db, -np.inf),
        heard_hz=None,
        reason=(
            f"what is there moves by {rms_px:.2g} px, and the picture itself by {lag_px:.2g} px "
            f"in {frames} frame{'s' * (frames > 1)}: in a compressed video that may be the codec, "
            "which follows late; a steadier camera, more frames a second or a file without "
            "compression between frames would tell"
        ),
    )


def is_smoothed(evidence: Evidence) -> bool:
    """Return whether compression has taken much of the camera's noise, and small motion with it."""
    left = _left_of_noise(evidence)[evidence.counted]
    return bool(np.count_nonzero(left < _SMOOTHED) > 0.5 * len(left))


def _left_of_noise(evidence: Evidence) -> Float64:
    # (bin,) of the camera's noise, at most: where it is most of what there is.
    return evidence.noise / evidence.raised * evidence.quietest


def noise_level(evidence: Evidence) -> float:
    """Return the mean noise of the band over what the channels claim."""
    noise = (evidence.noise / evidence.raised)[evidence.counted]
    return float(noise.mean()) if len(noise) else 1.0


def detectable_px(
    evidence: Evidence, false_alarm: float, channels: int, samples: float, information: float
) -> float:
    """Return the motion that is detected in 95 % of clips, RMS px; arguments as of `judge`."""
    power = noise_level(evidence) * detectable_power(false_alarm, channels, samples)
    if is_smoothed(evidence):
        power = max(power, 10 ** (_BEYOND_ARTEFACTS_DB / 10))
    # Motion has several shapes as a rule: the strongest is taken to have half of its power.
    return math.sqrt(2 * power / information)


def detectable_power(false_alarm: float, channels: int, samples: float) -> float:
    """Return the power over noise, in the best combination, that is detected in 95 % of clips.

    The direction is learned from half of the samples, and what it catches of the sound is tested on
    the other half.
    """
    from scipy.special import ndtri  # slow to import

    threshold = (-ndtri(false_alarm) + _CERTAIN) * math.sqrt(2 / samples)
    low, high = 0.0, 1e6
    for _ in range(60):
        power = (low + high) / 2
        caught = power * alignment(power, 2 * channels / samples)
        low, high = (low, power) if caught > threshold else (power, high)
    return high
