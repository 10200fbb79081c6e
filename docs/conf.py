"""How Sphinx builds the documentation: `make docs`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import phonoscope
from command_line import reference

project = "Phonoscope"
author = "The Phonoscope developers"
copyright = author
release = phonoscope.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
suppress_warnings = ["misc.highlighting_failure"]

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # shapes and units are in the text, types in the signature
autodoc_preserve_defaults = True
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
maximum_signature_line_length = 80

html_theme = "furo"
html_title = f"Phonoscope {release}"
html_static_path = ["_static"]
exclude_patterns = ["_build"]

COMMANDS = "<!-- the commands, from the program itself -->"


def setup(app: object) -> None:
    """Let the page of commands say what the program says."""
    app.connect("source-read", _fill_in)  # type: ignore[attr-defined]


def _fill_in(app: object, docname: str, source: list[str]) -> None:
    source[0] = source[0].replace(COMMANDS, reference())
