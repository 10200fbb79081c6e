"""Cells that are read one after the other: their layout, and how much of the sound each shows.

A clock is a time within the frame at which cells are read, a piece a column of cells. How far a
cell moves for one unit of the sound, its gain, changes slowly over the picture: it is kept at a few
nodes down the frame, for each piece along x and y, and is a straight line between them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from phonoscope.blocks import LazyBlocks, samples_of
from phonoscope.sound.irregular import Rows
from phonoscope.types import Cells, Float64, MotionBlock, MotionField, Shutter

_NODES = 10
_CHUNK_OF_PERIOD = 0.2  # of the band's highest: cells read within it see the same motion
_REACH = 1.5  # nodes to either side over which a covariance is taken
_WHOLE = 0.85  # periods of the lowest frequency in a read-out
_SLOW_TERMS = 3  # of a parabola
_LEAST = 1e-6  # of the largest eigenvalue: below, a direction is unknown
_TINY = 1e-300


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Clocks and pieces of a field's cells.

    Attributes
    ----------
    delay_s
        ``(clock,)`` rising.
    clock, piece
        ``(cell,)`` index of each cell's.
    chunk
        ``(cell,)`` index of the group of neighbouring clocks, which see the same motion.
    share
        ``(cell, node)`` of each node in a cell's gain.
    """

    delay_s: Float64
    clock: NDArray[np.int64]
    piece: NDArray[np.int64]
    chunk: NDArray[np.int64]
    share: Float64

    @classmethod
    def of(cls, cells: Cells, high_hz: float) -> "Layout":
        delay, clock = np.unique(cells.delay_s, return_inverse=True)
        clock = clock.reshape(-1)
        piece = np.unique(cells.x_px, return_inverse=True)[1].reshape(-1)
        span = float(delay[-1] - delay[0])
        chunks = int(np.clip(np.ceil(span * high_hz / _CHUNK_OF_PERIOD), 1, len(delay)))
        place = clock / max(len(delay) - 1, 1) * (_NODES - 1)
        share = np.maximum(1 - np.abs(place[:, None] - np.arange(_NODES)), 0)
        return cls(delay, clock, piece, clock * chunks // len(delay), share)

    @property
    def pieces(self) -> int:
        """Number of pieces."""
        return int(self.piece.max()) + 1

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return int(self.chunk.max()) + 1


def in_squares(field: MotionField, layout: Layout) -> MotionField:
    """Return a field as a global shutter would have it: rows joined to cells as tall as wide.

    Times within a read-out are ignored. Of what is slower than half the frame rate that is less
    than half a period, for which directions that differ from frequency to frequency make up.
    Codecs err in blocks, whose rows are not as independent as they claim: in cells that are larger
    than a block this shows.
    """
    cells = field.cells
    side = int(cells.width_px.max())
    band = (cells.y_px - cells.y_px.min()) // side
    square = np.unique(band * layout.pieces + layout.piece, return_inverse=True)[1].reshape(-1)
    count = int(square.max()) + 1
    own = field.information[:, :2, :2]
    information = _summed(own, square, count)
    inverse = np.linalg.pinv(information, rcond=_LEAST, hermitian=True)
    claimed = np.zeros((count, 3, 3))
    claimed[:, :2, :2] = information

    def read(number: int) -> MotionBlock:
        block = field.blocks[number]
        score = _gathered(
            np.einsum("cij,tcj->tci", own, block.motion, optimize=True), square, count
        )
        motion = np.einsum("sij,tsj->tsi", inverse, score, optimize=True).astype(np.float32)
        return MotionBlock(block.time_s, motion, np.ones(motion.shape[:2], np.float32), claimed)

    first = np.unique(square, return_index=True)[1]
    rate = field.rate_hz
    if field.facts.variable_rate:  # frames will be evened out, as many as there are
        span = field.blocks[-1].time_s[-1] - field.blocks[0].time_s[0]
        rate = Fraction((field.samples - 1) / float(span))
    return replace(
        field,
        facts=replace(field.facts, shutter=Shutter(), capture_rate=rate),
        cells=Cells(
            cells.x_px[first], cells.y_px[first], cells.width_px[first],
            np.full(count, side, np.int32), np.zeros(count),
        ),
        blocks=LazyBlocks(samples_of(field.blocks), read),
    )  # fmt: skip


def in_chunks(
    field: MotionField, layout: Layout, lowest_hz: float, *, without_slow: bool = False
) -> MotionField:
    """Return a field as a camera would see it that takes a frame for each chunk of clocks.

    Its cells are the pieces; its frames are the chunks of all read-outs, one after the other as if
    there were no time between frames: what pieces have in common is the same. The noise of a piece
    is the same in all of its frames. Chunks without any texture are left out; where a piece alone
    has none it is still, and its other chunks count for more.

    Where a read-out is as long as a period of the lowest frequency, a shift of whole frames is no
    sound, and is taken off: that is how sway shows that is not followed well.

    Of what is slower than half the frame rate there is nearly a parabola in a read-out, and where
    two read-outs meet it would jump. `without_slow` takes each piece's parabola off.
    """
    together = _Together.of(field, layout)
    root, inverse = _roots(together.information)
    known = root @ inverse
    told = known.any(axis=(1, 2, 3))
    usual = together.information[told].mean(axis=0)
    reader = _roots(usual)[1] @ _roots(known[told].mean(axis=0))[1] @ inverse[told]
    claimed = np.zeros((layout.pieces, 3, 3))
    claimed[:, :2, :2] = usual
    step = float(np.ptp(layout.delay_s)) / (len(layout.delay_s) - 1)
    rate = layout.chunks / (step * len(layout.delay_s))
    frames = int(told.sum())
    whole = lowest_hz * float(np.ptp(layout.delay_s)) >= _WHOLE
    mean = np.linalg.pinv(together.information.sum(axis=(0, 1)), rcond=_LEAST, hermitian=True)

    def read(number: int) -> MotionBlock:
        block = field.blocks[number]
        score = together.scores(block)
        if whole:
            shift = score.sum(axis=(1, 2)) @ mean
            score -= np.einsum("qpij,tj->tqpi", together.information, shift)
        if without_slow:
            score -= together.slow(score)
        score = score[:, told]
        motion = np.einsum("qpij,tqpj->tqpi", reader, score, optimize=True)
        time = block.time_s[:, None] + np.arange(frames) / rate
        return MotionBlock(
            time.ravel(),
            motion.reshape(-1, layout.pieces, 2).astype(np.float32),
            np.ones((time.size, layout.pieces), np.float32),
            claimed,
        )

    first = np.unique(layout.piece, return_index=True)[1]
    cells = field.cells
    lengths = [frames * n for n in samples_of(field.blocks)]
    return replace(
        field,
        facts=replace(field.facts, capture_rate=Fraction(rate), variable_rate=False),
        cells=Cells(
            cells.x_px[first], cells.y_px[first], cells.width_px[first], cells.height_px[first],
            np.zeros(layout.pieces),
        ),
        samples=sum(lengths),
        blocks=LazyBlocks(lengths, read),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Together:
    """What the cells of a piece and chunk tell together.

    Attributes
    ----------
    information
        ``(chunk, piece, 2, 2)``.
    group
        ``(cell,)`` index of each cell's.
    own
        ``(cell, 2, 2)`` information.
    """

    information: Float64
    group: NDArray[np.int64]
    own: Float64

    @classmethod
    def of(cls, field: MotionField, layout: Layout) -> "_Together":
        own = field.information[:, :2, :2]
        group = layout.chunk * layout.pieces + layout.piece
        total = _summed(own, group, layout.chunks * layout.pieces)
        return cls(total.reshape(layout.chunks, layout.pieces, 2, 2), group, own)

    def scores(self, block: MotionBlock) -> Float64:
        """Return ``(frame, chunk, piece, 2)`` information times motion."""
        each = np.einsum("cij,tcj->tci", self.own, block.motion, optimize=True)
        chunks, pieces = self.information.shape[:2]
        total = _gathered(each, self.group, chunks * pieces)
        return total.reshape(len(each), chunks, pieces, 2)

    def slow(self, scores: Float64) -> Float64:
        """Return what a parabola over each piece's chunks explains of ``scores``."""
        chunks, pieces = self.information.shape[:2]
        shape = np.polynomial.legendre.legvander(np.linspace(-1, 1, chunks), _SLOW_TERMS - 1)
        size = 2 * _SLOW_TERMS
        normal = np.einsum("qk,ql,qpij->pkilj", shape, shape, self.information)
        inverse = np.linalg.pinv(
            normal.reshape(pieces, size, size), rcond=_LEAST, hermitian=True
        ).reshape(normal.shape)
        seen = np.einsum("qk,tqpi->tpki", shape, scores)
        fitted = np.einsum("pkilj,tplj->tpki", inverse, seen, optimize=True)
        return np.asarray(
            np.einsum("qpij,qk,tpkj->tqpi", self.information, shape, fitted, optimize=True)
        )


@dataclass(frozen=True, slots=True, eq=False)
class Gains:
    """How each part of the picture moves with the sound.

    Attributes
    ----------
    nodes
        ``(node, piece, 2)`` motion for one unit of the sound, px.
    level
        ``(node,)`` power of what the sound does not explain over the noise that is claimed.
    strength
        ``(node,)`` power of the sound over the noise in the best sum of a chunk's pieces.
    """

    nodes: Float64
    level: Float64
    strength: Float64

    def of(self, layout: Layout) -> Float64:
        """Return the ``(cell, 2)`` gains of cells."""
        return np.asarray(np.einsum("cn,nci->ci", layout.share, self.nodes[:, layout.piece]))


def learned_gains(field: MotionField, layout: Layout) -> Gains:
    """Return the gains, for a sound of power 1, from what neighbours share.

    Around each node the pieces are an array of microphones that hear the same. Their covariance is
    noise and something of rank one: its strongest direction is the gain, and the rest is the noise.
    The sign is such that neighbouring nodes agree.

    Parameters
    ----------
    field
        Without sway.
    layout
        Of its cells.
    """
    together = _Together.of(field, layout)
    chunks, pieces = layout.chunks, layout.pieces
    inverse = np.linalg.pinv(together.information, rcond=_LEAST, hermitian=True)
    square = np.zeros((chunks, 2 * pieces, 2 * pieces))
    for block in field.blocks:
        motion = np.einsum("qpij,tqpj->tqpi", inverse, together.scores(block), optimize=True)
        flat = motion.reshape(-1, chunks, 2 * pieces)
        square += np.einsum("tqi,tqj->qij", flat, flat, optimize=True)
    square /= field.samples
    at = np.linspace(0, _NODES - 1, chunks)
    reach = max(_REACH, _NODES / max(chunks - 1, 1))  # few chunks: some for every node
    near = np.maximum(1 - np.abs(at[:, None] - np.arange(_NODES)) / reach, 0)
    nodes = np.zeros((_NODES, 2 * pieces))
    level, strength = np.ones(_NODES), np.zeros(_NODES)
    for node, share in enumerate((near / near.sum(axis=0)).T):
        root, back = _roots(np.einsum("q,qpij->pij", share, together.information))
        wide, narrow = _block_diagonal(root), _block_diagonal(back)
        values, vectors = np.linalg.eigh(wide @ np.einsum("q,qij->ij", share, square) @ wide)
        told = round(float(np.einsum("pij,pji->", root, back)))
        if told < 2:
            continue
        level[node] = values[-told:-1].mean()
        strength[node] = max(values[-1] / level[node] - 1, 0)
        gain = narrow @ vectors[:, -1] * np.sqrt(level[node] * strength[node])
        nodes[node] = gain if gain @ nodes[node - 1] >= 0 else -gain
    return Gains(nodes.reshape(_NODES, pieces, 2), level, strength)


def rows_of(field: MotionField, layout: Layout, gains: Gains) -> Iterator[Rows]:
    """Yield what each clock tells of the sound: all of its cells' motion in one sample."""
    own = gains.of(layout)
    level = layout.share @ gains.level
    weight = np.einsum("cij,cj->ci", field.information[:, :2, :2], own) / level[:, None]
    told = _summed(np.einsum("ci,ci->c", weight, own), layout.clock, len(layout.delay_s))
    known = told > 0
    variance = np.where(known, 1 / np.where(known, told, 1), np.inf)
    for block in field.blocks:
        each = np.einsum("ci,tci->tc", weight, block.motion, optimize=True)
        score = _gathered(each, layout.clock, len(layout.delay_s))
        time = block.time_s[:, None] + layout.delay_s
        values = np.where(known, score * np.where(known, variance, 0), 0)
        yield Rows(time.ravel(), values.ravel(), np.tile(variance, len(score)))


def _summed(values: Float64, group: NDArray[np.int64], count: int) -> Float64:
    total = np.zeros((count, *values.shape[1:]))
    np.add.at(total, group, values)
    return total


def _gathered(values: Float64, group: NDArray[np.int64], count: int) -> Float64:
    # Sums over the second axis of what is in one group.
    order = np.argsort(group, kind="stable")
    present, starts = np.unique(group[order], return_index=True)
    total = np.zeros((len(values), count, *values.shape[2:]))
    total[:, present] = np.add.reduceat(values[:, order], starts, axis=1)
    return total


def _roots(matrices: Float64) -> tuple[Float64, Float64]:
    # Symmetric roots of symmetric matrices, and their inverses where they have one.
    values, vectors = np.linalg.eigh(matrices)
    known = values > _LEAST * np.maximum(values[..., -1:], _TINY)
    root = np.sqrt(np.where(known, values, 0))
    inverse = np.where(known, 1 / np.where(known, root, 1), 0)
    turned = np.swapaxes(vectors, -1, -2)
    return (vectors * root[..., None, :]) @ turned, (vectors * inverse[..., None, :]) @ turned


def _block_diagonal(parts: Float64) -> Float64:
    size = 2 * len(parts)
    result = np.zeros((size, size))
    for p, part in enumerate(parts):
        result[2 * p : 2 * p + 2, 2 * p : 2 * p + 2] = part
    return result
