"""Frames to motion field: every cell's displacement and brightness, with their covariances."""

from phonoscope.motion.cells import Grid, cut, default_cell_px
from phonoscope.motion.measure import BLOCK_SAMPLES, Measurement, measure_frames

__all__ = ["BLOCK_SAMPLES", "Grid", "Measurement", "cut", "default_cell_px", "measure_frames"]
