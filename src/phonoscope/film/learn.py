"""How a track is read: what is the same in all scans is learned, then taken off."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError
from phonoscope.film.clean import bridged, filled, moved_across, smooth_down
from phonoscope.film.density import learn_density
from phonoscope.film.edges import Noise, counted, crossings, refined
from phonoscope.film.find import Track
from phonoscope.film.foretell import Foretelling
from phonoscope.film.reader import LEAST_SKEW, Reader
from phonoscope.film.specks import Speck
from phonoscope.types import Float64, Luma

_BLURS_PX = (0.4, 0.55, 0.7, 0.85, 1.0, 1.2, 1.4, 1.7, 2.0)
_SPAN = 0.25  # of the usual from dark to clear: no column has less
_WORN = 0.3  # of it, by which a worn column differs from those around it; less is levelled
_MARK = 0.02  # of it, by which a levelled line is known
_BAR = 0.85  # of it: a bar of the track is as clear
_BESIDE = 7  # columns of one kind, in whose middle an edge's blur is not seen
_SCRATCHES = 9  # columns, of which most are not scratched
_FEW, _NARROW = 5, 5  # per cent of pixels; columns
_FIXED = 0.3  # of the liveliest edge's motion: below, an edge stands still
_SAME = 0.97  # correlation of two bands that carry one sound
_ROUNDS = 2


def learn(
    track: Track,
    scans: Sequence[Luma],
    weave_px: Sequence[float] | None = None,
    *,
    kind_given: bool = False,
) -> Reader:
    """Return how to read a track, from some of its scans.

    Parameters
    ----------
    track
        Its place.
    scans
        ``(height, width)`` whole scans, or as wide as the track if it begins at column 0.
    weave_px
        How far left of usual each shows the film.
    kind_given
        Whether the user said which kind it is, for the words of the error.

    Raises
    ------
    InputError
        If no line shows the edges of an area track.
    """
    strips = np.array([one[:, track.first : track.stop] for one in scans], np.float64)
    weave = [0.0] * len(scans) if weave_px is None else list(weave_px)
    if track.kind == "density":
        return learn_density(track, strips, weave)
    return _learn_area(track, strips, weave, kind_given)


def _learn_area(track: Track, strips: Float64, weave: Sequence[float], kind_given: bool) -> Reader:
    level = [moved_across(strip, -x) for strip, x in zip(strips, weave, strict=True)]
    dark, clear, worn = _levels(np.array(level))
    reader = Reader(track, dark, clear, np.ones(strips.shape[2]), worn, _marked(dark, clear))
    shares = [reader.share_of(*both) for both in zip(strips, weave, strict=True)]
    numbers = np.concatenate([counted(crossings(one)[0], len(one)) for one in shares])
    usual = np.bincount(numbers[numbers > 0]) if (numbers > 0).any() else np.zeros(1)
    edges = int(usual.argmax())
    if edges == 0:
        said = "as you said" if kind_given else "as it seemed"
        raise InputError(
            f"the track at columns {track.first} to {track.stop} has no edge between clear and "
            f"dark, so it is not of variable area, {said}; try --kind density."
        )
    reader = replace(reader, edges=edges)
    skew = _skew_of_area(reader, shares)
    if skew:
        reader = replace(reader, skew=skew)
    for _ in range(_ROUNDS):
        reader = _with_edge_shape(reader, shares)
    places = [reader.edges_of(*both)[0] for both in zip(shares, weave, strict=True)]
    reader = _with_motion(reader, places)
    for number in range(_ROUNDS):
        if number:
            places = [reader.edges_of(*both)[0] for both in zip(shares, weave, strict=True)]
            reader = _with_motion(reader, places)
        whole = [one for one in places if np.isfinite(one).all()]
        if not whole:
            break
        reader = replace(
            reader,
            foretelling=tuple(
                Foretelling.of([one[:, n] for one in whole]) for n in range(reader.edges)
            ),
            speck=Speck.of(shares, places, float(np.median(dark) / np.median(clear - dark))),
        )
    return reader


def _levels(strips: Float64) -> tuple[Float64, Float64, NDArray[np.bool_]]:
    """Return what opaque and clear film show at each line and column, and worn columns."""
    from scipy.ndimage import minimum_filter

    low, high = np.percentile(strips, [3, 97])
    middle = (low + high) / 2
    near = 0.25 * (high - low)
    found = []
    for side in (strips < middle - near, strips > middle + near):
        # Beside an edge its blur would make the dark lighter.
        keep = minimum_filter(side, size=(1, 1, _BESIDE), mode="nearest")
        count = keep.sum(axis=(0, 1))
        total = np.where(keep, strips, 0).sum(axis=(0, 1))
        known = count > 20
        across = _continued(total / np.maximum(count, 1), known)
        ratio = np.where(keep, strips, 0) / np.maximum(across, 1e-9)
        weight = keep.sum(axis=(0, 2)).astype(np.float64)
        down = smooth_down(ratio.sum(axis=(0, 2)) / np.maximum(weight, 1), weight)
        found.append(down[:, None] * across)
    dark, clear = found
    usual = float(np.median(clear - dark))
    worn = _scratched(strips, usual)
    if worn.any() and not worn.all():
        dark, clear = bridged(dark, worn), bridged(clear, worn)
    clear = np.maximum(clear, dark + _SPAN * usual)
    return dark, clear, worn


def _continued(across: Float64, known: NDArray[np.bool_]) -> Float64:
    """Return values ``(column,)`` with those that are not known as the ones around them.

    A scratch is a column's own, and none of its neighbours'.
    """
    from scipy.ndimage import median_filter

    if not known.any():
        return across
    usual = across.copy()
    usual[known] = median_filter(across[known], _SCRATCHES, mode="nearest")
    return np.where(known, across, filled(usual, known))


def _marked(dark: Float64, clear: Float64) -> NDArray[np.bool_]:
    """Return ``(column,)`` where a narrow line is left in what dark and clear film show."""
    from scipy.ndimage import median_filter

    marked = np.zeros(dark.shape[1], bool)
    least = _MARK * float(np.median(clear - dark))
    for row in (dark.mean(axis=0), clear.mean(axis=0)):
        marked |= np.abs(row - median_filter(row, _SCRATCHES, mode="nearest")) > least
    return np.convolve(marked, np.ones(5), "same") > 0


def _scratched(strips: Float64, span: float) -> NDArray[np.bool_]:
    """Return ``(column,)`` where a narrow line along the film is never dark, or never clear.

    A line that is fully clear is a bar of the track.
    """
    from scipy.ndimage import grey_closing, grey_opening

    low, high = np.percentile(strips, [_FEW, 100 - _FEW], axis=(0, 1))
    size = _WORN * span
    bright = low - grey_opening(low, _NARROW)
    opaque = grey_closing(high, _NARROW) - high
    worn = ((bright > size) & (bright < _BAR * span)) | ((opaque > size) & (opaque < _BAR * span))
    # Bare film is clearer than the clear part of a print.
    worn |= high - grey_opening(high, _NARROW) > size
    return np.convolve(worn, [1, 1, 1], "same") > 0


def _skew_of_area(reader: Reader, shares: Sequence[Float64]) -> float:
    """Return lines a px, from how edges lean: what turns a scan turns them as much.

    Edges that move lean too, in the mean over scans.
    """
    leans = []
    for share in shares:
        places, bad = reader.edges_of(share)
        good = np.flatnonzero(~bad.any(axis=1))
        if len(good) > len(bad) / 2:
            each = np.polyfit(good, places[good], 1)[0]
            leans.append([*each, each.mean()])
    if len(leans) < 3:
        return 0.0
    # One that stands still tells best; of two that move against each other their middle.
    doubts = np.std(leans, axis=0) / np.sqrt(len(leans))
    best = int(doubts.argmin())
    lean, doubt = float(np.median(leans, axis=0)[best]), float(doubts[best])
    wide = shares[0].shape[1]
    if abs(lean) * wide < LEAST_SKEW or abs(lean) < 3 * doubt:
        return 0.0
    return lean


def _with_edge_shape(reader: Reader, shares: Sequence[Float64]) -> Reader:
    """Return the reader with the blur of edges and the noise on and beside them."""
    some = shares[:: max(1, len(shares) // 8)]
    best = (np.inf, reader.blur_px)
    for blur in _BLURS_PX:
        all_misfits = np.concatenate([_misfits(reader, one, blur) for one in some])
        if len(all_misfits):
            best = min(best, (float(np.median(all_misfits)), blur))
    reader = replace(reader, blur_px=best[1])
    noise = _pixel_noise(reader, some)
    reader = replace(reader, noise=noise)
    misfits = [_misfits(reader, one, reader.blur_px).reshape(-1, reader.edges) for one in some]
    usual = np.median(np.concatenate(misfits), axis=0)
    return replace(reader, usual=np.maximum(usual, 1e-9) if usual.any() else None)


def _whole_lines(
    reader: Reader, share: Float64
) -> tuple[NDArray[np.int64], NDArray[np.int64], Float64]:
    line, column, rising = crossings(share)
    keep = counted(line, len(share))[line] == reader.edges
    return line[keep], column[keep], rising[keep]


def _misfits(reader: Reader, share: Float64, blur_px: float) -> Float64:
    found = _whole_lines(reader, share)
    usable = ~reader.worn_at(0.0)
    if not len(found[0]):
        return np.zeros(0)
    return refined(share, *found, blur_px, reader.noise, usable)[2]


def _pixel_noise(reader: Reader, shares: Sequence[Float64]) -> Noise:
    """Return the noise of pixels beside edges and in their middle; see `refined`."""
    from scipy.special import ndtr

    values, greys = [], []
    for share in shares:
        line, column, rising = _whole_lines(reader, share)
        if not len(line):
            continue
        place = refined(share, line, column, rising, reader.blur_px, reader.noise)[0]
        inner = (column > 4) & (column < share.shape[1] - 6) & np.isfinite(place)
        inner &= ~reader.worn_at(0.0)[
            (column[:, None] + np.arange(-3, 5)).clip(0, None) % share.shape[1]
        ].any(axis=1)
        for step in range(-3, 5):
            at = column[inner] + step
            model = ndtr((at - place[inner]) / reader.blur_px)
            model = np.where(rising[inner] > 0, model, 1 - model)
            values.append(share[line[inner], at] - model)
            greys.append(model)
    if not values:
        return reader.noise
    left, share_of = np.concatenate(values) ** 2, np.concatenate(greys)
    far = [left[share_of < 0.03], left[share_of > 0.97]]
    near = left[np.abs(share_of - 0.5) < 0.3]
    if min(len(near), len(far[0]), len(far[1])) < 50:
        return reader.noise
    # Half of the middle's residual is taken by the fit itself; medians do not see specks.
    dark, clear = (max(float(np.median(one)) / 0.455, 1e-9) for one in far)
    middle = float(np.median(near)) / 0.455 * 1.6
    return dark, clear, max(middle - (dark + clear) / 2, 0.0)


def _with_motion(reader: Reader, places: Sequence[Float64]) -> Reader:
    """Return the reader that knows which edges stand still, and whether bands differ."""
    moves = np.array([_detrended(one).std(axis=0) for one in places])
    usual = np.sqrt(np.median(moves**2, axis=0))
    fixed = usual < _FIXED * usual.max()
    pairs = fixed.reshape(-1, 2)
    fixed = np.where(pairs.all(axis=1, keepdims=True), False, pairs).ravel()
    rest = np.nanmedian(np.concatenate(places), axis=0)
    reader = replace(reader, fixed=fixed, rest=rest)
    if reader.edges != 4:
        return reader
    wide = np.concatenate([one[:, 1::2] - one[:, ::2] for one in places])
    own = wide - wide.mean(axis=0)
    power = (own**2).mean(axis=0)
    alike = float((own[:, 0] * own[:, 1]).mean() / max(np.sqrt(power.prod()), 1e-12))
    return replace(reader, channels=1 if alike > _SAME else 2)


def _detrended(places: Float64) -> Float64:
    y = np.linspace(-1, 1, len(places))[:, None]
    own = places - places.mean(axis=0)
    return np.asarray(own - y * (own * y).mean(axis=0) / (y**2).mean())
