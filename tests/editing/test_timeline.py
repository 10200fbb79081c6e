"""The timeline, opened again by the library that defines it; and Broadcast WAVs, byte by byte."""

import struct
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import phonoscope as ph
from phonoscope import audio
from phonoscope.errors import InputError, UsageError
from phonoscope.types import Place

from .clips import CLICK, FPS, click, write_clip

TIMECODE_S = Fraction(108012, 30)
RATE_HZ = 48000


def chunks(path):
    """Return the chunks of a RIFF or RF64 file, as the standards lay them out."""
    data = path.read_bytes()
    form, size, kind = struct.unpack_from("<4sI4s", data)
    assert kind == b"WAVE"
    found, at = {"form": form}, 12
    while at < len(data):
        name, size = struct.unpack_from("<4sI", data, at)
        if name == b"data" and size == 0xFFFFFFFF:
            size = struct.unpack_from("<Q", found[b"ds64"], 8)[0]
        found[name] = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    return found


def bext(path):
    """Return description, originator, date, time and time reference (EBU Tech 3285)."""
    fields = struct.unpack_from("<256s32s32s10s8sQH", chunks(path)[b"bext"])
    texts = [field.rstrip(b"\0").decode("ascii") for field in fields[:5]]
    return texts[0], texts[1], texts[3], texts[4], fields[5]


@pytest.fixture
def otio():
    return pytest.importorskip("opentimelineio")  # no wheel for Python 3.14 yet


def seconds(time):
    return Fraction(time.value) / Fraction(time.rate).limit_denominator(1001)


def test_a_broadcast_wav_says_where_it_belongs(slowed, tmp_path):
    slowed.write(tmp_path / "s.wav")
    what, who, day, time, reference = bext(tmp_path / "s.wav")
    assert (what, who) == ("Recovered sound (measured)", "Phonoscope")
    assert (day, time) == ("2026-05-04", "10:11:12")
    assert reference == (TIMECODE_S + Fraction(8, 10)) * RATE_HZ
    assert chunks(tmp_path / "s.wav")[b"bext"][602:].startswith(b"A=PCM,F=48000,W=24,M=mono\r\n")
    samples, _, comment = ph.read_audio(tmp_path / "s.wav")
    assert comment.startswith("Phonoscope; ")
    expected = reference + Fraction(CLICK, FPS) * RATE_HZ
    assert abs(reference + int(np.argmax(samples)) - expected) <= 1


def test_a_time_reference_is_of_the_rate_of_the_file_and_of_one_day(slowed, tmp_path):
    late = replace(slowed, place=Place(Fraction(7200), Fraction(1), Fraction(86399)))
    late.write(tmp_path / "s.wav", rate="native")
    assert bext(tmp_path / "s.wav")[4] == 7199 * FPS


def test_without_a_place_there_is_no_reference(slowed, tmp_path):
    click(None).write(tmp_path / "s.wav")
    assert b"bext" not in chunks(tmp_path / "s.wav")
    slowed.write(tmp_path / "s.flac")
    assert ph.read_audio(tmp_path / "s.flac")[2].startswith("Phonoscope; ")


def test_a_long_one_is_rf64(slowed, tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "_WAV_DATA_LIMIT", 3 * 1000)  # instead of 4 GB
    slowed.write(tmp_path / "s.wav")
    found = chunks(tmp_path / "s.wav")
    riff, data, count = struct.unpack_from("<QQQ", found[b"ds64"])
    assert found["form"] == b"RF64"
    assert riff == (tmp_path / "s.wav").stat().st_size - 8
    assert data == len(found[b"data"]) == 3 * 96000
    assert count == 96000
    assert bext(tmp_path / "s.wav")[4] == (TIMECODE_S + Fraction(8, 10)) * RATE_HZ
    samples, _, _ = ph.read_audio(tmp_path / "s.wav")
    assert int(np.argmax(samples)) == CLICK * RATE_HZ // FPS


def written(otio, clip, sound, folder, speed="playback"):
    files = {}
    for version in sound.versions:
        files[version] = folder / f"{version}.wav"
        sound.write(files[version], version=version)
    ph.write_timeline(clip, sound, files, folder / "t.otio", speed=speed)
    return otio.adapters.read_from_file(str(folder / "t.otio"))


def test_clip_and_sounds_are_on_tracks_of_their_own(otio, clip, slowed, tmp_path):
    slowed = replace(slowed, enhanced=slowed.samples)
    timeline = written(otio, clip, slowed, tmp_path)
    assert [(track.name, track.kind) for track in timeline.tracks] == [
        ("Picture", "Video"),
        ("Audio of the clip", "Audio"),
        ("Recovered sound (measured)", "Audio"),
        ("Recovered sound (enhanced)", "Audio"),
    ]
    assert seconds(timeline.global_start_time) == TIMECODE_S
    picture = timeline.tracks[0][0]
    assert picture.media_reference.target_url == clip.as_uri()
    assert seconds(picture.available_range().start_time) == TIMECODE_S
    assert picture.trimmed_range().duration == otio.opentime.RationalTime(60, 30)
    enhanced = timeline.tracks[3][1]
    assert enhanced.media_reference.target_url == (tmp_path / "enhanced.wav").as_uri()


@pytest.mark.parametrize("speed", ["playback", "real"])
def test_the_sound_is_in_its_place_to_the_sample(otio, clip, slowed, tmp_path, speed):
    timeline = written(otio, clip, slowed, tmp_path, speed)
    sound = timeline.tracks[2][1]
    begins = sound.range_in_parent().start_time
    slower = 8 if speed == "playback" else 1
    assert abs(seconds(begins) - Fraction(slower, 10)) * RATE_HZ <= 1
    # Its own first sample is the one that the file's time reference names.
    reference = bext(tmp_path / "measured.wav")[4]
    assert sound.available_range().start_time == otio.opentime.RationalTime(reference, RATE_HZ)
    assert sound.available_range().duration == otio.opentime.RationalTime(96000, RATE_HZ)
    assert seconds(sound.trimmed_range().duration) == 2 * slower
    warps = [[e.time_scalar for e in track[-1].effects] for track in timeline.tracks]
    assert warps == ([[], [], [1 / 8]] if speed == "playback" else [[8.0], [8.0], []])
    picture = timeline.tracks[0][0].trimmed_range().duration
    assert picture.value == (60 if speed == "playback" else round(60 / 8))


def test_at_the_speed_of_life_nothing_is_warped(otio, tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", rate=Fraction(30000, 1001), audio=False)
    timeline = written(otio, clip, click(Place()), tmp_path)
    (picture,), (sound,) = timeline.tracks
    assert picture.available_range().duration.rate == pytest.approx(30000 / 1001)
    assert [*picture.effects, *sound.effects] == []
    assert seconds(timeline.global_start_time) == 0


def test_what_cannot_be(clip, slowed, tmp_path):
    with pytest.raises(UsageError, match=r"ends in \.otio; name it t\.otio"):
        ph.write_timeline(clip, slowed, {}, tmp_path / "t.edl")
    with pytest.raises(InputError, match="where this sound lies"):
        ph.write_timeline(clip, click(None), {}, tmp_path / "t.otio")
    silent = write_clip(tmp_path / "silent.mov", audio=False)
    with pytest.raises(InputError, match="holds no audio"):
        ph.write_timeline(clip, slowed, {"measured": silent}, tmp_path / "t.otio")
