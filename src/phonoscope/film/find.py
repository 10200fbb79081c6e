"""Where the soundtrack of a film scan lies, and of which kind it is.

What lies beside it betrays itself: holes return at the same lines of every scan, borders never
change, and a picture is wide. A track changes from scan to scan and from line to line. Within it a
line is either of one brightness (density), or clear and dark with a sharp edge (area).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from phonoscope.types import Float64, Luma

TrackKind = Literal["area", "density"]

_REPEATED = 0.6  # correlation of neighbouring scans, line by line, of what returns in each
_ACTIVE = 0.012  # change from scan to scan, of the range of brightness
_NARROW, _WIDE = 0.012, 0.32  # of the width of a scan
_APART = 0.012  # dark gap within a track
_MARGIN = 0.35  # beside what moves, of its width: where the track has not moved yet
_THIN = 0.025  # of the width of a scan: an edge that weaves and leans; holes are wider
_EDGE_PX = 4  # an edge's reach
_STILL = 0.02  # vertical change of a border, of the range
_NEAR_LEVEL = 0.25  # of the way from dark to clear
_BILEVEL = 0.8
_HALVES_ALIKE = 0.6  # correlation of both halves of a density track
_FINE = 0.25  # of the power in periods shorter than this part of a scan
_FINE_PERIODS = 8


@dataclass(frozen=True, slots=True)
class Track:
    """A soundtrack's place.

    Attributes
    ----------
    first, stop
        Columns of the scan.
    kind
        Variable ``"area"`` or ``"density"``.
    score
        How sure that is: to 1 for density, from there to 2 for area.
    """

    first: int
    stop: int
    kind: TrackKind
    score: float


@dataclass(slots=True)
class Columns:
    """What columns of scans do, gathered from pairs of neighbouring scans."""

    pairs: int = 0
    _sums: dict[str, Float64] = field(default_factory=dict)

    def add(self, before: Luma, after: Luma) -> None:
        """Add a pair of neighbouring scans."""
        one, two = before.astype(np.float32), after.astype(np.float32)
        a, b = one - one.mean(axis=0), two - two.mean(axis=0)
        self._add("change", ((one - two) ** 2).mean(axis=0) / 2)
        self._add("common", (a * b).mean(axis=0))
        self._add("power", (a**2 + b**2).mean(axis=0) / 2)
        self._add("mean", (one.mean(axis=0) + two.mean(axis=0)) / 2)
        self._add("high", np.percentile(one[:: max(1, len(one) // 64)], 98, axis=0))
        self._add("low", np.percentile(one[:: max(1, len(one) // 64)], 2, axis=0))
        self.pairs += 1

    def _add(self, name: str, value: NDArray[np.float32]) -> None:
        self._sums[name] = self._sums.get(name, 0) + value.astype(np.float64)

    def of(self, name: str) -> Float64:
        """Return the ``(column,)`` mean of one of the statistics."""
        return np.asarray(self._sums[name] / self.pairs)

    @property
    def span(self) -> float:
        """Range of brightness."""
        return max(float(self.of("high").max() - self.of("low").min()), 1e-9)

    @property
    def repeated(self) -> NDArray[np.bool_]:
        """``(column,)`` whether it shows the same in every scan, such as holes."""
        power = self.of("power")
        return np.asarray(
            (self.of("common") > _REPEATED * power) & (power > (_STILL * self.span) ** 2)
        )


def candidates(columns: Columns) -> list[tuple[int, int]]:
    """Return first column and end of what may be a track."""
    width = len(columns.of("mean"))
    moving = np.sqrt(columns.of("change"))
    quiet = float(np.percentile(moving, 5))
    active = (moving > max(_ACTIVE * columns.span, 2.0 * quiet)) & ~columns.repeated
    mean = columns.of("mean")
    middle = (float(mean.max()) + float(mean.min())) / 2
    runs = [run for run in _runs(active) if run[1] - run[0] <= _WIDE * width]
    whole = [run for run in _runs(active) if run[1] - run[0] > _WIDE * width]
    joined: list[tuple[int, int]] = []
    for run in runs:
        if joined:
            gap = slice(joined[-1][1], run[0])
            short = run[0] - joined[-1][1]
            clear = short > 0 and bool((mean[gap] > middle).all()) and short <= 0.15 * width
            wide = sorted((joined[-1][1] - joined[-1][0], run[1] - run[0]))
            twins = wide[1] < 2 * wide[0] and short <= min(wide[0], 2 * _APART * width)
            if (short <= max(2, _APART * width) or clear or twins) and not columns.repeated[
                gap
            ].any():
                joined[-1] = (joined[-1][0], run[1])
                continue
        joined.append(run)
    found = [run for run in joined if _NARROW * width <= run[1] - run[0] <= _WIDE * width]
    if not found and len(whole) == 1:  # a scan of nothing but the track
        found = whole
    return [_with_borders(run, columns, active) for run in found]


def _runs(active: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _with_borders(
    run: tuple[int, int], columns: Columns, active: NDArray[np.bool_]
) -> tuple[int, int]:
    """Return a run with the still columns beside it, and a clear part that ends there."""
    power = np.sqrt(columns.of("power"))
    still = power < max(3 * _STILL * columns.span, 2 * float(np.percentile(power, 5)))
    mean = columns.of("mean")
    # An edge that stands still moves with the weave, or returns in each scan that is turned; it is
    # narrower than holes.
    busy = np.zeros(len(active), bool)
    for a, b in _runs(active) + _runs(columns.repeated):
        busy[a:b] |= b - a > max(4, _THIN * len(active))
    clear = np.convolve(mean > (mean.max() + mean.min()) / 2, np.ones(2 * _EDGE_PX + 1), "same") > 0
    open_ = (still & ~columns.repeated) | (clear & ~busy)
    most = max(4, round((1 + _MARGIN) * (run[1] - run[0])))
    first, stop = run
    while first > 0 and run[0] - first < most and open_[first - 1]:
        first -= 1
    while stop < len(open_) and stop - run[1] < most and open_[stop]:
        stop += 1
    return first, stop


def chosen(
    places: Sequence[tuple[int, int]],
    crops: Sequence[Sequence[Luma]],
    kind: TrackKind | None = None,
    *,
    certain: bool = False,
) -> Track | None:
    """Return the place that is a soundtrack, or None.

    Parameters
    ----------
    places
        First column and end of each candidate.
    crops
        Of each candidate the same few scans, ``(height, stop - first)``.
    kind
        Where the user knows it.
    certain
        Whether the user has said that the place is a track.
    """
    best: Track | None = None
    for (first, stop), scans in zip(places, crops, strict=True):
        pictures = np.array([scan.astype(np.float32) for scan in scans])
        area, density = _area_score(pictures), _density_score(pictures)
        fine = 1.0 if certain else _fineness(pictures)
        if fine < _FINE:
            continue
        scores: dict[TrackKind, float] = {"area": area, "density": density}
        if kind is not None:
            scores = {kind: scores[kind]}
        name: TrackKind = max(scores, key=lambda one: scores[one])
        if not certain and scores[name] <= 0:
            continue
        if best is None or scores[name] * fine > best.score:
            best = Track(first, stop, name, scores[name] * fine)
    return best


def _area_score(pictures: NDArray[np.float32]) -> float:
    """Return how far pixels are either clear or dark, 1 to 2; 0 where they are not."""
    low, high = np.percentile(pictures, [2, 98])
    if high <= low:
        return 0.0
    share = (pictures - low) / (high - low)
    ends = (share < _NEAR_LEVEL) | (share > 1 - _NEAR_LEVEL)
    clear = float((share > 1 - _NEAR_LEVEL).mean())
    bilevel = float(ends.mean())
    if bilevel < _BILEVEL or not 0.03 < clear < 0.97:
        return 0.0
    # Both halves of a symmetrical area track are alike too, so that it counts for more.
    return 1 + (bilevel - _BILEVEL) / (1 - _BILEVEL)


def _density_score(pictures: NDArray[np.float32]) -> float:
    """Return how far both halves of a strip say the same in each line, 0 to 1.

    Of what is fine: in a picture, fine detail of one place is not that of the next.
    """
    own = pictures - pictures.mean(axis=(0, 1))
    size = (own**2).mean(axis=(0, 1))
    inside = np.flatnonzero(size > 0.25 * np.percentile(size, 90))  # without the borders
    if len(inside) < 6:
        return 0.0
    half = len(inside) // 2
    left, right = (
        np.fft.rfft(own[:, :, part].mean(axis=2), axis=1)[:, _FINE_PERIODS:]
        for part in (inside[:half], inside[-half:])
    )
    power = float((np.abs(left) ** 2).sum()) * float((np.abs(right) ** 2).sum())
    alike = float((left * right.conj()).real.sum() / max(np.sqrt(power), 1e-12))
    return max(alike - _HALVES_ALIKE, 0.0) / (1 - _HALVES_ALIKE)


def _fineness(pictures: NDArray[np.float32]) -> float:
    """Return which part of the power of lines' means lies in short periods."""
    lines = pictures.mean(axis=2)
    lines = lines - lines.mean(axis=0)  # what all scans have in common
    window = np.hanning(lines.shape[1])
    power = (np.abs(np.fft.rfft(lines * window, axis=1)) ** 2).mean(axis=0)
    total = float(power[1:].sum())
    return float(power[_FINE_PERIODS:].sum()) / max(total, 1e-12)
