"""Speech as a video gives it back, for `speakers.py`: filmed, drawn, or merely low-passed.

*Filmed* sounds are rendered, measured and heard by `phonoscope.recover`, which takes seconds each;
they are kept in a folder, so that they are made once. *Drawn* ones are the same channel without
pictures: the object's colour, the band, and white noise. *Low-passed* ones have the band only.
"""

import csv
import hashlib
import itertools
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import phonoscope as ph
from phonoscope.evaluate import limit_band
from phonoscope.files import replace_when_done
from phonoscope.scene import Camera, Motion, Scene, Texture
from phonoscope.types import Float64

SPEECH = Path(__file__).parents[2] / "shared" / "data" / "speech"
FOLDER = Path(tempfile.gettempdir()) / "phonoscope-speakers"
RATE_HZ = 16_000
EXCERPT_S = 5.0
_VERSION = "1"  # of how clips are made: other ones are not taken from the folder
_FIRST_S = 0.3  # readings begin with silence


@dataclass(frozen=True, slots=True)
class Channel:
    """A way of filming.

    Attributes
    ----------
    name
        Short, for tables.
    fps
        Frames a second.
    width, height
        Of the small part of the picture that is rendered, px.
    band_hz
        Band that is heard.
    line_delay_s
        Of a rolling shutter; 0 for a global one.
    snrs_db
        Signal-to-noise ratios that are rendered.
    """

    name: str
    fps: int
    width: int
    height: int
    band_hz: tuple[float, float]
    line_delay_s: float
    snrs_db: tuple[float, ...]

    @property
    def rate_hz(self) -> float:
        """Samples a second of what is heard."""
        return 4 * self.band_hz[1] if self.line_delay_s else float(self.fps)

    @property
    def exposure_s(self) -> float:
        return 1 / 2000 if self.line_delay_s else 0.5 / self.fps


CHANNELS = {
    channel.name: channel
    for channel in (
        Channel("2200", 2200, 48, 48, (20.0, 1100.0), 0.0, (0.0, 10.0, 20.0)),
        Channel("4000", 4000, 48, 48, (20.0, 2000.0), 0.0, (0.0, 10.0, 20.0)),
        # 240 rows in 69 % of a frame's time, as 720 rows of 16 µs.
        Channel("rolling", 60, 48, 240, (80.0, 2000.0), 48e-6, (0.0, 10.0)),
    )
}
OBJECTS = (("speckle", 3), ("fabric", 0), ("leaves", 3), ("speckle", 5))  # texture, modes


@dataclass(frozen=True, slots=True, eq=False)
class Excerpt:
    """A piece of one reader's speech.

    Attributes
    ----------
    speaker, sex
        As in `speakers.csv`: a number, and "F" or "M".
    samples
        ``(sample,)`` at `RATE_HZ`, RMS 1.
    number
        Of the excerpt of that reader, from 0.
    """

    speaker: str
    sex: str
    samples: Float64
    number: int


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A sound as a channel gave it back.

    Attributes
    ----------
    samples
        ``(sample,)``.
    rate_hz, band_hz
        As those of `phonoscope.Sound`.
    snr_db
        What was asked for: power of the motion over that of the noise in the band, of all pixels
        taken together in the best way; infinite for speech merely low-passed.
    claimed_db
        What `Sound.snr_db` claims of the samples, for filmed ones; else `snr_db`.
    noise_psd
        ``(bin,)`` one-sided density of the noise in `samples`, at even steps from 0 Hz to Nyquist.
    measured
        ``(sample,)`` whether the picture was being read then, or None.
    detected
        Whether `phonoscope.recover` says that there is sound.
    """

    samples: Float64
    rate_hz: float
    band_hz: tuple[float, float]
    snr_db: float
    claimed_db: float
    noise_psd: Float64
    measured: NDArray[np.bool_] | None
    detected: bool


# --- speech -------------------------------------------------------------------------------------


def readers(many: bool) -> list[tuple[str, str, list[Path]]]:
    """Return (speaker, sex, recordings) of the many readers or of the six, by number."""
    with (SPEECH / "speakers.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["file"].startswith("many/") == many]
    found: dict[tuple[str, str], list[Path]] = {}
    for row in rows:
        found.setdefault((row["speaker"], row["sex"]), []).append(SPEECH / row["file"])
    return [(speaker, sex, sorted(paths)) for (speaker, sex), paths in sorted(found.items())]


def excerpts(
    many: bool, duration_s: float = EXCERPT_S, most: int = 4, least_s: float | None = None
) -> Iterator[Excerpt]:
    """Yield up to `most` excerpts of each reader, one after another within the recordings.

    Of recordings shorter than `duration_s`, but not than `least_s`, the whole is one excerpt.
    """
    shortest = duration_s if least_s is None else least_s
    for speaker, sex, paths in readers(many):
        number = 0
        for path in paths:
            samples, rate, _ = ph.read_audio(path)
            spoken = ph.resample(samples, rate, RATE_HZ)[round(_FIRST_S * RATE_HZ) :]
            for first in range(0, len(spoken), round(duration_s * RATE_HZ)):
                piece = spoken[first : first + round(duration_s * RATE_HZ)]
                if number < most and len(piece) >= round(shortest * RATE_HZ):
                    yield Excerpt(speaker, sex, np.asarray(piece / piece.std()), number)
                    number += 1


# --- filmed -------------------------------------------------------------------------------------


def filmed(
    played: Float64, channel: Channel, snr_db: float, seed: int, folder: Path = FOLDER
) -> Heard:
    """Return speech at `RATE_HZ` that shakes a rendered object, as `phonoscope.recover` hears it.

    `seed` chooses object, motion and noise. What was made before comes from `folder`.
    """
    digest = hashlib.sha256(np.asarray(played, np.float32).tobytes())
    digest.update(f"{_VERSION} {channel} {snr_db:g} {seed}".encode())
    path = folder / f"{channel.name}-{snr_db:g}dB-{digest.hexdigest()[:20]}.npz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _store(_film(played, channel, snr_db, seed), path)
    return _load(path)


def _film(played: Float64, channel: Channel, snr_db: float, seed: int) -> Heard:
    scene = scene_of(played, channel, snr_db, seed)
    if channel.line_delay_s:
        sound = ph.recover(
            scene.frames(), fps=channel.fps, shutter="rolling",
            line_delay=channel.line_delay_s, band=channel.band_hz,
        )  # fmt: skip
    else:
        sound = ph.recover(scene.frames(), fps=channel.fps, band=channel.band_hz)
    detected = sound.verdict is not None and sound.verdict.detected
    return Heard(
        sound.samples, float(sound.rate_hz), sound.band_hz, snr_db, sound.snr_db, sound.noise_psd,
        sound.measured, detected,
    )  # fmt: skip


def scene_of(played: Float64, channel: Channel, snr_db: float, seed: int) -> Scene:
    """Return the scene: an object by turns, moved as far as `snr_db` takes."""
    texture, modes = OBJECTS[seed % len(OBJECTS)]
    camera = Camera(
        channel.width, channel.height, Fraction(channel.fps), channel.exposure_s,
        read_noise=2.0, shot_gain=0.05, line_delay_s=channel.line_delay_s,
    )  # fmt: skip

    def scene(rms_px: float) -> Scene:
        motion = Motion(rms_px, modes=modes, highest_hz=0.8 * channel.band_hz[1], seed=seed)
        samples = round(len(played) / RATE_HZ * channel.fps)
        return Scene(
            camera, Texture(texture, seed=seed), motion, played, RATE_HZ, samples, seed=seed
        )

    unit = 1e-3
    return scene(unit * 10 ** ((snr_db - seen_snr_db(scene(unit), channel)) / 20))


def seen_snr_db(scene: Scene, channel: Channel) -> float:
    """Return the power of the motion over that of the noise in the band, of all pixels together.

    Each mode adds its power times the information that the pixels hold of it; noise that is white
    over all frames has in the band what its density gives there.
    """
    truth = scene.truth
    shapes = scene.motion.shapes(scene.camera.height, scene.camera.width)
    change = np.einsum("mqhw,hwq->mhw", shapes, truth.gradient)
    information = (change**2 / truth.noise_variance).sum(axis=(1, 2))
    time_s = np.arange(0, scene.samples / channel.fps, 1 / RATE_HZ)
    courses = [limit_band(course, RATE_HZ, channel.band_hz) for course in scene.course(time_s)]
    power = sum(
        held * float(course.var()) for held, course in zip(information, courses, strict=True)
    )
    width = channel.band_hz[1] - channel.band_hz[0]
    return float(10 * np.log10(power * channel.fps / (2 * width)))


def _store(heard: Heard, path: Path) -> None:
    measured = np.zeros(0, bool) if heard.measured is None else heard.measured
    with replace_when_done(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(
            file, samples=heard.samples.astype(np.float32), rate_hz=heard.rate_hz,
            band_hz=heard.band_hz, snr_db=heard.snr_db, claimed_db=heard.claimed_db,
            noise_psd=heard.noise_psd, measured=measured, detected=heard.detected,
        )  # fmt: skip


def _load(path: Path) -> Heard:
    with np.load(path) as held:
        low, high = held["band_hz"]
        return Heard(
            held["samples"].astype(np.float64), float(held["rate_hz"]), (float(low), float(high)),
            float(held["snr_db"]), float(held["claimed_db"]), held["noise_psd"],
            held["measured"] if len(held["measured"]) else None, bool(held["detected"]),
        )  # fmt: skip


# --- drawn --------------------------------------------------------------------------------------


def drawn(played: Float64, channel: Channel, snr_db: float, seed: int) -> Heard:
    """Return the same without pictures: colour (of 3 objects in 4), band and white noise.

    With a rolling shutter, the time between read-outs is told but not interpolated: its noise is
    that of the rest.
    """
    rng = np.random.default_rng([seed, 17, round(10 * min(snr_db, 99)), channel.fps])
    sound = low_passed(played, channel).samples
    if OBJECTS[seed % len(OBJECTS)][1]:
        sound = coloured(sound, channel, np.random.default_rng([seed, 19, channel.fps]))
        sound = limit_band(sound, channel.rate_hz, channel.band_hz)
    sound = sound / sound.std()
    deviation = 10 ** (-snr_db / 20)
    noise = limit_band(rng.standard_normal(len(sound)), channel.rate_hz, channel.band_hz)
    noise *= deviation / noise.std()
    hz = np.linspace(0, channel.rate_hz / 2, 257)
    low, high = channel.band_hz
    density = np.where((hz >= low) & (hz <= high), deviation**2 / (high - low), 0.0)
    return Heard(
        sound + noise, channel.rate_hz, channel.band_hz, snr_db, snr_db, density, None, True
    )


def coloured(sound: Float64, channel: Channel, rng: np.random.Generator) -> Float64:
    """Return a sound as a surface of a few resonances hears it."""
    modes = int(rng.integers(3, 7))
    low, high = np.log(120.0), np.log(0.8 * channel.band_hz[1])
    hz = np.exp(low + (high - low) * (np.arange(modes) + rng.uniform(0.2, 0.8, modes)) / modes)
    drive = rng.uniform(0.5, 1.0, modes) * rng.choice([-1, 1], modes)
    ratio = np.fft.rfftfreq(2 * len(sound), 1 / channel.rate_hz)[:, None] / hz
    response = (drive / (1 - ratio**2 + 2j * 0.08 * ratio)).sum(axis=1)
    spectrum = np.fft.rfft(sound, 2 * len(sound)) * response
    return np.asarray(np.fft.irfft(spectrum, 2 * len(sound))[: len(sound)])


def low_passed(played: Float64, channel: Channel) -> Heard:
    """Return speech in the band that the channel holds, without colour or noise."""
    sound = ph.resample(played, RATE_HZ, channel.rate_hz)
    sound = limit_band(sound, channel.rate_hz, channel.band_hz)
    return Heard(
        sound / sound.std(), channel.rate_hz, channel.band_hz, np.inf, np.inf, np.zeros(257), None,
        True,
    )  # fmt: skip


# --- all of it ----------------------------------------------------------------------------------


def recovered(
    most: int = 4, names: tuple[str, ...] = tuple(CHANNELS), folder: Path = FOLDER
) -> Iterator[tuple[Excerpt, Channel, Heard]]:
    """Yield the filmed excerpts of the six readers through the channels at each SNR."""
    pieces = list(excerpts(many=False, most=most))
    for number, name in itertools.product(range(most), names):
        channel = CHANNELS[name]
        for snr_db, (index, piece) in itertools.product(
            channel.snrs_db, enumerate(p for p in pieces if p.number == number)
        ):
            seed = 6 * number + index
            yield piece, channel, filmed(piece.samples, channel, snr_db, seed, folder)
