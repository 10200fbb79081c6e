"""From a camera to sound while it films: the command `live`."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from phonoscope.cli import options
from phonoscope.cli.console import print_facts, print_warnings
from phonoscope.cli.outputs import STREAM, check_outputs, write_facts
from phonoscope.errors import SilenceError, UsageError
from phonoscope.files import sha256

if TYPE_CHECKING:
    from phonoscope.pipeline import Live
    from phonoscope.types import LiveBlock


def live(
    device: Annotated[
        str,
        typer.Argument(
            metavar="DEVICE",
            help="Camera (/dev/video0, avfoundation:0, dshow:video=NAME), address that FFmpeg "
            "reads (rtsp://..., udp://...), - for standard input, or a file, which is played.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o",
            help="WAV or FLAC file to record, or - for a WAV stream to standard output.",
            show_default="the loudspeaker",
            metavar="FILE",
            rich_help_panel=options.OUTPUT,
        ),
    ] = None,
    play: Annotated[
        bool,
        typer.Option(
            "--play", help="Play it too, while it is recorded.", rich_help_panel=options.OUTPUT
        ),
    ] = False,
    fps: Annotated[
        str | None,
        typer.Option(
            help="Frames a second to ask of a camera; of anything else, its true capture rate.",
            metavar="RATE",
            rich_help_panel=options.INPUT,
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            help="An option of FFmpeg's for that device: video_size=640x480, input_format=mjpeg. "
            "May be given several times.",
            metavar="NAME=VALUE",
            rich_help_panel=options.INPUT,
        ),
    ] = None,
    region: options.Regions = None,
    band: options.Band = None,
    cell: options.Cell = None,
    duration: Annotated[
        float | None,
        typer.Option(
            help="End after so many seconds.",
            show_default="when it is interrupted, or the source ends",
            metavar="S",
            rich_help_panel=options.INPUT,
        ),
    ] = None,
    shutter: options.Shutter = None,
    json_file: options.Json = None,
    quiet: options.Quiet = False,
) -> None:  # fmt: skip
    """Listen to a camera while it films. Ctrl-C ends it, and what was recorded is kept."""
    target = None if output == STREAM else output
    if target is not None:
        from phonoscope.audio import check_file_rate

        check_file_rate(target, "native")
    if play and output == STREAM:
        raise UsageError("standard output and the loudspeaker exclude each other; leave one out.")
    if output == json_file == STREAM:
        raise UsageError("sound and facts cannot both go to standard output; name a file for one.")
    check_outputs(device, target, json_file=json_file)
    from phonoscope.cli.meter import meter
    from phonoscope.pipeline import live as run

    with contextlib.ExitStack() as stack:
        source = run(
            device, fps=fps, region=region or (), band=band, cell=cell, duration=duration,
            shutter=shutter, options=_options(option),
        )  # fmt: skip
        listening = stack.enter_context(source)
        outs = _outs(stack, listening, output, play=play or output is None)
        stack.enter_context(_ended_by_ctrl_c(listening.stop))
        last = None
        with meter(quiet) as shown:
            for last in listening:
                for out in outs:
                    out(last)
                shown(last)
        if target is None or not listening.detected:
            write_facts(json_file, {**listening.record, "output": None})
        if not listening.detected:
            print_warnings(() if quiet else listening.warnings)
            raise SilenceError(_silence(last))  # which leaves no file
    if json_file is not None and target is not None:
        own = {"output": str(target), "output_sha256": sha256(target)}
        write_facts(json_file, {**listening.record, **own})
    if not quiet and json_file != STREAM:
        _print(listening, target)


def _outs(
    stack: contextlib.ExitStack, listening: "Live", output: Path | None, *, play: bool
) -> "list[Callable[[LiveBlock], Any]]":
    from phonoscope.audio import recording
    from phonoscope.cli.sounding import to_loudspeaker, to_stream

    outs: list[Callable[[LiveBlock], Any]] = []
    if output == STREAM:
        outs.append(stack.enter_context(to_stream(listening.rate_hz, listening.stop)))
    elif output is not None:
        rate = float(listening.rate_hz)
        comment = f"Phonoscope live; capture_fps={rate:.12g}"
        record = stack.enter_context(recording(output, listening.rate_hz, comment=comment))
        outs.append(lambda block: record.add(block.samples))
    if play:
        outs.append(stack.enter_context(to_loudspeaker(listening.rate_hz)))
    return outs


@contextlib.contextmanager
def _ended_by_ctrl_c(stop: Callable[[], None]) -> Iterator[None]:
    """Let the first Ctrl-C end it in good order; the second one is meant otherwise."""

    def first(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        stop()

    before = signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _options(given: list[str] | None) -> dict[str, str]:
    pairs = [one.partition("=") for one in given or ()]
    for name, equals, value in pairs:
        if not (name and equals):
            raise UsageError(
                f"option {name or value!r} is not NAME=VALUE; give for example video_size=640x480."
            )
    return {name: value for name, _, value in pairs}


def _silence(last: "LiveBlock | None") -> str:
    if last is None or last.verdict is None:
        return "it ended before the picture was known, which takes about four seconds."
    return (
        "nothing above the noise floor at any time: a motion of "
        f"{last.verdict.detectable_px:.2g} px RMS would have been heard; no sound file is written."
    )


def _print(listening: "Live", target: Path | None) -> None:
    record = listening.record
    latency, dropped = record["latency_s"], record["dropped"]
    (low, high), audible = record["band_hz"], sum(b - a for a, b in record["audible_s"])
    late = "too short to tell"
    if latency["median"] is not None:
        late = (
            f"{1e3 * latency['median']:.0f} ms in the median, {1e3 * latency['max']:.0f} ms at "
            f"most; the filter alone takes {1e3 * record['delay_s']:.0f} ms"
        )
    print_facts(
        *([("sound", str(target))] if target is not None else []),
        ("length", f"{record['duration_s']:.3f} s, {record['frames']:,} frames"),
        ("capture rate", f"{record['capture_fps']:.6g} frames/s"),
        ("band", f"{low:.4g} to {high:.4g} Hz"),
        ("heard", f"for {audible:.1f} s, {record['motion_rms_px']:.2g} px RMS, "
         f"{record['snr_db']:.1f} dB over the error at its best"),
        ("latency", late),
        ("dropped", f"{dropped['by_source'] + dropped['here']:,} frames"),
        err=target is None,
    )  # fmt: skip
    print_warnings(listening.warnings)
