"""Which frames are copies of the one before, as film shown at a video's rate has them.

A camera's noise is new in every frame, so a frame that differs from the one before by far less than
the noise was not taken by a camera. That is no matter of pixels that happen to be equal: codecs
that predict frames from each other leave out what hardly changes, noise first, and then frames of
a scene at rest repeat although each was taken. So copies are told only where all other frames bring
their noise: where no frame, or hardly one, lies between. Behind a codec that predicts this is
seldom so; there a pattern tells, in which frames at some places of a period, as few as two or as
many as thirty, are copies, and those at all others are not. Where neither is so, every frame counts
as it is.

A picture without noise (rendered, or smoothed until none is left) cannot be told from one at rest.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from phonoscope.sound.whiten import displacement_information
from phonoscope.types import Cells, Float64, MotionBlock, NoiseModel

_COPY = 1 / 16  # of the noise's power in the difference of two frames: below, one is a copy
_FRESH = 1 / 4  # above, it is none
_BETWEEN = 0.005  # share of the frames that may lie between
_FEWEST_CHANNELS = 24  # beyond those fitted: with fewer, noise may come to nearly nothing by chance
_ENOUGH_CELLS = 256
_FEWEST_FRAMES = 32
_LEAST = 1e-6  # of the largest information: below, a direction is unknown
_LEAST_NOISE = 0.25  # variance of a pixel: rounding alone has 1/12, and repeats by itself
_FEW = 0.5  # of the frames: a codec that predicts leaves out more than that by itself
_LONGEST_PERIOD = 30
_MOST_SHOWN = 8  # frames that show the same: fewer new ones are a codec's key frames
_FEWEST_PERIODS = 8
_OF_CODECS = (3, 4)  # periods in which groups of predicted frames may hold a copy among others


def copies(news: Float64, noise: NoiseModel, *, predicted: bool) -> NDArray[np.bool_]:
    """Return ``(frame,)`` which frames are copies of the one before, by their `news_of`.

    None are if that is in doubt, or the picture has no noise to tell by.

    Parameters
    ----------
    news
        Of the frames.
    noise
        Of the pixels.
    predicted
        Whether the codec predicts frames from each other.
    """
    none = np.zeros(len(news), np.bool_)
    if len(news) < _FEWEST_FRAMES or np.median(noise.variance) < _LEAST_NOISE:
        return none
    if news.max(initial=0) < _FRESH:  # all alike: a still picture
        return none
    found = np.asarray(news < _COPY)
    between = np.mean((news >= _COPY) & (news < _FRESH))
    if predicted and (between > _BETWEEN or np.mean(found) > _FEW):
        return _in_pattern(news)
    return found if between <= _BETWEEN else none


def news_of(blocks: Iterable[MotionBlock], cells: Cells) -> Float64:
    """Return ``(sample - 1,)`` power of each frame's difference from the one before.

    In units of the noise in it. What the picture moves as a whole, turns and stretches is taken
    off. Infinite where there are too few cells to tell.
    """
    found: list[Float64] = []
    before: NDArray[np.float32] | None = None
    chosen, linear = np.empty(0, np.int64), np.empty((3, 0))
    for block in blocks:
        if before is None:
            # A few hundred cells tell the noise's power to a tenth, and thousands no more.
            seeing = np.flatnonzero(block.information.any(axis=(1, 2)))
            chosen = seeing[:: max(1, len(seeing) // _ENOUGH_CELLS)]
            linear = _linear(cells)[:, chosen]
            before = block.motion[:0, chosen]
        motion = np.concatenate([before, block.motion[:, chosen]])
        before = motion[-1:]
        values, axes = np.linalg.eigh(displacement_information(block.information[chosen]))
        known = values > _LEAST * max(float(values.max(initial=0)), 1e-300)
        root = np.sqrt(np.where(known, values, 0))[:, :, None] * axes.transpose(0, 2, 1)
        common = _common(linear, root)
        free = int(known.sum()) - common.shape[1]
        if free < _FEWEST_CHANNELS:
            found.append(np.full(len(motion) - 1, np.inf))
            continue
        change = np.einsum("cij,tcj->tci", root, np.diff(motion, axis=0), optimize=True)
        change = change.reshape(len(change), -1)
        along = change @ common
        # The noise of two frames is in their difference.
        power = np.einsum("tc,tc->t", change, change) - np.einsum("tk,tk->t", along, along)
        found.append(power / (2 * free))
    return np.concatenate(found)


def _linear(cells: Cells) -> Float64:
    """Return ``(3, cell)`` 1, and the place across and down the picture, about its middle."""
    place = np.stack([cells.x_px + cells.width_px / 2, cells.y_px + cells.height_px / 2])
    place -= place.mean(axis=1, keepdims=True)
    place /= np.maximum(np.ptp(place, axis=1, keepdims=True), 1)
    return np.vstack([np.ones(len(cells)), place])


def _common(linear: Float64, root: Float64) -> Float64:
    """Return ``(channel, k)`` orthonormal: shifts, turns and stretches of the whole picture."""
    columns = np.einsum("cij,kc->cikj", root, linear).reshape(2 * len(root), -1)
    vectors, values, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(vectors[:, values > _LEAST * values.max(initial=0)])


def _in_pattern(news: Float64) -> NDArray[np.bool_]:
    """Return which of ``(frame,)`` are copies by their place in a period; none if no period fits.

    Each place of the period must be copies or news for three frames in four.
    """
    longest = min(_LONGEST_PERIOD, len(news) // _FEWEST_PERIODS)
    most = 1 - 1 / _MOST_SHOWN
    for period in range(2, longest + 1):
        whole = news[: len(news) // period * period].reshape(-1, period)
        low, middle, high = np.quantile(whole, (0.25, 0.5, 0.75), axis=0)
        copy, fresh = high < _COPY * middle.max(), low > _FRESH * middle.max()
        told = np.all(copy | fresh) and 0 < np.mean(copy) <= most
        if told:  # and so it would be of any multiple of this period
            even = np.count_nonzero(fresh) == 1
            return np.resize(copy & (even or period not in _OF_CODECS), len(news))
    return np.zeros(len(news), np.bool_)
