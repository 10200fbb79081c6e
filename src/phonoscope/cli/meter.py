"""The line that a live sound is watched by."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from phonoscope.cli.console import on_terminal
from phonoscope.types import LiveBlock

_WIDTH = 20
_LOWEST_DB, _HIGHEST_DB = 0.0, 40.0  # of the level, over the noise floor


@contextmanager
def meter(quiet: bool) -> Iterator[Callable[[LiveBlock], None]]:
    """Yield a function that shows each block on a terminal, and does nothing where nobody looks."""
    if quiet or not on_terminal():
        yield lambda block: None
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True)
    with Live(Text("learning the picture"), console=console, transient=True) as shown:
        yield lambda block: shown.update(Text(line(block), no_wrap=True, overflow="ellipsis"))


def line(block: LiveBlock) -> str:
    """Return time, level, verdict, latency and missing frames."""
    heard = "learning"
    if block.verdict is not None and block.verdict.detected:
        heard = f"sound, {block.snr_db:.0f} dB"
    elif block.verdict is not None:
        heard = "nothing above the noise floor"
    minutes, seconds = divmod(int(block.time_s), 60)
    return (
        f"{minutes:02d}:{seconds:02d}  {_bar(block)}  {heard}  "
        f"{1e3 * block.latency_s:.0f} ms late  {block.dropped:,} dropped"
    )


def _bar(block: LiveBlock) -> str:
    level = float(np.sqrt(np.mean(block.samples**2)))
    full = 0
    if level > 0:
        over = 20 * np.log10(level / block.noise_floor_px)
        full = round(_WIDTH * (over - _LOWEST_DB) / (_HIGHEST_DB - _LOWEST_DB))
    full = min(max(full, 0), _WIDTH)
    return "█" * full + "░" * (_WIDTH - full)
