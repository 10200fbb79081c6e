"""Audio files in and out, and the exact band-limited change of sample rate between them.

A sound recovered from video has a rate that players refuse (2200 Hz) or that is not even a whole
number; a file has one that they accept. Heavy libraries are imported when first used, so that
importing the types stays quick.
"""

import io
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phonoscope.errors import InputError, InputNotFoundError, OutputError, UsageError
from phonoscope.files import replace_when_done, temporary_file

if TYPE_CHECKING:
    import av

Float64 = NDArray[np.float64]
Rate = Fraction | float  # an int is a float to the type checker

_CODECS = {".wav": "pcm_s24le", ".flac": "flac"}
# FLAC's header has 20 bits for the rate; WAV's bound only catches slips, such as Hz given in MHz.
_MAX_FILE_RATE = {".wav": 16_000_000, ".flac": 2**20 - 1}
_PEAK = 10 ** (-1 / 20)
_FULL_SCALE_24 = 2**23 - 1
_WAV_DATA_LIMIT = 2**32 - 2**20  # RIFF sizes have 32 bits; leave room for the header
_ENCODE_BLOCK = 1 << 16
_RESAMPLED_AT_A_TIME = 1 << 20
_DAY_S = 86400

_MOST_SAMPLES = 2**31  # that a sound may have after a change of rate
_RATE_TOLERANCE = 1e-6
_FINEST_TOLERANCE = 1e-7  # a finer ratio would take a filter of gigabytes
_STOP_DB = 90.0
_TRANSITION = 0.1  # full width as a part of the lower rate's Nyquist frequency: 0.95 to 1.05
_SOON = (60.0, 0.4)  # the same two, of a filter that is done soon


def resample(samples: ArrayLike, rate_hz: Rate, new_rate_hz: Rate) -> Float64:
    """Change the sample rate of a sound, band-limited and without delay.

    The rates may be any positive numbers. Their ratio is replaced by a fraction within one part in
    a million and so close that the last sample is off by less than a tenth of a sample. A linear
    phase Kaiser low-pass keeps everything to 0.95 of the lower rate's Nyquist frequency within
    0.1 dB, is at -6 dB at that frequency itself, and holds images and aliases of what lies beyond
    1.05 of it down by more than 80 dB. Beyond its ends the sound is continued by its mirror image,
    so that a sound that does not begin at zero gains no click.

    Parameters
    ----------
    samples
        ``(sample,)`` sound; sample n is at ``n / rate_hz``.
    rate_hz, new_rate_hz
        Sample rates before and after.

    Returns
    -------
    ``(round(len(samples) * new_rate_hz / rate_hz),)`` (at least 1); sample k is at
    ``k / new_rate_hz``.

    Raises
    ------
    InputError
        If there are no samples, more than one axis, or values that are not finite.
    UsageError
        If a rate is not positive and finite.
    """
    sound = _checked(samples)
    ratio = _exact(new_rate_hz, "new_rate_hz") / _exact(rate_hz, "rate_hz")
    length = max(1, round(len(sound) * ratio))
    if length > _MOST_SAMPLES:
        raise UsageError(
            f"{len(sound)} samples at {float(rate_hz):g} Hz last {length / float(new_rate_hz):.3g} "
            f"s, which is too long at {float(new_rate_hz):g} Hz; check both rates."
        )
    if ratio == 1:
        return sound.copy()
    simple = _simple_ratio(ratio, min(_RATE_TOLERANCE, 0.1 / length))
    return _polyphase(sound, simple.numerator, simple.denominator, length)


def _checked(samples: ArrayLike) -> Float64:
    sound = np.asarray(samples, dtype=np.float64)
    if sound.ndim != 1 or len(sound) == 0:
        raise InputError(
            f"a sound must be one row of samples, not an array of shape {sound.shape}."
        )
    if not np.isfinite(sound).all():
        bad = int(np.argmin(np.isfinite(sound)))
        raise InputError(
            f"sample {bad} of the sound is {sound[bad]}; replace values that are not finite first."
        )
    return sound


def _exact(rate_hz: Rate, name: str) -> Fraction:
    try:
        exact = Fraction(rate_hz)
    except (TypeError, ValueError, OverflowError):
        exact = Fraction(0)
    if exact <= 0:
        raise UsageError(f"{name} is {rate_hz!r}; give a positive number of samples a second.")
    return exact


def _simple_ratio(ratio: Fraction, tolerance: float) -> Fraction:
    # A small denominator keeps the filter short: its length grows with the larger of the two.
    bound = 1
    while True:
        simple = ratio.limit_denominator(bound)
        if simple > 0 and abs(simple / ratio - 1) < tolerance:
            return simple
        bound *= 2


def _polyphase(sound: Float64, up: int, down: int, length: int) -> Float64:
    from scipy.signal import upfirdn

    taps, half = _low_pass(up, down, _STOP_DB, _TRANSITION)
    pad = half // up + 2
    # Odd reflection would keep the slope too, but its jump in level makes high tones overshoot.
    padded = np.pad(sound, pad, mode="reflect" if len(sound) > 1 else "edge")
    # Leading zeros make the delay of filter and padding a whole number of output samples.
    delay = pad * up + half
    zeros = -delay % down
    first = (delay + zeros) // down
    out = upfirdn(np.concatenate([np.zeros(zeros), taps]), padded, up, down)
    return np.ascontiguousarray(out[first : first + length])


def _low_pass(up: int, down: int, stop_db: float, transition: float) -> tuple[Float64, int]:
    """Return the taps of a polyphase filter, and half their number."""
    from scipy.signal import firwin

    widest = max(up, down)
    beta = 0.1102 * (stop_db - 8.7)
    half = math.ceil((stop_db - 7.95) / (2.285 * math.pi * transition) * widest / 2)
    return firwin(2 * half + 1, 1 / widest, window=("kaiser", beta)) * up, half


class Resampler:
    """Changes the sample rate of a sound that comes in blocks; what there is not yet is waited for.

    Parameters
    ----------
    rate_hz, new_rate_hz
        Sample rates before and after; their ratio is exact to one part in a million.
    sharp
        Whether to be as exact as `resample`, and wait for it; else what lies within a fifth of the
        lower rate's Nyquist frequency of it is let through in part, and its images too.
    samples
        How many will come, where that is known: the ratio is so exact that the last is off by less
        than a tenth of a new sample, but not beyond one part in ten million.

    Attributes
    ----------
    delay_s
        For how long it waits: 57 samples of the lower rate, or 9.
    """

    def __init__(self, rate_hz: Rate, new_rate_hz: Rate, *, sharp: bool, samples: int = 0) -> None:
        ratio = _exact(new_rate_hz, "new_rate_hz") / _exact(rate_hz, "rate_hz")
        tolerance = 0.1 / max(1, round(samples * ratio))
        tolerance = min(_RATE_TOLERANCE, max(tolerance, _FINEST_TOLERANCE))
        simple = _simple_ratio(ratio, tolerance)
        self._up, self._down = simple.numerator, simple.denominator
        self._taps, self._half = _low_pass(
            self._up, self._down, *((_STOP_DB, _TRANSITION) if sharp else _SOON)
        )
        self.delay_s = self._half / self._up / float(rate_hz)
        self._reach = -(-self._half // self._up) + 1
        self._held = np.zeros(self._reach)  # samples from number -reach on; nothing was before
        self._first = -self._reach
        self._next = 0

    def resample(self, samples: Float64) -> Float64:
        """Return the samples that are certain now."""
        from scipy.signal import upfirdn

        self._held = np.concatenate([self._held, samples])
        end = self._first + len(self._held) - self._reach  # in samples: up to there
        count = max(-(-end * self._up // self._down) - self._next, 0)
        if not count:
            return np.zeros(0)
        # Upsampled, the first wanted one lies so far behind the first that is held.
        behind = self._next * self._down - self._first * self._up + self._half
        zeros = -behind % self._down
        taps = np.concatenate([np.zeros(zeros), self._taps])
        out = upfirdn(taps, self._held, self._up, self._down)
        begin = (behind + zeros) // self._down
        result = np.ascontiguousarray(out[begin : begin + count])
        self._next += count
        keep = max(self._next * self._down // self._up - self._reach, self._first)
        self._held, self._first = self._held[keep - self._first :], keep
        return result

    def finish(self) -> Float64:
        """Return the rest, as if silence followed."""
        return self.resample(np.zeros(self._reach))


@dataclass(frozen=True, slots=True)
class Broadcast:
    """What a Broadcast WAV says of itself (EBU Tech 3285).

    Attributes
    ----------
    start_s
        Time since midnight of the first sample: the time reference, by which editors place it.
    recorded
        When recording began, ISO 8601 to the second, or empty.
    description
        In words; ASCII.
    """

    start_s: Fraction
    recorded: str
    description: str

    def tags(self, rate: int) -> dict[str, str]:
        """Return the fields of the chunk, by FFmpeg's names."""
        day, _, time = self.recorded.partition("T")
        return {
            "description": self.description,
            "originator": "Phonoscope",
            "origination_date": day,
            "origination_time": time[:8],
            "time_reference": str(round(self.start_s % _DAY_S * rate)),
            "coding_history": f"A=PCM,F={rate},W=24,M=mono\r\n",
        }


def write_audio(
    path: str | os.PathLike[str],
    samples: ArrayLike,
    rate_hz: Rate,
    *,
    file_rate: int | Literal["native"] = 48000,
    comment: str = "",
    broadcast: Broadcast | None = None,
) -> None:
    """Write a sound as a WAV or FLAC file (by suffix): mono, 24 bit, scaled to a peak of -1 dBFS.

    A WAV of more than 4 GB is an RF64 file (EBU Tech 3306).

    Parameters
    ----------
    path
        File to write; it appears whole or not at all.
    samples
        ``(sample,)`` sound in any unit; silence stays silence.
    rate_hz
        Samples a second, not necessarily whole.
    file_rate
        Sample rate of the file in Hz, to which the sound is resampled (see `resample`), or
        ``"native"`` for `rate_hz` rounded to the nearest whole number, the samples unchanged.
    comment
        Stored as the comment of the file's metadata.
    broadcast
        Makes a WAV a Broadcast WAV.

    Raises
    ------
    UsageError
        If the suffix is not .wav or .flac, or the rate is one that the format cannot hold.
    InputError
        If there are no samples or some are not finite.
    OutputError
        If the file cannot be written.
    """
    target = Path(path)
    suffix = _suffix(target)
    sound = _checked(samples)
    whole_rate = _file_rate(rate_hz, file_rate, suffix)
    if file_rate != "native":
        sound = resample(sound, rate_hz, whole_rate)
    # Encoded in memory and written by Python, because FFmpeg drops errors of writing at close.
    buffer = io.BytesIO()
    peak = max(float(sound.max()), -float(sound.min()))
    tags = {"comment": comment} | ({} if broadcast is None else broadcast.tags(whole_rate))
    _encode(buffer, _cut([sound]), len(sound), peak, whole_rate, suffix, tags, target)
    with replace_when_done(target) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def check_file_rate(path: str | os.PathLike[str], file_rate: int | str) -> int | Literal["native"]:
    """Return `file_rate` as `write_audio` takes it, also where it comes as text.

    Raises
    ------
    UsageError
        If no sound could be written to `path` at that rate, as in `write_audio`.
    """
    suffix = _suffix(Path(path))
    if file_rate == "native":
        return "native"
    try:
        rate = int(file_rate)
    except ValueError:
        raise UsageError(
            f"rate {file_rate!r} is not a sample rate; give Hz, such as 48000, or native."
        ) from None
    return _file_rate(rate, rate, suffix)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in _CODECS:
        raise UsageError(
            f"cannot write {path}: its suffix is {path.suffix!r}; choose .wav or .flac."
        )
    return suffix


def _file_rate(rate_hz: Rate, file_rate: int | Literal["native"], suffix: str) -> int:
    native = file_rate == "native"
    try:
        rate = round(_exact(rate_hz, "rate_hz")) if native else int(file_rate)
    except (TypeError, ValueError, OverflowError):
        if native:
            raise
        rate = 0
    limit = _MAX_FILE_RATE[suffix]
    if not 1 <= rate <= limit or not (native or rate == file_rate):
        shown = f"the native rate {float(rate_hz):g} Hz" if native else f"file_rate {file_rate!r}"
        raise UsageError(
            f"{shown} is not one that a {suffix} file can hold; "
            f"give a whole number from 1 to {limit} Hz, such as 48000."
        )
    return rate


def _pcm24(block: Float64, peak: float) -> NDArray[np.int32]:
    # Divided first: 1/peak would overflow for a sound of denormal size.
    scaled = np.rint(block / peak * (_PEAK * _FULL_SCALE_24))
    return scaled.astype(np.int32) << 8  # the upper 24 of FFmpeg's 32 bits


def _encode(
    sink: IO[bytes], blocks: Iterable[Float64], length: int, peak: float, rate: int, suffix: str,
    tags: Mapping[str, str], target: Path,
) -> None:  # fmt: skip
    """Write about `length` samples, in blocks, to a file that is open."""
    import av

    options = {"fflags": "+bitexact"}
    if suffix == ".wav" and 3 * length > _WAV_DATA_LIMIT:
        options["rf64"] = "always"
    if suffix == ".wav" and "time_reference" in tags:
        options["write_bext"] = "1"
    try:
        with av.open(sink, "w", format=suffix[1:], options=options) as container:
            known = tags if suffix == ".wav" else {"comment": tags["comment"]}
            container.metadata.update({name: text for name, text in known.items() if text})
            stream: Any = container.add_stream(_CODECS[suffix], rate=rate)
            stream.layout = "mono"
            stream.format = "s32"  # of which both encoders keep the upper 24 bits
            first = 0
            for block in blocks:
                frame = av.AudioFrame.from_ndarray(
                    _pcm24(block, peak or 1.0)[None], format="s32", layout="mono"
                )
                frame.sample_rate = rate
                frame.pts = first
                first += len(block)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    except av.error.FFmpegError as error:
        raise OutputError(
            f"cannot write {target}: FFmpeg could not encode {length} samples at {rate} Hz "
            f"({error.strerror}); choose another file rate or the other of .wav and .flac."
        ) from error


class Recording:
    """A sound of any length on its way to a file; see `recording`."""

    def __init__(self, raw: IO[bytes]) -> None:
        self._raw = raw
        self.samples = 0

    def add(self, samples: Float64) -> None:
        """Take the next samples."""
        samples.astype(np.float32).tofile(self._raw)
        self.samples += len(samples)


@contextmanager
def recording(
    path: str | os.PathLike[str],
    rate_hz: Rate,
    *,
    file_rate: int | Literal["native"] = 48000,
    comment: str = "",
) -> Iterator[Recording]:
    """Write a sound that comes in blocks, of any length, as `write_audio` would write all of it.

    What comes is kept in a temporary file. The file appears when the block ends, if it ends well.
    Parameters and errors are those of `write_audio`.
    """
    target = Path(path)
    suffix = _suffix(target)
    whole_rate = _file_rate(rate_hz, file_rate, suffix)
    with temporary_file("sound.raw") as raw:
        with raw.open("wb") as file:
            taken = Recording(file)
            yield taken
        if not taken.samples:
            raise InputError("there is no sound to be written; listen for longer.")

        def blocks() -> Iterator[Float64]:
            resampler = None
            if file_rate != "native":
                resampler = Resampler(rate_hz, whole_rate, sharp=True)
            with raw.open("rb") as file:
                while len(block := np.fromfile(file, np.float32, _ENCODE_BLOCK)):
                    own = block.astype(np.float64)
                    yield own if resampler is None else resampler.resample(own)
            if resampler is not None:
                yield resampler.finish()

        length, peak = 0, 0.0
        for block in blocks():
            length += len(block)
            peak = max(peak, float(np.abs(block).max(initial=0.0)))
        with replace_when_done(target) as part, part.open("wb") as file:
            sink = Sink(file)
            _encode(
                cast("IO[bytes]", sink),
                _cut(blocks()),
                length,
                peak,
                whole_rate,
                suffix,
                {"comment": comment},
                target,
            )
            if sink.failed is not None:
                raise sink.failed


def pcm_blocks(samples: Float64, rate_hz: Rate, new_rate_hz: int) -> Iterator[NDArray[np.int32]]:
    """Yield a sound at another rate, scaled to a peak of -1 dBFS, in the upper 24 of 32 bits.

    Memory does not grow with the length of the new sound, which is gone through twice.
    """

    def blocks() -> Iterator[Float64]:
        resampler = Resampler(rate_hz, new_rate_hz, sharp=True, samples=len(samples))
        # A rate may rise a thousandfold; and with each step a filter's length is done in vain.
        step = max(1, int(_RESAMPLED_AT_A_TIME * rate_hz / new_rate_hz))
        for first in range(0, len(samples), step):
            yield resampler.resample(samples[first : first + step])
        yield resampler.finish()

    peak = max((float(np.abs(block).max(initial=0.0)) for block in blocks()), default=0.0)
    for block in _cut(blocks()):
        yield _pcm24(block, peak or 1.0)


def _cut(blocks: Iterable[Float64]) -> Iterator[Float64]:
    for block in blocks:
        for first in range(0, len(block), _ENCODE_BLOCK):
            yield block[first : first + _ENCODE_BLOCK]


class Sink(io.RawIOBase):
    """A file that remembers what went wrong, because FFmpeg drops errors of writing at close."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.failed: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self.failed = error
            raise

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def read_audio(path: str | os.PathLike[str]) -> tuple[Float64, int, str]:
    """Read an audio file, or the first audio track of a video, mixed to mono.

    Parameters
    ----------
    path
        Any file that FFmpeg reads.

    Returns
    -------
    samples
        ``(sample,)`` mean over the channels; full scale is -1 to 1 (a file of floating point
        numbers may exceed it).
    rate_hz
        Samples a second.
    comment
        The comment of the file's metadata, or ``""``.

    Raises
    ------
    InputNotFoundError
        If there is no such file.
    InputError
        If it is not media, has no audio track, is damaged, or is empty.
    """
    import av

    source = Path(path)
    if not source.exists():
        raise InputNotFoundError(f"there is no file {source}; check its name and folder.")
    if not source.is_file():
        raise InputError(f"{source} is not a file; give one audio or video file.")
    try:
        # A Python file object, because FFmpeg would take a name like "a:b.wav" for a protocol.
        with (
            source.open("rb") as file,
            av.open(file, "r", buffer_size=1 << 20, metadata_errors="replace") as container,
        ):
            return _decode(container, source)
    except InputError:
        raise
    except (av.error.FFmpegError, OSError) as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"cannot read sound from {source}: {reason}; give an audio file, or a video with sound."
        ) from error


def _decode(container: "av.container.InputContainer", source: Path) -> tuple[Float64, int, str]:
    if not container.streams.audio:
        raise InputError(f"{source} has no audio track; give an audio file, or a video with sound.")
    stream = container.streams.audio[0]
    blocks = [_mono(frame) for frame in container.decode(stream)]
    samples = np.concatenate(blocks) if blocks else np.zeros(0)
    if len(samples) == 0:
        raise InputError(f"the audio track of {source} is empty; give a file with sound in it.")
    if not np.isfinite(samples).all():
        raise InputError(f"{source} holds samples that are not finite; give an undamaged file.")
    tags = {**stream.metadata, **container.metadata}
    comment = next((text for tag, text in tags.items() if tag.lower() == "comment"), "")
    return samples, stream.rate, comment


def _mono(frame: "av.AudioFrame") -> Float64:
    data: NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(-1, frame.layout.nb_channels).T
    with np.errstate(all="ignore"):  # what is not finite is refused as a whole
        mono: Float64 = data.mean(axis=0, dtype=np.float64)
    if data.dtype.kind == "u":
        return mono / 128 - 1
    if data.dtype.kind == "i":
        return mono / float(2 ** (8 * data.dtype.itemsize - 1))
    return mono
