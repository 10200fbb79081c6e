"""Frames joined by what their scans share: where each lies on the film, and one even row of lines.

Where a scan lies is told by the holes, if it shows them, else by the lines that it shares with the
scan before. Both scans of a line are the same film, with the same grain.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from phonoscope.types import Float64, Luma

_LEAST = 5  # lines that scans must share
_MOST = 0.45  # of a scan that may be shared
_ALIKE = 0.6  # correlation by which shared lines are known
_GROUPS = 8  # of columns
_JITTER = 6  # lines to either side of what is usual
_BESIDE = 8  # columns beside the holes, where their borders lie
_TAPS = 6  # of the interpolation, to either side
_KAISER = 6.0


def grouped(scan: Luma, first: int, stop: int) -> Float64:
    """Return ``(line, group)`` means of a few groups of a track's columns."""
    strip = scan[:, first:stop].astype(np.float64)
    groups = min(_GROUPS, strip.shape[1])
    cut = np.linspace(0, strip.shape[1], groups + 1).astype(int)
    return np.stack([strip[:, a:b].mean(axis=1) for a, b in pairwise(cut)], axis=1)


def usual_pitch(scans: Sequence[tuple[Float64, Float64]]) -> tuple[float | None, float]:
    """Return the lines from one scan to the next, and how alike what they share is.

    Parameters
    ----------
    scans
        Pairs of neighbouring scans, as `grouped`.

    Returns
    -------
    pitch
        None if scans share nothing.
    alike
        Correlation of what they share, -1 to 1.
    """
    height = len(scans[0][0])
    best, alike = None, -1.0
    for shared in range(_LEAST, int(_MOST * height)):
        values = [_correlation(a[height - shared :], b[:shared]) for a, b in scans]
        value = float(np.median(values))
        if value > alike:
            best, alike = height - shared, value
    if best is None or alike < _ALIKE:
        return None, alike
    shifts = [s for s in (shift_between(a, b, best) for a, b in scans) if s is not None]
    return (float(np.median(shifts)) if shifts else float(best)), alike


def _correlation(one: Float64, two: Float64) -> float:
    a, b = one - one.mean(axis=0), two - two.mean(axis=0)
    power = float((a**2).sum()) * float((b**2).sum())
    return float((a * b).sum() / max(np.sqrt(power), 1e-12))


def shift_between(before: Float64, after: Float64, pitch: float) -> float | None:
    """Return lines from one scan to the next to a part of a line; None if it cannot be told."""
    height = len(before)
    usual = round(pitch)
    tried = np.arange(max(usual - _JITTER, 1), min(usual + _JITTER, height - _LEAST) + 1)
    if len(tried) < 3:
        return None
    values = np.array([_correlation(before[s:], after[: height - s]) for s in tried])
    top = int(values.argmax())
    if values[top] < _ALIKE:
        return None
    shift = float(tried[top])
    if not 0 < top < len(tried) - 1:
        return None
    for _ in range(4):
        shift += _step(before, after, shift)
        if abs(shift - tried[top]) > 1.2:
            return None
    return shift


def _step(before: Float64, after: Float64, shift: float) -> float:
    """Return the step of least squares that brings two scans together."""
    height = len(before)
    first = int(np.ceil(max(shift, 0)))
    at = np.arange(first + 1, height - 1, dtype=np.int64)
    if len(at) < 3:
        return 0.0
    other = sampled(after, at.astype(np.float64) - shift)
    slope = (before[at + 1] - before[at - 1]) / 2
    own = before[at]
    left = (other - other.mean(axis=0)) - (own - own.mean(axis=0))
    slope = slope - slope.mean(axis=0)
    return float((left * slope).sum() / max(float((slope**2).sum()), 1e-12))


def sampled(values: Float64, at: Float64) -> Float64:
    """Return ``(line, ...)`` values between lines, by cubic convolution."""
    whole = np.floor(at).astype(np.int64)
    t = (at - whole).reshape((-1,) + (1,) * (values.ndim - 1))
    weights = (
        -0.5 * t + t**2 - 0.5 * t**3,
        1 - 2.5 * t**2 + 1.5 * t**3,
        0.5 * t + 2 * t**2 - 1.5 * t**3,
        -0.5 * t**2 + 0.5 * t**3,
    )
    last = len(values) - 1
    parts = [w * values[(whole + n - 1).clip(0, last)] for n, w in enumerate(weights)]
    return np.asarray(sum(parts))


@dataclass(slots=True)
class Registration:
    """Where each scan lies, from what returns in all of them, such as holes.

    Attributes
    ----------
    reference
        ``(line, group)`` the mean of several scans, without the mean over lines; None if nothing
        returns.
    first, stop
        Columns that are looked at.
    across
        ``(column,)`` mean over lines of these and some beside them, of the first scan.
    """

    reference: Float64 | None
    first: int
    stop: int
    across: Float64 | None = None

    @classmethod
    def learned(cls, scans: Sequence[Luma], columns: Sequence[tuple[int, int]]) -> "Registration":
        """Return the registration by that of some runs of columns which returns most exactly.

        Holes do. A picture that hardly moves looks as if it did.
        """
        if not columns:
            return cls(None, 0, 0)
        told = [(*_reference(scans, *run), *run) for run in columns]
        _, reference, first, stop = min(told, key=lambda one: one[0])
        found = cls(reference, first, stop)
        found.across = found._profile(scans[0])
        shifts = [found.weave(scan) for scan in scans]
        found.across = found._profile(scans[0], -float(np.median(shifts)))
        return found

    def _profile(self, scan: Luma, shift_px: float = 0.0) -> Float64:
        low, high = max(self.first - _BESIDE, 0), self.stop + _BESIDE
        profile = scan[:, low:high].mean(axis=0)
        if shift_px:
            profile = sampled(profile, np.arange(len(profile), dtype=np.float64) + shift_px)
        return np.asarray(profile)

    def weave(self, scan: Luma) -> float:
        """Return how many columns further left than usual a scan shows the film."""
        if self.across is None:
            return 0.0
        return _moved(self.across[:, None], self._profile(scan)[:, None])

    def shift(self, scan: Luma) -> float:
        """Return how many lines later than usual a scan begins."""
        if self.reference is None:
            return 0.0
        return _moved(self.reference, _level(grouped(scan, self.first, self.stop)))


def _reference(scans: Sequence[Luma], first: int, stop: int) -> tuple[float, Float64]:
    """Return what share of columns' power does not return, and what returns of them."""
    own = [_level(grouped(scan, first, stop)) for scan in scans]
    lines = np.arange(len(own[0]), dtype=np.float64)
    reference = np.mean(own, axis=0)
    for _ in range(3):
        shifts = [_moved(reference, one) for one in own]
        middle = float(np.mean(shifts))
        moved = [sampled(one, lines - s + middle) for one, s in zip(own, shifts, strict=True)]
        reference = np.mean(moved, axis=0)
    inner = slice(_JITTER, len(lines) - _JITTER)
    left = np.mean([((one - reference)[inner] ** 2).sum() for one in moved])
    return float(left / max(float((reference[inner] ** 2).sum()), 1e-12)), reference


def _level(groups: Float64) -> Float64:
    return np.asarray(groups - groups.mean(axis=0))


def _moved(reference: Float64, own: Float64) -> float:
    """Return the shift at which ``own[y] = reference[y + shift]``."""
    reach = min(_JITTER, len(own) // 4)
    inner = slice(reach, len(own) - reach)
    errors = [
        float(((own[inner] - reference[reach + s : len(own) - reach + s]) ** 2).sum())
        for s in range(-reach, reach + 1)
    ]
    shift = float(np.argmin(errors) - reach)
    at = np.arange(reach + 1, len(own) - reach - 1, dtype=np.float64)
    for _ in range(4):
        there = sampled(reference, at + shift)
        slope = sampled(reference, at + shift + 0.5) - sampled(reference, at + shift - 0.5)
        left = own[reach + 1 : len(own) - reach - 1] - there
        shift += float((left * slope).sum() / max(float((slope**2).sum()), 1e-12))
        shift = float(np.clip(shift, -reach, reach))
    return shift


@dataclass(slots=True)
class Joiner:
    """Joins the samples of scans to one even row of lines.

    Attributes
    ----------
    pitch
        Lines from one frame of the film to the next.
    channels
        Of the sound.
    """

    pitch: float
    channels: int
    _number: int = 0
    _done: int = 0  # lines that were given out
    _sum: Float64 = field(default_factory=lambda: np.zeros((0, 0)))
    _weight: Float64 = field(default_factory=lambda: np.zeros(0))

    def add(self, samples: Float64, shift: float) -> Iterator[Float64]:
        """Yield ``(channel, line)`` of what no later scan can change.

        Parameters
        ----------
        samples
            ``(channel, line)`` of the next scan.
        shift
            How many lines later than usual it begins.
        """
        height = samples.shape[1]
        begin = self._number * self.pitch + shift
        first = int(np.ceil(begin))
        last = int(np.floor(begin + height - 1))
        at = np.arange(first, last + 1)
        even = _delayed(samples, first - begin)[:, : len(at)]
        weight = _ramp_of(at.astype(np.float64) - begin, height, max(height - self.pitch, 0.0))
        self._put(even, weight, first)
        self._number += 1
        # The next scan may begin some lines earlier than usual.
        yield from self._take(int(np.floor(self._number * self.pitch - 2 * _JITTER)))

    def finish(self) -> Iterator[Float64]:
        """Yield what is left."""
        yield from self._take(self._done + len(self._weight))

    def _put(self, even: Float64, weight: Float64, first: int) -> None:
        start = first - self._done
        if start < 0:
            even, weight, start = even[:, -start:], weight[-start:], 0
        end = start + even.shape[1]
        more = end - len(self._weight)
        if self._sum.shape[0] == 0:
            self._sum = np.zeros((self.channels, 0))
        if more > 0:
            self._sum = np.pad(self._sum, ((0, 0), (0, more)))
            self._weight = np.pad(self._weight, (0, more))
        self._sum[:, start:end] += even * weight
        self._weight[start:end] += weight

    def _take(self, upto: int) -> Iterator[Float64]:
        count = min(upto - self._done, len(self._weight))
        if count <= 0:
            return
        weight = self._weight[:count]
        known = weight > 0
        out = self._sum[:, :count] / np.where(known, weight, 1)
        if not known.all() and known.any():
            at = np.arange(count)
            out = np.array([np.interp(at, at[known], one[known]) for one in out])
        self._sum, self._weight = self._sum[:, count:], self._weight[count:]
        self._done += count
        yield out


def _delayed(samples: Float64, part: float) -> Float64:
    """Return samples at ``n + part``, 0 <= part < 1, by a windowed sinc."""
    if abs(part) < 1e-9:
        return samples
    step = np.arange(-_TAPS + 1, _TAPS + 1)
    taps = np.sinc(step - part) * np.i0(
        _KAISER * np.sqrt(np.maximum(1 - ((step - part) / _TAPS) ** 2, 0))
    )
    taps = taps / taps.sum()
    padded = np.pad(samples, ((0, 0), (_TAPS, _TAPS)), mode="reflect", reflect_type="odd")
    return np.array(
        [np.convolve(one, taps[::-1], "valid")[1 : samples.shape[1] + 1] for one in padded]
    )


def _ramp_of(place: Float64, height: int, shared: float) -> Float64:
    """Return the weights of a scan's lines: they fade where the neighbour has the same lines."""
    from_end = np.minimum(place, height - 1 - place)
    wide = max(shared, 1.0)
    # The outermost lines are interpolated from one side only.
    rise = np.clip((from_end + 0.5) / wide, 1e-3, 1)
    return np.asarray(np.sin(np.pi / 2 * rise) ** 2)
