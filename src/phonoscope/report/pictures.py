"""Pictures with units, in colours that the colour-blind tell apart.

Drawn by Matplotlib without a screen, and without its global state: figures are made here, and
nobody else's are touched.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from phonoscope.errors import MissingExtraError, UsageError
from phonoscope.files import replace_when_done
from phonoscope.types import Inspection

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
_WIDE = 1.4  # wider pictures are set one above the other
_SATURATED = 0.05


def check_picture(path: str | os.PathLike[str]) -> None:
    """Find out now whether a picture can be drawn into that file.

    Raises
    ------
    UsageError
        If its suffix is not .png, .svg or .pdf.
    MissingExtraError
        If Matplotlib is not installed.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"cannot draw {path}: a picture ends in {', '.join(SUFFIXES)}; name it "
            f"{Path(path).with_suffix('.png').name}."
        )
    _matplotlib()


def draw_microphones(found: Inspection, path: str | os.PathLike[str]) -> None:
    """Draw which parts of the frame are good microphones.

    Beside the picture itself, each cell's noise: the darker, the smaller the motion that it hears.
    Cells without texture are left grey, those with saturated pixels are crossed out.

    Raises
    ------
    UsageError, MissingExtraError
        As `check_picture`.
    OutputError
        If the file cannot be written.
    """
    check_picture(path)
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import LogNorm
    from matplotlib.patches import Rectangle

    facts, cells = found.facts, found.cells
    aside = facts.width <= _WIDE * facts.height
    figure = _figure((9.6, 5.0) if aside else (8.0, 2 + 12 * facts.height / facts.width))
    left, right = figure.subplots(1, 2) if aside else figure.subplots(2, 1)
    for axes in (left, right):
        axes.imshow(found.picture, cmap="gray", vmin=0, vmax=_white(found))
        axes.set_aspect("equal")
        axes.set_xlabel("x, px")
        axes.set_ylabel("y, px")
    left.set_title("the picture", fontsize=10)
    boxes = [
        Rectangle((x - 0.5, y - 0.5), width, height)
        for x, y, width, height in zip(
            cells.x_px, cells.y_px, cells.width_px, cells.height_px, strict=True
        )
    ]
    known = np.isfinite(found.cell_noise_px)
    right.add_collection(PatchCollection(
        [box for box, deaf in zip(boxes, ~known, strict=True) if deaf],
        facecolor="0.75", edgecolor="none",
    ))  # fmt: skip
    if known.any():
        noise = found.cell_noise_px[known]
        shown = PatchCollection(
            [box for box, hears in zip(boxes, known, strict=True) if hears],
            cmap="cividis", edgecolor="none",
            norm=LogNorm(float(noise.min()), float(max(noise.max(), 1.01 * noise.min()))),
        )  # fmt: skip
        shown.set_array(noise)
        right.add_collection(shown)
        figure.colorbar(shown, ax=right, label="noise of one frame, px (dark hears best)")
    crossed = [box for box, share in zip(boxes, found.saturated, strict=True) if share > _SATURATED]
    right.add_collection(
        PatchCollection(crossed, facecolor="none", edgecolor="tab:red", hatch="xx")
    )
    right.set_title("good microphones (grey: no texture, crossed: saturated)", fontsize=10)
    _save(figure, path)


def _white(found: Inspection) -> float:
    # Dark pictures are shown brighter, so that people see what is in them.
    return max(float(np.percentile(found.picture, 99.8)), 1.0)


def _matplotlib() -> Any:
    try:
        import matplotlib as mpl  # slow to import, and an extra
    except ImportError as error:
        raise MissingExtraError(
            'pictures need the package matplotlib; run: pip install "phonoscope[plot]"'
        ) from error
    return mpl


def _figure(inches: tuple[float, float]) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=inches, layout="constrained")


def _save(figure: "Figure", path: str | os.PathLike[str]) -> None:
    with replace_when_done(path) as part, _matplotlib().rc_context({"svg.fonttype": "none"}):
        figure.savefig(part, dpi=120, format=Path(path).suffix[1:].lower())
