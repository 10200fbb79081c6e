"""The published method, as a yardstick: from the video to its sound by a pyramid's phases."""

import math
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from phonoscope.choices import Weights
from phonoscope.errors import UsageError
from phonoscope.motion import measure_bands
from phonoscope.pipeline.record import place_of
from phonoscope.pipeline.request import Request
from phonoscope.sound import chosen_band, sum_bands
from phonoscope.types import Sound
from phonoscope.video import open_video, prefetch


@dataclass(frozen=True, slots=True)
class Pyramid:
    """Options of the method: scales and orientations of the pyramid, weights of its bands."""

    scales: int
    orientations: int
    weights: Weights


def recover_by_pyramid(request: Request, pyramid: Pyramid) -> Sound:
    """Recover a sound by the published method; see `phonoscope.sound.bands.sum_bands`."""
    if len(request.regions) > 1:
        raise UsageError(
            f"the pyramid method listens to one region, and {len(request.regions)} are given; "
            "give one."
        )
    opened = open_video(
        request.source, fps=request.fps, start=request.start, duration=request.duration
    )
    with opened as video, closing(prefetch(video)) as frames:
        rate = video.facts.capture_rate
        low, high = chosen_band(request.band, float(rate))
        told = request.told(video.facts)
        bands = measure_bands(
            frames,
            rate_hz=rate,
            region=request.regions[0] if request.regions else None,
            scales=pyramid.scales,
            orientations=pyramid.orientations,
            engine=request.engine,
            progress=told,
        )
        total = sum_bands(
            bands, weights=pyramid.weights, highpass_hz=low if request.band and low > 0 else None
        )
        return Sound(
            samples=total.samples,
            rate_hz=rate,
            band_hz=(total.highpass_hz, high),
            snr_db=math.nan,
            noise_floor_px=total.noise_px,
            noise_psd=np.full(2, 2 * total.noise_px**2 / float(rate)),
            motion_rms_px=math.nan,
            verdict=None,
            hearing=np.empty(0),
            place=place_of(video.facts, math.ceil(request.start * rate) / float(rate)),
            record={
                "input": video.facts.name,
                "method": "pyramid",
                "scales": pyramid.scales,
                "orientations": pyramid.orientations,
                "weights": pyramid.weights,
                "device": request.engine.name,
                "capture_fps": float(rate),
                "capture_fps_source": video.facts.capture_rate_source,
                "frames": len(total.samples),
                "duration_s": len(total.samples) / float(rate),
                "band_hz": [total.highpass_hz, high],
            },
            warnings=(
                *video.warnings,
                "the pyramid method cannot tell sound from noise: it has no verdict.",
            ),
        )
