"""What the server asks of its children: all that touches a video or a motion file.

Numeric libraries are imported by the tasks themselves, and so never by the server.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phonoscope.types import Frame, MotionField, Sound

_Told = Callable[[int, int | None], None]
_Settings = Mapping[str, Any]
_LARGEST_PX = 1280  # of a picture's longer side: more than a page shows
_MEASURING = ("fps", "start", "duration", "shutter", "line_delay", "readout", "direction")
VERSIONS = ("measured", "enhanced")


def facts(path: str, told: _Told) -> dict[str, Any]:
    """Return what a file says of itself."""
    from phonoscope.pipeline.record import shutter_facts
    from phonoscope.video import open_video

    with open_video(path) as video:
        known = video.facts
        return {
            "width": known.width,
            "height": known.height,
            "frames": known.frames_about,
            "capture_fps": float(known.capture_rate),
            "capture_fps_source": known.capture_rate_source,
            "container_fps": None if known.container_rate is None else float(known.container_rate),
            "codec": known.codec,
            "bits": known.bits,
            "camera": known.camera,
            "shutter": shutter_facts(known),
            "duration_s": known.frames_about and known.frames_about / float(known.capture_rate),
            "warnings": list(video.warnings),
        }


def picture(path: str, told: _Told, at_s: float = 0.0, fps: str | None = None) -> bytes:
    """Return a frame as JPEG."""
    from phonoscope.errors import InputError
    from phonoscope.video import open_video

    with open_video(path, fps=fps, start=at_s) as video:
        for frame in video:
            return _jpeg(frame, video.facts.bits)
    raise InputError(f"{path} has no frame at {at_s:g} s; choose an earlier time.")


def inspection(path: str, settings: _Settings, told: _Told) -> dict[str, Any]:
    """Return what a sample of the video tells."""
    from phonoscope.files import strict_values
    from phonoscope.pipeline import inspect, inspection_record

    found = inspect(
        path, **_chosen(settings, _MEASURING), region=settings.get("region") or (),
        band=settings.get("band"),
    )  # fmt: skip
    record = inspection_record(found)
    if found.flicker is not None:
        depth = f"{100 * found.flicker.depth:.2g}"
        record["flicker"] = f"a lamp flickers at {found.flicker.lamp_hz:g} Hz, by {depth} %"
    return dict(strict_values(record))


def measurement(path: str, output: str, settings: _Settings, told: _Told) -> int:
    """Measure a video into a motion file; return the number of its frames."""
    from phonoscope.pipeline import measure

    field = measure(
        path, output=output, **_chosen(settings, _MEASURING),
        region=settings.get("region") or (), fingerprint=True, progress=told,
    )  # fmt: skip
    return int(field.samples)


def listening(motion: str, folder: str, settings: _Settings, told: _Told) -> dict[str, Any]:
    """Listen to a motion file; write its sounds into a folder, and return what there is to tell."""
    from phonoscope.files import strict_values

    field, sound = _listen(motion, settings)
    where = Path(folder)
    where.mkdir(parents=True, exist_ok=True)
    written = ["measured", *(["enhanced"] if sound.enhanced is not None else [])]
    for version in written:
        sound.write(where / f"{version}.wav", version=version)  # type: ignore[arg-type]
    return dict(strict_values({**_told_of(field, sound), "versions": written}))


def spectrogram(motion: str, folder: str, settings: _Settings, told: _Told) -> None:
    """Draw the spectrogram of a listening into its folder."""
    from phonoscope.report import draw_spectrogram

    draw_spectrogram(_listen(motion, settings)[1], Path(folder) / "spectrogram.png")


def report(motion: str, folder: str, settings: _Settings, told: _Told) -> None:
    """Write the report of a listening into its folder."""
    from phonoscope.pipeline import speakers_in
    from phonoscope.report import write_report
    from phonoscope.sound import deflection_shapes

    field, sound = _listen(motion, settings)
    shapes, speakers = deflection_shapes(field, sound), speakers_in(sound)
    write_report(Path(folder) / "report", field, sound, shapes=shapes, speakers=speakers)


TASKS: dict[str, Callable[..., Any]] = {
    "facts": facts,
    "picture": picture,
    "inspection": inspection,
    "measurement": measurement,
    "listening": listening,
    "spectrogram": spectrogram,
    "report": report,
}


_HELD_BYTES = 512 * 2**20  # of a motion field that is kept in memory, to be heard at once
_held: dict[tuple[str, int], "MotionField"] = {}
_last: dict[tuple[Any, ...], "tuple[MotionField, Sound]"] = {}


def _field(motion: str) -> "MotionField":
    from dataclasses import replace

    from phonoscope.motion import open_motion

    key = motion, Path(motion).stat().st_mtime_ns
    if key not in _held:
        field = open_motion(motion)
        if 3 * 4 * field.samples * len(field.cells) < _HELD_BYTES:
            field = replace(field, blocks=list(field.blocks))
        _held.clear()
        _held[key] = field
    return _held[key]


def _listen(motion: str, settings: _Settings) -> "tuple[MotionField, Sound]":
    # The last listening is kept, for its picture or report is often what is asked for next.
    from phonoscope.pipeline import motion_field, recover

    regions: Sequence[str] = settings.get("region") or ()
    key = (
        motion, Path(motion).stat().st_mtime_ns, tuple(regions),
        *(settings.get(name) for name in ("band", "enhance", "mains")),
    )  # fmt: skip
    if key not in _last:
        with motion_field(_field(motion), region=regions, band=settings.get("band")) as field:
            sound = recover(
                field, band=settings.get("band"), enhance=settings.get("enhance"),
                mains=settings.get("mains") or "auto",
            )  # fmt: skip
        _last.clear()
        _last[key] = field, sound
    return _last[key]


def _told_of(field: "MotionField", sound: "Sound") -> dict[str, Any]:
    import numpy as np

    verdict, cells = sound.verdict, field.cells
    assert verdict is not None  # the array always has one
    with np.errstate(divide="ignore"):
        hearing = 10 * np.log10(np.maximum(sound.hearing, 0))
    places = np.stack([cells.x_px, cells.y_px, cells.width_px, cells.height_px], axis=1)
    return {
        "band_hz": list(sound.band_hz),
        "detected": verdict.detected,
        "verdict": _sentence(sound),
        "snr_db": sound.snr_db,
        "motion_rms_px": sound.motion_rms_px,
        "noise_floor_px": sound.noise_floor_px,
        "detectable_px": verdict.detectable_px,
        "heard_hz": None if verdict.heard_hz is None else list(verdict.heard_hz),
        "p_value": verdict.p_value,
        "duration_s": len(sound.samples) / float(sound.rate_hz),
        "rate_hz": float(sound.rate_hz),
        "hearing_db": [round(float(value), 2) for value in hearing],
        "cells": places.tolist(),
        "width": field.facts.width,
        "height": field.facts.height,
        "warnings": list(sound.warnings),
        "waveform_gaps": _gaps(sound),
    }


def _sentence(sound: "Sound") -> str:
    verdict = sound.verdict
    assert verdict is not None
    if not verdict.detected or verdict.heard_hz is None:
        why = f" ({verdict.reason})" if verdict.reason else ""
        return (
            f"Nothing above the noise floor{why}. A motion of {verdict.detectable_px:.2g} px RMS "
            "would have been heard; what can be played is noise."
        )
    low, high = verdict.heard_hz
    return (
        f"Sound from {low:.4g} to {high:.4g} Hz: a motion of {sound.motion_rms_px:.2g} px RMS, "
        f"{sound.snr_db:.1f} dB over the error."
    )


def _gaps(sound: "Sound") -> list[list[float]]:
    import numpy as np

    if sound.measured is None:
        return []
    rate = float(sound.rate_hz)
    edges = np.diff(np.concatenate([[0], ~sound.measured, [0]]).astype(np.int8))
    first, after = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [[float(a / rate), float(b / rate)] for a, b in zip(first, after, strict=True)]


def _chosen(settings: _Settings, names: Sequence[str]) -> dict[str, Any]:
    return {name: settings[name] for name in names if settings.get(name) is not None}


def _jpeg(frame: "Frame", bits: int) -> bytes:
    from fractions import Fraction

    import av
    import numpy as np

    luma = frame.luma
    factor = max(1, -(-max(luma.shape) // _LARGEST_PX))
    small = luma[::factor, ::factor]
    grey = (small >> (bits - 8) if bits > 8 else small).astype(np.uint8)
    height, width = (side // 2 * 2 or 2 for side in grey.shape)  # chroma has half of each
    missing = [(0, max(0, n - m)) for n, m in zip((height, width), grey.shape, strict=True)]
    grey = np.pad(grey, missing)
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = {"qscale": "3", "strict": "unofficial"}
    shown = av.VideoFrame.from_ndarray(np.ascontiguousarray(grey[:height, :width]), format="gray")
    packets = [*encoder.encode(shown.reformat(format="yuvj420p")), *encoder.encode(None)]
    return b"".join(bytes(packet) for packet in packets)
