"""From a line of a track to a sample, once it is known what is the same in all scans."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phonoscope.film.clean import bridged, filled, moved_across, robust_lines, sheared
from phonoscope.film.edges import WHITE, Noise, counted, crossings, refined, without_specks
from phonoscope.film.find import Track
from phonoscope.film.foretell import Foretelling
from phonoscope.film.specks import UNKNOWN, Speck, behind, touched
from phonoscope.types import Float64, Luma

_CLOSE_PX = 5.0
_SPECK = 3.0  # misfit over the usual
_BESIDE_SPECK_PX = 10.0
_AROUND = 3  # lines to either side of a line that a speck has touched
_TURNS = 3  # an edge's place tells where it is seen, by less each time
LEAST_SKEW = 0.05  # lines across the track: less is not worth interpolating


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
    foretelling: tuple[Foretelling, ...] = ()
    speck: Speck = UNKNOWN
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
            light = self.brightness_of(strip, weave_px)
            return np.maximum(light, 1e-6)[None] ** self.curve, 0
        places, bad = self.edges_of(self.share_of(strip, weave_px), weave_px)
        return self._widths(places), int(bad.any(axis=1).sum())

    def share_of(self, strip: Float64, weave_px: float) -> Float64:
        """Return ``(line, column)`` a scan's transmission, from dark (0) to clear (1)."""
        # What is known of the film is moved to the scan, whose noise stays as it is.
        dark = moved_across(self.dark, weave_px)
        share = (strip - dark) / (moved_across(self.clear, weave_px) - dark)
        worn = self.worn_at(weave_px)
        if worn.any() and not worn.all():
            share = bridged(share, worn)
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

    def worn_at(self, weave_px: float) -> NDArray[np.bool_]:
        """Return ``(column,)`` those of a scan that scratches may touch."""
        return _moved_mask(self.worn, weave_px)

    def brightness_of(self, strip: Float64, weave_px: float) -> Float64:
        """Return ``(line,)`` brightness of a scan of variable density."""
        if self.skew:
            strip = sheared(strip, self.skew)
        profile = moved_across(self.clear, weave_px)
        column = np.arange(strip.shape[1])
        near = (column + round(weave_px)).clip(0, strip.shape[1] - 1)
        return robust_lines(strip, profile, self.variance[near])

    def edges_of(self, share: Float64, weave_px: float = 0.0) -> tuple[Float64, NDArray[np.bool_]]:
        """Return the place ``(line, edge)`` of each edge, and which lines were beyond reading."""
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
        return self._unturned(places), lost

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
            share, line, column.ravel(), rising, self.blur_px, self.noise, ~self.worn_at(weave_px)
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
        rest = np.zeros(self.edges) if self.rest is None else self.rest
        others = np.where(np.isfinite(places), places, rest)[hidden]
        place, variance = behind(
            share[hidden], others, edge, foretold[hidden], covariance,
            self.blur_px, self.noise, self.speck, ~self.worn_at(weave_px),
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


def _apart(places: Float64) -> Float64:
    """Return ``(line, edge)`` by how much more misfit counts: two close edges fit less well."""
    gap = np.diff(places, axis=1)
    close = np.zeros(places.shape, bool)
    close[:, 1:] |= gap < _CLOSE_PX
    close[:, :-1] |= gap < _CLOSE_PX
    return np.where(close, _SPECK, 1.0)


def _moved_mask(mask: NDArray[np.bool_], weave_px: float) -> NDArray[np.bool_]:
    column = np.arange(len(mask))
    return np.asarray(mask[(column + round(weave_px)).clip(0, len(column) - 1)])


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
