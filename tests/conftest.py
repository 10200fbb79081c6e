"""What tests of several rooms need: a real browser, and PyTorch."""

import importlib.util
import os
import shutil
from collections.abc import Iterator

import pytest

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser") if (found := shutil.which(name))), None
)


@pytest.fixture(scope="session")
def torch_engine() -> object:
    """PyTorch's engine on the processor: the code of any device, where there is none."""
    if importlib.util.find_spec("torch") is None:
        if os.environ.get("PHONOSCOPE_NEEDS_TORCH"):
            pytest.fail("there is no PyTorch here, and PHONOSCOPE_NEEDS_TORCH says it must be.")
        pytest.skip("there is no PyTorch here (pip install 'phonoscope[gpu]')")
    import torch

    from phonoscope.motion.gpu import TorchEngine

    torch.set_num_threads(1)  # tests run side by side
    return TorchEngine(torch.device("cpu"))


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    if CHROMIUM is None:
        if os.environ.get("PHONOSCOPE_NEEDS_BROWSER"):
            pytest.fail("there is no Chromium here, and PHONOSCOPE_NEEDS_BROWSER says it must be.")
        pytest.skip("there is no Chromium here (apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()
