"""Every reader fed with damaged files: none may crash, hang, take memory, or answer a traceback.

python benchmarks/fuzz.py [readers...] [--inputs 20000] [--seed 0] [--jobs 2] [--keep found/]

A process of its own reads the inputs, with limits of time and memory. An input that makes lines of
Phonoscope run that no input before has reached becomes a seed itself. An outcome is good if reading
succeeds, or is refused in one sentence; of each kind of bad outcome one input is kept, made small.
"""

import argparse
import json
import random
import tempfile
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from fuzz_child import Child, Outcome
from fuzz_mutate import mutated, mutated_motion, mutated_text, mutated_zip
from fuzz_seeds import Seed, seeds_of

# Of all inputs, by how much there is to go wrong, and by what one takes.
SHARES = {
    "video": 6, "tagged": 3, "tiff": 3, "npy": 1, "images": 2, "lab": 8, "metadata": 8, "motion": 6,
    "sound": 3, "response": 2, "encoder": 1, "values": 8, "command": 0.5,
}  # fmt: skip
SHARD = 500  # inputs that one process reads, and within which seeds grow
_TRIES = 60  # to make a bad input smaller


@dataclass(slots=True)
class Tally:
    """What became of the inputs of one reader; of each kind of bad one, the smallest input."""

    kinds: Counter[str] = field(default_factory=Counter)
    bad: dict[str, tuple[Seed, Outcome]] = field(default_factory=dict)
    fresh: int = 0

    def add(self, case: Seed, outcome: Outcome) -> None:
        """Count one input."""
        self.kinds[outcome.kind] += 1
        self.fresh += outcome.fresh
        known = self.bad.get(outcome.where)
        if outcome.kind == "bad" and (known is None or len(case[1]) < len(known[0][1])):
            self.bad[outcome.where] = case, outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="*", default=[], choices=[[], *SHARES])
    parser.add_argument("--inputs", type=int, default=20000, help="over all readers together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes side by side")
    parser.add_argument("--keep", type=Path, help="folder for one input of each kind of bad")
    arguments = parser.parse_args()
    tallies = fuzz(
        arguments.readers or list(SHARES), arguments.inputs, arguments.seed, arguments.jobs
    )
    print_table(tallies)
    for reader, tally in tallies.items():
        for where, (case, outcome) in tally.bad.items():
            print(f"\n{reader}: {where}\n{outcome.detail}")
            if arguments.keep is not None:
                keep(arguments.keep / reader, smaller(reader, case, where))


def fuzz(readers: Iterable[str], inputs: int, seed: int, jobs: int) -> dict[str, Tally]:
    """Feed so many inputs, shared among the readers; return what became of them."""
    readers = list(readers)
    whole = sum(SHARES[reader] for reader in readers)
    tallies = {reader: Tally() for reader in readers}
    tasks = []
    for reader in readers:
        seeds_of(reader)  # made once, before there are threads
        wanted = round(inputs * SHARES[reader] / whole)
        firsts = range(0, wanted, SHARD)
        tasks += [(reader, first, min(SHARD, wanted - first)) for first in firsts]
    with ThreadPoolExecutor(jobs) as pool:
        futures = [
            pool.submit(
                _shard, tallies[reader], reader, count, random.Random(f"{seed} {reader} {n}")
            )
            for reader, n, count in tasks
        ]
        for future in futures:
            future.result()
    return tallies


def _shard(tally: Tally, reader: str, count: int, rng: random.Random) -> None:
    seeds = list(seeds_of(reader))
    pool = list(seeds)
    with Child() as child, tempfile.TemporaryDirectory() as name:
        for case in seeds:  # what whole files reach is nothing new
            run(child, reader, case, Path(name))
        for _ in range(count):
            suffix, data = rng.choice(pool if rng.random() < 0.5 else seeds)
            case = suffix, damaged(reader, data, [other for _, other in seeds], rng)
            outcome = run(child, reader, case, Path(name))
            if outcome.fresh and outcome.kind != "bad":
                pool.append(case)
            tally.add(case, outcome)


def run(child: Child, reader: str, case: Seed, folder: Path) -> Outcome:
    """Let the child read one input."""
    path = folder / case[0]
    path.write_bytes(case[1])
    return child.read(reader, path)


def damaged(reader: str, data: bytes, others: list[bytes], rng: random.Random) -> bytes:
    """Return an input damaged as suits its reader."""
    if reader == "values":
        given = json.loads(data)
        return json.dumps(given | {"value": mutated_text(given["value"], rng)}).encode()
    if reader == "command":
        given = json.loads(data)
        values = [n for n in range(1, len(given)) if not given[n].startswith(("--", "{"))]
        at = rng.choice(values) if rng.random() < 0.9 else rng.randrange(1, len(given))
        given[at] = mutated_text(given[at], rng)
        return json.dumps(given).encode()
    if reader == "motion" and rng.random() < 0.7:
        return mutated_motion(data, others, rng)
    if reader == "response" and data in others and rng.random() < 0.7:
        return mutated_zip(data, others, rng)
    return mutated(data, others, rng)


def smaller(reader: str, case: Seed, where: str) -> Seed:
    """Return a smaller input that is bad in the same way, if some tries find one."""
    name, data = case
    if reader in ("values", "command"):
        return case
    with Child() as child, tempfile.TemporaryDirectory() as folder:
        run(child, reader, seeds_of(reader)[0], Path(folder))
        size, tries = len(data) // 2, 0
        while size >= 16 and tries < _TRIES:
            for at in range(max(0, len(data) - size), -1, -size):
                tries += 1
                less = data[:at] + data[at + size :]
                if run(child, reader, (name, less), Path(folder)).where == where:
                    data = less
                if tries >= _TRIES:
                    break
            size //= 2
    return name, data


def keep(folder: Path, case: Seed) -> None:
    """Write an input to a folder, under a name that no other has."""
    folder.mkdir(parents=True, exist_ok=True)
    name = Path(case[0])
    number = sum(1 for _ in folder.iterdir())
    (folder / f"{name.stem}-{number}{name.suffix}").write_bytes(case[1])


def print_table(tallies: dict[str, Tally]) -> None:
    """Print what became of the inputs of each reader."""
    print(f"{'reader':10} | {'inputs':>7} {'succeeded':>10} {'refused':>8} {'bad':>5}")
    total: Counter[str] = Counter()
    for reader, tally in tallies.items():
        total += tally.kinds
        _print_row(reader, tally.kinds)
    _print_row("together", total)


def _print_row(name: str, kinds: Counter[str]) -> None:
    counts = kinds["succeeded"], kinds["refused"], kinds["bad"]
    print(f"{name:10} | {sum(counts):7,} {counts[0]:10,} {counts[1]:8,} {counts[2]:5,}")


if __name__ == "__main__":
    main()
