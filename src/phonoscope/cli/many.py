"""Many files at once: `recover` with several sources, or with a folder for the results."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from phonoscope.batch import (
    OPTIONS,
    Outcome,
    holds_images,
    is_image,
    is_table,
    recover_many,
    videos_in,
)
from phonoscope.cli.console import on_terminal, print_warnings, time_text
from phonoscope.errors import ClusterError, InputError, UsageError

if TYPE_CHECKING:
    from phonoscope.batch import Standing

_LONGEST = 40  # letters of a file's name in the table and beside a bar
_Told = Callable[["Standing"], None]


def only_source(
    sources: Sequence[str], out: Path | None, jobs: int | None, *others: tuple[str, Path | None]
) -> str:
    """Return the first source; make sure that there is no other, or a folder for the results.

    Parameters
    ----------
    sources, out, jobs
        As given to the command.
    others
        Names and values of the options that are for one source only.

    Raises
    ------
    UsageError
        If the options do not go together, or there is no folder for several.
    """
    if out is not None:
        for name, value in others:
            if value is not None:
                instead = "leave it out: each file gets a sound and a record (.json) in --out DIR"
                if name == "--report":
                    instead = "make a report of one file with phonoscope report"
                raise UsageError(f"{name} {value} is for one source without --out; {instead}.")
        return sources[0]
    several = _several(sources)
    if several:
        file = next((f"{name} {value}" for name, value in others if value is not None), None)
        instead = f", instead of {file}" if file else ""
        raise UsageError(f"{several} give --out DIR, a folder for the results of all{instead}.")
    if jobs is not None:
        raise UsageError("--jobs is for many files; give --out DIR, too, or leave it out.")
    return sources[0]


def _several(sources: Sequence[str]) -> str:
    """Return how there are several, in words, or nothing."""
    if len(sources) > 1:
        if all(map(is_image, sources)):  # which a shell makes of a pattern
            return (
                f"there are {len(sources)} images; if they are of one video, give their folder, or "
                "the pattern in quotes; else"
            )
        return f"there are {len(sources)} sources;"
    (source,) = sources
    if is_table(source):
        return f"{source} is a table of sources;"
    videos = videos_in(source)
    if videos and not holds_images(source):
        return f"{source} holds {len(videos)} video{'s' * (len(videos) > 1)};"
    return ""


def recover_all(
    sources: Sequence[str],
    out: Path,
    options: Mapping[str, Any],
    *,
    quiet: bool,
    **machines: Any,
) -> None:
    """Recover all, print what became of each, and raise an error if some failed.

    `machines` are jobs, dask and workers, as `recover_many` takes them.
    """
    settings = {name: options[name] for name in OPTIONS if options[name] is not None}
    try:
        with _progress(quiet) as progress:
            outcomes = recover_many(sources, out, progress=progress, **machines, **settings)
    except (KeyboardInterrupt, ClusterError) as error:
        error.add_note(f"what was done is in {out}, and the same command goes on with the rest")
        raise
    if not quiet:
        print_outcomes(outcomes)
        typer.echo(f"\nsummary  {out / 'summary.csv'}")
        print_warnings(_warnings(outcomes))
    failed = [one for one in outcomes if one.status == "failed"]
    if failed:
        why = f" ({failed[0].source}: {failed[0].sentence.rstrip('.')})" if quiet else ""
        raise InputError(
            f"{len(failed)} of {len(outcomes)} file{'s' * (len(outcomes) > 1)} failed{why}; the "
            "same command tries only those again."
        )


def _warnings(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Return each warning once, with the files that it is about."""
    files: dict[str, list[str]] = {}
    for one in outcomes:
        for warning in one.warnings if one.output is not None else ():
            files.setdefault(warning, []).append(one.source)
    return tuple(
        f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {warning}"
        for warning, names in files.items()
    )


@contextmanager
def _progress(quiet: bool) -> Iterator[_Told | None]:
    """Yield a function that shows all files and those under way, or None where nobody looks."""
    if quiet or not on_terminal():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[count]}", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Bars(bars)


class _Bars:
    """A bar for all files, and one for each that is under way."""

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._all = bars.add_task("files", total=None, count="")
        self._each: dict[str, Any] = {}
        self._skipped: int | None = None

    def __call__(self, standing: "Standing") -> None:
        if self._skipped is None:  # what was done before says nothing of the speed
            self._skipped = standing.ended
        shares = sum(one.share for one in standing.running)
        self._bars.update(
            self._all,
            total=standing.total - self._skipped,
            completed=standing.ended - self._skipped + shares,
            count=f"{standing.ended}/{standing.total}",
        )
        running = {one.source: one for one in standing.running}
        for source in [source for source in self._each if source not in running]:
            self._bars.remove_task(self._each.pop(source))
        for source, one in running.items():
            if source not in self._each:
                self._each[source] = self._bars.add_task(_short(source), total=None, count="")
            count = f"{one.done:,}/{one.total:,}" if one.total else "beginning"
            if one.total and one.done >= one.total:
                count = "listening"
            self._bars.update(self._each[source], total=one.total, completed=one.done, count=count)


def print_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Print a table: file, status, band and SNR or the reason, and how long it took."""
    rows = [("file", "status", "band", "SNR", "time", "")]
    rows += [_row(one) for one in outcomes]
    widths = [max(len(row[n]) for row in rows if not (n > 1 and row[-1])) for n in range(5)]
    for *cells, reason in rows:
        shown = [f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)]
        if reason:
            shown[2:] = [reason]
        typer.echo("  ".join(shown).rstrip())


def _row(one: Outcome) -> tuple[str, str, str, str, str, str]:
    status = "skipped (done already)" if one.status == "skipped" else one.status
    name = _short(one.source)
    if one.status == "failed" or one.band_hz is None:
        return name, status, "", "", "", one.sentence
    if one.snr_db is None:
        return name, status, "", "", "", one.sentence.removeprefix("done already: ")
    low, high = one.band_hz
    took = "" if one.status == "skipped" else time_text(one.seconds)
    return name, status, f"{low:.4g} to {high:.4g} Hz", f"{one.snr_db:.1f} dB", took, ""


def _short(source: str) -> str:
    return source if len(source) <= _LONGEST else f"...{source[3 - _LONGEST :]}"
