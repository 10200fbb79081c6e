"""A server that sends parts of files, and counts what it has sent."""

import contextlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from phonoscope import remote


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self._answer(body=False)

    def do_GET(self):
        self._answer(body=True)

    def _answer(self, *, body):
        own = self.server.own
        path = self.path.split("?")[0]
        if path in own.broken:
            own.broken[path] -= 1
            if own.broken[path] <= 0:
                del own.broken[path]
            self._end(503)
            return
        if path in own.secret:
            self._end(403)
            return
        file = own.folder / path.lstrip("/")
        if not file.is_file():
            self._end(404)
            return
        content = file.read_bytes()
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        part = content
        if asked and own.ranges:
            first, last = int(asked[1]), int(asked[2])
            part = content[first : last + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("ETag", own.tag)
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        if body:
            with own.lock, contextlib.suppress(OSError):
                own.sent += len(part)
            with contextlib.suppress(OSError):
                self.wfile.write(part)

    def _end(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def server(tmp_path):
    """A server of the files in ``server.folder``; `sent` counts bytes of their content."""
    folder = tmp_path / "served"
    folder.mkdir()
    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    web.own = SimpleNamespace(
        folder=folder, sent=0, lock=threading.Lock(), ranges=True, tag='"one"', secret=set(),
        broken={}, url=f"http://127.0.0.1:{web.server_address[1]}",
    )  # fmt: skip
    thread = threading.Thread(target=web.serve_forever, args=(0.05,))
    thread.start()
    yield web.own
    web.shutdown()
    thread.join()
    web.server_close()


@pytest.fixture(autouse=True)
def _nothing_known_of_before(monkeypatch):
    remote._file_of.cache_clear()
    remote._same_file.cache_clear()
    monkeypatch.setattr(remote, "_PAUSE_S", 0.01)
