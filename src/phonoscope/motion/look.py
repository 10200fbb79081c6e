"""The first look: learn the reference and the noise from the first frames of a video.

One noisy frame cannot reach the Cramér-Rao bound (Clement, arXiv:1809.05583), so the reference is a
mean over as many frames as fit a fixed budget of memory, each brought back to one pose and one
light. Frames that lie near one pose are averaged as they are; their small motions blur the mean in
a known way, to second order, which is undone; then each pose's mean is warped back.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError
from phonoscope.motion import noise
from phonoscope.motion.cells import Grid
from phonoscope.motion.derivative import derivatives
from phonoscope.motion.engine import Engine
from phonoscope.motion.kernel import accumulate, contiguous
from phonoscope.motion.pose import per_pixel
from phonoscope.motion.reference import Reference
from phonoscope.motion.spline import coefficients, warp
from phonoscope.motion.threads import shared_out
from phonoscope.motion.track import GROUP, Piece, Posed, Tracker
from phonoscope.types import Float32, Float64, Luma, NoiseModel

MARGIN_PX = 8
_EDGE_PX = 3  # derivatives look further, but hardly
_NEAR_USELESS_PX = 3
_BUDGET_BYTES = 40 * 2**20
_MOST_FRAMES = 512
_FEWEST_FRAMES = 16
_START_FRAMES = 8
_NOISE_FRAMES = (5, 48)
_NOISE_PIXELS = 2_500_000
_FIRST_ROUND_FRAMES = 64
_MOST_POSES = 32
_USELESS_FRAMES = 64
_STILL_PX = 0.01
_SATURATED_SHARE = 0.01


def frames_to_look_at(width: int, height: int, itemsize: int) -> int:
    """Return how many frames of that size the first look may hold in memory."""
    return int(np.clip(_BUDGET_BYTES // (width * height * itemsize), _FEWEST_FRAMES, _MOST_FRAMES))


def first_look(frames: Sequence[Luma], grid: Grid, full_scale: int, engine: Engine) -> Reference:
    """Learn a region's reference, noise and useless pixels from the first frames.

    Parameters
    ----------
    frames
        Whole frames, ``(height, width)`` each, in order.
    grid
        The region's cells.
    full_scale
        Largest value that a pixel can take.
    engine
        What follows the frames.

    Raises
    ------
    InputError
        If no cell has texture to measure motion from.
    """
    height, width = frames[0].shape
    left, top = max(0, grid.x_edges[0] - MARGIN_PX), max(0, grid.y_edges[0] - MARGIN_PX)
    right = min(width, grid.x_edges[-1] + MARGIN_PX)
    bottom = min(height, grid.y_edges[-1] + MARGIN_PX)
    window = (slice(top, bottom), slice(left, right))
    start = [frame[window] for frame in frames[:_START_FRAMES]]
    guess = noise.first_guess([frame[window] for frame in frames[: 2 * GROUP]])
    edge = _frame_edge((height, width))[window]
    step = max(1, len(frames) // _USELESS_FRAMES)
    useless = _useless([f[window] for f in frames[::step]], full_scale, guess.variance[0])
    reference = Reference(
        image=np.mean(start, axis=0, dtype=np.float32),
        origin=(int(left), int(top)),
        averaged=len(start),
        noise=guess,
        masked=edge | _near(useless, _NEAR_USELESS_PX),
        inflation=np.ones(grid.cells),
    )
    for looked_at in (frames[:_FIRST_ROUND_FRAMES], frames):
        tracker = Tracker(reference, grid, engine)
        _require_texture(tracker.about, useless, full_scale, frames[0])
        pieces = _followed(looked_at, tracker)
        image, averaged = _aligned_mean(looked_at, pieces, grid, reference)
        model, inflation = _noise(looked_at, pieces, grid, reference)
        reference = replace(
            reference, image=image, averaged=averaged, noise=model, inflation=inflation,
            stray=tracker.usual_stray,
        )  # fmt: skip
        del tracker, pieces  # or two sets of weights would live at once
    return reference


def _followed(frames: Sequence[Luma], tracker: Tracker) -> list[Piece]:
    groups = [frames[first : first + GROUP] for first in range(0, len(frames), GROUP)]
    pieces: list[Piece] = []
    solving = tracker.begin(groups[0])
    for group, following in zip(groups, [*groups[1:], None], strict=True):
        begun = tracker.begin(following) if following else None
        pieces += tracker.measure(group, solving)
        if begun:
            solving = begun
    return pieces


def _frame_edge(shape: tuple[int, int]) -> NDArray[np.bool_]:
    # Derivatives look beyond the edge of the frame, where there is nothing.
    edge = np.ones(shape, np.bool_)
    edge[_EDGE_PX:-_EDGE_PX, _EDGE_PX:-_EDGE_PX] = False
    return edge


def _useless(frames: Sequence[Luma], full_scale: int, variance: float) -> NDArray[np.bool_]:
    # Saturated pixels, and dead ones: constant while the rest of the picture is noisy.
    clipped = np.zeros(frames[0].shape, np.int32)
    varies = np.zeros(frames[0].shape, np.bool_)
    for frame in frames:
        clipped += frame >= full_scale
        varies |= frame != frames[0]
    saturated = clipped > _SATURATED_SHARE * len(frames)
    noisy = variance > 0.5 and len(frames) >= _FEWEST_FRAMES
    return np.asarray(saturated | ~varies) if noisy else saturated


def _near(mask: NDArray[np.bool_], reach: int) -> NDArray[np.bool_]:
    grown = mask.copy()
    for axis in (0, 1):
        source = grown.copy()
        for shift in range(1, reach + 1):
            ahead = [slice(None)] * 2
            behind = [slice(None)] * 2
            ahead[axis], behind[axis] = slice(shift, None), slice(None, -shift)
            grown[tuple(ahead)] |= source[tuple(behind)]
            grown[tuple(behind)] |= source[tuple(ahead)]
    return grown


def _require_texture(
    about: Posed, useless: NDArray[np.bool_], full_scale: int, frame: Luma
) -> None:
    if about.linearisation.known.any():
        return
    share = useless.mean()
    if share > 0.5:
        raise InputError(
            f"{share:.0%} of the picture is saturated or constant (full scale {full_scale}), so no "
            "motion can be seen; lower the exposure or choose another region."
        )
    raise InputError(
        f"no texture: the picture is flat (values {frame.min()} to {frame.max()}), so no motion "
        "can be seen; choose a region with detail, or film a surface that has some."
    )


def _aligned_mean(
    frames: Sequence[Luma], pieces: Sequence[Piece], grid: Grid, reference: Reference
) -> tuple[Float32, int]:
    x, y = reference.origin
    height, width = reference.image.shape
    total = np.zeros((height, width))
    weight = np.zeros((height, width))
    count = 0
    for about, members in _by_pose(pieces):
        mean = np.zeros((height, width), np.float32)
        n = sum(piece.stop - piece.start for piece in members)
        for piece in members:
            light = piece.light.mean(axis=1)
            for t in range(piece.start, piece.stop):
                window = frames[t][y : y + height, x : x + width]
                accumulate(mean, contiguous(window), 1 / (n * light[t - piece.start]))
        image = _sharpened(mean, about, members, grid, reference.origin)
        inside = np.ones(image.shape, np.bool_)
        if about.pose.any():
            back = [
                -per_pixel(about.pose[..., k], grid, reference.origin, image.shape) for k in (0, 1)
            ]
            image, inside = warp(coefficients(image), back[0], back[1])
        total += np.where(inside, n * image, 0)
        weight += n * inside
        count += n
    unseen = weight == 0
    image = np.where(unseen, reference.image, total / np.where(unseen, 1, weight))
    # Gain 1 is the mean light of the look, so that the claims hold for the mean frame.
    mean_light = np.average(
        [p.light.mean() for p in pieces], weights=[len(p.light) for p in pieces]
    )
    return (image * mean_light).astype(np.float32), count


def _by_pose(pieces: Sequence[Piece]) -> list[tuple[Posed, list[Piece]]]:
    groups: dict[int, tuple[Posed, list[Piece]]] = {}
    for piece in pieces:
        if piece.within_reach:
            groups.setdefault(id(piece.about), (piece.about, []))[1].append(piece)
    if not groups:  # nothing could be followed: the first frames must do
        return [(pieces[0].about, [pieces[0]])]
    most = sorted(groups.values(), key=lambda g: -sum(p.stop - p.start for p in g[1]))
    return most[:_MOST_POSES]


def _sharpened(
    mean: Float32, about: Posed, members: Sequence[Piece], grid: Grid, origin: tuple[int, int]
) -> Float32:
    """Return the picture in its pose from the mean of frames that moved a little about it.

    The mean of ``R(x - d)`` is ``R - m.grad R + C:grad grad R / 2`` with m the mean and C the mean
    square of d; solved for R to second order.
    """
    residual = np.concatenate([piece.residual for piece in members])
    if about.smoother.largest(residual.mean(axis=0)[None]) <= 0 and (
        about.smoother.largest(residual) < _STILL_PX
    ):
        return mean
    smooth = about.smoother(residual)
    first = smooth.mean(axis=0)
    second = np.einsum("trci,trcj->rcij", smooth, smooth) / len(smooth)
    matrix = np.einsum("rci,rcj->rcij", first, first) - second / 2

    def at_pixels(values: Float64) -> Float32:
        return per_pixel(values, grid, origin, mean.shape)

    stack = derivatives(mean, 2)
    result = mean + at_pixels(first[..., 0]) * stack[1] + at_pixels(first[..., 1]) * stack[2]
    result += at_pixels(matrix[..., 0, 0]) * stack[3]
    result += at_pixels(2 * matrix[..., 0, 1]) * stack[4]
    result += at_pixels(matrix[..., 1, 1]) * stack[5]
    return np.asarray(result, np.float32)


def _noise(
    frames: Sequence[Luma], pieces: Sequence[Piece], grid: Grid, reference: Reference
) -> tuple[NoiseModel, Float64]:
    about, members = _by_pose(pieces)[0]
    y_edges, x_edges = grid.y_edges - reference.origin[1], grid.x_edges - reference.origin[0]
    region = (slice(y_edges[0], y_edges[-1]), slice(x_edges[0], x_edges[-1]))
    image, weight = (np.ascontiguousarray(a[region]) for a in (about.image, about.weight))
    indices = [(piece, t) for piece in members for t in range(piece.stop - piece.start)]
    wanted = int(np.clip(_NOISE_PIXELS // image.size, *_NOISE_FRAMES))
    chosen = indices[:: max(1, len(indices) // wanted)]
    level, bin_of = noise.bins(image, weight > 0, len(chosen))
    slopes = np.ascontiguousarray(derivatives(about.image, 2)[1:, *region])
    energy = np.zeros((grid.cells, len(level), 2))
    for piece, t in chosen:
        seen = contiguous(frames[piece.start + t][grid.window])
        motion, gain = piece.residual[t], piece.gain[t]
        strain = _strain(piece, t, grid, image.shape)

        def of_rows(
            rows: slice, seen: Luma = seen, motion: Float64 = motion, gain: Float64 = gain,
            strain: Float32 = strain,
        ) -> None:  # fmt: skip
            cells = slice(rows.start * grid.columns, rows.stop * grid.columns)
            own = y_edges[rows.start : rows.stop + 1] - y_edges[0]
            noise.residual_energy(
                seen, image, slopes, weight, bin_of, motion[cells], strain, gain[cells],
                x_edges - x_edges[0], own, energy[cells],
            )  # fmt: skip

        shared_out(of_rows, grid.rows)
    known = about.linearisation.known
    rank = np.trace(known, axis1=1, axis2=2)
    rank = np.where(rank > 0, rank + 2, 1)
    return noise.fit(energy, level, rank, len(chosen), reference.averaged)


def _strain(piece: Piece, t: int, grid: Grid, shape: tuple[int, int]) -> Float32:
    # How far each pixel moves beyond its cell, from the smoothed motion of its neighbours. Without
    # it the bending of a surface within a cell would be taken for noise.
    residual = piece.residual[t : t + 1]
    if piece.about.smoother.largest(residual) < _STILL_PX:
        return np.zeros((2, *shape), np.float32)
    smooth = piece.about.smoother(residual)[0]
    origin = (int(grid.x_edges[0]), int(grid.y_edges[0]))
    widths, heights = np.diff(grid.x_edges), np.diff(grid.y_edges)
    own = np.repeat(np.repeat(smooth, heights, axis=0), widths, axis=1)
    beyond = [per_pixel(smooth[..., k], grid, origin, shape) - own[..., k] for k in (0, 1)]
    return np.asarray(beyond, np.float32)
