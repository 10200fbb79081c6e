"""Folders to choose from, and files that are sent."""

import pytest

from phonoscope.studio.limits import Limits


def test_folders_and_videos_are_listed(client, videos):
    (root,) = client.get("/api/files").json()["entries"]
    assert (root["path"], root["kind"]) == (str(videos), "folder")
    found = client.get("/api/files", params={"path": root["path"]}).json()
    assert found["parent"] is None
    names = [(entry["name"], entry["kind"]) for entry in found["entries"]]
    assert names == [
        ("inner", "folder"), ("broken.mp4", "video"), ("loud clip.mkv", "video"),
        ("still.mkv", "video"),
    ]  # fmt: skip
    assert found["entries"][1]["bytes"] == 16000
    inner = client.get("/api/files", params={"path": found["entries"][0]["path"]}).json()
    assert (inner["parent"], inner["entries"]) == (str(videos), [])
    assert client.get("/api/files", params={"path": found["entries"][1]["path"]}).status_code == 400


def test_an_upload_arrives_whole_under_a_name_of_its_own(client, videos, tmp_path):
    data = (videos / "still.mkv").read_bytes()
    first = client.put("/api/uploads", params={"name": "a ü.mkv"}, content=data)
    assert first.status_code == 201
    again = client.put("/api/uploads", params={"name": "a ü.mkv"}, content=data)
    assert again.json()["path"].endswith("a ü (2).mkv")
    kept = sorted((tmp_path / "data" / "uploads").iterdir())
    assert [path.read_bytes() == data for path in kept] == [True, True]
    facts = client.get("/api/facts", params={"path": first.json()["path"]}).json()
    assert (facts["width"], facts["height"]) == (96, 64)


@pytest.mark.parametrize("name", ["", "x.exe", ".mp4", "../.mkv", "..\\..\\boot.ini"])
def test_other_names_are_refused(client, name):
    answer = client.put("/api/uploads", params={"name": name}, content=b"x")
    assert answer.status_code == 400
    assert "not named like a video" in answer.json()["error"]


def test_a_path_in_a_name_is_no_path(client, tmp_path):
    answer = client.put("/api/uploads", params={"name": "../../up.mkv"}, content=b"x")
    assert answer.json()["path"] == str((tmp_path / "data" / "uploads" / "up.mkv").resolve())


def test_an_upload_has_a_limit(make_client, tmp_path):
    client = make_client(limits=Limits(upload_bytes=1000))
    told = client.put("/api/uploads", params={"name": "a.mp4"}, content=b"x" * 1001)
    untold = client.put(
        "/api/uploads", params={"name": "a.mp4"}, content=(b"x" * 300 for _ in range(4))
    )
    for answer in (told, untold):
        assert answer.status_code == 413
        assert "larger than" in answer.json()["error"]
    folder = tmp_path / "data" / "uploads"
    assert not folder.exists() or list(folder.iterdir()) == []
    allowed = client.put("/api/uploads", params={"name": "a.mp4"}, content=b"x" * 1000)
    assert allowed.status_code == 201
