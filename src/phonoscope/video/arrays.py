"""Arrays of frames: in memory, or a .npy file that is mapped and never loaded."""

import contextlib
import tokenize
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError
from phonoscope.video.indexed import IndexedVideo, array_facts, check_array
from phonoscope.video.rate import candidates_of
from phonoscope.video.window import Window

# NumPy reads a header as Python, and an archive by its first bytes.
_DAMAGED = (
    ValueError, EOFError, TypeError, LookupError, SyntaxError, tokenize.TokenError, ArithmeticError,
    RecursionError, zipfile.BadZipFile,
)  # fmt: skip


def open_array(
    array: NDArray[Any], window: Window, rate: Fraction, name: str, kind: str = "array"
) -> IndexedVideo:
    """Return an array ``(frames, height, width)`` as a video; raise `InputError` if it is none."""
    if array.ndim != 3 or 0 in array.shape:
        raise InputError(
            f"{name} has shape {array.shape}; give (frames, height, width) of luma, "
            "for a colour array for example its mean over the colours."
        )
    like = check_array(array[0], name, 0)
    bits = 8 * like.dtype.itemsize
    facts = array_facts(name, kind, f"gray{bits}", like, bits, len(array), candidates_of(rate))
    return IndexedVideo(
        facts,
        len(array),
        window,
        lambda: contextlib.nullcontext(lambda index: check_array(array[index], name, index)),
        lambda index: f"frame {index} of {name}",
    )


def open_npy(path: Path, window: Window, rate: Fraction) -> IndexedVideo:
    """Map a .npy file read-only."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            array.close()
            raise ValueError("it is an archive of arrays")
    except _DAMAGED as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise InputError(
            f"{path} cannot be read as a .npy array ({reason}); save it again with numpy.save, "
            "as uint8 or uint16 of shape (frames, height, width)."
        ) from error
    return open_array(array, window, rate, str(path), "npy")
