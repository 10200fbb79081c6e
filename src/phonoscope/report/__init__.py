"""What was seen and heard, as pictures."""

from phonoscope.report.pictures import SUFFIXES, check_picture, draw_microphones

__all__ = ["SUFFIXES", "check_picture", "draw_microphones"]
