"""Room for what is gone through often: the same in memory and on disk."""

import gc
import tempfile
from pathlib import Path

import numpy as np
import pytest

from phonoscope.errors import OutputError
from phonoscope.sound import scratch
from phonoscope.sound.scratch import Scratch

COLUMNS = 7
SAMPLES = [5, 1, 4096, 33]


def blocks():
    random = np.random.default_rng(0)
    return [random.standard_normal((n, COLUMNS)).astype(np.float32) for n in SAMPLES]


@pytest.fixture(params=["memory", "disk"])
def store(request, monkeypatch):
    if request.param == "disk":
        monkeypatch.setattr(scratch, "_HELD_BYTES", 0)
    store = Scratch(SAMPLES, COLUMNS)
    yield store
    del store
    gc.collect()  # a file left open would be a warning, and so an error


def test_blocks_are_as_they_were_put_and_may_be_made_of_what_was_there(store):
    store.fill(blocks())
    for seen, put in zip(store, blocks(), strict=True):
        assert np.array_equal(seen, put)
    store.fill(2 * store[n] for n in range(len(store)))
    for seen, put in zip(store, blocks(), strict=True):
        assert np.array_equal(seen, 2 * put)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_in_a_sentence(monkeypatch):
    monkeypatch.setattr(scratch, "_HELD_BYTES", 0)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: open("/dev/full", "w+b", buffering=0))  # noqa: SIM115, PTH123
    with pytest.raises(OutputError, match=r"no room for .* GB .* TMPDIR"):
        Scratch(SAMPLES, COLUMNS).fill(blocks())
