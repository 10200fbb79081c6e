"""A displacement and its spectrum in files that other tools read: CSV, MATLAB, NumPy, HDF5."""

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import MissingExtraError, UsageError
from phonoscope.files import replace_when_done
from phonoscope.types import Displacement, Spectrum

NUMBER_SUFFIXES = (".csv", ".mat", ".npz", ".h5")


def check_numbers(path: str | os.PathLike[str]) -> None:
    """Find out now whether numbers can be written into that kind of file.

    Raises
    ------
    UsageError
        If its suffix is not .csv, .mat, .npz or .h5.
    MissingExtraError
        If the suffix is .h5 and h5py is not installed.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in NUMBER_SUFFIXES:
        raise UsageError(
            f"cannot write numbers to {path}: such a file ends in {', '.join(NUMBER_SUFFIXES)}; "
            f"name it {Path(path).with_suffix('.csv').name}."
        )
    if suffix == ".h5" and importlib.util.find_spec("h5py") is None:
        raise MissingExtraError(
            "HDF5 files need h5py, which is not installed; pip install 'phonoscope[export]', or "
            "name a .csv, .mat or .npz file."
        )


def write_numbers(path: str | os.PathLike[str], numbers: Displacement | Spectrum) -> None:
    """Write a displacement or a spectrum, by the suffix of the file.

    ``.csv`` has a row of names with units, then a row for each sample or bin; an axis that cannot
    be told is empty. ``.mat`` (MATLAB 5), ``.npz`` and ``.h5`` hold the same columns as vectors
    under their names, with `unit` and the constants beside them; in HDF5 each vector has its unit
    as an attribute, and the first is the scale of the others' axis.

    Parameters
    ----------
    path
        File to write; it appears whole or not at all.
    numbers
        From `phonoscope.displacement` or `phonoscope.displacement_spectrum`.

    Raises
    ------
    UsageError, MissingExtraError
        As of `check_numbers`.
    OutputError
        If the file cannot be written.
    """
    check_numbers(path)
    columns, units, constants = _table(numbers)
    with replace_when_done(path) as part:
        match part.suffix.lower():
            case ".csv":
                _write_csv(part, columns, units)
            case ".mat":
                from scipy.io import savemat  # slow to import

                savemat(part, {**columns, **constants}, oned_as="column")
            case ".npz":
                with part.open("wb") as file:
                    np.savez(file, **{**columns, **constants})
            case _:
                _write_hdf5(part, columns, units, constants)


_Columns = dict[str, NDArray[np.float64]]


def _table(numbers: Displacement | Spectrum) -> tuple[_Columns, dict[str, str], dict[str, Any]]:
    unit = numbers.unit
    if isinstance(numbers, Displacement):
        x, y = numbers.displacement.T
        columns = {"time": numbers.time_s, "x": x, "y": y}
        units = {"time": "s", "x": unit, "y": unit}
        constants: dict[str, Any] = {
            "covariance": numbers.covariance, "rate_hz": numbers.rate_hz, "cells": numbers.cells,
        }  # fmt: skip
    else:
        (x, y), (ax, ay) = numbers.density.T, numbers.amplitude.T
        columns = {
            "frequency": numbers.frequency_hz, "density_x": x, "density_y": y,
            "amplitude_x": ax, "amplitude_y": ay,
        }  # fmt: skip
        power = f"{unit}²/Hz"
        units = dict(zip(columns, ("Hz", power, power, unit, unit), strict=True))
        constants = {
            "noise_density": numbers.noise_density, "resolution_hz": numbers.resolution_hz,
        }  # fmt: skip
    return columns, units, {**constants, "unit": unit}


def _write_csv(path: Path, columns: _Columns, units: Mapping[str, str]) -> None:
    import csv

    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([f"{name} ({units[name]})" for name in columns])
        for row in zip(*columns.values(), strict=True):
            writer.writerow(["" if np.isnan(value) else f"{value:.12g}" for value in row])


def _write_hdf5(
    path: Path, columns: _Columns, units: Mapping[str, str], constants: Mapping[str, Any]
) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for name, value in constants.items():
            file.attrs[name] = value
        axis = None
        for name, column in columns.items():
            dataset = file.create_dataset(name, data=column)
            dataset.attrs["unit"] = units[name]
            if axis is None:
                axis = dataset
                axis.make_scale(name)
            else:
                dataset.dims[0].attach_scale(axis)
