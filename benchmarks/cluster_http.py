"""A server of files in parts, which counts what it sends."""

import re
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar


class Parts(BaseHTTPRequestHandler):
    """Answers with the range that is asked for."""

    protocol_version = "HTTP/1.1"
    sent: ClassVar[int] = 0
    url: ClassVar[str] = ""

    def __init__(self, folder: Path, *given: Any) -> None:
        self._folder = folder
        super().__init__(*given)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Answer without content."""
        self._answer(content=False)

    def do_GET(self) -> None:
        """Answer with a part."""
        self._answer(content=True)

    def _answer(self, *, content: bool) -> None:
        path = self._folder / self.path.lstrip("/")
        size = path.stat().st_size
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        first, last = (int(asked[1]), min(int(asked[2]), size - 1)) if asked else (0, size - 1)
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("ETag", '"one"')
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        if content:
            with path.open("rb") as file:
                file.seek(first)
                Parts.sent += last + 1 - first
                self.wfile.write(file.read(last + 1 - first))
