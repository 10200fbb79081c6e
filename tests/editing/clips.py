"""Clips built packet by packet, and a sound with one click in it."""

import hashlib
from fractions import Fraction

import av
import numpy as np

from phonoscope.types import Sound

FPS = 240
CLICK = 100  # sample


def write_clip(
    path, *, rate=Fraction(30), frames=60, b_frames=2, audio=True, tags=None, codec="libx264",
    skew=lambda number: number, tick=None,
):  # fmt: skip
    """Write noise; `skew` gives the time of each frame in ticks."""
    random = np.random.default_rng(0)
    with av.open(str(path), "w") as file:
        file.metadata.update(tags or {})
        options = {"g": "12", "x264-params": f"bframes={b_frames}:b-adapt=0"}
        video = file.add_stream(codec, rate=rate, options=options if codec == "libx264" else {})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        tick = tick or 1 / Fraction(rate)
        video.codec_context.time_base = tick
        if audio:
            sound = file.add_stream("aac", rate=44100)
            sound.layout = "mono"
            for number in range(20):
                block = random.normal(0, 0.1, (1, 1024)).astype(np.float32)
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
                frame.sample_rate, frame.pts = 44100, 1024 * number
                file.mux(sound.encode(frame))
            file.mux(sound.encode(None))
        for number in range(frames):
            luma = random.integers(0, 255, (48, 64), np.uint8)
            frame = av.VideoFrame.from_ndarray(luma, format="gray").reformat(format="yuv420p")
            frame.pts, frame.time_base = skew(number), tick
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
    return path


def packets(path, kind="video", number=0):
    """Return the hash, the time shown and whether it is hidden of each packet of a stream."""
    with av.open(str(path)) as file:
        stream = [s for s in file.streams if s.type == kind][number]
        return [
            (hashlib.sha256(p).hexdigest(), p.pts * stream.time_base, p.is_discard)
            for p in file.demux(stream)
            if p.size
        ]


def heard(path, number=-1):
    """Return the samples of an audio track, its rate, and when it begins, s."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[number]
        blocks = list(file.decode(stream))
        samples = np.concatenate([b.to_ndarray().ravel() for b in blocks]) / 2.0**31
        return samples, stream.rate, blocks[0].pts * blocks[0].time_base


def click(place, *, rate=FPS, samples=480, **more):
    """Return a sound that is one sample."""
    wave = np.zeros(samples)
    wave[CLICK] = 1e-3
    return Sound(
        wave, Fraction(rate), (20.0, rate / 2), 0.0, 0.0, np.zeros(2), 0.0, None, np.zeros(0),
        place=place, **more,
    )  # fmt: skip
