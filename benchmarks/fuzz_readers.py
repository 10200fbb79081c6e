"""What `fuzz.py` feeds with damaged files: every reader of Phonoscope, by name.

Each takes the path of an input and reads it to its end, as a user's program would. It returns, or
raises what the reader raised.
"""

import contextlib
import io
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

Reader = Callable[[Path], None]


def read_video(path: Path, fps: Any = None) -> None:
    """Read facts, every frame and the warnings; then a part of it, which is sought."""
    from phonoscope.video import open_video

    with open_video(path, fps=fps) as video:
        for frame in video:
            int(frame.luma.sum())
            float(frame.time_s)
        _check_told(video)
    start, duration = ("1/125", "1/250") if fps is None else ("1/1000", "1/1000")
    with open_video(path, fps=1000, start=start, duration=duration) as video:
        for frame in video:
            int(frame.luma.max())
        _check_told(video)


def read_clockless(path: Path) -> None:
    """Read what has no clock: TIFF, .npy, images."""
    read_video(path, 240)


def read_folder(path: Path) -> None:
    """Read an image twice, as a folder of two."""
    with tempfile.TemporaryDirectory() as name:
        for number in range(2):
            shutil.copy(path, Path(name) / f"frame{number}{path.suffix}")
        read_video(Path(name), 240)


def read_lab(path: Path) -> None:
    """Read a format of laboratories; a Photron header together with the pixels of its seed."""
    from fuzz_seeds import photron_pixels
    from phonoscope.video import open_video

    with tempfile.TemporaryDirectory() as name:
        if path.suffix in (".cih", ".cihx"):
            shutil.copy(path, name)
            path = Path(name) / path.name
            path.with_suffix(".mraw").write_bytes(photron_pixels())
        read_video(path, 240)
        with open_video(path) as video:  # at the rate that it tells
            for frame in video:
                float(frame.time_s)
            _check_told(video)


def read_metadata(path: Path) -> None:
    """Give the bytes to every parser of cameras' tags; none of them may raise anything."""
    from phonoscope.video import capture, readout, sidecar, tags
    from phonoscope.video.packet import read_packet
    from phonoscope.video.shutter import shutter_of

    data = path.read_bytes()
    file = io.BytesIO(data)
    plays, text = Fraction(30), data.decode("utf-8", "replace")
    packet = read_packet(data)
    told = [*packet.rates, *capture.rates_of_boxes(file)]
    told += [*capture.rates_of_sei(data, plays), *sidecar.edgertronic(text, "a file")]
    capture.computed(file)
    for xml in (data, tags._sony_xml(file)):
        make, model, rate = capture.sony_camera(xml, "a file", "sidecar")
        told += [] if rate is None else [rate]
        shutter_of(tags.Tags(None, make, model), (3840, 2160), Fraction(24))
    rates, wrong = capture.candidates(told)
    assert all(1e-5 < one.rate < 1e7 for one in rates), rates
    assert not any("\n" in sentence for sentence in wrong), wrong
    for tag in (*packet.read_outs, *readout.read_outs_of_boxes(file)):
        _, sentence = shutter_of(tags.Tags(tag), (64, 36), plays)
        assert "\n" not in sentence, sentence


def read_motion(path: Path) -> None:
    """Read a motion file, all of it."""
    from phonoscope.motion import open_motion

    field = open_motion(path)
    assert all(isinstance(text, str) for text in (*field.warnings, *field.facts.warnings))
    assert all(isinstance(text, str) for text in (field.facts.name, field.facts.codec))
    float(field.rate_hz)
    samples = 0
    for block in field.blocks:
        samples += len(block.time_s)
        assert block.motion.shape == (len(block.time_s), len(field.cells), 2)
        assert block.information.shape == (len(field.cells), 3, 3)
    assert samples == field.samples
    assert field.noise.level.shape == field.noise.variance.shape
    if field.picture is not None:
        int(field.picture.sum())


def read_sound(path: Path) -> None:
    """Read a sound, and bring it to another rate as `score` and enrolment do."""
    from phonoscope.audio import read_audio, resample

    samples, rate_hz, comment = read_audio(path)
    assert samples.ndim == 1
    assert isinstance(comment, str)
    resample(samples[:1000], rate_hz, 16000)


def read_response(path: Path) -> None:
    """Read how an object hears, and use it as `recover --equalize` begins to."""
    from phonoscope.sound.response import _shapes_at
    from phonoscope.sound.response import read_response as read
    from phonoscope.types import Cells

    response = read(path)
    edge = np.arange(6, dtype=np.int32)
    cells = Cells(edge, edge, edge + 4, edge + 4, np.zeros(6))
    assert _shapes_at(cells, response).shape == (6, 3, response.response.shape[1])
    assert len(response.frequency_hz) == len(response.response) == len(response.coherence)


def read_encoder(path: Path) -> None:
    """Open a speaker encoder, and let it hear a little."""
    from phonoscope.speakers import open_encoder

    encoder = open_encoder(path)
    assert encoder(np.sin(np.arange(1600.0)), 16000).ndim == 1


def read_value(path: Path) -> None:
    """Give one text to the parser of one option: ``{"option": ..., "value": ...}``."""
    from phonoscope.errors import PhonoscopeError

    given = json.loads(path.read_text("utf-8"))
    try:
        PARSERS[given["option"]](given["value"])
    except PhonoscopeError as error:
        # A file's name may hold line ends, of which the command line makes spaces.
        if given["option"] != "enrol":
            raise
        raise type(error)(" ".join(str(error).split())) from error


def read_command(path: Path) -> None:
    """Run a command line, with files that exist for {clip}, {motion}, {sound} and {out}."""
    from phonoscope.cli import main

    # A damaged name of an output leads somewhere else, which shall be gone afterwards, too.
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(_deep(Path(name))):
        places = {"out": str(Path(name) / "out"), **_own_files()}
        given = []
        for text in json.loads(path.read_text("utf-8")):
            for key, place in places.items():
                text = text.replace(f"{{{key}}}", place)
            astray = text.startswith("/") and not text.startswith((*places.values(), "/dev/null"))
            given.append(name + text if astray else text)
        out, told = io.StringIO(), io.StringIO()
        with (
            mock.patch.object(sys, "argv", ["phonoscope", *given]),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(told),
            contextlib.suppress(SystemExit),
        ):
            main()
    # main() leaves by SystemExit; what it had to say is on its standard error.
    _check_command(told.getvalue())


def _deep(folder: Path) -> Path:
    deep = folder / "a" / "b" / "c"
    deep.mkdir(parents=True)
    return deep


def _check_command(told: str) -> None:
    from phonoscope.errors import UsageError

    assert "Traceback" not in told, told
    lines = [line for line in told.splitlines() if line.startswith("phonoscope: ")]
    if lines:
        raise UsageError(lines[-1])
    if "Usage:" in told:
        raise UsageError("wrong usage")


@cache
def _own_files() -> dict[str, str]:
    from fuzz_seeds import write_own

    return write_own(Path(tempfile.mkdtemp(prefix="phonoscope-fuzz-")))


def _check_told(video: Any) -> None:
    _check_sentences(video.warnings)
    facts = video.facts
    float(facts.capture_rate)
    assert facts.frames_about is None or facts.frames_about >= 0


def _check_sentences(sentences: Any) -> None:
    for sentence in sentences:
        assert isinstance(sentence, str)
        assert sentence.strip()
        assert "\n" not in sentence, sentence


def _played(**more: Any) -> None:
    from phonoscope.video import open_video

    with open_video(np.zeros((8, 16, 16), np.uint8), **({"fps": 100} | more)) as video:
        for frame in video:
            float(frame.time_s)
        _check_told(video)


def _facts() -> Any:
    from phonoscope.types import VideoFacts

    return VideoFacts("a", "b", "c", "gray", 96, 64, 8, 9, None, Fraction(240), "user")


def _asked(name: str, value: str) -> None:
    """Check a request that has one option, as every command does first."""
    from phonoscope.pipeline.request import Request

    given: dict[str, Any] = {"fps": None, "region": (), "cell": None, "start": 0.0}
    request = Request.checked("x.mp4", **({**given, "duration": None} | {name: value}))
    request.expected(_facts())


def _band(value: str) -> None:
    from phonoscope.pipeline import parse_band
    from phonoscope.sound import band_of

    low, high = band_of(parse_band(value), _facts())
    assert 0 <= low < high


def _fps(value: str) -> None:
    _asked("fps", value)
    _played(fps=value)


def _stretch(name: str, value: str) -> None:
    _asked(name, value)
    _played(**{name: value})


def _region(value: str) -> None:
    from phonoscope.motion.cells import cut
    from phonoscope.types import Region

    _asked("region", value)
    cut(96, 64, [Region.parse(value)], 16)


def _reading(name: str, value: str) -> None:
    from phonoscope.pipeline.request import Reading

    given: dict[str, Any] = {"shutter": None, "line_delay": None, "readout": None}
    Reading.checked(**given | {name: value}, direction=None).shutter_of(_facts())


def _file_rate(value: str) -> None:
    from phonoscope.audio import check_file_rate

    for suffix in (".wav", ".flac"):
        check_file_rate(f"x{suffix}", value)


def _enrol(value: str) -> None:
    from phonoscope.pipeline.enrolling import read_enrolled

    read_enrolled([value])


def _exposure(value: str) -> None:
    from phonoscope.pipeline.request import parse_duration

    assert 0 < parse_duration("exposure", value) < 1


def _point(value: str) -> None:
    from phonoscope.cli.exporting import _point as parse

    parse(value)


PARSERS: dict[str, Callable[[str], None]] = {
    "fps": _fps,
    "band": _band,
    "region": _region,
    "start": lambda value: _stretch("start", value),
    "duration": lambda value: _stretch("duration", value),
    "cell": lambda value: _asked("cell", value),
    "line_delay": lambda value: _reading("line_delay", value),
    "readout": lambda value: _reading("readout", value),
    "shutter": lambda value: _reading("shutter", value),
    "exposure": _exposure,
    "rate": _file_rate,
    "enrol": _enrol,
    "point": _point,
}

READERS: dict[str, Reader] = {
    "video": read_video,
    "tagged": read_video,
    "tiff": read_clockless,
    "npy": read_clockless,
    "images": read_folder,
    "lab": read_lab,
    "metadata": read_metadata,
    "motion": read_motion,
    "sound": read_sound,
    "response": read_response,
    "encoder": read_encoder,
    "values": read_value,
    "command": read_command,
}
