"""A speaker encoder of the user's own in place of the evidence that comes with Phonoscope.

An encoder turns a stretch of speech into a vector that is alike for one voice and differs between
voices. Any function will do; a network in an ONNX file is one. Networks are trained on telephone
or studio speech, so the recordings of known people go through the channel first, as always; and how
alike is alike enough is learned from those recordings themselves, cut into pieces.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from phonoscope.audio import resample
from phonoscope.errors import InputError, InputNotFoundError, MissingExtraError, UsageError
from phonoscope.types import Float64

Encoder = Callable[[Float64, float], Float64]
"""From ``(sample,)`` and its samples a second to a vector, ``(dimension,)``."""

ENCODER_HZ = 16_000

_PIECE_S = 3.0
_FEWEST_PEOPLE = 3
_LEAST_SPREAD = 0.05  # of a cosine


def open_encoder(path: str | os.PathLike[str], *, rate_hz: float = ENCODER_HZ) -> Encoder:
    """Return the encoder in an ONNX file.

    Parameters
    ----------
    path
        The file. The network takes one input, the waveform as 32-bit floats of shape
        ``(1, sample)`` or ``(sample,)`` with a peak of 1, and its first output is the vector.
    rate_hz
        Samples a second that it wants.

    Raises
    ------
    InputNotFoundError
        If there is no such file.
    InputError
        If it is not a network of that kind.
    MissingExtraError
        If onnxruntime is not installed.
    """
    source = Path(path)
    if not source.exists():
        raise InputNotFoundError(f"there is no file {source}; check its name and folder.")
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtraError(
            "a speaker encoder needs onnxruntime; install it with: pip install phonoscope[speakers]"
        ) from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised, not printed
    try:
        network = onnxruntime.InferenceSession(
            source.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # onnxruntime has no base class of its errors
        raise InputError(f"{source} is not an ONNX network: {_first_line(error)}") from error
    inputs = network.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) not in (1, 2):
        raise InputError(
            f"the network in {source} takes {len(inputs)} inputs, the first of shape "
            f"{inputs[0].shape}; it must take one waveform of shape (1, samples) or (samples,)."
        )

    def encode(samples: Float64, own_rate_hz: float) -> Float64:
        sound = resample(samples, own_rate_hz, rate_hz).astype(np.float32)
        sound /= max(float(np.abs(sound).max()), 1e-12)
        given = sound[None] if len(inputs[0].shape) == 2 else sound
        try:
            found = network.run(None, {inputs[0].name: given})[0]
        except Exception as error:
            raise InputError(f"the network in {source} failed: {_first_line(error)}") from error
        return np.asarray(found, dtype=np.float64).ravel()

    return encode


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def encoder_ratios(
    encoder: Encoder, heard: Float64, people: Sequence[Float64], rate_hz: float
) -> Float64:
    """Return log-likelihood ratios, ``(person,)``, of a sound by an encoder.

    The cosines of vectors of one person, and of two, are taken as Gaussian with a common variance,
    measured on the people's recordings cut into pieces of 3 s.

    Parameters
    ----------
    encoder
        Any function from sound and rate to a vector.
    heard
        ``(sample,)`` the recovered sound.
    people
        Each ``(sample,)``: recordings of one person as the channel delivers them.
    rate_hz
        Samples a second of all.

    Raises
    ------
    UsageError
        If there are fewer than 3 people, or none has recordings of 6 s: nothing can be learned then
        about how far voices differ.
    """
    pieces = [_pieces(person, round(_PIECE_S * rate_hz)) for person in people]
    if len(people) < _FEWEST_PEOPLE or max(len(piece) for piece in pieces) < 2:
        raise UsageError(
            f"an encoder needs {_FEWEST_PEOPLE} people or more, and of one at least "
            f"{2 * _PIECE_S:.0f} s, to learn how far voices differ; enrol more."
        )
    try:
        vectors = [np.array([_unit(encoder(p, rate_hz)) for p in piece]) for piece in pieces]
        sound = np.array(
            [_unit(encoder(p, rate_hz)) for p in _pieces(heard, round(_PIECE_S * rate_hz))]
        )
        np.concatenate([*vectors, sound])
    except ValueError:
        raise InputError(
            "the encoder gives vectors of different sizes for sounds of different lengths; it must "
            "give one vector of the same size for any sound."
        ) from None
    same, other = [], []
    for i, vector in enumerate(vectors):
        same += [vector[j] @ vector[k] for j in range(len(vector)) for k in range(j)]
        other += [cosine for rest in vectors[:i] for cosine in (vector @ rest.T).ravel()]
    spread = np.concatenate([np.array(same) - np.mean(same), np.array(other) - np.mean(other)])
    variance = max(float(np.mean(spread**2)), _LEAST_SPREAD**2)
    found = np.array([(sound @ vector.T).mean() for vector in vectors])
    middle = (np.mean(same) + np.mean(other)) / 2
    return np.asarray((np.mean(same) - np.mean(other)) * (found - middle) / variance)


def _pieces(sound: Float64, size: int) -> list[Float64]:
    return list(np.array_split(sound, max(1, len(sound) // size)))


def _unit(vector: Float64) -> Float64:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12))
