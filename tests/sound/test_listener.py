"""What was learned lately hears what comes: as the whole clip at once would, a stated time late."""

from concurrent.futures import Executor, Future
from dataclasses import replace

import numpy as np
import pytest

from phonoscope.sound import Listener, listen
from phonoscope.sound.ear import half_taps
from phonoscope.types import MotionBlock

RATE = 2200
BAND = (100.0, 800.0)
SAMPLES = 5 * RATE
LEARNED = 2 * RATE + 600  # samples after which it hears: two seconds, and fading in


class AtOnce(Executor):
    """Does what it is given before it returns."""

    def submit(self, work, /, *arguments):
        future = Future()
        future.set_result(work(*arguments))
        return future


class Never(Executor):
    """Is never done."""

    def submit(self, work, /, *arguments):
        return Future()


def cut(field, size=100):
    (whole,) = field.blocks
    for n in range(0, field.samples, size):
        part = slice(n, n + size)
        yield replace(
            whole, time_s=whole.time_s[part], motion=whole.motion[part], gain=whole.gain[part]
        )


def heard_in(field, band=BAND, measured=None):
    """Return listener, samples and mask of a field that comes block by block."""
    listener = Listener(replace(field, samples=0, blocks=()), band, AtOnce())
    measured = np.ones(field.samples, np.bool_) if measured is None else measured
    parts, at = [], 0
    for block in cut(field):
        parts.append(listener.hear(block, measured[at : at + len(block.time_s)]))
        at += len(block.time_s)
        assert sum(len(samples) for samples, _ in parts) == max(at - listener.half, 0)
    parts.append(listener.finish())
    samples, mask = (np.concatenate(kind) for kind in zip(*parts, strict=True))
    return listener, samples, mask


def noise_of_sound(rms, seed=0):
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(SAMPLES))
    frequency = np.fft.rfftfreq(SAMPLES, 1 / RATE)
    spectrum[(frequency < 150) | (frequency > 700)] = 0
    sound = np.fft.irfft(spectrum, SAMPLES)
    return rms * sound / sound.std()


def rigid(sound, direction=(0.8, 0.6)):
    return np.broadcast_to(sound[:, None, None] * np.asarray(direction), (len(sound), 60, 2))


def si_sdr(truth, estimate):
    projected = truth * (estimate @ truth) / (truth @ truth)
    return 10 * np.log10(np.sum(projected**2) / np.sum((estimate - projected) ** 2))


@pytest.fixture(scope="module")
def moving(drawn_field):
    return noise_of_sound(0.01), drawn_field(rigid(noise_of_sound(0.01)), seed=1)


def test_sound_is_that_of_the_whole_clip(moving):
    sound, field = moving
    _, samples, mask = heard_in(field)
    whole = listen(field, band=BAND).samples
    kept = slice(LEARNED, -100)
    assert len(samples) == field.samples
    assert mask.all()
    # Within half a dB of what the whole clip says, and the same sound but for that noise.
    assert si_sdr(sound[kept], samples[kept]) > si_sdr(sound[kept], whole[kept]) - 0.5
    assert si_sdr(whole[kept], samples[kept]) > 20
    assert samples[kept].std() == pytest.approx(whole[kept].std(), rel=0.03)


def test_it_is_silent_until_it_has_learned(moving):
    _, field = moving
    listener, samples, _ = heard_in(field)
    assert not samples[: 2 * RATE - listener.half - 100].any()
    assert samples[LEARNED:].any()


def test_silence_is_silence(drawn_field):
    listener, samples, _ = heard_in(drawn_field(np.zeros((SAMPLES, 60, 2)), seed=2))
    assert listener.sound is not None
    assert not listener.sound.verdict.detected
    assert not samples.any()


def test_sway_a_thousand_times_larger_stays_out(drawn_field):
    sound, time = noise_of_sound(0.01), np.arange(SAMPLES) / RATE
    sway = 10 * np.sin(2 * np.pi * 3 * time) + 5 * time
    kept = slice(LEARNED, -300)
    still, swayed = (
        heard_in(drawn_field(rigid(moved), seed=3))[1][kept] for moved in (sound, sound + sway)
    )
    assert si_sdr(sound[kept], swayed) > si_sdr(sound[kept], still) - 0.5


def test_the_sign_does_not_turn_from_one_learning_to_the_next(drawn_field):
    # Half of the cells move against the others, so that nothing says which way is positive.
    sign = np.where(np.arange(60) % 2, 1.0, -1.0)
    sound = noise_of_sound(0.02, seed=4)
    field = drawn_field(sound[:, None, None] * sign[:, None] * np.array([1.0, 0.0]), seed=5)
    _, samples, _ = heard_in(field)
    parts = np.array_split(np.arange(LEARNED, SAMPLES - 100), 8)
    assert len({np.sign(samples[part] @ sound[part]) for part in parts}) == 1


def test_the_sign_is_kept_even_against_the_rule(moving, monkeypatch):
    _, field = moving
    from phonoscope.sound import listener as room

    flips, inner = iter([1, -1] * 50), room.listen_to_array

    def turned(*given):
        learned = inner(*given)
        return replace(learned, response=learned.response * next(flips))

    usual = heard_in(field)[1]
    monkeypatch.setattr(room, "listen_to_array", turned)
    assert np.allclose(heard_in(field)[1], usual, atol=1e-9)


def test_what_was_filled_in_is_marked_where_it_is_heard(moving):
    _, field = moving
    measured = np.ones(field.samples, np.bool_)
    measured[3000:3010] = measured[7777] = False
    _, _, mask = heard_in(field, measured=measured)
    assert np.array_equal(mask, measured)


def test_an_instant_is_heard_when_it_was(moving):
    _, field = moving
    (whole,) = field.blocks
    motion = whole.motion.copy()
    motion[9000] += 3.0
    _, samples, _ = heard_in(replace(field, blocks=[replace(whole, motion=motion)]))
    assert abs(int(np.argmax(np.abs(samples))) - 9000) <= 1


def test_starting_over_forgets_and_loses_no_sample(moving):
    _, field = moving
    listener = Listener(replace(field, samples=0, blocks=()), BAND, Never())
    samples = 0
    for _ in range(2):
        for block in cut(field):
            samples += len(listener.hear(block, np.ones(len(block.time_s), np.bool_))[0])
        samples += len(listener.finish()[0])
        listener.start_over()
    assert samples == 2 * field.samples


def test_memory_does_not_grow(moving):
    _, field = moving
    listener = Listener(replace(field, samples=0, blocks=()), BAND, Never())
    for _ in range(5):
        for block in cut(field):
            listener.hear(block, np.ones(len(block.time_s), np.bool_))
    assert 10 * RATE <= listener._held <= 10 * RATE + 200
    assert listener._held == sum(len(block.time_s) for block in listener._ring)


def test_a_picture_that_stands_still_noise_and_all_is_no_error(drawn_field):
    field = drawn_field(np.zeros((SAMPLES, 60, 2)), seed=6)
    (whole,) = field.blocks
    still = MotionBlock(
        whole.time_s, 0 * whole.motion, 0 * whole.gain + 1, whole.information
    )  # fmt: skip
    listener, samples, _ = heard_in(replace(field, blocks=[still]))
    assert listener.sound is None
    assert not samples.any()


@pytest.mark.parametrize(
    ("rate", "band", "window", "half"),
    [
        (120, (6, 60), 8, 30),
        (120, (20, 60), 8, 16),
        (2200, (20, 1100), 128, 256),
        (120, (0, 60), 8, 16),
    ],
)
def test_the_lowest_frequency_makes_it_late(rate, band, window, half):
    assert half_taps(rate, band, window) == half
