"""Follow a picture through its frames: measure about the nearest pose, move the pose with drift.

Frames are taken sixteen at a time. After each group the drift is extrapolated through the next; if
it will leave the pose by more than `_STEP_PX` anywhere, the picture is linearised anew about where
it will be in the middle of it. If most of a frame turns out to lie beyond the model's reach after
all (a jump, a fast sway at a low frame rate), the pose is iterated to it first. Displacements are
always from the reference, and the polynomial response of each linearisation makes neighbours agree:
no seam.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phonoscope.motion.cells import Grid
from phonoscope.motion.derivative import gradient
from phonoscope.motion.engine import Begun, Engine, Projector
from phonoscope.motion.kernel import cell_gram
from phonoscope.motion.linearise import Linearisation, linearise
from phonoscope.motion.pose import Smoother, global_shift, per_pixel
from phonoscope.motion.reference import Reference
from phonoscope.motion.solve import LightFit, solve, stray_square
from phonoscope.motion.spline import warp, warp_share
from phonoscope.motion.threads import is_alone
from phonoscope.types import Float32, Float64, Luma

GROUP = 16
"""Frames measured about one pose before it is reconsidered."""

_STILL_PX = 0.04
_NEAR_PX = 0.12
_STEP_PX = 0.2
_REACH_PX = 0.35
_ITERATIONS = 8
_JUMP_PX = 0.7
_KNOWN_SHARE = 0.9  # of a component that lies in a cell's measurable directions
_LOST_RATIO = 9.0  # by how much they then stray more than usual
_STRAY_RATE = 1 / 256  # of a frame: pieces may be short where a picture sways out of reach
_LOST_GAIN = 0.25  # deviation of the cells' gains from the light at which a picture is another
_MASKED_SHARE = 0.2  # of a moved pixel
_WHOLE = 0.5  # share of the picture that must be out of reach before it is followed


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Consecutive frames measured about one pose.

    Attributes
    ----------
    start, stop
        Of the frames, counted from the tracker's first.
    about
        The pose they were measured about.
    residual
        ``(sample, cell, 2)`` motion from that pose, px.
    motion
        ``(sample, cell, 2)`` motion from the reference, px.
    gain
        ``(sample, cell)``.
    light
        ``(sample, cell)`` common light.
    within_reach
        Whether the model could follow.
    """

    start: int
    stop: int
    about: "Posed"
    residual: Float64
    motion: Float64
    gain: Float64
    light: Float64
    within_reach: bool


@dataclass(frozen=True, slots=True, eq=False)
class Posed:
    """The reference moved to a pose, and how to measure about it.

    Attributes
    ----------
    pose
        ``(rows, columns, 2)`` displacement at the cells' centres, px.
    image
        ``(height, width)`` the reference in that pose.
    weight
        ``(height, width)`` weight of each pixel.
    linearisation
        Of `image`.
    offset
        ``(cell, 2)`` each cell's displacement in that pose, px.
    information
        ``(cell, 3, 3)`` claimed for measurements about it.
    smoother, light_fit
        Of its cells.
    projector
        Sums frames under the linearisation's weights.
    """

    pose: Float64
    image: Float32
    weight: Float32
    linearisation: Linearisation
    offset: Float64
    information: Float64
    smoother: Smoother
    light_fit: LightFit
    projector: Projector


@dataclass(frozen=True, slots=True, eq=False)
class Solving:
    """Frames that are being measured about a pose: motion from it, gain and light to come."""

    about: Posed
    parts: Sequence[Begun[object]]
    outcome: tuple[Float64, Float64, Float64]

    def result(self) -> tuple[Float64, Float64, Float64]:
        """Wait for it; raises what a thread raised."""
        for part in self.parts:
            part.result()
        return self.outcome


class Tracker:
    """Measures frames of one region, in order.

    Parameters
    ----------
    reference, grid
        Of the region.
    engine
        What goes over the pixels.
    about
        Where the picture is sought first; by default where the reference has it.
    group
        How many frames it will be given at a time.
    """

    def __init__(
        self, reference: Reference, grid: Grid, engine: Engine, about: Posed | None = None,
        group: int = GROUP,
    ) -> None:  # fmt: skip
        self._reference = reference
        self._grid = grid
        self._engine = engine
        self._group = group
        self._count = 0
        self._settled = False
        self.usual_stray = reference.stray
        self.about = home(reference, grid, engine) if about is None else about

    def measure(self, frames: Sequence[Luma], solving: "Solving | None" = None) -> Iterator[Piece]:
        """Yield pieces that cover `frames`, at most a group of them, in order.

        `solving` is what `begin` returned for them, if they were begun.
        """
        left = list(frames)
        if solving is None or solving.about is not self.about:
            solving = self.begin(left)
        from_reference: list[Float64] = []
        followed, hopeless = False, False
        ahead = len(left)
        while left:
            # Where a picture sways fast few frames lie near one pose: of the others no more are
            # measured about it than may turn out to.
            motion, gain, light = solving.result() if solving else self._solve(left[:ahead])
            solving = None
            beyond = self._beyond_reach(motion, gain, light)
            good = _leading(~beyond)
            ahead = len(left) if hopeless else 2 * max(1, good)
            self._learn_stray(gain[:good], light[:good])
            if good == 0 and not followed and not hopeless:
                home = self.about
                moved = self._follow(left[0])
                followed, hopeless = True, not moved
                if moved:
                    continue
            # A frame that cannot be followed is measured as well as can be, and so are its like
            # after it in the group: trying each would cost minutes and help none.
            taken = good or (1 if followed and moved else _leading(beyond))
            yield self._piece(motion[:taken], gain[:taken], light[:taken], good > 0)
            if good:
                from_reference.append(motion[:taken] + self.about.pose.reshape(-1, 2))
            elif followed:  # to no avail: what comes next is sought where the picture last was
                self.about = home
            left = left[taken:]
            followed = False
        if from_reference:
            self._look_ahead(np.concatenate(from_reference))

    def _piece(self, residual: Float64, gain: Float64, light: Float64, within: bool) -> Piece:
        start = self._count
        self._count += len(residual)
        motion = residual + self.about.offset
        return Piece(start, self._count, self.about, residual, motion, gain, light, within)

    def begin(self, frames: Sequence[Luma]) -> "Solving":
        """Begin with `frames` about the present pose, in the hope that it will still be the one.

        So the pixels of one group are gone through while another is thought about.
        """
        about = self.about
        motion = np.empty((len(frames), self._grid.cells, 2))
        gain, light = (np.empty((len(frames), self._grid.cells)) for _ in range(2))

        def then(own: slice, sums: Float32) -> None:
            solved = solve(sums, about.linearisation.response, about.light_fit)
            motion[own], gain[own], light[own] = solved

        return Solving(about, about.projector.begin(frames, then), (motion, gain, light))

    def begin_ahead(self, frames: Sequence[Luma]) -> "Solving | None":
        """Begin with `frames` if that goes on beside this thread's own work."""
        return self.begin(frames) if self._engine.apart or not is_alone() else None

    def _solve(self, frames: Sequence[Luma]) -> tuple[Float64, Float64, Float64]:
        return self.begin(frames).result()

    def _beyond_reach(self, motion: Float64, gain: Float64, light: Float64) -> NDArray[np.bool_]:
        # The frames in which the picture as a whole has moved out of the model's reach.
        # Most clips never come near, and no cell stands out of its noise: nothing to smooth then.
        beyond = self._unrecognised(gain, light)
        smoother = self.about.smoother
        if smoother.largest(motion) > _REACH_PX:
            trusted = smoother.trusted(1)
            far = (np.abs(smoother(motion)) * trusted).max(axis=3) > _REACH_PX
            beyond |= far.sum(axis=(1, 2)) > _WHOLE * max(1.0, float(trusted.max(axis=2).sum()))
        return beyond

    def _unrecognised(self, gain: Float64, light: Float64) -> NDArray[np.bool_]:
        # A picture that jumped by more than its texture's grain no longer resembles the reference:
        # the cells' gains, which are correlations with it, fall apart, each in its own way.
        weight = self.about.light_fit.weight
        noise = np.count_nonzero(weight) / max(float(weight.sum()), 1e-30)
        square = stray_square(gain, light, weight)
        # Where a codec has its way with faint texture, gains stray all the time.
        usual = float(np.median(square)) if self.usual_stray is None else self.usual_stray
        return np.asarray(square > max(_LOST_GAIN**2 + 9 * noise, _LOST_RATIO * usual))

    def _learn_stray(self, gain: Float64, light: Float64) -> None:
        if len(gain):
            square = stray_square(gain, light, self.about.light_fit.weight)
            before = self.usual_stray if self._settled else None
            self.usual_stray = accustomed(
                float(np.median(square)) if before is None else before, square
            )
            self._settled = True

    def _look_ahead(self, motion: Float64) -> None:
        # Straight line through the group, read off at the middle and the end of the next one.
        n = len(motion)
        flat_pose = self.about.pose.reshape(-1, 2)
        from_pose = motion - flat_pose
        if self.about.smoother.largest(from_pose) < _STILL_PX:
            return
        time = np.arange(n) - (n - 1) / 2
        slope = np.tensordot(time, from_pose, 1) / max(time @ time, 1)
        mean = from_pose.mean(axis=0)
        most = np.abs(from_pose).max(axis=0) + np.ptp(from_pose, axis=0)
        middle, end = (np.clip(mean + slope * self._group * g, -most, most) for g in (1, 1.5))
        drift, furthest = self.about.smoother(np.stack([middle, end]))
        trusted = self.about.smoother.trusted(n)
        if np.abs(furthest * trusted).max() > _STEP_PX:
            self.about = posed(
                self._reference, self._grid, self.about.pose + drift * trusted, self._engine
            )

    def _follow(self, frame: Luma) -> bool:
        # Gauss-Newton on the pose until this frame lies near it, for as long as that helps. Says
        # whether it did.
        before = best = self.about
        error = self._error(frame)
        for iteration in range(_ITERATIONS):
            motion, gain, light = self._solve([frame])
            drift = self.about.smoother(motion)[0] * self.about.smoother.trusted(1)
            lost = bool(self._unrecognised(gain, light)[0])
            if iteration and not lost and np.abs(drift).max() < _NEAR_PX:
                break
            if iteration == 0 and (lost or np.median(np.abs(drift).max(axis=2)) > _JUMP_PX):
                drift = np.zeros_like(drift) + self._shift(frame)
            self.about = posed(self._reference, self._grid, self.about.pose + drift, self._engine)
            now = self._error(frame)
            if now >= error:
                break
            best, error = self.about, now
        self.about = best
        return best is not before

    def _error(self, frame: Luma) -> float:
        # Mean squared difference from the posed picture, its mean light taken off.
        image, used = self.about.image, self.about.weight > 0
        if used.mean() < 0.1:
            return np.inf
        seen = self._window(frame)[used]
        model = image[used]
        return float(np.mean((seen * (model.mean() / max(seen.mean(), 1e-3)) - model) ** 2))

    def _window(self, frame: Luma) -> Float32:
        height, width = self.about.image.shape
        x, y = self._reference.origin
        return frame[y : y + height, x : x + width].astype(np.float32)

    def _shift(self, frame: Luma) -> Float64:
        return np.array(global_shift(self.about.image, self._window(frame)), np.float64)


def accustomed(usual: float, squares: Float64) -> float:
    """Return what usually strays after further frames, however those are cut into pieces."""
    left = (1 - _STRAY_RATE) ** np.arange(len(squares) - 1, -1, -1)
    return float(usual * left[0] * (1 - _STRAY_RATE) + _STRAY_RATE * (left @ squares))


def _leading(flags: NDArray[np.bool_]) -> int:
    """Return how many of the first flags are set in a row."""
    return len(flags) if flags.all() else int(np.argmin(flags))


def home(reference: Reference, grid: Grid, engine: Engine) -> Posed:
    """Return the reference as it is, linearised."""
    return posed(reference, grid, np.zeros((grid.rows, grid.columns, 2)), engine)


def posed(reference: Reference, grid: Grid, pose: Float64, engine: Engine) -> Posed:
    """Move the reference by `pose` ``(rows, columns, 2)`` and linearise about it."""
    shape = reference.image.shape
    image, inside = reference.image, np.ones(shape, np.bool_)
    masked = reference.masked
    offset = pose.reshape(-1, 2)
    if pose.any():
        dx, dy = (per_pixel(pose[..., k], grid, reference.origin, shape) for k in (0, 1))
        image, inside = warp(reference.coefficients, dx, dy)
        masked = masked | (warp_share(masked, dx, dy) > _MASKED_SHARE)
    weight = np.where(masked | ~inside, 0, 1 / reference.noise.at(image)).astype(np.float32)
    lin = linearise(image, weight, grid, reference.origin, reference.averaged)
    if pose.any():
        offset = _offsets(image, weight, dx, dy, grid, reference.origin, offset)
    covariance = lin.covariance * reference.inflation[:, None, None]
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    sure = np.diagonal(lin.known, axis1=1, axis2=2) > _KNOWN_SHARE
    return Posed(
        pose, image, weight, lin, offset,
        np.asarray(np.linalg.pinv(covariance, rcond=1e-9, hermitian=True)),
        Smoother.over(grid, np.where(sure, variance[:, :2], 0)),
        LightFit.over(grid.centres, variance[:, 2], in_bands=grid.rolling),
        engine.projector(lin.weights, grid),
    )  # fmt: skip


def _offsets(
    image: Float32, weight: Float32, dx: Float32, dy: Float32, grid: Grid,
    origin: tuple[int, int], at_centres: Float64,
) -> Float64:  # fmt: skip
    # A cell reports the mean displacement of its pixels, each weighted by what it knows.
    result = at_centres.copy()
    one = np.ones_like(dx)
    for k, (slope, shift) in enumerate(zip(gradient(image), (dx, dy), strict=True)):
        sums = cell_gram(
            np.stack([one, shift]), weight * slope * slope, 1,
            grid.x_edges - origin[0], grid.y_edges - origin[1],
        )[:, 0]  # fmt: skip
        known = sums[:, 0] > 0
        result[known, k] = sums[known, 1] / sums[known, 0]
    return result
