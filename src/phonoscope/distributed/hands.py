"""The workers of a cluster, and the tasks that they are at."""

import contextlib
import pickle
import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from phonoscope.errors import ClusterError, InputUnreachableError, PhonoscopeError

_LOOK_S = 1.0
_NO_WORKER_S = 120.0
_GATHER_S = 300.0
_RETRIES = 3  # where a source could not be reached from a worker
_AHEAD = 2  # tasks for each thread: the one that it is at, and the next


class Hands:
    """What a connected cluster can do. What it is at is cancelled when this is closed.

    A worker that goes away costs what it was at, which others begin anew.
    """

    def __init__(self, client: Any, name: str) -> None:
        self._client, self._name = client, name
        self._pending: dict[str, tuple[Any, Any]] = {}
        self._ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._threads, self._looked, self._seen = 0, -_LOOK_S, time.monotonic()

    @property
    def threads(self) -> int:
        """How many threads the workers have now, all of them together."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_S:
            try:
                self._threads = sum(self._client.nthreads().values())
            except (OSError, RuntimeError) as error:
                raise self._gone() from error
            self._looked = now
            if self._threads:
                self._seen = now
        return self._threads

    @property
    def has_room(self) -> bool:
        """Whether another task would not have to wait for long."""
        return len(self._pending) < max(1, _AHEAD * self.threads)

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._pending

    def hold(self, value: Any) -> Any:
        """Return what stands for a value in arguments of tasks; workers get it once each."""
        # The scheduler has what it is made from, so that it survives every worker.
        return self._client.submit(pickle.loads, _bytes_of(value), pure=False)

    def begin(
        self, label: Any, function: Callable[..., Any], *given: Any, held: Any = None
    ) -> None:
        """Have a function called by a worker.

        Parameters
        ----------
        label
            By which `ended` tells it from others.
        function
            Of a module.
        given
            Its arguments, after `held`: they are opened by the worker alone.
        held
            Its first argument, from `hold`.
        """
        future = self._client.submit(
            call, held, _bytes_of((function, given)), pure=False, retries=_RETRIES
        )
        self._pending[future.key] = label, future
        future.add_done_callback(self._ended.put)

    def ended(self) -> tuple[Any, Any]:
        """Wait for a task to end; return its label, and its result or its error.

        Raises
        ------
        ClusterError
            If the cluster is gone, or has no workers for minutes.
        """
        while True:
            try:
                future = self._ended.get(timeout=_LOOK_S)
            except queue.Empty:
                self._look()
                continue
            if future.key not in self._pending:
                continue
            if future.status == "lost":  # with the worker that had it: another makes it anew
                future.add_done_callback(self._ended.put)
            else:
                label, _ = self._pending.pop(future.key)
                return label, self._result(future)

    def close(self) -> None:
        """Cancel what is under way."""
        pending, self._pending = self._pending, {}
        if pending:
            with contextlib.suppress(Exception):  # what is gone needs no cancelling
                self._client.cancel([future for _, future in pending.values()], force=True)

    def _look(self) -> None:
        if self._client.status != "running":
            raise self._gone()
        try:
            threads = self.threads
        except (OSError, RuntimeError) as error:
            raise self._gone() from error
        if not threads and time.monotonic() - self._seen > _NO_WORKER_S:
            raise ClusterError(
                f"{self._name} has had no workers for {_NO_WORKER_S:.0f} s; begin some with dask "
                "worker."
            )

    def _gone(self) -> ClusterError:
        return ClusterError(
            f"the scheduler of {self._name} does not answer any more; look whether it runs."
        )

    def _result(self, future: Any) -> Any:
        if future.status == "cancelled":
            raise self._gone()
        try:
            result = future.result(timeout=_GATHER_S)
            return result.error if isinstance(result, Failed) else result
        except PhonoscopeError as error:
            return error
        except Exception as error:  # of whatever kind, it gets a sentence
            return self._why(error)

    def _why(self, error: Exception) -> ClusterError:
        import distributed

        if isinstance(error, distributed.CancelledError | TimeoutError):
            return self._gone()
        if isinstance(error, distributed.KilledWorker):
            return ClusterError(
                f"{error.allowed_failures + 1} workers of {self._name} have ended one after the "
                "other at the same piece of work, as they do that run out of memory; give them "
                "more, choose a smaller region, or look into their logs."
            )
        if isinstance(error, ModuleNotFoundError) or "deserialization" in str(error):
            return ClusterError(
                f"{self._name} cannot run this ({_first_line(error.__cause__ or error)}); install "
                "the same version of phonoscope[dask] on the scheduler and on all workers."
            )
        return ClusterError(
            f"a worker of {self._name} failed ({type(error).__name__}: {_first_line(error)}); look "
            "into its log."
        )


@dataclass(frozen=True, slots=True)
class Failed:
    """What a function returned that raised an error."""

    error: PhonoscopeError


def call(held: Any, packed: bytes) -> Any:
    """Call a function as a worker; return what it returns, or the error that it will always raise.

    What may be over when it is tried again is raised, and tried again.
    """
    try:
        function, given = pickle.loads(packed)
        return function(held, *given)
    except InputUnreachableError:
        raise
    except PhonoscopeError as error:
        return Failed(error)


def own_folder() -> str:
    """Return the folder of the worker that calls this, which goes with it however it ends."""
    import distributed

    get: Any = distributed.get_worker
    return str(get().local_directory)


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _bytes_of(value: Any) -> bytes:
    # In bytes, arguments pass through the scheduler unopened.
    return pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
