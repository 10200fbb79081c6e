"""The words that options take, the same in Python and on the command line."""

from typing import Literal

Method = Literal["array", "pyramid"]
"""All cells as an array of microphones; or the published method, as a yardstick."""

Pattern = Literal["texture", "speckle"]
"""What the picture shows: texture of surfaces, or a laser's speckle."""

Weights = Literal["equal", "optimal"]
"""Of a pyramid's bands: as published; or the best for a rigid motion."""

Kind = Literal["speech", "general"]
"""What an enhanced sound is likely to be; general is music, machines and all else."""

Mains = Literal["auto", "50", "60", "off"]
"""Mains hum to remove: what is detected, of one grid, or none."""

FilmKind = Literal["auto", "area", "density"]
"""Of an optical soundtrack: variable area, variable density, or as it seems."""

Version = Literal["measured", "equalized", "enhanced"]
"""Of a sound: as measured; without the object's colour; and easier to listen to."""

Speed = Literal["playback", "real"]
"""Of a clip in slow motion: as it plays, with slow sound; or as fast as life."""

ShutterKind = Literal["global", "rolling"]
"""All rows are read at once, or one after the other."""

Direction = Literal["down", "up"]
"""Of a rolling shutter: whether the top row is read first, or the bottom row."""
