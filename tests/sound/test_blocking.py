"""What a codec's blocks leave out, drawn directly: the truth is known."""

import numpy as np
import pytest

from phonoscope.sound.blocking import error_of_blocks
from phonoscope.sound.irregular import Rows
from phonoscope.types import Cells

CLOCKS, FRAMES, HEIGHT = 180, 60, 360
NOISE_PX = 0.01


def _cells(*, top=0, height=2, upwards=False):
    y = (top + height * np.arange(CLOCKS)).astype(np.int32)
    size = np.full(CLOCKS, height, np.int32)
    delay = 16e-6 * y if not upwards else 16e-6 * (y[-1] - y)
    return Cells(np.zeros(CLOCKS, np.int32), y, 40 * size, size, delay)


def _rows(cells, left_out, seed=0):
    """Return a tone's rows of which each row of blocks, in each frame, leaves out its own share."""
    random = np.random.default_rng(seed)
    order = np.argsort(cells.delay_s)
    time = np.arange(FRAMES)[:, None] / 60 + cells.delay_s[order]
    sound = 0.1 * np.sin(2 * np.pi * 437 * time)
    share = left_out * random.uniform(size=(FRAMES, cells.y_px.max() // 16 + 1))
    error = -share[:, cells.y_px[order] // 16] * sound
    values = sound + error + NOISE_PX * random.standard_normal(sound.shape)
    variance = np.full(values.size, NOISE_PX**2)
    variance[5::CLOCKS] = np.inf  # a row without texture
    return Rows(time.ravel(), values.ravel(), variance), float(np.mean(error**2))


@pytest.mark.parametrize("upwards", [False, True])
def test_jumps_tell_what_blocks_leave_out(upwards):
    cells = _cells(upwards=upwards)
    rows, real = _rows(cells, 0.8)
    # Shares from 0 to 0.8 vary by half of what they are in the mean square: so do jumps.
    assert error_of_blocks([rows], cells) == pytest.approx(real / 2, rel=0.25)


def test_blocks_of_frames_change_nothing():
    cells = _cells()
    rows, _ = _rows(cells, 0.8)
    half = FRAMES // 3 * CLOCKS
    parts = [
        Rows(rows.times_s[part], rows.values[part], rows.variance[part])
        for part in (slice(half), slice(half, None))
    ]
    whole = error_of_blocks([rows], cells)
    assert error_of_blocks(parts, cells) == pytest.approx(whole, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_sound_and_noise_do_not_jump(seed):
    cells = _cells()
    rows, _ = _rows(cells, 0.0, seed)
    # Four times what 1,260 differences at edges vary by chance.
    assert error_of_blocks([rows], cells) < 0.3 * NOISE_PX**2


@pytest.mark.parametrize("cut", [{"height": 8}, {"top": 1}, {"height": 16}])
def test_without_edges_nothing_is_told(cut):
    cells = _cells(**cut)
    assert error_of_blocks([_rows(cells, 0.5)[0]], cells) is None
