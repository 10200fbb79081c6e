"""Motion to sound: as measured, and enhanced beside it."""

from phonoscope.sound.bands import sum_bands
from phonoscope.sound.filter import chosen_band
from phonoscope.sound.listen import listen
from phonoscope.sound.polish import check_polish, polish
from phonoscope.sound.select import select

__all__ = [
    "check_polish",
    "chosen_band",
    "listen",
    "polish",
    "select",
    "sum_bands",
]
