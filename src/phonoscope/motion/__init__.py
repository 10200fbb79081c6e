"""Frames to motion field: every cell's displacement and brightness, with their covariances."""

from phonoscope.motion.cells import Grid, cut, cut_rows, default_cell_px
from phonoscope.motion.common import Common
from phonoscope.motion.detail import detail_px, saturated
from phonoscope.motion.lattice import Lattice
from phonoscope.motion.look import frames_to_look_at
from phonoscope.motion.measure import Measurement, Spread, measure_frames
from phonoscope.motion.packing import PackedSegment
from phonoscope.motion.passband import bridged, merged_bands, passband_taps, passed
from phonoscope.motion.pyramid import measure_bands
from phonoscope.motion.segment import Segment
from phonoscope.motion.smooth import Moments, follower, motion_information, smoother
from phonoscope.motion.store import is_motion_file, open_motion
from phonoscope.motion.warp import magnified
from phonoscope.motion.writing import MotionWriter, writing_motion

__all__ = [
    "Common",
    "Grid",
    "Lattice",
    "Measurement",
    "Moments",
    "MotionWriter",
    "PackedSegment",
    "Segment",
    "Spread",
    "bridged",
    "cut",
    "cut_rows",
    "default_cell_px",
    "detail_px",
    "follower",
    "frames_to_look_at",
    "is_motion_file",
    "magnified",
    "measure_bands",
    "measure_frames",
    "merged_bands",
    "motion_information",
    "open_motion",
    "passband_taps",
    "passed",
    "saturated",
    "smoother",
    "writing_motion",
]
