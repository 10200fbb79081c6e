"""One device of PyTorch as an engine."""

import threading
from collections.abc import Sequence

import torch

from phonoscope.motion.cells import Grid
from phonoscope.motion.engine import Bender
from phonoscope.motion.gpu.bend import TorchBender
from phonoscope.motion.gpu.lane import Lane, module_of
from phonoscope.motion.gpu.phases import TorchComparer
from phonoscope.motion.gpu.sums import TorchProjector
from phonoscope.motion.lattice import Lattice
from phonoscope.motion.steerable import Complex64, Pyramid
from phonoscope.types import Float32


class TorchEngine:
    """See `phonoscope.motion.engine.Engine`.

    Each thread has a lane of its own to the device; all share its default stream for computing.
    """

    apart = True

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._own = threading.local()

    @property
    def name(self) -> str:
        """The device, what it is, and by which PyTorch it is driven."""
        module = module_of(self.device)
        what = "" if module is None else f"{module.get_device_name(self.device)}, "
        return f"{self.device} ({what}PyTorch {torch.__version__})"

    def lane(self) -> Lane:
        """Return this thread's own lane."""
        lane: Lane | None = getattr(self._own, "lane", None)
        if lane is None:
            lane = self._own.lane = Lane(self.device)
        return lane

    def projector(self, weights: Float32, grid: Grid) -> TorchProjector:
        return TorchProjector(self.lane, weights, grid)

    def comparer(self, pyramid: Pyramid, reference: Sequence[Complex64]) -> TorchComparer:
        return TorchComparer(self.lane(), pyramid, reference)

    def bender(self, lattice: Lattice, gain: float, bits: int) -> Bender:
        return TorchBender(self.lane(), lattice, gain, bits)
