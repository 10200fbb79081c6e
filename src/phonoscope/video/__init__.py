"""Open a video file, image folder, stack or array as frames of luma with exact capture times."""

from phonoscope.video.background import prefetch
from phonoscope.video.cameras import Camera, cameras
from phonoscope.video.contract import Video
from phonoscope.video.live import LiveSource, LiveVideo, open_live
from phonoscope.video.opening import open_video
from phonoscope.video.rate import low_rate_warning, parse_rate
from phonoscope.video.taking import Taken, Taking
from phonoscope.video.writing import VIDEO_SUFFIXES, check_video, writing_video

__all__ = [
    "VIDEO_SUFFIXES",
    "Camera",
    "LiveSource",
    "LiveVideo",
    "Taken",
    "Taking",
    "Video",
    "cameras",
    "check_video",
    "low_rate_warning",
    "open_live",
    "open_video",
    "parse_rate",
    "prefetch",
    "writing_video",
]
