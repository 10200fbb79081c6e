"""A clip in slow motion, and a sound of it."""

from fractions import Fraction

import pytest

from phonoscope.types import Place

from .clips import click, write_clip


@pytest.fixture
def clip(tmp_path):
    """Half speed: 2 s of playback, of 0.25 s of life at 240 frames/s."""
    tags = {"timecode": "01:00:00:12", "creation_time": "2026-05-04T10:11:12Z"}
    return write_clip(tmp_path / "clip.mov", tags=tags)


@pytest.fixture
def slowed():
    """As recovered from `clip` with ``start=0.1``."""
    return click(Place(Fraction(1, 10), Fraction(8), Fraction(108012, 30), "2026-05-04T10:11:12"))
