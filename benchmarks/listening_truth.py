"""What `listening.py` compares with: scenes, voices, the truth of a reference, and the oracle."""

import csv
import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import phonoscope as ph
from phonoscope.evaluate import evaluate, si_sdr
from phonoscope.scene import Camera, Motion, Scene, Texture, write_video
from phonoscope.scene import noise as noise_sound
from phonoscope.sound import listen
from phonoscope.sound.array import multichannel_wiener
from phonoscope.sound.attend import attend
from phonoscope.sound.filter import band_pass
from phonoscope.sound.listen import in_full
from phonoscope.sound.verdict import FALSE_ALARM
from phonoscope.sound.whiten import Channels, rewhiten
from phonoscope.sound.windows import signals_of, spectra
from phonoscope.types import Float64, MotionField, Verdict

SPEECH = Path(__file__).parents[2] / "shared" / "data" / "speech"
RATE_HZ = 16000
FPS = 2200
TEXTURES = ("speckle", "foil", "fabric", "leaves", "print")
# Name, codec of `write_video` (none: frames as they are) and CRF.
STORED = (
    ("lossless", "", 0),
    ("mjpeg", "mjpeg", 0),
    ("h264 10", "h264", 10),
    ("forward 10", "h264-forward", 10),  # no frames in between, as cameras write it
    ("h264 18", "h264", 18),
    ("h264 23", "h264", 23),
)
_VOICE_FROM_S = 0.5  # readings begin with silence


# --- scenes -------------------------------------------------------------------------------------


def voice(number: int, duration_s: float) -> Float64:
    """Return the beginning of a reading, RMS 1: women (even numbers) and men by turns."""
    with (SPEECH / "speakers.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["file"].startswith("many/")]
    by_turns = zip(*([r["file"] for r in rows if r["sex"] == sex] for sex in "FM"), strict=False)
    names = list(itertools.chain(*by_turns))
    samples, rate, _ = ph.read_audio(SPEECH / names[number % len(names)])
    spoken = ph.resample(samples, rate, RATE_HZ)[round(_VOICE_FROM_S * RATE_HZ) :]
    spoken = spoken[: round(duration_s * RATE_HZ)]
    return np.asarray(spoken / spoken.std())


def modal_scene(texture: str, modes: int, rms: float, sound: str, seed: int) -> Scene:
    """Return 3 s of a surface that speech or noise shakes, 2,200 frames a second, 8 bit."""
    samples = 3 * FPS
    length = samples / FPS + 1
    if sound == "speech":
        played = voice(seed + modes, length)
    else:
        played = noise_sound(length, RATE_HZ, 60, 1000, seed)
    return Scene(
        Camera(256, 192, Fraction(FPS), 0.0, read_noise=2.0, shot_gain=0.05),
        Texture(texture, seed=seed),
        Motion(rms, modes=modes, seed=seed),
        played,
        RATE_HZ,
        samples,
        seed=seed,
    )


def filmed(scene: Scene) -> NDArray[np.uint8]:
    """Return all ``(frame, height, width)`` frames of an 8-bit scene at once."""
    frames = np.empty((scene.samples, scene.camera.height, scene.camera.width), np.uint8)
    for number, luma in enumerate(scene.frames()):
        frames[number] = luma
    return frames


@contextmanager
def stored(
    frames: NDArray[np.uint8], scene: Scene, codec: str, crf: int
) -> Iterator[tuple[NDArray[np.uint8] | Path, int]]:
    """Yield frames as a codec has stored them, for `ph.measure`, and the file's bytes."""
    if not codec:
        yield frames, frames.nbytes
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mkv"
        write_video(iter(frames), path, scene.camera.fps, codec=codec, crf=crf)
        yield path, path.stat().st_size


def verdict_of(sound: ph.Sound) -> Verdict:
    """Return the verdict, which only the published method lacks."""
    if sound.verdict is None:
        raise ValueError("this sound was recovered by a method without a verdict.")
    return sound.verdict


# --- truth and oracle ---------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Heard:
    """What was heard of a scene, beside the truth of the same reference channel.

    Attributes
    ----------
    sound
        As `phonoscope.recover` returns it.
    ours, truth
        ``(sample,)`` signal heard, and what moved the reference channel; in its units.
    courses
        ``(sample, mode)`` how the modes moved, px.
    oracle, within
        ``(sample,)`` the oracle's signal from all channels, and from those that ours kept.
    kept
        Number of virtual channels that ours kept.
    """

    sound: ph.Sound
    ours: Float64
    truth: Float64
    courses: Float64
    oracle: Float64
    within: Float64
    kept: int

    @property
    def true_snr_db(self) -> float:
        """What `Sound.snr_db` claims: power of the sound over that of the error."""
        error = self.ours - self.truth
        return float(10 * np.log10((self.truth @ self.truth) / (error @ error)))

    @property
    def refitted_snr_db(self) -> float:
        """As SI-SDR, whatever the weights of the modes: a codec may have changed their shapes."""
        fit = self.courses @ np.linalg.lstsq(self.courses, self.ours, rcond=None)[0]
        error = self.ours - fit
        return float(10 * np.log10((fit @ fit) / (error @ error)))

    def si_sdr_db(self) -> tuple[float, float, float]:
        """Return those of ours, of the oracle and of the oracle within the channels kept."""
        ours, oracle, within = (
            si_sdr(self.truth, signal) for signal in (self.ours, self.oracle, self.within)
        )
        return ours, oracle, within

    def scores(self, scene: Scene) -> tuple[float, float, float, float, float]:
        """Return coherence; SI-SDR of ours, oracle; ESTOI of ours, oracle: with what was played."""
        ours, oracle = (
            evaluate(
                scene.truth.sound, RATE_HZ, signal, float(self.sound.rate_hz),
                band_hz=self.sound.band_hz,
            )
            for signal in (self.ours, self.oracle)
        )  # fmt: skip
        return (
            ours.in_band["coherence"],
            ours.in_band["si_sdr_db"], oracle.in_band["si_sdr_db"],
            ours.estimate["estoi"], oracle.estimate["estoi"],
        )  # fmt: skip


def hear(scene: Scene, field: MotionField) -> Heard:
    """Listen as `phonoscope.sound.listen` does, keeping what it does not tell: its reference."""
    sound = listen(field)
    rate, band = float(field.rate_hz), sound.band_hz
    attention = attend(field, band, FALSE_ALARM)
    claimed = rewhiten(attention.channels, 1 / attention.factors)
    kept, window = attention.kept, attention.window

    def in_band(signals: Float64) -> Float64:
        return band_pass(signals, rate, band)

    seen = attention.virtual()
    ours = seen[:, 0]
    if attention.verdict.detected:
        heard = multichannel_wiener(seen, attention.evidence.noise, window)
        ours = in_full(attention, heard, kept).signal
    agreement = (ours @ sound.samples) ** 2 / (ours @ ours) / (sound.samples @ sound.samples)
    if not agreement > 1 - 1e-9:
        raise RuntimeError("listen() no longer does what this benchmark repeats of it.")
    courses = in_band(scene.course(np.arange(field.samples) / rate).T)
    # Whitened channels see the modes' courses through these. The simulator's noise is as claimed.
    shapes = _without_lamps(claimed, cell_shapes(scene, field))
    loadings = np.einsum("cij,cjm->cim", claimed.root, shapes)
    loadings = loadings.reshape(-1, courses.shape[1])
    weights = kept / np.sqrt(attention.factors).reshape(-1, 1)
    reference = weights[:, 0]
    within = np.linalg.qr(weights)[0]
    return Heard(
        sound=sound,
        ours=ours,
        truth=courses @ (loadings.T @ reference),
        courses=courses,
        # All that the channels hold of the courses is in their projection on the loadings.
        oracle=oracle(in_band(claimed.mix(loadings)), loadings, reference, courses, window),
        within=oracle(
            in_band(claimed.mix(within)) @ (within.T @ loadings),
            within.T @ loadings,
            within.T @ reference,
            courses,
            window,
        ),
        kept=kept.shape[1],
    )


def oracle(
    projected: Float64, loadings: Float64, reference: Float64, courses: Float64, window: int
) -> Float64:
    """Return the multichannel Wiener filter's output with the true statistics.

    With channels ``z = A q + n``, n white of power 1, and courses q of covariance S at a
    frequency, the best linear estimate of q is ``S (1 + AᵀA S)⁻¹ Aᵀ z``.

    Parameters
    ----------
    projected
        ``(sample, mode)`` Aᵀ z.
    loadings
        ``(channel, mode)`` A.
    reference
        ``(channel,)`` what the output is to hear.
    courses
        ``(sample, mode)`` q, for its covariance in the same short-time spectra over the clip.
    window
        Samples in a window.
    """
    seen, true = spectra(projected, window), spectra(courses, window)
    covariance = np.einsum("bit,bjt->bij", true, true.conj()) / true.shape[2]
    gram = loadings.T @ loadings
    toward = loadings.T @ reference
    mixed = np.linalg.inv(np.eye(len(gram)) + gram @ covariance)
    filters = np.einsum("m,bmn,bnk->bk", toward, covariance, mixed)
    return signals_of(np.einsum("bk,bkt->bt", filters, seen), window, len(projected))


def _without_lamps(channels: Channels, shapes: Float64) -> Float64:
    # What listening takes for the lamps' light is taken from the gains of the shapes, too.
    lamps, gain = channels.lamps, shapes[:, 2]
    plane = lamps.reader @ gain
    glint = gain - lamps.basis.T @ plane - lamps.share[:, None] * plane[0]
    return np.concatenate([shapes[:, :2], glint[:, None]], axis=1)


def cell_shapes(scene: Scene, field: MotionField) -> Float64:
    """Return ``(cell, 3, mode)`` of (x, y, gain), in px and 1, that each cell reads of each mode.

    Modes bend within a cell: this is what exact weighted least squares on the true picture reads,
    in the gain, too.
    """
    truth, cells = scene.truth, field.cells
    shapes = scene.motion.shapes(scene.camera.height, scene.camera.width)
    change = np.einsum("mqhw,hwq->mhw", shapes, truth.gradient)
    result = np.empty((len(cells), 3, len(shapes)))
    places = zip(cells.x_px, cells.y_px, cells.width_px, cells.height_px, strict=True)
    for index, (x, y, width, height) in enumerate(places):
        w = (slice(y, y + height), slice(x, x + width))
        deviation = np.sqrt(truth.noise_variance[w]).ravel()
        image = truth.image[w].ravel()
        basis = np.column_stack([truth.gradient[w].reshape(-1, 2), image, np.ones_like(image)])
        target = change[:, *w].reshape(len(shapes), -1)
        read = np.linalg.lstsq(basis / deviation[:, None], (target / deviation).T, rcond=None)[0]
        # A picture that moves by u changes by -u times its gradient.
        result[index] = read[:3] * np.array([[1], [1], [-1]])
    return result


# --- spectra ------------------------------------------------------------------------------------


def line_over_floor(
    samples: Float64, rate_hz: float, line_hz: float, near_hz: float
) -> tuple[float, float]:
    """Return a line's power at `line_hz`, dB, over the median of all and of what is near."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 16)) ** 2
    hz = np.fft.rfftfreq(1 << 16, 1 / rate_hz)
    resolution = 4 * rate_hz / len(samples)
    away = np.abs(hz - line_hz)
    line = power[away <= resolution].max()
    near = (away > resolution) & (away < max(near_hz, 4 * resolution))
    over = [10 * np.log10(line / np.median(power[part])) for part in (hz > 0, near)]
    return float(over[0]), float(over[1])


def strongest_line_hz(samples: Float64, rate_hz: float) -> float:
    """Return the frequency of the largest value of the spectrum."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 16)) ** 2
    return float(np.fft.rfftfreq(1 << 16, 1 / rate_hz)[power.argmax()])
