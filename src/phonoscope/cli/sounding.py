"""Where a live sound goes at once: to the loudspeaker, or as a WAV stream to standard output."""

import os
import struct
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phonoscope.audio import Resampler
from phonoscope.errors import MissingExtraError, OutputError
from phonoscope.types import LiveBlock

RATE_HZ = 48000
_RMS = 0.1  # of full scale
_MOST_CHANGE = 0.02  # of the volume, from block to block
_BUFFER_MS = 20  # of the sound card's
_BEGIN_S = 0.08  # held before playing begins: blocks come every twentieth of a second
_MOST_S = 0.2  # held, at most: what is older is skipped
_ENDLESS = 2**32 - 1  # as long as a header can say


Out = Callable[[LiveBlock], None]
"""Takes blocks as they come."""


class Volume:
    """From px to 16 bits at 48 kHz: by how loud the sound has been lately, as nobody knows before.

    Parameters
    ----------
    rate_hz
        Of the samples that come.
    """

    def __init__(self, rate_hz: Fraction) -> None:
        self._resampler = Resampler(rate_hz, RATE_HZ, sharp=False)
        self._factor: float | None = None

    def pcm(self, block: LiveBlock) -> NDArray[np.int16]:
        """Return what can be played now."""
        if block.motion_rms_px > 0:
            wanted = _RMS / block.motion_rms_px
            before = wanted if self._factor is None else self._factor
            self._factor = float(
                np.clip(wanted, before * (1 - _MOST_CHANGE), before * (1 + _MOST_CHANGE))
            )
        louder = self._resampler.resample(block.samples * (self._factor or 0.0))
        return np.clip(np.rint(louder * 32767), -32767, 32767).astype("<i2")


@contextmanager
def to_stream(rate_hz: Fraction, closed: Callable[[], None]) -> Iterator[Out]:
    """Yield a function that writes blocks to standard output, as a WAV stream of unknown length.

    `closed` is called when whoever reads it has had enough.
    """
    volume = Volume(rate_hz)
    form = struct.pack("<HHIIHH", 1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16)
    head = (b"RIFF", _ENDLESS, b"WAVE", b"fmt ", len(form), form, b"data", _ENDLESS)

    def put(data: bytes) -> None:
        try:
            sys.stdout.buffer.write(data)
            sys.stdout.flush()
        except BrokenPipeError:
            closed()
            # What is still to be written, at exit too, has a place to go.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    put(struct.pack("<4sI4s4sI16s4sI", *head))
    yield lambda block: put(volume.pcm(block).tobytes())


class Buffer:
    """What the sound card takes when it likes: silence, until enough is held to go on with."""

    def __init__(self) -> None:
        self._held = np.zeros(0, "<i2")
        self._playing = False
        self._lock = threading.Lock()

    def put(self, pcm: NDArray[np.int16]) -> None:
        """Take samples; those that have waited for too long are skipped."""
        with self._lock:
            self._held = np.concatenate([self._held, pcm])[-round(_MOST_S * RATE_HZ) :]
            self._playing |= len(self._held) >= _BEGIN_S * RATE_HZ

    def take(self, count: int) -> NDArray[np.int16]:
        """Return so many samples."""
        with self._lock:
            if not self._playing:
                return np.zeros(count, "<i2")
            taken, self._held = self._held[:count], self._held[count:]
            self._playing = len(taken) == count
        return np.concatenate([taken, np.zeros(count - len(taken), "<i2")])

    def feed(self) -> Generator[bytes, int, None]:
        """Yield bytes for as many samples as are sent, for ever."""
        count = yield b""
        while True:
            count = yield self.take(count).tobytes()


@contextmanager
def to_loudspeaker(rate_hz: Fraction, backends: list[Any] | None = None) -> Iterator[Out]:
    """Yield a function that plays blocks.

    Raises
    ------
    MissingExtraError
        If miniaudio is not installed.
    OutputError
        If there is no loudspeaker.
    """
    try:
        import miniaudio
    except ImportError as error:
        raise MissingExtraError(
            "playing needs miniaudio; install it with: pip install 'phonoscope[live]', or write "
            "the sound with -o out.wav, or to another program with -o -."
        ) from error
    volume, buffer = Volume(rate_hz), Buffer()
    feed = buffer.feed()
    next(feed)
    try:
        device = miniaudio.PlaybackDevice(
            output_format=miniaudio.SampleFormat.SIGNED16, nchannels=1, sample_rate=RATE_HZ,
            buffersize_msec=_BUFFER_MS, backends=backends, app_name="Phonoscope",
        )  # fmt: skip
    except miniaudio.MiniaudioError as error:
        raise OutputError(
            f"there is no loudspeaker to play to ({error.args[0]}); write the sound with "
            "-o out.wav, or to another program with -o -."
        ) from error
    with device:
        device.start(feed)
        yield lambda block: buffer.put(volume.pcm(block))
