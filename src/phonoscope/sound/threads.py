"""How many threads linear algebra takes."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS take one thread: of matrices of a few hundred rows, two wait for each other.

    On a busy machine that took five to ten times as long as one thread.
    """
    import scipy.linalg  # noqa: F401 - limits hold for libraries that are loaded by now
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        yield
