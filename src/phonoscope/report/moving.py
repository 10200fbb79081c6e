"""A looped animation of the frame in which a vibration is made large enough to be seen."""

import os
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError
from phonoscope.files import replace_when_done
from phonoscope.types import Float64, MotionField, Shape

_FRAMES, _FRAMES_PER_S = 20, 20
_LARGEST_SHARE = 0.015  # of the longer side: by that the best-moving cell is made to swing
_SIDE_PX = 640
_SURE = 3.0
_SMOOTH_CELLS = 0.7
_QUALITY = 70


def animate_shape(field: MotionField, shape: Shape, path: str | os.PathLike[str]) -> float:
    """Write one period of a vibration as an animated WebP, and return by how much it is magnified.

    The picture is bent by how its cells move; between cells, and where they are unsure, by what
    their neighbours do.

    Raises
    ------
    InputError
        If the field has no picture.
    OutputError
        If the file cannot be written.
    """
    import av

    if field.picture is None:
        raise InputError("the motion field holds no picture; measure the video again.")
    picture = _reduced(field.picture)
    bend = _at_pixels(field, shape, picture.shape)
    largest = float(np.sqrt(2) * np.abs(bend).max(initial=0.0))
    scale = field.facts.width / picture.shape[1]  # frame px to one of the picture's
    gain = _LARGEST_SHARE * max(picture.shape) * scale / largest if largest > 0 else 0.0
    with (
        replace_when_done(path) as part,
        av.open(str(part), "w", format="webp", options={"loop": "0"}) as container,
    ):
        stream = container.add_stream("libwebp_anim", _FRAMES_PER_S)
        stream.width, stream.height = picture.shape[1], picture.shape[0]
        stream.pix_fmt = "yuv420p"
        stream.options = {"quality": str(_QUALITY)}
        for number in range(_FRAMES):
            phase = np.exp(2j * np.pi * number / _FRAMES)
            shown = bent(picture, np.sqrt(2) * gain / scale * (bend * phase).real)
            frame = av.VideoFrame.from_ndarray(shown, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, _FRAMES_PER_S)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return gain


def _reduced(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    factor = -(-max(picture.shape) // _SIDE_PX)
    # Even sides, as the codec's colours have half as many.
    height, width = (side // factor // 2 * 2 for side in picture.shape)
    parts = picture[: height * factor, : width * factor].astype(np.float32)
    mean = parts.reshape(height, factor, width, factor).mean(axis=(1, 3))
    return np.asarray((mean + 0.5).astype(np.uint8))


def _at_pixels(field: MotionField, shape: Shape, size: tuple[int, ...]) -> NDArray[np.complex128]:
    """Return ``(2, height, width)`` the motion of each pixel of such a picture, frame px."""
    from scipy.ndimage import gaussian_filter, map_coordinates  # slow to import

    cells, height, width = field.cells, *size
    pitch = (float(np.median(cells.width_px)), float(np.median(cells.height_px)))
    # On a regular grid, weighted by how sure each cell is; those that hardly move count, too.
    pitch = (min(pitch), min(pitch)) if max(pitch) < 4 * min(pitch) else (max(pitch), max(pitch))
    columns, rows = (
        max(2, round(side / step))
        for side, step in zip((field.facts.width, field.facts.height), pitch, strict=True)
    )
    x = (cells.x_px + cells.width_px / 2) / field.facts.width * columns
    y = (cells.y_px + cells.height_px / 2) / field.facts.height * rows
    place = y.astype(int).clip(0, rows - 1) * columns + x.astype(int).clip(0, columns - 1)
    result = np.empty((2, height, width), np.complex128)
    grid = np.mgrid[:height, :width].astype(np.float64)
    at = (
        (grid[0] + 0.5) / height * rows - 0.5,
        (grid[1] + 0.5) / width * columns - 0.5,
    )
    for axis in (0, 1):
        known = np.isfinite(shape.error_px[:, axis])
        weight = np.where(known, shape.error_px[:, axis], 1.0) ** -2.0 * known
        weight /= max(float(weight.max(initial=0.0)), 1e-300)

        def spread(values: Float64) -> Float64:
            total = np.bincount(place, values, minlength=rows * columns)
            return np.asarray(
                gaussian_filter(total.reshape(rows, columns), _SMOOTH_CELLS, mode="nearest")
            )

        norm = np.maximum(spread(weight), 1e-6)
        value = shape.displacement_px[:, axis]
        sure = np.abs(value) > _SURE * np.where(known, shape.error_px[:, axis], np.inf)
        value = np.where(sure, value, 0)
        parts = [spread(weight * part) / norm for part in (value.real, value.imag)]
        real, imaginary = (map_coordinates(p, at, order=1, mode="nearest") for p in parts)
        result[axis] = real + 1j * imaginary
    return result


def bent(picture: NDArray[np.uint8], motion_px: Float64) -> NDArray[np.uint8]:
    """Return a picture whose pixels have moved by ``(2, height, width)`` (x, y), in its own px."""
    from scipy.ndimage import map_coordinates  # slow to import

    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float64)
    at = (y - motion_px[1], x - motion_px[0])
    return np.asarray(map_coordinates(picture, at, order=1, mode="nearest"))
