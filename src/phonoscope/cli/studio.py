"""The page for people who would rather not open a terminal twice: the command `studio`."""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from phonoscope.cli.console import print_facts
from phonoscope.errors import MissingExtraError


def studio(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FOLDER]...",
            help="Folders whose videos may be opened.",
            show_default="the current folder",
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(help="Port of the page; 0 takes a free one.", min=0, max=65535)
    ] = 8765,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen at. Beyond this machine a token is asked for, which is part "
            "of the address that is printed.",
        ),
    ] = "127.0.0.1",
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder that keeps recordings, motion files and uploads.",
            show_default="a folder of your own for programs' data",
            metavar="DIR",
        ),
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
) -> None:
    """Open a local page: choose a video, draw a region, recover, listen. Ctrl-C ends it."""
    missing = [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"the studio needs {' and '.join(missing)}; install them with: "
            "pip install 'phonoscope[studio]'."
        )
    from phonoscope.studio import serve

    def ready(address: str) -> None:
        print_facts(("studio", address), ("", "open that address in a browser; Ctrl-C ends it"))
        sys.stdout.flush()
        if browser:
            import webbrowser

            webbrowser.open(address)

    kept = data or _own_data() / "studio"
    serve(tuple(folders or [Path.cwd()]), kept, host=host, port=port, ready=ready)


def _own_data() -> Path:
    if sys.platform == "win32":
        return (
            Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "phonoscope"
        )
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "phonoscope"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "phonoscope"
