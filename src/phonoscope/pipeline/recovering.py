"""From a motion field to sound, and from a calibration recording to a response."""

import importlib
import os
import threading
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from numpy.typing import ArrayLike

from phonoscope.audio import read_audio, resample
from phonoscope.choices import Direction, Kind, Mains, Method, Pattern, ShutterKind, Weights
from phonoscope.errors import UsageError
from phonoscope.pipeline.measuring import motion_in_time
from phonoscope.pipeline.published import Pyramid, recover_by_pyramid
from phonoscope.pipeline.record import exposure_of, place_of, record_of
from phonoscope.pipeline.request import (
    AnyRegion,
    Progress,
    Rate,
    Reading,
    Request,
    parse_duration,
)
from phonoscope.pipeline.shutter import doubts
from phonoscope.sound import (
    Response,
    check_polish,
    listen,
    measure_response,
    polish,
    read_response,
    without_exposure,
)
from phonoscope.types import MotionField, Sound

_File = str | os.PathLike[str]


def recover(
    source: Any,
    *,
    fps: Rate | None = None,
    region: AnyRegion | Sequence[AnyRegion] = (),
    band: tuple[float, float] | str | None = None,
    cell: int | None = None,
    start: float = 0.0,
    duration: float | None = None,
    shutter: ShutterKind | None = None,
    line_delay: float | str | None = None,
    readout: float | str | None = None,
    direction: Direction | None = None,
    enhance: Kind | None = None,
    mains: Mains = "auto",
    equalize: Response | _File | None = None,
    exposure: float | str | None = None,
    separate: bool = False,
    method: Method = "array",
    scales: int = 4,
    orientations: int = 2,
    weights: Weights = "equal",
    pattern: Pattern = "texture",
    device: str = "cpu",
    fingerprint: bool = False,
    kept: _File | None = None,
    dask: str | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Sound:
    """Recover the sound that a video has seen.

    Parameters
    ----------
    source
        Anything that `measure` takes, or a motion file, or a `MotionField`: then there is no video
        to go through, and the sound comes in a moment.
    band
        Lowest and highest frequency to keep, Hz: ``(80, 1000)`` or ``"80,1000"``. By default from
        20 Hz to half the capture rate; 80 to 2000 Hz with a rolling shutter that takes long.
    shutter, line_delay, readout, direction
        As in `measure`. A motion file that was measured with a rolling shutter can be listened to
        with another line delay.
    enhance
        Make a version that is easier to listen to beside the measured one: ``"speech"``, or
        ``"general"`` for all else. It is `Sound.enhanced`.
    mains
        Lines of the mains and their harmonics to remove from the enhanced version: ``"auto"`` those
        that are detected, ``"50"``, ``"60"`` or ``"off"``. ``"50"`` and ``"60"`` make an enhanced
        version of their own if `enhance` is None.
    equalize
        Response of the object, from `calibrate_response`, or the file that holds it: its colour is
        taken off. That is `Sound.equalized`.
    exposure
        Time for which each frame, or row, was exposed, s (or ``"1/2000"``, ``"0.5ms"``): what it
        took from the high frequencies is told in the record, and given back where the noise
        allows. That is `Sound.equalized`, too.
    separate
        Also tell independent sources apart: `Sound.sources`.
    method
        ``"array"``, or ``"pyramid"`` for the method of Davis et al. (2014,
        doi:10.1145/2601097.2601119), a yardstick that has no verdict and needs the video.
    scales, orientations, weights
        Of the pyramid method: octaves, directions, and ``"equal"`` weights of its bands as
        published or ``"optimal"`` ones for a rigid motion.
    kept
        File in which what is measured is kept until this is done: if it is cut off, by whatever,
        the next call with the same arguments goes on from there. By default it is lost then.
    fps, region, cell, start, duration, pattern, device, fingerprint, dask, workers, progress
        As in `measure`; both methods take the device. The cell of a motion field was chosen when it
        was measured, and so was whether to take the fingerprint.

    Returns
    -------
    Sound
        As measured, and equalised, separated and enhanced where that was asked for. Its
        `verdict` says whether there is any sound, its `record` holds every fact of the result.

    Raises
    ------
    UsageError, InputError, ClusterError
        As in `measure`; also if the band is not within 0 Hz and half the capture rate, or an option
        does not go with the method.
    """
    request = Request.checked(
        source, fps, region, cell, start, duration,
        band=band, fingerprint=fingerprint, progress=progress,
        reading=Reading.checked(shutter, line_delay, readout, direction), kept=kept, device=device,
        dask=dask, workers=workers, pattern=pattern,
    )  # fmt: skip
    exposed = None if exposure is None else parse_duration("exposure", exposure)
    if exposed is not None and equalize is not None:
        raise UsageError(
            "the response of an object holds what the exposure takes already; give equalize or "
            "exposure."
        )
    check_polish(enhance, mains)
    polished = enhance is not None or mains in ("50", "60")
    if method == "pyramid":
        if pattern == "speckle":
            raise UsageError(
                "the pyramid method compares every frame with the first, and speckle becomes "
                "another pattern; take the method array."
            )
        if request.reading.shutter == "rolling":
            raise UsageError(
                "the pyramid method takes each frame for one instant; for a rolling shutter take "
                "the method array."
            )
        if request.cluster is not None:
            raise UsageError(
                "the pyramid method follows phases from frame to frame and cannot be spread over "
                "workers; leave dask and workers out, or take the method array."
            )
        if polished or separate or equalize is not None or exposed is not None:
            raise UsageError(
                "the pyramid method has one channel, of unknown noise: it cannot enhance, equalise "
                "or separate; leave that out, or take the method array."
            )
        if request.stored or isinstance(source, MotionField):
            raise UsageError("the pyramid method needs the video itself; give the video.")
        return recover_by_pyramid(request, Pyramid(scales, orientations, weights))
    if method != "array":
        raise UsageError(f"method {method!r} is not known; give array or pyramid.")
    response = read_response(equalize) if isinstance(equalize, str | os.PathLike) else equalize
    more: dict[str, Any] = {}
    if equalize is not None:
        more["equalize"] = "a response" if isinstance(equalize, Response) else str(equalize)
    if request.stored or isinstance(source, MotionField):
        more["listened"] = {
            "region": [str(region) for region in request.regions],
            "start_s": request.start,
            "duration_s": request.duration,
        }
    _load_ahead()
    with motion_in_time(request) as field:
        if field.facts.shutter.rolling:
            field = replace(field, warnings=(*field.warnings, *doubts(field)))
        sound = listen(field, band=request.band, response=response, separate=separate)
        if exposed is not None:
            more["exposure"] = exposure_of(exposed, field.facts, sound.band_hz)
            sound = without_exposure(sound, exposed)
        place = place_of(field.facts, field.blocks[0].time_s[0])
        sound = replace(
            sound,
            place=place,
            sources=tuple(replace(one, place=place) for one in sound.sources),
            record=record_of(field, sound, **more),
        )
    return polish(sound, enhance, mains) if polished else sound


def _load_ahead() -> None:
    # SciPy's signal room takes a second or two to import, which measuring need not wait for.
    threading.Thread(
        target=importlib.import_module, args=("scipy.signal",), name="phonoscope-load", daemon=True
    ).start()


def calibrate_response(
    source: Any,
    known: tuple[ArrayLike, Fraction | float] | _File,
    *,
    fps: Rate | None = None,
    region: AnyRegion | Sequence[AnyRegion] = (),
    band: tuple[float, float] | str | None = None,
    cell: int | None = None,
    start: float = 0.0,
    duration: float | None = None,
    progress: Progress | None = None,
) -> Response:
    """Measure how an object hears, from a recording of it while a known sound was played.

    Parameters
    ----------
    source
        As in `recover`: the calibration recording, of the same object in the same picture as the
        clips to be equalised.
    known
        The sound that was played, noise or a chirp over the whole band: an audio file, or samples
        and their rate in Hz. It may start earlier or later than the recording.
    fps, region, band, cell, start, duration, progress
        As in `recover`.

    Returns
    -------
    Response
        For `recover` with ``equalize``; its `write` keeps it in a file.

    Raises
    ------
    SilenceError
        If nothing was heard.
    UsageError, InputError
        As in `recover`.
    """
    # A response is used with a global shutter only, whatever the file says of its own.
    request = Request.checked(
        source, fps, region, cell, start, duration, band=band, progress=progress,
        reading=Reading(shutter="global"),
    )  # fmt: skip
    samples, rate = read_audio(known)[:2] if isinstance(known, str | os.PathLike) else known
    with motion_in_time(request) as field:
        return measure_response(field, resample(samples, rate, field.rate_hz), request.band)
