"""An encoder of the user's own: any function, or a network in an ONNX file."""

import struct

import numpy as np
import pytest

from phonoscope.errors import InputError, InputNotFoundError, UsageError
from phonoscope.speakers import open_encoder
from phonoscope.speakers.encoder import encoder_ratios

RATE = 16000


def field(number, value):
    """Return one field of a protocol buffer: a whole number, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def value_info(name, shape):
    sizes = b"".join(field(1, field(1, n) if isinstance(n, int) else field(2, n)) for n in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, sizes)))


def network(inputs=("sound",)):
    """Return a network that multiplies the mean and the mean square of a sound by 2 and 3."""
    weights = struct.pack("<2f", 2.0, 3.0)
    tensor = field(1, 2) + field(2, 1) + field(8, "w") + field(9, weights)

    def node(kind, given, out):
        return field(1, b"".join(field(1, g) for g in given) + field(2, out) + field(4, kind))

    graph = node("Abs", ["sound"], "size")
    graph += node("ReduceMean", ["size"], "mean")
    graph += node("Mul", ["mean", "w"], "voice")
    graph += field(2, "tiny") + field(5, tensor)
    graph += b"".join(field(11, value_info(name, [1, "n"])) for name in inputs)
    graph += field(12, value_info("voice", [1, 2]))
    return field(1, 8) + field(7, graph) + field(8, field(2, 13))


def test_a_network_is_run(tmp_path):
    pytest.importorskip("onnxruntime")
    path = tmp_path / "voice.onnx"
    path.write_bytes(network())
    sound = np.random.default_rng(1).uniform(-0.2, 0.2, RATE)
    expected = np.mean(np.abs(sound / np.abs(sound).max()))
    assert np.allclose(open_encoder(path)(sound, RATE), [2 * expected, 3 * expected], rtol=1e-5)


def test_what_is_no_network_of_that_kind_is_refused(tmp_path):
    with pytest.raises(InputNotFoundError):
        open_encoder(tmp_path / "none.onnx")
    pytest.importorskip("onnxruntime")
    path = tmp_path / "bad.onnx"
    path.write_bytes(b"nonsense")
    with pytest.raises(InputError, match="not an ONNX network"):
        open_encoder(path)
    path.write_bytes(network(("sound", "length")))
    with pytest.raises(InputError, match="takes 2 inputs"):
        open_encoder(path)


def spectrum_of(samples, rate):
    """Return an encoder's vector that is plain: the spectrum in 16 bands."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    return np.log([part.mean() for part in np.array_split(power, 16)])


def voice(number, seed):
    rng = np.random.default_rng(seed)
    white = np.fft.rfft(rng.standard_normal(12 * RATE))
    gain = np.exp(2 * np.random.default_rng(number).standard_normal(16))
    return np.fft.irfft(white * np.repeat(gain, -(-len(white) // 16))[: len(white)])


def test_any_function_is_an_encoder():
    people = [voice(number, 10 + number) for number in range(4)]
    ratios = encoder_ratios(spectrum_of, voice(2, 99), people, RATE)
    assert np.argmax(ratios) == 2
    assert ratios[2] > 0.5
    assert np.delete(ratios, 2).max() < ratios[2] - 0.5
    with pytest.raises(UsageError, match="3 people"):
        encoder_ratios(spectrum_of, voice(2, 99), people[:2], RATE)
