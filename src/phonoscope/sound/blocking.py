"""How far a codec's blocks err, told by how rows jump where blocks meet.

A codec decides for each block how much of a change it codes. What it leaves out follows the sound,
alike across the picture, so nothing that pieces of a row disagree on tells by how much. But the
next row of blocks is decided anew: what is left out changes at once where two rows of blocks meet.
No sound does that, nor does the camera's noise, so the difference between rows across such an edge,
beyond that between rows within a block, is the codec's.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from phonoscope.sound.irregular import Rows
from phonoscope.types import Cells

_BLOCK_ROWS, _PART_ROWS = 16, 8  # all codecs that predict frames have edges at such multiples
_TINY = 1e-300

_Mask = NDArray[np.bool_]


def error_of_blocks(rows: Iterable[Rows], cells: Cells) -> float | None:
    """Return the power of what blocks leave out of the sound, px², in the mean over the rows.

    That is a jump's power: blocks that erred independently would have half of it each, and
    neighbours err somewhat alike; in tests it was 0.5 to 1.2 times as much. Where nearly all of the
    motion is left out, evenly, it is more than that.

    None where cells are so tall, or cut such, that no two meet where blocks do.

    Parameters
    ----------
    rows
        What each clock tells, frame by frame in order of the clocks; see `rows.rows_of`.
    cells
        Of the motion field. Their rows are those of the picture as it was coded.
    """
    clocks, first = np.unique(cells.delay_s, return_index=True)
    at_edge, within = _pairs(cells.y_px[first], cells.height_px[first])
    if not (at_edge.any() and within.any()):
        return None
    square, weight = np.zeros(len(clocks) - 1), np.zeros(len(clocks) - 1)
    for some in rows:
        values = some.values.reshape(-1, len(clocks))
        variance = some.variance[: len(clocks)]
        own = 1 / (variance[1:] + variance[:-1])
        square += own * np.sum(np.diff(values, axis=1) ** 2, axis=0)
        weight += own * len(values)
    jump, usual = (
        square[pairs].sum() / max(weight[pairs].sum(), _TINY) for pairs in (at_edge, within)
    )
    return max(0.0, float(jump - usual))


def _pairs(top: NDArray[np.int32], height: NDArray[np.int32]) -> tuple[_Mask, _Mask]:
    # (clock - 1,) whether a clock and the next meet where blocks do, and whether both lie within
    # one part of a block. Rows may be read upwards.
    low, high = np.minimum(top[1:], top[:-1]), np.maximum(top[1:], top[:-1])
    end = np.maximum(top[1:] + height[1:], top[:-1] + height[:-1])
    cut = top // _PART_ROWS != (top + height - 1) // _PART_ROWS
    whole = ~(cut[1:] | cut[:-1])
    at_edge = whole & (high % _BLOCK_ROWS == 0)
    return at_edge, whole & (low // _PART_ROWS == (end - 1) // _PART_ROWS)
