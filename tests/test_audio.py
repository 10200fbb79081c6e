"""Audio files and the change of rate, against tones whose every sample is known."""

import subprocess
import sys
import wave
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phonoscope.audio import read_audio, resample, write_audio
from phonoscope.errors import InputError, InputNotFoundError, OutputError, UsageError
from phonoscope.types import Sound, Verdict

STEP_24 = 2.0**-23
PEAK = 10 ** (-1 / 20)


def tone(rate, frequency, samples, phase=0.7):
    return np.sin(2 * np.pi * frequency * np.arange(samples) / float(rate) + phase)


def middle(x):
    return x[len(x) // 4 : -len(x) // 4]


RATES = [
    (2200, 48000, True),
    (48000, 2200, True),
    (16000, 10000, True),
    (2199.37, 48000, False),
    (Fraction(240000, 1001), 44100, False),
    (61920.5, 48000, False),
]


@pytest.mark.parametrize(("old", "new", "exact"), RATES)
@pytest.mark.parametrize("part", [0.01, 0.5, 0.95])
def test_passband_is_flat_and_without_delay(old, new, exact, part):
    frequency = part * min(float(old), float(new)) / 2
    got = resample(tone(old, frequency, round(2 * old)), old, new)
    true = tone(new, frequency, len(got))
    # Where the ratio is replaced, the clock may be off by a tenth of a sample at the end.
    clock = 2 * np.pi * frequency * 0.1 / float(new)
    assert np.abs(middle(got - true)).max() < 1e-4 + (0 if exact else clock)
    level_db = 20 * np.log10(np.std(middle(got)) / np.std(middle(true)))
    assert abs(level_db) < 0.1


def spectrum_db(x):
    power = np.abs(np.fft.rfft(x * np.blackman(len(x)) ** 2)) ** 2
    return 10 * np.log10(power / power.max() + 1e-30)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.95])
def test_images_are_80_db_down(part):
    frequency = part * 1100
    got = middle(resample(tone(2200, frequency, 8800), 2200, 48000))
    hz = np.fft.rfftfreq(len(got), 1 / 48000)
    assert spectrum_db(got)[np.abs(hz - frequency) > 20].max() < -80


@pytest.mark.parametrize("part", [1.05, 1.5, 7.3])
def test_aliases_are_80_db_down(part):
    got = resample(tone(48000, part * 1100, 192000), 48000, 2200)
    assert 20 * np.log10(np.abs(middle(got)).max()) < -80


@given(
    n=st.integers(1, 300),
    old=st.fractions(min_value=Fraction(1, 2), max_value=500, max_denominator=50),
    new=st.fractions(min_value=Fraction(1, 2), max_value=500, max_denominator=50),
)
@settings(max_examples=30, deadline=None)
def test_length_is_the_duration_and_a_constant_stays_one(n, old, new):
    got = resample(np.full(n, 3.0), old, new)
    assert len(got) == max(1, round(n * new / old))
    np.testing.assert_allclose(got, 3.0, atol=3e-3)


def test_no_thump_at_the_ends():
    # A sound that begins and ends away from zero: a thump would show as a peak beyond its own.
    x = np.cos(2 * np.pi * 100 * np.arange(2201) / 2200)
    got = resample(x, 2200, 48000)
    assert np.abs(got).max() < 1.001
    true = np.cos(2 * np.pi * 100 * np.arange(len(got)) / 48000)
    assert np.abs(got - true)[:24000].max() < 1e-3


def test_resample_refuses_what_is_no_sound_or_rate():
    for bad in ([], [[1.0, 2.0]], [1.0, np.nan], [np.inf, 0.0]):
        with pytest.raises(InputError):
            resample(bad, 10, 20)
    for rate in (0, -1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="new_rate_hz"):
            resample([1.0, 2.0], 10, rate)


@pytest.mark.parametrize("name", ["a.wav", "b.WAV", "c.flac", "d.Flac"])
def test_file_holds_24_bit_at_minus_1_db(tmp_path, name):
    x = np.random.default_rng(1).normal(size=3000) * 1e-3
    path = tmp_path / name
    write_audio(path, x, Fraction(2200), comment="Phonoscope; größe=1")
    y, rate, comment = read_audio(path)
    assert (rate, comment, len(y)) == (48000, "Phonoscope; größe=1", round(3000 * 48000 / 2200))
    assert abs(np.abs(y).max() - PEAK) <= STEP_24
    levels = y / STEP_24
    np.testing.assert_array_equal(levels, np.rint(levels))  # 24 bit and no more...
    assert (levels % 256 != 0).mean() > 0.9  # ... and no less
    resampled = resample(x, 2200, 48000)
    np.testing.assert_allclose(y, resampled / np.abs(resampled).max() * PEAK, atol=STEP_24)
    with av.open(str(path)) as container:
        codec = container.streams.audio[0].codec_context
        assert codec.layout.nb_channels == 1
        assert codec.name == ("flac" if name.lower().endswith("flac") else "pcm_s24le")


@pytest.mark.parametrize(("rate", "stored"), [(2200, 2200), (Fraction(240000, 1001), 240), (7, 7)])
@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_native_rate_keeps_the_samples(tmp_path, rate, stored, suffix):
    x = np.random.default_rng(2).normal(size=70001)
    path = tmp_path / f"a.{suffix}"
    write_audio(path, x, rate, file_rate="native")
    y, got_rate, comment = read_audio(path)
    assert (got_rate, comment, len(y)) == (stored, "", len(x))
    np.testing.assert_allclose(y, x / np.abs(x).max() * PEAK, atol=STEP_24)


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_silence_stays_silence_and_the_faintest_sound_is_heard(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    write_audio(path, np.zeros(100), 2200)
    assert not read_audio(path)[0].any()
    write_audio(path, [0.0, 5e-324, 0.0], 48000)
    assert np.abs(read_audio(path)[0]).max() == pytest.approx(PEAK, abs=STEP_24)
    write_audio(path, [0, 7, -7], 48000)
    assert len(read_audio(path)[0]) == 3


def test_python_reads_the_wav(tmp_path):
    write_audio(tmp_path / "a.wav", np.ones(480), 48000)
    data = (tmp_path / "a.wav").read_bytes()
    assert data[:4] == b"RIFF"
    assert int.from_bytes(data[4:8], "little") == len(data) - 8
    if sys.version_info >= (3, 12):
        with wave.open(str(tmp_path / "a.wav")) as file:
            assert (file.getsampwidth(), file.getframerate(), file.getnframes()) == (3, 48000, 480)


def test_same_input_same_bytes(tmp_path):
    x = np.random.default_rng(3).normal(size=1000)
    for suffix in ("wav", "flac"):
        for name in "ab":
            write_audio(tmp_path / f"{name}.{suffix}", x, 2200)
        a, b = (tmp_path / f"{name}.{suffix}" for name in "ab")
        assert a.read_bytes() == b.read_bytes()


@pytest.mark.parametrize("name", ["a.mp3", "a", "a.wav.txt"])
def test_other_suffixes_are_refused(tmp_path, name):
    with pytest.raises(UsageError, match=r"\.wav or \.flac"):
        write_audio(tmp_path / name, [0.0, 1.0], 2200)


@pytest.mark.parametrize("rate", [0, -48000, 48000.5, 1 << 40, float("nan"), "fast", None])
def test_absurd_file_rates_are_refused(tmp_path, rate):
    for suffix in ("wav", "flac"):
        with pytest.raises(UsageError, match="48000"):
            write_audio(tmp_path / f"a.{suffix}", [0.0, 1.0], 2200, file_rate=rate)
    assert not list(tmp_path.iterdir())


def test_native_rates_that_no_file_can_hold_are_refused(tmp_path):
    with pytest.raises(UsageError, match="native rate"):
        write_audio(tmp_path / "a.wav", [0.0, 1.0], 0.3, file_rate="native")
    with pytest.raises(UsageError, match="native rate"):
        write_audio(tmp_path / "a.flac", [0.0, 1.0], 5_000_000, file_rate="native")


@pytest.mark.parametrize("bad", [[], [np.nan, 0.0], [0.0, -np.inf], np.zeros((3, 2))])
def test_sounds_that_are_none_are_refused(tmp_path, bad):
    with pytest.raises(InputError):
        write_audio(tmp_path / "a.wav", bad, 2200)
    assert not list(tmp_path.iterdir())


def test_unwritable_places_say_so(tmp_path):
    with pytest.raises(OutputError, match="does not exist"):
        write_audio(tmp_path / "none" / "a.wav", [0.0, 1.0], 2200)
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(OutputError, match="folder"):
        write_audio(tmp_path / "folder.wav", [0.0, 1.0], 2200)


FULL_DISK = """
import resource, signal, sys
import numpy as np
from phonoscope.audio import write_audio
from phonoscope.errors import OutputError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    write_audio(sys.argv[1], np.random.default_rng(0).normal(size=100000), 48000)
except OutputError as error:
    print("OutputError", error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE is POSIX")
@pytest.mark.parametrize("suffix", ["wav", "flac"])
@pytest.mark.parametrize("room", [0, 1000, 200_000])
def test_full_disk_is_noticed_and_leaves_the_old_file(tmp_path, suffix, room):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"old")
    command = [sys.executable, "-B", "-c", FULL_DISK, str(path), str(room)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("OutputError cannot write"), done.stderr
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"old"


def test_reading_what_is_not_there_or_no_sound(tmp_path):
    with pytest.raises(InputNotFoundError, match="no file"):
        read_audio(tmp_path / "none.wav")
    with pytest.raises(InputError, match="not a file"):
        read_audio(tmp_path)
    for content in (b"", b"plain text, no media" * 100):
        (tmp_path / "x.wav").write_bytes(content)
        with pytest.raises(InputError, match="cannot read sound"):
            read_audio(tmp_path / "x.wav")
    write_audio(tmp_path / "a.wav", np.ones(10), 48000)
    header = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "empty.wav").write_bytes(header[: header.index(b"data") + 4] + bytes(4))
    with pytest.raises(InputError, match=r"empty|cannot read"):
        read_audio(tmp_path / "empty.wav")


def write_video(path, with_sound):
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        sound = (
            container.add_stream("pcm_s16le", rate=8000, layout="stereo") if with_sound else None
        )
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 32), np.uint8), format="yuv420p")
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            left_right = np.array([[16384, -8192] * 400], np.int16)
            frame = av.AudioFrame.from_ndarray(left_right, format="s16", layout="stereo")
            frame.sample_rate = 8000
            container.mux(sound.encode(frame))
            container.mux(sound.encode(None))


def test_sound_of_a_video_is_the_mean_of_its_channels(tmp_path):
    write_video(tmp_path / "a.mkv", with_sound=True)
    samples, rate, _ = read_audio(tmp_path / "a.mkv")
    assert rate == 8000
    np.testing.assert_array_equal(samples, np.full(400, (0.5 - 0.25) / 2))


def test_video_without_sound_says_so(tmp_path):
    write_video(tmp_path / "a.mkv", with_sound=False)
    with pytest.raises(InputError, match="no audio track"):
        read_audio(tmp_path / "a.mkv")


@pytest.mark.parametrize(
    ("codec", "fmt"), [("pcm_u8", "u8"), ("pcm_f32le", "flt"), ("pcm_f64le", "dbl")]
)
def test_every_sample_format_has_one_scale(tmp_path, codec, fmt):
    values = {"u8": np.uint8([0, 192]), "flt": np.float32([-1, 0.5]), "dbl": np.float64([-1, 0.5])}
    with av.open(str(tmp_path / "a.wav"), "w") as container:
        stream = container.add_stream(codec, rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(values[fmt][None], format=fmt, layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    np.testing.assert_array_equal(read_audio(tmp_path / "a.wav")[0], [-1, 0.5])


def test_a_name_with_a_colon_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_audio(Path("http:a.wav"), np.ones(48), 48000)
    assert len(read_audio("http:a.wav")[0]) == 48


def test_importing_the_types_stays_quick():
    code = "import sys, phonoscope.types; print([m for m in ('av', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_sounds_too_long_for_riff_become_rf64(tmp_path, monkeypatch):
    monkeypatch.setattr("phonoscope.audio._WAV_DATA_LIMIT", 100)
    write_audio(tmp_path / "a.wav", np.ones(480), 48000)
    assert (tmp_path / "a.wav").read_bytes()[:4] == b"RF64"
    assert len(read_audio(tmp_path / "a.wav")[0]) == 480


def test_a_cut_file_gives_its_beginning_or_says_so(tmp_path):
    write_audio(tmp_path / "a.wav", np.random.default_rng(4).normal(size=9000), 48000)
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) // 2])
    samples = read_audio(tmp_path / "cut.wav")[0]
    np.testing.assert_array_equal(samples, read_audio(tmp_path / "a.wav")[0][: len(samples)])
    assert 4000 < len(samples) < 4600


def test_a_sound_writes_itself_with_what_it_is(tmp_path):
    known = np.array([100.0])
    verdict = Verdict(True, 0.0, 1e-3, 1e-5, known, known, known, (100.0, 100.0))
    sine = np.sin(np.arange(2200.0))
    band, none = (80.0, 1045.0), np.zeros(2)
    sound = Sound(sine, Fraction(2200), band, 20.0, 1e-4, none, 1e-3, verdict, np.ones(1))
    sound.write(tmp_path / "a.flac")
    samples, rate, comment = read_audio(tmp_path / "a.flac")
    assert (len(samples), rate) == (48000, 48000)
    assert comment == "Phonoscope; capture_fps=2200; band_hz=80-1045"
