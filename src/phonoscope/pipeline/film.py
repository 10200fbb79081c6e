"""From scans of film to the sound of its optical track."""

import math
import os
import wave
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from phonoscope.choices import FilmKind
from phonoscope.errors import OutputError, UsageError
from phonoscope.files import replace_when_done, strict_json, temporary_file
from phonoscope.film import (
    Evener,
    Joiner,
)
from phonoscope.film.join import grouped, shift_between
from phonoscope.pipeline.filmlook import Look
from phonoscope.pipeline.record import versions
from phonoscope.pipeline.request import Progress
from phonoscope.types import Float64, Luma
from phonoscope.video import open_video, parse_rate, prefetch

RATE_HZ = 48000
_PEAK = 10 ** (-1 / 20)
_FULL_SCALE = 2**23 - 1
_MANY = 0.05  # of the lines; a speck of dust in each frame hides two per cent
_LEAK = 0.97
_FLOOR = (0.85, 0.97)  # of half the line rate, where there is noise only
_FLOOR_LINES = 256
_QUIET_DB = 3.0
_BLOCK = 1 << 16
_LARGEST_WAV = 2**32 - 2**16


@dataclass(frozen=True, slots=True)
class FilmTrack:
    """What `film_track` wrote.

    Attributes
    ----------
    output
        The sound file.
    frames, duration_s, channels
        Scans that were read; length and channels of the sound.
    kind, first_px, stop_px
        Of the track: variable ``"area"`` or ``"density"``; its columns.
    pitch_lines
        Lines of a scan from one frame of the film to the next; the line rate is `fps` times that.
    shared_lines
        Lines that two scans share.
    joined_by
        What told where each scan lies: ``"holes"`` or whatever else returns in each scan,
        ``"overlap"``, or ``"nothing"``.
    weave_lines
        RMS of each scan's shift along the film that was corrected.
    skew_lines
        Lines by which one side of the track was later than the other, which was corrected.
    curve
        Power to which brightness was raised; 1 is none, and of area tracks.
    snr_db
        The sound's power over that of noise, as judged by what is above all sound.
    highest_hz
        Half the line rate, beyond which a scan holds nothing.
    warnings
        Sentences that the user should read.
    """

    output: Path
    frames: int
    duration_s: float
    channels: int
    kind: str
    first_px: int
    stop_px: int
    pitch_lines: float
    shared_lines: float
    joined_by: str
    weave_lines: float
    skew_lines: float
    curve: float
    snr_db: float
    highest_hz: float
    warnings: tuple[str, ...] = ()


def film_track(
    source: Any,
    output: str | os.PathLike[str],
    *,
    track: str = "auto",
    kind: FilmKind = "auto",
    fps: float | str = 24,
    advance: int = 0,
    start: float = 0.0,
    duration: float | None = None,
    progress: Progress | None = None,
) -> FilmTrack:
    """Write the sound of the optical track that scans of film show.

    Every line of a scan is a sample. Memory does not grow with the length of the film. Beside the
    WAV file (24 bit, 48 kHz, peak at -1 dBFS) its facts are written as JSON.

    Parameters
    ----------
    source
        Folder of scans, video, TIFF stack, or array ``(frames, height, width)``: one frame of film
        in each, upright, with a few lines of its neighbours. Not an iterator: it is read twice.
    output
        ``.wav``.
    track
        ``"auto"``, the half in which to look (``"left"``, ``"right"``), or the columns
        ``"first,last"`` in px.
    kind
        Variable ``"area"`` or ``"density"``, or ``"auto"``.
    fps
        Frames a second at which the film is to run.
    advance
        Frames by which the sound lies ahead of its picture (21 on 35 mm prints, 26 on 16 mm): so
        many frames of silence come first, and sound and picture are in step.
    start, duration
        The stretch to read, s of the film.
    progress
        Called with the number of scans that were read, and of all.

    Raises
    ------
    UsageError
        If an argument has a value that cannot be right.
    InputError
        If no soundtrack is found, or the source cannot be read.
    OutputError
        If `output` cannot be written.
    """
    target = Path(output)
    _check(source, target, kind, advance)
    rate = parse_rate(fps)
    with open_video(source, fps=rate, start=start, duration=duration) as video:
        look = Look.at(video, track, kind, source)
    with (
        open_video(source, fps=rate, start=start, duration=duration) as video,
        temporary_file("phonoscope-film") as kept,
    ):
        total = video.facts.frames_about
        state = _Reading(look, float(rate))
        written = _Written(kept, look.reader.channels)
        with closing(prefetch(video, depth=4)) as frames, kept.open("wb") as file:
            silence = np.zeros((look.reader.channels, round(advance / float(rate) * RATE_HZ)))
            written.write(file, silence)
            for frame in frames:
                for block in state.add(frame.luma):
                    written.write(file, block)
                if progress is not None:
                    progress(state.frames, total)
            for block in state.finish():
                written.write(file, block)
        done = _facts(target, look, state, written, float(rate))
        _write_wav(target, kept, written)
        _write_record(target, done, source, float(rate), advance)
        return done


def _check(source: Any, target: Path, kind: str, advance: int) -> None:
    if target.suffix.lower() != ".wav":
        raise UsageError(f"cannot write {target}: its suffix is {target.suffix!r}; choose .wav.")
    if kind not in ("auto", "area", "density"):
        raise UsageError(f"kind {kind!r} is none of auto, area and density.")
    if not 0 <= advance <= 1000:
        raise UsageError(f"advance {advance} is no number of frames; give 0 to 1000, such as 21.")
    if not isinstance(source, str | os.PathLike | np.ndarray):
        raise UsageError(
            f"a {type(source).__name__} can be read only once, and scans are read twice; give a "
            "folder, a file or an array."
        )


class _Reading:
    """The way from scans to even samples, scan by scan."""

    def __init__(self, look: Look, fps: float) -> None:
        self.look = look
        self.frames = 0
        self.lost = 0
        self.doubtful = 0
        self._fps = fps
        self._joiner = Joiner(look.pitch, look.reader.channels)
        self._evener = Evener(look.reader.channels, look.pitch * fps, RATE_HZ)
        self._before: Float64 | None = None
        self._shift = 0.0
        self._shifts = 0.0
        self._floor = _Floor()

    @property
    def weave_lines(self) -> float:
        """RMS of the shifts."""
        return math.sqrt(self._shifts / max(self.frames, 1))

    @property
    def snr_db(self) -> float:
        """Of the sound, by what is above all sound."""
        return self._floor.snr_db

    def add(self, scan: Luma) -> Iterator[Float64]:
        """Yield even samples that are complete after one more scan."""
        samples, beyond = self.look.reader.read(scan, self.look.registration.weave(scan))
        self.lost += beyond
        shift = self._place(scan)
        self.frames += 1
        self._shifts += shift**2
        for lines in self._joiner.add(samples, shift):
            yield self._even(lines)

    def finish(self) -> Iterator[Float64]:
        """Yield the rest."""
        for lines in self._joiner.finish():
            yield self._even(lines)
        yield self._evener.finish()

    def _even(self, lines: Float64) -> Float64:
        self._floor.add(lines)
        return self._evener.add(lines)

    def _place(self, scan: Luma) -> float:
        look = self.look
        if look.joined_by == "nothing":
            return 0.0
        if look.registration.reference is not None:
            return look.registration.shift(scan)
        track = look.reader.track
        own = grouped(scan, track.first, track.stop)
        if self._before is not None:
            step = shift_between(self._before, own, look.pitch)
            if step is None:
                self.doubtful += 1
                self._shift *= _LEAK
            else:
                self._shift = _LEAK * self._shift + step - look.pitch
        self._before = own
        return self._shift


class _Floor:
    """Power of the sound, and of the noise by what lies above all sound."""

    def __init__(self) -> None:
        self._power: Float64 = np.zeros(_FLOOR_LINES // 2 + 1)
        self._rest: Float64 | None = None

    def add(self, lines: Float64) -> None:
        if self._rest is not None:
            lines = np.concatenate([self._rest, lines], axis=1)
        count = lines.shape[1] // _FLOOR_LINES
        self._rest = lines[:, count * _FLOOR_LINES :]
        if count == 0:
            return
        cut = lines[:, : count * _FLOOR_LINES].reshape(-1, _FLOOR_LINES)
        own = (cut - cut.mean(axis=1, keepdims=True)) * np.hanning(_FLOOR_LINES)
        self._power += (np.abs(np.fft.rfft(own, axis=1)) ** 2).sum(axis=0)

    @property
    def snr_db(self) -> float:
        bins = len(self._power)
        high = slice(round(_FLOOR[0] * bins), round(_FLOOR[1] * bins))
        noise = float(np.median(self._power[high])) * (bins - 2)
        sound = float(self._power[2:].sum()) - noise
        if noise <= 0:
            return math.inf if sound > 0 else -math.inf
        return 10 * math.log10(sound / noise) if sound > 0 else -math.inf


class _Written:
    """Samples in a temporary file, and their peak."""

    def __init__(self, path: Path, channels: int) -> None:
        self.path, self.channels = path, channels
        self.samples = 0
        self.peak = 0.0

    def write(self, file: Any, block: Float64) -> None:
        if block.shape[1] == 0:
            return
        self.peak = max(self.peak, float(np.abs(block).max()))
        self.samples += block.shape[1]
        file.write(np.ascontiguousarray(block.T, np.float32).tobytes())


def _facts(target: Path, look: Look, state: _Reading, written: _Written, fps: float) -> FilmTrack:
    reader, track = look.reader, look.reader.track
    told = list(look.warnings)
    snr = state.snr_db
    if written.peak <= 0 or snr < _QUIET_DB:
        told.append(
            "the track holds hardly more than noise; the film may be silent here, or the place "
            "wrong (--track)."
        )
    height = reader.clear.shape[0] if reader.clear.ndim == 2 else 0
    lines = max(state.frames * max(height, 1), 1)
    if state.lost > _MANY * lines:
        told.append(
            f"{state.lost / lines:.1%} of the lines were beyond reading (dust, or a track that "
            "closes) and are foretold from the sound around them."
        )
    if state.doubtful > 0.2 * state.frames:
        told.append(
            f"{state.doubtful:,} of {state.frames:,} joints show too little to be aligned by, and "
            "lie as the others do."
        )
    return FilmTrack(
        output=target, frames=state.frames, duration_s=written.samples / RATE_HZ,
        channels=reader.channels, kind=track.kind, first_px=track.first, stop_px=track.stop,
        pitch_lines=look.pitch, shared_lines=height - look.pitch, joined_by=look.joined_by,
        weave_lines=state.weave_lines, skew_lines=abs(reader.skew) * (track.stop - track.first),
        curve=reader.curve, snr_db=snr, highest_hz=look.pitch * fps / 2, warnings=tuple(told),
    )  # fmt: skip


# `audio.recording` is of one channel, and keeps what it is given at its own rate.
def _write_wav(target: Path, kept: Path, written: _Written) -> None:
    size = written.samples * written.channels * 3
    if size > _LARGEST_WAV:
        raise OutputError(
            f"{target} would have {size / 2**30:.1f} GiB, more than a WAV file can; read the film "
            "in parts (--start, --duration)."
        )
    scale = _PEAK * _FULL_SCALE / (written.peak or 1.0)
    with (
        replace_when_done(target) as part,
        kept.open("rb") as file,
        part.open("wb") as out,
        wave.open(out, "wb") as sound,
    ):
        sound.setnchannels(written.channels)
        sound.setsampwidth(3)
        sound.setframerate(RATE_HZ)
        while data := file.read(4 * written.channels * _BLOCK):
            value = np.rint(np.frombuffer(data, np.float32) * scale).astype("<i4")
            sound.writeframes(value.view(np.uint8).reshape(-1, 4)[:, :3].tobytes())


def record_path(target: Path) -> Path:
    """Return where the facts of a sound file go."""
    return target.with_suffix(".json")


def _write_record(target: Path, done: FilmTrack, source: Any, fps: float, advance: int) -> None:
    record = {
        "input": str(source) if isinstance(source, str | os.PathLike) else "array",
        **asdict(done),
        "output": str(target),
        "fps": fps,
        "advance_frames": advance,
        "file_rate": RATE_HZ,
        "warnings": list(done.warnings),
        "versions": versions(),
    }
    with replace_when_done(record_path(target)) as part:
        part.write_text(strict_json(record), "utf-8")
