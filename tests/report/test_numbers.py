"""Numbers for other tools, read back by those tools' own readers."""

import csv
from dataclasses import replace

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.report import check_numbers, write_numbers
from phonoscope.types import Displacement, Spectrum

TIME = np.arange(50) / 100
MOTION = Displacement(
    TIME, np.stack([np.sin(TIME), np.full(50, np.nan)], 1),
    np.diag([1e-4, np.inf]), "µm", 100.0, 7,
)  # fmt: skip
SPECTRUM = Spectrum(
    np.arange(26) * 2.0, np.arange(52.0).reshape(26, 2), np.arange(52.0).reshape(26, 2) / 7,
    np.array([1e-6, 2e-6]), 2.88, "px",
)  # fmt: skip


def _read(path):
    """Return columns and constants, as the tool of that kind of file reads them."""
    match path.suffix:
        case ".mat":
            from scipy.io import loadmat

            found = loadmat(path, squeeze_me=True)
            return {k: v for k, v in found.items() if not k.startswith("__")}
        case ".npz":
            with np.load(path) as file:
                return {name: file[name] for name in file.files}
        case _:
            h5py = pytest.importorskip("h5py")
            with h5py.File(path) as file:
                assert {name: file[name].attrs["unit"] for name in file} == UNITS[len(file)]
                first, *others = [file[name] for name in file if file[name].is_scale] + [
                    file[name] for name in file if not file[name].is_scale
                ]
                assert all(first in one.dims[0].values() for one in others)
                return {**{name: file[name][:] for name in file}, **dict(file.attrs)}


UNITS = {
    3: {"time": "s", "x": "µm", "y": "µm"},
    5: {
        "frequency": "Hz", "density_x": "px²/Hz", "density_y": "px²/Hz",
        "amplitude_x": "px", "amplitude_y": "px",
    },
}  # fmt: skip


@pytest.mark.parametrize("suffix", [".h5", ".mat", ".npz"])
def test_what_is_written_is_read_again(suffix, tmp_path):
    path = tmp_path / f"a ü{suffix}"
    write_numbers(path, MOTION)
    found = _read(path)
    np.testing.assert_array_equal(found["time"], TIME)
    np.testing.assert_array_equal(np.stack([found["x"], found["y"]], 1), MOTION.displacement)
    np.testing.assert_array_equal(found["covariance"], MOTION.covariance)
    assert (float(found["rate_hz"]), int(found["cells"]), str(found["unit"])) == (100, 7, "µm")
    write_numbers(path, SPECTRUM)
    found = _read(path)
    np.testing.assert_array_equal(found["frequency"], SPECTRUM.frequency_hz)
    np.testing.assert_array_equal(found["density_y"], SPECTRUM.density[:, 1])
    np.testing.assert_array_equal(found["amplitude_x"], SPECTRUM.amplitude[:, 0])
    np.testing.assert_array_equal(found["noise_density"], SPECTRUM.noise_density)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_csv_has_names_with_units_and_empty_fields(tmp_path):
    path = tmp_path / "motion.csv"
    write_numbers(path, MOTION)
    with path.open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    assert names == ["time (s)", "x (µm)", "y (µm)"]
    assert len(rows) == 50
    np.testing.assert_allclose([float(row[1]) for row in rows], np.sin(TIME), rtol=1e-11)
    assert {row[2] for row in rows} == {""}
    write_numbers(path, SPECTRUM)
    assert path.read_text("utf-8").splitlines()[0] == (
        "frequency (Hz),density_x (px²/Hz),density_y (px²/Hz),amplitude_x (px),amplitude_y (px)"
    )


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(
        ph.UsageError, match=r"ends in .csv, .mat, .npz, .h5, .uff, .unv; name it a.csv"
    ):
        write_numbers(tmp_path / "a.xlsx", MOTION)
    with pytest.raises(ph.OutputError):
        write_numbers(tmp_path / "no" / "a.csv", MOTION)


def test_without_h5py_the_others_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ph.MissingExtraError, match=r"phonoscope\[export\]"):
        check_numbers(tmp_path / "a.h5")
    with pytest.raises(ph.MissingExtraError, match="UFF files need pyuff"):
        check_numbers(tmp_path / "a.unv")
    check_numbers(tmp_path / "a.mat")


def _uff(path):
    pyuff = pytest.importorskip("pyuff")
    found = pyuff.UFF(str(path)).read_sets()
    return found if isinstance(found, list) else [found]


def test_motion_for_modal_analysis_is_in_metres(tmp_path):
    write_numbers(tmp_path / "m.uff", MOTION)
    (x,) = _uff(tmp_path / "m.uff")  # y cannot be told
    assert (x["type"], x["func_type"], x["rsp_dir"], x["abscissa_spacing"]) == (58, 1, 1, 1)
    assert (x["abscissa_spec_data_type"], x["ordinate_spec_data_type"]) == (17, 8)
    assert (x["abscissa_axis_units_lab"], x["ordinate_axis_units_lab"]) == ("s", "m")
    np.testing.assert_allclose(x["x"], TIME, rtol=1e-5)
    np.testing.assert_allclose(x["data"], np.sin(TIME) * 1e-6, rtol=1e-10)


def test_a_spectrum_for_modal_analysis(tmp_path):
    write_numbers(tmp_path / "s.unv", SPECTRUM)
    x, y = _uff(tmp_path / "s.unv")
    assert (x["func_type"], x["rsp_dir"], y["rsp_dir"]) == (9, 1, 2)
    assert (x["abscissa_spec_data_type"], x["ordinate_spec_data_type"]) == (18, 0)
    assert x["ordinate_axis_units_lab"] == "px^2/Hz"
    np.testing.assert_allclose(y["x"], SPECTRUM.frequency_hz)
    np.testing.assert_allclose(y["data"], SPECTRUM.density[:, 1])


def test_uneven_times_are_written_out_for_modal_analysis(tmp_path):
    uneven = np.cumsum(1 + np.arange(50) % 3) / 100
    write_numbers(tmp_path / "m.uff", replace(MOTION, time_s=uneven, unit="px"))
    (x,) = _uff(tmp_path / "m.uff")
    assert (x["abscissa_spacing"], x["ordinate_axis_units_lab"]) == (0, "px")
    np.testing.assert_allclose(x["x"], uneven, rtol=1e-5)
    np.testing.assert_allclose(x["data"], np.sin(TIME), rtol=1e-10)
