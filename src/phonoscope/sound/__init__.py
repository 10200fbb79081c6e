"""Motion field to sound, as measured."""

from phonoscope.sound.filter import chosen_band
from phonoscope.sound.listen import listen
from phonoscope.sound.select import select

__all__ = ["chosen_band", "listen", "select"]
