"""The house itself: one version, documented public names, a light import, nothing out of place."""

import importlib
import inspect
import itertools
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import phonoscope as ph

ROOT = Path(__file__).parent.parent
ROOMS = (
    "batch",
    "distributed",
    "editing",
    "evaluate",
    "film",
    "motion",
    "report",
    "scene",
    "sound",
    "speakers",
    "video",
)
HEAVY = (
    "av",
    "distributed",
    "fsspec",
    "matplotlib",
    "numba",
    "numpy",
    "pystoi",
    "rich",
    "scipy",
    "tifffile",
    "typer",
)
# Written in pieces, so that this file does not hold what it looks for.
MACHINE_PATHS = ("/" + "root/", "/" + "home/", "/" + "work/", "/" + "Users/", "C:" + "\\")
UNFINISHED = ("FIX" + "ME", "TO" + "DO", "XX" + "X")


def tracked_text() -> dict[str, str]:
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a checkout")
    listing = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    texts = {}
    for name in filter(None, listing.split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in (data := path.read_bytes()):
            texts[name] = data.decode()
    return texts


def test_there_is_one_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    released = re.findall(r"^## \[(\d[^\]]*)\]", changelog, re.MULTILINE)
    citation = (ROOT / "CITATION.cff").read_text("utf-8")
    cited = re.search(r"^version: (.+)$", citation, re.MULTILINE)
    assert released
    assert cited
    assert released[0] == cited[1] == ph.__version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert "version" in project["dynamic"]


def test_changelog_begins_with_what_is_unreleased() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert re.findall(r"^## \[(.+?)\]", changelog, re.MULTILINE)[0] == "Unreleased"


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout


def test_importing_costs_nothing() -> None:
    code = f"import sys, phonoscope; print(*(m for m in {HEAVY} if m in sys.modules))"
    assert run_python(code).split() == []


def test_every_public_name_can_be_used_again_and_again() -> None:
    # A room that bears the name of a public function would replace it once it is imported.
    code = f"""
import importlib, inspect, phonoscope
for room in {ROOMS}:
    importlib.import_module(f"phonoscope.{{room}}")
for name in phonoscope.__all__:
    value = getattr(phonoscope, name)
    if inspect.ismodule(value) or value is not getattr(phonoscope, name):
        print(name)
"""
    assert run_python(code).split() == []


def test_public_names_are_those_that_resolve() -> None:
    assert sorted(ph.__all__) == sorted(ph._HOME_OF)
    assert sorted(dir(ph)) == sorted(ph.__all__)
    assert len(set(ph.__all__)) == len(ph.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = ph.nonsense


@pytest.mark.parametrize("name", ph.__all__)
def test_public_names_are_documented(name: str) -> None:
    assert_documented(getattr(ph, name), name)


@pytest.mark.parametrize("room", ROOMS)
def test_public_names_of_rooms_are_documented(room: str) -> None:
    module = importlib.import_module(f"phonoscope.{room}")
    assert module.__doc__
    assert module.__all__
    for name in module.__all__:
        value = getattr(module, name)
        if callable(value):
            assert_documented(value, f"{room}.{name}")


def assert_documented(value: object, name: str) -> None:
    text = inspect.getdoc(value) or ""
    # A dataclass without a docstring gets its signature for one.
    assert len(text) > 10, name
    assert not text.startswith(f"{name.split('.')[-1]}("), name


def test_public_names_are_in_the_reference() -> None:
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    listed = set(re.findall(r"^\.\. auto\w+:: (\w+)$", page, re.MULTILINE))
    assert set(ph.__all__) - listed == set()


def test_every_dependency_is_explained() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8").lower()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].values()
    wanted = [*project["dependencies"], *itertools.chain.from_iterable(extras)]
    spelled = {"av": "pyav", "myst-parser": "myst"}
    for requirement in wanted:
        name = re.split(r"[\[<>=~!; ]", requirement)[0]
        if name != "phonoscope":
            assert spelled.get(name, name) in page, f"{name} is not in docs/dependencies.md"


def test_no_file_names_a_machine_or_is_unfinished() -> None:
    found = [
        f"{name}: {word}"
        for name, text in tracked_text().items()
        for word in (*MACHINE_PATHS, *UNFINISHED)
        if word in text
    ]
    assert found == []


def test_links_between_pages_lead_somewhere() -> None:
    broken = [
        f"{name}: {target}"
        for name, text in tracked_text().items()
        if name.endswith(".md")
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", text)
        if not (ROOT / name).parent.joinpath(target).exists()
    ]
    assert broken == []


def test_pictures_are_small() -> None:
    for picture in (ROOT / "docs" / "_static").glob("*.png"):
        assert picture.stat().st_size < 200_000, picture.name
