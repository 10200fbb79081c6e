"""From a camera to its sound, while it happens: what `recover` hears, and nothing lost unseen."""

import itertools
import json
import threading
import time
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from fractions import Fraction

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.errors import InputError, UsageError
from phonoscope.files import strict_json
from phonoscope.types import Frame

FPS = 120
SECONDS = 12
BAND = (15.0, 55.0)


def sound(samples=SECONDS * FPS, seed=0):
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(samples))
    frequency = np.fft.rfftfreq(samples, 1 / FPS)
    spectrum[(frequency < 18) | (frequency > 50)] = 0
    wave = np.fft.irfft(spectrum, samples)
    return 0.03 * wave / wave.std()


def film(shift, width=96, height=64, *, seed=0, texture=0):
    """Return frames of a texture that is displaced by `shift` px along x."""
    rng = np.random.default_rng(texture)
    wave = rng.uniform(-1.2, 1.2, (80, 2))
    coefficient = rng.standard_normal(80) + 1j * rng.standard_normal(80)
    y, x = np.mgrid[:height, :width]
    phase = np.exp(1j * (x.ravel()[:, None] * wave[:, 0] + y.ravel()[:, None] * wave[:, 1]))
    moved = coefficient[:, None] * np.exp(-1j * wave[:, :1] * shift)
    picture = (phase @ moved).real.T.reshape(len(shift), height, width)
    noisy = 120 + 3 * picture + np.random.default_rng(seed).standard_normal(picture.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


class AtOnce(Executor):
    """Does what it is given before it returns: so nothing depends on the machine's speed."""

    def __init__(self, *_):
        super().__init__()

    def submit(self, work, /, *arguments):
        future = Future()
        future.set_result(work(*arguments))
        return future


@pytest.fixture(scope="module", autouse=True)
def learning_at_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("phonoscope.pipeline.living.ThreadPoolExecutor", AtOnce)
        yield


@pytest.fixture(scope="module")
def clip():
    return film(sound())


class VirtualCamera:
    """Gives frames as fast as they are measured."""

    full = staticmethod(lambda: False)  # whether one more would find no room

    def __init__(self, frames, indices=None):
        self._frames = frames
        self._indices = range(len(frames)) if indices is None else indices

    def __iter__(self):
        for index in self._indices:
            while self.full():
                time.sleep(0.001)
            yield Frame(
                int(index), Fraction(int(index), FPS), self._frames[index % len(self._frames)]
            )


@contextmanager
def listening_to(camera, **given):
    with ph.live(camera, fps=FPS, **{"band": BAND, **given}) as listening:
        taking = listening._taking
        camera.full = lambda: len(taking._waiting) >= taking.room and not taking._stop
        yield listening


def listen(camera, **given):
    """Return all samples, the mask, the blocks, and the record of a virtual camera."""
    with listening_to(camera, **given) as listening:
        blocks = list(listening)
    samples = np.concatenate([block.samples for block in blocks])
    mask = np.concatenate([block.measured for block in blocks])
    starts = np.cumsum([0, *(len(block.samples) for block in blocks)])[:-1]
    assert np.allclose([block.time_s for block in blocks], starts / FPS)
    json.loads(strict_json(listening.record))
    return samples, mask, blocks, listening.record


def si_sdr(truth, estimate):
    projected = truth * (estimate @ truth) / (truth @ truth)
    return 10 * np.log10(np.sum(projected**2) / np.sum((estimate - projected) ** 2))


@pytest.fixture(scope="module")
def heard(clip):
    return listen(VirtualCamera(clip))


def audible(record):
    """Return the samples that are heard, but for the ends, where the filter has half of its own."""
    ((begin, end),) = record["audible_s"]
    return slice(round(begin * FPS) + 14, round(end * FPS) - 20)


def test_sound_is_what_recover_hears(clip, heard):
    samples, mask, _, record = heard
    whole = ph.recover(clip, fps=FPS, band=BAND)
    kept = audible(record)
    assert kept.stop - kept.start > 3 * FPS
    assert len(samples) == len(clip)
    assert mask.all()
    truth = sound()
    assert si_sdr(whole.samples[kept], samples[kept]) > 20
    # The whole clip is learned from six times as much as the first seconds are.
    assert si_sdr(truth[kept], samples[kept]) > si_sdr(truth[kept], whole.samples[kept]) - 4
    assert samples[kept].std() == pytest.approx(truth[kept].std(), rel=0.05)


def test_the_record_tells_what_happened(clip, heard):
    _, _, blocks, record = heard
    assert record["dropped"] == {"by_source": 0, "here": 0}
    assert record["interpolated_samples"] == []
    assert record["frames"] == len(clip)
    assert record["duration_s"] == SECONDS
    assert record["detected"]
    assert record["delay_s"] == pytest.approx(16 / FPS)
    assert record["latency_s"]["max"] >= record["latency_s"]["median"] > 0
    assert record["motion_rms_px"] == pytest.approx(0.03, rel=0.1)
    assert blocks[0].verdict is None
    assert blocks[-1].verdict.detected


def test_skipped_frames_are_counted_filled_and_marked(clip, heard):
    skipped = [700, 701, 702, 900, 1200]
    camera = VirtualCamera(clip, [n for n in range(len(clip)) if n not in skipped])
    samples, mask, blocks, record = listen(camera)
    assert record["dropped"] == {"by_source": len(skipped), "here": 0}
    assert record["interpolated_samples"] == [[700, 702], [900, 900], [1200, 1200]]
    assert np.flatnonzero(~mask).tolist() == skipped
    assert blocks[-1].dropped == len(skipped)
    assert len(samples) == len(clip)
    assert any("5 frames never came" in warning for warning in record["warnings"])
    kept = audible(record)
    usual, near = heard[0], np.zeros(len(samples), np.bool_)
    for n in skipped:
        near[n - 20 : n + 21] = True
    away = np.flatnonzero(~near[kept]) + kept.start
    assert si_sdr(usual[away], samples[away]) > 15


def test_silence_is_told_and_nothing_made_of_it():
    samples, _, blocks, record = listen(VirtualCamera(film(np.zeros(6 * FPS), seed=1)))
    assert not samples.any()
    assert blocks[-1].verdict is not None
    assert not record["detected"]
    assert record["audible_s"] == []


def test_a_camera_that_is_unplugged_ends_it_with_what_was_heard(clip):
    class Unplugged(VirtualCamera):
        def __iter__(self):
            for frame in super().__iter__():
                if frame.index == 8 * FPS:
                    raise InputError("camera 0 has broken off (no such device).")
                yield frame

    samples, _, _, record = listen(Unplugged(clip))
    assert len(samples) == 8 * FPS
    assert record["detected"]
    assert record["warnings"][-1] == "camera 0 has broken off (no such device)."


def test_a_picture_that_changes_for_good_is_learned_anew():
    half = 8 * FPS
    both = np.concatenate([film(sound(half)), film(sound(half, seed=1), texture=7, seed=2)])
    samples, mask, _, record = listen(VirtualCamera(both))
    assert len(samples) == len(both)
    first, second = record["learned_at_s"]
    assert first == 0
    assert 8 + 2 <= second < 8 + 2.5
    assert any("changed for good" in warning for warning in record["warnings"])
    assert not mask[half : round(second * FPS)].any()
    assert record["audible_s"][-1][1] == pytest.approx(len(both) / FPS)
    late = slice(round(record["audible_s"][-1][0] * FPS) + 12, len(both) - 20)
    assert si_sdr(sound(half, seed=1)[late.start - half : late.stop - half], samples[late]) > 15


def test_it_ends_after_the_duration_that_was_asked_for(clip):
    samples, _, _, record = listen(VirtualCamera(clip), duration=3.5)
    assert len(samples) == record["frames"] == 3.5 * FPS


def test_stopping_hands_out_the_rest_and_ends_it(clip):
    count = 0
    with listening_to(VirtualCamera(clip, itertools.count())) as listening:
        for block in listening:
            count += len(block.samples)
            if block.time_s > 4:
                listening.stop()
    assert count == listening.record["frames"]


def test_leaving_early_leaves_no_thread(clip):
    camera = VirtualCamera(clip)
    with listening_to(camera) as listening:
        next(iter(listening))
    names = {thread.name for thread in threading.enumerate()}
    assert not any(name.startswith(("phonoscope-camera", "phonoscope-attend")) for name in names)


def test_frames_that_come_too_fast_are_dropped_counted_and_filled(clip):
    resting, go, sent = 4 * FPS + 8, threading.Event(), threading.Event()

    def flood():
        for n in range(9 * FPS):
            if n == resting:
                go.wait(60)
            yield Frame(n, Fraction(n, FPS), clip[n])
        sent.set()  # the others came all at once, while nobody took any
        yield Frame(9 * FPS, Fraction(9 * FPS, FPS), clip[9 * FPS])

    samples = 0
    with ph.live(flood(), fps=FPS, band=BAND) as listening:
        for block in listening:
            samples += len(block.samples)
            if not go.is_set() and samples > resting - 23:  # all but a few, and half a filter
                go.set()
                assert sent.wait(60)
    record = listening.record
    filled = sum(last - first + 1 for first, last in record["interpolated_samples"])
    assert record["dropped"]["by_source"] == 0
    assert record["dropped"]["here"] > 2 * FPS
    # Whether the very last one found room is for the threads to say; it leaves no gap if not.
    assert record["dropped"]["here"] - filled == 9 * FPS + 1 - samples
    assert record["frames"] + filled == samples


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"shutter": "rolling"}, UsageError, "cannot be listened to live; record the video"),
        ({"band": (10, 90)}, UsageError, "reaches above 60 Hz"),
        ({"region": "0,0,500,20"}, UsageError, "reaches outside the frame"),
        ({"duration": -1}, UsageError, "duration"),
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_measured(clip, given, error, says):
    with pytest.raises(error, match=says), ph.live(clip, fps=FPS, **given):
        pass


def test_a_picture_without_texture_is_refused():
    flat = np.full((300, 64, 96), 90, np.uint8)
    with pytest.raises(InputError, match="no texture"), ph.live(iter(flat), fps=FPS) as listening:
        for _ in listening:
            pass
