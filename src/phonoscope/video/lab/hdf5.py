"""HDF5: the largest stack of images in a file, or the dataset that is named.

``file.h5::/path/of/dataset`` names one. Read by h5py, which comes with ``phonoscope[export]``.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from phonoscope.errors import InputError, MissingExtraError
from phonoscope.files import DATASET_MARK
from phonoscope.types import RateCandidate
from phonoscope.video.indexed import IndexedVideo, Reader, array_facts, check_array
from phonoscope.video.rate import candidates_of
from phonoscope.video.window import Window

SUFFIXES = frozenset({".h5", ".hdf5", ".hdf", ".he5"})
# What h5py raises where a file is damaged.
_UNREADABLE = (OSError, RuntimeError, ValueError, TypeError, LookupError, ArithmeticError)
_RATES = ("fps", "frame_rate", "framerate", "capture_rate", "record_rate", "frames_per_second")
_EXPOSURES = ("exposure_s", "exposure_time", "exposure")
_MOST_CHUNK = 1 << 28  # bytes of a compressed piece, which is unpacked whole


def split_dataset(path: Path) -> tuple[Path, str | None]:
    """Return the file and the name of the dataset in ``file.h5::/name``; None if none is named."""
    file, mark, dataset = str(path).partition(DATASET_MARK)
    if mark and Path(file).suffix.lower() in SUFFIXES:
        return Path(file), dataset
    return path, None


def open_hdf5(
    path: Path, dataset: str | None, window: Window, user: Fraction | None
) -> IndexedVideo:
    """Return a dataset ``(frames, height, width)`` of uint8 or uint16 as a video.

    Raises
    ------
    MissingExtraError
        If h5py is not installed.
    InputError
        If there is no such dataset.
    """
    name = str(path) if dataset is None else f"{path}{DATASET_MARK}{dataset}"
    with _stack(path, dataset, name) as stack:
        like = check_array(_frame(stack, 0, name), name, 0)
        bits = 8 * like.dtype.itemsize
        count = len(stack)
        where = f"of {stack.name} in {path.name}"
        told = [*_told(stack.attrs, where), *_told(stack.file.attrs, f"of {path.name}")]
        exposure_s = _number(stack.attrs, _EXPOSURES) or _number(stack.file.attrs, _EXPOSURES)
    rates = candidates_of(user, *told)
    facts = array_facts(name, "hdf5", f"gray{bits}", like, bits, count, rates)
    if exposure_s is not None:
        facts = replace(facts, exposure_s=float(exposure_s))

    @contextlib.contextmanager
    def open_reader() -> Iterator[Reader]:
        with _stack(path, dataset, name) as stack:
            yield lambda index: check_array(_frame(stack, index, name), name, index)

    return IndexedVideo(facts, count, window, open_reader, lambda index: f"frame {index} of {name}")


@contextlib.contextmanager
def _stack(path: Path, dataset: str | None, name: str) -> Iterator[Any]:
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError(
            "HDF5 files need h5py, which is not installed; pip install 'phonoscope[export]'."
        ) from error
    with contextlib.ExitStack() as stack:
        try:
            file = stack.enter_context(h5py.File(path, "r", locking=False))
            found = _largest(file, h5py) if dataset is None else file.get(dataset)
            suits = isinstance(found, h5py.Dataset) and _suits(found)
            packed = suits and found.chunks is not None
            chunk = int(np.prod(found.chunks)) * found.dtype.itemsize if packed else 0
        except _UNREADABLE as error:
            raise _broken(name, error) from error
        if not suits:
            raise InputError(
                f"{name} holds no stack of images, (frames, height, width) of uint8 or uint16; "
                f"name the dataset as {path}{DATASET_MARK}/images, or convert it."
            )
        if chunk > _MOST_CHUNK:
            raise InputError(
                f"{name} is stored in pieces of {chunk >> 20} MB, which are unpacked whole; store "
                "it again in pieces of one frame."
            )
        yield found


def _largest(file: Any, h5py: Any) -> Any:
    """Return the largest dataset that suits; None if there is none."""
    found: list[Any] = []

    def look(_: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and _suits(item):
            found.append(item)

    file.visititems(look)
    return max(found, key=lambda item: int(item.size), default=None)


def _suits(item: Any) -> bool:
    kind = item.dtype
    return len(item.shape) == 3 and 0 not in item.shape and kind.kind == "u" and kind.itemsize <= 2


def _frame(stack: Any, index: int, name: str) -> Any:
    try:
        return stack[index]
    except _UNREADABLE as error:
        raise _broken(f"frame {index} of {name}", error) from error


def _told(attributes: Any, where: str) -> Iterator[RateCandidate]:
    rate = _number(attributes, _RATES)
    if rate is not None:
        yield RateCandidate(rate, "file", f"the attribute {where}")


def _number(attributes: Any, names: tuple[str, ...]) -> Fraction | None:
    """Return the first number above 0 under one of some names, whatever their case."""
    try:
        known = {key.lower(): key for key in attributes}
        for name in names:
            if name in known:
                value = float(np.asarray(attributes[known[name]]).item())
                if 1e-9 < value < 1e9:
                    return Fraction(repr(value))
    except _UNREADABLE:
        pass  # an attribute that is no number tells nothing
    return None


def _broken(name: str, error: Exception) -> InputError:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return InputError(f"{name} cannot be read as HDF5 ({reason}); copy it again.")
