"""Room for a motion field that is gone through some thirty times, unpacked."""

import tempfile
import weakref
from collections.abc import Iterable, Sequence
from itertools import accumulate
from mmap import ACCESS_READ, ALLOCATIONGRANULARITY, mmap
from typing import Any

import numpy as np

from phonoscope.errors import OutputError
from phonoscope.types import Float32

_HELD_BYTES = 64 * 2**20


class Scratch(Sequence[Float32]):
    """Blocks of one width: in memory if they are few, else in a file that has no name.

    Parameters
    ----------
    samples
        Number of samples in each block.
    columns
        Numbers in a sample.
    """

    def __init__(self, samples: Sequence[int], columns: int) -> None:
        self._shapes = [(n, columns) for n in samples]
        sizes = (-(-4 * n * columns // ALLOCATIONGRANULARITY) for n in samples)
        self._starts = [n * ALLOCATIONGRANULARITY for n in accumulate(sizes, initial=0)]
        self._held: list[Float32] = [np.empty((0, columns), np.float32)] * len(samples)
        self._file: Any = None
        if self._starts[-1] > _HELD_BYTES:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this
            weakref.finalize(self, self._file.close)

    def __len__(self) -> int:
        return len(self._shapes)

    def __getitem__(self, number: int) -> Float32:  # type: ignore[override] # one at a time
        """Return a ``(sample, column)`` block, not to be written to; any thread may ask."""
        if self._file is None:
            return self._held[number]
        samples, columns = self._shapes[number]
        # Mapped block by block, for as long as each is looked at: nothing is copied, and no more
        # is held in memory than that.
        content = mmap(
            self._file.fileno(), 4 * samples * columns, access=ACCESS_READ,
            offset=self._starts[number],
        )  # fmt: skip
        return np.frombuffer(content, np.float32).reshape(samples, columns)

    def fill(self, blocks: Iterable[Float32]) -> None:
        """Put blocks there, the first one first; each may be made of what is there already.

        Raises
        ------
        OutputError
            If the disk is full.
        """
        for number, block in enumerate(blocks):
            if self._file is None:
                self._held[number] = block
                continue
            try:
                self._file.seek(self._starts[number])
                self._file.write(block.data)
                self._file.flush()
            except OSError as error:
                raise OutputError(
                    f"there is no room for {self._starts[-1] / 1e9:.1f} GB in the folder for "
                    f"temporary files, {tempfile.gettempdir()} ({error.strerror}); free some, or "
                    "name another folder in the environment variable TMPDIR."
                ) from error
