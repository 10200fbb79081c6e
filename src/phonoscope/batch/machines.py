"""A worker of a cluster for each file, which sends back what it has written."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from phonoscope.batch.child import Work, clear, failed, recover_to, sentence_of_failure
from phonoscope.batch.earlier import record_of_earlier, written
from phonoscope.batch.outcome import Outcome, Running, outcome_of
from phonoscope.batch.saving import write_json
from phonoscope.distributed import Cluster, Hands, own_folder
from phonoscope.files import replace_when_done
from phonoscope.remote import is_url

_SOUNDS = ("output", "equalized", "enhanced")


@dataclass(frozen=True, slots=True)
class _Written:
    """What a worker has made of a file: its sounds by their names, and its record."""

    sounds: Mapping[str, bytes]
    record: dict[str, Any]


def run_on(
    cluster: Cluster, todo: Sequence[Work], told: Callable[[tuple[Running, ...]], None]
) -> Generator[tuple[int, Outcome], None, None]:
    """Recover files on the workers of a cluster; yield number and outcome of each as it ends.

    Parameters
    ----------
    cluster
        To connect to.
    todo
        The files, which every worker finds under the same path or address.
    told
        Called with those that are under way, when one has ended.

    Raises
    ------
    ClusterError
        If the cluster cannot be used, or not any more.
    """
    with cluster.connected() as hands:
        waiting, begun = list(reversed(list(enumerate(todo)))), dict[int, float]()
        while waiting or begun:
            while waiting and hands.has_room:
                number, work = waiting.pop()
                begun[number] = time.monotonic()
                _begin(hands, number, work)
            told(tuple(Running(todo[number].item.source) for number in begun))
            number, there = hands.ended()
            seconds = time.monotonic() - begun.pop(number)
            yield number, replace(_outcome(todo[number], there), seconds=seconds)


def _begin(hands: Hands, number: int, work: Work) -> None:
    item = work.item
    if not is_url(item.source):
        item = replace(item, source=str(Path(item.source).absolute()))
    response = None
    if item.settings.equalize is not None:
        from phonoscope.sound import read_response

        with suppress(OSError, ValueError):  # who is to use it says what is wrong with it
            response = read_response(item.settings.equalize)
    hands.begin(number, recover_there, replace(work, item=item), response)


def recover_there(_: None, work: Work, response: Any) -> "_Written | str":
    """Recover a file as a worker does; return what it has written, or why it failed."""
    from phonoscope.motion.threads import alone

    def recovered() -> _Written:
        # There what a killed worker leaves behind is removed.
        with TemporaryDirectory(dir=own_folder()) as folder, alone():
            item = replace(work.item, sound=Path(folder) / work.item.sound.name)
            record = recover_to(item, work.asked, None, response)
            names = [name for name, _ in written(record)]
            return _Written({name: (Path(folder) / name).read_bytes() for name in names}, record)

    return sentence_of_failure(recovered)


def _outcome(work: Work, there: "_Written | str | Exception") -> Outcome:
    if not isinstance(there, _Written):
        return failed(work.item, str(there))
    outcome = sentence_of_failure(lambda: _placed(work, there))
    return outcome if isinstance(outcome, Outcome) else failed(work.item, outcome)


def _placed(work: Work, there: _Written) -> Outcome:
    """Write here what a worker has written there."""
    item = work.item
    before = dict(written(record_of_earlier(item) or {}))
    record = _as_here(there.record, item.sound.parent) | {"input": item.source}
    if item.settings.equalize is not None and "equalize" in record.get("parameters", {}):
        record["parameters"] = record["parameters"] | {"equalize": item.settings.equalize}
    if record["output"] is None:
        item.sound.unlink(missing_ok=True)  # what an earlier run took for sound
    for name, content in there.sounds.items():
        with replace_when_done(item.sound.with_name(name)) as part:
            part.write_bytes(content)
    write_json(item.record, record)
    clear(item.sound.parent, before, record)
    return outcome_of(item.source, item.sound, record, 0.0)


def _as_here(record: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return a record, and those of its sources, with the places where its sounds are now."""
    here = dict(record)
    for key in _SOUNDS:
        if isinstance(here.get(key), str):
            here[key] = str(folder / Path(here[key]).name)
    if isinstance(here.get("sources"), list):
        here["sources"] = [_as_here(one, folder) for one in here["sources"]]
    return here
