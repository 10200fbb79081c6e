"""What became of a file, and how far all of them are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Status = Literal["done", "silent", "failed", "skipped"]
"""Sound was found; nothing stood above the noise; it could not be done; it was done before."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file of many.

    Attributes
    ----------
    source
        The file, as it was given or found.
    output
        The sound file that is there for it, or None.
    status
        ``"done"``, ``"silent"`` (nothing above the noise floor), ``"failed"``, or ``"skipped"``:
        done by an earlier run, from the same file with the same settings.
    sentence
        What was heard, or why not.
    seconds
        How long it took.
    band_hz
        Lowest and highest frequency kept, or None if it failed.
    snr_db
        The sound's power over that of the error; None if there is none.
    warnings
        Sentences that the user should read.
    """

    source: str
    output: Path | None
    status: Status
    sentence: str
    seconds: float
    band_hz: tuple[float, float] | None = None
    snr_db: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """A file under way: how many frames are measured, of how many (None where nobody knows)."""

    source: str
    done: int = 0
    total: int | None = None

    @property
    def share(self) -> float:
        """How much of it is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """How far all files are: what became of those that have ended, and which are under way."""

    ended: int
    total: int
    running: tuple[Running, ...] = ()


Told = Callable[[Standing], None]
"""Called a few times a second with how far all files are."""


def outcome_of(
    source: str, sound: Path, record: Mapping[str, Any], seconds: float, *, earlier: bool = False
) -> Outcome:
    """Return what a record tells of a file; `earlier` if it is that of an earlier run."""
    silent = record.get("detected") is False
    status: Status = "skipped" if earlier else "silent" if silent else "done"
    low, high = record["band_hz"]
    return Outcome(
        source=source,
        output=None if record["output"] is None else sound,
        status=status,
        sentence=("done already: " if earlier else "") + (_silence if silent else _heard)(record),
        seconds=seconds,
        band_hz=(low, high),
        snr_db=record["snr_db"],
        warnings=() if earlier else tuple(record["warnings"]),
    )


def _silence(record: Mapping[str, Any]) -> str:
    why = f" ({record['reason']})" if record["reason"] else ""
    return (
        f"nothing above the noise floor{why}: a motion of {record['detectable_px']:.2g} px RMS "
        "would have been heard"
    )


def _heard(record: Mapping[str, Any]) -> str:
    if record.get("heard_hz") is None:
        return "by the pyramid method, which has no verdict"
    low, high = record["heard_hz"]
    return (
        f"{record['motion_rms_px']:.2g} px RMS at {low:.4g} to {high:.4g} Hz, "
        f"{record['snr_db']:.1f} dB over the error"
    )
