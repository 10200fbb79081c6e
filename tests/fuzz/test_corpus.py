"""What once broke a reader is read or refused; a short round of the fuzzer finds nothing else.

`corpus/READER/` holds inputs that `benchmarks/fuzz.py` has found, made small, and some drawn by
hand. Each is read in a process of its own, so that one that crashes or hangs fails one test.
"""

import os
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

CORPUS = Path(__file__).parent / "corpus"
CASES = sorted(path for path in CORPUS.glob("*/*") if path.is_file())
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ROUND = 400

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is watched by /proc")


@pytest.fixture(scope="module")
def fuzz() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        import fuzz

        yield fuzz


@pytest.fixture(scope="module")
def read(fuzz: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Return a function that reads an input in another process, which is warm."""
    warm: set[str] = set()
    with fuzz.Child() as child:

        def read(reader: str, path: Path) -> Any:
            if reader not in warm:  # the libraries do not count as memory of the input
                fuzz.run(child, reader, fuzz.seeds_of(reader)[0], tmp_path_factory.mktemp(reader))
                warm.add(reader)
            return child.read(reader, path)

        yield read


@pytest.mark.parametrize("case", CASES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_case_that_was_found(read: Any, case: Path) -> None:
    outcome = read(case.parent.name, case)
    assert outcome.kind in ("succeeded", "refused"), outcome.detail


def test_corpus_is_small() -> None:
    assert len(CASES) > 20
    assert max(path.stat().st_size for path in CASES) < 20_000


@pytest.mark.parametrize(
    "reader", ["video", "tagged", "tiff", "npy", "images", "lab", "metadata", "motion", "sound"]
)
def test_whole_files_are_read(fuzz: ModuleType, read: Any, reader: str, tmp_path: Path) -> None:
    for name, data in fuzz.seeds_of(reader):
        (tmp_path / name).write_bytes(data)
        assert read(reader, tmp_path / name).kind == "succeeded", name


def test_same_seed_same_damage(fuzz: ModuleType) -> None:
    for reader in ("tiff", "lab", "motion", "response", "values"):
        seeds = [data for _, data in fuzz.seeds_of(reader)]
        first, again, other = (
            [fuzz.damaged(reader, seeds[0], seeds, rng) for _ in range(20)]
            for rng in map(random.Random, (1, 1, 2))
        )
        assert first == again
        assert first != other


def test_what_breaks_the_process_is_told(
    fuzz: ModuleType, monkeypatch: Any, tmp_path: Path
) -> None:
    with fuzz.Child() as child:
        (tmp_path / "x").write_bytes(b"")
        assert child.read("no such reader", tmp_path / "x").kind == "bad"
        (tmp_path / "fps.json").write_text('{"option": "fps", "value": "2200"}')
        assert child.read("values", tmp_path / "fps.json").kind == "succeeded"


def test_a_process_that_dies_is_told_and_replaced(fuzz: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "fps.json").write_text('{"option": "fps", "value": "2200"}')
    with fuzz.Child() as child:
        assert child.read("values", tmp_path / "fps.json").kind == "succeeded"
        os.kill(child._process.pid, signal.SIGSEGV)
        outcome = child.read("values", tmp_path / "fps.json")
        assert outcome.kind == "bad"
        assert "signal 11" in outcome.where
        assert child.read("values", tmp_path / "fps.json").kind == "succeeded"


@pytest.mark.slow
def test_round(fuzz: ModuleType) -> None:
    tallies = fuzz.fuzz(list(fuzz.SHARES), ROUND, seed=0, jobs=1)
    found = {
        f"{reader}: {where}": outcome.detail
        for reader, tally in tallies.items()
        for where, (_, outcome) in tally.bad.items()
    }
    assert found == {}
    assert sum(tally.kinds.total() for tally in tallies.values()) > 0.9 * ROUND
