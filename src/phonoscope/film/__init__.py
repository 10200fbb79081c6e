"""Optical soundtracks of film scans: every line of a scan is a sample of sound.

::

    scans -> find_track -> Track -> learn -> Reader -> lines of each frame -> Joiner -> even samples
                                                                       Evener -> any sample rate
"""

from phonoscope.film.even import Evener
from phonoscope.film.find import Columns, Track, candidates, chosen
from phonoscope.film.join import Joiner, Registration
from phonoscope.film.learn import learn
from phonoscope.film.reader import Reader

__all__ = [
    "Columns",
    "Evener",
    "Joiner",
    "Reader",
    "Registration",
    "Track",
    "candidates",
    "chosen",
    "learn",
]
