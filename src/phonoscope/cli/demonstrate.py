"""Against known truth: the commands `simulate` and `score`."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from phonoscope.batch import write_json
from phonoscope.cli import options
from phonoscope.cli.console import print_facts, print_warnings, progress_bar
from phonoscope.cli.outputs import STREAM, check_outputs, write_facts
from phonoscope.errors import UsageError
from phonoscope.files import replace_when_done, unwritable

if TYPE_CHECKING:
    from phonoscope.evaluate import Scores

T = TypeVar("T")

SUFFIXES = {
    "ffv1": ".mkv",
    "h264": ".mp4",
    "h264-forward": ".mp4",
    "h264-lossless": ".mp4",
    "mjpeg": ".avi",
    "raw": ".avi",
}
"""The container that each codec goes into."""

# FFmpeg writes no AVI that claims more; high-speed cameras' AVIs claim a playback rate as well.
_AVI_LIMIT_HZ = 600
_PLAYBACK_HZ = Fraction(30)

_UNITS = {"si_sdr_db": " dB", "segmental_snr_db": " dB"}
_TITLES = {
    "si_sdr_db": "SI-SDR",
    "segmental_snr_db": "segmental SNR",
    "coherence": "coherence",
    "llr": "LLR (less is better)",
    "stoi": "STOI",
    "estoi": "ESTOI",
}
_NUMBER = r"([0-9.]+(?:e[-+]?[0-9]+)?)"


def simulate(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Scene: chips, rigid, plant, sway, glossy, two, background, phone, silent or "
            "speckle.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help="Folder for NAME.mkv (or .mp4, .avi), truth.wav (truth-2.wav for a second sound) "
            "and truth.json; made if absent.",
            metavar="FOLDER",
            show_default=False,
            rich_help_panel=options.OUTPUT,
        ),
    ],
    seed: Annotated[int, typer.Option(help="Of surface and noise.", metavar="N")] = 0,
    duration: Annotated[
        float | None,
        typer.Option(help="Length in seconds.", metavar="S", show_default="the scene's own"),
    ] = None,
    sound: Annotated[
        Path | None,
        typer.Option(
            help="Audio file to play to the scene.", metavar="FILE", show_default="the scene's own"
        ),
    ] = None,
    codec: Annotated[
        str,
        typer.Option(
            help=f"{', '.join(SUFFIXES)}; ffv1, h264-lossless and raw keep every value.",
            metavar="CODEC",
            rich_help_panel=options.OUTPUT,
        ),
    ] = "ffv1",
    quiet: options.Quiet = False,
) -> None:
    """Film a simulated scene whose sound is known: a video, and the truth as WAV and JSON."""
    if codec not in SUFFIXES:
        raise UsageError(f"there is no codec {codec!r}; choose from {', '.join(SUFFIXES)}.")
    if seed < 0:
        raise UsageError(f"seed {seed} is below 0; give a whole number from 0.")
    from phonoscope.audio import read_audio, write_audio
    from phonoscope.scene import preset, write_video

    played = None if sound is None else read_audio(sound)[:2]
    scene = preset(name, seed=seed, duration=duration, sound=played)
    truth = scene.truth
    video, record = out / (name + SUFFIXES[codec]), out / "truth.json"
    wavs = [out / f"truth{f'-{number}' if number > 1 else ''}.wav"
            for number in range(1, len(truth.sounds) + 1)]  # fmt: skip
    fps = scene.camera.fps
    playback = _PLAYBACK_HZ if video.suffix == ".avi" and fps > _AVI_LIMIT_HZ else fps
    with ExitStack() as stack:
        stack.enter_context(_folder(out))
        check_outputs(str(sound or ""), video, *wavs, record)
        parts = [stack.enter_context(replace_when_done(path)) for path in (video, *wavs)]
        for part, heard in zip(parts[1:], truth.sounds, strict=True):
            write_audio(part, heard, truth.sound_rate_hz, file_rate="native")
        with progress_bar(
            quiet, "filming", before="setting the scene", after="finishing"
        ) as progress:
            write_video(
                _counted(scene.frames(), scene.samples, progress), parts[0], playback,
                codec=codec, bits=scene.camera.bits,
            )  # fmt: skip
        said = {
            "scene": name,
            "codec": codec,
            "video": video.name,
            "sounds": [wav.name for wav in wavs],
            "container_fps": float(playback),
        }
        write_json(record, {**truth.record, **said})
    if not quiet:
        print_facts(
            ("video", f"{video}, {scene.samples:,} frames{_rates(fps, playback)}"),
            ("truth", ", ".join(map(str, (*wavs, record)))),
        )


def _rates(fps: Fraction, playback: Fraction) -> str:
    shot = f" at {float(fps):.6g} frames/s"
    if playback == fps:
        return shot
    return f"{shot}, which play at {float(playback):g}: recover them with --fps {float(fps):.6g}"


@contextmanager
def _folder(path: Path) -> Iterator[None]:
    """Make a folder if there is none, and take it away again if the block fails."""
    absent = not path.exists()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        yield
    except BaseException:
        if absent:
            with suppress(OSError):
                path.rmdir()
        raise


def _counted(
    items: Iterable[T], total: int, progress: Callable[[int, int | None], None] | None
) -> Iterator[T]:
    for done, item in enumerate(items, start=1):
        yield item
        if progress is not None:
            progress(done, total)


def score(
    truth: Annotated[
        Path, typer.Argument(metavar="TRUTH", help="The true sound.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Argument(metavar="OUT", help="The recovered sound.", show_default=False)
    ],
    band: Annotated[
        str | None,
        typer.Option(
            help="Lowest and highest frequency that the camera could hold, Hz.",
            show_default="as OUT says, else all below half the lower sample rate",
            metavar="LOW,HIGH",
        ),
    ] = None,
    json_file: options.Json = None,
    quiet: options.Quiet = False,
) -> None:
    """Tell how good a recovered sound is, beside the best that the camera's band allows."""
    from phonoscope.audio import read_audio
    from phonoscope.evaluate import evaluate

    check_outputs(str(truth), json_file=json_file)
    check_outputs(str(out), json_file=json_file)
    reference, reference_rate, _ = read_audio(truth)
    estimate, estimate_rate, comment = read_audio(out)
    scores = evaluate(
        reference, reference_rate, estimate, estimate_rate, band_hz=_band(band, comment)
    )
    write_facts(json_file, {"truth": str(truth), "out": str(out), **_scores_record(scores)})
    if not quiet and json_file != STREAM:
        _print_scores(scores)


def _band(band: str | None, comment: str) -> tuple[float, float] | None:
    if band is not None:
        from phonoscope.pipeline import parse_band

        return parse_band(band)
    said = re.search(rf"band_hz={_NUMBER}-{_NUMBER}", comment)
    return None if said is None else (float(said[1]), float(said[2]))


def _scores_record(scores: "Scores") -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(scores)


def _print_scores(scores: "Scores") -> None:
    low, high = scores.band_hz
    turned = ", upside down" if scores.sign < 0 else ""
    typer.echo(
        f"band {low:.4g} to {high:.4g} Hz; the recovered sound lags by "
        f"{1000 * scores.lag_s:.2f} ms{turned}"
    )
    columns = (scores.in_band, scores.estimate, scores.ceiling)
    typer.echo(f"{'':20}{'within band':>14}{'whole sound':>14}{'band ceiling':>14}")
    for name, title in _TITLES.items():
        cells = "".join(f"{_cell(column, name):>14}" for column in columns)
        typer.echo(f"{title:20}{cells}")
    typer.echo(
        "within band: how well what the camera could hold was recovered (perfect: inf, 35 dB, 1, "
        "0); whole sound: against all of the truth, whose limit is the band ceiling."
    )
    print_warnings(scores.notes)


def _cell(column: Mapping[str, float], name: str) -> str:
    value = column.get(name)
    if value is None or math.isnan(value):
        return "-"
    return f"{value:.2f}{_UNITS[name]}" if name in _UNITS else f"{value:.3f}"
