"""What sound is drawn on films, who could read it best, and how near a reading comes."""

import wave
from pathlib import Path

import numpy as np

from phonoscope.evaluate import align, si_sdr
from phonoscope.scene import FilmScan, noise
from phonoscope.types import Float64

SOUND_HZ = 16000
BAND_HZ = (100.0, 5000.0)
_STEP = 1e-3


def spoken(seconds: float, seed: int) -> Float64:
    """Return noise with syllables, from -1 to 1."""
    sound = noise(seconds, SOUND_HZ, 150, 3000, seed)
    beat = np.sin(2 * np.pi * 1.7 * np.arange(len(sound)) / SOUND_HZ + seed) ** 2
    sound = sound * (0.15 + beat)
    return np.asarray(sound / np.abs(sound).max())


def limited(sound: Float64, rate_hz: float) -> Float64:
    """Return a sound within the band."""
    spectrum = np.fft.rfft(sound)
    frequency = np.fft.rfftfreq(len(sound), 1 / rate_hz)
    spectrum[(frequency < BAND_HZ[0]) | (frequency > BAND_HZ[1])] = 0
    return np.asarray(np.fft.irfft(spectrum, len(sound)))


def ideal_db(film: FilmScan) -> float:
    """Return the SNR, of the first channel, of who knows all but grain and noise.

    It is least squares about the truth: the place, light, weave and dust are known, and under dust
    not the sound but the error is drawn straight.
    """
    full = 2**film.bits - 1
    own = slice((film.height - film.pitch) // 2, (film.height - film.pitch) // 2 + film.pitch)
    errors, sounds = [], []
    for number in range(film.frames):
        other = [0.0] * (np.atleast_2d(film.sound).shape[0] - 1)
        slope = film.clean(number, [_STEP, *other]) - film.clean(number, [-_STEP, *other])
        slope = slope / (2 * _STEP)
        variance = film.spread(number) ** 2 + 1 / 12 / full**2
        weight = np.where(film.damaged(number) > -0.05, slope / variance, 0)
        told = (weight * slope).sum(axis=1)
        error = (weight * (film.scan(number) / full - film.clean(number))).sum(axis=1)
        good = told > 0.2 * np.median(told)
        at = np.arange(len(told))
        errors.append(np.interp(at, at[good], error[good] / told[good])[own])
        sounds.append(film.sound_at(film.lines(number))[0][own])
    power = limited(np.concatenate(sounds), film.line_rate_hz).var()
    return float(10 * np.log10(power / limited(np.concatenate(errors), film.line_rate_hz).var()))


def read_wav(path: Path) -> Float64:
    """Return ``(channel, sample)``."""
    with wave.open(str(path)) as file:
        raw = np.frombuffer(file.readframes(file.getnframes()), np.uint8).reshape(-1, 3)
        wide = np.zeros((len(raw), 4), np.uint8)
        wide[:, 1:] = raw
        return np.asarray(wide.view("<i4").reshape(-1, file.getnchannels()).T / 2**31)


def ours_db(film: FilmScan, sound: Float64) -> float:
    """Return the SNR of a sound that was read from a film's scans, of its first channel."""
    line = np.arange(sound.shape[1]) / 48000 * film.line_rate_hz
    truth = film.sound_at(line + (film.pitch - film.height) / 2)[0]
    inner = slice(2400, -2400)
    want, got = limited(truth, 48000)[inner], limited(sound[0], 48000)[inner]
    aligned, _, _ = align(want, got, 48000, max_lag_s=0.005)
    return si_sdr(want[500:-500], aligned[500:-500])
