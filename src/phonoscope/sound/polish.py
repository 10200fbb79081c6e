"""After the measured sound, and beside it: a version that is easier to listen to."""

from dataclasses import replace
from typing import Any, Literal, get_args

from phonoscope.choices import Kind, Mains
from phonoscope.errors import UsageError
from phonoscope.sound.enhance import enhance
from phonoscope.sound.mains import remove_mains
from phonoscope.types import Sound


def check_polish(kind: str | None, mains: str) -> None:
    """Raise `UsageError` unless `polish` takes these."""
    for name, word, words in (("enhance", kind, get_args(Kind)), ("mains", mains, get_args(Mains))):
        if word not in words and (name, word) != ("enhance", None):
            raise UsageError(f"{name} {word!r} is not known; give one of {', '.join(words)}.")


def polish(sound: Sound, kind: Kind | None, mains: Mains) -> Sound:
    """Return `sound` with an enhanced version, its facts in the record.

    The lines of the mains are removed first where there are any, then the noise that is known.

    Parameters
    ----------
    sound
        As measured; its samples stay as they are. Its equalised version is enhanced if it has one;
        its sources are enhanced, too.
    kind
        ``"speech"``, ``"general"``, or None: then only the mains are removed.
    mains
        ``"auto"`` removes what is detected of 50 or 60 Hz and harmonics, ``"50"`` and ``"60"`` look
        for one only, ``"off"`` for none.
    """
    check_polish(kind, mains)
    samples, noise_psd, lines = sound.samples, sound.noise_psd, []
    if sound.equalized is not None and sound.equalized_noise_psd is not None:
        samples, noise_psd = sound.equalized, sound.equalized_noise_psd
    if mains != "off":
        removal = remove_mains(samples, sound.rate_hz, "auto" if mains == "auto" else _grid(mains))
        samples = removal.samples
        lines = [
            {"frequency_hz": line.frequency_hz, "mains_hz": line.mains_hz, "rms_px": line.rms}
            for line in removal.lines
        ]
    if kind is not None:
        samples = enhance(samples, sound.rate_hz, noise_psd=noise_psd, kind=kind)
    facts: dict[str, Any] = {"enhance": kind, "mains": mains, "mains_lines": lines}
    return replace(
        sound,
        enhanced=samples,
        sources=tuple(polish(source, kind, mains) for source in sound.sources),
        record={**sound.record, **facts},
    )


def _grid(mains: Literal["50", "60"]) -> Literal[50, 60]:
    return 50 if mains == "50" else 60
