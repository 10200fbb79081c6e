"""What all pictures share: one look, colours that the colour-blind tell apart, safe writing.

Drawn by Matplotlib without a screen, and without its global state: figures are made here, and
nobody else's are touched.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phonoscope.errors import MissingExtraError, UsageError
from phonoscope.files import replace_when_done

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PICTURE_SUFFIXES = (".png", ".svg", ".pdf")
# Okabe and Ito's colours, which people with any colour vision tell apart.
BLUE, ORANGE, RED, GREY = "#0072B2", "#E69F00", "#D55E00", "#6E6E6E"
_DOTS_PER_INCH = 120


def check_picture(path: str | os.PathLike[str]) -> None:
    """Find out now whether a picture can be drawn into that file.

    Raises
    ------
    UsageError
        If its suffix is not .png, .svg or .pdf.
    MissingExtraError
        If Matplotlib is not installed.
    """
    if Path(path).suffix.lower() not in PICTURE_SUFFIXES:
        raise UsageError(
            f"cannot draw {path}: a picture ends in {', '.join(PICTURE_SUFFIXES)}; name it "
            f"{Path(path).with_suffix('.png').name}."
        )
    _matplotlib()


def new_figure(width_in: float, height_in: float) -> "Figure":
    """Return an empty figure.

    Raises
    ------
    MissingExtraError
        If Matplotlib is not installed.
    """
    _matplotlib()
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), layout="constrained")


def titled(axes: "Axes", title: str, x: str, y: str) -> None:
    """Label a picture."""
    axes.set_title(title, fontsize=10, loc="left")
    axes.set_xlabel(x)
    axes.set_ylabel(y)


def save(figure: "Figure", path: str | os.PathLike[str]) -> None:
    """Write a figure; it appears whole or not at all.

    Raises
    ------
    UsageError
        If the suffix is that of no picture.
    OutputError
        If the file cannot be written.
    """
    check_picture(path)
    # Text stays text, and the same figure gives the same file.
    same = {"svg.fonttype": "none", "svg.hashsalt": "phonoscope"}
    kind = Path(path).suffix[1:].lower()
    dated = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with replace_when_done(path) as part, _matplotlib().rc_context(same):
        figure.savefig(part, dpi=_DOTS_PER_INCH, format=kind, metadata=dated.get(kind))


def _matplotlib() -> Any:
    try:
        import matplotlib as mpl  # slow to import, and an extra
    except ImportError as error:
        raise MissingExtraError(
            'pictures need the package matplotlib; run: pip install "phonoscope[plot]"'
        ) from error
    return mpl
