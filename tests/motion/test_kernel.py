"""The pass over the pixels, against NumPy's sums in double precision."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from phonoscope.motion.kernel import CHANNELS, contiguous, project

ROUNDING = 1e-5  # of the sum of magnitudes: single precision, in any order

edges = st.lists(st.integers(1, 41), min_size=1, max_size=4).map(lambda w: np.cumsum([0, *w]))


@settings(deadline=None)
@given(
    x_edges=edges, y_edges=edges, frames=st.integers(1, 9), padding=st.integers(0, 9),
    deep=st.booleans(), seed=st.integers(0, 2**16),
)  # fmt: skip
def test_sums_are_those_of_the_cells(x_edges, y_edges, frames, padding, deep, seed):
    random = np.random.default_rng(seed)
    height, width = int(y_edges[-1]), int(x_edges[-1])
    kind = np.uint16 if deep else np.uint8
    held = random.integers(0, 65536 if deep else 256, (frames, height, width + padding), kind)
    weights = random.standard_normal((CHANNELS, height, width)).astype(np.float32)
    cells = (len(x_edges) - 1) * (len(y_edges) - 1)
    sums = np.full((frames, CHANNELS, cells), np.nan, np.float32)
    project([contiguous(one[:, :width]) for one in held], weights, x_edges, y_edges, sums)

    products = weights.astype(np.float64) * held[:, None, :, :width]
    error = np.abs(sums - of_cells(products, x_edges, y_edges))
    assert (error <= ROUNDING * of_cells(np.abs(products), x_edges, y_edges)).all()


def of_cells(images, x_edges, y_edges):
    of_rows = np.add.reduceat(images, y_edges[:-1], axis=2)
    return np.add.reduceat(of_rows, x_edges[:-1], axis=3).reshape(*images.shape[:2], -1)
