"""The whole way, from a video to its sound: the only room that knows the order of the others."""

from phonoscope.pipeline.request import parse_band
from phonoscope.pipeline.run import measure, recover

__all__ = ["measure", "parse_band", "recover"]
