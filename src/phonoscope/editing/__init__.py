"""Back to the editor: the clip with its sound as a new track, and a timeline of both."""

from phonoscope.editing.clip import clip_of
from phonoscope.editing.muxing import Muxed, check_mux, mux
from phonoscope.editing.timeline import check_timeline, write_timeline

__all__ = [
    "Muxed",
    "check_mux",
    "check_timeline",
    "clip_of",
    "mux",
    "write_timeline",
]
