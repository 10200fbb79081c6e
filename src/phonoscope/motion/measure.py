"""Frames to motion: the first look, then one pass."""

import math
from collections.abc import Callable, Container, Generator, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError
from phonoscope.motion.cells import Grid, places
from phonoscope.motion.engine import Engine
from phonoscope.motion.look import first_look, frames_to_look_at
from phonoscope.motion.packing import PackedSegment
from phonoscope.motion.processor import PROCESSOR
from phonoscope.motion.reference import Reference
from phonoscope.motion.run import nothing_known, released
from phonoscope.motion.segment import Poses, Segment, Subject, Target, segment_frames
from phonoscope.motion.workers import measured_segments
from phonoscope.types import GLOBAL, Cells, Frame, Luma, NoiseModel, Shutter, Stretches

TargetT = TypeVar("TargetT", bound=Target, covariant=True)
_FEWEST_FRAMES = 4
_LARGEST_PICTURE = 1_000_000  # pixels


class Spread(Protocol):
    """Measures segments of a video by other machines."""

    def __call__(
        self, subject: Target, stretches: Stretches, size: int, done: Container[int],
        known: Callable[[int], Poses], progress: Callable[[int], None] | None,
    ) -> Generator[PackedSegment, None, None]:  # fmt: skip
        """Yield the segments, of `size` frames each, that are not done, as they become so."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """A measurement under way: what is known after the first look, and what is to be measured.

    Attributes
    ----------
    cells, noise
        As in `phonoscope.types.MotionField`.
    reference_frames
        Number of frames whose mean is the reference.
    picture
        As in `phonoscope.types.MotionField`.
    segment_frames
        Number of frames of the source in a segment.
    """

    cells: Cells
    noise: NoiseModel
    reference_frames: int
    picture: NDArray[np.uint8]
    segment_frames: int
    _subject: Target
    _frames: Generator[Frame, None, None]
    _stretches: Stretches | None
    _workers: int

    def segments(
        self,
        done: Container[int] = (),
        *,
        known: Callable[[int], Poses] = nothing_known,
        progress: Callable[[int], None] | None = None,
    ) -> Generator[Segment, None, None]:
        """Measure the frames, and yield the segments as they are done, in any order; once only.

        Parameters
        ----------
        done
            Numbers of segments that are left out, because they have been measured before.
        known
            Returns where such a segment last saw the picture: its `Segment.poses`.
        progress
            Called with the number of frames that have been measured by this call.
        """
        return measured_segments(
            self._subject, self._frames, self._stretches if self._workers > 1 else None,
            self.segment_frames, self._workers, done, known, progress,
        )  # fmt: skip

    def spread(
        self,
        by: Spread,
        done: Container[int] = (),
        *,
        known: Callable[[int], Poses] = nothing_known,
        progress: Callable[[int], None] | None = None,
    ) -> Generator[PackedSegment, None, None]:
        """Have others do what `segments` does; its `stretches` must be such as they can read."""
        assert self._stretches is not None
        self._frames.close()
        return by(self._subject, self._stretches, self.segment_frames, done, known, progress)


@dataclass(frozen=True, slots=True, eq=False)
class Look(Generic[TargetT]):
    """What the first frames tell; attributes as in `Measurement`, and what is to be followed."""

    cells: Cells
    noise: NoiseModel
    reference_frames: int
    picture: NDArray[np.uint8]
    subject: TargetT


Looking = Callable[[Sequence[Frame], Sequence[Grid], int, Shutter, Engine], Look[Target]]
"""Learns from the first frames; parameters and errors are those of `look_at`."""


def look_at(
    held: Sequence[Frame], grids: Sequence[Grid], bits: int, shutter: Shutter,
    engine: Engine = PROCESSOR,
) -> Look[Subject]:  # fmt: skip
    """Learn from the first frames; parameters and errors are those of `measure_frames`."""
    require_frames(held)
    lumas = [frame.luma for frame in held]
    references = [first_look(lumas, grid, 2**bits - 1, engine) for grid in grids]
    return Look(
        cells=places(grids, shutter, lumas[0].shape[0]),
        noise=_mean_noise(references),
        reference_frames=int(min(reference.averaged for reference in references)),
        picture=for_people(lumas[0], bits),
        subject=Subject.of(grids, references, engine),
    )


def require_frames(held: Sequence[Frame]) -> None:
    """Raise `InputError` if there are too few frames to learn from."""
    if len(held) < _FEWEST_FRAMES:
        raise InputError(
            f"there {'is 1 frame' if len(held) == 1 else f'are {len(held)} frames'} only, and "
            f"motion needs at least {_FEWEST_FRAMES}; give a longer video or range."
        )


def measure_frames(
    frames: Iterable[Frame],
    grids: Sequence[Grid],
    *,
    bits: int,
    shutter: Shutter = GLOBAL,
    stretches: Stretches | None = None,
    workers: int = 1,
    engine: Engine = PROCESSOR,
    look_at: Looking = look_at,
) -> Measurement:
    """Measure how each cell of `grids` moves through `frames`.

    The first frames, as many as fit 40 MB, are held to learn the reference and the noise; the
    rest stream by. Memory does not grow with the length of the video.

    Parameters
    ----------
    frames
        In order, all of one size.
    grids
        From `phonoscope.motion.cut`, or `cut_rows` for a rolling shutter.
    bits
        Significant bits of a pixel.
    shutter
        How the sensor is read.
    stretches
        How to read parts of the same frames by themselves, if that is possible.
    workers
        How many threads read and measure stretches; if there are none, the threads for pixels
        share the work on each frame.
    engine
        What goes over the pixels.
    look_at
        Learns from the first frames what is to be followed, and how: `look_at` the texture of
        surfaces, or `phonoscope.motion.speckle_at`.

    Raises
    ------
    InputError
        If there are fewer than 4 frames, or nothing in them shows motion.
    """
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        raise InputError("there are no frames in the chosen range; choose another range.")
    height, width = first.luma.shape
    count = frames_to_look_at(width, height, first.luma.itemsize)
    held = _copied(chain([first], islice(stream, count - 1)), count, first.luma)
    look = look_at(held, grids, bits, shutter, engine)
    return Measurement(
        cells=look.cells,
        noise=look.noise,
        reference_frames=look.reference_frames,
        picture=look.picture,
        segment_frames=segment_frames(width, height),
        _subject=look.subject,
        _frames=released(held, stream),
        _stretches=stretches,
        _workers=workers,
    )


def for_people(luma: Luma, bits: int) -> NDArray[np.uint8]:
    """Return a picture for people to look at, of at most a megapixel, in 8 bits."""
    factor = math.ceil(math.sqrt(luma.size / _LARGEST_PICTURE))
    height, width = (side // factor * factor for side in luma.shape)
    blocks = luma[:height, :width].reshape(height // factor, factor, width // factor, factor)
    grey = blocks.mean(axis=(1, 3)) * (255 / (2**bits - 1))
    return np.asarray((grey + 0.5).astype(np.uint8))


def _copied(frames: Iterable[Frame], most: int, like: Luma) -> list[Frame]:
    # Copies of the luma alone let the decoder have its frames, chroma and all, back. One array for
    # all goes back to the system as one, where many small ones leave holes.
    lumas = np.empty((most, *like.shape), like.dtype)
    held = []
    for own, frame in zip(lumas, frames, strict=False):
        own[:] = frame.luma
        held.append(Frame(frame.index, frame.time_s, own))
    return held


def _mean_noise(references: Sequence[Reference]) -> NoiseModel:
    level = np.unique(np.concatenate([r.noise.level for r in references]))
    return NoiseModel(level, np.mean([r.noise.at(level) for r in references], axis=0))
