"""Each promise of the page's safety."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import phonoscope.studio
from phonoscope.errors import UsageError
from phonoscope.studio.guard import allowed, is_loopback

STATIC = Path(phonoscope.studio.__file__).parent / "static"
TOKEN = "a-secret"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", ""]
)
def test_a_name_of_another_is_refused(client, host):
    for path in ("/", "/api/config", "/static/index.html"):
        answer = client.get(path, headers={"Host": host})
        assert answer.status_code == 403
        assert "is not for the host" in answer.json()["error"]


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:1", "[::1]:8765", "127.8.9.1"])
def test_our_own_names_are_not(client, host):
    assert client.get("/api/config", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_other_sites_may_not_ask(client, origin):
    answer = client.get("/api/config", headers={"Origin": origin})
    assert answer.status_code == 403
    assert origin in answer.json()["error"]
    assert client.get("/api/config", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.get("/api/config", headers={"Sec-Fetch-Site": "same-site"}).status_code == 403
    same = {"Origin": "http://127.0.0.1:8765", "Sec-Fetch-Site": "same-origin"}
    answer = client.get("/api/config", headers=same)
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


def test_what_changes_anything_needs_a_header_that_forms_cannot_send(make_client):
    plain = make_client(headers={})
    for method, path in [
        ("POST", "/api/jobs"), ("PUT", "/api/uploads?name=a.mp4"), ("POST", "/api/inspections"),
        ("DELETE", "/api/jobs/1"), ("POST", "/api/jobs/1/cancel"), ("POST", "/api/jobs/1/listen"),
    ]:  # fmt: skip
        answer = plain.request(method, path, content=b"{}")
        assert answer.status_code == 403, path
        assert "X-Phonoscope" in answer.json()["error"]


def test_beyond_loopback_a_token_is_asked_for(make_client):
    client = make_client(token=TOKEN)
    assert client.get("/api/config").status_code == 401
    assert client.get("/api/jobs", headers={"Cookie": "phonoscope_token=wrong"}).status_code == 401
    assert client.get("/api/config", headers={"Authorization": "Bearer no"}).status_code == 401
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert client.get("/api/config", headers=bearer).status_code == 200
    # By any name then: who has the token was told it.
    assert client.get("/api/config", headers={**bearer, "Host": "lab:8765"}).status_code == 200
    wrong = client.get("/?token=wrong", follow_redirects=False)
    assert "set-cookie" not in wrong.headers
    right = client.get(f"/?token={TOKEN}", follow_redirects=False)
    assert (right.status_code, right.headers["location"]) == (303, "/")
    assert {"HttpOnly", "SameSite=strict"} <= set(right.headers["set-cookie"].split("; "))
    assert client.get("/api/config").status_code == 200  # the client keeps the cookie


def test_the_page_fetches_nothing_from_elsewhere(client):
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert client.get("/api/config").headers["x-content-type-options"] == "nosniff"
    for path in STATIC.rglob("*"):
        if path.suffix in (".js", ".css", ".html") and "vendor" not in path.parts:
            found = re.findall(r"https?://[^\s\"'`)]+", path.read_text("utf-8"))
            assert [url for url in found if "www.w3.org" not in url] == [], path


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "inner/../../x", "../", "", "\0", "/" + "a" * 5000]
)
def test_paths_cannot_leave_the_folders(client, videos, name):
    path = name if name.startswith("/") else str(videos / name) if name else "/"
    for ask in ("/api/files", "/api/facts", "/api/picture"):
        answer = client.get(ask, params={"path": path})
        assert answer.status_code in (400, 404)
        assert "outside the folders" in answer.json()["error"] or name == "inner/../../x"
    for ask in ("/api/jobs", "/api/inspections"):
        answer = client.post(ask, json={"path": path, "settings": {}})
        assert answer.status_code in (400, 404)


def test_links_cannot_either(client, videos, tmp_path):
    secret = tmp_path / "secret.mp4"
    secret.write_bytes(b"x")
    link = videos / "link.mp4"
    link.symlink_to(secret)
    try:
        answer = client.get("/api/facts", params={"path": str(link)})
        assert "outside the folders" in answer.json()["error"]
        with pytest.raises(UsageError):
            allowed(str(link), (videos.resolve(),))
    finally:
        link.unlink()


def test_nor_can_the_names_of_jobs_and_listenings(client):
    for path in ("/api/jobs/..%2f..%2fetc", "/api/jobs/x/listenings/..%2f../measured.wav"):
        assert client.get(path).status_code == 404
    assert client.get("/static/../app.py").status_code == 404
    assert client.get("/static/%2e%2e/app.py").status_code == 404


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("lab", False)],
)
def test_what_is_loopback(host, loopback):
    assert is_loopback(host) == loopback


def test_the_server_itself_loads_nothing_that_opens_files():
    code = (
        "import sys, phonoscope.studio.app as app;"
        "print(*(m for m in ('numpy', 'scipy', 'av', 'numba') if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []
