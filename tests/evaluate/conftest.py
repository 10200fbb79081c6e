from pathlib import Path

import numpy as np
import pytest

from phonoscope.audio import read_audio

SPEECH = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "speech"


@pytest.fixture(scope="session")
def speech():
    """Real sentences at 16 kHz, of at most 6 s; skips where the recordings are absent."""
    if not SPEECH.is_dir():
        pytest.skip(f"no recordings at {SPEECH}")
    sounds = []
    for folder in sorted(p for p in SPEECH.iterdir() if p.is_dir() and p.name != "many"):
        samples, rate, _ = read_audio(sorted(folder.glob("*.flac"))[3])
        assert rate == 16000
        sounds.append(samples[: 6 * 16000])
    return sounds


@pytest.fixture(scope="session")
def babble():
    """Four seconds at 8 kHz that swell and fade as speech does, from a seed."""
    rng = np.random.default_rng(7)
    n = 32000
    frequency = np.fft.rfftfreq(n, 1 / 8000)
    colour = (frequency > 80) / (1 + (frequency / 500) ** 2)
    voice = np.fft.irfft(np.fft.rfft(rng.normal(size=n)) * colour, n)
    slow = np.fft.irfft(np.fft.rfft(rng.normal(size=n)) * (frequency < 6), n)
    return voice / voice.std() * np.exp(1.5 * slow / slow.std()) * 0.1
