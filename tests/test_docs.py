"""What the README and the documentation show works: their code is run, their commands too."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from phonoscope.audio import write_audio
from phonoscope.scene import preset, write_video

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SLOW = ("gallery.md", "many.md", "tutorial.md")
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """Return (line number, text) of each fenced block of a language."""
    text = page.read_text("utf-8")
    return [
        (text.count("\n", 0, found.start()) + 2, found[2])
        for found in _FENCE.finditer(text)
        if found[1] == language
    ]


def commands(page: Path) -> list[str]:
    """Return the phonoscope commands that a page shows."""
    shown = "".join(text for _, text in blocks(page, "console"))
    return re.findall(r"^\$ (phonoscope .*)$", shown, re.MULTILINE)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a clip, and as its own calibration the same with what was played."""
    made = tmp_path_factory.mktemp("clip")
    scene = preset("chips", duration=0.2)
    write_video(scene.frames(), made / "clip.mp4", scene.camera.fps, codec="h264", crf=2)
    shutil.copy(made / "clip.mp4", made / "calibration.mp4")
    write_audio(made / "noise.wav", scene.sound, scene.sound_rate_hz)
    write_audio(made / "voice.wav", _voice(2200, 120), 2200)
    (made / "bert").mkdir()
    for name, pitch_hz in (("anna.wav", 200), ("carl.wav", 100), ("bert/one.wav", 120)):
        write_audio(made / name, _voice(16000, pitch_hz, seconds=12), 16000)
    return made


@pytest.fixture
def folder(clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(clips, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _voice(rate_hz: int, pitch_hz: float, seconds: int = 4) -> Any:
    """Syllables whose pitch glides, in a little noise: enough of a voice to be told as one."""
    time = np.arange(seconds * rate_hz) / rate_hz
    pitch = pitch_hz * 2 ** (
        0.25 * np.sin(2 * np.pi * 1.3 * time) + 0.1 * np.sin(2 * np.pi * 0.4 * time)
    )
    phase = 2 * np.pi * np.cumsum(pitch) / rate_hz
    voice = sum(np.cos(k * phase + k * k) / k for k in range(1, 8))
    spoken = voice * (np.sin(2 * np.pi * 3 * time) > -0.3) * (np.sin(2 * np.pi * 0.5 * time) > -0.7)
    return spoken + 0.02 * np.random.default_rng(0).standard_normal(len(time))


def shown_code() -> list[Any]:
    return [
        pytest.param(page, id=page.name, marks=[pytest.mark.slow] * (page.name in SLOW))
        for page in PAGES
        if blocks(page, "python")
    ]


@pytest.mark.parametrize("page", shown_code())
def test_code_runs(page: Path, folder: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for line, text in blocks(page, "python"):
        code = compile("\n" * (line - 1) + text, str(page), "exec")
        with redirect_stdout(StringIO()):
            exec(code, namespace)


def run(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command line in this process; return what it printed."""
    from phonoscope.cli import main

    code: Any = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", shlex.split(command))
        try:
            main()
        except SystemExit as end:
            code = end.code
    printed = capsys.readouterr()
    assert not code, f"{command}: {printed.err}"
    return printed.out


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [pytest.param(page, id=page.name) for page in PAGES if commands(page)]
)
def test_commands_run(page: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in commands(page):
        # A rendered scene of full length takes a minute; a short one shows the same.
        short = " --duration 0.5" if " simulate " in command else ""
        run(command + short, capsys)
    assert list(folder.rglob("*.wav"))


def options_in(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT / "docs")
    import command_line

    return command_line


def test_reference_lists_what_help_lists(
    reference: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")
    sections = re.split(r"^## ", reference.reference(), flags=re.MULTILINE)[1:]
    by_name = {section.split("\n", 1)[0]: section for section in sections}
    assert set(by_name) == set(reference.commands())
    for name, section in by_name.items():
        helped = run(f"phonoscope {name} --help", capsys)
        assert options_in(helped) - {"--help"} == options_in(section), name


def test_pages_show_no_option_that_does_not_exist(reference: Any) -> None:
    params = [p for c in reference.commands().values() for p in c.params]
    known = {o for p in params for o in (*p.opts, *p.secondary_opts)}
    for page in PAGES:
        for command in commands(page):
            assert options_in(command) <= known | {"--help"}, f"{page.name}: {command}"


def test_targets_that_are_shown_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        shown = set(re.findall(r"(?:^\$ |`)make ([a-z]+)", page.read_text("utf-8"), re.MULTILINE))
        assert shown <= targets, page.name


def test_facts_of_json_are_documented(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("phonoscope recover clip.mp4 --fps 2200 -o out.wav --json out.json", capsys)
    record = json.loads(Path("out.json").read_text("utf-8"))
    page = (ROOT / "docs" / "command-line.md").read_text("utf-8")
    table = page[page.index("## The facts") :]
    listed = set(re.findall(r"`([a-z_0-9]+)`", table))
    assert set(record) - listed == set()
    run("phonoscope inspect clip.mp4 --fps 2200 --json look.json", capsys)
    record = json.loads(Path("look.json").read_text("utf-8"))
    assert set(record) | set(record["cells"][0]) <= listed


@pytest.mark.slow
def test_demo_of_an_own_video_with_spaces_in_its_name(folder: Path) -> None:
    own = folder / "my own clip.mp4"
    (folder / "clip.mp4").rename(own)
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "demo.py", "--video", own, "--fps", "2200"],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = {path.name for path in (folder / "demo").iterdir()}
    assert made == {"my own clip.wav", "my own clip.motion", "my own clip.report"}
    assert (folder / "demo" / "my own clip.report" / "report.html").exists()


@pytest.mark.slow
def test_demo_says_in_a_sentence_what_is_wrong(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "demo.py", "--video", "no such.mp4"],
        cwd=folder, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("demo: no such.mp4 does not exist")
    assert "Traceback" not in done.stderr
