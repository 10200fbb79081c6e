"""The page's files: light, and asking nothing of the network."""

import re
from pathlib import Path

import phonoscope

STATIC = Path(phonoscope.__file__).parent / "studio" / "static"
MOST_BYTES = 1_000_000
SOURCES = [path for path in STATIC.rglob("*") if path.suffix in {".html", ".css", ".js", ".svg"}]


def test_the_page_is_light():
    assert 0 < sum(path.stat().st_size for path in STATIC.rglob("*") if path.is_file()) < MOST_BYTES


def test_nothing_is_fetched_from_the_network():
    namespaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xhtml"}
    found = {
        (path.name, address)
        for path in SOURCES
        for address in re.findall(r"https?://[^\s\"'`)<]+", path.read_text("utf-8"))
        if address not in namespaces
    }
    assert found == set()


def test_every_module_that_is_imported_is_there():
    for path in STATIC.rglob("*.js"):
        if "vendor" not in path.parts:
            for target in re.findall(r"from \"(\.[^\"]+)\"", path.read_text("utf-8")):
                assert (path.parent / target).is_file(), f"{path.name}: {target}"


def test_no_script_or_style_is_inline():
    page = (STATIC / "index.html").read_text("utf-8")
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style| on\w+=| style=", page) == []


def test_what_comes_from_others_has_its_licence():
    folders = [path for path in (STATIC / "vendor").iterdir() if path.is_dir()]
    assert folders
    for folder in folders:
        assert "Redistribution and use" in (folder / "LICENSE").read_text("utf-8")
