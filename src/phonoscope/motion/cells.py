"""Cut the picture into cells: one regular grid of tiles for each region."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError, UsageError
from phonoscope.types import Cells, Float64, Region, Shutter

MINIMUM_CELL_PX = 4
_REFERENCE_AREA_PX = 1_100_000
_LARGEST_DEFAULT_CELL_PX = 64
_CELL_PX = 16
_PIECES = 8  # of a row: its parts may move unlike each other
_SHORTEST_PIECE_PX = 32
_ROWS_OF_A_CELL = 2
_MOST_ROW_CELLS = 600


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A regular grid of cells over one region.

    Attributes
    ----------
    x_edges, y_edges
        ``(columns + 1,)`` and ``(rows + 1,)`` rising pixel positions in the frame: cell (r, c)
        covers ``[y_edges[r], y_edges[r + 1]) x [x_edges[c], x_edges[c + 1])``. Cells are numbered
        row by row.
    rolling
        Whether rows are read one after the other, so that a flickering lamp lights them in bands.
    """

    x_edges: NDArray[np.int64]
    y_edges: NDArray[np.int64]
    rolling: bool = False

    @property
    def rows(self) -> int:
        return len(self.y_edges) - 1

    @property
    def columns(self) -> int:
        return len(self.x_edges) - 1

    @property
    def cells(self) -> int:
        return self.rows * self.columns

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the frame that the region has."""
        return (
            slice(int(self.y_edges[0]), int(self.y_edges[-1])),
            slice(int(self.x_edges[0]), int(self.x_edges[-1])),
        )

    @property
    def centres(self) -> Float64:
        """``(cell, 2)`` centre (x, y) of each cell, px."""
        x = (self.x_edges[:-1] + self.x_edges[1:] - 1) / 2
        y = (self.y_edges[:-1] + self.y_edges[1:] - 1) / 2
        return np.stack(np.broadcast_arrays(x[None, :], y[:, None]), -1).reshape(-1, 2)


def default_cell_px(width: int, height: int) -> int:
    """Return the default edge of a cell: 16 px, and more beyond a megapixel.

    So the number of cells, and with it the size of the motion field, stays about the same for large
    frames, whose every cell then hears better.
    """
    edge = _CELL_PX * np.sqrt(max(1.0, width * height / _REFERENCE_AREA_PX))
    return int(min(_LARGEST_DEFAULT_CELL_PX, 4 * np.ceil(edge / 4)))


def speckle_cell_px(width: int, height: int) -> int:
    """Return the default edge of a cell of speckle: 32 px, but less in a small frame.

    A cell needs some dozens of speckles, and a verdict needs cells that err independently.
    """
    own = min(2 * _CELL_PX, max(_CELL_PX, min(width, height) // 4))
    return max(own, default_cell_px(width, height))


def cut(width: int, height: int, regions: Sequence[Region], cell_px: int) -> list[Grid]:
    """Return one grid for each region (one for the whole frame if there are none).

    The cells of a region have edges of about `cell_px` and differ by a pixel at most, so that no
    pixel of the region is lost.

    Raises
    ------
    UsageError
        If a region reaches outside the frame or is smaller than a cell, or the cell is too small.
    InputError
        If the whole frame is smaller than a cell.
    """
    _check(width, height, regions, cell_px)
    return [
        Grid(_edges(r.x, r.width, cell_px), _edges(r.y, r.height, cell_px))
        for r in (regions or [Region(0, 0, width, height)])
    ]


def cut_rows(
    width: int, height: int, regions: Sequence[Region], piece_px: int | None
) -> list[Grid]:
    """Return one grid of pieces of rows for each region (one for the whole frame without any).

    For a rolling shutter: a cell is two rows high, which are read at nearly the same time (more in
    frames of more than 1200 rows), and `piece_px` wide: by default an eighth of the region.

    Raises
    ------
    UsageError, InputError
        As `cut`.
    """
    regions = regions or [Region(0, 0, width, height)]
    grids = []
    for r in regions:
        edge = max(_SHORTEST_PIECE_PX, r.width // _PIECES) if piece_px is None else piece_px
        edge = min(edge, r.width)
        _check(width, height, [r], max(MINIMUM_CELL_PX, min(edge, r.height)))
        rows = _ROWS_OF_A_CELL * -(-height // (_ROWS_OF_A_CELL * _MOST_ROW_CELLS))
        grids.append(Grid(_edges(r.x, r.width, edge), _edges(r.y, r.height, rows), rolling=True))
    return grids


def _check(width: int, height: int, regions: Sequence[Region], cell_px: int) -> None:
    if cell_px < MINIMUM_CELL_PX:
        raise UsageError(
            f"cells of {cell_px} px are too small to measure motion in; "
            f"use {MINIMUM_CELL_PX} or more (16 is usual)."
        )
    whole = min(width, height) < cell_px and not regions
    if whole:
        raise InputError(
            f"the frame of {width} x {height} px is smaller than one cell of {cell_px} px; "
            "use smaller cells or a larger picture."
        )
    for region in regions:
        if region.x + region.width > width or region.y + region.height > height:
            raise UsageError(
                f"region {region} reaches outside the frame of {width} x {height} px; "
                "give x,y,width,height within it."
            )
        if min(region.width, region.height) < cell_px:
            raise UsageError(
                f"region {region} is smaller than one cell of {cell_px} px; "
                "choose a larger region or smaller cells."
            )


def places(grids: Sequence[Grid], shutter: Shutter, height: int) -> Cells:
    """Return where all cells of `grids` are, in order, and when they are read.

    `height` is that of the frame: a shutter that reads upwards begins with its last row.
    """
    x, y, width, tall = (
        np.concatenate(parts).astype(np.int32)
        for parts in zip(*(_grid_places(grid) for grid in grids), strict=True)
    )
    return Cells(x, y, width, tall, shutter.delay_s(y + (tall - 1) / 2, height))


def _grid_places(grid: Grid) -> tuple[NDArray[np.int64], ...]:
    x, y = np.meshgrid(grid.x_edges[:-1], grid.y_edges[:-1])
    width, height = np.meshgrid(np.diff(grid.x_edges), np.diff(grid.y_edges))
    return x.ravel(), y.ravel(), width.ravel(), height.ravel()


def _edges(start: int, length: int, cell_px: int) -> NDArray[np.int64]:
    count = max(1, round(length / cell_px))
    return start + np.round(np.linspace(0, length, count + 1)).astype(np.int64)
