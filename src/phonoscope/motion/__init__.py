"""Frames to motion field: every cell's displacement and brightness, with their covariances."""

from phonoscope.motion.cells import Grid, cut, cut_rows, default_cell_px, speckle_cell_px
from phonoscope.motion.common import Common
from phonoscope.motion.detail import detail_px, saturated
from phonoscope.motion.devices import check_device, engine_of
from phonoscope.motion.engine import Engine
from phonoscope.motion.following import Followed, follow, live_look_frames, warm_up
from phonoscope.motion.lattice import Lattice
from phonoscope.motion.look import frames_to_look_at
from phonoscope.motion.measure import Look, Measurement, Spread, look_at, measure_frames
from phonoscope.motion.packing import PackedSegment
from phonoscope.motion.passband import bridged, merged_bands, passband_taps, passed
from phonoscope.motion.pyramid import measure_bands
from phonoscope.motion.segment import Segment
from phonoscope.motion.smooth import Moments, follower, motion_information, smoother
from phonoscope.motion.speckle import speckle_at
from phonoscope.motion.store import is_motion_file, open_motion
from phonoscope.motion.warp import magnified
from phonoscope.motion.writing import MotionWriter, writing_motion

__all__ = [
    "Common",
    "Engine",
    "Followed",
    "Grid",
    "Lattice",
    "Look",
    "Measurement",
    "Moments",
    "MotionWriter",
    "PackedSegment",
    "Segment",
    "Spread",
    "bridged",
    "check_device",
    "cut",
    "cut_rows",
    "default_cell_px",
    "detail_px",
    "engine_of",
    "follow",
    "follower",
    "frames_to_look_at",
    "is_motion_file",
    "live_look_frames",
    "look_at",
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
    "speckle_at",
    "speckle_cell_px",
    "warm_up",
    "writing_motion",
]
