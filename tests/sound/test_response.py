"""A response measured from one motion field, kept in a file, and taken off another's sound."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import lfilter

from phonoscope.errors import InputError, InputNotFoundError, SilenceError, UsageError
from phonoscope.evaluate import align, si_sdr
from phonoscope.sound import is_response_file, listen, measure_response, read_response
from phonoscope.types import Cells

RATE = 2200.0
SAMPLES = 11000


@pytest.fixture(scope="module")
def drawn(drawn_field):
    """Return what draws the field of an object that hears, with noise of a scale."""

    def field(sound, seed, scale=1.0):
        random = np.random.default_rng(7)  # the object stays the same
        modes = [lfilter([1.0], [1, -2 * r * np.cos(w), r * r], sound) for w, r in _POLES]
        modes = np.array([0.03 * m / m.std() for m in modes])
        shapes = random.standard_normal((3, 60, 2))
        return drawn_field(np.einsum("mt,mcq->tcq", modes, shapes), seed=seed, noise=scale)

    return field


_POLES = [(0.5, 0.95), (1.1, 0.95), (1.9, 0.93)]


def _sound(seed):
    return np.random.default_rng(seed).standard_normal(SAMPLES)


@pytest.fixture(scope="module")
def response(drawn):
    return measure_response(drawn(_sound(1), 10), _sound(1))


def test_colour_is_taken_off(drawn, response):
    sound = _sound(2)
    heard = listen(drawn(sound, 20, 1.5), response=response)  # another noise than calibrated with
    before, after = (
        si_sdr(sound, align(sound, signal, RATE)[0]) for signal in (heard.samples, heard.equalized)
    )
    assert after > 12
    assert after > before + 8
    assert len(heard.equalized_noise_psd) > 8


def test_a_file_holds_it(response, tmp_path):
    path = tmp_path / "bag of chips.response"
    response.write(path)
    read = read_response(path)
    assert is_response_file(path)
    for name in ("shapes", "frequency_hz", "response", "coherence"):
        np.testing.assert_array_equal(getattr(read, name), getattr(response, name))
    np.testing.assert_array_equal(read.cells.x_px, response.cells.x_px)


@pytest.mark.parametrize("content", [b"", b"no response", b"PK\x03\x04 and no more"])
def test_other_files_are_told_apart(tmp_path, content):
    path = tmp_path / "x.response"
    path.write_bytes(content)
    assert not is_response_file(path)
    with pytest.raises(InputError, match="is no response"):
        read_response(path)


def test_other_arrays_and_formats_are_told_apart(tmp_path):
    path = tmp_path / "x.response"
    with path.open("wb") as file:
        np.savez(file, a=1)
    with pytest.raises(InputError, match="is no response"):
        read_response(path)
    with path.open("wb") as file:
        np.savez(file, phonoscope_response=9)
    with pytest.raises(InputError, match="format 9"):
        read_response(path)
    with pytest.raises(InputNotFoundError):
        read_response(tmp_path / "none.response")


def test_a_silent_calibration_is_refused(drawn_field):
    with pytest.raises(SilenceError, match="louder"):
        measure_response(drawn_field(np.zeros((2000, 60, 2)), seed=0), _sound(1)[:2000])


def test_another_picture_is_refused(drawn, response):
    cells = response.cells
    moved = Cells(cells.x_px + 5, cells.y_px, cells.width_px, cells.height_px, cells.delay_s)
    with pytest.raises(UsageError, match="another picture"):
        listen(drawn(_sound(2), 20), response=replace(response, cells=moved))


def test_part_of_the_picture_is_enough(drawn, response):
    cells = response.cells
    half = np.arange(len(cells)) < 30
    shown = Cells(*(getattr(cells, n)[half] for n in ("x_px", "y_px", "width_px", "height_px")),
                  cells.delay_s[half])  # fmt: skip
    part = replace(response, cells=shown, shapes=response.shapes[half])
    sound = _sound(2)
    heard = listen(drawn(sound, 20), response=part)
    assert si_sdr(sound, align(sound, heard.equalized, RATE)[0]) > 10
