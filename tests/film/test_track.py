"""Optical soundtracks against rendered scans whose sound is known."""

import json
import wave

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.evaluate import align, si_sdr
from phonoscope.film import Evener, Joiner
from phonoscope.pipeline.film import record_path
from phonoscope.scene import FilmScan, noise

RATE = 16000
BAND_HZ = (100, 4000)
# Of the ideal reader. Specks cost more where no second edge tells of the same sound.
WITHIN_DB = {"bilateral": 2.0, "density": 2.0, "unilateral": 9.0, "dual": 9.0}
PLACE_PX = 16  # beside the track, of borders that are black


def spoken(seconds, seed=0):
    """Noise with syllables, from -1 to 1."""
    sound = noise(seconds, RATE, 150, 3000, seed)
    time = np.arange(len(sound)) / RATE
    sound = sound * (0.15 + np.sin(2 * np.pi * 1.7 * time + seed) ** 2)
    return sound / np.abs(sound).max()


def film(kind, frames=12, seed=0, channels=1, **given):
    sound = np.array([spoken(frames / 24 + 0.2, seed + 7 * c) for c in range(channels)])
    return FilmScan(sound, RATE, kind=kind, frames=frames, seed=seed, **{"width": 480, **given})


def read_wav(path):
    """Return ``(channel, sample)`` of a WAV file of 24 bits."""
    with wave.open(str(path)) as file:
        assert (file.getsampwidth(), file.getframerate()) == (3, 48000)
        raw = np.frombuffer(file.readframes(file.getnframes()), np.uint8).reshape(-1, 3)
        wide = np.zeros((len(raw), 4), np.uint8)
        wide[:, 1:] = raw
        return wide.view("<i4").reshape(-1, file.getnchannels()).T / 2**31


def limited(sound, rate):
    spectrum = np.fft.rfft(sound)
    frequency = np.fft.rfftfreq(len(sound), 1 / rate)
    spectrum[(frequency < BAND_HZ[0]) | (frequency > BAND_HZ[1])] = 0
    return np.fft.irfft(spectrum, len(sound))


def truth_of(scanned, samples):
    line = np.arange(samples) / 48000 * scanned.line_rate_hz
    return scanned.sound_at(line + (scanned.pitch - scanned.height) / 2)


def snr_db(truth, sound):
    inner = slice(2400, -2400)
    want, got = limited(truth, 48000)[inner], limited(sound, 48000)[inner]
    aligned, lag, sign = align(want, got, 48000, max_lag_s=0.005)
    assert (abs(lag) < 1e-4, sign) == (True, 1)
    return si_sdr(want[500:-500], aligned[500:-500])


def ideal_db(scanned):
    """SNR of who knows everything of the scans but the grain and the noise."""
    full, step = 2**scanned.bits - 1, 1e-3
    errors, sounds = [], []
    own = slice((scanned.height - scanned.pitch) // 2, None)
    for number in range(scanned.frames):
        slope = (scanned.clean(number, step) - scanned.clean(number, -step)) / (2 * step)
        variance = scanned.spread(number) ** 2 + 1 / 12 / full**2
        weight = np.where(scanned.damaged(number) > -0.05, slope / variance, 0)
        told = (weight * slope).sum(axis=1)
        error = (weight * (scanned.scan(number) / full - scanned.clean(number))).sum(axis=1)
        good = told > 0.2 * np.median(told)
        at = np.arange(len(told))
        error = np.interp(at, at[good], error[good] / told[good])
        errors.append(error[own][: scanned.pitch])
        sounds.append(scanned.sound_at(scanned.lines(number))[0][own][: scanned.pitch])
    rate = scanned.line_rate_hz
    noise_power = limited(np.concatenate(errors), rate).var()
    return 10 * np.log10(limited(np.concatenate(sounds), rate).var() / noise_power)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "channels", "found", "side"),
    [("unilateral", 1, "area", "left"), ("bilateral", 1, "area", "right"),
     ("dual", 2, "area", "left"), ("density", 1, "density", "right")],
)  # fmt: skip
def test_sound_is_near_what_an_ideal_reader_hears(tmp_path, kind, channels, found, side):
    scanned = film(kind, 24, seed=3, channels=channels, width=640, side=side, dust=0.5)
    done = ph.film_track(np.array(list(scanned.scans())), tmp_path / "out.wav")
    assert (done.kind, done.channels, done.frames) == (found, channels, 24)
    first, last = scanned.place
    assert first - PLACE_PX * 1.5 <= done.first_px <= first + 2
    assert last - 2 <= done.stop_px <= last + PLACE_PX * 1.5
    assert done.pitch_lines == pytest.approx(scanned.pitch, abs=0.03)
    sound = read_wav(done.output)
    assert sound.shape[0] == channels
    truth = truth_of(scanned, sound.shape[1])
    assert snr_db(truth[0], sound[0]) > ideal_db(scanned) - WITHIN_DB[kind]


def test_no_click_where_frames_join(tmp_path):
    scanned = film("bilateral", 24, dust=0, scratches=0)
    done = ph.film_track(np.array(list(scanned.scans())), tmp_path / "out.wav")
    sound = read_wav(done.output)
    error = sound[0] / np.std(sound[0])
    truth = truth_of(scanned, sound.shape[1])[0]
    error = (error - truth / np.std(truth))[4800:-4800]
    power = np.abs(np.fft.rfft(error[: len(error) // 2000 * 2000])) ** 2
    each = len(error) // 2000  # 24 Hz is bin `each` of 2000 samples a frame
    bins = np.arange(3 * each, 200 * each, each)
    beside = np.concatenate([bins - each // 3, bins + each // 3])
    assert power[bins].mean() < 2 * power[beside].mean()  # 3 dB


def test_depth_of_16_bits_and_odd_sizes(tmp_path):
    scanned = film("bilateral", 8, bits=16, width=381, pitch=351, dust=0)
    done = ph.film_track(np.array(list(scanned.scans())), tmp_path / "out.wav")
    sound = read_wav(done.output)
    assert snr_db(truth_of(scanned, sound.shape[1])[0], sound[0]) > 18


def test_colour_scans_of_a_folder_and_the_record(tmp_path):
    import tifffile

    folder = tmp_path / "scans"
    folder.mkdir()
    scanned = film("bilateral", 8, dust=0)
    for number, grey in enumerate(scanned.scans()):
        colour = np.stack([grey] * 3, axis=-1)
        tifffile.imwrite(folder / f"scan{number}.tif", colour, photometric="rgb")
    told = []
    done = ph.film_track(
        folder, tmp_path / "out.wav", track="left", kind="area", advance=6,
        progress=lambda *now: told.append(now),
    )  # fmt: skip
    assert told == [(n, 8) for n in range(1, 9)]
    sound = read_wav(done.output)
    begin = 6 * 2000
    assert not sound[:, : begin - 1].any()
    assert snr_db(truth_of(scanned, sound.shape[1] - begin)[0], sound[0, begin:]) > 18
    record = json.loads(record_path(done.output).read_text("utf-8"))
    assert (record["kind"], record["frames"], record["advance_frames"]) == ("area", 8, 6)
    assert record["snr_db"] == pytest.approx(done.snr_db)


def test_scans_without_holes_are_joined_by_what_they_share(tmp_path):
    scanned = film("density", 10, picture=False, width=96, overlap=0.1, dust=0, scratches=0)
    done = ph.film_track(
        np.array(list(scanned.scans())), tmp_path / "out.wav", track="8,88", kind="density"
    )
    assert done.joined_by == "overlap"
    assert done.pitch_lines == pytest.approx(scanned.pitch, abs=0.3)
    sound = read_wav(done.output)
    assert snr_db(truth_of(scanned, sound.shape[1])[0], sound[0]) > 8


def test_silent_film_has_no_track(tmp_path):
    scans = np.array(list(film("none", 6).scans()))
    with pytest.raises(ph.InputError, match="no soundtrack found in array: no strip"):
        ph.film_track(scans, tmp_path / "out.wav")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"track": "middle"}, "track 'middle' is no place"),
        ({"track": "40,20"}, "no strip of scans of 480 px"),
        ({"kind": "wide"}, "none of auto, area and density"),
        ({"advance": -1}, "is no number of frames"),
    ],
)
def test_refused(tmp_path, given, says):
    scans = np.zeros((4, 100, 480), np.uint8)
    with pytest.raises(ph.UsageError, match=says):
        ph.film_track(scans, tmp_path / "out.wav", **given)


def test_iterator_and_other_suffixes_are_refused(tmp_path):
    with pytest.raises(ph.UsageError, match="read only once"):
        ph.film_track(iter([]), tmp_path / "out.wav")
    with pytest.raises(ph.UsageError, match=r"choose \.wav"):
        ph.film_track("scans", tmp_path / "out.mp3")


def test_even_samples_are_the_same_in_any_pieces():
    lines = np.random.default_rng(0).standard_normal((2, 90_000))
    whole = Evener(2, 11_520, 48_000)
    once = np.concatenate([whole.add(lines), whole.finish()], axis=1)
    parts = Evener(2, 11_520, 48_000)
    blocks = [parts.add(lines[:, n : n + 777]) for n in range(0, 90_000, 777)]
    again = np.concatenate([*blocks, parts.finish()], axis=1)
    assert once.shape == again.shape == (2, 375_000)
    assert np.abs(once - again).max() < 1e-9


def test_tone_keeps_its_level_and_place():
    time = np.arange(60_000) / 11_520
    tone = Evener(1, 11_520, 48_000)
    out = np.concatenate([tone.add(np.sin(2 * np.pi * 1000 * time)[None]), tone.finish()], axis=1)
    want = np.sin(2 * np.pi * 1000 * np.arange(out.shape[1]) / 48_000)
    assert np.abs(out[0] - want)[4800:-4800].max() < 1e-3


def test_joined_lines_are_those_of_one_scan():
    line = np.arange(2200)
    sound = np.sin(2 * np.pi * line / 37)
    joiner = Joiner(200.0, 1)
    shifts = [0.0, 0.4, -0.7, 0.2, 0.5, 0.0, -0.3, 0.1]
    parts = []
    for number, shift in enumerate(shifts):
        at = number * 200 + shift + np.arange(214)
        parts += list(joiner.add(np.sin(2 * np.pi * at / 37)[None], shift))
    parts += list(joiner.finish())
    joined = np.concatenate(parts, axis=1)[0]
    assert np.abs(joined - sound[: len(joined)])[10:-10].max() < 5e-3
