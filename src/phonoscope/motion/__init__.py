"""Frames to motion field: every cell's displacement and brightness, with their covariances."""

from phonoscope.motion.cells import Grid, cut, cut_rows, default_cell_px
from phonoscope.motion.detail import detail_px, saturated
from phonoscope.motion.look import frames_to_look_at
from phonoscope.motion.measure import Measurement, measure_frames
from phonoscope.motion.pyramid import measure_bands
from phonoscope.motion.store import finish_motion, is_motion_file, open_motion, write_motion

__all__ = [
    "Grid",
    "Measurement",
    "cut",
    "cut_rows",
    "default_cell_px",
    "detail_px",
    "finish_motion",
    "frames_to_look_at",
    "is_motion_file",
    "measure_bands",
    "measure_frames",
    "open_motion",
    "saturated",
    "write_motion",
]
