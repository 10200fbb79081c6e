"""The whole way, from a video to its sound: the only room that knows the order of the others."""

from phonoscope.pipeline.film import FilmTrack, film_track, record_path
from phonoscope.pipeline.inspecting import inspect
from phonoscope.pipeline.living import Live, live
from phonoscope.pipeline.magnifying import Magnified, magnify
from phonoscope.pipeline.measuring import measure, motion_field
from phonoscope.pipeline.record import inspection_record, speakers_record
from phonoscope.pipeline.recovering import calibrate_response, recover
from phonoscope.pipeline.request import parse_band
from phonoscope.pipeline.shutter import LampBands, calibrate_shutter
from phonoscope.pipeline.speaking import speakers_in

__all__ = [
    "FilmTrack",
    "LampBands",
    "Live",
    "Magnified",
    "calibrate_response",
    "calibrate_shutter",
    "film_track",
    "inspect",
    "inspection_record",
    "live",
    "magnify",
    "measure",
    "motion_field",
    "parse_band",
    "record_path",
    "recover",
    "speakers_in",
    "speakers_record",
]
