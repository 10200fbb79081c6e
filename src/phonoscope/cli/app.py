"""The program: its commands, and the one place where errors become sentences and exit codes."""

import contextlib
import ctypes
import io
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import phonoscope
from phonoscope.cli import calibrate
from phonoscope.cli.commands import measure, recover
from phonoscope.cli.demonstrate import score, simulate
from phonoscope.cli.exporting import export
from phonoscope.cli.film import film
from phonoscope.cli.inspecting import inspect
from phonoscope.cli.living import live
from phonoscope.cli.magnifying import magnify
from phonoscope.cli.reporting import report
from phonoscope.cli.speaking import speakers
from phonoscope.cli.studio import studio
from phonoscope.errors import PhonoscopeError, UsageError

_M_ARENA_MAX = -8
INTERRUPTED = 130  # as shells report a program ended by Ctrl-C


class _Interrupted(Exception):  # noqa: N818 - the user's wish
    """Ctrl-C, in a form that Typer lets through."""


class _Group(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _Interrupted(*_notes(error)) from None


app = typer.Typer(
    name="phonoscope",
    cls=_Group,
    help="Turns silent video into sound.",
    epilog="phonoscope COMMAND --help shows its options, with examples. "
    "To begin: phonoscope recover clip.mp4 --fps 2200",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"phonoscope {phonoscope.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


INSPECT_EXAMPLES = """[bold]Examples[/bold]: in seconds, before the long run

phonoscope inspect clip.mp4

phonoscope inspect clip.mp4 --fps 2200 --picture microphones.png --json look.json"""

RECOVER_EXAMPLES = """[bold]Examples[/bold]

phonoscope recover clip.mp4 --fps 2200

phonoscope recover clip.mp4 -o out.flac --region 120,80,300,200 --band 80,1000 --json out.json

phonoscope recover clip.motion -o out.wav --rate native

phonoscope recover clip.mp4 --fps 2200 --mux clip_with_sound.mov --timeline clip.otio

phonoscope recover clip.mp4 --fps 2200 --equalize bag.response --enhance speech --separate

phonoscope recover *.mp4 --fps 2200 --out sounds/

phonoscope recover https://example.org/clip.mp4 --fps 2200 --dask tcp://scheduler:8786

phonoscope recover dslr_60fps.mp4 --shutter rolling --readout 11.5ms -o out.wav

phonoscope recover laser.avi --fps 4000 --source speckle -o out.wav"""

LIVE_EXAMPLES = """[bold]Examples[/bold]: while it films; Ctrl-C ends it

phonoscope live /dev/video0 --fps 120 --option video_size=640x480 --option input_format=mjpeg

phonoscope live rtsp://camera.local/stream --region 120,80,300,200 -o out.wav --json out.json

phonoscope live /dev/video0 -o - | ffplay -nodisp -"""

MEASURE_EXAMPLES = """[bold]Examples[/bold]: the costly pass once, then sound from it in a moment

phonoscope measure clip.mp4 --fps 2200 -o clip.motion

phonoscope recover clip.motion --band 80,1000 -o out.wav"""

REPORT_EXAMPLES = """[bold]Examples[/bold]: one page that opens from disk, with pictures and players

phonoscope report clip.motion -o report/

phonoscope report clip.mp4 --fps 2200 -o report/ --at 64 --at 128 --enhance speech"""

STUDIO_EXAMPLES = """[bold]Examples[/bold]

phonoscope studio

phonoscope studio ~/Videos /media/camera --port 9000"""

EXPORT_EXAMPLES = """[bold]Examples[/bold]: numbers for a spreadsheet, MATLAB or Python

phonoscope export clip.mp4 --fps 2200 -o motion.csv --at 120,80

phonoscope export clip.motion -o spectrum.mat --region 40,30,160,120 --scale 12.5 --spectrum"""

MAGNIFY_EXAMPLES = """[bold]Examples[/bold]: the vibration made large enough to be seen

phonoscope magnify clip.mp4 --fps 2200 --band 200,240 --gain 50 -o out.mp4

phonoscope magnify clip.mp4 --band 60,70 --band 120,140 --motion clip.motion -o out.mkv"""

FILM_EXAMPLES = """[bold]Examples[/bold]: one frame of film in each scan, and some of its neighbours

phonoscope film scans/ -o track.wav

phonoscope film scans/ -o track.wav --track left --kind area --advance 21"""

SPEAKERS_EXAMPLES = """[bold]Examples[/bold]: of a recovered sound, or straight from the motion

phonoscope speakers out.wav

phonoscope speakers out.wav --enrol anna=anna.wav --enrol bert=recordings/bert/

phonoscope speakers clip.motion --band 80,1000 --json speakers.json"""

SIMULATE_EXAMPLES = """[bold]Examples[/bold]

phonoscope simulate chips --out demo/

phonoscope simulate rigid --out demo/ --seed 7 --sound speech.wav --codec h264"""

SCORE_EXAMPLES = """[bold]Examples[/bold]

phonoscope score demo/truth.wav out.wav

phonoscope score demo/truth.wav out.wav --band 80,1000 --json scores.json"""

app.command(epilog=INSPECT_EXAMPLES)(inspect)
app.command(epilog=RECOVER_EXAMPLES)(recover)
app.command(epilog=LIVE_EXAMPLES)(live)
app.command(epilog=MEASURE_EXAMPLES)(measure)
app.command(epilog=REPORT_EXAMPLES)(report)
app.command(epilog=EXPORT_EXAMPLES)(export)
app.command(epilog=MAGNIFY_EXAMPLES)(magnify)
app.command(epilog=FILM_EXAMPLES)(film)
app.command(epilog=SPEAKERS_EXAMPLES)(speakers)
app.add_typer(calibrate.app, name="calibrate")
app.command(epilog=STUDIO_EXAMPLES)(studio)
app.command(epilog=SIMULATE_EXAMPLES)(simulate)
app.command(epilog=SCORE_EXAMPLES)(score)


def main() -> None:
    """Run the command line: exit code 0 done, 1 could not be done, 2 wrong usage."""
    _share_one_heap()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file name that the terminal cannot spell is no reason to fail.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app()
    except _Interrupted as error:
        _fail(f"interrupted; {'; '.join(error.args) or 'nothing was written'}.", INTERRUPTED)
    except UsageError as error:
        _fail(str(error), 2)
    except MemoryError as error:
        _fail(f"out of memory ({error}); choose a smaller region or larger cells.", 1)
    except PhonoscopeError as error:
        _fail(
            " ".join((str(error), *(f"{note[0].upper()}{note[1:]}." for note in _notes(error)))), 1
        )
    except OSError as error:  # what no room foresaw still gets a sentence
        _fail(f"{error.filename or 'the system'}: {error.strerror or error}.", 1)


def _share_one_heap() -> None:
    # glibc gives each thread a heap of its own, and none ever shrinks: 90 MB for nothing.
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _notes(error: BaseException) -> list[str]:
    return getattr(error, "__notes__", [])


def _fail(sentence: str, code: int) -> None:
    typer.echo(f"phonoscope: {' '.join(sentence.split())}", err=True)
    sys.exit(code)
