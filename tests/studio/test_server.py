"""The command `studio` as a process of its own."""

import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

pytestmark = pytest.mark.slow


def _command(*arguments):
    return [sys.executable, "-m", "phonoscope.cli", "studio", *map(str, arguments), "--no-browser"]


def test_it_says_where_it_is_and_ctrl_c_ends_it(tmp_path):
    command = _command(tmp_path, "--data", tmp_path / "data", "--port", 0)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        address = run.stdout.readline().split()[1]
        with urllib.request.urlopen(f"{address}api/config") as answer:
            assert answer.status == 200
        run.send_signal(signal.SIGINT)
        _, errors = run.communicate(timeout=60)
    assert (run.returncode, errors) == (0, "")


@pytest.mark.parametrize("words", ["port", "folder", "file", "data"])
def test_what_cannot_be_is_a_sentence(tmp_path, words):
    (tmp_path / "file").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        options, code, sentence = {
            "port": ((tmp_path, "--port", port), 1, f"port {port} of 127.0.0.1 cannot be used"),
            "folder": ((tmp_path / "no",), 1, "does not exist"),
            "file": ((tmp_path / "file",), 2, "is a file"),
            "data": ((tmp_path, "--port", 0, "--data", tmp_path / "file" / "x"), 1, "--data"),
        }[words]
        done = subprocess.run(
            _command("--data", tmp_path / "d", *options), capture_output=True, text=True, timeout=60
        )
    assert (done.returncode, done.stdout) == (code, "")
    assert sentence in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_beyond_loopback_the_address_holds_a_token(tmp_path):
    command = _command(tmp_path, "--data", tmp_path / "d", "--port", 0, "--host", "0.0.0.0")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        address = run.stdout.readline().split()[1]
        run.terminate()
        run.communicate(timeout=60)
    assert "/?token=" in address
    assert len(address.partition("token=")[2]) >= 32
