"""Start the studio, and say where it is."""

import contextlib
import secrets
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from phonoscope.errors import InputNotFoundError, OutputError, UsageError
from phonoscope.studio.guard import is_loopback
from phonoscope.studio.limits import Limits

_ENDS_WITHIN_S = 1  # what is still being sent


def serve(
    folders: Sequence[Path],
    data: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8765,
    limits: Limits | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve the page until it is interrupted.

    Parameters
    ----------
    folders
        Whose videos may be opened.
    data
        Folder for jobs and uploads.
    host, port
        Where it listens; beyond loopback with a token, which is part of the address. Port 0 is any
        that is free.
    limits
        Of the processes that open files.
    ready
        Called with the page's address once it listens.

    Raises
    ------
    InputNotFoundError
        If a folder does not exist.
    UsageError
        If one is no folder.
    OutputError
        If the port is taken, or the data folder cannot be written to.
    MissingExtraError
        If Starlette or uvicorn are not installed.
    """
    for folder in folders:
        if not folder.exists():
            raise InputNotFoundError(f"{folder} does not exist; name a folder that holds videos.")
        if not folder.is_dir():
            raise UsageError(f"{folder} is a file; name the folder that it lies in.")
    token = None if is_loopback(host) else secrets.token_urlsafe(24)
    listening = _bound(host, port)
    try:
        _check_data(data)
        from phonoscope.studio.app import make_app

        app = make_app(tuple(folders), data, token=token, limits=limits)
        _run(app, listening, _address(host, listening, token), ready)
    finally:
        listening.close()


def _run(app, listening, address, ready) -> None:  # type: ignore[no-untyped-def]
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started and ready is not None:
                ready(address)

    config = uvicorn.Config(
        app, log_level="error", access_log=False, ws="none", server_header=False,
        timeout_graceful_shutdown=_ENDS_WITHIN_S,
    )  # fmt: skip
    with contextlib.suppress(KeyboardInterrupt):  # the way to end it
        Server(config).run(sockets=[listening])


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(64)
    except (OSError, OverflowError) as error:
        listening.close()
        raise OutputError(
            f"port {port} of {host} cannot be used ({getattr(error, 'strerror', None) or error}): "
            "another studio may be running there; end it, or choose another with --port."
        ) from error
    return listening


def _address(host: str, listening: socket.socket, token: str | None) -> str:
    port = listening.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    if host in ("0.0.0.0", "::"):
        shown = socket.gethostname()
    return f"http://{shown}:{port}/" + ("" if token is None else f"?token={token}")


def _check_data(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
        probe = data / f".{secrets.token_hex(4)}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(
            f"the studio cannot keep its jobs in {data} ({error.strerror or error}); choose "
            "another folder with --data."
        ) from error
