"""The devices that a user can name, and their engines."""

import importlib.util
import re
from typing import Any

from phonoscope.errors import MissingExtraError, UsageError
from phonoscope.motion.engine import Engine
from phonoscope.motion.processor import PROCESSOR

_NAME = re.compile(r"([a-z]+)(?::(\d+))?")
_BY_PREFERENCE = ("cuda", "xpu", "mps")


def check_device(name: str) -> str:
    """Return the name of a device, if it can be one.

    Raises
    ------
    UsageError
        If not.
    """
    found = _NAME.fullmatch(name) if isinstance(name, str) else None
    if found is None or (found[1] in ("cpu", "auto") and found[2] is not None):
        raise UsageError(
            f"device {name!r} is not known; give cpu, auto, or one of PyTorch's, such as cuda, "
            "cuda:1, xpu or mps."
        )
    return name


def engine_of(name: str) -> Engine:
    """Return what goes over the pixels on a device.

    Parameters
    ----------
    name
        ``"cpu"``, ``"auto"`` for the first of cuda, xpu and mps that is there, else the processor,
        or a device of PyTorch.

    Raises
    ------
    UsageError
        If there is no such device.
    MissingExtraError
        If PyTorch is not installed, and needed.
    """
    check_device(name)
    installed = name != "cpu" and importlib.util.find_spec("torch") is not None
    if name == "cpu" or (name == "auto" and not installed):
        return PROCESSOR
    if not installed:
        raise MissingExtraError(
            f"the device {name} needs PyTorch, which is not installed; install it: "
            "pip install 'phonoscope[gpu]'."
        )
    import torch  # slow to import, and several GB: not for all

    if name == "auto":
        kind = next((kind for kind in _BY_PREFERENCE if _count(torch, kind)), None)
        if kind is None:
            return PROCESSOR
        name = kind
    _check_there(torch, name)
    from phonoscope.motion.gpu import TorchEngine

    return TorchEngine(torch.device(name))


def _check_there(torch: Any, name: str) -> None:
    kind, _, number = name.partition(":")
    count = _count(torch, kind)
    if count is None:
        raise UsageError(
            f"PyTorch {torch.__version__} knows no device {name!r}; give cpu, auto, cuda, cuda:1, "
            "xpu or mps."
        )
    if count == 0:
        raise UsageError(
            f"PyTorch {torch.__version__} finds no {kind} device; install a PyTorch that was built "
            "for it (pytorch.org), and its driver, or take the device cpu."
        )
    if number and int(number) >= count:
        last = f"the last one is {kind}:{count - 1}" if count > 1 else f"the only one is {kind}:0"
        raise UsageError(f"there is no device {name}; {last}.")


def _count(torch: Any, kind: str) -> int | None:
    """Return how many devices there are of a kind; None if there is no such kind."""
    if kind == "mps":
        return int(torch.backends.mps.is_available())
    try:
        module = torch.get_device_module(kind)
        return int(module.device_count()) if module.is_available() else 0
    except (RuntimeError, AttributeError):
        return None
