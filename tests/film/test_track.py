"""Optical soundtracks against rendered scans whose sound is known."""

import json
from pathlib import Path

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.evaluate import align
from phonoscope.film import Evener, Joiner
from phonoscope.film.edges import refined
from phonoscope.film.foretell import Foretelling
from phonoscope.film.specks import Speck, behind, touched
from phonoscope.pipeline.film import record_path
from phonoscope.scene import FilmScan

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    from film_yardsticks import SOUND_HZ as RATE
    from film_yardsticks import ideal_db, limited, ours_db, read_wav, spoken

WITHIN_DB = 2.0  # of the ideal reader
PLACE_PX = 16  # beside the track, of borders that are black


def film(kind, frames=12, seed=0, channels=1, **given):
    sound = np.array([spoken(frames / 24 + 0.2, seed + 7 * c) for c in range(channels)])
    return FilmScan(sound, RATE, kind=kind, frames=frames, seed=seed, **{"width": 480, **given})


def truth_of(scanned, samples):
    line = np.arange(samples) / 48000 * scanned.line_rate_hz
    return scanned.sound_at(line + (scanned.pitch - scanned.height) / 2)


def snr_db(scanned, sound):
    truth = truth_of(scanned, sound.shape[1])[0]
    inner = slice(2400, -2400)
    _, lag, sign = align(
        limited(truth, 48000)[inner], limited(sound[0], 48000)[inner], 48000, max_lag_s=0.005
    )
    assert (abs(lag) < 1e-4, sign) == (True, 1)
    return ours_db(scanned, sound)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "channels", "found", "side", "skew"),
    [("unilateral", 1, "area", "left", 0.002), ("bilateral", 1, "area", "right", -0.002),
     ("dual", 1, "area", "right", 0.0), ("dual", 2, "area", "left", 0.002),
     ("density", 1, "density", "right", 0.002)],
)  # fmt: skip
def test_sound_is_near_what_an_ideal_reader_hears(tmp_path, kind, channels, found, side, skew):
    scanned = film(kind, 12, seed=3, channels=channels, width=640, side=side, skew=skew)
    done = ph.film_track(np.array(list(scanned.scans())), tmp_path / "out.wav")
    assert (done.kind, done.channels, done.frames) == (found, channels, 12)
    assert done.skew_lines == pytest.approx(
        abs(skew) * (done.stop_px - done.first_px), abs=0.02 if found == "area" else 0.05
    )
    first, last = scanned.place
    assert first - PLACE_PX * 1.5 <= done.first_px <= first + 2
    assert last - 2 <= done.stop_px <= last + PLACE_PX * 1.5
    assert done.pitch_lines == pytest.approx(scanned.pitch, abs=0.03)
    sound = read_wav(done.output)
    assert sound.shape[0] == channels
    assert snr_db(scanned, sound) > ideal_db(scanned) - WITHIN_DB


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
    assert snr_db(scanned, sound) > 18


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
    assert snr_db(scanned, sound[:, begin:]) > 18
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
    assert snr_db(scanned, sound) > 8


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


def smooth_rows(rows, lines, seed):
    """Rows of band-limited motion, px, with the noise of a fit."""
    random = np.random.default_rng(seed)
    spectrum = np.fft.rfft(random.standard_normal((rows, lines)), axis=1)
    spectrum[:, lines // 4 :] = 0  # half of what lines can hold
    return 5 * np.fft.irfft(spectrum, lines, axis=1) + 0.05 * random.standard_normal((rows, lines))


def test_lines_under_a_speck_are_foretold():
    rows = smooth_rows(40, 240, 0)
    told = Foretelling.of(list(rows[1:]))
    place = rows[0] + 100
    hidden = np.zeros(240, bool)
    hidden[100:102] = True
    filled, covariance = told.filled(np.where(hidden, np.nan, place), hidden)
    doubt = np.sqrt(np.diag(covariance))
    # Straight lines between the neighbours would be off by 2 px.
    assert (np.abs(filled - place)[hidden] < 4 * doubt).all()
    assert doubt.max() < 0.6
    assert (filled[~hidden] == place[~hidden]).all()


def test_a_louder_scan_is_foretold_with_more_doubt():
    rows = smooth_rows(40, 240, 0)
    told = Foretelling.of(list(rows[1:]))
    hidden = np.zeros(240, bool)
    hidden[100:105] = True
    doubts = [
        np.sqrt(np.diag(told.filled(gain * rows[0], hidden)[1]).max()) for gain in (0.25, 1, 4)
    ]
    assert doubts[0] < 0.6 * doubts[1]
    assert doubts[1] < 0.6 * doubts[2]


def lines_with_an_edge(place, speck, seed=0):
    """Lines ``(line, column)`` that are clear up to an edge, under a speck of some columns."""
    from scipy.special import ndtr

    column = np.arange(60)
    share = 1 - ndtr((column - place[:, None]) / 0.85)
    for line, (first, stop) in enumerate(speck):
        share[line, first:stop] = np.where(column[first:stop] < place[line], 0.02, -0.035)
    return share + 0.02 * np.random.default_rng(seed).standard_normal(share.shape)


def test_an_edge_on_columns_of_no_use_has_no_place():
    share = lines_with_an_edge(np.array([40.3]), [(0, 0)])
    where = np.array([0]), np.array([40]), np.array([-1.0])
    usable = np.ones(60, bool)
    assert refined(share, *where, 0.85, usable=usable)[0][0] == pytest.approx(40.3, abs=0.1)
    usable[36:46] = False
    assert np.isnan(refined(share, *where, 0.85, usable=usable)[0][0])


def test_an_edge_that_a_speck_has_swallowed_is_not_taken_for_the_speck_s():
    place = np.array([40.3, 41.0, 40.6, 39.8])
    covered = [(36, 44), (35, 45), (35, 45), (40, 40)]
    share = lines_with_an_edge(place, covered)
    noise, usable = (4e-4, 4e-4, 0.0), np.ones(60, bool)
    speck = Speck(-0.035, 0.02, 0.02)
    seen = np.array([36.0, 35.0, 35.0, 39.8])
    assert touched(share, seen, -1.0, noise, speck, usable).all()  # and the line beside
    clean = lines_with_an_edge(place, [(0, 0)] * 4)
    assert not touched(clean, place, -1.0, noise, speck, usable).any()
    others = np.column_stack([np.full(4, -20.0), seen])
    foretold, covariance = place + np.array([0.3, -0.2, 0.3, 0.4]), 0.4**2 * np.eye(4)
    told, variance = behind(share, others, 1, foretold, covariance, 0.85, noise, speck, usable)
    assert np.abs(told - place)[:3].max() < 0.6  # its own border lies 4 px off
    assert np.abs(told - place)[3] < 0.1  # what is in order tells where it is
    assert variance[3] < 0.01 < variance[:3].min()
