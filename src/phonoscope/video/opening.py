"""Find the backend for a source."""

import glob
import os
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError, InputNotFoundError, UsageError
from phonoscope.remote import is_url, remote_file
from phonoscope.video import images, lab, tiff
from phonoscope.video.arrays import open_array, open_npy
from phonoscope.video.container import ContainerVideo
from phonoscope.video.contract import Video
from phonoscope.video.indexed import IndexedVideo, StreamVideo
from phonoscope.video.rate import Rate, no_clock, parse_rate
from phonoscope.video.window import Window

Source = str | os.PathLike[str] | NDArray[Any] | Iterable[NDArray[Any]]


def open_video(
    source: Source, *, fps: Rate | None = None, start: Rate = 0.0, duration: Rate | None = None
) -> Video:
    """Open frames of any kind for reading; the source is never written to.

    Parameters
    ----------
    source
        Path of a video file; of a recording of a laboratory's camera (``.cine``, ``.cih``,
        ``.cihx``, ``.mraw``); of a SER, FITS or HDF5 file (``"x.h5::/name"`` is a dataset in one);
        of a folder of images, or a pattern such as ``"frames/*.png"`` (frame2 comes before
        frame10); of a multi-page TIFF; of a ``.npy`` file ``(frames, height, width)``, which is
        mapped and not loaded; or such an array; or any iterable of 2-D arrays. Arrays are uint8 or
        uint16. Or the address of a video file, such as ``"https://host/clip.mp4"`` or
        ``"s3://bucket/clip.mp4"``, of which only what is needed is fetched.
    fps
        Rate at which the camera recorded, frames/s, exact: ``2200``, ``59.94`` or
        ``"30000/1001"``. It wins over what a file says of itself; sources without a clock (images,
        arrays) need it.
    start, duration
        The stretch to read, in seconds of capture time: frames with
        ``start <= time < start + duration``. Frames keep their index and time in the source.

    Returns
    -------
    Video
        Its `facts` are known at once; frames are decoded as it is iterated, which can be done
        repeatedly unless the source is an iterator.

    Raises
    ------
    UsageError
        If `fps` is missing where nothing else tells it, or is not above 0; if the stretch is
        negative, empty, or reaches beyond the end (where only reading finds the end, iterating
        raises this).
    InputNotFoundError
        If the path does not exist or the pattern matches nothing.
    InputUnreachableError
        If an address cannot be reached now.
    InputError
        If nothing can be measured from the source: it is damaged, holds no pictures, or holds
        samples of a kind that has no luma.

    Notes
    -----
    Luma is taken as stored: full or limited range alike, never rescaled. Colours without luma (RGB)
    become ``77 R + 150 G + 29 B`` (Rec. 601) in 16 bits. Timestamps count only where they show
    an uneven rate by clearly more than their own rounding; else frame n was taken at n / rate.

    Examples
    --------
    >>> import numpy as np
    >>> with open_video(np.zeros((3, 8, 8), np.uint8), fps=2200) as video:
    ...     [str(frame.time_s) for frame in video]
    ['0', '1/2200', '1/1100']
    """
    rate = None if fps is None else parse_rate(fps)
    window = Window.parse(start, duration)
    if is_url(source):
        return _open_url(source, window, rate)
    if isinstance(source, str | os.PathLike):
        video = _open_path(Path(source), window, rate)
        if isinstance(video, IndexedVideo):
            video.again = partial(_open_indexed, Path(source).absolute(), window, rate)
        return video
    if isinstance(source, np.ndarray):
        return open_array(source, window, _required(rate, "an array"), "array")
    if isinstance(source, Iterable) and not isinstance(source, bytes | bytearray):
        return StreamVideo(source, window, _required(rate, "an iterable of arrays"))
    raise UsageError(
        f"a {type(source).__name__} is no source of frames; give a path, an array "
        "(frames, height, width), or an iterable of (height, width) arrays."
    )


def _open_url(url: str, window: Window, rate: Fraction | None) -> Video:
    place = remote_file(url)
    on_disk = (".npy", ".motion", *tiff.SUFFIXES, *images.SUFFIXES, *lab.HDF5_SUFFIXES, *_LAB)
    if place.suffix.lower() in on_disk:
        raise InputError(
            f"{place} is read from disk only, of addresses video files are; download it first, and "
            "give its path."
        )
    return ContainerVideo(place, rate, window)


def _open_indexed(path: Path, window: Window, rate: Fraction | None) -> IndexedVideo:
    video = _open_path(path, window, rate)
    assert isinstance(video, IndexedVideo)  # it was one where it was opened first
    return video


def _open_path(path: Path, window: Window, rate: Fraction | None) -> Video:
    name = str(path)
    if path.is_dir():
        found = images.select_images(list(path.iterdir()), f"the folder {name}")
        return images.open_images(found, window, _required(rate, name), name)
    file, dataset = lab.split_dataset(path)
    if not file.exists():
        return _open_pattern(path, window, rate)
    _check_readable(file)
    suffix = file.suffix.lower()
    if suffix in lab.HDF5_SUFFIXES:
        return lab.open_hdf5(file, dataset, window, rate)
    if suffix in _LAB:
        return _LAB[suffix](path, window, rate)
    if suffix == ".npy":
        return open_npy(path, window, _required(rate, name))
    if suffix in tiff.SUFFIXES:
        return tiff.open_tiff(path, window, _required(rate, name))
    if suffix in images.SUFFIXES:
        return images.open_images([path], window, _required(rate, name), name)
    return ContainerVideo(path, rate, window)


_LAB: dict[str, Callable[[Path, Window, Fraction | None], Video]] = {
    ".cine": lab.open_cine,
    **dict.fromkeys((".cih", ".cihx", ".mraw"), lab.open_photron),
    ".ser": lab.open_ser,
    **dict.fromkeys((".fits", ".fit", ".fts"), lab.open_fits),
}


def _open_pattern(path: Path, window: Window, rate: Fraction | None) -> Video:
    name = str(path)
    if not glob.has_magic(name):
        hint = "check the path"
        if ":/" in name:
            hint = "give an address on the net as text, such as https://host/clip.mp4"
        raise InputNotFoundError(f"{name} does not exist; {hint}.")
    matches = [Path(match) for match in glob.glob(name, recursive=True)]  # noqa: PTH207
    if not matches:
        raise InputNotFoundError(f"no file matches {name}; check the folder and the pattern.")
    found = images.select_images(matches, f"the pattern {name}")
    return images.open_images(found, window, _required(rate, name), name)


def _required(rate: Fraction | None, name: str) -> Fraction:
    if rate is None:
        raise no_clock(name)
    return rate


def _check_readable(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"{path} is not a regular file; give a video file or a folder of images.")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); check its permissions."
        ) from error
    if empty:
        raise InputError(f"{path} is empty (0 bytes); record or copy it again.")
