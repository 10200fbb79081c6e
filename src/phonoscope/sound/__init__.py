"""Motion field to sound, as measured."""

from phonoscope.sound.listen import listen
from phonoscope.sound.select import select

__all__ = ["listen", "select"]
