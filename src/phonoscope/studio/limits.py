"""How much a file may ask for before it is given up."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of the processes that open files, and of uploads.

    Attributes
    ----------
    memory_bytes
        Address space of a process that opens files; libraries take the first gigabyte.
    look_s
        Longest that a first picture, a file's facts or an inspection may take.
    listen_s
        Longest that listening to a measured field may take.
    job_s
        Longest that a whole job may take.
    upload_bytes
        Largest upload.
    idle_s
        Time without a question after which a process that waits for more is ended.
    """

    memory_bytes: int = 8 * 2**30
    look_s: float = 120.0
    listen_s: float = 600.0
    job_s: float = 24 * 3600.0
    upload_bytes: int = 64 * 2**30
    idle_s: float = 120.0
