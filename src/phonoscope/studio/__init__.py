"""The local web page: choose a video, watch it being measured, listen.

Every file is decoded in a process of its own, with limits; the server itself never sees a pixel.
"""

from phonoscope.studio.server import serve

__all__ = ["serve"]
