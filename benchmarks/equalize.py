"""What equalisation gains over many random modal scenes: python benchmarks/equalize.py [scenes].

A scene is a few resonant modes, seen through whitened channels of known noise; no pixels are drawn.
Median (quartiles); gains over the unequalised, scene by scene: median, lower quartile.
"""

import sys
from pathlib import Path

import numpy as np

from phonoscope.audio import read_audio, resample
from phonoscope.evaluate import align, estoi, si_sdr, stoi
from phonoscope.scene import Motion
from phonoscope.scene.generate import tune
from phonoscope.sound import equalize as eq
from phonoscope.sound.array import multichannel_wiener
from phonoscope.sound.windows import signals_of, spectra, window_samples
from phonoscope.types import Float64

RATE = 4400.0
SPEECH = Path(__file__).parents[2] / "shared/data/speech"


def sound_of(seed: int, seconds: float = 4.0) -> Float64:
    files = sorted((SPEECH / "many").glob("*.flac"))
    if seed % 4 == 3 or not files:
        raw, rate = tune(seconds, 16000), 16000.0
    else:
        raw, rate, _ = read_audio(files[seed % len(files)])
    sound = resample(raw[: int(seconds * float(rate))], rate, RATE)
    # Below 80 Hz there is no speech, and no camera stands still.
    spectrum = np.fft.rfft(sound)
    spectrum[np.fft.rfftfreq(len(sound), 1 / RATE) < 80] = 0
    sound = np.fft.irfft(spectrum, len(sound))
    return sound / np.std(sound)


def field_of(sound: Float64, seed: int, snr_db: float, noise_seed: int) -> tuple[Float64, Float64]:
    rng = np.random.default_rng([seed, 77])
    modes = int(rng.integers(3, 9))
    motion = Motion(1.0, modes, highest_hz=1800, damping=rng.uniform(0.03, 0.2), seed=seed)
    courses = motion._driven(sound, motion.participation(1)[0], RATE)
    shapes = rng.standard_normal((40, modes))
    clean = courses.T @ shapes.T
    # The channels are the camera's, whatever the sound; the SNR is that of the best one.
    basis = np.linalg.svd(shapes, full_matrices=False)[0][:, :modes]
    clean = clean @ basis
    scale = 10 ** (snr_db / 20) / clean.std(axis=0).max()
    noise = np.random.default_rng([seed, noise_seed]).standard_normal(clean.shape)
    return scale * clean, noise


def recover(clean: Float64, noise: Float64) -> Float64:
    """Return the array's output."""
    observed = clean + noise
    window = window_samples(len(clean), RATE)
    white = np.ones(window // 2 + 1)
    turn = np.linalg.eigh(observed.T @ observed)[1][:, ::-1]  # the strongest is the reference
    return multichannel_wiener(observed @ turn, white, window).signal


def oracle(clean: Float64, noise: Float64, sound: Float64) -> Float64:
    """Return the best fixed linear filter of the channels that knows the true sound."""
    window = window_samples(len(clean), RATE)
    x, s = spectra(clean + noise, window), spectra(sound[:, None], window)[:, 0]
    covariance = np.einsum("fit,fjt->fij", x, x.conj())
    cross = np.einsum("fit,ft->fi", x, s.conj())
    weights = np.linalg.solve(covariance, cross[:, :, None])[:, :, 0]
    return signals_of(np.einsum("fi,fit->ft", weights.conj(), x), window, len(sound))


def methods(sound: Float64, seed: int, snr_db: float) -> dict[str, Float64]:
    clean, noise = field_of(sound, seed, snr_db, 1)
    known = np.random.default_rng([seed, 5]).standard_normal(int(10 * RATE))
    # The calibration is as loud as the sound or louder.
    played, hiss = field_of(known, seed, max(snr_db, 20), 2)
    transfer = eq.measure_transfer(played + hiss, known, RATE)
    return {
        "unequalised": recover(clean, noise),
        "measured": eq.equalize(clean + noise, np.full(2, 2 / RATE), RATE, transfer)[0],
        "oracle": oracle(clean, noise, sound),
    }


def main(scenes: int) -> None:
    print("| SNR | method | SI-SDR, dB | STOI | ESTOI | SI-SDR gain | ESTOI gain |")
    print("|---|---|---|---|---|---|---|")
    for snr_db in (0, 10, 20, 30):
        rows: dict[str, list[tuple[float, float, float]]] = {}
        for seed in range(scenes):
            sound = sound_of(seed)
            for name, output in methods(sound, seed, snr_db).items():
                aligned = align(sound, output, RATE)[0]
                score = (
                    si_sdr(sound, aligned),
                    stoi(sound, aligned, RATE),
                    estoi(sound, aligned, RATE),
                )
                rows.setdefault(name, []).append(score)
        base = np.array(rows["unequalised"])
        for name, scores in rows.items():
            low, mid, high = np.nanpercentile(np.array(scores), [25, 50, 75], axis=0)
            cells = [
                f"{m:.2f} ({a:.2f} to {b:.2f})" for a, m, b in zip(low, mid, high, strict=True)
            ]
            # Scene by scene: what is gained in SI-SDR, and in ESTOI.
            for row in (0, 2):
                gain = np.nanpercentile(np.array(scores)[:, row] - base[:, row], [25, 50])
                cells.append(f"{gain[1]:+.2f}, {gain[0]:+.3f}")
            print(f"| {snr_db} dB | {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
