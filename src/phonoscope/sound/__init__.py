"""Motion to sound: as measured, and enhanced beside it."""

from phonoscope.sound.bands import sum_bands
from phonoscope.sound.displacements import displacement, displacement_spectrum
from phonoscope.sound.exposure import left_by_exposure, without_exposure
from phonoscope.sound.filter import band_of, chosen_band
from phonoscope.sound.flicker import lamp_flicker
from phonoscope.sound.foresee import Foreseen, foresee
from phonoscope.sound.listen import listen
from phonoscope.sound.listener import FALSE_ALARM_LIVE, Listener
from phonoscope.sound.polish import check_polish, polish
from phonoscope.sound.response import (
    Response,
    is_response_file,
    measure_response,
    read_response,
)
from phonoscope.sound.select import select
from phonoscope.sound.shapes import deflection_shapes
from phonoscope.sound.truetime import in_true_time
from phonoscope.sound.verdict import predicting
from phonoscope.sound.whiten import PER_CELL, displacement_information

__all__ = [
    "FALSE_ALARM_LIVE",
    "PER_CELL",
    "Foreseen",
    "Listener",
    "Response",
    "band_of",
    "check_polish",
    "chosen_band",
    "deflection_shapes",
    "displacement",
    "displacement_information",
    "displacement_spectrum",
    "foresee",
    "in_true_time",
    "is_response_file",
    "lamp_flicker",
    "left_by_exposure",
    "listen",
    "measure_response",
    "polish",
    "predicting",
    "read_response",
    "select",
    "sum_bands",
    "without_exposure",
]
