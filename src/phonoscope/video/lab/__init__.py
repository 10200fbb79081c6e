"""Formats of laboratory cameras and of science: read frame by frame, as they were recorded."""

from phonoscope.video.lab.cine import open_cine
from phonoscope.video.lab.fits import open_fits
from phonoscope.video.lab.hdf5 import SUFFIXES as HDF5_SUFFIXES
from phonoscope.video.lab.hdf5 import open_hdf5, split_dataset
from phonoscope.video.lab.photron import open_photron
from phonoscope.video.lab.ser import open_ser

__all__ = [
    "HDF5_SUFFIXES",
    "open_cine",
    "open_fits",
    "open_hdf5",
    "open_photron",
    "open_ser",
    "split_dataset",
]
