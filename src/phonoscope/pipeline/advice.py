"""What to expect of a video, and what to do, in plain words."""

import math
from collections.abc import Iterator

import numpy as np

from phonoscope.types import Inspection, VideoFacts

_SPEECH_HZ = (300.0, 1000.0)  # from hearing that somebody speaks to understanding words
_VOICES_HZ, _TELEPHONE_HZ = 100.0, 4000.0
_CINEMA_HZ = 30.5
_ORDINARY_HZ = 61.0
_ALIKE = 0.02
_SATURATED = 0.05
_TEXTURED = 0.2
_SOFT_PX = 3.0
# Up to that loud sound moved light things: Davis et al. 2014, doi:10.1145/2601097.2601119.
_LOUD_PX = 0.03
_PHONES = ("apple", "samsung", "google", "xiaomi", "huawei", "oneplus", "oppo", "vivo", "motorola")


def advice(found: Inspection) -> tuple[str, ...]:
    """Return sentences, the weightiest first."""
    return tuple(
        sentence
        for topic in (_rate, _transfer, _compression, _sway, _picture, _lamp, _phone, _loudness)
        for sentence in topic(found)
    )


def _rate(found: Inspection) -> Iterator[str]:
    facts, (low, high) = found.facts, found.band_hz
    rate = f"{float(facts.capture_rate):.6g} frames/s"
    if facts.shutter.rolling:
        yield f"{rate}, rolling shutter: sound from {low:.4g} to {high:.4g} Hz can be recovered."
        return
    yield f"{rate}, global shutter: nothing above {high:.4g} Hz can be recovered from this file."
    if facts.capture_rate < _ORDINARY_HZ:
        yield from _ordinary(facts)
    elif high < _SPEECH_HZ[0]:
        yield "That holds no speech."
    elif high < _SPEECH_HZ[1]:
        yield "Of speech that holds the pitch and little else; words need 1000 Hz and more."
    if high < _SPEECH_HZ[0] and facts.capture_rate_source == "container":
        yield (
            "If it is slow motion, the camera recorded faster than the file plays: give the true "
            "capture rate (--fps)."
        )


def _ordinary(facts: VideoFacts) -> Iterator[str]:
    rate = float(facts.capture_rate)
    exposure, known = facts.exposure_s, ""
    if exposure is None:
        exposure, known = 0.5 / rate, " (half of that, as is usual)"
    left = [min(1.0, 1 / (math.pi * hz * exposure)) for hz in (_VOICES_HZ, _SPEECH_HZ[1])]
    yield (
        f"No speech can come from it: voices begin at {_VOICES_HZ:g} Hz and words take "
        f"{_SPEECH_HZ[1]:g} to {_TELEPHONE_HZ:g} Hz, and frames {1e3 / rate:.3g} ms apart do not "
        f"tell what happened between them. An exposure of {1e3 * exposure:.3g} ms{known} leaves "
        f"no more than {left[0]:.2g} of {_VOICES_HZ:g} Hz and {left[1]:.2g} of {_SPEECH_HZ[1]:g} "
        "Hz anyway."
    )
    yield (
        f"What it holds: sway and shaking up to {rate / 2:.4g} Hz. If its rows were read one after "
        "the other, as by nearly all ordinary cameras, and exposed briefly, also sound up to about "
        "2000 Hz (--shutter rolling --line-delay, from phonoscope calibrate shutter). If it is a "
        "scan of film with a soundtrack, that (phonoscope film)."
    )
    yield (
        "What speech takes: 2000 frames/s or more, or a rolling shutter whose line delay is known, "
        "and an exposure of 1/4000 s or less."
    )


def _transfer(found: Inspection) -> Iterator[str]:
    rate = float(found.facts.capture_rate)
    if found.alike > _ALIKE and not found.repeated:
        yield (
            f"{found.alike:.0%} of the frames are the same as the one before, pixel for pixel. So "
            "is a scene at rest behind such a codec, and so is a video that was converted from "
            "another frame rate. Which it is cannot be told, and every frame counts as it is; find "
            "the original."
        )
    if rate < _CINEMA_HZ and not found.facts.shutter.rolling:
        yield (
            "Film, silent film too, was shot at 16 to 30 frames/s, each exposed for most of that "
            "time: however well it is scanned, the sound on the set is not in it."
        )


def _compression(found: Inspection) -> Iterator[str]:
    facts = found.facts
    if found.smoothed:
        yield (
            "Compression has smoothed the camera's noise away and small motion with it: only what "
            "stands far above the noise will count. Record at the highest bit rate, or without "
            "compression between frames (ProRes, MJPEG, raw)."
        )
    elif found.size_bytes and facts.frames_about:
        bits = 8 * found.size_bytes / (facts.frames_about * facts.width * facts.height)
        if bits < 1 and found.predicted:
            yield (
                f"The file has {bits:.2g} bits for a pixel. What a codec leaves out first is small "
                "motion: expect less than the noise floor promises."
            )


def _sway(found: Inspection) -> Iterator[str]:
    if found.lag_px > 0 and found.lag_px >= 0.99 * found.detectable_px:
        yield (
            f"The camera sways, by {found.lag_px:.2g} px in the time that the codec may take to "
            "follow; sound that moves less than that cannot be told from it. A tripod, more frames "
            "a second or a file without compression between frames help."
        )


def _picture(found: Inspection) -> Iterator[str]:
    known = np.isfinite(found.cell_noise_px)
    area = found.cells.width_px * found.cells.height_px
    saturated = float(found.saturated @ area / area.sum())
    if saturated > _SATURATED:
        yield f"{saturated:.0%} of the picture is saturated and shows no motion: expose less."
    if known.mean() < _TEXTURED:
        yield (
            f"{known.mean():.0%} of the picture has texture. Plain surfaces show no motion, "
            "however they shake: come closer, or film something with a pattern."
        )
    sharp = found.detail_px[known & np.isfinite(found.detail_px)]
    if len(sharp) and np.median(sharp) > _SOFT_PX:
        yield (
            f"Edges are {np.median(sharp):.2g} px wide where there is texture: the picture is "
            "soft. Better focus hears in proportion."
        )


def _lamp(found: Inspection) -> Iterator[str]:
    if found.flicker is not None:
        yield (
            f"A lamp flickers at {found.flicker.lamp_hz:g} Hz by {found.flicker.depth:.2g} of its "
            "light. Flicker of all the picture is taken off; daylight or a lamp on direct current "
            "is still better."
        )


def _phone(found: Inspection) -> Iterator[str]:
    if found.facts.camera.lower().startswith(_PHONES):
        yield (
            f"{found.facts.camera}: phones stabilise the picture electronically and take noise off "
            "from frame to frame, unless an app switches that off; both spoil small motion, and no "
            "file says whether they were on."
        )


def _loudness(found: Inspection) -> Iterator[str]:
    least = found.detectable_px
    text = f"A motion of {least:.2g} px RMS, common to all of the picture, would be detected."
    if least > _LOUD_PX:
        text += (
            f" Loud sound moved light things in close pictures by up to {_LOUD_PX:g} px: this "
            "needs more light, more texture or a closer picture."
        )
    yield text
