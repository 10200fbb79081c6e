"""Lazy blocks: they cut like a list, and nothing is read before it is asked for."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonoscope.blocks import LazyBlocks, changed, samples_of
from phonoscope.sound import select
from phonoscope.types import Cells, MotionBlock, MotionField, NoiseModel, Region, VideoFacts

RATE = 1000
LENGTHS = [5, 3, 8, 1, 7]
LIMIT = st.none() | st.integers(-8, 8)


def _blocks(lengths=LENGTHS, cells=4):
    """Return lazy blocks of running numbers and the list of the reads so far."""
    starts = np.cumsum([0, *lengths])
    reads = []

    def read(n):
        reads.append(n)
        time = np.arange(starts[n], starts[n + 1])
        motion = np.broadcast_to(time[:, None, None], (len(time), cells, 2)).astype(np.float32)
        gain = np.ones((len(time), cells), np.float32)
        return MotionBlock(time / RATE, motion, gain, np.full((cells, 3, 3), float(n)))

    return LazyBlocks(lengths, read), reads


def _field(blocks, cells=4):
    samples = sum(samples_of(blocks))
    place, size = 16 * np.arange(cells, dtype=np.int32), np.full(cells, 16, np.int32)
    facts = VideoFacts("drawn", "", "", "gray", 64, 16, 8, samples, None, Fraction(RATE), "user")
    noise = NoiseModel(np.array([0.0]), np.array([1.0]))
    where = Cells(place, 0 * place, size, size, np.zeros(cells))
    return MotionField(facts, where, noise, samples, blocks)


def _first_samples(blocks):
    return [round(block.time_s[0] * RATE) for block in blocks]


@given(LIMIT, LIMIT, st.none() | st.sampled_from([-3, -2, -1, 1, 2, 3]))
def test_any_slice_is_that_of_a_list(start, stop, step):
    blocks, reads = _blocks()
    cut = slice(start, stop, step)
    part = blocks[cut]
    assert reads == []
    assert isinstance(part, LazyBlocks)
    assert list(samples_of(part)) == LENGTHS[cut]
    assert _first_samples(part) == [0, 5, 8, 16, 17][cut]
    assert reads == list(range(5))[cut]


@given(LIMIT, LIMIT, LIMIT, LIMIT)
def test_a_slice_of_a_slice_is_that_of_a_list(a, b, c, d):
    blocks, _ = _blocks()
    assert _first_samples(blocks[a:b][c:d]) == [0, 5, 8, 16, 17][a:b][c:d]
    assert _first_samples(blocks[::-1][a:b]) == [17, 16, 8, 5, 0][a:b]


@pytest.mark.parametrize("index", range(-5, 5))
def test_an_index_is_that_of_a_list_and_reads_that_block_alone(index):
    blocks, reads = _blocks()
    assert len(blocks[index].time_s) == LENGTHS[index]
    assert reads == [range(5)[index]]


@pytest.mark.parametrize("index", [5, -6, 100])
def test_beyond_the_end_is_an_error_as_for_a_list(index):
    blocks, reads = _blocks()
    with pytest.raises(IndexError):
        blocks[index]
    assert reads == []


def test_a_slice_of_step_zero_is_an_error():
    with pytest.raises(ValueError, match="zero"):
        _blocks()[0][::0]


def test_length_and_samples_are_known_without_reading():
    blocks, reads = _blocks()
    assert len(blocks) == 5
    assert list(samples_of(blocks)) == LENGTHS
    assert list(samples_of(blocks[1:3])) == [3, 8]
    assert reads == []


def test_samples_of_a_plain_list_of_blocks_are_counted():
    assert samples_of(list(_blocks()[0])) == LENGTHS
    assert samples_of([]) == []


def test_each_asking_reads_anew():
    blocks, reads = _blocks()
    assert blocks[2] is not blocks[2]
    assert reads == [2, 2]


@pytest.mark.parametrize("as_list", [False, True])
def test_changed_blocks_are_changed_when_read(as_list):
    blocks, reads = _blocks()
    calls = []

    def twice(block):
        calls.append(len(block.time_s))
        return MotionBlock(block.time_s, 2 * block.motion, block.gain, block.information)

    result = changed(list(blocks) if as_list else blocks, twice)
    reads.clear()
    assert list(samples_of(result)) == LENGTHS
    assert calls == []
    seen = result[3]
    assert calls == [1]
    assert reads == ([] if as_list else [3])
    assert np.all(seen.motion == 32)
    assert _first_samples(changed(result[1:], twice)) == [5, 8, 16, 17]
    assert np.all(changed(result[1:], twice)[0].motion[0] == 20)


def test_a_lazy_field_reads_nothing_until_something_is_asked():
    blocks, reads = _blocks()
    field = _field(blocks)
    select(field, fps=Fraction(2 * RATE), regions=[Region(0, 0, 32, 16)])
    assert reads == []


@given(st.integers(0, 23), st.integers(1, 24))
def test_a_range_of_time_is_that_of_the_samples_and_reads_no_other_block(start, count):
    count = min(count, 24 - start)
    blocks, reads = _blocks()
    part = select(_field(blocks), start=start / RATE, duration=count / RATE)
    assert reads == []
    assert part.samples == count
    seen = np.concatenate([block.time_s for block in part.blocks])
    assert np.array_equal(np.round(seen * RATE), np.arange(start, start + count))
    # The blocks that hold any of the range, each once; none before it, none after it.
    holds = np.repeat(np.arange(5), LENGTHS)
    assert reads == sorted(set(holds[start : start + count].tolist()))


def test_regions_fps_and_time_together_read_the_range_alone():
    blocks, reads = _blocks()
    part = select(
        _field(blocks), fps=Fraction(2 * RATE), regions=[Region(16, 0, 32, 16)],
        start=8 / (2 * RATE), duration=9 / (2 * RATE),
    )  # fmt: skip
    assert reads == []
    assert part.motion.shape == (9, 2, 2)
    assert reads == [2, 3]
    assert np.array_equal(part.motion[:, 0, 0], np.arange(8, 17))
    assert part.time_s == pytest.approx(np.arange(8, 17) / (2 * RATE))
    assert part.information.shape == (2, 3, 3)
