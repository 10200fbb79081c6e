"""The record of a result: every fact, ready for JSON."""

import importlib.metadata
import math
import platform
from typing import Any

import phonoscope
from phonoscope.types import MotionField, Sound


def record_of(field: MotionField, sound: Sound, **more: Any) -> dict[str, Any]:
    facts, parameters = field.facts, dict(field.parameters)
    return {
        "input": facts.name,
        "input_sha256": parameters.pop("input_sha256", None),
        "capture_fps": float(facts.capture_rate),
        "capture_fps_exact": str(facts.capture_rate),
        "capture_fps_source": facts.capture_rate_source,
        "container_fps": None if facts.container_rate is None else float(facts.container_rate),
        "variable_rate": facts.variable_rate,
        "frames": field.samples,
        "frames_in_file": facts.frames,
        "width": facts.width,
        "height": facts.height,
        "bits": facts.bits,
        "codec": facts.codec,
        "pixel_format": facts.pixel_format,
        "cells": len(field.cells),
        "regions": parameters.pop("region", []),
        "sample_rate_hz": float(sound.rate_hz),
        "duration_s": field.samples / float(sound.rate_hz),
        "band_hz": list(sound.band_hz),
        "snr_db": sound.snr_db if math.isfinite(sound.snr_db) else None,
        "noise_floor_px": sound.noise_floor_px,
        "motion_rms_px": sound.motion_rms_px,
        "versions": parameters.pop("versions", versions()),
        "parameters": {**parameters, **more},
        "warnings": list(sound.warnings),
    }


def versions() -> dict[str, str]:
    packages = ("av", "numba", "numpy", "scipy", "tifffile")
    return {
        "phonoscope": phonoscope.__version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in packages},
    }
