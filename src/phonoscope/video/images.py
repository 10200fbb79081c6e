"""A folder of images, a pattern of names, or one image: frames in natural order of their names."""

import contextlib
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av

from phonoscope.errors import InputError
from phonoscope.types import Luma
from phonoscope.video.indexed import IndexedVideo, array_facts
from phonoscope.video.luma import bounded, luma_of, require_layout
from phonoscope.video.rate import candidates_of
from phonoscope.video.tiff import SUFFIXES as TIFF_SUFFIXES
from phonoscope.video.tiff import read_single
from phonoscope.video.window import Window

SUFFIXES = TIFF_SUFFIXES | {
    ".png",
    ".jpg",
    ".jpeg",
    ".bmp",
    ".pgm",
    ".ppm",
    ".jp2",
    ".webp",
    ".dpx",
}


def natural_key(path: Path) -> tuple[tuple[int, int, str], ...]:
    """Return a key that sorts frame2 before frame10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name)
    return tuple((0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts)


def select_images(paths: Sequence[Path], source: str) -> list[Path]:
    """Return the images among `paths` in natural order; raise `InputError` if there is none."""
    images = [
        path
        for path in paths
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]
    if not images:
        raise InputError(
            f"{source} holds no images; give a folder or pattern of PNG, TIFF, JPEG or BMP files."
        )
    return sorted(images, key=natural_key)


def open_images(paths: list[Path], window: Window, rate: Fraction, name: str) -> IndexedVideo:
    """Return images as a video; the first one settles size and depth."""
    first, bits, codec, pixel_format = _decode(paths[0])
    facts = array_facts(name, codec, pixel_format, first, bits, len(paths), candidates_of(rate))

    def read(index: int) -> Luma:
        luma, found, _, _ = _decode(paths[index])
        if found != bits:
            raise InputError(
                f"{paths[index]} has {found} significant bits where the images before have "
                f"{bits}; convert all to one depth."
            )
        return luma

    return IndexedVideo(
        facts,
        len(paths),
        window,
        lambda: contextlib.nullcontext(read),
        lambda index: str(paths[index]),
    )


def _decode(path: Path) -> tuple[Luma, int, str, str]:
    """Return luma, significant bits, codec and pixel format of one image file."""
    if path.suffix.lower() in TIFF_SUFFIXES:
        luma, bits = read_single(path)
        return luma, bits, "tiff", f"gray{bits}"
    try:
        # Handed over as an open file, its name is not taken for a pattern such as frame%03d.png.
        limits = bounded(path)
        with (
            path.open("rb") as file,
            av.open(file, "r", options=limits, metadata_errors="replace") as container,
        ):
            context = container.streams.video[0].codec_context
            if context is None:
                raise StopIteration  # FFmpeg does not know its codec
            context.options = limits
            frame = next(container.decode(video=0))
            codec = context.name
    except (av.error.FFmpegError, IndexError, StopIteration, OSError) as error:
        reason = getattr(error, "strerror", None) or "it holds no picture"
        raise InputError(
            f"{path} cannot be read as an image ({reason}); replace it or take it out."
        ) from error
    layout = require_layout(frame.format.name, str(path))
    return luma_of(frame, layout), layout.bits, codec, frame.format.name
