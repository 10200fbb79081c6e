"""Luma in each kind of memory layout, against what was put there."""

import av
import numpy as np
import pytest

from phonoscope.errors import InputError
from phonoscope.video.luma import layout_of, luma_of, require_layout

HEIGHT, WIDTH = 38, 54


def filled(pix_fmt, bits, shift=0):
    frame = av.VideoFrame(WIDTH, HEIGHT, pix_fmt)
    dtype = np.uint8 if bits == 8 else np.uint16
    words = frame.planes[0].line_size // np.dtype(dtype).itemsize
    truth = np.random.default_rng(3).integers(0, 1 << bits, (HEIGHT, words)).astype(dtype)
    frame.planes[0].update((truth << shift).astype(dtype).tobytes())
    return frame, truth


@pytest.mark.parametrize(
    ("pix_fmt", "bits", "shift", "offset", "step"),
    [
        ("yuv420p", 8, 0, 0, 1),
        ("yuv420p10le", 10, 0, 0, 1),
        ("p010le", 10, 6, 0, 1),
        ("nv12", 8, 0, 0, 1),
        ("yuyv422", 8, 0, 0, 2),
        ("uyvy422", 8, 0, 1, 2),
    ],
)
def test_stored_luma(pix_fmt, bits, shift, offset, step):
    frame, truth = filled(pix_fmt, bits, shift)
    layout = layout_of(pix_fmt)
    assert layout is not None
    assert layout.bits == bits
    expected = truth[:, offset : offset + WIDTH * step : step]
    np.testing.assert_array_equal(luma_of(frame, layout), expected)


def test_palette():
    rng = np.random.default_rng(4)
    indices = rng.integers(0, 256, (HEIGHT, WIDTH)).astype(np.uint8)
    palette = rng.integers(0, 256, (256, 4)).astype(np.uint8)  # alpha, red, green, blue
    frame = av.VideoFrame.from_ndarray((indices, palette), format="pal8")
    expected = (palette.astype(int) @ [0, 77, 150, 29])[indices]
    np.testing.assert_array_equal(luma_of(frame, require_layout("pal8", "x")), expected)


@pytest.mark.parametrize("pix_fmt", ["bayer_rggb8", "monob", "grayf32le", "xyz12le"])
def test_no_luma_says_how_to_convert(pix_fmt):
    with pytest.raises(InputError, match=rf"x has pixel format {pix_fmt}.*ffmpeg -i"):
        require_layout(pix_fmt, "x")
