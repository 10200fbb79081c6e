"""From a line of a track to a sample: what is the same in all scans is learned, then taken off."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from phonoscope.errors import InputError
from phonoscope.film.clean import filled, moved_across, robust_lines, sheared, smooth_down
from phonoscope.film.edges import WHITE, Noise, counted, crossings, refined, without_specks
from phonoscope.film.find import Track
from phonoscope.film.foretell import Foretelling
from phonoscope.film.specks import Speck, behind, touched
from phonoscope.types import Float64, Luma

_BLURS_PX = (0.4, 0.55, 0.7, 0.85, 1.0, 1.2, 1.4, 1.7, 2.0)
_SPAN = 0.25  # of the usual from dark to clear: no column has less
_WORN = 0.3  # of it, by which a worn column differs from those around it; less is levelled
_MARK = 0.02  # of it, by which a levelled line is known
_BAR = 0.85  # of it: a bar of the track is as clear
_BESIDE = 7  # columns of one kind, in whose middle an edge's blur is not seen
_SCRATCHES = 9  # columns, of which most are not scratched
_FEW, _NARROW = 5, 5  # per cent of pixels; columns
_CLOSE_PX = 5.0
_FIXED = 0.3  # of the liveliest edge's motion: below, an edge stands still
_SPECK = 3.0  # misfit over the usual
_BESIDE_SPECK_PX = 10.0
_AROUND = 3  # lines to either side of a line that a speck has touched
_SKEW_LAG = 8  # lines
_LEAST_SKEW = 0.05  # lines across the track: less is not worth interpolating
_CURVES = np.geomspace(0.3, 3.5, 65)
_CERTAIN = 4.0  # standard errors by which a curve must differ from a straight line
_TOLD = 0.3  # of an edge's own motion: by so much its partner must tell where it is
_TORN = 5.0  # standard deviations by which partners may disagree
_SAME = 0.97  # correlation of two bands that carry one sound
_ROUNDS = 2
_TURNS = 3  # an edge's place tells where it is seen, by less each time


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """How a track is read, the same for all scans.

    Attributes
    ----------
    track
        Its place.
    dark, clear
        ``(line, column)`` what opaque and clear film show; for density, `dark` is 0.
    variance
        For density, ``(column,)`` of the noise.
    worn
        ``(column,)`` where scratches run along the film.
    marked
        ``(column,)`` where scratches are so faint that they are levelled; they are no specks.
    blur_px
        Of edges.
    noise
        See `refined`.
    edges
        How many a line has.
    fixed
        ``(edge,)`` whether each stands still.
    usual
        ``(edge,)`` misfit that is usual.
    rest
        ``(edge,)`` where each usually lies, for scans that show nothing of it.
    symmetry
        What edges tell of each other; None if nothing.
    foretelling
        Of each edge what its lines tell of each other; empty until it is learned.
    speck
        What specks show.
    skew
        Lines by which a column is later than the one before.
    curve
        Power to which brightness is raised, for sound in proportion.
    channels
        1, or 2 where two bands differ.
    """

    track: Track
    dark: Float64
    clear: Float64
    variance: Float64
    worn: NDArray[np.bool_]
    marked: NDArray[np.bool_]
    blur_px: float = 1.0
    noise: Noise = WHITE
    edges: int = 0
    fixed: NDArray[np.bool_] | None = None
    usual: Float64 | None = None
    rest: Float64 | None = None
    symmetry: "_Symmetry | None" = None
    foretelling: tuple[Foretelling, ...] = ()
    speck: Speck = Speck()
    skew: float = 0.0
    curve: float = 1.0
    channels: int = 1

    def read(self, scan: Luma, weave_px: float = 0.0) -> tuple[Float64, int]:
        """Return ``(channel, line)`` samples of a scan, and how many lines were beyond reading.

        `weave_px` is how far left of usual the scan shows the film.

        Area: clear width over the track's. Density: brightness over the clearest usual.
        """
        strip = scan[:, self.track.first : self.track.stop].astype(np.float64)
        if self.track.kind == "density":
            light = self._brightness(strip, weave_px)
            return np.maximum(light, 1e-6)[None] ** self.curve, 0
        places, bad = self._edges(self._share(strip, weave_px), weave_px)
        return self._widths(places), int(bad.any(axis=1).sum())

    def _share(self, strip: Float64, weave_px: float) -> Float64:
        # What is known of the film is moved to the scan, whose noise stays as it is.
        dark = moved_across(self.dark, weave_px)
        share = (strip - dark) / (moved_across(self.clear, weave_px) - dark)
        worn = self._worn(weave_px)
        if worn.any() and not worn.all():
            share = _bridged(share, worn)
        return share

    def _unturned(self, places: Float64) -> Float64:
        """Return places ``(line, edge)`` on lines of the film, of those on lines of the scan.

        An edge is seen the later, the further right it lies just then.
        """
        from scipy.ndimage import map_coordinates

        if not self.skew:
            return places
        result = places.copy()
        line = np.arange(len(places), dtype=np.float64)
        middle = (self.track.stop - self.track.first - 1) / 2
        for seen, own in zip(places.T, result.T, strict=True):
            at = line + self.skew * (seen - middle)
            for _ in range(_TURNS):
                there = map_coordinates(own, [at], order=5, mode="nearest")
                own += seen - there
        return result

    def _worn(self, weave_px: float) -> NDArray[np.bool_]:
        """Return ``(column,)`` those of a scan that scratches may touch."""
        return _moved_mask(self.worn, weave_px)

    def _brightness(self, strip: Float64, weave_px: float) -> Float64:
        if self.skew:
            strip = sheared(strip, self.skew)
        profile = moved_across(self.clear, weave_px)
        column = np.arange(strip.shape[1])
        near = (column + round(weave_px)).clip(0, strip.shape[1] - 1)
        return robust_lines(strip, profile, self.variance[near])

    def _edges(self, share: Float64, weave_px: float = 0.0) -> tuple[Float64, NDArray[np.bool_]]:
        """Return the place ``(line, edge)`` of each edge, and which were filled in."""
        lines = len(share)
        places = np.full((lines, self.edges), np.nan)
        bad = np.ones((lines, self.edges), bool)
        line, column, rising = crossings(share)
        keep = without_specks(line, column, self.edges, lines)
        gone_line, gone = line[~keep], column[~keep]
        line, column, rising = line[keep], column[keep], rising[keep]
        whole = counted(line, lines) == self.edges
        if whole.any():
            column = column[whole[line]].reshape(-1, self.edges)
            places[whole], _, misfit = self._fitted(share, whole, column, weave_px)
            bad[whole] = False
            if self.usual is not None:
                bad[whole] |= misfit > _SPECK * self.usual * _apart(places[whole])
        if self.foretelling:
            # What was left out may have been the edge, and what was kept a speck's.
            bad[gone_line] |= np.abs(places[gone_line] - gone[:, None]) < _BESIDE_SPECK_PX
        for edge in range(len(self.foretelling)):
            if not self._stands(edge):
                bad[:, edge] |= touched(
                    share, places[:, edge], 1.0 - 2 * (edge % 2), self.noise, self.speck,
                    ~_moved_mask(self.worn | self.marked, weave_px),
                )  # fmt: skip
                # A speck that shows on some lines has swallowed the edge on others.
                bad[:, edge] = np.convolve(bad[:, edge], np.ones(2 * _AROUND + 1), "same") > 0
        bad |= np.isnan(places)  # on a scratch
        lost = np.zeros_like(bad)
        for edge in range(self.edges):
            if bad[:, edge].all():
                lost[:, edge] = True
                if self.rest is not None:
                    places[:, edge] = self.rest[edge]
            elif self._stands(edge):
                places[:, edge] = filled(places[:, edge], ~bad[:, edge])
                if (~bad[:, edge]).sum() > 8:
                    places[:, edge] = _straight(places[:, edge], ~bad[:, edge])
            elif not self.foretelling:
                places[:, edge] = filled(places[:, edge], ~bad[:, edge])
        if self.foretelling:
            for edge in range(self.edges):
                if not bad[:, edge].all() and bad[:, edge].any() and not self._stands(edge):
                    lost[:, edge] = self._foretold(share, places, bad[:, edge], edge, weave_px)
        # Partners are at one place of the film when they are on one line of it.
        places = self._unturned(places)
        if self.symmetry is not None:
            # Where the lines around tell most, partners tell more.
            _agreed(places, lost.copy() if self.foretelling else bad, self.symmetry)
        return places, lost

    def _stands(self, edge: int) -> bool:
        return self.fixed is not None and bool(self.fixed[edge])

    def _fitted(
        self, share: Float64, whole: NDArray[np.bool_], column: NDArray[np.int64], weave_px: float
    ) -> tuple[Float64, Float64, Float64]:
        """Return ``(line, edge)`` places, their variances and misfits.

        Of the lines of `whole`, from about the columns ``(line, edge)``.
        """
        count = len(column)
        line = np.repeat(np.flatnonzero(whole), self.edges)
        rising = np.tile(1.0 - 2 * (np.arange(self.edges) % 2), count)
        place, variance, misfit = refined(
            share, line, column.ravel(), rising, self.blur_px, self.noise, ~self._worn(weave_px)
        )
        shape = count, self.edges
        return place.reshape(shape), variance.reshape(shape), misfit.reshape(shape)

    def _foretold(
        self, share: Float64, places: Float64, hidden: NDArray[np.bool_], edge: int, weave_px: float
    ) -> NDArray[np.bool_]:
        """Put the places of an edge on hidden lines where all that tells of them says they are.

        That is the lines around, and what a speck leaves of the edge. Return ``(line,)`` those of
        which the lines around tell most.
        """
        foretold, covariance = self.foretelling[edge].filled(places[:, edge], hidden)
        places[hidden, edge] = foretold[hidden]
        others = np.where(np.isfinite(places), places, self.rest)[hidden]
        place, variance = behind(
            share[hidden], others, edge, foretold[hidden], covariance,
            self.blur_px, self.noise, self.speck, ~self._worn(weave_px),
        )  # fmt: skip
        places[hidden, edge] = place
        lost = hidden.copy()
        lost[hidden] = variance > np.diag(covariance) / 2
        return lost

    def _widths(self, places: Float64) -> Float64:
        wide = (places[:, 1::2] - places[:, ::2]).T / (self.track.stop - self.track.first)
        if self.channels == 2:
            return np.asarray(wide)
        return np.asarray(wide.sum(axis=0, keepdims=True))


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
        return _learn_density(track, strips, weave)
    return _learn_area(track, strips, weave, kind_given)


def _learn_area(track: Track, strips: Float64, weave: Sequence[float], kind_given: bool) -> Reader:
    level = [moved_across(strip, -x) for strip, x in zip(strips, weave, strict=True)]
    dark, clear, worn = _levels(np.array(level))
    reader = Reader(track, dark, clear, np.ones(strips.shape[2]), worn, _marked(dark, clear))
    shares = [reader._share(*both) for both in zip(strips, weave, strict=True)]
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
    places = [reader._edges(*both)[0] for both in zip(shares, weave, strict=True)]
    reader = _with_motion(reader, places)
    for number in range(_ROUNDS):
        if number:
            places = [reader._edges(*both)[0] for both in zip(shares, weave, strict=True)]
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
        dark, clear = _bridged(dark, worn), _bridged(clear, worn)
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


def _moved_mask(mask: NDArray[np.bool_], weave_px: float) -> NDArray[np.bool_]:
    column = np.arange(len(mask))
    return np.asarray(mask[(column + round(weave_px)).clip(0, len(column) - 1)])


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


def _bridged(picture: Float64, worn: NDArray[np.bool_]) -> Float64:
    """Return a picture ``(line, column)`` with straight lines across some columns."""
    good = np.flatnonzero(~worn)
    column = np.flatnonzero(worn)
    after = np.searchsorted(good, column)
    right = good[after.clip(0, len(good) - 1)]
    left = good[(after - 1).clip(0, len(good) - 1)]
    part = ((column - left) / np.maximum(right - left, 1)).clip(0, 1)
    result = picture.copy()
    result[:, column] = (1 - part) * picture[:, left] + part * picture[:, right]
    return result


def _skew_of_area(reader: Reader, shares: Sequence[Float64]) -> float:
    """Return lines a px, from how edges lean: what turns a scan turns them as much.

    Edges that move lean too, in the mean over scans.
    """
    leans = []
    for share in shares:
        places, bad = reader._edges(share)
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
    if abs(lean) * wide < _LEAST_SKEW or abs(lean) < 3 * doubt:
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
    usable = ~reader._worn(0.0)
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
        inner &= ~reader._worn(0.0)[
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
    reader = replace(reader, fixed=fixed, rest=rest, symmetry=_Symmetry.of(places))
    if reader.edges != 4:
        return reader
    wide = np.concatenate([one[:, 1::2] - one[:, ::2] for one in places])
    own = wide - wide.mean(axis=0)
    power = (own**2).mean(axis=0)
    alike = float((own[:, 0] * own[:, 1]).mean() / max(np.sqrt(power.prod()), 1e-12))
    return replace(reader, channels=1 if alike > _SAME else 2)


@dataclass(frozen=True, slots=True, eq=False)
class _Symmetry:
    """Pairs of edges that move against each other, such as both of a bilateral track.

    Attributes
    ----------
    partner
        ``(edge,)`` the edge that tells most of each, -1 if none does.
    gain
        ``(edge,)`` motion for one px of the partner's.
    doubt
        ``(edge,)`` px by which the edge usually is elsewhere.
    """

    partner: NDArray[np.int64]
    gain: Float64
    doubt: Float64

    @classmethod
    def of(cls, places: Sequence[Float64]) -> "_Symmetry | None":
        own = np.concatenate([_detrended(one) for one in places])
        edges = own.shape[1]
        # Specks are far off: what is beyond three times the usual is left out.
        size = 1.4826 * np.median(np.abs(own), axis=0)
        covariance = own.T @ own / len(own)
        power = np.maximum(np.diag(covariance), 1e-12)
        alike = np.abs(covariance) / np.sqrt(np.outer(power, power)) - np.eye(edges)
        partner = alike.argmax(axis=1)
        gain, doubt = np.zeros(edges), np.full(edges, np.inf)
        for edge in range(edges):
            other = own[:, partner[edge]]
            near = np.ones(len(own), bool)
            for _ in range(3):
                gain[edge] = (own[near, edge] * other[near]).sum() / max(
                    (other[near] ** 2).sum(), 1e-12
                )
                left = np.abs(own[:, edge] - gain[edge] * other)
                doubt[edge] = 1.4826 * np.median(left)
                near = left < 3 * doubt[edge] + 1e-9
        told = doubt < _TOLD * size
        if not told.any():
            return None
        return cls(np.where(told, partner, -1), gain, doubt)


def _agreed(places: Float64, bad: NDArray[np.bool_], symmetry: _Symmetry) -> None:
    """Put edges that cannot be right where their partners say, in place."""
    middle = np.array([_median(one[~b]) for one, b in zip(places.T, bad.T, strict=True)])
    own = places - middle
    # A frame's own shift and lean, which partners need not share.
    y = np.linspace(-1, 1, len(own))
    for edge, partner in enumerate(symmetry.partner):
        if partner < 0 or symmetry.partner[partner] != edge or partner < edge:
            continue
        good = ~bad[:, edge] & ~bad[:, partner]
        if good.sum() < 16:
            continue
        apart = own[:, edge] - symmetry.gain[edge] * own[:, partner]
        lean = np.polyfit(y[good], apart[good], 1)
        apart = apart - np.polyval(lean, y)
        middle_apart = np.median(apart[good])
        spread = max(1.4826 * float(np.median(np.abs(apart[good] - middle_apart))), 1e-6)
        torn = good & (np.abs(apart - middle_apart) > _TORN * spread)
        # Specks are opaque: the edge that makes the clear part narrower is the wrong one.
        inward = 1 - 2 * (edge % 2), -symmetry.gain[edge] * (1 - 2 * (partner % 2))
        beyond = apart - middle_apart
        own_fault, its_fault = (torn & (beyond * one > 0) for one in inward)
        bad[own_fault, edge] = True
        bad[its_fault, partner] = True
        shift = np.polyval(lean, y) + middle_apart
        mend = bad[:, edge] & ~bad[:, partner]
        places[mend, edge] = middle[edge] + symmetry.gain[edge] * own[mend, partner] + shift[mend]
        back = bad[:, partner] & ~bad[:, edge]
        if abs(symmetry.gain[edge]) > 0.1:
            places[back, partner] = (
                middle[partner] + (own[back, edge] - shift[back]) / symmetry.gain[edge]
            )
        bad[mend, edge] = False
        bad[back, partner] = False


def _apart(places: Float64) -> Float64:
    """Return ``(line, edge)`` by how much more misfit counts: two close edges fit less well."""
    gap = np.diff(places, axis=1)
    close = np.zeros(places.shape, bool)
    close[:, 1:] |= gap < _CLOSE_PX
    close[:, :-1] |= gap < _CLOSE_PX
    return np.where(close, _SPECK, 1.0)


def _median(values: Float64) -> float:
    return float(np.median(values)) if len(values) else 0.0


def _detrended(places: Float64) -> Float64:
    y = np.linspace(-1, 1, len(places))[:, None]
    own = places - places.mean(axis=0)
    return np.asarray(own - y * (own * y).mean(axis=0) / (y**2).mean())


def _straight(place: Float64, good: NDArray[np.bool_]) -> Float64:
    """Return the straight line through an edge that stands still; specks do not bend it."""
    y = np.arange(len(place), dtype=np.float64)
    for _ in range(2):
        slope, begin = np.polyfit(y[good], place[good], 1)
        left = np.abs(place - begin - slope * y)
        good = good & (left <= 3 * 1.4826 * np.median(left[good]) + 1e-9)
        if good.sum() < 8:
            break
    return np.asarray(begin + slope * y)


def _learn_density(track: Track, strips: Float64, weave: Sequence[float]) -> Reader:
    scans = strips
    strips = np.array([moved_across(one, -x) for one, x in zip(scans, weave, strict=True)])
    lines = np.median(strips, axis=2)
    scale = float(np.mean(lines))
    across = strips.mean(axis=(0, 1)) / scale
    # Beside the track nothing is to be heard: columns out there weigh nothing.
    inside = across > 0.5 * np.median(across)
    gain = _correlated(strips, lines)
    weighed = np.where(inside, gain, 0)
    left = strips - lines[..., None] * weighed
    variance = np.where(inside, np.median(np.abs(left), axis=(0, 1)) ** 2 / 0.455, 1e12)
    variance = np.maximum(variance, 1e-3 * np.median(variance[inside]))
    ratio = lines.mean(axis=0) / scale
    down = smooth_down(ratio, np.ones(len(ratio)))
    worn = np.zeros(strips.shape[2], bool)
    reader = Reader(track, np.zeros(1), down[:, None] * weighed[None], variance, worn, worn)
    skew = _skew_of_density(strips / down[:, None], weighed)
    if abs(skew) * inside.sum() >= _LEAST_SKEW:
        reader = replace(reader, skew=skew)
    brightness = np.array([reader._brightness(*both) for both in zip(scans, weave, strict=True)])
    clearest = float(np.percentile(brightness, 99))
    reader = replace(reader, clear=reader.clear * max(clearest, 1e-9))
    return replace(reader, curve=_curve(brightness / max(clearest, 1e-9)))


def _correlated(strips: Float64, lines: Float64) -> Float64:
    """Return ``(column,)`` how much of the lines' brightness each column shows."""
    own = lines - lines.mean(axis=1, keepdims=True)
    power = max(float((own**2).sum()), 1e-12)
    moved = np.einsum("nyx,ny->x", strips, own) / power
    steady = strips.mean(axis=(0, 1)) / lines.mean()
    # Of a quiet track its mean says more; of a loud one both agree.
    both = np.where(np.abs(moved / np.maximum(steady, 1e-9) - 1) < 0.2, steady, moved)
    return np.asarray(both.clip(0))


def _skew_of_density(strips: Float64, gain: Float64) -> float:
    """Return lines a px, from how much later one half of the track is than the other."""
    used = np.flatnonzero(gain > 0)
    if len(used) < 8:
        return 0.0
    half = len(used) // 2
    left, right = used[:half], used[-half:]
    a = np.median(strips[:, :, left] / gain[left], axis=2)
    b = np.median(strips[:, :, right] / gain[right], axis=2)
    window = np.hanning(a.shape[1])
    one = np.fft.rfft((a - a.mean(axis=1, keepdims=True)) * window, 2 * a.shape[1])
    two = np.fft.rfft((b - b.mean(axis=1, keepdims=True)) * window, 2 * a.shape[1])
    cross = (one.conj() * two).sum(axis=0)
    correlation = np.fft.irfft(cross, 16 * 2 * a.shape[1])
    reach = 16 * min(_SKEW_LAG, a.shape[1] // 4)
    near = np.concatenate([correlation[-reach:], correlation[: reach + 1]])
    lag = (int(near.argmax()) - reach) / 16
    # What is seen later in the scan on the right lies there at a smaller line of the film.
    return float(-lag / (right.mean() - left.mean()))


def _curve(brightness: Float64) -> float:
    """Return the power of brightness that is in proportion to the sound.

    A curved response moves the mean of a loud stretch against that of a quiet one, and there is no
    sound of so low a frequency. The right power is the one at which scans' means do not depend on
    how loud they are; 1 where they do not say so clearly.

    Parameters
    ----------
    brightness
        ``(scan, line)``.
    """
    if len(brightness) < 8:
        return 1.0
    best = (np.inf, 1.0)
    plain = 0.0
    for power in np.append(_CURVES, 1.0):
        bent = np.maximum(brightness, 1e-6) ** power
        mean = bent.mean(axis=1)
        loud = bent.var(axis=1) / np.mean(mean) ** 2
        level = mean / np.mean(mean)
        x = loud - loud.mean()
        size = float((x**2).sum())
        if size < 1e-12:
            return 1.0
        slope = float((x * (level - 1)).sum()) / size
        left = level - 1 - slope * x
        doubt = np.sqrt(float((left**2).sum()) / max(len(x) - 2, 1) / size)
        if power == 1.0:
            plain = max(plain, abs(slope) / max(doubt, 1e-12))
        if abs(slope) < best[0]:
            best = (abs(slope), float(power))
    return best[1] if plain > _CERTAIN else 1.0
