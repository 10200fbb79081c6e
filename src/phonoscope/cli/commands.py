"""From video to sound: the commands `recover` and `measure`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phonoscope.batch import source_path, version_path, write_beside
from phonoscope.choices import Method, Weights
from phonoscope.cli import options
from phonoscope.cli.console import (
    print_facts,
    print_motion,
    print_sound,
    print_warnings,
    progress_bar,
)
from phonoscope.cli.editing import check_edit, write_edit
from phonoscope.cli.many import only_source, recover_all
from phonoscope.cli.outputs import STREAM, check_outputs, default_output, write_facts
from phonoscope.cli.reporting import write_page
from phonoscope.errors import SilenceError, UsageError
from phonoscope.files import replace_when_done, sha256, unfinished
from phonoscope.remote import is_url

if TYPE_CHECKING:
    from phonoscope.types import Verdict


def recover(
    sources: options.Sources,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o",
            help="WAV or FLAC file to write.",
            show_default="SOURCE with the suffix .wav",
            metavar="FILE",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    out: options.Out = None,
    fps: options.Fps = None,
    region: options.Regions = None,
    band: options.Band = None,
    cell: options.Cell = None,
    start: options.Start = 0.0,
    duration: options.Duration = None,
    shutter: options.Shutter = None,
    line_delay: options.LineDelay = None,
    readout: options.Readout = None,
    direction: options.ReadingDirection = None,
    rate: Annotated[
        str,
        typer.Option(
            help="Sample rate of the file in Hz; 'native' for the capture rate, unresampled.",
            metavar="HZ",
            rich_help_panel=options.OUTPUT,
        ),
    ] = "48000",
    enhance: options.Enhance = None,
    mains: options.MainsHum = "auto",
    equalize: Annotated[
        Path | None,
        typer.Option(
            help="Also write a version without the object's colour, as FILE.equalized.wav: by its "
            "response, from phonoscope calibrate response.",
            metavar="RESPONSE",
            rich_help_panel=options.LISTENING,
        ),
    ] = None,
    exposure: options.Exposure = None,
    separate: Annotated[
        bool,
        typer.Option(
            "--separate",
            help="Also write independent sources apart, as FILE.1.wav, FILE.2.wav ...",
            rich_help_panel=options.LISTENING,
        ),
    ] = False,
    method: Annotated[
        Method,
        typer.Option(
            help="All cells as an array of microphones; or the published method, as a yardstick.",
            rich_help_panel=options.METHOD,
        ),
    ] = "array",
    scales: Annotated[
        int, typer.Option(help="Octaves of the pyramid.", rich_help_panel=options.METHOD)
    ] = 4,
    orientations: Annotated[
        int, typer.Option(help="Directions of the pyramid.", rich_help_panel=options.METHOD)
    ] = 2,
    weights: Annotated[
        Weights,
        typer.Option(
            help="Of the pyramid's bands: as published, or the best for a rigid motion.",
            rich_help_panel=options.METHOD,
        ),
    ] = "equal",
    pattern: options.Seen = "texture",
    device: options.Device = "cpu",
    mux: options.Mux = None,
    timeline: options.Timeline = None,
    speed: options.PlayedAt = "playback",
    json_file: options.Json = None,
    report: options.Report = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Write the sound file even if nothing stands above the noise floor.",
            rich_help_panel=options.OUTPUT,
        ),
    ] = False,
    jobs: options.Jobs = None,
    dask: options.Dask = None,
    workers: options.Workers = None,
    quiet: options.Quiet = False,
) -> None:  # fmt: skip
    """Recover the sound that a video has seen, from a video or a motion file; or those of many."""
    given = locals()  # every option by its name, as `recover_many` takes them
    one_only = (
        ("--output", output), ("--mux", mux), ("--timeline", timeline), ("--json", json_file),
        ("--report", report),
    )  # fmt: skip
    source = only_source(sources, out, jobs, *one_only)
    if out is not None:
        recover_all(sources, out, given, jobs=jobs, dask=dask, workers=workers, quiet=quiet)
        return
    from phonoscope.audio import check_file_rate

    target = default_output(source, ".wav") if output is None else output
    file_rate = check_file_rate(target, rate)
    beside = [version_path(target, "equalized")] if equalize or exposure else []
    beside += [version_path(target, "enhanced")] if enhance or mains in ("50", "60") else []
    beside += [source_path(target, 1)] if separate else []
    check_outputs(source, target, mux, timeline, *beside, json_file=json_file, read=equalize)
    check_edit(source, mux, timeline)
    if report is not None:
        from phonoscope.report import check_report

        if method == "pyramid":
            raise UsageError("the pyramid method has no cells to report of; leave one out.")
        check_report(report)
    from phonoscope.pipeline import motion_field
    from phonoscope.pipeline import recover as run

    listening: dict[str, Any] = {
        "band": band, "enhance": enhance, "mains": mains, "equalize": equalize,
        "exposure": exposure, "separate": separate,
    }  # fmt: skip
    measuring: dict[str, Any] = {
        "fps": fps, "region": region or (), "cell": cell, "start": start, "duration": duration,
        "shutter": shutter, "line_delay": line_delay, "readout": readout, "direction": direction,
        "pattern": pattern, "device": device, "dask": dask, "workers": workers,
        "kept": unfinished(target),
        "fingerprint": (json_file is not None or report is not None) and not is_url(source),
    }  # fmt: skip
    with progress_bar(quiet) as progress:
        if report is None:
            sound = run(
                source, **measuring, **listening, method=method, scales=scales,
                orientations=orientations, weights=weights, progress=progress,
            )  # fmt: skip
        else:
            with motion_field(source, band=band, progress=progress, **measuring) as field:
                sound = run(field, **listening)
                write_page(report, field, sound)
    if sound.verdict is not None and not sound.verdict.detected and not force:
        write_facts(json_file, {**sound.record, "output": None})
        if not quiet:  # why that may be; the last of them is what the error says
            print_warnings(tuple(w for w in sound.warnings if not w.startswith("nothing above")))
        raise SilenceError(_silence(sound.verdict))
    edits = {"mux": mux, "timeline": timeline}
    facts = write_beside(sound, target, file_rate, hashed=json_file is not None)
    with replace_when_done(target) as part:
        sound.write(part, rate=file_rate)
        if json_file is not None:
            own = {"output": str(target), "output_sha256": sha256(part), "file_rate": file_rate}
            edit = {name: str(path) for name, path in edits.items() if path is not None}
            write_facts(json_file, {**sound.record, **facts, **own, **edit})
    warnings = write_edit(source, sound, target, mux=mux, timeline=timeline, speed=speed)
    if not quiet and json_file != STREAM:
        print_sound(sound, target)
        for name, path in edits.items():
            if path is not None:
                print_facts((f"{name:>12}", str(path)))
        print_warnings(warnings)


def _silence(verdict: "Verdict") -> str:
    why = f" ({verdict.reason})" if verdict.reason else ""
    return (
        f"nothing above the noise floor{why}: a motion of {verdict.detectable_px:.2g} px RMS would "
        "have been heard; no sound file is written, unless you give --force."
    )


def measure(
    source: options.Source,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o",
            help="Motion file to write.",
            show_default="SOURCE with the suffix .motion",
            metavar="FILE",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    fps: options.Fps = None,
    region: options.Regions = None,
    cell: options.Cell = None,
    start: options.Start = 0.0,
    duration: options.Duration = None,
    shutter: options.Shutter = None,
    line_delay: options.LineDelay = None,
    readout: options.Readout = None,
    direction: options.ReadingDirection = None,
    pattern: options.Seen = "texture",
    device: options.Device = "cpu",
    fingerprint: options.Fingerprint = False,
    dask: options.Dask = None,
    workers: options.Workers = None,
    quiet: options.Quiet = False,
) -> None:  # fmt: skip
    """Measure how every part of a video moves, and keep it in a motion file."""
    from phonoscope.pipeline import measure as run

    target = default_output(source, ".motion") if output is None else output
    if target != Path(source):  # else `run` knows better what to say
        check_outputs(source, target)
    with progress_bar(quiet, after="finishing") as progress:
        field = run(
            source, output=target, fps=fps, region=region or (), cell=cell, start=start,
            duration=duration, shutter=shutter, line_delay=line_delay, readout=readout,
            direction=direction, pattern=pattern, device=device, fingerprint=fingerprint, dask=dask,
            workers=workers, progress=progress,
        )  # fmt: skip
    if not quiet:
        print_motion(field, target)
