"""What a look at a video tells before it is listened to."""

from dataclasses import dataclass

from phonoscope.types.arrays import Float64, Luma
from phonoscope.types.motion import Cells
from phonoscope.types.video import VideoFacts


@dataclass(frozen=True, slots=True)
class Flicker:
    """The flicker of a lamp on the mains.

    Attributes
    ----------
    lamp_hz
        Of its light, Hz: twice that of the mains.
    depth
        Amplitude relative to the mean light.
    """

    lamp_hz: float
    depth: float


@dataclass(frozen=True, slots=True, eq=False)
class Inspection:
    """What a sample of a video tells of what can be heard in it.

    Attributes
    ----------
    facts
        What the file says, and the user.
    size_bytes
        Of the file or files; None where the source is none.
    sampled
        Frames looked at, from the beginning of the range.
    samples
        Frames in the range, or None where nothing says how many.
    band_hz
        Lowest and highest frequency that can be heard.
    noise_px
        RMS noise of the picture's common motion within the band, px.
    detectable_px
        RMS motion, common to all cells and spread over the band, that would be detected, px.
    cells
        Place of each cell.
    cell_noise_px
        ``(cell,)`` RMS error of one frame along the direction that the cell hears best, px:
        infinite where there is no texture.
    saturated
        ``(cell,)`` share of its pixels that are at full scale.
    detail_px
        ``(cell,)`` width of the finest edges, px: large where the picture is out of focus; infinite
        where it is flat.
    picture
        ``(height, width)`` the first frame.
    flicker
        Of a lamp, or None where none was found.
    repeated
        Share of the frames sampled that are left out, as copies of the one before.
    alike
        Share of them that are the same as the one before, pixel for pixel, for whatever reason.
    predicted
        Whether the codec predicts frames from each other.
    smoothed
        Whether compression has taken much of the camera's noise, and small motion with it.
    lag_px
        How far the picture moves, more slowly than the band, in the few frames after which a codec
        follows: less is not heard; RMS px. 0 where frames are not predicted from each other.
    seconds
        That `recover` will take on this machine; None where nothing says how long the video is.
    memory_bytes
        That it will take at most.
    advice
        Sentences that say what to expect, and what to do.
    warnings
        Sentences that the user should read, as `recover` will give them.
    """

    facts: VideoFacts
    size_bytes: int | None
    sampled: int
    samples: int | None
    band_hz: tuple[float, float]
    noise_px: float
    detectable_px: float
    cells: Cells
    cell_noise_px: Float64
    saturated: Float64
    detail_px: Float64
    picture: Luma
    flicker: Flicker | None
    repeated: float
    alike: float
    predicted: bool
    smoothed: bool
    lag_px: float
    seconds: float | None
    memory_bytes: int
    advice: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
