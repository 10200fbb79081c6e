"""What was seen and heard, as pictures and as one page."""

from phonoscope.report.drawing import PICTURE_SUFFIXES, check_picture
from phonoscope.report.maps import draw_hearing, draw_microphones, draw_shape
from phonoscope.report.moving import animate_shape
from phonoscope.report.numbers import NUMBER_SUFFIXES, check_numbers, write_numbers
from phonoscope.report.page import check_report, write_report
from phonoscope.report.sounds import draw_spectrogram, draw_spectrum, draw_waveform
from phonoscope.report.voices import draw_pitch, told_of

__all__ = [
    "NUMBER_SUFFIXES",
    "PICTURE_SUFFIXES",
    "animate_shape",
    "check_numbers",
    "check_picture",
    "check_report",
    "draw_hearing",
    "draw_microphones",
    "draw_pitch",
    "draw_shape",
    "draw_spectrogram",
    "draw_spectrum",
    "draw_waveform",
    "told_of",
    "write_numbers",
    "write_report",
]
