"""The passes over the pixels on a device, against what its memory and the way to it allow.

python benchmarks/gpu.py [sums] [phases] [bend] [--device cuda] [--repeats 5] [--small]

Frames/s of computing alone (frames lie on the device), of sending alone (from page-locked memory),
and of all that happens in a measurement: frames gathered from ordinary memory, sent and computed on
beside each other, results back. Times are of the device's own events where it has them. Beside them
the same on this machine's processor, by the compiled loops. `--device cpu` is PyTorch on the
processor: it shows that this runs, and no more. `--small` leaves out the large frames.
"""

import argparse
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

import numpy as np

try:
    import torch
except ImportError:
    print("there is no PyTorch here; pip install 'phonoscope[gpu]'.")
    sys.exit()

from phonoscope.motion import Engine, Lattice, cut, default_cell_px
from phonoscope.motion.cells import Grid, places
from phonoscope.motion.gpu import TorchEngine
from phonoscope.motion.gpu.lane import module_of, page_locked
from phonoscope.motion.processor import PROCESSOR
from phonoscope.motion.steerable import build_pyramid, coefficients, spectrum
from phonoscope.types import GLOBAL, Luma

SIZES = ((704, 704), (1920, 1080), (3840, 2160))
SMALL = ((352, 288),)
BITS = (8, 16)
GROUP = 16
GIB = 2**30
GAIN = 20.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=[])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--small", action="store_true")
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        print("there is no graphics card here; --device cpu --small shows that this runs.")
        return
    engine = TorchEngine(torch.device(given.device))
    bench = Bench(engine, given.repeats)
    print(f"{engine.name}; {os.cpu_count()} cores; medians of {given.repeats}")
    bench.limits(2**24 if given.small else GIB)
    parts = {"sums": bench.sums, "phases": bench.phases, "bend": bench.bend}
    for part in given.parts or parts:
        print(f"\n{part}: frames/s")
        print(
            "size       bits | computing  (of memory) | sending  (of the way) |    all  (of the"
            " slower) | processor"
        )
        for width, height in SMALL if given.small else SIZES:
            for bits in BITS:
                parts[part](width, height, bits)


class Bench:
    """One device, its limits, and how they are measured."""

    def __init__(self, engine: TorchEngine, repeats: int) -> None:
        self._engine, self._repeats = engine, repeats
        self._module = module_of(engine.device)
        self._memory = self._way = np.nan

    def limits(self, size: int) -> None:
        """Measure bytes/s of the device's memory, by copying, and of both ways between."""
        source = torch.zeros(size, dtype=torch.uint8, device=self._engine.device)
        target = torch.empty_like(source)
        host = self._host(size)
        self._memory = 2 * size / self.seconds(lambda: target.copy_(source))
        self._way = size / self.seconds(lambda: target.copy_(host, non_blocking=True))
        back = size / self.seconds(lambda: host.copy_(target, non_blocking=True))
        print(
            f"memory {self._memory / 1e9:,.1f} GB/s (read and written), to the device "
            f"{self._way / 1e9:,.1f}, from it {back / 1e9:,.1f}"
        )

    def sums(self, width: int, height: int, bits: int) -> None:
        edge = default_cell_px(width, height)
        (grid,) = cut(width, height, (), edge)
        frames = film(width, height, bits, GROUP)
        weights = np.random.default_rng(1).standard_normal((3, height, width)).astype(np.float32)
        there = self._engine.lane().send(frames).clone()
        project = self._engine.projector(weights, grid)
        # Each frame read once, and the weights once for all of them.
        least = frames[0].nbytes + weights.nbytes / GROUP
        self._row(
            (width, height, bits), frames, least,
            lambda: project.sums(there),
            lambda groups: summed(self._engine, weights, grid, [frames] * groups),
            lambda groups: summed(PROCESSOR, weights, grid, [frames] * groups),
        )  # fmt: skip

    def phases(self, width: int, height: int, bits: int) -> None:
        pyramid = build_pyramid(width, height)
        frames = film(width, height, bits, GROUP)
        whole = spectrum(pyramid, frames[0])
        reference = [coefficients(band, whole) for band in pyramid.bands]
        compare = self._engine.comparer(pyramid, reference)
        frames = frames[: compare.together]
        there = self._engine.lane().send(frames).clone()
        # A frame read, its spectrum and those of the bands written and read again.
        samples = sum(band.samples[0] * band.samples[1] for band in pyramid.bands)
        least = frames[0].nbytes + 16 * (math.prod(pyramid.padded) + samples)

        def compared(engine: Engine) -> Callable[[int], object]:
            own = engine.comparer(pyramid, reference)

            def run(groups: int) -> None:
                waiting: Any = None
                for _ in range(groups):
                    coming = own.begin(frames)
                    if waiting:
                        waiting.result()
                    waiting = coming
                waiting.result()

            return run

        self._row(
            (width, height, bits), frames, least, lambda: compare.phases(there),
            compared(self._engine), compared(PROCESSOR),
        )  # fmt: skip

    def bend(self, width: int, height: int, bits: int) -> None:
        (grid,) = cut(width, height, (), default_cell_px(width, height))
        lattice = Lattice.over(places([grid], GLOBAL, height), width, height)
        bender: Any = self._engine.bender(lattice, GAIN, bits)
        frames = film(width, height, bits, GROUP)[: bender.together]
        random = np.random.default_rng(2)
        nodes = 0.01 * random.standard_normal((len(frames), 2, *lattice.shape))
        there = self._engine.lane().send(frames).clone()
        nodes_there = self._engine.lane().put(nodes.astype(np.float32))
        # A frame read, twice as fine a one written and read, a frame written.
        least = 2 * frames[0].nbytes + 2 * 4 * 4 * width * height

        def bent(engine: Engine) -> Callable[[int], object]:
            own = engine.bender(lattice, GAIN, bits)
            return lambda groups: [None for _ in own([*zip(frames, nodes, strict=True)] * groups)]

        self._row(
            (width, height, bits), frames, least, lambda: bender.bent(there, nodes_there),
            bent(self._engine), bent(PROCESSOR),
        )  # fmt: skip

    def _row(
        self, what: tuple[int, int, int], frames: Sequence[Luma], least: float,
        computing: Callable[[], object], all_of_it: Callable[[int], object],
        processor: Callable[[int], object],
    ) -> None:  # fmt: skip
        number, size = len(frames), sum(frame.nbytes for frame in frames)
        host = self._host(size)
        place = torch.empty(size, dtype=torch.uint8, device=self._engine.device)
        groups = max(2, min(32, GIB // (2 * size))) if self._module else 2
        alone = number / self.seconds(computing)
        sent = number / self.seconds(lambda: place.copy_(host, non_blocking=True))
        both = groups * number / self.seconds(lambda: all_of_it(groups))
        processor(1)
        here = 2 * number / clocked(lambda: processor(2))
        width, height, bits = what
        print(
            f"{width:4} x {height:4} {bits:3} | {alone:9,.0f}  {alone * least / self._memory:10.0%}"
            f"  | {sent:7,.0f}  {sent * size / number / self._way:11.0%}  | {both:6,.0f}"
            f"  {both / min(alone, sent):13.0%}  | {here:9,.0f}",
            flush=True,
        )

    def seconds(self, action: Callable[[], object]) -> float:
        """Return the median time of something, once it has been done."""
        action()
        return median(self._once(action) for _ in range(self._repeats))

    def _once(self, action: Callable[[], object]) -> float:
        if self._module is None:
            return clocked(action)
        device = self._engine.device
        stream = self._module.current_stream(device)
        begun, ended = (self._module.Event(enable_timing=True) for _ in range(2))
        self._module.synchronize(device)
        begun.record(stream)
        action()
        ended.record(stream)
        ended.synchronize()
        return float(begun.elapsed_time(ended)) / 1e3

    def _host(self, size: int) -> torch.Tensor:
        if self._module is None:
            return torch.empty(size, dtype=torch.uint8)
        return page_locked((size,), torch.uint8)


def summed(engine: Engine, weights: Any, grid: Grid, groups: Sequence[Sequence[Luma]]) -> None:
    project = engine.projector(weights, grid)
    waiting: Sequence[Any] = ()
    for frames in groups:
        coming = project.begin(frames, lambda own, sums: None)
        for part in waiting:
            part.result()
        waiting = coming
    for part in waiting:
        part.result()


def film(width: int, height: int, bits: int, count: int) -> list[Luma]:
    random = np.random.default_rng(0)
    kind = np.uint8 if bits == 8 else np.uint16
    return [random.integers(0, 2**bits, (height, width), kind) for _ in range(count)]


def clocked(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
