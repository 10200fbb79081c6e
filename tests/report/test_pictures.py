"""Pictures show what they say: the right cells, at the right place, in the right colours."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.report import (
    animate_shape,
    draw_hearing,
    draw_shape,
    draw_spectrogram,
    draw_spectrum,
    draw_waveform,
)
from phonoscope.report.moving import bent
from phonoscope.sound import deflection_shapes, listen
from phonoscope.types import Cells, MotionBlock, MotionField, NoiseModel, VideoFacts

RATE, SAMPLES, TONE_HZ = 500, 2000, 64.0
COLUMNS, ROWS, EDGE = 12, 8, 16
SPREAD = 0.02


@pytest.fixture(scope="module")
def fork():
    """Two halves that move against each other at 64 Hz, the more the higher; seen with noise."""
    return _field(0)


def _field(seed, delay_s=0.0):
    rng = np.random.default_rng(seed)
    cell = np.arange(COLUMNS * ROWS)
    x, y = cell % COLUMNS * EDGE, cell // COLUMNS * EDGE
    size = np.full(len(cell), EDGE, np.int32)
    delay = delay_s * y
    time = np.arange(SAMPLES) / RATE
    tone = np.sqrt(2) * np.sin(2 * np.pi * TONE_HZ * (time[:, None] + delay))
    motion = SPREAD * rng.standard_normal((SAMPLES, len(cell), 2))
    motion += tone[:, :, None] * _true(x, y)
    information = np.zeros((len(cell), 3, 3))
    information[:, [0, 1], [0, 1]] = SPREAD**-2
    information[:, 2, 2] = 1e4
    gain = 1 + 0.01 * rng.standard_normal((SAMPLES, len(cell)))
    blocks = [
        MotionBlock(time[s], motion[s].astype("f4"), gain[s].astype("f4"), information)
        for s in (slice(0, 700), slice(700, SAMPLES))
    ]
    cells = Cells(x.astype(np.int32), y.astype(np.int32), size, size, delay)
    facts = VideoFacts(
        "drawn", "", "", "gray", COLUMNS * EDGE, ROWS * EDGE, 8, SAMPLES, None, Fraction(RATE),
        "user",
    )  # fmt: skip
    # Vertical stripes, which show how the picture is bent.
    stripes = np.tile(np.where(np.arange(COLUMNS * EDGE) // 8 % 2, 60, 190), (ROWS * EDGE, 1))
    return MotionField(
        facts, cells, NoiseModel(np.zeros(1), np.ones(1)), SAMPLES, blocks,
        picture=stripes.astype(np.uint8),
    )  # fmt: skip


def _true(x, y):
    """Return ``(cell, 2)`` px RMS."""
    side = np.where(x < COLUMNS * EDGE / 2, 1, -1)
    return np.stack([0.05 * side * (1 - y / (ROWS * EDGE)), np.zeros(len(x))], axis=1)


def test_shapes_are_those_of_the_cells(fork):
    (shape,) = deflection_shapes(fork, listen(fork))
    assert shape.frequency_hz == pytest.approx(TONE_HZ, abs=0.5)
    true = _true(fork.cells.x_px, fork.cells.y_px)
    sign = np.sign(shape.displacement_px[0, 0].real)
    error = shape.displacement_px - sign * true
    # 96 cells in two directions tell their deviation to 5 %.
    claimed = np.sqrt(np.mean(shape.error_px**2))
    assert np.sqrt(np.mean(np.abs(error) ** 2)) == pytest.approx(claimed, rel=0.3)
    assert claimed == pytest.approx(SPREAD * np.sqrt(3 / SAMPLES), rel=1e-3)


def test_shapes_of_rows_that_are_read_one_after_the_other():
    field = _field(1, delay_s=20e-6)
    same_time = _field(1)
    (shape,) = deflection_shapes(field, listen(same_time), [TONE_HZ])
    true = _true(field.cells.x_px, field.cells.y_px)
    sign = np.sign(shape.displacement_px[0, 0].real)
    assert np.abs(shape.displacement_px - sign * true).max() < 6 * SPREAD * np.sqrt(3 / SAMPLES)


def test_only_peaks_that_are_heard_are_found(fork):
    sound = listen(fork)
    silent = replace(sound, verdict=replace(sound.verdict, detected=False))
    assert deflection_shapes(fork, silent) == ()
    asked = deflection_shapes(fork, sound, [100.0, 40.0])
    assert [shape.frequency_hz for shape in asked] == [40.0, 100.0]
    with pytest.raises(ph.UsageError, match="300 Hz lies outside the band of 20 to 250 Hz"):
        deflection_shapes(fork, sound, [300.0])


def _image(path):
    from matplotlib.image import imread

    return imread(path)[:, :, :3]


def test_the_map_is_bright_where_it_is_heard(fork, tmp_path):
    sound = listen(fork)
    upper = fork.cells.y_px < 32
    hearing = np.where(upper, 100.0, 1.0)
    draw_hearing(fork, replace(sound, hearing=hearing), tmp_path / "upper.png")
    draw_hearing(fork, replace(sound, hearing=hearing[::-1].copy()), tmp_path / "lower.png")
    one, other = (_image(tmp_path / name) for name in ("upper.png", "lower.png"))
    bright = [np.flatnonzero(_yellow(image).any(axis=1)) for image in (one, other)]
    # The colour bar is yellow at its upper end in both.
    assert np.median(bright[0]) < np.median(bright[1])


def _yellow(image):
    red, green, blue = np.moveaxis(image, 2, 0)
    return (red > 0.9) & (green > 0.8) & (blue < 0.5)


def test_the_waveform_tells_interpolated_samples_apart(fork, tmp_path):
    sound = listen(fork)
    measured = np.arange(len(sound.samples)) % 200 < 120
    draw_waveform(sound, tmp_path / "whole.png")
    draw_waveform(replace(sound, measured=measured), tmp_path / "parts.png")
    orange = [
        float(np.mean(np.all(np.abs(_image(tmp_path / name) - [0.9, 0.62, 0]) < 0.1, axis=2)))
        for name in ("whole.png", "parts.png")
    ]
    assert orange[0] == 0
    assert orange[1] > 0.02


@pytest.mark.parametrize("draw", [draw_spectrogram, draw_spectrum, draw_waveform])
@pytest.mark.parametrize("samples", [40, 4000])
def test_sounds_of_any_length(fork, tmp_path, draw, samples):
    sound = listen(fork)
    draw(replace(sound, samples=np.resize(sound.samples, samples)), tmp_path / "a.png")
    assert np.ptp(_image(tmp_path / "a.png")) > 0.9


def test_silence_can_be_drawn(fork, tmp_path):
    blank = listen(fork)
    blank = replace(
        blank, samples=np.zeros(1000), noise_psd=np.zeros(65), hearing=np.zeros(len(fork.cells)),
        noise_floor_px=0.0,
    )  # fmt: skip
    for draw in (draw_spectrogram, draw_spectrum, draw_waveform):
        draw(blank, tmp_path / "a.svg")
    draw_hearing(replace(fork, picture=None), blank, tmp_path / "b.svg")


def test_the_same_picture_is_the_same_file(fork, tmp_path):
    (shape,) = deflection_shapes(fork, listen(fork))
    for suffix in ("png", "svg", "pdf"):
        for number in (1, 2):
            draw_shape(fork, shape, tmp_path / f"{number}.{suffix}")
        first, second = (tmp_path / f"{number}.{suffix}" for number in (1, 2))
        assert first.read_bytes() == second.read_bytes()


def test_the_animation_swings_as_the_object_does(fork, tmp_path):
    (shape,) = deflection_shapes(fork, listen(fork))
    gain = animate_shape(fork, shape, tmp_path / "a.webp")
    # Of the longer side 1.5 %, at the crest, where most moves.
    largest = np.sqrt(2) * np.abs(shape.displacement_px).max()
    assert gain * largest == pytest.approx(0.015 * COLUMNS * EDGE, rel=0.25)
    content = (tmp_path / "a.webp").read_bytes()
    assert content[8:16] == b"WEBPVP8X"
    assert content.count(b"ANMF") >= 10


def test_a_bent_picture_moves_as_it_is_told():
    picture = np.zeros((20, 30), np.uint8)
    picture[8:12, 10:14] = 200
    moved = bent(picture, np.stack([np.full((20, 30), 3.0), np.full((20, 30), -2.0)]))
    expected = np.zeros_like(picture)
    expected[6:10, 13:17] = 200
    assert np.array_equal(moved, expected)


def test_without_a_picture_there_is_no_animation(fork, tmp_path):
    (shape,) = deflection_shapes(fork, listen(fork))
    with pytest.raises(ph.InputError, match="holds no picture"):
        animate_shape(replace(fork, picture=None), shape, tmp_path / "a.webp")
    draw_shape(replace(fork, picture=None), shape, tmp_path / "a.png")
