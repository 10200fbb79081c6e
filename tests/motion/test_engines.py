"""Every engine does the same: each of its passes against the truth, and whole measurements too."""

import numpy as np
import pytest

from phonoscope.motion import Lattice, cut, measure_frames
from phonoscope.motion.cells import cut_rows, places
from phonoscope.motion.processor import PROCESSOR
from phonoscope.motion.pyramid import measure_bands
from phonoscope.motion.steerable import build_pyramid, coefficients, spectrum
from phonoscope.types import GLOBAL, NoiseModel, Region, Shutter

SUM_ERROR = 2e-6  # of a sum of a cell's pixels: single precision, of the terms' root sum of squares
PHASE_ERROR = 1e-5  # rad
POSITION_ERROR = 2e-3  # px
CLAIM_SHARE = 1e-3  # of what a cell claims for its own error
PRECISION = 5e-6  # of that, where grey levels are so much larger than the noise
BLIND_PX = 0.2  # claimed error from which on a cell says next to nothing
BLIND_SHARE = 0.1
BAND_SHARE = 2e-3  # of a band's own noise
PICTURES = [((96, 80), 8), ((101, 83), 12), ((75, 130), 16)]  # size, bits


@pytest.fixture(params=["processor", "torch"])
def engine(request):
    return PROCESSOR if request.param == "processor" else request.getfixturevalue("torch_engine")


def noise(size, bits, count=37, seed=0):
    random = np.random.default_rng(seed)
    kind = np.uint8 if bits == 8 else np.uint16
    return [random.integers(0, 2**bits, size[::-1]).astype(kind) for _ in range(count)]


def summed(engine, grid, weights, frames):
    result = np.full((len(frames), 3, grid.cells), np.nan, np.float32)

    def then(own, sums):
        assert np.isnan(result[own]).all()
        result[own] = sums

    for part in engine.projector(weights, grid).begin(frames, then):
        part.result()
    return result


def truly_summed(grid, weights, frames):
    """Return the sums, and the root sum of squares of their terms, in double precision."""
    y, x = grid.y_edges[:-1] - grid.y_edges[0], grid.x_edges[:-1] - grid.x_edges[0]
    terms = weights.astype(float) * np.array([frame[grid.window] for frame in frames])[:, None]

    def over_cells(values):
        rows = np.add.reduceat(values, y, axis=2)
        return np.add.reduceat(rows, x, axis=3).reshape(len(frames), 3, -1)

    return over_cells(terms), np.sqrt(over_cells(terms**2))


@pytest.mark.parametrize(("size", "bits"), PICTURES)
@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("region", [(), (Region(7, 5, 61, 70),)])
def test_sums_are_those_of_each_cell(engine, size, bits, rows, region):
    (grid,) = cut_rows(*size, region, None) if rows else cut(*size, region, 16)
    shape = [part.stop - part.start for part in grid.window]
    weights = np.random.default_rng(1).standard_normal((3, *shape)).astype(np.float32)
    frames = noise(size, bits)
    truth, scale = truly_summed(grid, weights, frames)
    assert (np.abs(summed(engine, grid, weights, frames) - truth) < 16 * SUM_ERROR * scale).all()


@pytest.mark.parametrize("count", [1, 16])
def test_frames_may_lie_in_memory_in_any_way(engine, count):
    size = (101, 83)
    (grid,) = cut(*size, (), 16)
    weights = np.random.default_rng(1).standard_normal((3, 83, 101)).astype(np.float32)
    frames = noise(size, 12, count)
    padded = [np.pad(frame, ((0, 1), (0, 27)))[:83, :101] for frame in frames]
    turned = [np.asfortranarray(frame) for frame in frames]
    still = [frame.copy() for frame in frames]
    for frame in still:
        frame.flags.writeable = False
    plain = summed(engine, grid, weights, frames)
    for others in (padded, turned, still):
        np.testing.assert_array_equal(summed(engine, grid, weights, others), plain)


def test_many_groups_do_not_get_into_each_other_s_way(engine):
    (grid,) = cut(96, 80, (), 16)
    weights = np.ones((3, 80, 96), np.float32)
    project = engine.projector(weights, grid)
    frames = [np.full((80, 96), value, np.uint8) for value in range(160)]
    sums = np.empty((160, 3, grid.cells), np.float32)
    begun = []
    for first in range(0, 160, 16):

        def then(own, some, first=first):
            sums[first + own.start : first + own.stop] = some

        begun += project.begin(frames[first : first + 16], then)
    for part in begun:
        part.result()
    pixels = np.outer(np.diff(grid.y_edges), np.diff(grid.x_edges)).ravel()
    assert np.array_equal(sums, np.arange(160)[:, None, None] * pixels + np.zeros((3, 1)))


def truly_compared(pyramid, pictures):
    """Return the phases in double precision, by the definition."""
    taper = pyramid.taper.astype(float)

    def whole(picture):
        values = (picture - (picture * taper).sum() / taper.sum()) * taper
        return np.fft.fftshift(np.fft.fft2(values, s=pyramid.padded))

    rows = []
    for picture in pictures:
        row = []
        for band in pyramid.bands:
            one, other = (
                np.fft.ifft2(whole(p)[band.window] * band.response, s=band.samples)
                for p in (pictures[0].astype(float), picture.astype(float))
            )
            power = np.abs(one) ** 2
            row.append(np.sum(power * np.angle(one * other.conj())) / power.sum())
        rows.append(row)
    return np.array(rows)


@pytest.mark.parametrize(("size", "bits"), PICTURES)
@pytest.mark.parametrize("moved", [0.05, 2.0])
def test_phases_are_those_of_the_definition(lab, engine, size, bits, moved):
    world = lab.World.make(*size, seed=3)
    camera = lab.Camera(read=2.0 ** (bits - 8), bits=bits, gain=2.0 ** (bits - 8))
    pictures = lab.film(world, lab.wander(7, moved), camera)
    pyramid = build_pyramid(*size, scales=3, orientations=4)
    whole = spectrum(pyramid, pictures[0])
    compare = engine.comparer(pyramid, [coefficients(band, whole) for band in pyramid.bands])
    found = np.concatenate([compare.begin(pictures[a : a + 3]).result() for a in (0, 3, 6)])
    truth = truly_compared(pyramid, pictures)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, truth, rtol=0, atol=PHASE_ERROR)


def bent(engine, lattice, gain, bits, frames, nodes):
    return list(engine.bender(lattice, gain, bits)(zip(frames, nodes, strict=True)))


def texture(size, moved=(0.0, 0.0), bits=8):
    y, x = np.mgrid[: size[1], : size[0]].astype(float)
    x, y = x - moved[0], y - moved[1]
    grey = np.sin(0.9 * x + 0.3 * y) + np.sin(0.5 * x - 0.7 * y + 1) + np.sin(0.2 * y + 0.35 * x)
    return np.rint((128 + 30 * grey) * 2 ** (bits - 8)).astype(np.uint8 if bits == 8 else "u2")


def lattice_over(size):
    return Lattice.over(places(cut(*size, (), 16), GLOBAL, size[1]), *size)


@pytest.mark.parametrize(("size", "bits"), PICTURES)
@pytest.mark.parametrize("gain", [0.0, 50.0])
def test_frames_are_bent_by_gain_times_the_motion(engine, size, bits, gain):
    lattice, motion = lattice_over(size), np.array([0.08, -0.05])
    steps = np.linspace(-1, 1, 5)  # with one at rest, which stays as it is
    frames = [texture(size, step * motion, bits) for step in steps]
    nodes = [np.ones((2, *lattice.shape)) * (step * motion)[:, None, None] for step in steps]
    shown = bent(engine, lattice, gain, bits, frames, nodes)
    assert [frame.dtype for frame in shown] == [frame.dtype for frame in frames]
    inner = (slice(8, -8), slice(8, -8))
    for step, frame in zip(steps, shown, strict=True):
        truth = texture(size, gain * step * motion, bits).astype(float)
        assert np.abs(frame - truth)[inner].max() < 3 * 2 ** (bits - 8)
    assert shown[2] is frames[2]


@pytest.mark.parametrize(("size", "bits"), PICTURES)
@pytest.mark.parametrize("gain", [0.0, 10.0, 50.0])
def test_uneven_bends_show_the_same_on_all(torch_engine, size, bits, gain):
    lattice, random = lattice_over(size), np.random.default_rng(0)
    frames = [texture(size, (0.3 * n, -0.2 * n), bits) for n in range(12)]
    # Beyond folding, too, and out of the picture.
    nodes = [
        part * 3 / max(gain, 1) * random.standard_normal((2, *lattice.shape))
        for part in np.linspace(0.1, 1, 12)
    ]
    ours = bent(PROCESSOR, lattice, gain, bits, frames, nodes)
    theirs = bent(torch_engine, lattice, gain, bits, frames, nodes)
    steepest = max(np.abs(np.diff(frame.astype(float), axis=1)).max() for frame in frames)
    apart = np.abs(np.array(ours).astype(float) - np.array(theirs))
    assert apart.max() <= 1 + POSITION_ERROR * steepest
    # Only where a grey level is as near to the next one does rounding tell them apart.
    assert np.count_nonzero(apart) < 2e-3 * apart.size * 2 ** (bits - 8)


def test_gain_one_leaves_the_frame(engine):
    frame, lattice = texture((96, 80)), lattice_over((96, 80))
    nodes = np.full((2, *lattice.shape), 0.2)
    assert np.array_equal(bent(engine, lattice, 1.0, 8, [frame], [nodes])[0], frame)


def measured(lab, engine, lumas, bits, regions, rolling):
    size = lumas[0].shape[::-1]
    shutter = Shutter(1e-5, "down", "user") if rolling else GLOBAL
    grids = cut_rows(*size, regions, None) if rolling else cut(*size, regions, 16)
    m = measure_frames(lab.frames(lumas), grids, bits=bits, shutter=shutter, engine=engine)
    segments = sorted(m.segments(), key=lambda segment: segment.number)
    blocks = [block for segment in segments for block in segment.blocks]
    lost = [index for segment in segments for index in segment.lost]
    return np.concatenate([b.motion for b in blocks]), blocks[0].information, lost


CLIPS = {
    "8 bit": {},
    "12 bit": {"bits": 12},
    "16 bit": {"bits": 16},
    "bright 16 bit": {"bits": 16, "mean": 200.0, "read": 0.02},
    "odd": {"size": (101, 83)},
    "regions": {"size": (110, 90), "regions": (Region(0, 0, 50, 40), Region(31, 17, 67, 65))},
    "sway": {"sway": 2.5},
    "flicker": {"flicker": 0.05},
    "saturated": {"mean": 190.0},
    "rows": {"rolling": True},
}


@pytest.mark.parametrize("clip", CLIPS)
def test_motion_is_the_same_well_below_its_noise(lab, torch_engine, clip):
    how = {
        "size": (96, 80), "bits": 8, "mean": 120.0, "read": 1.0, "sway": 0.0, "flicker": 0.0,
        "regions": (), "rolling": False, **CLIPS[clip],
    }  # fmt: skip
    world = lab.World.make(*how["size"], mean=how["mean"], seed=2)
    time = np.arange(120) / 120
    sway = how["sway"] * np.stack([np.sin(5 * time), np.cos(4 * time) - 1], 1)
    factor = 2.0 ** (how["bits"] - 8)
    camera = lab.Camera(how["read"] * factor, 0.0, how["bits"], factor)
    light = 1 + how["flicker"] * np.sin(2 * np.pi * 24 * time)
    lumas = lab.film(world, sway + lab.wander(120, 0.02), camera, light=light)
    if clip == "saturated":
        assert any((luma == 255).any() for luma in lumas)
    given = lumas, how["bits"], how["regions"], how["rolling"]
    ours, information, lost = measured(lab, PROCESSOR, *given)
    theirs, _, lost_there = measured(lab, torch_engine, *given)
    assert lost == lost_there
    claimed = lab.claimed(information)
    sure = claimed < BLIND_PX
    assert sure.mean() > 0.2
    share = np.abs(ours - theirs) / claimed
    assert share[:, sure].max() < max(CLAIM_SHARE, PRECISION * how["mean"] / how["read"])
    assert share.max() < BLIND_SHARE


@pytest.mark.parametrize("bits", [8, 16])
def test_bands_are_the_same_well_below_their_noise(lab, torch_engine, bits):
    world = lab.World.make(101, 83, seed=6)
    factor = 2.0 ** (bits - 8)
    lumas = lab.film(world, lab.wander(90, 0.05), lab.Camera(factor, 0.0, bits, factor))
    flat = NoiseModel(np.array([0.0]), np.array([factor**2 + 1 / 12]))
    ours, theirs = (
        measure_bands(
            lab.frames(lumas), rate_hz=1000, region=Region(3, 2, 91, 77), noise=flat, engine=engine
        )
        for engine in (PROCESSOR, torch_engine)
    )
    apart = np.abs(ours.phase - theirs.phase)
    assert (apart < BAND_SHARE * np.sqrt(ours.noise_variance)).all()
    np.testing.assert_array_equal(ours.time_s, theirs.time_s)
