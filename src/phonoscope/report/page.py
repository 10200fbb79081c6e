"""One page that holds everything: it opens from disk, and asks nothing of the network."""

import base64
import json
import math
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from phonoscope.choices import Version
from phonoscope.errors import UsageError
from phonoscope.files import sha256, strict_json, unwritable
from phonoscope.report.drawing import check_picture
from phonoscope.report.maps import draw_hearing, draw_shape
from phonoscope.report.moving import animate_shape
from phonoscope.report.sounds import draw_spectrogram, draw_spectrum, draw_waveform
from phonoscope.report.voices import draw_pitch, told_of
from phonoscope.types import MotionField, Shape, Sound, Speakers

PAGE = "report.html"
_MARK = '<meta name="generator" content="Phonoscope">'
_TYPES = {".png": "image/png", ".webp": "image/webp", ".flac": "audio/flac"}
_VERSIONS: tuple[tuple[Version, str], ...] = (
    ("measured", "as measured"),
    ("equalized", "equalised"),
    ("enhanced", "enhanced for listening"),
)
_STYLE = """
:root { color-scheme: light dark; --text: #1a1a1a; --page: #ffffff; --soft: #555; --line: #ccc; }
@media (prefers-color-scheme: dark) {
  :root { --text: #eee; --page: #16181b; --soft: #b5b5b5; --line: #444; }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--text); background: var(--page);
  max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
figure { margin: 1rem 0; } figcaption { color: var(--soft); font-size: 0.9rem; }
img { max-width: 100%; height: auto; background: #fff; }
table { border-collapse: collapse; width: 100%; font-size: 0.95rem; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 0.8rem 0.25rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { font-weight: 600; width: 14rem; } audio { width: 100%; }
.verdict { font-size: 1.15rem; border-left: 0.35rem solid #0072b2; padding-left: 0.8rem; }
.silent { border-color: #d55e00; }
pre { overflow-x: auto; font-size: 0.8rem; border: 1px solid var(--line); padding: 0.8rem; }
"""


def write_report(
    directory: str | os.PathLike[str],
    field: MotionField,
    sound: Sound,
    *,
    shapes: Sequence[Shape] = (),
    speakers: Speakers | None = None,
    command: str = "",
) -> Path:
    """Write a report of a sound: one page that holds all, and beside it all that it shows.

    Parameters
    ----------
    directory
        Folder to write to: a new or empty one, or one that holds an earlier report.
    field
        Motion field from which the sound comes.
    sound
        The sound.
    shapes
        How the cells move at some frequencies, from `phonoscope.deflection_shapes`.
    speakers
        Who speaks in it, from `phonoscope.speakers_in`; told if there is speech.
    command
        The command line that makes it again, if there is one.

    Returns
    -------
    Path
        Of the page, ``report.html``.

    Raises
    ------
    UsageError
        If the directory holds something else.
    MissingExtraError
        If Matplotlib is not installed.
    OutputError
        If a file cannot be written.
    """
    target = Path(directory)
    check_report(target)
    with _new_content(target) as folder:
        shown = [*_pictures(folder, field, sound), *_of_shapes(folder, field, shapes)]
        who: Sequence[str] = ()
        if speakers is not None and speakers.speech.detected:
            who = _who(folder, speakers)
        heard = list(_sounds(folder, sound))
        outputs = {
            path.name: sha256(path) for path in sorted(folder.iterdir()) if path.suffix != ".flac"
        }
        record = {**sound.record, "command": command or None, "report": outputs}
        text = strict_json(record)
        (folder / "record.json").write_text(text, encoding="utf-8", errors="backslashreplace")
        page = _page(sound, shown, heard, who, record, text)
        (folder / PAGE).write_text(page, encoding="utf-8", errors="backslashreplace")
        for _, path in heard:
            path.unlink()
    return target / PAGE


def check_report(directory: str | os.PathLike[str]) -> None:
    """Find out now whether a report can be written there.

    Raises
    ------
    UsageError
        If the directory is a file, or holds something else.
    MissingExtraError
        If Matplotlib is not installed.
    OutputError
        If it cannot be written to.
    """
    target = Path(directory)
    check_picture("report.png")
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is a file; name a folder for the report.")
    if target.is_dir() and any(target.iterdir()) and not _is_report(target):
        raise UsageError(
            f"the folder {target} holds something else than a report; choose a new one."
        )
    try:
        tempfile.TemporaryDirectory(dir=target.absolute().parent).cleanup()
    except OSError as error:
        raise unwritable(target, error) from error


@dataclass(frozen=True, slots=True)
class _Shown:
    """A picture in the page."""

    path: Path
    alt: str
    caption: str


def _is_report(folder: Path) -> bool:
    page = folder / PAGE
    if not page.is_file():
        return False
    with page.open(encoding="utf-8", errors="replace") as file:
        return _MARK in file.read(2000)


@contextmanager
def _new_content(target: Path) -> Iterator[Path]:
    """Yield a folder whose content becomes the target's once it is all there."""
    try:
        made = tempfile.TemporaryDirectory(
            dir=target.absolute().parent, prefix=f".{target.name}.", ignore_cleanup_errors=True
        )
    except OSError as error:
        raise unwritable(target, error) from error
    with made:
        folder = Path(made.name)
        yield folder
        try:
            target.mkdir(exist_ok=True)
            if _is_report(target):
                for old in target.iterdir():
                    if old.suffix in (".png", ".webp", ".wav", ".json", ".html"):
                        old.unlink()
            for path in folder.iterdir():
                shutil.move(path, target / path.name)
        except OSError as error:
            raise unwritable(target, error) from error


def _pictures(folder: Path, field: MotionField, sound: Sound) -> Iterator[_Shown]:
    draws: tuple[tuple[str, Callable[[Path], None], str, str], ...] = (
        (
            "spectrogram", lambda path: draw_spectrogram(sound, path),
            "Spectrogram of the sound, in decibels over the noise that is left in it",
            "The sound over time and frequency, in dB over the noise that is left in it.",
        ),
        (
            "waveform", lambda path: draw_waveform(sound, path),
            "The sound's motion over time, with the noise's own size",
            "The motion itself, in pixels. The grey band is as wide as the noise left in it."
            + ("" if sound.measured is None else
               " What was not read, between rows or for want of a frame, is interpolated."),
        ),
        (
            "spectrum", lambda path: draw_spectrum(sound, path),
            "Power spectrum of the sound against the known noise",
            "Power over frequency, against the known noise that is left. Shaded: where sound "
            "stands above the camera's noise.",
        ),
        (
            "hearing", lambda path: draw_hearing(field, sound, path),
            "Map of the frame: which cells hear the sound, and how well",
            "Which parts of the picture hear it.",
        ),
    )  # fmt: skip
    for name, draw, alt, caption in draws:
        path = folder / f"{name}.png"
        draw(path)
        yield _Shown(path, alt, caption)


def _who(folder: Path, speakers: Speakers) -> Sequence[str]:
    """Draw the pitch, and return the part of the page that says who speaks."""
    path = folder / "pitch.png"
    draw_pitch(speakers, path)
    pitch = _Shown(
        path, "The pitch of the voice over time, and where there is speech",
        "The pitch of the voice, where it has one. Shaded: speech.",
    )  # fmt: skip
    return "<h2>Who speaks</h2>", _figure(pitch), _rows(told_of(speakers))


def _figure(one: _Shown) -> str:
    return (
        f'<figure><img src="{_data(one.path)}" alt="{escape(one.alt)}">'
        f"<figcaption>{escape(one.caption)}</figcaption></figure>"
    )


def _of_shapes(folder: Path, field: MotionField, shapes: Sequence[Shape]) -> Iterator[_Shown]:
    for shape in shapes:
        hz = f"{shape.frequency_hz:.5g}"
        path = folder / f"shape_{hz}Hz.png"
        draw_shape(field, shape, path)
        yield _Shown(
            path, f"Map of the frame: how each cell moves at {hz} Hz",
            f"How the parts move at {hz} Hz, at the crest of the sound: the operating deflection "
            f"shape, in a band {shape.width_hz:.3g} Hz wide. Motion below three times its error "
            "is left out.",
        )  # fmt: skip
        if field.picture is None:
            continue
        path = folder / f"shape_{hz}Hz.webp"
        gain = animate_shape(field, shape, path)
        if gain:
            yield _Shown(
                path, f"Animation of the frame moving at {hz} Hz, magnified {gain:.2g} times",
                f"The same in motion, magnified {gain:,.2g} times and slowed to one period a "
                "second.",
            )  # fmt: skip
        else:
            path.unlink()


def _sounds(folder: Path, sound: Sound) -> Iterator[tuple[str, Path]]:
    for version, words in _VERSIONS:
        if version != "measured" and getattr(sound, version) is None:
            continue
        name = "sound" if version == "measured" else f"sound.{version}"
        sound.write(folder / f"{name}.wav", version=version)
        sound.write(folder / f"{name}.flac", version=version)  # the same, smaller: for the page
        yield words, folder / f"{name}.flac"


def _page(
    sound: Sound,
    shown: Sequence[_Shown],
    heard: Sequence[tuple[str, Path]],
    who: Sequence[str],
    record: Mapping[str, Any],
    text: str,
) -> str:
    name = escape(Path(str(record.get("input", ""))).name or "a motion field")
    parts = [
        "<!DOCTYPE html>", '<html lang="en">', "<head>", '<meta charset="utf-8">', _MARK,
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>What {name} heard</title>", f"<style>{_STYLE}</style>", "</head>", "<body>",
        "<main>", f"<h1>What {name} heard</h1>", _verdict(sound),
    ]  # fmt: skip
    if sound.warnings:
        items = "".join(f"<li>{escape(warning)}</li>" for warning in sound.warnings)
        parts += ["<h2>To know</h2>", f"<ul>{items}</ul>"]
    parts.append("<h2>Listen</h2>")
    for words, path in heard:
        parts.append(
            f"<figure><figcaption>The sound {words}</figcaption>"
            f'<audio controls src="{_data(path)}" aria-label="The sound {words}"></audio></figure>'
        )
    parts.append("<h2>Look</h2>")
    parts += [_figure(one) for one in shown]
    parts += who
    parts += [
        "<h2>Record</h2>", _table(record),
        "<details><summary>Every fact, as in record.json</summary>",
        f"<pre>{escape(text)}</pre></details>", "</main>", "</body>", "</html>", "",
    ]  # fmt: skip
    return "\n".join(parts)


def _verdict(sound: Sound) -> str:
    verdict = sound.verdict
    if verdict is None:
        return '<p class="verdict">By the published method, which has no verdict.</p>'
    if not verdict.detected or verdict.heard_hz is None:
        why = f" {escape(verdict.reason.capitalize())}." if verdict.reason else ""
        return (
            '<p class="verdict silent"><strong>Nothing above the noise floor.</strong>'
            f"{why} A motion of {verdict.detectable_px:.2g} px RMS would have been heard. What can "
            "be played below is noise.</p>"
        )
    low, high = verdict.heard_hz
    return (
        f'<p class="verdict"><strong>Sound from {low:.4g} to {high:.4g} Hz</strong>: a motion of '
        f"{sound.motion_rms_px:.2g} px RMS, {sound.snr_db:.1f} dB over the error. Noise alone "
        f"looks like this with a probability {_chance(verdict.p_value)}; sound is claimed below "
        f"{verdict.false_alarm:.1g}.</p>"
    )


def _chance(p_value: float) -> str:
    # No number of this kind is smaller, and nothing is impossible.
    return f"of {p_value:.1g}" if p_value > 0 else "below 1e-300"


def _table(record: Mapping[str, Any]) -> str:
    def known(key: str) -> str:
        value = record.get(key)
        return "not known" if value is None else str(value)

    versions = ", ".join(f"{name} {number}" for name, number in record.get("versions", {}).items())
    playback = record.get("container_fps")
    shutter = record.get("shutter", {})
    read = str(shutter.get("kind", "global"))
    if read == "rolling":
        read += (
            f", {1e6 * shutter['line_delay_s']:.4g} µs a row, {shutter['direction']} "
            f"({shutter['source']})"
        )
    low, high = record.get("band_hz", (math.nan, math.nan))
    rows = {
        "input": known("input"),
        "SHA-256 of the input": record.get("input_sha256") or "not taken",
        "picture": f"{known('width')} x {known('height')} px, {known('bits')} bit, "
        f"{known('codec')} ({known('pixel_format')})",
        "time base": f"{known('capture_fps_exact')} frames/s ({known('capture_fps_source')}); the "
        + ("file has no clock" if playback is None else f"file plays at {playback:.6g}"),
        "even frames": "no: each frame's own time is used" if record.get("variable_rate") else
        f"yes; copies left out: {record.get('frames_repeated', 0)}, missing and filled in: "
        f"{record.get('frames_missing', 0)}",
        "shutter": read,
        "measured": f"{known('frames')} frames in {known('cells')} cells",
        "band": f"{low:.6g} to {high:.6g} Hz; the shutter holds no more than its rate allows",
        "noise left": f"{record.get('noise_floor_px', math.nan):.3g} px RMS",
        "made by": versions,
        "choices": json.dumps(record.get("parameters", {}), ensure_ascii=False, default=str),
        "random numbers": "none are used",
        "files": "; ".join(f"{name}: {digest}" for name, digest in record["report"].items()),
        "to make it again": record.get("command") or "not made by a command",
    }  # fmt: skip
    return _rows(rows.items())


def _rows(facts: Iterable[tuple[str, object]]) -> str:
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(str(value))}</td></tr>'
        for name, value in facts
    )
    return f"<table><tbody>{body}</tbody></table>"


def _data(path: Path) -> str:
    return f"data:{_TYPES[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"
