"""How one file is to be recovered: the options of `recover`, checked and in one form."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from phonoscope.choices import Direction, Kind, Mains, Method, Pattern, ShutterKind, Weights
from phonoscope.errors import UsageError

_YES, _NO = ("yes", "true", "1"), ("no", "false", "0")
_OF_THE_FILE = ("rate", "force")  # what `recover` itself does not take


@dataclass(frozen=True, slots=True)
class Settings:
    """Options of `recover` by their names, and of the file that is written.

    Values are such as JSON can hold, so that what was asked is found again as it was.
    """

    fps: str | None = None
    region: tuple[str, ...] = ()
    band: tuple[float, float] | None = None
    cell: int | None = None
    start: float = 0.0
    duration: float | None = None
    shutter: ShutterKind | None = None
    line_delay: float | None = None
    readout: float | None = None
    direction: Direction | None = None
    enhance: Kind | None = None
    mains: Mains = "auto"
    equalize: str | None = None
    exposure: float | None = None
    separate: bool = False
    method: Method = "array"
    scales: int = 4
    orientations: int = 2
    weights: Weights = "equal"
    pattern: Pattern = "texture"
    device: str = "cpu"
    rate: int | Literal["native"] = 48000
    force: bool = False

    @classmethod
    def checked(cls, given: Mapping[str, Any]) -> "Settings":
        """Return options in one form, as far checked as that is possible without the file.

        Raises
        ------
        UsageError
            If there is no option of that name, or its value cannot be right.
        """
        from phonoscope.audio import check_file_rate
        from phonoscope.motion import check_device
        from phonoscope.pipeline.request import Reading, Request, parse_duration

        unknown = [name for name in given if name not in OPTIONS]
        if unknown:
            raise UsageError(
                f"there is no option {unknown[0]!r}; give some of {', '.join(OPTIONS)}."
            )
        asked = cls(**given)
        for name, words in _WORDS.items():
            _check_word(name, getattr(asked, name), words)
        check_device(asked.device)
        reading = Reading.checked(asked.shutter, asked.line_delay, asked.readout, asked.direction)
        request = Request.checked(
            None, asked.fps, asked.region, asked.cell, asked.start, asked.duration,
            band=asked.band, reading=reading, pattern=asked.pattern, device=asked.device,
        )  # fmt: skip
        exposure = asked.exposure
        return cls(**asdict(asked) | {
            "fps": None if request.fps is None else str(request.fps),
            "region": tuple(str(region) for region in request.regions),
            "band": request.band,
            "start": request.start,
            "duration": request.duration,
            "shutter": reading.shutter,
            "line_delay": reading.line_delay_s,
            "readout": reading.readout_s,
            "equalize": None if asked.equalize is None else str(asked.equalize),
            "exposure": None if exposure is None else parse_duration("exposure", exposure),
            "rate": check_file_rate("a.wav", asked.rate),
        })  # fmt: skip

    def of_recover(self) -> dict[str, Any]:
        """Return the options that the function `recover` takes."""
        return {name: value for name, value in asdict(self).items() if name not in _OF_THE_FILE}


OPTIONS = tuple(field.name for field in fields(Settings))
"""Names of the options that each file may have for itself."""
_WORDS = {
    "shutter": get_args(ShutterKind),
    "direction": get_args(Direction),
    "enhance": get_args(Kind),
    "mains": get_args(Mains),
    "method": get_args(Method),
    "pattern": get_args(Pattern),
    "weights": get_args(Weights),
}


def parse_option(name: str, text: str, folder: Path) -> Any:
    """Return the value of an option from the cell of a table.

    Parameters
    ----------
    name
        One of `OPTIONS`.
    text
        The cell, not empty. Several regions are parted by semicolons.
    folder
        From which a relative path leads.

    Raises
    ------
    UsageError
        If it is no such value.
    """
    if name in ("cell", "scales", "orientations"):
        return _number(name, text, int, "a whole number")
    if name in ("start", "duration"):
        return _number(name, text, float, "a number")
    if name in ("separate", "force"):
        if text.lower() not in (*_YES, *_NO):
            raise UsageError(f"{name} {text!r} is not known; give yes or no.")
        return text.lower() in _YES
    if name == "region":
        return tuple(part.strip() for part in text.split(";") if part.strip())
    return str(folder / text) if name == "equalize" else text


def _number(name: str, text: str, kind: Callable[[str], Any], what: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise UsageError(f"{name} {text!r} is not {what}; correct it.") from None


def _check_word(name: str, word: Any, words: tuple[str, ...]) -> None:
    if word not in words and not (
        word is None and name not in ("mains", "method", "pattern", "weights")
    ):
        raise UsageError(f"{name} {word!r} is not known; give one of {', '.join(words)}.")
