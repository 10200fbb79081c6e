"""Jobs from the beginning to the end, and what disturbs them."""

import json

import numpy as np
import pytest

import phonoscope as ph
from phonoscope.studio.limits import Limits

pytestmark = pytest.mark.slow
SETTINGS = {"fps": "2200", "region": [], "band": None, "enhance": None, "mains": "auto"}


def _start(client, path, **settings):
    answer = client.post(
        "/api/jobs", json={"path": str(path), "settings": {**SETTINGS, **settings}}
    )
    assert answer.status_code == 201, answer.json()
    return answer.json()


def test_a_video_is_heard_and_heard_again_otherwise(client, videos, until, tmp_path):
    path = videos / "loud clip.mkv"
    job = _start(client, path)
    assert (job["state"], job["name"]) == ("queued", "loud clip.mkv")
    job = until(client, job, "done", "failed")
    heard = job["listening"]
    assert heard["detected"], job
    assert job["done"] == job["total"] == 440
    field = ph.measure(path, fps=2200)
    sound = ph.recover(field)
    assert heard["snr_db"] == pytest.approx(sound.snr_db, abs=0.05)
    assert len(heard["cells"]) == len(heard["hearing_db"]) == len(field.cells)
    again = client.post(
        f"/api/jobs/{job['id']}/listen",
        json={"band": "100,500", "region": ["16,16,48,32"], "enhance": "general", "mains": "auto"},
    ).json()
    assert (again["band_hz"], again["region"]) == ([100, 500], ["16,16,48,32"])
    assert again["versions"] == ["measured", "enhanced"]
    other = ph.recover(field, band=(100, 500), region="16,16,48,32", enhance="general")
    for version in ("measured", "enhanced"):
        answer = client.get(again["sounds"][version])
        (tmp_path / "got.wav").write_bytes(answer.content)
        other.write(tmp_path / "own.wav", version=version)
        (got, rate, _), (own, own_rate, _) = map(
            ph.read_audio, (tmp_path / "got.wav", tmp_path / "own.wav")
        )
        assert rate == own_rate
        # The field was rounded in its file.
        assert np.corrcoef(got, own)[0, 1] > 0.999
    part = client.get(again["sounds"]["measured"], headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"RIFF")
    assert client.get(again["spectrogram"]).content.startswith(b"\x89PNG")
    report = client.get(f"/api/jobs/{job['id']}/report", params={"listening": again["id"]})
    assert "attachment" in report.headers["content-disposition"]
    assert b"<audio" in report.content
    frame = client.get(f"/api/jobs/{job['id']}/frame", params={"t": "0.1"})
    assert frame.content.startswith(b"\xff\xd8")
    last = client.get(f"/api/jobs/{job['id']}/frame", params={"t": "99"})
    assert last.content.startswith(b"\xff\xd8")
    wrong = client.post(f"/api/jobs/{job['id']}/listen", json={"band": "9,8"})
    assert wrong.status_code == 400
    assert client.get(f"/api/jobs/{job['id']}/listenings/99/measured.wav").status_code == 404


def test_silence_is_said(client, videos, until):
    job = until(client, _start(client, videos / "still.mkv"), "silent", "done", "failed")
    assert job["state"] == "silent"
    assert job["listening"]["verdict"].startswith("Nothing above the noise floor")
    assert job["listening"]["detected"] is False
    assert job["listening"]["snr_db"] is None


def test_a_broken_file_fails_in_a_sentence_and_the_next_job_runs(client, videos, until):
    bad, good = _start(client, videos / "broken.mp4"), _start(client, videos / "still.mkv")
    assert "cannot be opened as a video" in until(client, bad, "failed")["error"]
    assert until(client, good, "silent")["error"] is None
    answer = client.get("/api/facts", params={"path": str(videos / "broken.mp4")})
    assert answer.status_code == 400
    assert "cannot be opened as a video" in answer.json()["error"]
    newest_first = [job["id"] for job in client.get("/api/jobs").json()["jobs"]]
    assert newest_first == [good["id"], bad["id"]]


def test_jobs_are_cancelled_begun_anew_and_deleted(client, videos, until, tmp_path):
    first, second = (_start(client, videos / "still.mkv") for _ in range(2))
    until(client, first, "running")
    assert client.post(f"/api/jobs/{second['id']}/cancel").json()["state"] == "cancelled"
    assert client.post(f"/api/jobs/{first['id']}/cancel").json()["state"] == "cancelled"
    third = _start(client, videos / "still.mkv")
    until(client, third, "silent")
    for job in (first, second):
        assert client.get(f"/api/jobs/{job['id']}").json()["state"] == "cancelled"
    jobs = tmp_path / "data" / "jobs"
    assert {path.name for path in jobs.iterdir()} == {third["id"]}  # nothing half-done is left
    assert client.post(f"/api/jobs/{first['id']}/restart").json()["state"] == "queued"
    until(client, first, "silent")
    assert client.delete(f"/api/jobs/{first['id']}").status_code == 204
    assert client.get(f"/api/jobs/{first['id']}").status_code == 404
    assert {path.name for path in jobs.iterdir()} == {third["id"]}


def test_jobs_survive_a_restart(make_client, videos, until):
    client = make_client()
    done = until(client, _start(client, videos / "still.mkv"), "silent")
    running = _start(client, videos / "loud clip.mkv")
    waiting = _start(client, videos / "broken.mp4")
    until(client, running, "running")
    client.__exit__(None, None, None)
    again = make_client()
    assert again.get(f"/api/jobs/{done['id']}").json() == done
    assert until(again, running, "done")["listening"]["detected"]
    until(again, waiting, "failed")


def test_a_file_that_takes_too_much_is_given_up_and_the_server_lives(make_client, videos, until):
    tight = make_client(limits=Limits(memory_bytes=300 * 2**20))
    job = until(tight, _start(tight, videos / "loud clip.mkv"), "failed")
    assert job["error"]
    assert "Traceback" not in job["error"]
    assert tight.get("/api/config").status_code == 200


def test_a_file_that_takes_too_long_is_given_up(make_client, videos, until):
    hasty = make_client(limits=Limits(job_s=0.2, look_s=0.01))
    job = until(hasty, _start(hasty, videos / "loud clip.mkv"), "failed")
    assert "took longer than 0.2 s" in job["error"]
    answer = hasty.get("/api/picture", params={"path": str(videos / "still.mkv")})
    assert "took longer than 0.01 s" in answer.json()["error"]


def test_a_look_before(client, videos):
    path = str(videos / "loud clip.mkv")
    facts = client.get("/api/facts", params={"path": path}).json()
    assert (facts["frames"], facts["bits"], facts["shutter"]["kind"]) == (440, 8, "global")
    assert client.get("/api/picture", params={"path": path}).content.startswith(b"\xff\xd8")
    found = client.post("/api/inspections", json={"path": path, "settings": SETTINGS}).json()
    assert found["noise_floor_px"] > 0
    assert len(found["cells"]) == 24
    assert found["advice"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"fps": 3}, "fps 3 is not understood"),
        ({"region": ["a", 1]}, "region"),
        ({"start": True}, "start True"),
        (None, "the settings are missing"),
    ],
)
def test_settings_of_another_kind_are_refused(client, videos, settings, words):
    answer = client.post(
        "/api/jobs", json={"path": str(videos / "still.mkv"), "settings": settings}
    )
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert client.post("/api/jobs", content=b"[1]").status_code == 400
    assert client.post("/api/jobs", content=b"{" * 10).status_code == 400


def test_events_tell_of_what_is_under_way(client, videos, until):
    job = _start(client, videos / "still.mkv")
    stop = client.app.state.jobs.events()

    async def first():
        async for one in stop:
            return one.record()
        return None

    told = client.portal.call(first)
    assert told["id"] == job["id"]
    json.dumps(told)
    until(client, job, "silent")
