"""Pictures over the frame: which parts hear, and how they move."""

import os
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from phonoscope.report.drawing import RED, new_figure, save, titled
from phonoscope.types import Cells, Float64, Inspection, MotionField, Shape, Sound

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PatchCollection
    from matplotlib.figure import Figure

_WIDE = 1.4  # wider pictures are set one above the other
_SATURATED = 0.05
_SURE = 3.0  # times its error, below which a motion is not drawn
_ARROWS = 24  # along the longer side, at most
_LONGEST_SHARE = 0.06  # of the longer side: the longest arrow
_FAINTEST_DB = -40.0


def draw_microphones(found: Inspection, path: str | os.PathLike[str]) -> None:
    """Draw which parts of the frame are good microphones.

    Beside the picture itself, each cell's noise: the darker, the smaller the motion that it hears.
    Cells without texture are left grey, those with saturated pixels are crossed out.

    Raises
    ------
    UsageError
        If the suffix is that of no picture.
    MissingExtraError
        If Matplotlib is not installed.
    OutputError
        If the file cannot be written.
    """
    size = found.facts.width, found.facts.height
    figure, (left, right) = _two(size)
    for axes, title in (
        (left, "the picture"),
        (right, "good microphones (grey: no texture, crossed: saturated)"),
    ):
        _frame(axes, found.picture, size, title)
    _coloured(
        figure, right, found.cells, found.cell_noise_px, "noise of one frame, px (dark hears best)"
    )
    white = found.saturated > _SATURATED
    if white.any():
        crossed = _boxes(found.cells, white)
        crossed.set(facecolor="none", edgecolor=RED, hatch="xx")
        right.add_collection(crossed)
    save(figure, path)


def draw_hearing(field: MotionField, sound: Sound, path: str | os.PathLike[str]) -> None:
    """Draw which cells hear the sound: its power over the noise in each, over the frame.

    Errors as of `draw_microphones`.
    """
    size = field.facts.width, field.facts.height
    figure, (left, right) = _two(size)
    _frame(left, field.picture, size, "the picture")
    _frame(right, field.picture, size, "where it is heard (grey: nowhere)")
    power = np.where(sound.hearing > 0, sound.hearing, np.nan)
    with np.errstate(divide="ignore"):
        level = 10 * np.log10(power)
    if np.isfinite(level).any():
        level = np.maximum(level, np.nanmax(level) + _FAINTEST_DB)
    _coloured(
        figure, right, field.cells, level, "sound over noise in a cell, dB (bright hears best)",
        logarithmic=False,
    )  # fmt: skip
    save(figure, path)


def draw_shape(field: MotionField, shape: Shape, path: str | os.PathLike[str]) -> None:
    """Draw how the cells move at one frequency: colours for size, arrows at the sound's crest.

    Cells whose motion is less than three times its error are left out. Errors as of
    `draw_microphones`.
    """
    size = field.facts.width, field.facts.height
    figure = new_figure(8.0, max(3.0, 7.0 * size[1] / size[0] + 0.8))
    axes = figure.subplots()
    _frame(axes, field.picture, size, f"motion at {shape.frequency_hz:.5g} Hz")
    length = np.linalg.norm(np.abs(shape.displacement_px), axis=1)
    error = np.linalg.norm(np.where(np.isfinite(shape.error_px), shape.error_px, 0), axis=1)
    sure = (length > _SURE * error) & np.isfinite(shape.error_px).any(axis=1)
    _coloured(
        figure, axes, field.cells, np.where(sure, length, np.nan), "px RMS", logarithmic=False,
        alpha=0.55,
    )  # fmt: skip
    _arrows(axes, field.cells, np.where(sure[:, None], crest(shape), 0), size)
    save(figure, path)


def crest(shape: Shape) -> Float64:
    """Return ``(cell, 2)`` the motion at the moment at which most of it is at its largest, px."""
    motion = shape.displacement_px
    known = np.isfinite(shape.error_px)
    # The angle that makes the sum of squares of the real parts largest.
    angle = np.angle(np.sum(np.where(known, motion, 0) ** 2)) / 2
    return np.asarray(np.sqrt(2) * (motion * np.exp(-1j * angle)).real)


def _arrows(axes: "Axes", cells: Cells, motion: Float64, size: tuple[int, int]) -> None:
    largest = float(np.abs(motion).max(initial=0.0))
    if largest == 0:
        return
    # Of neighbours the mean, lest arrows cover each other.
    pitch = max(size) / _ARROWS
    x, y = cells.x_px + cells.width_px / 2, cells.y_px + cells.height_px / 2
    _, group = np.unique((y // pitch) * 10_000 + x // pitch, return_inverse=True)
    moves = np.abs(motion).sum(axis=1) > 0
    count = np.bincount(group[moves], minlength=group.max() + 1)
    some = count > 0
    means = [
        np.bincount(group[moves], values[moves], minlength=len(count))[some] / count[some]
        for values in (x, y, motion[:, 0], motion[:, 1])
    ]
    longest = float(np.hypot(means[2], means[3]).max())
    if longest == 0:
        return
    axes.quiver(
        *means, angles="xy", scale_units="xy", scale=longest / (_LONGEST_SHARE * max(size)),
        color="white", edgecolor="black", linewidth=0.5, width=0.004,
    )  # fmt: skip


def _two(size: tuple[int, int]) -> tuple["Figure", tuple["Axes", "Axes"]]:
    width, height = size
    aside = width <= _WIDE * height
    figure = new_figure(*((9.6, 5.0) if aside else (8.0, min(14.0, 2 + 12 * height / width))))
    left, right = figure.subplots(1, 2) if aside else figure.subplots(2, 1)
    return figure, (left, right)


def _frame(
    axes: "Axes", picture: NDArray[np.integer] | None, size: tuple[int, int], title: str
) -> None:
    width, height = size
    if picture is not None:
        # Dark pictures are shown brighter, so that people see what is in them.
        white = max(float(np.percentile(picture, 99.8)), 1.0)
        extent = (-0.5, width - 0.5, height - 0.5, -0.5)
        axes.imshow(picture, cmap="gray", vmin=0, vmax=white, extent=extent)
    axes.set_xlim(-0.5, width - 0.5)
    axes.set_ylim(height - 0.5, -0.5)
    axes.set_aspect("equal")
    titled(axes, title, "x, px", "y, px")


def _coloured(
    figure: "Figure", axes: "Axes", cells: Cells, values: Float64, label: str,
    *, logarithmic: bool = True, alpha: float = 1.0,
) -> None:  # fmt: skip
    """Colour cells by finite values, the others grey."""
    from matplotlib.colors import LogNorm, Normalize

    known = np.isfinite(values)
    if alpha == 1:
        deaf = _boxes(cells, ~known)
        deaf.set(facecolor="0.75", edgecolor="none")
        axes.add_collection(deaf)
    if not known.any():
        return
    shown = _boxes(cells, known)
    low, high = float(values[known].min()), float(values[known].max())
    high = max(high, low + 1e-3 * abs(low), np.nextafter(low, np.inf))
    shown.set(
        cmap="cividis", edgecolor="none", alpha=alpha,
        norm=LogNorm(low, high) if logarithmic else Normalize(low, high),
    )  # fmt: skip
    shown.set_array(values[known])
    axes.add_collection(shown)
    figure.colorbar(shown, ax=axes, label=label)


def _boxes(cells: Cells, chosen: NDArray[np.bool_]) -> "PatchCollection":
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    return PatchCollection(
        [
            Rectangle(
                (cells.x_px[n] - 0.5, cells.y_px[n] - 0.5), cells.width_px[n], cells.height_px[n]
            )
            for n in np.flatnonzero(chosen)
        ]
    )
