"""The pitch of a voice by autocorrelation, and the smoothest path through its candidates."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phonoscope.errors import InputError, UsageError
from phonoscope.types import Float64, PitchTrack

FLOOR_HZ = 75.0
CEILING_HZ = 600.0
STEP_S = 0.01
_PERIODS = 3  # in a window
_CANDIDATES = 14  # voiced ones a frame
_FINE_HZ = 32_000  # the autocorrelation is interpolated to at least this rate
_BLOCK = 256  # frames at once, so that memory does not grow with length
# What decides between candidates, as Boersma (1993) chose it.
_SILENCE = 0.03  # of the sound's largest: lower peaks count as silent
_VOICING = 0.45  # strength from which a frame is rather voiced than not
_OCTAVE_COST = 0.01  # strength that a candidate loses for each octave below the highest pitch
_JUMP_COST = 0.35  # of a change of pitch by an octave within 10 ms
_CHANGE_COST = 0.14  # of voice setting in or out within 10 ms


def track_pitch(
    samples: ArrayLike,
    rate_hz: float,
    *,
    floor_hz: float = FLOOR_HZ,
    ceiling_hz: float = CEILING_HZ,
    step_s: float = STEP_S,
) -> PitchTrack:
    """Follow the pitch of a voice through a sound.

    The autocorrelation of each Hann window, divided by that of the window itself, has maxima at the
    periods that the sound may have; their height is the share of the power that is periodic. A
    path through these candidates and "not voiced" is found that is strong and jumps little. Since
    the harmonics carry the period, the fundamental itself may be missing from the band.

    Parameters
    ----------
    samples
        ``(sample,)`` sound in any unit.
    rate_hz
        Samples a second; more than twice `ceiling_hz`.
    floor_hz, ceiling_hz
        Range of the pitch. A window holds three periods of the lowest.
    step_s
        From frame to frame.

    Returns
    -------
    PitchTrack
        Without frames if the sound is shorter than a window.

    Raises
    ------
    UsageError
        If a rate, a range or a step cannot be right.
    InputError
        If the sound is not one row of finite samples.

    References
    ----------
    P. Boersma, "Accurate short-term analysis of the fundamental frequency and the
    harmonics-to-noise ratio of a sampled sound", Proc. Inst. Phonetic Sciences Amsterdam 17, 97-110
    (1993).
    """
    sound = _checked(samples, rate_hz, floor_hz, ceiling_hz, step_s)
    grid = _Grid.of(len(sound), rate_hz, floor_hz, ceiling_hz, step_s)
    if grid.frames == 0:
        return PitchTrack.empty()
    blocks = [
        _candidates(sound, grid, range(first, min(first + _BLOCK, grid.frames)))
        for first in range(0, grid.frames, _BLOCK)
    ]
    pitch, strength, loudness = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    chosen = _path(pitch, strength, loudness, step_s, ceiling_hz)
    every = np.arange(grid.frames)
    count = pitch.shape[1]
    voiced = chosen < count
    best = np.where(voiced, np.minimum(chosen, count - 1), strength.argmax(axis=1))
    return PitchTrack(
        grid.time_s,
        np.where(voiced, pitch[every, best], np.nan),
        np.clip(strength[every, best], 0, 1),
    )


def _checked(
    samples: ArrayLike, rate_hz: float, floor_hz: float, ceiling_hz: float, step_s: float
) -> Float64:
    if not 0 < floor_hz < ceiling_hz:
        raise UsageError(
            f"the pitch cannot range from {floor_hz:g} to {ceiling_hz:g} Hz; "
            "give a lowest above 0 Hz and a higher highest."
        )
    if not (math.isfinite(rate_hz) and rate_hz > 2 * ceiling_hz):
        raise UsageError(
            f"a sound of {rate_hz:g} samples a second cannot hold a pitch of {ceiling_hz:g} Hz; "
            f"lower the highest pitch to under {rate_hz / 2:g} Hz."
        )
    if not (math.isfinite(step_s) and step_s > 0):
        raise UsageError(f"the step from frame to frame is {step_s!r} s; give a positive time.")
    return one_row(samples)


def one_row(samples: ArrayLike) -> Float64:
    """Return a sound as an array; raise `InputError` if it is not one row of finite samples."""
    sound = np.asarray(samples, dtype=np.float64)
    if sound.ndim != 1 or not np.isfinite(sound).all():
        raise InputError(
            f"a sound must be one row of finite samples, not an array of shape {sound.shape} with "
            f"{np.count_nonzero(~np.isfinite(sound))} that are not finite."
        )
    return sound


# --- frames -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """Where the frames lie, and what each is compared with."""

    frames: int
    rate_hz: float
    ceiling_hz: float
    first: NDArray[np.int64]  # sample at which each frame's window begins
    time_s: Float64
    window: Float64
    period: int  # samples in the longest
    size: int  # of the Fourier transform
    finer: int  # steps of lag to a sample
    lags: slice  # the steps of lag to look at, one more at either end
    own: Float64  # the window's autocorrelation at those

    @staticmethod
    def of(
        samples: int, rate_hz: float, floor_hz: float, ceiling_hz: float, step_s: float
    ) -> "_Grid":
        length = round(_PERIODS * rate_hz / floor_hz)
        frames = max(math.floor((samples - length) / (step_s * rate_hz)) + 1, 0)
        # Frames lie in the middle of the sound, as much left over before as behind.
        middle = samples / 2 + (np.arange(frames) - (frames - 1) / 2) * step_s * rate_hz
        first = np.clip(np.floor(middle - length / 2), 0, max(samples - length, 0)).astype(int)
        window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(length) + 0.5) / length)
        size = 1 << math.ceil(math.log2(1.5 * length + 2))
        finer = max(2, math.ceil(_FINE_HZ / rate_hz))
        lags = slice(
            math.floor(finer * rate_hz / ceiling_hz) - 1,
            math.ceil(finer * rate_hz / floor_hz) + 2,
        )
        own = _autocorrelation(window[None, :], size, finer)
        return _Grid(
            frames, rate_hz, ceiling_hz, first, np.asarray(middle / rate_hz, np.float64), window,
            math.ceil(rate_hz / floor_hz), size, finer, lags, own[0, lags] / own[0, 0],
        )  # fmt: skip


def _autocorrelation(frames: Float64, size: int, finer: int) -> Float64:
    # Zeros above the spectrum interpolate exactly between the lags.
    power = np.abs(np.fft.rfft(frames, size)) ** 2
    return np.asarray(np.fft.irfft(power, size * finer))


def _candidates(sound: Float64, grid: _Grid, numbers: range) -> tuple[Float64, Float64, Float64]:
    """Return ``(frame, candidate)`` pitches and strengths, and ``(frame,)`` loudness.

    A candidate that does not exist has strength -1. The loudness is the largest windowed sample
    near the middle of the frame over the largest of the whole sound.
    """
    length = len(grid.window)
    frames = sound[grid.first[numbers, None] + np.arange(length)]
    frames = (frames - frames.mean(axis=1, keepdims=True)) * grid.window
    near = slice((length - grid.period) // 2, (length + grid.period) // 2 + 1)
    peak = np.abs(sound - sound.mean()).max()
    loudness = np.abs(frames[:, near]).max(axis=1) / (peak or 1.0)
    raw = _autocorrelation(frames, grid.size, grid.finer)
    power = raw[:, :1]
    height = raw[:, grid.lags] / np.where(power > 0, power, 1) / grid.own
    left, here, right = height[:, :-2], height[:, 1:-1], height[:, 2:]
    summit = (here > left) & (here >= right) & (here > 0.5 * _VOICING)
    bend = 2 * here - left - right
    shift = np.divide(0.5 * (right - left), bend, out=np.zeros_like(here), where=summit)
    lag = np.arange(grid.lags.start + 1, grid.lags.stop - 1) + shift
    rate = grid.finer * grid.rate_hz
    strength = here + 0.25 * (right - left) * shift
    strength = np.where(strength > 1, 1 / np.maximum(strength, 1), strength)
    worth = np.where(summit, strength - _OCTAVE_COST * np.log2(grid.ceiling_hz * lag / rate), -1)
    kept = min(_CANDIDATES, worth.shape[1])
    best = np.argpartition(worth, -kept, axis=1)[:, -kept:]
    found = np.take_along_axis(summit, best, axis=1)
    pitch = np.where(found, rate / np.take_along_axis(lag, best, axis=1), 1)
    return pitch, np.where(found, np.take_along_axis(strength, best, axis=1), -1), loudness


# --- path ---------------------------------------------------------------------------------------


def _path(
    pitch: Float64, strength: Float64, loudness: Float64, step_s: float, ceiling_hz: float
) -> NDArray[np.int64]:
    """Return the ``(frame,)`` candidate on the best path; the number of candidates for none."""
    frames, voiced = pitch.shape
    faintness = loudness * (1 + _VOICING) / _SILENCE
    unvoiced = _VOICING + np.maximum(0, 2 - faintness)
    gain = np.where(strength >= 0, strength + _OCTAVE_COST * np.log2(pitch / ceiling_hz), -np.inf)
    value = np.column_stack([gain, unvoiced])
    octaves = np.log2(pitch)
    scale = 0.01 / step_s  # the costs are for steps of 10 ms
    change = scale * _CHANGE_COST
    before = np.empty((frames, voiced + 1), dtype=np.int64)
    total = value[0]
    cost = np.full((voiced + 1, voiced + 1), change)
    cost[voiced, voiced] = 0
    for frame in range(1, frames):
        jump = np.abs(octaves[frame - 1][:, None] - octaves[frame])
        cost[:voiced, :voiced] = scale * _JUMP_COST * jump
        through = total[:, None] - cost
        before[frame] = through.argmax(axis=0)
        total = value[frame] + through.max(axis=0)
    path = np.empty(frames, dtype=np.int64)
    path[-1] = total.argmax()
    for frame in range(frames - 1, 0, -1):
        path[frame - 1] = before[frame, path[frame]]
    return path
