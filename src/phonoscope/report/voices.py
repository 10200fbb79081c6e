"""Who speaks, in words and as a picture of the pitch."""

import os
from collections.abc import Sequence

import numpy as np

from phonoscope.report.drawing import BLUE, GREY, ORANGE, RED, new_figure, save, titled
from phonoscope.types import Diarisation, Gender, Identification, Speakers

_COLOURS = (BLUE, ORANGE, RED, "black")
_SHOWN_HZ = (60.0, 400.0)
_MOST_SPANS = 12


def draw_pitch(found: Speakers, path: str | os.PathLike[str]) -> None:
    """Draw the pitch over time, shaded where there is speech, in a colour for each speaker.

    Errors as of `phonoscope.report.draw_waveform`.
    """
    figure = new_figure(9.6, 2.8)
    axes = figure.subplots()
    time, pitch = found.pitch.time_s, found.pitch.pitch_hz
    for start, end in found.speech.segments_s:
        axes.axvspan(start, end, color=GREY, alpha=0.25, linewidth=0)
    turns = () if found.diarisation is None else found.diarisation.turns
    speaker = np.zeros(len(time), np.intp)
    for turn in turns:
        speaker[(time >= turn.start_s) & (time <= turn.end_s)] = turn.speaker
    numbers = np.unique(speaker)
    for number in numbers:
        own = speaker == number
        axes.plot(
            time[own], pitch[own], ".", markersize=3, color=_COLOURS[number],
            label=f"speaker {number + 1}",
        )  # fmt: skip
    if len(numbers) > 1:
        axes.legend(fontsize=8, loc="upper right", ncols=4)
    axes.set_yscale("log")
    axes.set_ylim(*_SHOWN_HZ)
    axes.set_yticks([75, 100, 150, 200, 300], ["75", "100", "150", "200", "300"])
    axes.minorticks_off()
    axes.set_xlim(0, time[-1] if len(time) > 1 else 1)
    titled(axes, "pitch (shaded: speech)", "time, s", "pitch, Hz")
    save(figure, path)


def told_of(found: Speakers) -> list[tuple[str, str]]:
    """Return what is known of who spoke as (what, words), where there is speech."""
    low, high = found.band_hz
    spans = [f"{start:.1f} to {end:.1f}" for start, end in found.speech.segments_s]
    assert found.gender is not None
    return [
        ("speech", f"{found.speech.duration_s:.1f} s, at {_some(spans)} s"),
        ("band", f"{low:.0f} to {high:.0f} Hz"),
        ("pitch", f"{found.gender.pitch_hz:.0f} Hz, of {found.gender.voiced_s:.1f} s of voice"),
        ("voice", _voice(found.gender)),
        *_counted(found.diarisation, found.least, found.number),
        *_compared(found.identifications),
    ]


def _some(spans: list[str]) -> str:
    return ", ".join(spans[:_MOST_SPANS]) + (" ..." if len(spans) > _MOST_SPANS else "")


def _counted(found: Diarisation | None, least: float, number: int | None) -> list[tuple[str, str]]:
    if found is None:
        return [("number", "cannot tell: there is too little band or speech to tell voices apart")]
    probability = found.probability[found.speakers - 1]
    people = "1 person" if found.speakers == 1 else f"{found.speakers} people"
    if number is None and probability < least:
        odds = ", ".join(f"{n}: {p:.0%}" for n, p in enumerate(found.probability, 1))
        return [("number", f"cannot tell how many people speak ({odds})")]
    said = "as given" if number else f"with a probability of {probability:.0%}"
    lines = [("number", f"{people}, {said}")]
    if found.speakers > 1:
        turns = [f"{t.speaker + 1} at {t.start_s:.1f} to {t.end_s:.1f}" for t in found.turns]
        lines.append(("turns", f"{_some(turns)} s"))
    return lines


def _compared(found: Sequence[Identification | None]) -> list[tuple[str, str]]:
    lines = []
    for number, one in enumerate(found, 1):
        name = "who" if len(found) == 1 else f"who is {number}"
        texts = ["says too little to be compared"] if one is None else _named(one)
        lines += [(name, text) for text in texts]
    return lines


def _named(found: Identification) -> list[str]:
    """Return a line for each person enrolled, and one for none of them."""
    lines = [
        f"{one.name}: {_likelier(one.log10_lr)} if it is this person's voice than if another's; "
        f"{one.probability:.0%} of those enrolled"
        for one in found.comparisons
    ]
    lines.append(f"none of them: {found.none_probability:.0%}, if {found.none_prior:.0%} before")
    if found.colour == "estimated":
        lines.append("weak evidence: the object's own colour is not known, only estimated")
    return lines


def _likelier(log10_lr: float) -> str:
    ratio = 10 ** abs(log10_lr)
    shown = f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"
    return f"{shown} times as likely" if log10_lr >= 0 else f"1/{shown} as likely"


def _voice(gender: Gender) -> str:
    if gender.answer == "cannot tell":
        return f"cannot tell woman from man ({gender.reason})"
    who = {"female": "a woman's", "male": "a man's"}[gender.answer]
    return f"{who}, with a probability of {gender.confidence:.0%}, if it is one adult's"
