"""Which devices can be named, what is said of those that are not there, and the way to one."""

import importlib.util
import subprocess
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest

from phonoscope.errors import InputError, MissingExtraError, UsageError
from phonoscope.motion import check_device, engine_of
from phonoscope.motion.processor import PROCESSOR


@pytest.mark.parametrize("name", ["cpu", "auto", "cuda", "cuda:1", "xpu", "mps"])
def test_names(name):
    assert check_device(name) == name


@pytest.mark.parametrize("name", ["", "CUDA", "cuda:", "cuda:x", "cpu:0", "auto:1", "cuda 1", 0])
def test_what_is_no_name(name):
    with pytest.raises(UsageError, match=r"device .* is not known; give cpu, auto"):
        check_device(name)


def test_the_processor_needs_no_torch():
    look = """
import sys
from phonoscope.motion import engine_of
assert engine_of("cpu").name == "cpu"
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", look], check=True)


def test_without_torch(monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *a: None if name == "torch" else found(name, *a)
    )
    assert engine_of("auto") is PROCESSOR
    with pytest.raises(MissingExtraError, match=r"pip install 'phonoscope\[gpu\]'"):
        engine_of("cuda")


class Modules:
    """PyTorch with so many devices of some kinds."""

    __spec__ = "it is installed"

    def __init__(self, **counts):
        import torch

        self.__version__, self.backends, self.device = "2.13.0", torch.backends, torch.device
        self._counts = counts

    def get_device_module(self, kind):
        if kind not in self._counts:
            raise RuntimeError(f"Expected one of cpu, cuda, ..., at start of device string: {kind}")
        count = self._counts[kind]
        return SimpleNamespace(is_available=lambda: count > 0, device_count=lambda: count)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("cuda", r"PyTorch 2\.13\.0 finds no cuda device; install .* or take the device cpu\.$"),
        ("cuda:1", "finds no cuda device"),
        ("xpu:2", r"there is no device xpu:2; the last one is xpu:1\.$"),
        ("mtia:1", r"there is no device mtia:1; the only one is mtia:0\.$"),
        ("mps", "finds no mps device"),
        ("abacus", "PyTorch 2.13.0 knows no device 'abacus'; give cpu, auto"),
    ],
)
def test_what_is_not_there(torch_engine, monkeypatch, name, says):
    monkeypatch.setitem(sys.modules, "torch", Modules(cuda=0, xpu=2, mtia=1))
    with pytest.raises(UsageError, match=says):
        engine_of(name)


@pytest.mark.parametrize(
    ("there", "taken"),
    [
        ({"cuda": 0, "xpu": 0}, None),
        ({"cuda": 0, "xpu": 1}, "xpu"),
        ({"cuda": 1, "xpu": 1}, "cuda"),
    ],
)
def test_auto_takes_the_first_that_is_there(torch_engine, monkeypatch, there, taken):
    monkeypatch.setitem(sys.modules, "torch", Modules(**there))
    engine = engine_of("auto")
    assert engine is PROCESSOR if taken is None else engine.device.type == taken


def test_too_little_memory_is_said_in_a_sentence(torch_engine):
    lane = torch_engine.lane()
    says = r"^cpu has too little memory left for frames of 1920 x 1080 px; end what else uses it,"
    with pytest.raises(InputError, match=says), lane.within_memory(1080, 1920):
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    with pytest.raises(RuntimeError, match=r"^an error$"), lane.within_memory(1080, 1920):
        raise RuntimeError("an error")


class Streams:
    """Streams and events as of a device, which write down in which order they are used."""

    def __init__(self):
        self.told = []
        self.computing = self.Stream("computing")
        self._events = 0

    def Stream(self, name="sending", device=None):  # noqa: N802 - as PyTorch has it
        return SimpleNamespace(
            name=name, wait_event=lambda event: self.told.append(f"{name} waits for {event.name}")
        )

    def Event(self):  # noqa: N802
        name = f"event {self._events}"
        self._events += 1
        return SimpleNamespace(
            name=name,
            record=lambda stream: self.told.append(f"{stream.name} records {name}"),
            synchronize=lambda: self.told.append(f"wait for {name}"),
        )

    @contextmanager
    def stream(self, stream):
        self.told.append(f"on {stream.name}")
        yield

    def current_stream(self, device):
        return self.computing


@pytest.fixture
def streams(torch_engine, monkeypatch):
    import torch

    from phonoscope.motion.gpu import lane

    result = Streams()
    monkeypatch.setattr(lane, "module_of", lambda device: result)
    monkeypatch.setattr(
        lane, "page_locked", lambda shape, dtype: torch.empty(tuple(shape), dtype=dtype)
    )
    return result


def test_a_place_is_written_to_only_when_nothing_reads_it(streams):
    import torch

    from phonoscope.motion.gpu.lane import Lane

    lane = Lane(torch.device("cpu"))
    sent = [lane.send([np.full((4, 5), n, np.uint8)]) for n in range(3)]
    first = len(streams.told)
    assert sent[0].data_ptr() == sent[2].data_ptr() != sent[1].data_ptr()
    lane.send([np.full((4, 5), 3, np.uint8)])
    # What the one place holds (events 2 and 3) has been used until now. What the other one held (0
    # and 1) has been sent before the processor writes to it, and used before it is sent to.
    assert streams.told[first:] == [
        "computing records event 3",
        "wait for event 0",
        "on sending",
        "sending waits for event 1",
        "sending records event 0",
        "computing waits for event 0",
    ]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_what_is_sent_arrives(streams, kind):
    import torch

    from phonoscope.motion.gpu.lane import Lane, values

    lane = Lane(torch.device("cpu"))
    random = np.random.default_rng(0)
    for size in ((3, 7, 5), (2, 40, 30), (1, 2, 2), (4, 40, 30)):
        frames = random.integers(0, np.iinfo(kind).max, size, kind, endpoint=True)
        frames[0, 0, :2] = 0, np.iinfo(kind).max
        there = values(lane.send(list(frames)))
        assert there.dtype == torch.float32
        np.testing.assert_array_equal(lane.fetch(there)(), frames)
