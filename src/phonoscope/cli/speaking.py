"""Who speaks: the command `speakers`."""

from typing import TYPE_CHECKING, Annotated

import typer

from phonoscope.cli import options
from phonoscope.cli.console import print_facts, progress_bar
from phonoscope.cli.outputs import check_outputs, write_json
from phonoscope.errors import SilenceError

if TYPE_CHECKING:
    from phonoscope.types import Gender, Speakers

_MOST_SEGMENTS = 12


def speakers(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="Sound file (.wav, .flac ...), motion file, or video.",
            show_default=False,
        ),
    ],
    fps: options.Fps = None,
    band: options.Band = None,
    least: Annotated[
        float,
        typer.Option(
            help="Smallest probability at which to answer woman or man, 0.5 to 1.", metavar="P"
        ),
    ] = 0.8,
    json_file: options.Json = None,
    quiet: options.Quiet = False,
) -> None:
    """Say whether there is speech in a sound, where, and whether a woman or a man speaks.

    Exits with 1 where there is no speech.
    """
    from phonoscope.pipeline import speakers_in, speakers_record

    check_outputs(source, json_file)
    with progress_bar(quiet) as progress:
        found = speakers_in(source, fps=fps, band=band, least=least, progress=progress)
    if json_file is not None:
        write_json(json_file, speakers_record(found))
    if not found.speech.detected:
        raise SilenceError(f"no speech is told in {source}: {found.speech.reason}.")
    if not quiet:
        _print(found)


def _print(found: "Speakers") -> None:
    low, high = found.band_hz
    spans = [f"{start:.1f} to {end:.1f}" for start, end in found.speech.segments_s]
    shown = ", ".join(spans[:_MOST_SEGMENTS]) + (" ..." if len(spans) > _MOST_SEGMENTS else "")
    assert found.gender is not None
    print_facts(
        ("speech", f"{found.speech.duration_s:.1f} s, at {shown} s"),
        ("band", f"{low:.0f} to {high:.0f} Hz"),
        ("pitch", f"{found.gender.pitch_hz:.0f} Hz, of {found.gender.voiced_s:.1f} s of voice"),
        ("voice", _told(found.gender)),
    )


def _told(gender: "Gender") -> str:
    if gender.answer == "cannot tell":
        return f"cannot tell woman from man ({gender.reason})"
    who = {"female": "a woman's", "male": "a man's"}[gender.answer]
    return f"{who}, with a probability of {gender.confidence:.0%}, if it is one adult's"
