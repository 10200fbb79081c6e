"""The record of a result: every fact, ready for JSON."""

import importlib.metadata
import math
import platform
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

import phonoscope
from phonoscope.errors import UsageError
from phonoscope.sound import left_by_exposure
from phonoscope.types import (
    Diarisation,
    Float64,
    Identification,
    Inspection,
    MotionField,
    Place,
    Sound,
    Speakers,
    Verdict,
    VideoFacts,
)


def record_of(field: MotionField, sound: Sound, **more: Any) -> dict[str, Any]:
    """Return every fact of a sound."""
    facts, parameters = field.facts, dict(field.parameters)
    return {
        "input": facts.name,
        "input_sha256": parameters.pop("input_sha256", None),
        **file_facts(facts),
        "frames": field.samples if field.measured is None else int(field.measured.sum()),
        "frames_repeated": field.repeated,
        "frames_missing": 0 if field.measured is None else int((~field.measured).sum()),
        "cells": len(field.cells),
        "regions": parameters.pop("region", []),
        "sample_rate_hz": float(sound.rate_hz),
        "duration_s": len(sound.samples) / float(sound.rate_hz),
        "band_hz": list(sound.band_hz),
        **({} if sound.verdict is None else _verdict(sound.verdict, sound)),
        "snr_db": decibels(sound.snr_db),
        "noise_floor_px": sound.noise_floor_px,
        "motion_rms_px": sound.motion_rms_px,
        **({} if sound.measured is None else _measured(sound.measured)),
        **({"sources": [_source(one) for one in sound.sources]} if sound.sources else {}),
        "versions": parameters.pop("versions", versions()),
        "parameters": {**parameters, **more},
        "warnings": list(sound.warnings),
    }


def speakers_record(found: Speakers) -> dict[str, Any]:
    """Return every fact, ready for JSON; times in s, pitch in Hz, null where unvoiced."""
    gender = found.gender
    return {
        "speech": found.speech.detected,
        "speech_reason": found.speech.reason,
        "speech_score": found.speech.score,
        "speech_threshold": found.speech.threshold,
        "segments_s": [list(segment) for segment in found.speech.segments_s],
        "gender": None if gender is None else gender.answer,
        "gender_reason": "" if gender is None else gender.reason,
        "female_probability": None if gender is None else gender.female,
        "log10_likelihood_ratio": (
            None if gender is None else gender.log_likelihood_ratio / float(np.log(10))
        ),
        "median_pitch_hz": None if gender is None else gender.pitch_hz,
        "voiced_s": 0.0 if gender is None else gender.voiced_s,
        "rate_hz": found.rate_hz,
        "band_hz": list(found.band_hz),
        **_turns(found.diarisation),
        "identifications": [
            None if one is None else _identification(one) for one in found.identifications
        ],
        "pitch": {
            "time_s": found.pitch.time_s.tolist(),
            "pitch_hz": found.pitch.pitch_hz.tolist(),
            "strength": found.pitch.strength.tolist(),
        },
        "parameters": {"least": found.least, "number": found.number},
    }


def _turns(found: Diarisation | None) -> dict[str, Any]:
    if found is None:
        return {"number": None, "number_probability": None, "turns": []}
    return {
        "number": found.speakers,
        "number_probability": found.probability.tolist(),
        "turns": [
            {"start_s": turn.start_s, "end_s": turn.end_s, "speaker": turn.speaker}
            for turn in found.turns
        ],
    }


def _identification(found: Identification) -> dict[str, Any]:
    return {
        "comparisons": [
            {
                "name": one.name,
                "log10_likelihood_ratio": one.log10_lr,
                "probability": one.probability,
                "enrolled_s": one.enrolled_s,
            }
            for one in found.comparisons
        ],
        "none_probability": found.none_probability,
        "none_prior": found.none_prior,
        "speech_s": found.speech_s,
        "band_hz": list(found.band_hz),
        "snr_db": found.snr_db,
        "colour": found.colour,
    }


def inspection_record(found: Inspection) -> dict[str, Any]:
    """Return every fact of an inspection."""
    cells, flicker = found.cells, found.flicker
    return {
        "input": found.facts.name,
        "input_bytes": found.size_bytes,
        **file_facts(found.facts),
        "frames_sampled": found.sampled,
        "frames": found.samples,
        "band_hz": list(found.band_hz),
        "noise_floor_px": found.noise_px,
        "detectable_px": found.detectable_px,
        "cells": [
            {
                "x_px": int(cells.x_px[n]),
                "y_px": int(cells.y_px[n]),
                "width_px": int(cells.width_px[n]),
                "height_px": int(cells.height_px[n]),
                "noise_px": float(found.cell_noise_px[n]),
                "saturated": round(float(found.saturated[n]), 4),
                "detail_px": round(float(found.detail_px[n]), 3),
            }
            for n in range(len(cells))
        ],
        "flicker": flicker and {"lamp_hz": flicker.lamp_hz, "depth": flicker.depth},
        "repeated_frames": found.repeated,
        "alike_frames": found.alike,
        "smoothed": found.smoothed,
        "lag_px": found.lag_px,
        "predicted_seconds": found.seconds,
        "predicted_memory_bytes": found.memory_bytes,
        "versions": versions(),
        "advice": list(found.advice),
        "warnings": list(found.warnings),
    }


def file_facts(facts: VideoFacts) -> dict[str, Any]:
    """Return what is known of a video, for the record."""
    return {
        "capture_fps": float(facts.capture_rate),
        "capture_fps_exact": str(facts.capture_rate),
        "capture_fps_source": facts.capture_rate_source,
        "capture_fps_found": [
            {"fps": float(one.rate), "source": one.source, "where": one.where}
            for one in facts.rates
        ],
        "container_fps": None if facts.container_rate is None else float(facts.container_rate),
        "frames_shown": float(facts.shown),
        "variable_rate": facts.variable_rate,
        "interlaced": facts.interlaced,
        "rotation_deg": facts.rotation_deg,
        "shutter": shutter_facts(facts),
        "exposure_in_file_s": facts.exposure_s,
        "timecode_s": None if facts.timecode_s is None else float(facts.timecode_s),
        "recorded": facts.recorded,
        "camera": facts.camera,
        "frames_in_file": facts.frames,
        "width": facts.width,
        "height": facts.height,
        "bits": facts.bits,
        "codec": facts.codec,
        "pixel_format": facts.pixel_format,
    }


def place_of(facts: VideoFacts, start_s: float) -> Place:
    """Return where a sound that begins at a capture time lies in its clip."""
    start = Fraction(start_s).limit_denominator(10**9)
    return Place(start, facts.slower, facts.timecode_s, facts.recorded)


def shutter_facts(facts: VideoFacts) -> dict[str, Any]:
    """Return how the sensor was read, for the record."""
    shutter = facts.shutter
    if not shutter.rolling:
        return {"kind": "global", "source": shutter.source}
    return {
        "kind": "rolling",
        "source": shutter.source,
        "line_delay_s": shutter.line_delay_s,
        "readout_s": shutter.line_delay_s * facts.height,
        "direction": shutter.direction,
    }


def exposure_of(
    exposure_s: float, facts: VideoFacts, band_hz: tuple[float, float]
) -> dict[str, Any]:
    """Return what an exposure leaves, for the record.

    Raises
    ------
    UsageError
        If it is longer than there is time for.
    """
    longest = 1 / float(facts.capture_rate)
    if exposure_s > longest:
        raise UsageError(
            f"an exposure of {exposure_s:.4g} s is longer than the {longest:.4g} s from frame to "
            "frame; give the time for which each frame was exposed, such as 1/2000."
        )
    left = left_by_exposure(np.array(band_hz), exposure_s)
    return {
        "exposure_s": exposure_s,
        "first_null_hz": 1 / exposure_s,
        "left_at_band_edges": [round(float(value), 4) for value in left],
    }


def _measured(measured: NDArray[np.bool_]) -> dict[str, Any]:
    # Stretches of time that were not read, as [first, last] sample.
    edges = np.diff(np.concatenate([[0], ~measured, [0]]).astype(np.int8))
    first, after = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return {
        "measured_share": round(float(np.mean(measured)), 4),
        "interpolated_samples": np.stack([first, after - 1], axis=1).tolist(),
    }


def _source(sound: Sound) -> dict[str, Any]:
    return {
        "snr_db": decibels(sound.snr_db),
        "noise_floor_px": sound.noise_floor_px,
        "motion_rms_px": sound.motion_rms_px,
        "hearing_db": _each_decibels(sound.hearing),
    }


def _verdict(verdict: Verdict, sound: Sound) -> dict[str, Any]:
    return {
        "detected": verdict.detected,
        "p_value": verdict.p_value,
        "false_alarm": verdict.false_alarm,
        "reason": verdict.reason,
        "detectable_px": verdict.detectable_px,
        "heard_hz": None if verdict.heard_hz is None else list(verdict.heard_hz),
        "spectrum": {
            "frequency_hz": verdict.frequency_hz.tolist(),
            "snr_db": [decibels(value) for value in verdict.snr_db],
            "noise_db": [decibels(value) for value in verdict.noise_db],
        },
        "hearing_db": _each_decibels(sound.hearing),
    }


def _each_decibels(powers: Float64) -> list[float | None]:
    with np.errstate(divide="ignore"):
        return [decibels(value) for value in 10 * np.log10(np.maximum(powers, 0))]


def decibels(value: float) -> float | None:
    """Return a finite value rounded, and None for any other."""
    return round(float(value), 3) if math.isfinite(value) else None


def versions() -> dict[str, str]:
    packages = ("av", "numba", "numpy", "scipy", "tifffile")
    return {
        "phonoscope": phonoscope.__version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
    }
