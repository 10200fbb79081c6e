"""Which cluster is meant, and whether it can be used."""

import logging
import signal
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from phonoscope.distributed.hands import Hands
from phonoscope.errors import ClusterError, MissingExtraError, UsageError

_CONNECT_S = 10.0
# What results, and what is sent from one to the other, depend on.
_ALIKE = ("phonoscope", "python", "dask", "distributed", "numpy", "numba", "av")
_OF_SCHEDULER = ("phonoscope", "python", "dask", "distributed")
_MOST_NAMED = 3
_LOG = logging.getLogger("distributed")


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Dask cluster that is there, by its scheduler's address, or one to be begun here.

    Attributes
    ----------
    address
        Such as ``tcp://host:8786``, or a scheduler file (``*.json``); None for one here.
    workers
        Number of processes, of one thread each, of one here.
    """

    address: str | None
    workers: int | None

    @classmethod
    def checked(cls, dask: str | None, workers: int | None) -> "Cluster | None":
        """Return what is meant, or None where neither is given.

        Raises
        ------
        UsageError
            If both are given, or one cannot be right.
        MissingExtraError
            If Dask is not installed.
        """
        if dask is None and workers is None:
            return None
        if dask is not None and workers is not None:
            raise UsageError(
                f"workers {workers} are for a cluster on this machine, and {dask} is one that is "
                "there; give one of them."
            )
        if workers is not None and workers < 1:
            raise UsageError(f"workers is {workers}; give how many processes to begin, 1 or more.")
        if dask is not None and not dask.strip():
            raise UsageError("the address of the cluster is empty; give one, as tcp://host:8786.")
        try:
            import distributed  # noqa: F401
        except ImportError:
            raise MissingExtraError(
                "other machines and workers need Dask: pip install 'phonoscope[dask]'"
            ) from None
        return cls(dask, workers)

    @property
    def name(self) -> str:
        """For people."""
        return self.address or f"the cluster of {self.workers} workers"

    @contextmanager
    def connected(self) -> Iterator[Hands]:
        """Yield the hands of the cluster; of one that is begun here, nothing is left afterwards.

        Raises
        ------
        ClusterError
            If it cannot be reached, or another version is installed there.
        """
        import dask

        import distributed

        level = _LOG.level
        _LOG.setLevel(logging.CRITICAL + 1)  # what matters is said in a sentence
        # The picture that motion is measured against is sent once, and may be large.
        settings = {"distributed.admin.large-graph-warning-threshold": "1 GiB"}
        try:
            with dask.config.set(settings):
                if self.address is None:
                    with _local(distributed, self.workers) as local, self._client(local) as client:
                        client.wait_for_workers(self.workers)
                        with closing(Hands(client, self.name)) as hands:
                            yield hands
                else:
                    with self._client(self.address) as client:
                        _check_versions(client.get_versions(packages=[*_ALIKE]), self.name)
                        with closing(Hands(client, self.name)) as hands:
                            yield hands
        finally:
            _LOG.setLevel(level)

    def _client(self, cluster: Any) -> Any:
        from distributed import Client

        begin: Any = Client
        given: dict[str, Any] = {"address": cluster}
        try:
            if str(self.address).endswith(".json"):
                given = {"scheduler_file": self.address}
                Path(str(self.address)).stat()  # Dask would wait for it
            return begin(**given, timeout=_CONNECT_S, set_as_default=False, name="phonoscope")
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
            raise ClusterError(
                f"no Dask scheduler answers at {self.name} ({reason}); begin one with dask "
                "scheduler, and give the address that it prints, such as tcp://host:8786."
            ) from error


def _local(distributed: Any, workers: int | None) -> Any:
    # A process inherits what is held back from the thread that begins it, and so never sees the
    # Ctrl-C of a terminal. The tracker of Python's own would let it through again.
    resource_tracker.ensure_running()
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, host="127.0.0.1",
            dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL + 1,
        )  # fmt: skip
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _check_versions(found: Mapping[str, Any], name: str) -> None:
    """Raise `ClusterError` if what is installed on a cluster is not what is installed here."""
    own = _packages(found["client"])
    told = []
    for who, there, names in (
        ("the scheduler", found["scheduler"], _OF_SCHEDULER),
        *((f"worker {address}", there, _ALIKE) for address, there in found["workers"].items()),
    ):
        theirs = _packages(there)
        told += [
            f"{who} has {package} {theirs.get(package) or 'not at all'}, and here is {own[package]}"
            for package in names
            if theirs.get(package) != own[package]
        ]
    if told:
        more = f", and {len(told) - _MOST_NAMED} more differ" if len(told) > _MOST_NAMED else ""
        raise ClusterError(
            f"{name} has other versions: {'; '.join(told[:_MOST_NAMED])}{more}; install the same "
            "everywhere."
        )


def _packages(found: Mapping[str, Any] | None) -> dict[str, str | None]:
    packages = dict((found or {}).get("packages", {}))
    if packages.get("python"):
        packages["python"] = ".".join(str(packages["python"]).split(".")[:2])
    return packages
