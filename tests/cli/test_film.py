"""The command `film`: the sound of an optical track."""

import inspect
import wave

import numpy as np
import pytest

from phonoscope import pipeline
from phonoscope.cli import film as command
from phonoscope.scene import FilmScan, noise


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    path = tmp_path_factory.mktemp("film") / "scans.npy"
    sound = noise(0.5, 16000, 200, 1500)
    film = FilmScan(sound / np.abs(sound).max(), 16000, frames=6, width=320, pitch=240, dust=0)
    np.save(path, np.array(list(film.scans())))
    return path


def test_writes_sound_and_facts(phonoscope, scans, tmp_path):
    done = phonoscope("film", scans, "-o", tmp_path / "track.wav")
    assert (done.code, done.err) == (0, "")
    for words in ("variable area, mono", "6 scans", "lines a frame", "SNR"):
        assert words in done.out
    with wave.open(str(tmp_path / "track.wav")) as sound:
        assert (sound.getnchannels(), sound.getframerate()) == (1, 48000)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["track.json", "track.wav"]


def test_says_where_there_is_no_track(refused, tmp_path):
    film = FilmScan(np.zeros(8), 16000, kind="none", frames=4, width=320, pitch=240)
    np.save(tmp_path / "silent.npy", np.array(list(film.scans())))
    refused(
        "film", tmp_path / "silent.npy", "-o", tmp_path / "out.wav", code=1,
        says="no soundtrack found",
    )  # fmt: skip


def test_options_are_those_of_the_function():
    of_function = dict(inspect.signature(pipeline.film_track).parameters)
    of_command = dict(inspect.signature(command.film).parameters)
    del of_function["progress"]
    assert of_command.keys() - of_function.keys() == {"quiet"}
    assert of_function.keys() <= of_command.keys()
    assert all(
        of_command[name].default == of_function[name].default
        for name in ("track", "kind", "advance", "start", "duration")
    )
