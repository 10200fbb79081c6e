"""A displacement and its spectrum in files that other tools read: CSV, MATLAB, NumPy, HDF5, UFF."""

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

NUMBER_SUFFIXES = (".csv", ".mat", ".npz", ".h5", ".uff", ".unv")
_NEEDED = {".h5": ("h5py", "HDF5"), ".uff": ("pyuff", "UFF"), ".unv": ("pyuff", "UFF")}

# Universal File Format, dataset 58: its codes.
_TIME_RESPONSE, _POWER_DENSITY = 1, 9
_TIME, _FREQUENCY, _UNKNOWN, _DISPLACEMENT = 17, 18, 0, 8
_EVEN = 1e-3  # of a step, that times may be off and still count as even
_M_PER_UM = 1e-6


def check_numbers(path: str | os.PathLike[str]) -> None:
    """Find out now whether numbers can be written into that kind of file.

    Raises
    ------
    UsageError
        If its suffix is not .csv, .mat, .npz, .h5, .uff or .unv.
    MissingExtraError
        If the suffix is .h5 and h5py is not installed, or .uff or .unv and pyuff is not.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in NUMBER_SUFFIXES:
        raise UsageError(
            f"cannot write numbers to {path}: such a file ends in {', '.join(NUMBER_SUFFIXES)}; "
            f"name it {Path(path).with_suffix('.csv').name}."
        )
    package, kind = _NEEDED.get(suffix, ("", ""))
    if package and importlib.util.find_spec(package) is None:
        raise MissingExtraError(
            f"{kind} files need {package}, which is not installed; pip install "
            "'phonoscope[export]', or name a .csv, .mat or .npz file."
        )


def write_numbers(path: str | os.PathLike[str], numbers: Displacement | Spectrum) -> None:
    """Write a displacement or a spectrum, by the suffix of the file.

    ``.csv`` has a row of names with units, then a row for each sample or bin; an axis that cannot
    be told is empty. ``.mat`` (MATLAB 5), ``.npz`` and ``.h5`` hold the same columns as vectors
    under their names, with `unit` and the constants beside them; in HDF5 each vector has its unit
    as an attribute, and the first is the scale of the others' axis. ``.uff`` and ``.unv`` are for
    programs of modal analysis: a dataset 58 for each axis that can be told, of the motion or its
    power spectral density; in m where the scale is known, else in px, of unknown quantity.

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
            case ".h5":
                _write_hdf5(part, columns, units, constants)
            case _:
                _write_uff(part, numbers)


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


def _write_uff(path: Path, numbers: Displacement | Spectrum) -> None:
    import pyuff

    scaled = numbers.unit == "µm"
    unit = "m" if scaled else "px"
    if isinstance(numbers, Displacement):
        x, columns, factor = numbers.time_s, numbers.displacement, _M_PER_UM
        kind, quantity, labels = _TIME_RESPONSE, _TIME, ("Time", "s", "Displacement", unit)
    else:
        x, columns, factor = numbers.frequency_hz, numbers.density, _M_PER_UM**2
        kind, quantity = _POWER_DENSITY, _FREQUENCY
        labels = ("Frequency", "Hz", "Power density", f"{unit}^2/Hz")
    steps = np.diff(x)
    even = len(steps) > 0 and float(np.ptp(steps)) < _EVEN * float(steps.mean())
    path.touch()
    file = pyuff.UFF(str(path))
    for direction, column in enumerate(columns.T, start=1):  # 1 is x, 2 is y
        if np.isnan(column).any():
            continue
        dataset = {
            "type": 58, "func_type": kind, "rsp_node": 1, "rsp_dir": direction, "ref_node": 0,
            "ref_dir": 0, "id1": "Phonoscope", "x": x,
            "data": column * (factor if scaled else 1), "abscissa_spacing": int(even),
            "abscissa_spec_data_type": quantity,
            "ordinate_spec_data_type": _DISPLACEMENT if scaled else _UNKNOWN,
            "orddenom_spec_data_type": _UNKNOWN, "abscissa_axis_lab": labels[0],
            "abscissa_axis_units_lab": labels[1], "ordinate_axis_lab": labels[2],
            "ordinate_axis_units_lab": labels[3],
        }  # fmt: skip
        file.write_sets(dataset, "add")
