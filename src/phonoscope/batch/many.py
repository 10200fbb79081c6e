"""From many videos to their sounds: those that are done stay, and one failure stops no other."""

import csv
import os
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from phonoscope.batch.child import Work
from phonoscope.batch.earlier import asked_of, is_done, record_of_earlier
from phonoscope.batch.listing import Item, items_of
from phonoscope.batch.machines import run_on
from phonoscope.batch.outcome import Outcome, Running, Standing, Told, outcome_of
from phonoscope.batch.processes import default_jobs, run
from phonoscope.distributed import Cluster
from phonoscope.errors import UsageError
from phonoscope.files import check_writable, replace_when_done, unwritable

SUMMARY = "summary.csv"
_COLUMNS = (
    "source", "status", "output", "band_low_hz", "band_high_hz", "snr_db", "seconds", "sentence",
)  # fmt: skip
_Path = str | os.PathLike[str]


def recover_many(
    sources: _Path | Iterable[_Path],
    out: _Path,
    *,
    jobs: int | None = None,
    dask: str | None = None,
    workers: int | None = None,
    progress: Told | None = None,
    **settings: Any,
) -> tuple[Outcome, ...]:
    """Recover the sounds of many videos, each in a process of its own, several at a time.

    A file that fails, or brings its process down, fails alone. What an earlier call has done from
    the same file with the same settings and the same version is not done again.

    Parameters
    ----------
    sources
        Files as `recover` takes them; folders and patterns of videos; and CSV files with a column
        ``source`` and any of the settings, of which empty cells take those given here.
    out
        Folder for the results, made if need be: of ``clip.mp4`` ``clip.wav``, and ``clip.json``
        with every fact and what was asked; and ``summary.csv``. Of sources with the same stem the
        names also hold the folder's name or the suffix.
    jobs
        How many files to recover at a time. By default as many as there are cores, but no more
        than there are 2 GiB of memory for.
    dask, workers
        A Dask cluster whose workers recover a file each, as in `measure`: they find the files under
        the same paths or addresses, and send their sounds and records back.
    progress
        Called a few times a second with a `Standing`.
    settings
        As in `recover`: fps, region, band and the others (`equalize` as the file of a response);
        also ``rate``, the sample rate of the sound files, as in `Sound.write`, and ``force``, to
        write a sound file also where nothing stands above the noise floor.

    Returns
    -------
    tuple of Outcome
        One for each file, in the order given.

    Raises
    ------
    UsageError
        If a setting cannot be right, or a result would take the place of somebody else's file.
    InputError
        If a CSV file cannot be read.
    OutputError
        If the folder cannot be written to.
    ClusterError
        If the cluster cannot be used.

    Notes
    -----
    Processes are begun anew rather than forked. In a script, call this below
    ``if __name__ == "__main__":``, because they import it.
    """
    if jobs is not None and jobs < 1:
        raise UsageError(f"jobs is {jobs}; give how many files to recover at a time, 1 or more.")
    cluster = Cluster.checked(dask, workers)
    if cluster is not None and jobs is not None:
        raise UsageError(
            f"jobs {jobs} is for this machine alone; how many files a cluster does at a time, its "
            "workers say."
        )
    given = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    folder = Path(out)
    items = items_of([os.fspath(source) for source in given], settings, folder)
    _check_folder(folder, items)
    outcomes: dict[int, Outcome] = {}
    todo: dict[int, Work] = {}
    for number, item in enumerate(items):
        asked, record = asked_of(item), record_of_earlier(item)
        if record is not None and is_done(item, asked, record):
            outcomes[number] = outcome_of(item.source, item.sound, record, 0.0, earlier=True)
        else:
            todo[number] = Work(item, asked)
    _make_folder(folder)
    _run(todo, outcomes, (todo and cluster) or jobs or default_jobs(), progress)
    ordered = tuple(outcomes[number] for number in range(len(items)))
    _write_summary(folder / SUMMARY, ordered)
    return ordered


def _run(
    todo: dict[int, Work], outcomes: dict[int, Outcome], by: Cluster | int, progress: Told | None
) -> None:
    def told(running: tuple[Running, ...] = ()) -> None:
        if progress is not None:
            progress(Standing(len(outcomes), len(todo) + before, running))

    before, numbers = len(outcomes), list(todo)
    works = list(todo.values())
    running = run(works, by, told) if isinstance(by, int) else run_on(by, works, told)
    with closing(running) as ended:
        for number, outcome in ended:
            outcomes[numbers[number]] = outcome
    told()


def _check_folder(folder: Path, items: Sequence[Item]) -> None:
    for item in items:
        source = Path(item.source)
        if source.is_dir() and source.resolve() == folder.resolve():
            raise UsageError(
                f"the folder {folder} holds the images that are read; choose another with --out."
            )
    summary = folder / SUMMARY
    if summary.exists():
        with summary.open(encoding="utf-8", errors="replace") as file:
            if file.readline().rstrip("\r\n") != ",".join(_COLUMNS):
                raise UsageError(
                    f"{summary} exists and was not made by Phonoscope; choose another folder with "
                    "--out."
                )


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error
    check_writable(folder / SUMMARY)


def _write_summary(path: Path, outcomes: Sequence[Outcome]) -> None:
    with (
        replace_when_done(path) as part,
        part.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(_COLUMNS)
        for one in outcomes:
            low, high = one.band_hz or ("", "")
            snr = "" if one.snr_db is None else one.snr_db
            output = "" if one.output is None else str(one.output)
            table.writerow((
                one.source, one.status, output, low, high, snr, f"{one.seconds:.1f}", one.sentence,
            ))  # fmt: skip
