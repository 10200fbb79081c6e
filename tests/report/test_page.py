"""The page opens from disk, holds all that it shows, and says what there is to say."""

import base64
import json
import re
import warnings
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.report import told_of, write_report
from phonoscope.scene import Camera, Motion, Scene, Texture, tones
from phonoscope.types import (
    Comparison,
    Diarisation,
    Gender,
    Identification,
    PitchTrack,
    Speakers,
    SpeechActivity,
    Turn,
)


@pytest.fixture(scope="module")
def heard():
    scene = Scene(
        Camera(96, 64, Fraction(2200), 0.0), Texture("speckle"), Motion(0.05),
        tones(1.0, 8000, [200, 330]), 8000, 800,
    )  # fmt: skip
    frames = list(scene.frames())
    field = ph.measure(frames, fps=2200)
    return field, ph.recover(field, enhance="general")


def _parsed(page):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import html5lib

        parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
        return parser.parse(page.read_text("utf-8"))


@pytest.fixture(scope="module")
def report(heard, tmp_path_factory):
    folder = tmp_path_factory.mktemp("a ü") / "report"
    field, sound = heard
    shapes = ph.deflection_shapes(field, sound, [200.0])
    return write_report(folder, field, sound, shapes=shapes, command="phonoscope 'a <b>'")


def test_the_page_is_valid_and_needs_nothing_else(report):
    page = _parsed(report)
    assert page.find("body") is not None
    for element in page.iter():
        for name in ("src", "href"):
            assert element.get(name, "data:").startswith("data:"), element.tag
    text = report.read_text("utf-8")
    assert not re.search(r"@import|url\(|<script", text)
    assert "phonoscope &#x27;a &lt;b&gt;&#x27;" in text  # nothing of a name becomes markup


def test_every_picture_and_player_says_what_it_is(report):
    page = _parsed(report)
    images, players = list(page.iter("img")), list(page.iter("audio"))
    assert len(images) == 6  # four of the sound; a shape, and its animation
    assert len(players) == 2
    for image in images:
        assert len(image.get("alt")) > 20
    assert {p.get("aria-label") for p in players} == {
        "The sound as measured", "The sound enhanced for listening",
    }  # fmt: skip
    assert page.get("lang") == "en"


def test_no_probability_is_told_as_zero(heard, tmp_path):
    field, sound = heard
    certain = replace(sound, verdict=replace(sound.verdict, p_value=0.0))
    text = write_report(tmp_path / "r", field, certain).read_text("utf-8")
    assert "a probability below 1e-300" in text


def test_the_players_play_what_was_measured(report, heard, tmp_path):
    player = next(_parsed(report).iter("audio"))
    path = tmp_path / "played.flac"
    path.write_bytes(base64.b64decode(player.get("src").partition(",")[2]))
    played, rate, _ = ph.read_audio(path)
    written, file_rate, _ = ph.read_audio(report.parent / "sound.wav")
    assert rate == file_rate
    np.testing.assert_allclose(played, written, atol=2**-23)


@pytest.mark.slow
def test_the_page_shows_all_from_disk_without_a_network(report, browser):
    context = browser.new_context(offline=True, accept_downloads=False)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text))
    page.on("requestfailed", lambda request: wrong.append(request.url[:80]))
    page.goto(report.as_uri())
    shown = page.evaluate("[...document.images].map((image) => image.naturalWidth)")
    players = """Promise.all([...document.querySelectorAll('audio')].map((each) =>
      each.readyState ? each.duration : new Promise((done) =>
        each.addEventListener('loadedmetadata', () => done(each.duration)))))"""
    lengths = page.evaluate(players)
    context.close()
    assert wrong == []
    assert min(shown) == 96  # the animation is as wide as the scene
    assert lengths == pytest.approx([800 / 2200] * 2, abs=0.01)


def _luminance(colour):
    digits = colour if len(colour) == 6 else "".join(2 * digit for digit in colour)
    levels = np.array([int(digits[n : n + 2], 16) for n in (0, 2, 4)]) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_text_stands_out_from_the_page(report):
    text = report.read_text("utf-8")
    for names in re.findall(r":root \{([^}]*)\}", text):
        colours = dict(re.findall(r"--(\w+): #(\w+);", names))
        for front in ("text", "soft"):
            pair = sorted((_luminance(colours[front]), _luminance(colours["page"])), reverse=True)
            assert (pair[0] + 0.05) / (pair[1] + 0.05) >= 4.5, (front, colours)  # WCAG 2.2, AA


def test_what_lies_beside_the_page(report):
    names = {path.name for path in report.parent.iterdir()}
    assert names == {
        "report.html", "record.json", "sound.wav", "sound.enhanced.wav", "spectrogram.png",
        "waveform.png", "spectrum.png", "hearing.png", "shape_200Hz.png", "shape_200Hz.webp",
    }  # fmt: skip
    record = json.loads((report.parent / "record.json").read_text("utf-8"))
    assert record["command"] == "phonoscope 'a <b>'"
    assert set(record["report"]) == names - {"report.html", "record.json"}
    for name, digest in record["report"].items():
        assert ph.files.sha256(report.parent / name) == digest
    text = "".join(_parsed(report).itertext())
    for fact in ("2200 frames/s (user)", "numpy", *record["report"].values()):
        assert fact in text


def _contrast(one, other):
    # Of the Web Content Accessibility Guidelines, 1.4.3.
    def luminance(colour):
        long = colour if len(colour) == 6 else "".join(2 * c for c in colour)
        parts = np.array([int(long[n : n + 2], 16) for n in (0, 2, 4)]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    low, high = sorted(map(luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def test_text_stands_out_in_light_and_dark(report):
    style = report.read_text("utf-8").split("<style>")[1].split("</style>")[0]
    found = re.findall(r"--(text|page|soft): #(\w+)", style)
    assert len(found) == 6
    for scheme in (dict(found[:3]), dict(found[3:])):
        assert _contrast(scheme["text"], scheme["page"]) > 7
        assert _contrast(scheme["soft"], scheme["page"]) > 4.5


def test_silence_is_said(tmp_path):
    frames = np.random.default_rng(0).normal(120, 20, (64, 96)) + np.random.default_rng(1).normal(
        0, 2, (400, 64, 96)
    )
    field = ph.measure(np.clip(np.rint(frames), 0, 255).astype(np.uint8), fps=2200)
    page = write_report(tmp_path / "report", field, ph.recover(field))
    text = " ".join("".join(_parsed(page).itertext()).split())
    assert "Nothing above the noise floor." in text
    assert re.search(r"A motion of [\d.e-]+ px RMS would have been heard", text)


def test_a_report_takes_the_place_of_an_older_one_only(heard, tmp_path):
    field, sound = heard
    folder = tmp_path / "report"
    folder.mkdir()
    write_report(folder, field, sound, shapes=ph.deflection_shapes(field, sound, [150.0]))
    (folder / "notes.txt").write_text("mine")
    write_report(folder, field, sound)
    assert not (folder / "shape_150Hz.png").exists()
    assert (folder / "notes.txt").read_text() == "mine"
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "report.html").write_text("<html>my own</html>")
    for taken in (mine, tmp_path / "mine" / "report.html"):
        with pytest.raises(ph.UsageError, match=r"something else|is a file"):
            write_report(taken, field, sound)
    assert (mine / "report.html").read_text() == "<html>my own</html>"
    with pytest.raises(ph.OutputError):
        write_report(tmp_path / "no" / "such", field, sound)


def test_what_fails_half_way_leaves_nothing(heard, tmp_path, monkeypatch):
    field, sound = heard

    def fails(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("phonoscope.report.page.draw_hearing", fails)
    with pytest.raises(KeyboardInterrupt):
        write_report(tmp_path / "report", field, sound)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def two_speak():
    time = np.arange(0, 2, 0.01)
    pitch = np.where(time < 1, 110.0, 210.0)
    pitch[::7] = np.nan
    return Speakers(
        SpeechActivity(True, 3.0, 1.0, ((0.1, 1.9),)),
        PitchTrack(time, pitch, np.full(len(time), 0.8)),
        Gender("male", 0.1, -2.2, 0.8, 112.0, 1.5),
        2200.0,
        (20.0, 1100.0),
        0.8,
        None,
        Diarisation(
            2, np.array([0.1, 0.85, 0.05, 0.0]), (Turn(0.1, 0.95, 0), Turn(1.05, 1.9, 1))
        ),
        (
            Identification(
                (Comparison("<anna>", 1.5, 0.9, 10.0), Comparison("bert", -3.0, 0.1, 9.0)),
                0.4, 0.5, 1.4, (20.0, 1100.0), 15.0, "estimated",
            ),
        ),
    )  # fmt: skip


def test_the_page_says_who_speaks(heard, two_speak, tmp_path):
    page = write_report(tmp_path / "report", *heard, speakers=two_speak)
    assert _parsed(page).find("body") is not None
    text = page.read_text("utf-8")
    assert "Who speaks" in text
    assert "a man&#x27;s, with a probability of 90%" in text
    assert "2 people, with a probability of 85%" in text
    assert "1 at 0.1 to 0.9, 2 at 1.1 to 1.9 s" in text
    assert "&lt;anna&gt;: 32 times as likely" in text
    assert "bert: 1/1,000 as likely" in text
    assert "none of them: 40%, if 50% before" in text
    assert (page.parent / "pitch.png").stat().st_size > 5000


def test_where_nobody_speaks_the_page_does_not_say_who(heard, tmp_path):
    found = ph.speakers_in(heard[1])
    assert not found.speech.detected
    page = write_report(tmp_path / "report", *heard, speakers=found)
    assert "Who speaks" not in page.read_text("utf-8")
    assert not (page.parent / "pitch.png").exists()


@pytest.mark.parametrize(
    ("probability", "least", "number", "words"),
    [
        ([0.5, 0.3, 0.2, 0.0], 0.8, None, "cannot tell how many people speak (1: 50%, 2: 30%"),
        ([0.9, 0.1, 0.0, 0.0], 0.8, None, "1 person, with a probability of 90%"),
        ([0.5, 0.3, 0.2, 0.0], 0.8, 1, "1 person, as given"),
    ],
)
def test_how_many_is_said_only_when_it_is_sure(two_speak, probability, least, number, words):
    turns = Diarisation(1, np.array(probability), (Turn(0.1, 1.9, 0),))
    found = replace(two_speak, diarisation=turns, least=least, number=number)
    assert words in dict(told_of(found))["number"]
