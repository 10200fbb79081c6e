"""Phonoscope turns silent video into sound.

>>> import phonoscope as ph
>>> sound = ph.recover("clip.mp4", fps=2200)  # doctest: +SKIP
>>> sound.write("clip.wav")  # doctest: +SKIP

Public names are loaded when they are first used, so importing the package costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from phonoscope.audio import read_audio, resample, write_audio
    from phonoscope.batch import Outcome, Running, Standing, recover_many
    from phonoscope.editing import Muxed, mux, write_timeline
    from phonoscope.errors import (
        ClusterError,
        InputError,
        InputNotFoundError,
        InputUnreachableError,
        MissingExtraError,
        OutputError,
        PhonoscopeError,
        SilenceError,
        UsageError,
    )
    from phonoscope.motion import open_motion
    from phonoscope.pipeline import (
        FilmTrack,
        LampBands,
        Live,
        Magnified,
        calibrate_response,
        calibrate_shutter,
        film_track,
        inspect,
        live,
        magnify,
        measure,
        recover,
        speakers_in,
    )
    from phonoscope.report import write_numbers, write_report
    from phonoscope.sound import (
        Response,
        deflection_shapes,
        displacement,
        displacement_spectrum,
        read_response,
    )
    from phonoscope.types import (
        Cells,
        Comparison,
        Diarisation,
        Displacement,
        Flicker,
        Frame,
        Identification,
        Inspection,
        LiveBlock,
        MotionBlock,
        MotionField,
        NoiseModel,
        Place,
        RateCandidate,
        Region,
        Shape,
        Shutter,
        Sound,
        Speakers,
        Spectrum,
        Turn,
        Verdict,
        VideoFacts,
    )
    from phonoscope.video import open_video

__version__ = "0.1.0"

_HOMES = {
    "audio": ("read_audio", "resample", "write_audio"),
    "batch": ("Outcome", "Running", "Standing", "recover_many"),
    "editing": ("Muxed", "mux", "write_timeline"),
    "errors": (
        "ClusterError",
        "InputError",
        "InputNotFoundError",
        "InputUnreachableError",
        "MissingExtraError",
        "OutputError",
        "PhonoscopeError",
        "SilenceError",
        "UsageError",
    ),
    "motion": ("open_motion",),
    "pipeline": (
        "FilmTrack",
        "LampBands",
        "Live",
        "Magnified",
        "calibrate_response",
        "calibrate_shutter",
        "film_track",
        "inspect",
        "live",
        "magnify",
        "measure",
        "recover",
        "speakers_in",
    ),
    "report": ("write_numbers", "write_report"),
    "sound": (
        "Response",
        "deflection_shapes",
        "displacement",
        "displacement_spectrum",
        "read_response",
    ),
    "types": (
        "Cells",
        "Comparison",
        "Diarisation",
        "Displacement",
        "Flicker",
        "Frame",
        "Identification",
        "Inspection",
        "LiveBlock",
        "MotionBlock",
        "MotionField",
        "NoiseModel",
        "Place",
        "RateCandidate",
        "Region",
        "Shape",
        "Shutter",
        "Sound",
        "Speakers",
        "Spectrum",
        "Turn",
        "Verdict",
        "VideoFacts",
    ),
    "video": ("open_video",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "Cells",
    "ClusterError",
    "Comparison",
    "Diarisation",
    "Displacement",
    "FilmTrack",
    "Flicker",
    "Frame",
    "Identification",
    "InputError",
    "InputNotFoundError",
    "InputUnreachableError",
    "Inspection",
    "LampBands",
    "Live",
    "LiveBlock",
    "Magnified",
    "MissingExtraError",
    "MotionBlock",
    "MotionField",
    "Muxed",
    "NoiseModel",
    "Outcome",
    "OutputError",
    "PhonoscopeError",
    "Place",
    "RateCandidate",
    "Region",
    "Response",
    "Running",
    "Shape",
    "Shutter",
    "SilenceError",
    "Sound",
    "Speakers",
    "Spectrum",
    "Standing",
    "Turn",
    "UsageError",
    "Verdict",
    "VideoFacts",
    "calibrate_response",
    "calibrate_shutter",
    "deflection_shapes",
    "displacement",
    "displacement_spectrum",
    "film_track",
    "inspect",
    "live",
    "magnify",
    "measure",
    "mux",
    "open_motion",
    "open_video",
    "read_audio",
    "read_response",
    "recover",
    "recover_many",
    "resample",
    "speakers_in",
    "write_audio",
    "write_numbers",
    "write_report",
    "write_timeline",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return __all__
