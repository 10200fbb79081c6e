"""TIFF through tifffile: a stack page by page, or mapped where its frames lie in one piece."""

import contextlib
import logging
import lzma
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from phonoscope.errors import InputError
from phonoscope.types import Luma
from phonoscope.video.indexed import IndexedVideo, Reader, array_facts, check_array
from phonoscope.video.luma import rec601
from phonoscope.video.rate import candidates_of
from phonoscope.video.window import Window

_LOG = logging.getLogger("tifffile")
_LOG.addHandler(logging.NullHandler())  # else Python prints what nobody has asked for
SUFFIXES = frozenset({".tif", ".tiff", ".btf"})
# What tifffile and the codecs below it raise where a file is damaged.
_UNREADABLE = (
    tifffile.TiffFileError, ValueError, LookupError, OSError, ImportError, ArithmeticError,
    TypeError, AttributeError, NotImplementedError, RecursionError, MemoryError, struct.error,
    zlib.error, lzma.LZMAError,
)  # fmt: skip
_MOST_PACKED = 5000  # bytes of a page in a byte of the file: zlib packs zeros 1032 to 1


def open_tiff(path: Path, window: Window, rate: Fraction) -> IndexedVideo:
    """Return a multi-page TIFF as a video; the first page settles size and depth."""
    name = str(path)
    with _told() as told, _reader(path) as (read, count, bits):
        first = read(0)
    facts = array_facts(name, "tiff", f"gray{bits}", first, bits, count, candidates_of(rate))
    if any("TiffPages" in sentence for sentence in told):
        warning = f"the file breaks off after {count} pages; copy it again if the rest matters."
        facts = replace(facts, warnings=(*facts.warnings, warning))

    @contextlib.contextmanager
    def open_reader() -> Iterator[Reader]:
        with _reader(path) as (read, _, _):
            yield read

    return IndexedVideo(facts, count, window, open_reader, lambda index: f"page {index} of {name}")


def read_single(path: Path) -> tuple[Luma, int]:
    """Return the luma of a TIFF with one page, and its significant bits."""
    with _reader(path) as (read, count, bits):
        if count != 1:
            raise InputError(
                f"{path} holds {count} pages among single images; open it by itself, as a stack."
            )
        return read(0), bits


@contextlib.contextmanager
def _told() -> Iterator[list[str]]:
    """Yield what tifffile logs in the block: if only the last pages are lost, it raises nothing."""
    told: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: told.append(record.getMessage())  # type: ignore[method-assign]
    _LOG.addHandler(handler)
    try:
        yield told
    finally:
        _LOG.removeHandler(handler)


@contextlib.contextmanager
def _reader(path: Path) -> Iterator[tuple[Reader, int, int]]:
    """Yield a reader of pages, their number, and their significant bits."""
    with contextlib.ExitStack() as stack:
        try:
            tif = stack.enter_context(tifffile.TiffFile(path))
            page: Any = tif.pages[0]
            stored = _contiguous(tif, path)
            count = len(tif.pages) if stored is None else len(stored)
        except _UNREADABLE as error:
            raise _broken(path, error) from error
        _check_kind(page, path)
        read = _page_reader(tif, path) if stored is None else _map_reader(stored, path)
        yield read, count, 16 if page.samplesperpixel >= 3 else page.bitspersample


def _contiguous(tif: Any, path: Path) -> NDArray[Any] | None:
    """Map frames that lie in one piece but have one page entry (large ImageJ stacks), or None."""
    if len(tif.pages) > 1:
        return None
    page, series = tif.pages[0], tif.series[0]
    if series.dataoffset is None or page.samplesperpixel != 1 or series.size == page.size:
        return None
    dtype = series.dtype.newbyteorder(tif.byteorder)
    shape = (-1, page.imagelength, page.imagewidth)
    flat = np.memmap(path, dtype, "r", offset=series.dataoffset, shape=(series.size,))
    return flat.reshape(shape)


def _map_reader(stored: NDArray[Any], path: Path) -> Callable[[int], Luma]:
    return lambda index: check_array(stored[index], str(path), index)


def _page_reader(tif: Any, path: Path) -> Callable[[int], Luma]:
    def read(index: int) -> Luma:
        try:
            page = tif.pages[index]
            _check_kind(page, path)
            _check_size(page, path)
            array = page.asarray()
        except InputError:
            raise
        except _UNREADABLE as error:
            raise _broken(path, error, f"page {index} of ") from error
        if page.samplesperpixel < 3:
            return check_array(array, str(path), index)
        if page.planarconfig == 1:
            array = np.moveaxis(array, -1, 0)
        if array.shape != (page.samplesperpixel, page.imagelength, page.imagewidth):
            wrong = ValueError(f"its colours have the shape {array.shape}")
            raise _broken(path, wrong, f"page {index} of ")
        return rec601(array[0], array[1], array[2], 8 * array.dtype.itemsize)

    return read


def _check_size(page: Any, path: Path) -> None:
    """Raise `ValueError` if a file so small cannot hold the page, before memory is taken for it."""
    packed = 1 if page.compression == tifffile.COMPRESSION.NONE else _MOST_PACKED
    size = page.size * page.dtype.itemsize
    if not 0 < size <= packed * path.stat().st_size:
        raise ValueError(f"{page.imagewidth}x{page.imagelength} pixels do not fit into it")


def _check_kind(page: Any, path: Path) -> None:
    dtype = page.dtype
    if dtype is None or dtype.kind != "u" or dtype.itemsize > 2 or page.bitspersample < 8:
        raise InputError(
            f"{path} holds samples of type {dtype} with {page.bitspersample} bits; "
            "convert them to grey of 8 or 16 bits, scaled to its full range."
        )
    if page.samplesperpixel not in (1, 3, 4) or page.photometric == tifffile.PHOTOMETRIC.PALETTE:
        kind = getattr(page.photometric, "name", "of an unknown kind")
        raise InputError(
            f"{path} has {page.samplesperpixel} samples a pixel ({kind}); "
            "convert it to grey or RGB of 8 or 16 bits."
        )


def _broken(path: Path, error: Exception, part: str = "") -> InputError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if isinstance(error, TypeError | AttributeError | LookupError | ArithmeticError):
        reason = "its structure is damaged"  # and their words are for programmers
    return InputError(
        f"{part}{path} cannot be read as TIFF ({reason.rstrip('.')}); "
        "save it again as an uncompressed grey TIFF."
    )
