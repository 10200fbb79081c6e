"""Segments: measured in any order, by any number of threads, the motion is the same."""

from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonoscope.motion import cut, measure_frames
from phonoscope.motion.run import nothing_known
from phonoscope.motion.runs import Runs
from phonoscope.types import Stretches

SEGMENT = 48
ROUNDING_PX = 1e-5  # of single precision, in sums over other groups of frames


@pytest.fixture
def short_segments(monkeypatch):
    monkeypatch.setattr("phonoscope.motion.measure.segment_frames", lambda *_: SEGMENT)


def stretches(frames, *, apart=1, expected=None):
    def read(first, stop):
        yield from (f for f in frames if f.index >= first and (stop is None or f.index < stop))

    stop = frames[-1].index + 1 if expected is None else expected
    return Stretches(frames[0].index, stop, apart, read, lambda: False, lambda: None)


def measured(frames, *, workers=1, done=(), known=None, **more):
    grids = cut(*reversed(frames[0].luma.shape), (), 16)
    parts = stretches(frames, **more) if workers > 1 else None
    m = measure_frames(iter(frames), grids, bits=8, stretches=parts, workers=workers)
    told = []
    segments = m.segments(done, **({"known": known} if known else {}), progress=told.append)
    result = {segment.number: segment for segment in segments}
    assert told == sorted(told)
    return SimpleNamespace(
        segments=result, told=told, motion=motion_of(result), lost=[
            index for number in sorted(result) for index in result[number].lost
        ],
    )  # fmt: skip


def motion_of(segments):
    blocks = [block for number in sorted(segments) for block in segments[number].blocks]
    return np.concatenate([b.motion for b in blocks])


@pytest.fixture(scope="module")
def still(lab):
    world = lab.World.make(80, 48)
    return lab.frames(lab.film(world, lab.wander(300, 0.02), lab.Camera(1.0)))


@pytest.fixture(scope="module")
def drifting(lab):
    world = lab.World.make(80, 48)
    drift = np.stack([np.linspace(0, 6, 300), np.linspace(0, -3, 300)], 1)
    return lab.frames(lab.film(world, drift + lab.wander(300, 0.02), lab.Camera(1.0)))


@pytest.mark.parametrize("clip", ["still", "drifting"])
@pytest.mark.parametrize("workers", [2, 3])
def test_threads_change_nothing(clip, workers, request, short_segments):
    frames = request.getfixturevalue(clip)
    alone = measured(frames)
    together = measured(frames, workers=workers)
    assert sorted(alone.segments) == sorted(together.segments) == list(range(7))
    assert np.abs(alone.motion - together.motion).max() < ROUNDING_PX
    assert together.told[-1] == len(frames)
    assert not alone.lost
    assert not together.lost


def test_drift_is_followed_over_the_seams(drifting, short_segments):
    motion = measured(drifting, workers=2).motion.mean(axis=1)
    truth = np.stack([np.linspace(0, 6, 300), np.linspace(0, -3, 300)], 1)
    error = motion - truth
    error -= error.mean(axis=0)  # where the reference is, nobody knows
    assert np.sqrt(np.mean(error**2)) < 1.5 * 0.02


@pytest.mark.parametrize("clip", ["still", "drifting"])
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("done", [{0}, {3}, {1, 2, 6}, set(range(7))])
def test_the_rest_comes_out_as_the_whole(clip, workers, done, request, short_segments):
    frames = request.getfixturevalue(clip)
    whole = measured(frames, workers=workers).segments
    if done == set(range(7)):
        grids = cut(80, 48, (), 16)
        parts = stretches(frames) if workers > 1 else None
        m = measure_frames(iter(frames), grids, bits=8, stretches=parts, workers=workers)
        assert not list(m.segments(done, known=lambda n: whole[n].poses))
        return
    rest = measured(frames, workers=workers, done=done, known=lambda n: whole[n].poses).segments
    assert sorted(rest) == [n for n in range(7) if n not in done]
    for number, segment in rest.items():
        assert np.array_equal(motion_of({0: segment}), motion_of({0: whole[number]}))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_picture_out_of_sight_is_sought_where_it_last_was(
    workers, drifting, short_segments, monkeypatch
):
    # Without the search for jumps, what is 2 px away is not found from the reference.
    monkeypatch.setattr("phonoscope.motion.track.global_shift", lambda *_: (0, 0))
    result = measured(drifting, workers=workers)
    assert sorted(result.segments) == list(range(7))
    assert not result.lost
    last = result.motion[-16:].mean(axis=(0, 1))
    assert np.abs(last - result.motion[:16].mean(axis=(0, 1)) - (5.7, -2.85)).max() < 0.1


@pytest.mark.parametrize("expected", [200, 300, 500])
def test_fewer_or_more_frames_than_the_file_says(expected, still, short_segments):
    result = measured(still, workers=2, expected=expected)
    assert len(result.motion) == 300
    assert np.abs(result.motion - measured(still).motion).max() < ROUNDING_PX


@pytest.mark.parametrize("workers", [1, 2])
def test_missing_frames(workers, still, short_segments):
    there = [f for f in still if not 50 <= f.index < 260 and f.index != 20]
    result = measured(there, workers=workers)
    assert len(result.motion) == len(there)
    empty = [n for n, segment in result.segments.items() if not segment.blocks]
    assert sorted(empty) == [2, 3, 4]


def test_an_error_of_the_reader_is_raised_and_ends_the_threads(still, short_segments):
    def broken(first, stop):
        yield from still[first : min(stop or 300, 250)]
        raise OSError("the disk is gone")

    parts = Stretches(0, 300, 1, broken, lambda: False, lambda: None)
    m = measure_frames(
        iter(still), cut(80, 48, (), 16), bits=8, stretches=parts, workers=2
    )  # fmt: skip
    with pytest.raises(OSError, match="gone"):
        list(m.segments())


def test_leaving_early_ends_the_threads(still, short_segments):
    closed = []

    def read(first, stop):
        try:
            yield from still[first:stop]
        finally:
            closed.append(first)

    parts = Stretches(0, 300, 1, read, lambda: False, lambda: None)
    m = measure_frames(
        read(0, None), cut(80, 48, (), 16), bits=8, stretches=parts, workers=2
    )  # fmt: skip
    with closing(m.segments()) as segments:
        next(segments)
    assert 0 in closed


@given(
    segments=st.integers(1, 60),
    done=st.sets(st.integers(0, 70)),
    at_least=st.integers(1, 9),
    at_most=st.none() | st.integers(1, 9),
    workers=st.integers(1, 5),
    data=st.data(),
)
def test_runs_hold_every_segment_once(segments, done, at_least, at_most, workers, data):
    runs = Runs(segments, done, at_least, workers, lambda n: [np.full((1, 1, 2), n)], at_most)
    measured, taken, postponed = [], [], set()
    while True:
        if not taken or (len(taken) < workers and data.draw(st.booleans())):
            # A thread that would have to wait for the others is not asked.
            if not (runs._ready or runs._open):
                if not taken:
                    break
            else:
                taken.append(runs.take())
                continue
        run = taken.pop(data.draw(st.integers(0, len(taken) - 1)))
        if run.before is None and run.first and run.first not in postponed:
            postponed.add(run.first)
            runs.postpone(run)
        else:
            if run.first in postponed:
                assert run.before is not None
            for number in range(run.first, segments if run.stop is None else run.stop):
                measured.append(number)
                runs.reached(number, [np.full((1, 1, 2), number)])
        runs.leave()
    assert runs.take() is None
    assert sorted(measured) == [n for n in range(segments) if n not in done]


def test_runs_are_short_where_one_may_be_lost():
    runs = Runs(100, (), 4, 2, nothing_known, at_most=4)
    taken = []
    while (run := runs.take(wait=False)) is not None:
        taken.append(100 - run.first if run.stop is None else run.stop - run.first)
    assert sum(taken) == 100
    assert set(taken[:-3]) == {4}
    assert max(taken) <= 2 * 4  # the last ones share evenly what is left


def test_a_run_that_waits_is_not_waited_for():
    runs = Runs(2, (), 1, 2, nothing_known)
    first, second = runs.take(wait=False), runs.take(wait=False)
    runs.postpone(second)
    assert runs.take(wait=False) is None
    runs.reached(first.first, [np.ones((1, 1, 2))])
    assert runs.take(wait=False).before is not None
