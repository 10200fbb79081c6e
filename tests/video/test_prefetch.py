"""Reading ahead keeps order, passes errors on, and leaves no thread behind."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phonoscope.errors import UsageError
from phonoscope.video import prefetch


def threads():
    return [t for t in threading.enumerate() if t.name == "phonoscope-prefetch"]


@given(items=st.lists(st.integers()), depth=st.integers(1, 9))
def test_order_and_length(items, depth):
    assert list(prefetch(items, depth)) == items
    assert threads() == []


@given(count=st.integers(0, 20), depth=st.integers(1, 9))
def test_errors_come_after_the_items_before_them(count, depth):
    def source():
        yield from range(count)
        raise KeyError("broken")

    got = []
    with pytest.raises(KeyError, match="broken"):
        got.extend(iter_into(got, prefetch(source(), depth)))
    assert got == list(range(count))
    assert threads() == []


def iter_into(got, items):
    for item in items:
        got.append(item)
    return []


@given(taken=st.integers(0, 5), depth=st.integers(1, 9))
def test_closing_stops_thread_and_source(taken, depth):
    state = {"read": 0, "closed": False}

    def endless():
        try:
            while True:
                state["read"] += 1
                yield state["read"]
        finally:
            state["closed"] = True

    items = prefetch(endless(), depth)
    for _ in range(taken):
        next(items)
    items.close()
    assert threads() == []
    assert state["read"] <= taken + depth + 1
    assert state["closed"] or taken == 0


def test_interrupted_consumer():
    def consume():
        for _ in prefetch(iter(int, 1)):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        consume()
    assert threads() == []


def test_depth():
    with pytest.raises(UsageError, match="depth 0"):
        prefetch([], 0)


@pytest.mark.parametrize("count", [3, 8, 20])
def test_only_some_are_read_ahead_and_the_others_by_who_wants_them(count):
    readers = []

    def items():
        for k in range(count):
            readers.append(threading.current_thread())
            yield k

    assert list(prefetch(items(), depth=2, most=8)) == list(range(count))
    here = threading.current_thread()
    assert [reader is here for reader in readers] == [k >= 8 for k in range(count)]


def test_the_source_is_closed_by_who_stops_after_what_was_read_ahead():
    closed = []

    def items():
        try:
            yield from range(9)
        finally:
            closed.append(True)

    frames = prefetch(items(), depth=2, most=3)
    assert [next(frames) for _ in range(5)] == [0, 1, 2, 3, 4]
    assert not closed
    frames.close()
    assert closed
