"""Which of some known people spoke, if any: two kinds of evidence, weighed by calibration.

1. The *voice*: mean spectrum and pitch, by the two-covariance model. The object's colour is a
   Gaussian of its own: narrow where it was measured; wide where it was not, and then this evidence
   is weak.
2. The *shape* of the short-time spectrum about its mean: mixtures of Gaussians adapted to each
   person's recordings sent through the channel, against those of the background. Their colour is
   made to match first, so that a colour that is not known does no harm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

import numpy as np

from phonoscope.errors import InputError, UsageError
from phonoscope.speakers.background import Background, load_background
from phonoscope.speakers.calibrate import Calibration
from phonoscope.speakers.channel import (
    Channel,
    at_rate,
    drawn_through,
    measure_channel,
    through,
)
from phonoscope.speakers.encoder import Encoder, encoder_ratios
from phonoscope.speakers.features import (
    HOP_S,
    Frames,
    cepstra,
    measure_frames,
    speech_frames,
)
from phonoscope.speakers.models import Mixture, fit_mixture
from phonoscope.speakers.voices import Look, between, log_ratio, look_at
from phonoscope.types import Colour, Comparison, Float64, Identification

Recording = tuple[Float64, float]
"""A clean recording: ``(sample,)`` and its samples a second."""

COMPONENTS = 64
DRAWN = 250  # frames of each reader of the background
NONE_PRIOR = 0.5
LEAST_SPEECH_S = 1.0
LEAST_ENROLLED_S = 2.0
MOST_LLR = 3 * float(np.log(10))  # a thousand times: more was never tried, so none may be claimed

_BEST = 6  # the best sixth of the background, whose mean score is the yardstick
_COLOUR_DB = {"measured": 1.0, "estimated": 9.0}  # how far an object's colour may be from expected
_COLOUR_REACH = 1.5  # bands over which an unknown colour stays alike: resonances are narrow
_SESSION_DB = 1.0  # that separates two sessions of one voice: microphone, distance, mood
_SESSION_REACH = 4.0
_WORST = -30.0  # of a score of the voice: beyond, it says no more
_FILE = "calibration.npz"


class TooLittleSpeechError(InputError):
    """Somebody says too little to be compared."""


@dataclass(frozen=True, slots=True, eq=False)
class Ear:
    """A channel with the voices in general as it delivers them: what all comparisons share.

    Attributes
    ----------
    channel
        The channel.
    general
        Shapes of spectra of all readers together.
    readers
        The same, adapted to each reader.
    voices, spread
        Mean, ``(band + 1,)``, and covariance of voices, as `between` returns them.
    background
        What was sent through.
    """

    channel: Channel
    general: Mixture
    readers: tuple[Mixture, ...]
    voices: Float64
    spread: Float64
    background: Background


def tune_ear(channel: Channel, background: Background, *, seed: int = 0) -> Ear:
    """Send the background through a channel."""
    shapes = []
    for reader in range(len(background)):
        frames = drawn_through(channel, background, reader, DRAWN, seed=seed)
        shapes.append(cepstra(frames.density[speech_frames(frames)]))
    general = fit_mixture(np.concatenate(shapes), COMPONENTS, seed=seed)
    readers = tuple(general.adapt(shape) for shape in shapes)
    centre_hz = channel.edges_hz[1:-1]
    return Ear(channel, general, readers, *between(centre_hz, background), background)


def scores(ear: Ear, heard: Frames, people: Sequence["Person"]) -> Float64:
    """Return how well the speech heard agrees with each person, not calibrated.

    Parameters
    ----------
    ear
        Tuned to the channel of `heard`.
    heard
        Frames of the recovered sound, one speaker.
    people
        Enrolled through the same channel.

    Returns
    -------
    ``(person, 2)``: voice and shape, each above 0 for the person.
    """
    speech = heard.take(speech_frames(heard))
    shape = cepstra(speech.density)
    general = ear.general.log_likelihood(shape).mean()

    def fit(mixture: Mixture) -> float:
        return float(mixture.log_likelihood(shape).mean() - general)

    best = np.sort([fit(reader) for reader in ear.readers])[-(len(ear.readers) // _BEST + 1) :]
    shapes = [10 * (fit(ear.general.adapt(person.shape)) - best.mean()) for person in people]
    look = look_at(speech, ear.background)
    if ear.channel.colour == "measured":
        gain = np.log(np.maximum(ear.channel.gain(), 1e-12))
        look = replace(look, value=look.value - np.append(gain, 0.0))
    colour = _colour(ear.channel.colour, len(look.value))
    voices = [
        max(log_ratio(look, person.look, ear.voices, ear.spread, colour), _WORST)
        for person in people
    ]
    return np.column_stack([voices, shapes])


def _colour(kind: Colour, size: int) -> Float64:
    """Return the covariance of what may lie between two sounds of one voice; the pitch has none."""
    apart = np.abs(np.subtract.outer(np.arange(size), np.arange(size)))
    unit = (np.log(10) / 10) ** 2
    reach = _COLOUR_REACH if kind == "estimated" else 1e-3
    colour = unit * _COLOUR_DB[kind] ** 2 * np.exp(-apart / reach)
    colour += unit * _SESSION_DB**2 * np.exp(-apart / _SESSION_REACH)
    colour[-1, :] = colour[:, -1] = 0.0
    return np.asarray(colour)


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A person's recordings: cepstra as the channel delivers them, and a clean look."""

    shape: Float64
    look: Look


def joined(channel: Channel, recordings: Sequence[Recording]) -> Float64:
    """Return a person's recordings as one at the channel's rate, ``(sample,)``, all equally loud.

    Raises
    ------
    InputError
        If there is no recording, or one is silent or too narrow.
    """
    if not recordings:
        raise InputError("a person without a recording cannot be compared; give at least one.")
    parts = [at_rate(channel, *recording) for recording in recordings]
    return np.concatenate([part / part.std() for part in parts])


def enrol(channel: Channel, voice: Float64, background: Background) -> Person:
    """Send a person's clean voice, as `joined` returns it, through the channel."""
    sound = through(channel, voice, channel.rate_hz, matched=True)
    frames = measure_frames(sound, channel.rate_hz, channel.band_hz, channel.noise_psd, pitch=False)
    clean = measure_frames(voice, channel.rate_hz, channel.band_hz, np.zeros(2))
    return Person(
        cepstra(frames.density[speech_frames(frames)]),
        look_at(clean.take(speech_frames(clean)), background),
    )


def conditions(channel: Channel, heard: Frames) -> Float64:
    """Return what the weight of the evidence depends on, ``(4,)``: 1, length, SNR and band."""
    spoken_s = speech_frames(heard).sum() * HOP_S
    return np.array(
        [
            1.0,
            np.clip(np.log(max(spoken_s, 0.1) / 4), -1.5, 1.5),
            np.clip((channel.snr_db - 15) / 10, -1.5, 1.5),
            np.clip(np.log(channel.band_hz[1] / 2000), -1.0, 0.7),
        ]
    )


@cache
def load_calibration() -> dict[Colour, Calibration]:
    """Return the calibrations that come with Phonoscope, by how the colour is known."""
    file = resources.files("phonoscope.speakers") / "data" / _FILE
    with file.open("rb") as opened, np.load(opened) as stored:
        return {
            "measured": Calibration(stored["measured"].astype(np.float64)),
            "estimated": Calibration(stored["estimated"].astype(np.float64)),
        }


def identify_speaker(
    samples: Float64,
    rate_hz: float,
    enrolled: Mapping[str, Sequence[Recording]],
    *,
    channel: Channel | None = None,
    none_prior: float = NONE_PRIOR,
    encoder: Encoder | None = None,
) -> Identification:
    """Say which of the enrolled people speaks in a recovered sound.

    Parameters
    ----------
    samples, rate_hz
        ``(sample,)`` the recovered sound, one speaker, and its samples a second.
    enrolled
        Clean recordings of the full band, by name. Ten seconds of speech are enough to begin with.
    channel
        As `measure_channel` returns it; measured from `samples` alone if None.
    none_prior
        How probable it is beforehand that none of them speaks, 0 to less than 1.
    encoder
        An encoder of your own, as `open_encoder` returns it, in place of the evidence above.

    Raises
    ------
    UsageError
        If nobody is enrolled, `none_prior` is no such probability, or an encoder gets fewer than
        three people.
    InputError
        If there is less than a second of speech above the noise, or two of somebody enrolled, the
        band is too narrow, or a recording cannot be used.
    """
    if not enrolled:
        raise UsageError("nobody is enrolled; give at least one name with a recording.")
    if not 0 <= none_prior < 1:
        raise UsageError(f"none_prior is {none_prior}; give a probability from 0 to below 1.")
    background = load_background()
    channel = channel or measure_channel(samples, rate_hz, background)
    heard = measure_frames(samples, rate_hz, channel.band_hz, channel.noise_psd)
    speech_s = float(speech_frames(heard).sum() * HOP_S)
    if speech_s < LEAST_SPEECH_S:
        raise TooLittleSpeechError(
            f"only {speech_s:.1f} s of this sound stand above the noise; "
            f"telling who speaks takes at least {LEAST_SPEECH_S:.0f} s of speech."
        )
    voices = {name: joined(channel, recordings) for name, recordings in enrolled.items()}
    lengths = [_enrolled_s(channel, *item) for item in voices.items()]
    if encoder is not None:
        sounds = [through(channel, voice, channel.rate_hz) for voice in voices.values()]
        llr = encoder_ratios(encoder, samples, sounds, channel.rate_hz)
    else:
        llr = ratios(channel, heard, list(voices.values()), background)
    llr = np.clip(llr, -MOST_LLR, MOST_LLR)
    return decide(list(enrolled), llr, lengths, channel, speech_s, none_prior)


def ratios(
    channel: Channel, heard: Frames, voices: Sequence[Float64], background: Background
) -> Float64:
    """Return the calibrated natural log-likelihood ratio of each voice, ``(person,)``.

    The voices are those of the people enrolled, as `joined` returns them.
    """
    ear = tune_ear(channel, background)
    people = [enrol(channel, voice, background) for voice in voices]
    raw = scores(ear, heard, people)
    where = np.tile(conditions(channel, heard), (len(raw), 1))
    return load_calibration()[channel.colour].apply(raw, where)


def _enrolled_s(channel: Channel, name: str, voice: Float64) -> float:
    """Return the seconds of speech in a person's recordings, of which there must be enough."""
    frames = measure_frames(voice, channel.rate_hz, channel.band_hz, np.zeros(2), pitch=False)
    seconds = float(speech_frames(frames).sum() * HOP_S)
    if seconds < LEAST_ENROLLED_S:
        raise InputError(
            f"the recordings of {name} hold {seconds:.2f} s of speech; comparing takes at least "
            f"{LEAST_ENROLLED_S:.0f} s, better 10 s."
        )
    return seconds


def decide(
    names: Sequence[str],
    llr: Float64,
    enrolled_s: Sequence[float],
    channel: Channel,
    speech_s: float,
    none_prior: float,
) -> Identification:
    """Turn log-likelihood ratios, ``(person,)``, into probabilities of those enrolled and none."""
    share = np.exp(llr - llr.max())
    closed = share / share.sum()
    anyone = np.log(1 - none_prior) + np.logaddexp.reduce(llr) - np.log(len(llr))
    none = 1 / (1 + np.exp(anyone - np.log(none_prior))) if none_prior else 0.0
    found = [
        Comparison(name, float(ratio / np.log(10)), float(probability), seconds)
        for name, ratio, probability, seconds in zip(names, llr, closed, enrolled_s, strict=True)
    ]
    found.sort(key=lambda comparison: -comparison.log10_lr)
    return Identification(
        tuple(found),
        float(none),
        none_prior,
        speech_s,
        channel.band_hz,
        channel.snr_db,
        channel.colour,
    )
