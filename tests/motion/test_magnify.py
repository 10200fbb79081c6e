"""The parts of magnifying, against what they must give."""

import numpy as np
import pytest

from phonoscope.motion import (
    Common,
    Lattice,
    Moments,
    bridged,
    follower,
    magnified,
    passband_taps,
    passed,
    smoother,
)
from phonoscope.types import Cells, MotionBlock

RATE = 500.0


def cells(columns, rows, edge=16):
    x, y = np.meshgrid(np.arange(columns) * edge, np.arange(rows) * edge)
    size = np.full(x.size, edge, np.int32)
    return Cells(
        x.ravel().astype(np.int32), y.ravel().astype(np.int32), size, size, np.zeros(x.size)
    )


def whole(signal, taps):
    return np.concatenate(list(passed([signal], taps)))


@pytest.mark.parametrize("cut", [3, 100, 399])
def test_filter_has_no_seam(cut):
    signal = np.random.default_rng(0).standard_normal((400, 3, 2)).astype(np.float32)
    taps = passband_taps([(60, 70)], RATE, 400)
    blocks = [signal[n : n + cut] for n in range(0, 400, cut)]
    parts = np.concatenate(list(passed(blocks, taps)))
    assert parts.shape == signal.shape
    np.testing.assert_allclose(parts, whole(signal, taps), atol=1e-12)


def test_filter_passes_its_bands_without_delay_and_stops_the_rest():
    time = np.arange(2000) / RATE
    middle = slice(500, 1500)
    taps = passband_taps([(60, 70), (120, 140)], RATE, 2000)
    for f_hz in (60, 65, 70, 125, 140):
        tone = np.sin(2 * np.pi * f_hz * time)
        np.testing.assert_allclose(whole(tone, taps)[middle], tone[middle], atol=2e-3)
    for f_hz in (50, 80, 100, 160):
        stopped = whole(np.sin(2 * np.pi * f_hz * time), taps)[middle]
        assert np.abs(stopped).max() < 2e-3
    assert np.abs(whole(3 + 40 * time, taps)).max() < 1e-9


@pytest.mark.parametrize("cut", [1, 4, 20])
def test_lost_samples_are_bridged_by_straight_lines(cut):
    ramp = np.arange(20, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    lost = [0, 1, 5, 9, 10, 11, 12, 19]
    spoilt = ramp.copy()
    spoilt[lost] = 1e3
    blocks = [
        MotionBlock(
            np.arange(n, n + cut) / RATE, spoilt[n : n + cut], np.ones((cut, 2), np.float32),
            np.zeros((2, 3, 3)), tuple(t - n for t in lost if n <= t < n + cut),
        )
        for n in range(0, 20, cut)
    ]  # fmt: skip
    bridge = np.concatenate(list(bridged(blocks)))
    np.testing.assert_allclose(bridge, np.clip(ramp, 2, 18), atol=1e-5)


def test_where_all_is_lost_nothing_moves():
    wild = np.full((300, 2, 2), 9, np.float32)
    block = MotionBlock(
        np.arange(300) / RATE, wild, wild[..., 0], np.zeros((2, 3, 3)), tuple(range(300))
    )
    assert not np.concatenate(list(bridged([block]))).any()


def test_overlapping_bands_are_one():
    np.testing.assert_allclose(
        passband_taps([(65, 80), (60, 70)], RATE, 900), passband_taps([(60, 80)], RATE, 900)
    )


def test_upper_half_of_the_rate_can_be_passed():
    tone = np.cos(np.pi * 0.96 * np.arange(2000))
    taps = passband_taps([(100, 250)], RATE, 2000)
    np.testing.assert_allclose(whole(tone, taps)[500:1500], tone[500:1500], atol=2e-3)


def test_lattice_keeps_a_constant_and_follows_a_wave():
    where = cells(12, 7)
    lattice = Lattice.over(where, 192, 112)
    assert lattice.shape == (7, 12)
    np.testing.assert_allclose(lattice.at_pixels(np.ones((2, 7, 12))), 1, atol=1e-6)
    centre = (np.arange(12) + 0.5) * 16
    wave = np.cos(2 * np.pi * centre / 160)
    shown = lattice.at_pixels(np.broadcast_to(wave, (2, 7, 12)))[0, 50, 24:168]
    truth = np.cos(2 * np.pi * (np.arange(24, 168) + 0.5) / 160)
    np.testing.assert_allclose(shown, truth, atol=0.01)


def _smoothed(motion, information):
    where = cells(10, 6)
    lattice = Lattice.over(where, 160, 96)
    moments = Moments.of([motion], lattice, where)
    return smoother(lattice, where, information, moments, float(len(motion)))(motion[0])


def test_likeliest_bend_follows_sure_cells_and_fills_blind_ones():
    motion = np.tile([0.1, -0.05], (60, 1))
    information = np.tile(np.eye(2) * 1e6, (60, 1, 1))
    information[[22, 23, 35]] = 0
    motion[[22, 23, 35]] = 0
    information[40] = [[1e6, 0], [0, 0]]  # sees along x only
    motion[40] = [0.1, 0]
    nodes = _smoothed(np.tile(motion, (50, 1, 1)), information)
    np.testing.assert_allclose(nodes[0], 0.1, rtol=0.05)
    np.testing.assert_allclose(nodes[1], -0.05, rtol=0.05)


def test_noise_is_not_magnified():
    error = 0.01
    random = np.random.default_rng(1)
    samples = error * random.standard_normal((100, 60, 2))
    information = np.tile(np.eye(2) / error**2, (60, 1, 1))
    assert np.sqrt((_smoothed(samples, information) ** 2).mean()) < 0.1 * error


def _followed(motion, information):
    where = cells(10, 6)
    lattice = Lattice.over(where, 160, 96)
    follow = follower(lattice, where, lambda: [motion], information, float(len(motion)))
    return np.array(list(follow(motion)))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("shape", ["rigid", "tilted"])
def test_what_moves_as_one_is_known_far_better_than_each_cell(shape, seed):
    error, random = 0.01, np.random.default_rng(seed)
    course = 0.02 * random.standard_normal(200)
    column = np.tile(np.arange(10), 6)
    along = np.ones(60) if shape == "rigid" else np.cos(np.pi * column / 9)
    truth = course[:, None] * along
    motion = error * random.standard_normal((200, 60, 2))
    motion[..., 0] += truth
    nodes = _followed(motion, np.tile(np.eye(2) / error**2, (60, 1, 1)))
    along_x = nodes[:, 0].reshape(200, 60)
    assert (along_x * truth).sum() / (truth**2).sum() == pytest.approx(1, abs=0.03)
    assert np.sqrt(((along_x - truth) ** 2).mean()) < 0.3 * error
    assert np.sqrt((nodes[:, 1] ** 2).mean()) < 0.2 * error


def test_a_small_part_that_moves_by_itself_is_followed():
    error, random = 0.01, np.random.default_rng(1)
    motion = error * random.standard_normal((60, 60, 2))
    swing = 0.1 * random.standard_normal(60)
    motion[:, 34] += swing[:, None]
    motion += 0.05 * random.standard_normal((60, 1, 1))
    common = motion[:, :30].mean(axis=(1, 2))
    nodes = _followed(motion, np.tile(np.eye(2) / error**2, (60, 1, 1)))
    where = cells(10, 6)
    means = Lattice.over(where, 160, 96).at_cells(where)
    own = (means @ nodes[:, 0].reshape(60, 60).T)[34] - common
    assert (own * swing).sum() / (swing**2).sum() == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("factor", [1, 2])
def test_cells_see_the_motion_of_their_texture(factor):
    # Texture in four columns of each cell alone, and a motion that grows along x.
    where, (width, height) = cells(10, 6), (161, 97)
    picture = np.full((height, width), 100)
    columns = (np.arange(width) % 16 >= 10) & (np.arange(width) % 16 < 14)
    picture[:, columns] += np.random.default_rng(0).integers(-90, 90, (height, columns.sum()))
    reduced = picture[: height // factor * factor : factor, : width // factor * factor : factor]
    lattice = Lattice.over(where, width, height, reduced.astype(np.uint8))
    ramp = np.tile(np.arange(lattice.x.nodes, dtype=float), (lattice.y.nodes, 1))
    seen = (lattice.at_cells(where) @ ramp.ravel()).reshape(-1, 10)
    at = (seen[:, 1:-1] + 0.5) * lattice.pitch_px[0] - where.x_px.reshape(-1, 10)[:, 1:-1]
    np.testing.assert_allclose(at, 12, atol=1)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_noise_has_nothing_in_common(seed):
    motion = np.random.default_rng(seed).standard_normal((100, 60, 2))
    common = Common.of(lambda: [motion], np.tile(np.eye(2), (60, 1, 1)), 100.0)
    assert common.shapes.shape == (120, 0)
    assert not common(motion).any()


def _texture(shape, moved=(0.0, 0.0), depth=8):
    height, width = shape
    y, x = np.mgrid[:height, :width].astype(float)
    x, y = x - moved[0], y - moved[1]
    grey = np.sin(0.9 * x + 0.3 * y) + np.sin(0.5 * x - 0.7 * y + 1) + np.sin(0.2 * y + 0.35 * x)
    return np.rint((128 + 30 * grey) * 2 ** (depth - 8)).astype(np.uint8 if depth == 8 else "u2")


@pytest.mark.parametrize("depth", [8, 12])
@pytest.mark.parametrize("gain", [0.0, 20.0, 50.0])
def test_frame_is_bent_by_gain_times_the_motion(gain, depth):
    shape, motion = (70, 90), (0.08, -0.05)
    bend = np.empty((2, *shape), np.float32)
    bend[0], bend[1] = motion
    shown = magnified(_texture(shape, motion, depth), bend, gain, depth).astype(float)
    truth = _texture(shape, (gain * motion[0], gain * motion[1]), depth).astype(float)
    inner = (slice(8, -8), slice(8, -8))
    assert np.abs(shown - truth)[inner].max() < 3 * 2 ** (depth - 8)


@pytest.mark.parametrize("gain", [3.0, 11.0])
def test_texture_as_fine_as_the_pixels_moves_as_far(gain):
    # 2.2 rad a px, 0.7 of Nyquist: on the pixels a cubic spline shows 0.77 of a small shift.
    wave, (height, width) = 2.2, (40, 64)
    x = np.arange(width)
    frame = np.tile(np.rint(128 + 100 * np.sin(wave * x)), (height, 1)).astype(np.uint8)
    bend = np.zeros((2, height, width), np.float32)
    bend[0] = 0.02
    shown = magnified(frame, bend, gain, 8).astype(float)[:, 12:-12]
    turned = np.exp(-1j * wave * x[12:-12])
    phase = [np.angle((each - each.mean()) @ turned) for each in (frame[20, 12:-12], shown[20])]
    assert (phase[0] - phase[1]) / wave == pytest.approx((gain - 1) * 0.02, rel=0.03)


def test_uneven_bend_is_inverted_where_things_rest():
    shape, gain = (64, 160), 40.0
    x = np.arange(160.0)
    along = 0.1 * np.sin(2 * np.pi * x / 80)
    bend = np.zeros((2, *shape), np.float32)
    bend[0] = along
    rest = np.arange(0, 160, 0.01)

    def filmed(factor):
        # Where things that rest at X are seen: grey levels as a function of X, moved.
        seen = rest + factor * 0.1 * np.sin(2 * np.pi * rest / 80)
        grey = 128 + 60 * np.sin(0.5 * rest) + 30 * np.sin(0.23 * rest)
        return np.tile(np.rint(np.interp(x, seen, grey)).astype(np.uint8), (64, 1))

    shown = magnified(filmed(1.0), bend, gain, 8).astype(float)
    difference = np.abs(shown - filmed(gain))[:, 8:-8]
    assert difference.max() < 4  # of 180 grey levels; without the inverse it is over 30


def test_gain_one_and_rest_leave_the_frame():
    frame = _texture((30, 40))
    bend = np.full((2, 30, 40), 0.2, np.float32)
    assert np.array_equal(magnified(frame, bend, 1.0, 8), frame)
    assert np.array_equal(magnified(frame, 0 * bend, 50.0, 8), frame)
