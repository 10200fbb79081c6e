"""From a camera to its sound, while it happens."""

import importlib
import math
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing, contextmanager
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phonoscope.choices import ShutterKind
from phonoscope.errors import InputError, UsageError
from phonoscope.motion import Grid, cut, default_cell_px, follow, live_look_frames, look_at, warm_up
from phonoscope.pipeline.account import Account
from phonoscope.pipeline.record import file_facts, versions
from phonoscope.pipeline.request import AnyRegion, Rate, Request
from phonoscope.sound import FALSE_ALARM_LIVE, Listener, band_of
from phonoscope.types import GLOBAL, Float64, Frame, LiveBlock, MotionField, VideoFacts
from phonoscope.video import LiveSource, Taking, open_live

_ROOM_BYTES = 128 * 2**20  # for frames that wait while the picture is learned
_ROOM_S = 1.0  # and later: a machine that was held up catches up at once
_LOST_S = 2.0  # after which a picture that cannot be followed is learned anew
_FILLED_AT_ONCE = 4096

_Some = tuple[Float64, NDArray[np.bool_]]


class Live:
    """A live sound: walk through it once, for blocks of a few samples, until the source ends.

    Attributes
    ----------
    facts
        Of the source.
    band_hz
        Lowest and highest frequency kept.
    """

    def __init__(
        self, taking: Taking, facts: VideoFacts, grids: Sequence[Grid], request: Request,
        aside: Executor,
    ) -> None:  # fmt: skip
        self.facts, self.band_hz = facts, band_of(request.band, facts)
        self._taking, self._grids, self._request, self._aside = taking, grids, request, aside
        self._rate = float(facts.capture_rate)
        self._stop = None if request.duration is None else math.ceil(request.duration * self._rate)
        self._listener: Listener | None = None
        self._came: deque[tuple[int, float]] = deque()  # of the frames that are not heard yet
        self._heard = 0  # samples
        self._frames = 0
        self._looks_s: list[float] = []
        self._settled = False
        self._account = Account()

    @property
    def rate_hz(self) -> Fraction:
        """Samples a second: the capture rate."""
        return self.facts.capture_rate

    @property
    def delay_s(self) -> float | None:
        """What the filter alone makes of the latency, s; None until the picture is learned."""
        return None if self._listener is None else self._listener.half / self._rate

    @property
    def dropped(self) -> int:
        """Number of frames that are missing so far."""
        return self._taking.skipped + self._taking.dropped

    @property
    def detected(self) -> bool:
        """Whether anything has stood above the noise so far."""
        return self._account.detected

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences that the user should read, so far."""
        taking, found = self._taking, list(self.facts.warnings)
        if taking.skipped:
            found.append(
                f"{taking.skipped} frames never came from the source; what is heard there is "
                "filled in, and marked."
            )
        if taking.dropped:
            found.append(
                f"{taking.dropped} frames came faster than they could be measured, and were "
                "dropped; choose a region, a smaller picture or fewer frames a second."
            )
        found += [
            f"at {begun:.1f} s the picture had changed for good, and was learned anew."
            for begun in self._looks_s[1:]
        ]
        if taking.ended:
            found.append(taking.ended)
        return tuple(found)

    @property
    def record(self) -> dict[str, Any]:
        """Every fact of the sound so far, ready for JSON."""
        return {
            "input": self.facts.name,
            **file_facts(self.facts),
            "frames": self._frames,
            "dropped": {"by_source": self._taking.skipped, "here": self._taking.dropped},
            "regions": [str(region) for region in self._request.regions],
            "sample_rate_hz": self._rate,
            "duration_s": self._heard / self._rate,
            "band_hz": list(self.band_hz),
            "false_alarm": FALSE_ALARM_LIVE,
            **self._account.record(),
            "delay_s": self.delay_s,
            "learned_at_s": [round(begun, 3) for begun in self._looks_s],
            "versions": versions(),
            "warnings": list(self.warnings),
        }

    def stop(self) -> None:
        """Let it end soon, as if the source had ended: whoever walks through it gets the rest."""
        self._taking.stop()

    def __iter__(self) -> Iterator[LiveBlock]:
        while held := self._held():
            for samples, measured in self._stretch(held):
                if len(samples):
                    yield self._block(samples, measured)

    def _held(self) -> Sequence[Frame]:
        """Return the frames of a look at the picture, or none at the end."""
        width, height = self.facts.width, self.facts.height
        itemsize = 1 if self.facts.bits == 8 else 2
        self._settled = False
        self._taking.room = max(8, _ROOM_BYTES // (width * height * itemsize))
        wanted = live_look_frames(width, height, itemsize, self._rate)
        self._taking.room = max(self._taking.room, wanted)
        held = self._take(wanted, wanted)
        if not held and not self._looks_s:
            raise InputError(
                f"{self.facts.name} gave no frames; {self._taking.ended or 'try again.'}"
            )
        return held

    def _stretch(self, held: Sequence[Frame]) -> Iterator[_Some]:
        """Learn a picture and listen to it, until it ends or has changed for good."""
        yield from self._silence(held[0].index)
        try:
            look = look_at(held, self._grids, self.facts.bits, GLOBAL)
        except InputError:
            if not self._looks_s:
                raise
            yield from self._silence(held[-1].index + 1)  # dark, say: perhaps the next ones are not
            return
        self._looks_s.append(held[0].index / self._rate)
        if self._listener is None:
            field = MotionField(self.facts, look.cells, look.noise, 0, ())
            self._listener = Listener(field, self.band_hz, self._aside)
        lost, most = 0, math.ceil(_LOST_S * self._rate)
        for some in follow(look, held, self._take, self._rate):
            yield self._listener.hear(some.block, some.measured)
            lost = 0 if some.measured.any() else lost + len(some.measured)
            if lost > most:
                break
        yield self._listener.finish()
        self._listener.start_over()

    def _take(self, few: int, most: int) -> Sequence[Frame]:
        taken = self._taking.take(few, most)
        if self._stop is not None:
            taken = [one for one in taken if one.frame.index < self._stop]
        self._frames += len(taken)
        self._came.extend((one.frame.index, one.came_s) for one in taken)
        if few < most and len(taken) < most and not self._settled:  # all that waited is measured
            self._settled = True
            self._taking.room = max(2 * most, math.ceil(_ROOM_S * self._rate))
        return [one.frame for one in taken]

    def _silence(self, until: int) -> Iterator[_Some]:
        """Yield nothing, for frames that are missing where a picture is learned anew."""
        while self._heard < until:
            count = min(_FILLED_AT_ONCE, until - self._heard)
            yield np.zeros(count), np.zeros(count, np.bool_)

    def _block(self, samples: Float64, measured: NDArray[np.bool_]) -> LiveBlock:
        first, self._heard = self._heard, self._heard + len(samples)
        while len(self._came) > 1 and self._came[0][0] < first:
            self._came.popleft()
        sound = None if self._listener is None else self._listener.sound
        block = LiveBlock(
            samples=samples,
            time_s=first / self._rate,
            measured=measured,
            verdict=None if sound is None else sound.verdict,
            snr_db=-math.inf if sound is None else sound.snr_db,
            noise_floor_px=math.nan if sound is None else sound.noise_floor_px,
            motion_rms_px=0.0 if sound is None else sound.motion_rms_px,
            latency_s=time.monotonic() - self._came[0][1],
            dropped=self.dropped,
        )
        self._account.add(block, len(samples) / self._rate, settled=self._settled)
        return block


@contextmanager
def live(
    source: LiveSource,
    *,
    fps: Rate | None = None,
    region: AnyRegion | Sequence[AnyRegion] = (),
    band: tuple[float, float] | str | None = None,
    cell: int | None = None,
    duration: float | None = None,
    shutter: ShutterKind | None = None,
    options: Mapping[str, str] | None = None,
) -> Iterator[Live]:
    """Listen to a camera while it films.

    Parameters
    ----------
    source
        A camera (``"/dev/video0"``, ``"avfoundation:0"``, ``"dshow:video=NAME"``), an address that
        FFmpeg reads (``"rtsp://..."``, ``"udp://..."``), ``"-"`` for the standard input; a video
        file or an array, which is played at its own rate; or an iterable that gives arrays
        ``(height, width)``, or `Frame`, when it has one. A `Frame` whose index skips some says that
        those are missing.
    fps
        Frames a second: asked of a camera; of anything else the true capture rate, where it does
        not say. Iterables need it.
    region, band, cell
        As in `recover`. The lowest frequency makes the filter as late as one and a half of its
        periods.
    duration
        How long to listen, s; by default until the source ends.
    shutter
        Every frame is taken for one instant, as with a ``"global"`` shutter: to listen to rows one
        by one takes several times as long as they take to film.
    options
        FFmpeg's own for the source: ``{"video_size": "640x480", "input_format": "mjpeg"}``.

    Yields
    ------
    Live
        Walk through it for each `LiveBlock`; it has the warnings and the record.

    Raises
    ------
    UsageError
        If an argument has a value that cannot be right.
    InputError
        If the source cannot be opened, or nothing can be measured from it.
    """
    request = Request.checked(source, fps, region, cell, 0.0, duration, band=band)
    if shutter == "rolling":
        raise UsageError(
            "rows that are read one after the other take about three seconds of computing for one "
            "of sound, so they cannot be listened to live; record the video, and recover it with "
            "--shutter rolling, or leave shutter out to hear whole frames."
        )
    if request.stored:
        raise InputError(f"{source} is a motion field, measured already; give it to recover.")
    with (
        open_live(source, fps=request.fps, options=options) as video,
        ThreadPoolExecutor(1, "phonoscope-attend") as aside,
    ):
        facts = video.facts
        edge = request.cell or default_cell_px(facts.width, facts.height)
        grids = cut(facts.width, facts.height, request.regions, edge)
        band_of(request.band, facts)  # wrong ones fail now
        aside.submit(importlib.import_module, "scipy.signal")  # which takes a second
        warm_up(facts.bits)
        with closing(Taking(video.frames)) as taking:
            yield Live(taking, facts, grids, request, aside)
