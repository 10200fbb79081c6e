"""Account of a live sound: how late it was, what was filled in, and when there was anything."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from phonoscope.pipeline.record import decibels
from phonoscope.types import LiveBlock

_BIN_S = 1e-3
_BINS = 20_000


class Account:
    """Memory that does not grow with time, but for what is out of the ordinary."""

    def __init__(self) -> None:
        self._late = np.zeros(_BINS, np.int64)
        self._longest_s = 0.0
        self._samples = self._filled = 0
        self._stretches: list[list[int]] = []
        self._audible_s: list[list[float]] = []
        self._loudest: LiveBlock | None = None

    def add(self, block: LiveBlock, length_s: float, *, settled: bool) -> None:
        """Enter a block; `settled` is whether its latency counts."""
        if settled:
            self._late[min(int(block.latency_s / _BIN_S), _BINS - 1)] += 1
            self._longest_s = max(self._longest_s, block.latency_s)
        self._enter_filled(~block.measured)
        if block.verdict is not None and block.verdict.detected:
            end = block.time_s + length_s
            if self._audible_s and abs(self._audible_s[-1][1] - block.time_s) < length_s / 2:
                self._audible_s[-1][1] = end
            else:
                self._audible_s.append([block.time_s, end])
            if self._loudest is None or block.snr_db > self._loudest.snr_db:
                self._loudest = block

    def _enter_filled(self, filled: NDArray[np.bool_]) -> None:
        self._filled += int(filled.sum())
        edges = np.diff(np.concatenate([[0], filled, [0]]).astype(np.int8))
        starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
            first, last = self._samples + start, self._samples + stop - 1
            if self._stretches and self._stretches[-1][1] == first - 1:
                self._stretches[-1][1] = last
            else:
                self._stretches.append([first, last])
        self._samples += len(filled)

    @property
    def detected(self) -> bool:
        """Whether there was any sound at any time."""
        return self._loudest is not None

    def latency(self) -> dict[str, float | None]:
        """Return how late blocks were, in all that count, s."""
        count = int(self._late.sum())
        if not count:
            return {"median": None, "p99": None, "max": None}
        up_to = np.cumsum(self._late)
        median, p99 = (
            float(np.searchsorted(up_to, share * count) * _BIN_S) for share in (0.5, 0.99)
        )
        return {"median": median, "p99": p99, "max": round(self._longest_s, 4)}

    def record(self) -> dict[str, Any]:
        """Return all of it, ready for JSON."""
        loudest = self._loudest
        return {
            "detected": self.detected,
            "audible_s": [[round(t, 3) for t in stretch] for stretch in self._audible_s],
            "snr_db": None if loudest is None else decibels(loudest.snr_db),
            "noise_floor_px": None if loudest is None else loudest.noise_floor_px,
            "motion_rms_px": 0.0 if loudest is None else loudest.motion_rms_px,
            "measured_share": round(1 - self._filled / max(self._samples, 1), 6),
            "interpolated_samples": [list(stretch) for stretch in self._stretches],
            "latency_s": self.latency(),
        }
