"""What goes over the pixels: compiled loops on the processor, or PyTorch on a device.

Three passes touch every pixel of every frame: the weighted sums of cells, the phases of the
published method, and the bending of magnified frames. An `Engine` makes what does each of them, all
in the same way: work is begun, so that more can be begun meanwhile, and its result asked for later.
Nothing else knows on what it is done.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from phonoscope.motion.cells import Grid
from phonoscope.motion.lattice import Lattice
from phonoscope.motion.steerable import Complex64, Pyramid
from phonoscope.types import Float32, Float64, Luma

T_co = TypeVar("T_co", covariant=True)

Summed = Callable[[slice, Float32], None]
"""Called with frames by their numbers, and their ``(frame, 3, cell)`` sums; by any thread."""
Bender = Callable[[Iterable[tuple[Luma, Float64]]], Iterator[Luma]]
"""From frames, each with the ``(2, row, column)`` nodes of its bend, to magnified frames."""


class Begun(Protocol[T_co]):
    """Work that has begun."""

    def result(self) -> T_co:
        """Wait for it; raises what it raised."""


class Projector(Protocol):
    """Sums each cell's pixels under three weight images."""

    def begin(self, frames: Sequence[Luma], then: Summed) -> Sequence[Begun[object]]:
        """Begin with whole frames; `then` has been called for all when the results are there."""


class Comparer(Protocol):
    """Compares pictures with a reference by a pyramid's phases."""

    @property
    def together(self) -> int:
        """How many pictures it takes best at once."""

    def begin(self, images: Sequence[Luma]) -> Begun[Float64]:
        """Begin with ``(height, width)`` pictures; the result is ``(image, band)`` in rad."""


class Engine(Protocol):
    """What goes over the pixels."""

    @property
    def name(self) -> str:
        """For the record."""

    @property
    def apart(self) -> bool:
        """Whether it works while the thread that has begun does something else."""

    def projector(self, weights: Float32, grid: Grid) -> Projector:
        """Return what sums under ``(3, height, width)`` weights over the grid's region."""

    def comparer(self, pyramid: Pyramid, reference: Sequence[Complex64]) -> Comparer:
        """Return what compares with a reference's `coefficients` in each band."""

    def bender(self, lattice: Lattice, gain: float, bits: int) -> Bender:
        """Return what makes the motion of frames larger; see `phonoscope.motion.magnified`."""
