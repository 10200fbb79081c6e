"""The published method's measurement: local phase in a complex steerable pyramid.

Each frame is split into bands of one octave and one orientation, whose coefficients are complex. A
shift of the picture turns their phases. In each band the phase differences from the reference,
weighted by squared amplitude, are averaged over the picture: one signal for each band. Davis et
al., "The visual microphone", ACM TOG 33(4):79 (2014), doi:10.1145/2601097.2601119.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain, islice, pairwise

import numpy as np

from phonoscope.errors import InputError, UsageError
from phonoscope.motion.engine import Begun, Engine
from phonoscope.motion.processor import PROCESSOR
from phonoscope.motion.steerable import (
    Complex64,
    Pyramid,
    build_pyramid,
    coefficients,
    frequencies,
    spectrum,
)
from phonoscope.types import BandMotion, Float64, Frame, Luma, NoiseModel, Region

_NOISE_FRAMES = 16
_LEAST_VARIANCE = 1 / 12  # rounding to whole values
_SEEN = 1.2  # power of a band over what noise alone leaves in it


def measure_bands(
    frames: Iterable[Frame],
    *,
    rate_hz: Fraction,
    region: Region | None = None,
    scales: int = 4,
    orientations: int = 2,
    reference_frames: int = 1,
    noise: NoiseModel | None = None,
    engine: Engine = PROCESSOR,
    progress: Callable[[int], None] | None = None,
) -> BandMotion:
    """Measure how each band's local phase moves through `frames`.

    Memory does not grow with the length of the video, but for the result.

    Parameters
    ----------
    frames
        In order, all of one size, ``(height, width)`` uint8 or uint16.
    rate_hz
        Frames a second at which they were recorded.
    region
        Part of the frame to listen to; None for all of it.
    scales, orientations
        See `build_pyramid`.
    reference_frames
        How many of the first frames are averaged to be the reference; the published method takes
        the first alone.
    noise
        Of the camera. If None, one level for all pixels is taken from the first frames, beyond all
        bands in the corners of the spectrum, where noise is and hardly any picture; noise that a
        codec has smoothed is underrated there.
    engine
        What compares the frames with the reference.
    progress
        Called with the number of frames measured so far.

    Raises
    ------
    InputError
        If there are fewer than 2 frames, the picture is flat, or the region leaves it.
    UsageError
        If a number is not positive, or the scales do not fit into the picture.
    """
    if reference_frames < 1:
        raise UsageError(f"reference_frames is {reference_frames}; give 1 or more.")
    stream = iter(frames)
    held = list(islice(stream, max(reference_frames, _NOISE_FRAMES)))
    if len(held) < 2:
        raise InputError(f"phase needs at least 2 frames and there are {len(held)}; give more.")
    window = _window(held[0].luma, region)
    start = [frame.luma[window] for frame in held]
    pyramid = build_pyramid(*start[0].shape[::-1], scales=scales, orientations=orientations)
    averaged = start[:reference_frames]
    image = np.asarray(np.mean(averaged, axis=0), np.float32)
    variance = (noise or _guess(pyramid, start)).at(image)
    whole = spectrum(pyramid, image)
    wavevector, covariance = _claims(pyramid, whole, variance, len(averaged))
    if not wavevector.any():
        raise InputError(
            f"no texture: the picture is flat (values {start[0].min()} to {start[0].max()}), so no "
            "motion can be seen; choose a region with detail, or film a surface that has some."
        )
    compare = engine.comparer(pyramid, [coefficients(band, whole) for band in pyramid.bands])
    times: list[float] = []
    rows: list[Float64] = []
    waiting: Begun[Float64] | None = None
    for group in _groups(chain(held, stream), compare.together):
        # The next ones are begun before the last are waited for.
        coming = compare.begin([frame.luma[window] for frame in group]) if group else None
        if waiting:
            rows += [*waiting.result()]
            if progress:
                progress(len(rows))
        times += [float(frame.time_s) for frame in group]
        waiting = coming
    return BandMotion(
        phase=np.array(rows),
        scale=np.array([band.scale for band in pyramid.bands]),
        orientation_rad=np.array([band.orientation_rad for band in pyramid.bands]),
        wavevector=wavevector,
        noise_covariance=covariance,
        time_s=np.array(times),
        rate_hz=rate_hz,
    )


def _groups(frames: Iterator[Frame], together: int) -> Iterator[list[Frame]]:
    # The last one is empty.
    while True:
        group = list(islice(frames, together))
        yield group
        if not group:
            return


def _window(luma: Luma, region: Region | None) -> tuple[slice, slice]:
    height, width = luma.shape
    if region is None:
        return slice(0, height), slice(0, width)
    if region.x + region.width > width or region.y + region.height > height:
        raise InputError(
            f"region {region} leaves the picture, which has {width} x {height} px; "
            "choose one inside."
        )
    return slice(region.y, region.y + region.height), slice(region.x, region.x + region.width)


def _guess(pyramid: Pyramid, images: Sequence[Luma]) -> NoiseModel:
    wy, wx = frequencies(pyramid.padded)
    corners = np.hypot(wx, wy[:, None]) > np.pi
    power = [
        float(np.mean(np.abs(spectrum(pyramid, b.astype(np.float32) - a)[corners]) ** 2))
        for a, b in pairwise(images)
    ]
    variance = np.mean(power) / 2 / float(np.sum(pyramid.taper.astype(np.float64) ** 2))
    return NoiseModel(np.array([0.0]), np.array([max(float(variance), _LEAST_VARIANCE)]))


def _claims(
    pyramid: Pyramid, whole: Complex64, variance: Float64, averaged: int
) -> tuple[Float64, Float64]:
    """Return ``(band, 2)`` wavevectors and the ``(band, band)`` noise covariance of the phases.

    For small motion the mean phase is linear in the picture. Its weights on the pixels, and with
    them its noise, and its response to motion follow from the reference.
    """
    from scipy import fft  # slow to import

    height, width = pyramid.shape
    wy, wx = frequencies(pyramid.padded)
    taper = pyramid.taper.astype(np.float64)
    # The reference's own noise has power, too, but moves nowhere.
    floor = float(np.sum(variance * taper**2)) / averaged
    wavevector = np.zeros((len(pyramid.bands), 2))
    weight = np.zeros((len(pyramid.bands), height, width), np.float32)
    for n, band in enumerate(pyramid.bands):
        square = band.response.astype(np.float64) ** 2
        part = whole[band.window].astype(np.complex128)
        power = np.abs(part) ** 2
        total = float(np.sum(square * power))
        if total == 0:
            continue
        rows, columns = band.window
        if total > _SEEN * floor * square.sum():
            excess = square * (power - floor) / total
            wavevector[n] = (excess.sum(axis=0) @ wx[columns], excess.sum(axis=1) @ wy[rows])
        matched = np.zeros(pyramid.padded, np.complex128)
        matched[band.window] = square * part * (matched.size / total)
        own = taper * fft.ifft2(fft.ifftshift(matched)).imag[:height, :width]
        weight[n] = own - taper * (own.sum() / taper.sum())
    flat = weight.reshape(len(weight), -1)
    return wavevector, np.asarray((flat * variance.ravel()) @ flat.T, np.float64)
