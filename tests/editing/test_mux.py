"""A clip with its sound: the same pictures, the sound in step, what was there before kept."""

from fractions import Fraction

import av
import numpy as np
import pytest

import phonoscope as ph
from phonoscope.editing import check_mux
from phonoscope.errors import InputError, InputNotFoundError, OutputError, UsageError
from phonoscope.types import Place

from .clips import CLICK, FPS, click, heard, packets, write_clip

RATE_HZ = 48000
SUFFIXES = (".mov", ".mp4", ".mkv")
MATROSKA_TICK_S = Fraction(1, 1000)


def times(path):
    """Return when each frame is shown after the first, s, as stored."""
    shown = [time for _, time, hidden in packets(path) if not hidden]
    return [time - min(shown) for time in shown]


def contents(path, kind="video", number=0):
    return [digest for digest, _, _ in packets(path, kind, number)]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pictures_and_audio_are_the_same_bit_for_bit(clip, slowed, tmp_path, suffix):
    before = clip.read_bytes()
    done = ph.mux(clip, slowed, tmp_path / f"out{suffix}")
    assert contents(done.output) == contents(clip)
    assert contents(done.output, "audio") == contents(clip, "audio")
    tolerance = MATROSKA_TICK_S if suffix == ".mkv" else 0
    for new, old in zip(times(done.output), times(clip), strict=True):
        assert abs(new - old) <= tolerance
    assert clip.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mov", f"out{suffix}"]
    assert done.codec == ("alac" if suffix == ".mp4" else "pcm_s24le")
    assert done.warnings == ()


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("speed", ["playback", "real"])
def test_the_click_lands_on_its_sample(clip, slowed, tmp_path, suffix, speed):
    done = ph.mux(clip, slowed, tmp_path / f"out{suffix}", speed=speed)
    samples, rate, begins = heard(done.output)
    life = Fraction(CLICK, FPS) + Fraction(1, 10)
    expected = life * (8 if speed == "playback" else 1)
    assert rate == RATE_HZ
    assert abs(int(np.argmax(samples)) - expected * RATE_HZ) <= 1
    assert samples.max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)
    first = min(time for _, time, hidden in packets(done.output) if not hidden)
    assert abs(begins - first) <= (MATROSKA_TICK_S if suffix == ".mkv" else Fraction(1, RATE_HZ))
    assert done.begins_s == pytest.approx(0.1 * (8 if speed == "playback" else 1))


def test_real_time_is_the_same_packets_with_times_of_their_own(clip, slowed, tmp_path):
    done = ph.mux(clip, slowed, tmp_path / "out.mov", speed="real")
    assert contents(done.output) == contents(clip)
    assert times(done.output) == [time / 8 for time in times(clip)]
    assert "is not in step" in done.warnings[0]
    with av.open(str(done.output)) as file:
        assert file.streams.video[0].average_rate == FPS
        assert [s.type for s in file.streams] == ["video", "audio", "audio"]  # no timecode any more


def test_odd_rates_stay_exact_to_the_end(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", rate=Fraction(30000, 1001), audio=False)
    slower = Fraction(2200) / Fraction(30000, 1001)
    sound = click(Place(Fraction(0), slower), rate=2200, samples=12000)
    sound.samples[[CLICK, 11990]] = 0, 1e-3  # 400 s on
    done = ph.mux(clip, sound, tmp_path / "out.mov")
    samples, _, _ = heard(done.output)
    assert abs(int(np.argmax(samples)) - 11990 * 1.001 / 30 * RATE_HZ) <= 1
    retimed = ph.mux(clip, sound, tmp_path / "real.mov", speed="real")
    assert times(retimed.output)[:2] != times(clip)[:2]
    assert max(times(retimed.output)) == Fraction(59, 2200)


def test_facts_of_the_file_and_of_its_tracks_are_kept(clip, slowed, tmp_path):
    with av.open(str(ph.mux(clip, slowed, tmp_path / "out.mov").output)) as file:
        assert file.metadata["creation_time"].startswith("2026-05-04T10:11:12")
        assert file.streams.video[0].metadata["timecode"] == "01:00:00:12"
        own, new = file.streams.audio
        assert new.metadata["handler_name"] == "Recovered sound (measured)"
        default = av.stream.Disposition.default
        assert own.disposition & default
        assert not new.disposition & default


def test_every_version_has_a_track_and_the_first_of_a_silent_clip_is_heard(tmp_path):
    clip = write_clip(tmp_path / "clip.mkv", audio=False)
    sound = click(Place(), enhanced=np.roll(click(None).samples, 100))
    done = ph.mux(clip, sound, tmp_path / "out.mov")
    assert done.tracks == ("Recovered sound (measured)", "Recovered sound (enhanced)")
    peaks = [int(np.argmax(heard(done.output, number)[0])) for number in (0, 1)]
    assert peaks == [CLICK * 200, 2 * CLICK * 200]
    with av.open(str(done.output)) as file:
        assert file.streams.audio[0].disposition & av.stream.Disposition.default


def test_uneven_frames_keep_their_times(tmp_path):
    clip = write_clip(
        tmp_path / "clip.mp4", skew=lambda n: 20 * n + (n % 3) * 4, tick=Fraction(1, 600)
    )
    done = ph.mux(clip, click(Place()), tmp_path / "out.mov")
    assert times(done.output) == times(clip)
    assert len(set(np.diff(sorted(map(float, times(clip)))).round(6))) > 1


def test_frames_that_an_edit_list_hides_stay_hidden(tmp_path):
    whole, cut = write_clip(tmp_path / "whole.mov", audio=False), tmp_path / "cut.mov"
    with av.open(str(whole)) as old, av.open(str(cut), "w") as new:
        copy = new.add_stream_from_template(old.streams.video[0])
        copy.time_base = old.streams.video[0].time_base
        for packet in old.demux(video=0):
            if packet.size:
                packet.pts -= 5 * 512  # of 1/15360 s
                packet.dts -= 5 * 512
                packet.stream = copy
                new.mux(packet)
    hidden = [hidden for _, _, hidden in packets(cut)]
    assert sum(hidden) > 0
    done = ph.mux(cut, click(Place()), tmp_path / "out.mov")
    assert [hidden for _, _, hidden in packets(done.output)] == hidden
    assert times(done.output) == times(cut)
    samples, _, begins = heard(done.output)
    first = min(time for _, time, hidden in packets(done.output) if not hidden)
    assert begins == first
    assert abs(int(np.argmax(samples)) - CLICK * 200) <= 1


def test_the_turn_for_display_is_kept(tmp_path):
    clip = write_clip(tmp_path / "clip.mov", b_frames=0)
    data = bytearray(clip.read_bytes())
    # The track header's matrix, after version, flags, times, number, length and layers.
    at = data.index(b"tkhd") + 4 + 40
    quarter = [0, 1 << 16, 0, -(1 << 16) & 0xFFFFFFFF, 0, 0, 48 << 16, 0, 1 << 30]
    data[at : at + 36] = b"".join(value.to_bytes(4, "big") for value in quarter)
    clip.write_bytes(data)
    for suffix in (".mov", ".mp4"):
        done = ph.mux(clip, click(Place()), tmp_path / f"out{suffix}")
        with av.open(str(done.output)) as new, av.open(str(clip)) as old:
            turns = [next(file.decode(video=0)).rotation for file in (old, new)]
        assert turns == [-90, -90]


def test_what_cannot_be(clip, slowed, tmp_path):
    with pytest.raises(UsageError, match=r"such a clip ends in \.mov, \.mp4, \.mkv"):
        ph.mux(clip, slowed, tmp_path / "out.avi")
    with pytest.raises(UsageError, match="is the clip itself"):
        ph.mux(clip, slowed, clip)
    with pytest.raises(InputError, match="where this sound lies"):
        ph.mux(clip, click(None), tmp_path / "out.mov")
    with pytest.raises(InputNotFoundError, match="does not exist"):
        ph.mux(tmp_path / "no.mov", slowed, tmp_path / "out.mov")
    with pytest.raises(OutputError, match="no"):
        ph.mux(clip, slowed, tmp_path / "no" / "out.mov")
    (tmp_path / "text.mov").write_text("no video")
    with pytest.raises(InputError, match="not a video"):
        ph.mux(tmp_path / "text.mov", slowed, tmp_path / "out.mov")
    fast = click(Place(slower=Fraction(100)))
    with pytest.raises(UsageError, match=r"counts milliseconds.*3000 frames/s"):
        ph.mux(clip, fast, tmp_path / "out.mkv", speed="real")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mov", "text.mov"]


def test_streams_that_a_container_does_not_take_are_refused_before_the_long_run(tmp_path):
    broadcast = write_clip(tmp_path / "clip.ts")
    with pytest.raises(UsageError, match="the form for broadcast"):
        check_mux(tmp_path / "out.mov", broadcast)
    lossless = write_clip(tmp_path / "clip.mkv", codec="ffv1", b_frames=0)
    with pytest.raises(UsageError, match=r"\.mov cannot take the streams of .*clip\.mkv"):
        check_mux(tmp_path / "out.mov", lossless)
    check_mux(tmp_path / "out.mkv", lossless)
    ph.mux(lossless, click(Place()), tmp_path / "out.mkv")
    assert contents(tmp_path / "out.mkv") == contents(lossless)


def test_what_was_changed_on_the_way_is_not_kept(clip, slowed, tmp_path, monkeypatch):
    from phonoscope.editing.copying import Copying

    take = Copying.take

    def spoilt(self, packet):
        now = take(self, packet)
        if packet.is_keyframe:
            packet.pts += 40
        return now

    monkeypatch.setattr(Copying, "take", spoilt)
    with pytest.raises(UsageError, match="cannot keep the times"):
        ph.mux(clip, slowed, tmp_path / "out.mov")
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mov"]


def test_an_interrupted_one_leaves_nothing(clip, slowed, tmp_path, monkeypatch):
    from phonoscope.editing.copying import Copying

    def interrupted(self, packet):
        raise KeyboardInterrupt

    monkeypatch.setattr(Copying, "take", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ph.mux(clip, slowed, tmp_path / "out.mov")
    assert [p.name for p in tmp_path.iterdir()] == ["clip.mov"]


def test_the_audio_of_the_clip_stays_the_one_that_players_choose(clip, slowed, tmp_path):
    with av.open(str(ph.mux(clip, slowed, tmp_path / "out.mkv").output)) as file:
        chosen = [bool(s.disposition & av.stream.Disposition.default) for s in file.streams.audio]
    assert chosen == [True, False]
