"""Sounds that a voice's pitch is known of, and real speech where it is there."""

from pathlib import Path

import numpy as np
import pytest

from phonoscope.audio import read_audio, resample

SPEECH = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "speech"


def _voice(pitch_hz, rate, *, seed, harmonics=20, snr_db=None):
    random = np.random.default_rng(seed)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / rate
    number = np.arange(1, harmonics + 1)[:, None]
    heard = number * pitch_hz < 0.48 * rate
    waves = heard * np.cos(number * phase + random.uniform(0, 6, number.shape)) / number**0.5
    sound = waves.sum(axis=0)
    if snr_db is not None:
        noise = random.standard_normal(len(sound))
        sound = sound + sound.std() * 10 ** (-snr_db / 20) * noise
    return sound


@pytest.fixture(scope="session")
def voice():
    """Sum harmonics of ``(sample,)`` pitches, in white noise of a given SNR."""
    return _voice


@pytest.fixture(scope="session")
def spoken():
    """Read a sentence of the shared recordings at a rate; skip where they are absent."""

    def read(name, rate, duration_s=5.0):
        path = SPEECH / name
        if not path.exists():
            pytest.skip("the shared recordings of speech are not here")
        samples, recorded_hz, _ = read_audio(path)
        sound = resample(samples, recorded_hz, rate)[round(0.3 * rate) :]
        return sound[: round(duration_s * rate)] / sound.std()

    return read
