"""The way to a device and back: transfers that go on beside computing.

Frames are gathered in page-locked memory and sent by a stream of its own, while the device computes
on those before. There are two places for them at either end, used by turns.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from phonoscope.errors import InputError
from phonoscope.motion.threads import shared_out
from phonoscope.types import Luma

_MIDDLE = 2**15  # is taken off 16-bit pixels on the way: PyTorch can do little with unsigned ones
_WITH_STREAMS = ("cuda", "xpu")


def module_of(device: torch.device) -> Any:
    """Return PyTorch's module for the streams and events of a device; None if it has none."""
    return torch.get_device_module(device) if device.type in _WITH_STREAMS else None


class Lane:
    """One thread's way to a device and back.

    Parameters
    ----------
    device
        Where to.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._module = module_of(device)
        self._slots = deque([_Slot(device, self._module), _Slot(device, self._module)])
        self._sending: Any = None
        if self._module is not None:
            self._sending = self._module.Stream(device=device)

    def put(self, values: NDArray[Any]) -> torch.Tensor:
        """Return a copy of an array, such as weights, on the device."""
        return torch.tensor(np.ascontiguousarray(values), device=self.device)

    def send(self, frames: Sequence[Luma]) -> torch.Tensor:
        """Return ``(frame, height, width)`` uint8, or int16, for `values` to read.

        It is overwritten by the call after the next one. Before the next one, all that uses it must
        have been begun.
        """
        before, slot = self._slots
        self._slots.rotate()
        shape = (len(frames), *frames[0].shape)
        if self._module is None:
            slot.hold(shape, frames[0].dtype)
            _gather(frames, slot.host.numpy())
            return slot.host.to(self.device)
        computing = self._module.current_stream(self.device)
        before.used.record(computing)
        slot.sent.synchronize()
        if slot.hold(shape, frames[0].dtype):
            slot.used.record(computing)  # its memory may just have been let go by something else
        _gather(frames, slot.host.numpy())
        with self._module.stream(self._sending):
            self._sending.wait_event(slot.used)
            slot.there.copy_(slot.host, non_blocking=True)
            slot.sent.record(self._sending)
        computing.wait_event(slot.sent)
        return slot.there

    def fetch(self, values: torch.Tensor) -> Callable[[], NDArray[Any]]:
        """Begin to bring values back; return what waits for them."""
        if self._module is None:
            there = values.cpu()
            return lambda: np.asarray(there.numpy())
        host = page_locked(values.shape, values.dtype)
        host.copy_(values, non_blocking=True)
        fetched = self._module.Event()
        fetched.record(self._module.current_stream(self.device))

        def wait() -> NDArray[Any]:
            fetched.synchronize()
            return np.asarray(host.numpy())

        return wait

    @contextmanager
    def within_memory(self, height: int, width: int) -> Iterator[None]:
        """Within the block, say what to do where the device's memory does not suffice.

        Raises
        ------
        InputError
            If so.
        """
        try:
            yield
        except RuntimeError as error:
            if "out of memory" not in str(error):
                raise
            raise InputError(
                f"{self.device} has too little memory left for frames of {width} x {height} px; "
                "end what else uses it, choose a smaller region, or take the device cpu."
            ) from error


class _Slot:
    """A place for frames in page-locked memory, `host`, and one on the device, `there`."""

    def __init__(self, device: torch.device, module: Any) -> None:
        self._device, self._module = device, module
        self._size = -1
        if module is not None:
            self.sent, self.used = module.Event(), module.Event()

    def hold(self, shape: tuple[int, ...], dtype: Any) -> bool:
        """Make room for frames; return whether that took new memory."""
        kind = torch.uint8 if dtype == np.uint8 else torch.int16
        size = int(np.prod(shape) * kind.itemsize)
        new = size > self._size
        if new:
            self._size = size
            self._memory = self._new()
        self.host, self.there = (part[:size].view(kind).view(shape) for part in self._memory)
        return new

    def _new(self) -> tuple[torch.Tensor, torch.Tensor]:
        if self._module is None:
            here = torch.empty(self._size, dtype=torch.uint8)
            return here, here
        there = torch.empty(self._size, dtype=torch.uint8, device=self._device)
        return page_locked((self._size,), torch.uint8), there


def values(sent: torch.Tensor) -> torch.Tensor:
    """Return the float32 grey values of frames that were sent, however they lie, in order."""
    result = torch.empty(sent.shape, dtype=torch.float32, device=sent.device)
    if sent.dtype == torch.int16:
        return torch.add(sent, float(_MIDDLE), out=result)
    return result.copy_(sent)


def page_locked(shape: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    """Return memory of this machine from which a device can fetch by itself."""
    return torch.empty(tuple(shape), dtype=dtype, pin_memory=True)


def _gather(frames: Sequence[Luma], host: NDArray[Any]) -> None:
    def some(own: slice) -> None:
        for frame, place in zip(frames[own], host[own], strict=True):
            if place.dtype == np.uint8:
                np.copyto(place, frame)
            else:  # the highest bit turned over is `_MIDDLE` less, read as a signed number
                np.bitwise_xor(frame, np.uint16(_MIDDLE), out=place.view(np.uint16))

    shared_out(some, len(frames))
