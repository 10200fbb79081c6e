"""The command `live`: recorded, streamed, played, ended by Ctrl-C, and refused in a sentence."""

import json
import signal
import subprocess
import sys
import time
from fractions import Fraction

import numpy as np
import pytest

from phonoscope.audio import read_audio
from phonoscope.cli.meter import line
from phonoscope.cli.sounding import Buffer, Volume, to_loudspeaker
from phonoscope.types import LiveBlock, Verdict

PROGRAM = [sys.executable, "-m", "phonoscope.cli"]


def verdict(*, detected):
    none = np.zeros(1)
    return Verdict(detected, 0.5, 1e-5, 1e-3, none, none, none, None)


def block(samples, *, detected=True, rms=0.01, latency=0.3):
    return LiveBlock(
        np.asarray(samples, float), 65.0, np.ones(len(samples), bool), verdict(detected=detected),
        20.0, 0.001, rms, latency, 3,
    )  # fmt: skip


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory, tools):
    """Forty seconds, of which the tone is heard as soon as it is known."""
    path = tmp_path_factory.mktemp("live") / "clip.npy"
    np.save(path, np.tile(tools.moving(240), (40, 1, 1)))
    return path


@pytest.mark.slow
def test_it_is_recorded_until_ctrl_c(long_clip, tmp_path):
    target, facts = tmp_path / "out.wav", tmp_path / "out.json"
    given = ["live", str(long_clip), "--fps", "240", "-o", str(target), "--json", str(facts)]
    process = subprocess.Popen(
        [*PROGRAM, *given], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    time.sleep(20)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert "latency" in out
    samples, rate, comment = read_audio(target)
    record = json.loads(facts.read_text("utf-8"))
    assert rate == 48000
    assert len(samples) == pytest.approx(record["duration_s"] * 48000, abs=1)
    assert np.abs(samples).max() == pytest.approx(10 ** (-1 / 20), abs=1e-3)
    assert "capture_fps=240" in comment
    assert record["output"] == str(target)
    assert 0 < record["duration_s"] < 40
    assert {path.name for path in tmp_path.iterdir()} == {"out.wav", "out.json"}
    begin, end = record["audible_s"][0]
    heard = samples[round((begin + 0.3) * 48000) : round((end - 0.3) * 48000)]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert np.argmax(spectrum) * 48000 / len(heard) == pytest.approx(30, abs=1)


@pytest.mark.slow
def test_it_is_streamed_to_who_reads_it_and_ends_when_nobody_does(long_clip):
    process = subprocess.Popen(
        [*PROGRAM, "live", str(long_clip), "--fps", "240", "-o", "-"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    head = process.stdout.read(44 + 48000)
    process.stdout.close()
    err = process.stderr.read().decode()
    process.stderr.close()
    process.wait(timeout=60)
    assert head[:4] + head[8:16] == b"RIFFWAVEfmt "
    assert int.from_bytes(head[24:28], "little") == 48000
    assert process.returncode in (0, 1)  # 1 if nothing had been heard by then
    assert "Traceback" not in err
    assert "Broken" not in err


@pytest.mark.slow
def test_silence_leaves_no_file(phonoscope, tmp_path):
    still = np.random.default_rng(0).normal(0, 1, (1400, 48, 64))
    still += 120 + 30 * np.random.default_rng(1).uniform(-1, 1, (48, 64))
    np.save(tmp_path / "clip.npy", np.clip(np.rint(still), 0, 255).astype(np.uint8))
    given = ["--fps", 240, "-o", tmp_path / "out.wav", "--json", tmp_path / "out.json"]
    done = phonoscope("live", tmp_path / "clip.npy", *given)
    assert done.code == 1
    assert "nothing above the noise floor at any time: a motion of" in done.err
    assert not (tmp_path / "out.wav").exists()
    record = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert record["output"] is None
    assert not record["detected"]


@pytest.mark.parametrize(
    ("given", "code", "says"),
    [
        (["clip.mkv", "--shutter", "rolling"], 2, "cannot be listened to live; record the video"),
        (["clip.mkv", "-o", "out.mp3"], 2, "choose .wav or .flac"),
        (["clip.mkv", "-o", "-", "--play"], 2, "exclude each other"),
        (["clip.mkv", "-o", "out.wav", "--option", "640x480"], 2, "is not NAME=VALUE"),
        (["clip.mkv", "-o", "clip.mkv"], 2, "choose .wav or .flac"),
        (["/dev/video97", "-o", "out.wav"], 1, "/dev/video97 cannot be opened"),
        (["nosuch.mp4", "-o", "out.wav"], 1, "give a camera such as /dev/video0"),
    ],
)
def test_what_cannot_be_is_refused(here, refused, given, code, says):
    refused("live", *given, code=code, says=says)


def test_the_meter_says_level_verdict_latency_and_what_is_missing():
    shown = line(block(np.full(6, 0.01)))
    assert shown.startswith("01:05  ██████████░░░░░░░░░░  sound, 20 dB")
    assert "300 ms late  3 dropped" in shown
    quiet = line(block(np.zeros(6), detected=False))
    assert "░░░░░░░░░░░░░░░░░░░░  nothing above the noise floor" in quiet


def test_the_volume_follows_the_sound_and_never_overflows():
    volume = Volume(Fraction(240))
    tone = 0.01 * np.sqrt(2) * np.sin(2 * np.pi * 30 * np.arange(2400) / 240)
    pcm = np.concatenate([volume.pcm(block(tone[n : n + 12])) for n in range(0, 2400, 12)])
    assert np.std(pcm[20000:].astype(float)) / 32767 == pytest.approx(0.1, rel=0.05)
    loud = np.concatenate([volume.pcm(block(1000 * tone[:12])) for _ in range(50)])
    assert np.abs(loud.astype(int)).max() == 32767


def test_the_loudspeaker_gets_silence_until_enough_is_held_and_skips_what_is_old():
    buffer = Buffer()
    buffer.put(np.ones(1000, np.int16))
    assert not buffer.take(480).any()
    buffer.put(np.ones(4000, np.int16))
    assert buffer.take(480).all()
    buffer.put(np.arange(20000).astype(np.int16))
    assert len(buffer._held) == 9600
    assert buffer.take(1)[0] == 20000 - 9600
    assert len(buffer.take(12000)) == 12000
    assert not buffer.take(480).any()  # it has run out, and waits until enough is held


def test_it_is_played():
    miniaudio = pytest.importorskip("miniaudio")
    with to_loudspeaker(Fraction(240), [miniaudio.Backend.NULL]) as play:
        for _ in range(20):
            play(block(np.full(12, 0.01)))


def test_without_a_player_it_says_how_to_get_one(monkeypatch):
    from phonoscope.errors import MissingExtraError

    monkeypatch.setitem(sys.modules, "miniaudio", None)
    with pytest.raises(MissingExtraError, match=r"phonoscope\[live\]"), to_loudspeaker(Fraction(9)):
        pass
