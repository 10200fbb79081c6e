"""Frames, and what is known of a video."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal

from phonoscope.choices import Direction
from phonoscope.errors import UsageError
from phonoscope.types.arrays import Float64, Luma

ShutterSource = Literal["assumed", "user", "file", "table", "lamp"]
RateSource = Literal["user", "file", "sidecar", "container", "hint"]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame of video.

    Attributes
    ----------
    index
        Position in the source, 0 for its first frame, whatever range is being read.
    time_s
        Capture time since the first frame of the source, exact.
    luma
        ``(height, width)`` uint8 or uint16, as the file holds it; usually a view of the decoder's
        own memory, valid as long as the array lives. Not to be written to.
    """

    index: int
    time_s: Fraction
    luma: Luma


Elsewhere = Callable[[int, int | None], tuple[Generator[Frame, None, None], Any]]
"""Reads a stretch in another process, to which it can be sent: see `Stretches`."""


@dataclass(frozen=True, slots=True)
class Stretches:
    """How to read any stretch of a video's frames without those before it, in several threads.

    Attributes
    ----------
    first, stop
        Numbers of the first frame of the chosen range, and of the one after its last as far as the
        source says: there may be fewer, or more.
    apart
        Largest number of frames from one place where reading can begin to the next.
    read
        Returns a generator of the frames ``first <= index < stop``, where a `stop` of None means
        to the end of the chosen range. They are the frames that reading the whole video yields,
        with the same numbers and times. Each generator has a file of its own, so that each may be
        run by another thread; all must be closed.
    damaged
        Returns whether anything that was read so far was damaged or missing.
    conclude
        To be called when all has been read: adds to the video's warnings. Raises what reading the
        whole video would raise at its end.
    elsewhere
        What another process reads by: takes the same as `read`, and returns the same generator and
        an account, complete when that is closed. None where no other can read the source.
    add
        To be called here with such an account.
    """

    first: int
    stop: int
    apart: int
    read: Callable[[int, int | None], Generator[Frame, None, None]]
    damaged: Callable[[], bool]
    conclude: Callable[[], None]
    elsewhere: Elsewhere | None = None
    add: Callable[[Any], None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Shutter:
    """How a sensor is read out: all rows at once (global), or one after the other (rolling).

    Attributes
    ----------
    line_delay_s
        Time between the read-outs of neighbouring rows of the frame as stored, s; 0 is global.
    direction
        ``"down"`` if the top row is read first, ``"up"`` if the bottom row is.
    source
        Where that comes from: the ``"user"``, the ``"file"``, a ``"table"`` of cameras, the bands
        of a ``"lamp"``; ``"assumed"`` is the global shutter of a file that says nothing.
    """

    line_delay_s: float = 0.0
    direction: Direction = "down"
    source: ShutterSource = "assumed"

    @property
    def rolling(self) -> bool:
        """Whether rows are read at different times."""
        return self.line_delay_s > 0

    def delay_s(self, row: Float64, height: int) -> Float64:
        """Return when each `row` of `height` is read, after the first one that is, s."""
        after = row if self.direction == "down" else height - 1 - row
        return after * self.line_delay_s


GLOBAL = Shutter()
"""All rows at once, as is assumed of a file that says nothing."""


@dataclass(frozen=True, slots=True)
class RateCandidate:
    """A capture rate that something tells.

    Attributes
    ----------
    rate
        Frames a second.
    source
        ``"user"``: given; ``"file"``: where the camera writes the rate at which it recorded;
        ``"sidecar"``: in a file that it has written beside the video; ``"container"``: the rate at
        which the file plays, which may be another; ``"hint"``: what may mean something else.
    where
        In words, such as ``"FrameRate of the cine's setup"``.
    """

    rate: Fraction
    source: RateSource
    where: str


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What is known of a video before any frame is decoded.

    Attributes
    ----------
    name
        Path or description of the source.
    container, codec, pixel_format
        As the demuxer names them (``"mov,mp4,..."``, ``"h264"``, ``"yuv420p"``).
    width, height
        Of the frames as stored, in pixels; `rotation_deg` is not applied.
    bits
        Significant bits of a luma sample; its full scale is ``2**bits - 1``.
    frames
        Number of frames that the container declares, or None where it does not say.
    container_rate
        Frames a second of playback, or None where the source has no clock of its own.
    capture_rate
        Frames a second at which the camera recorded; sample n was taken at ``n / capture_rate``
        unless `variable_rate`.
    capture_rate_source
        Where `capture_rate` comes from: the ``"user"``; the ``"file"``, where its camera says how
        fast it recorded, or a ``"sidecar"`` where it does so beside the file; or the
        ``"container"``, which says how fast it plays.
    variable_rate
        Whether frames are spaced unevenly, so that only each frame's own time holds.
    rotation_deg
        Clockwise turn that a player applies for display (0, 90, 180 or 270).
    shutter
        How the sensor is read out.
    reordered
        Share of the frames that are stored after one that is shown later: those that are predicted
        from both sides.
    camera
        Maker and model of the camera, as the file says; empty where it does not.
    warnings
        Sentences that the user should read.
    length_s
        Of playback, as the container declares it, or None where it does not say.
    exposure_s
        For which each frame was exposed, as the file says, s; None where it does not.
    rates
        Every capture rate that was found, as it is written, the most trusted first: `capture_rate`
        is that of the first, or exactly that of the file's own clock where the two agree.
    meant_rate
        The rate of playback meant by most gaps between frames, where they are uneven; else None.
    timecode_s
        Of the first frame, as time since midnight, where the file has a timecode; else None.
    recorded
        When recording began, as the file says: ISO 8601 to the second; empty where it does not.
    shown
        How many frames of the file show each frame that the camera took, in the mean: 5/4 for film
        of 24 frames/s in a file of 30. `capture_rate` is that of the camera's.
    interlaced
        Whether each frame holds two fields, of every second row each, taken half a frame apart.
    """

    name: str
    container: str
    codec: str
    pixel_format: str
    width: int
    height: int
    bits: int
    frames: int | None
    container_rate: Fraction | None
    capture_rate: Fraction
    capture_rate_source: RateSource
    variable_rate: bool = False
    rotation_deg: int = 0
    shutter: Shutter = GLOBAL
    reordered: float = 0.0
    camera: str = ""
    warnings: tuple[str, ...] = ()
    length_s: float | None = None
    exposure_s: float | None = None
    rates: tuple[RateCandidate, ...] = ()
    meant_rate: Fraction | None = None
    timecode_s: Fraction | None = None
    recorded: str = ""
    shown: Fraction = Fraction(1)
    interlaced: bool = False

    @property
    def slower(self) -> Fraction:
        """How many times slower than life the file plays."""
        plays = self.container_rate
        if self.variable_rate and self.capture_rate != plays:
            plays = self.meant_rate or plays  # as the frames' times are stretched
        return Fraction(1) if plays is None else self.capture_rate * self.shown / plays

    @property
    def frames_about(self) -> int | None:
        """Number of frames, from their rate where only a length is declared; None without both."""
        if self.frames is not None or self.length_s is None or self.container_rate is None:
            return self.frames
        return round(self.length_s * self.container_rate)


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of the frame: left edge, top edge, width and height, in pixels."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0 or self.x < 0 or self.y < 0:
            raise UsageError(
                f"region {self} is empty or begins outside the frame; "
                "give x,y,width,height in pixels, such as 120,80,300,200."
            )

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"

    @classmethod
    def parse(cls, text: str) -> "Region":
        """Read ``"x,y,width,height"``; raise `UsageError` if it is not that."""
        try:
            x, y, width, height = (int(part) for part in text.split(","))
        except ValueError:
            raise UsageError(
                f"region {text!r} is not x,y,width,height in whole pixels, such as 120,80,300,200."
            ) from None
        return cls(x, y, width, height)
